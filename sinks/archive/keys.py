"""Envelope keys: who holds the tenant's keys wraps the key of each segment, and gives it back.

A segment has a key of its own, made for it alone. It is stored in the segment, wrapped by the
tenant's key of a numbered version, and what it belongs to is bound to it. So the tenant's key can
be changed without writing any segment anew: later ones are wrapped by the new version, and the
earlier versions stay for what they wrapped.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from rules.errors import MingjianError


class Wrapped(NamedTuple):
    """A key under the tenant's key of this version."""

    version: int
    body: bytes


class TenantKeys(Protocol):
    """Where the keys of one tenant are: a file, a hardware module, a service."""

    tenant: str

    def current(self) -> int:
        """The version that wraps now."""

    def versions(self) -> tuple[int, ...]:
        """Every version that can unwrap, ascending."""

    def wrap(self, key: bytes, bound: bytes) -> Wrapped:
        """`key` (16 bytes) wrapped by the current version, for `bound` alone."""

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """The key again.

        Raises:
            KeyMissing: that version is not here.
            KeyRefused: it was altered, or belongs to something else.
        """

    def rotate(self, at: int) -> int:
        """Make a new version the current one: its number. `at` is UTC ms."""


class KeyMissing(MingjianError):
    """A version of the tenant's key that something was wrapped with is not here."""

    def __init__(self, tenant: str, version: int, place: str) -> None:
        super().__init__(
            f"version {version} of the key of tenant {tenant} is not in {place}",
            f"{place} 中没有租户 {tenant} 密钥的第 {version} 版",
            fix_en="restore the key store from its backup; what this version wrapped stays closed",
            fix_zh="请从备份恢复密钥库；该版本封装的内容在此之前无法打开",
        )
        self.version = version


class KeyRefused(MingjianError):
    """A wrapped key that does not open."""

    def __init__(self, what: str, version: int) -> None:
        super().__init__(
            f"the key of {what} does not open with version {version} of the tenant's key: altered, "
            "or of something else",
            f"{what} 的密钥无法用第 {version} 版租户密钥打开：被改动过，或不属于它",
            fix_en="restore it from its copy",
            fix_zh="请从副本恢复",
        )
