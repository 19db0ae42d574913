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
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from config.key_files import owners_alone
from rules.errors import MingjianError

_NAMED = re.compile(r"(?:.*[^0-9])?0*([0-9]{1,9})")


class NoKey(Exception):
    """There is no private key of this version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"no private key of version {version}")
        self.version = version


class KeyDiffers(Exception):
    """RSA could not be undone: another key, or damaged bytes."""


class Keys:
    """The keys in a folder; one that is put there later is found by `reload`.

    Args:
        passphrase: of keys that are encrypted; all have the same.

    Raises:
        MingjianError: a key can be read by others, is no RSA key, or two have one version.
    """

    def __init__(self, folder: Path, passphrase: str = "") -> None:
        self.folder = folder
        self._passphrase = passphrase.encode() or None
        self._keys: dict[int, RSAPrivateKey] = {}
        self._seen: dict[Path, tuple[int, int]] = {}
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
        for file in files:
            version = _version(file)
            if version in keys:
                raise _refused(
                    file, f"version {version} has a key already", f"版本 {version} 已有私钥",
                    "keep one file for each version", "每个版本只保留一个文件",
                )  # fmt: skip
            keys[version] = self._read(file)
        self._keys, self._seen = keys, seen
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

    def _read(self, file: Path) -> RSAPrivateKey:
        owners_alone(file, "private key of the archive", "会话存档私钥")
        try:
            data = file.read_bytes()
            locked = b"ENCRYPTED" in data
            key = load_pem_private_key(data, self._passphrase if locked else None)
        except OSError as error:
            raise _unreadable(file, error.strerror or str(error)) from None
        except (TypeError, ValueError, UnsupportedAlgorithm):
            raise _refused(
                file,
                "is no private key in PEM, or its passphrase is another",
                "不是 PEM 私钥，或口令不对",
                "make one with `openssl genrsa 2048`; set MINGJIAN_ARCHIVE_KEY_PASSPHRASE if it"
                " is encrypted",
                "可用 `openssl genrsa 2048` 生成；若已加密，请设置 MINGJIAN_ARCHIVE_KEY_PASSPHRASE",
            ) from None
        if not isinstance(key, RSAPrivateKey):
            raise _refused(
                file, "is no RSA key", "不是 RSA 私钥",
                "WeCom wants RSA keys of 2048 bits", "企业微信要求 2048 位 RSA 密钥",
            )  # fmt: skip
        return key


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
