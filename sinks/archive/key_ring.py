"""Keys of one tenant that two hold: the earlier versions one, the later ones the other.

So a tenant moves from one kind of keys to another without any segment being written anew: what the
earlier holder wrapped it opens, and the later one wraps.
"""

from __future__ import annotations

from rules.errors import MingjianError
from sinks.archive.keys import TenantKeys, Wrapped


class KeyRing:
    """See `TenantKeys`. A version belongs to one of the two.

    Args:
        earlier: opens what it wrapped, and wraps no more.
        later: wraps; the numbers of its versions are none of `earlier`'s.

    Raises:
        MingjianError: both have a version of one number.
    """

    def __init__(self, earlier: TenantKeys, later: TenantKeys) -> None:
        self.tenant = later.tenant
        self._earlier, self._later = earlier, later
        self._of_earlier = frozenset(earlier.versions())
        if both := self._of_earlier.intersection(later.versions()):
            raise MingjianError(
                f"version {min(both)} of the key of tenant {self.tenant} is in the key store and in"
                " the token, and nobody can say which one wrapped what",
                f"租户 {self.tenant} 密钥的第 {min(both)} 版密钥库和令牌中都有，无法判断由谁封装",
                fix_en="use one of them alone (keys.kind), or put the key store in place that was "
                "there when the token was begun",
                fix_zh="请只用其中一个（keys.kind），或放回启用令牌时所用的密钥库",
            )

    def current(self) -> int:
        """See `TenantKeys`."""
        return self._later.current()

    def versions(self) -> tuple[int, ...]:
        """See `TenantKeys`."""
        return tuple(sorted({*self._of_earlier, *self._later.versions()}))

    def wrap(self, key: bytes, bound: bytes) -> Wrapped:
        """See `TenantKeys`."""
        return self._later.wrap(key, bound)

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """See `TenantKeys`."""
        return self.holder(wrapped.version).unwrap(wrapped, bound)

    def rotate(self, at: int) -> int:
        """See `TenantKeys`."""
        return self._later.rotate(at)

    def holder(self, version: int) -> TenantKeys:
        """Who has this version, or would have it."""
        return self._earlier if version in self._of_earlier else self._later
