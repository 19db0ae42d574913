"""A tenant's keys in one file, sealed by a passphrase.

    {"v": 1, "tenant": …, "kdf": {"name": "scrypt", "n": …, "r": …, "p": …, "salt": hex},
     "check": hex, "versions": [{"version": 1, "at": UTC ms, "sealed": hex}, …]}

Each version is sealed with SM4-GCM under a key that scrypt (RFC 7914) makes of the passphrase, and
bound to the tenant and its number. Without a passphrase the file's own rights are all that protects
it: `protected` says which.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from config.key_files import owners_alone
from rules.errors import MingjianError
from sinks.archive.keys import KeyMissing, KeyRefused, Wrapped
from sinks.sm4 import KEY_BYTES, NONCE_BYTES, DoesNotOpen, seal, unseal
from sinks.whole_file import sync, write_whole

FILE = "archive.keys"
PASSPHRASE_VARIABLE = "MINGJIAN_ARCHIVE_PASSPHRASE"  # noqa: S105 - the name, not the secret
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}  # 32 MiB and some 100 ms for each guess
_SCRYPT_MEMORY = 128 << 20
_SALT_BYTES = 16


class Keystore:
    """The key store of a tenant in a folder; made, with its first version, when it is not there.

    Args:
        folder: where `archive.keys` lies.
        tenant: whose keys.
        passphrase: seals the file; "" leaves that to the file's rights.
        at: UTC ms, when it has to be made.
        create: make it when it is not there.

    Raises:
        MingjianError: missing, damaged, readable by others, of another tenant, or another
            passphrase.
    """

    def __init__(
        self, folder: str | Path, tenant: str, passphrase: str = "", *, at: int = 0,
        create: bool = True,
    ) -> None:  # fmt: skip
        self.tenant = tenant
        self._path = Path(folder) / FILE
        if not self._path.exists():
            if not create:
                raise _missing(self._path)
            self._make(passphrase, at)
        self._read(passphrase)

    @property
    def protected(self) -> bool:
        """Whether a passphrase seals the file."""
        return bool(self._stored["kdf"]["n"])

    def current(self) -> int:
        """See `TenantKeys`."""
        return max(self._keys)

    def versions(self) -> tuple[int, ...]:
        """See `TenantKeys`."""
        return tuple(sorted(self._keys))

    def wrap(self, key: bytes, bound: bytes) -> Wrapped:
        """See `TenantKeys`. The nonce is random: one version wraps far fewer than 2**32 keys."""
        version, nonce = self.current(), secrets.token_bytes(NONCE_BYTES)
        return Wrapped(version, nonce + seal(self._keys[version], nonce, key, bound))

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """See `TenantKeys`."""
        key = self._keys.get(wrapped.version)
        if key is None:
            raise KeyMissing(self.tenant, wrapped.version, str(self._path))
        nonce, body = wrapped.body[:NONCE_BYTES], wrapped.body[NONCE_BYTES:]
        try:
            return unseal(key, nonce, body, bound)
        except (DoesNotOpen, ValueError):
            raise KeyRefused(bound.decode(errors="replace"), wrapped.version) from None

    def rotate(self, at: int) -> int:
        """See `TenantKeys`."""
        version = self.current() + 1
        self._add(version, secrets.token_bytes(KEY_BYTES), at)
        return version

    def change_passphrase(self, passphrase: str) -> None:
        """Seal the file with another passphrase; the keys stay."""
        times = {row["version"]: row["at"] for row in self._stored["versions"]}
        self._begin(passphrase)
        for version, key in sorted(self._keys.items()):
            self._stored["versions"].append(self._row(version, key, times[version]))
        self._write()

    def _make(self, passphrase: str, at: int) -> None:
        self._keys: dict[int, bytes] = {}
        self._begin(passphrase)
        self._add(1, secrets.token_bytes(KEY_BYTES), at, new=True)

    def _begin(self, passphrase: str) -> None:
        salt = secrets.token_bytes(_SALT_BYTES)
        cost = _SCRYPT if passphrase else dict.fromkeys(_SCRYPT, 0)
        self._sealing = _sealing_key(passphrase, salt, cost)
        self._stored: dict[str, Any] = {
            "v": 1,
            "tenant": self.tenant,
            "kdf": {"name": "scrypt", **cost, "salt": salt.hex()},
            "check": _check(self._sealing),
            "versions": [],
        }

    def _add(self, version: int, key: bytes, at: int, *, new: bool = False) -> None:
        self._stored["versions"].append(self._row(version, key, at))
        self._write(new=new)
        self._keys[version] = key

    def _row(self, version: int, key: bytes, at: int) -> dict[str, Any]:
        nonce = secrets.token_bytes(NONCE_BYTES)
        body = nonce + seal(self._sealing, nonce, key, self._bound(version))
        return {"version": version, "at": at, "sealed": body.hex()}

    def _bound(self, version: int) -> bytes:
        return f"mingjian tenant key/{self.tenant}/{version}".encode()

    def _read(self, passphrase: str) -> None:
        owners_alone(self._path, "archive's key store", "归档密钥库")
        try:
            self._stored = json.loads(self._path.read_text(encoding="utf-8"))
            kdf, tenant = self._stored["kdf"], self._stored["tenant"]
            if self._stored["v"] != 1 or kdf["name"] != "scrypt":
                raise ValueError("another version")
            salt, cost = bytes.fromhex(kdf["salt"]), {name: int(kdf[name]) for name in _SCRYPT}
            rows = {
                int(row["version"]): bytes.fromhex(row["sealed"])
                for row in self._stored["versions"]
            }
            if not rows or cost["n"] > _SCRYPT["n"] * 4:
                raise ValueError("no version, or a cost that is none of ours")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(self._path, type(error).__name__) from None
        if tenant != self.tenant:
            raise MingjianError(
                f"the key store {self._path} is of tenant {tenant}, not of {self.tenant}",
                f"密钥库 {self._path} 属于租户 {tenant}，而不是 {self.tenant}",
                fix_en="name the tenant's own folder of keys (keys_dir)",
                fix_zh="请指定该租户自己的密钥目录（keys_dir）",
            )
        if bool(passphrase) != bool(cost["n"]):
            raise _passphrase(self._path, needed=bool(cost["n"]))
        self._sealing = _sealing_key(passphrase, salt, cost)
        if _check(self._sealing) != self._stored.get("check"):
            raise _passphrase(self._path, needed=True)
        self._keys = {}
        for version, body in rows.items():
            try:
                self._keys[version] = unseal(
                    self._sealing, body[:NONCE_BYTES], body[NONCE_BYTES:], self._bound(version)
                )
            except (DoesNotOpen, ValueError):
                raise _damaged(self._path, f"version {version}") from None

    def _write(self, *, new: bool = False) -> None:
        """Whole or not at all; of two processes that make it at once, the first one wins."""
        data = json.dumps(self._stored, indent=1).encode()
        if not new:
            write_whole(self._path, data, mode=0o600)
            return
        draft = self._path.with_name(f".{FILE}-{secrets.token_hex(8)}")
        write_whole(draft, data, mode=0o600)
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, self._path)
        finally:
            draft.unlink()
        sync(self._path.parent)


def _sealing_key(passphrase: str, salt: bytes, cost: dict[str, int]) -> bytes:
    if not cost["n"]:
        return hashlib.new("sm3", b"no passphrase" + salt).digest()[:KEY_BYTES]
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost["n"], r=cost["r"], p=cost["p"],
        maxmem=_SCRYPT_MEMORY, dklen=KEY_BYTES,
    )  # fmt: skip


def _check(sealing: bytes) -> str:
    """Tells a wrong passphrase from a damaged file."""
    return hashlib.new("sm3", b"mingjian key store check" + sealing).hexdigest()[:16]


def _missing(path: Path) -> MingjianError:
    return MingjianError(
        f"there is no key store at {path}: what the archive sealed cannot be opened",
        f"{path} 处没有密钥库，无法打开归档内容",
        fix_en="run where the keys are, or restore the key store from its backup",
        fix_zh="请在持有密钥的机器上运行，或从备份恢复密钥库",
    )


def _damaged(path: Path, what: str) -> MingjianError:
    return MingjianError(
        f"the key store {path} is damaged ({what})",
        f"密钥库 {path} 已损坏（{what}）",
        fix_en="restore it from its backup; without it the archive stays closed",
        fix_zh="请从备份恢复；没有它，归档内容无法打开",
    )


def _passphrase(path: Path, *, needed: bool) -> MingjianError:
    if needed:
        return MingjianError(
            f"the key store {path} does not open with this passphrase",
            f"口令无法打开密钥库 {path}",
            fix_en=f"set {PASSPHRASE_VARIABLE} to its passphrase",
            fix_zh=f"请将 {PASSPHRASE_VARIABLE} 设为它的口令",
        )
    return MingjianError(
        f"the key store {path} has no passphrase, and one is set",
        f"密钥库 {path} 未设口令，而环境变量中设了口令",
        fix_en=f"run `mingjian archive keys passphrase`, or unset {PASSPHRASE_VARIABLE}",
        fix_zh=f"请运行 `mingjian archive keys passphrase`，或取消 {PASSPHRASE_VARIABLE}",
    )
