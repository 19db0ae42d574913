"""Private keys of the archive, one for each version that was ever set up in WeCom.

A message names the version of the public key it was encrypted for, for ever; so no key may be
thrown away. They lie in one folder as PEM (PKCS#1 or PKCS#8), named by the number that WeCom shows
beside the public key: `3.pem` or `archive-3.pem`.

PKCS#1 v1.5 gives no sure sign of a wrong key: OpenSSL since 3.2 answers with random bytes rather
than with an error (implicit rejection). What comes out here is therefore a candidate, and only the
message that it opens shows whether it was right (`ingest.archive.opening`).
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config.key_files import owners_alone
from rules.errors import MingjianError

_NAMED = re.compile(r"(?:.*[^0-9])?0*([0-9]{1,9})")
_SECRET = re.compile(rb"PRIVATE KEY|\A\x30")  # a key in PEM, whole or not; or one in DER


class NoKey(Exception):
    """There is no private key of this version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"no private key of version {version}")
        self.version = version


class KeyDiffers(Exception):
    """RSA could not be undone: another key, or damaged bytes."""


class Useless(NamedTuple):
    """A file among the keys that holds none, and what to say of it. `version` is that of its name,
    -1 when there is none."""

    version: int
    en: str
    zh: str


class Keys:
    """The keys in a folder; one that is put there later is found by `reload`.

    A file that holds no key holds up nobody: it is one of the `useless`, and should its version be
    needed, that is a missing key.

    Args:
        passphrase: of keys that are encrypted; all have the same.

    Raises:
        MingjianError: a key can be read by others or not by us, its passphrase is another, its name
            tells no version, or two have one version.
    """

    def __init__(self, folder: Path, passphrase: str = "") -> None:
        self.folder = folder
        self._passphrase = passphrase.encode() or None
        self._keys: dict[int, RSAPrivateKey] = {}
        self._seen: dict[Path, tuple[int, int]] = {}
        self.useless: tuple[Useless, ...] = ()
        self.reload()

    @property
    def versions(self) -> tuple[int, ...]:
        """Of the keys there are, ascending."""
        return tuple(sorted(self._keys))

    def reload(self) -> bool:
        """Read the folder again if a file in it changed; whether anything did.

        Raises:
            MingjianError: as the constructor; the keys stay what they were.
        """
        try:
            files = sorted(self.folder.glob("*.pem"))
            seen = {one: (one.stat().st_mtime_ns, one.stat().st_size) for one in files}
        except OSError as error:
            raise _unreadable(self.folder, error.strerror or str(error)) from None
        if seen == self._seen:
            return False
        keys: dict[int, RSAPrivateKey] = {}
        useless: list[Useless] = []
        for file in files:
            key = self._read(file)
            if isinstance(key, Useless):
                useless.append(key)
                continue
            version = _version(file)
            if version in keys:
                raise _refused(
                    file, f"version {version} has a key already", f"版本 {version} 已有私钥",
                    "keep one file for each version", "每个版本只保留一个文件",
                )  # fmt: skip
            keys[version] = key
        for one in useless:  # being written anew, perhaps: what was read before stays good
            if one.version in self._keys:
                keys.setdefault(one.version, self._keys[one.version])
        self._keys, self._seen, self.useless = keys, seen, tuple(useless)
        return True

    def random_key(self, version: int, encrypted: str) -> bytes:
        """What RSA makes of a message's `encrypt_random_key` (base64): a candidate, see above.

        Raises:
            NoKey: none of this version is here.
            KeyDiffers: it is no base64, or has the wrong length, or OpenSSL said no.
        """
        key = self._keys.get(version)
        if key is None:
            raise NoKey(version)
        try:
            found = key.decrypt(base64.b64decode(encrypted, validate=True), padding.PKCS1v15())
        except (ValueError, binascii.Error):
            raise KeyDiffers from None
        if not found or b"\0" in found:  # the SDK takes it as a C string
            raise KeyDiffers
        return found

    def _read(self, file: Path) -> RSAPrivateKey | Useless:
        try:
            if not stat.S_ISREG(file.stat().st_mode):
                return _useless(file, "is no regular file", "不是普通文件")
            data = file.read_bytes()
        except OSError as error:
            raise _unreadable(file, error.strerror or str(error)) from None
        if _SECRET.search(data):  # also when we can make nothing of it: somebody else may
            owners_alone(file, "private key of the archive", "会话存档私钥")
        locked = b"ENCRYPTED" in data
        try:
            key = load_pem_private_key(data, self._passphrase if locked else None)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            if not locked:
                return _useless(file, "is no private key in PEM", "不是 PEM 私钥")
            raise _refused(
                file,
                "is no private key in PEM, or its passphrase is another",
                "不是 PEM 私钥，或口令不对",
                "make one with `openssl genrsa 2048`; set MINGJIAN_ARCHIVE_KEY_PASSPHRASE if it"
                " is encrypted",
                "可用 `openssl genrsa 2048` 生成；若已加密，请设置 MINGJIAN_ARCHIVE_KEY_PASSPHRASE",
            ) from None
        if not isinstance(key, RSAPrivateKey):
            return _useless(
                file, "is no RSA key, and WeCom has no others", "不是 RSA 私钥，而企业微信只用 RSA"
            )
        return key


def _useless(file: Path, en: str, zh: str) -> Useless:
    named = _NAMED.fullmatch(file.stem)
    return Useless(
        int(named[1]) if named else -1,
        f"{file} is passed over: it {en}; put the key there, or take the file away",
        f"跳过 {file}：{zh}；请放入正确的私钥，或移走该文件",
    )


def _version(file: Path) -> int:
    named = _NAMED.fullmatch(file.stem)
    if named is None:
        raise _refused(
            file,
            "is named without the version of its public key",
            "文件名中没有公钥版本号",
            "name it like 3.pem, by the number WeCom shows beside the public key",
            "请按企业微信后台显示的公钥版本号命名，如 3.pem",
        )
    return int(named[1])


def _refused(file: Path, en: str, zh: str, fix_en: str, fix_zh: str) -> MingjianError:
    return MingjianError(f"{file}: {en}", f"{file}：{zh}", fix_en=fix_en, fix_zh=fix_zh)


def _unreadable(path: Path, why: str) -> MingjianError:
    return _refused(
        path, f"cannot be read: {why}", f"无法读取：{why}",
        "the folder of private keys is the setting ingest.archive.keys_dir",
        "私钥目录由设置 ingest.archive.keys_dir 指定",
    )  # fmt: skip
