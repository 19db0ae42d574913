"""Private keys of the archive: which are taken, and what is said of those that are not."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ingest.archive.keys import KeyDiffers, Keys, NoKey
from rules.errors import MingjianError
from tests.support.archive import private_key, write_key


def locked(version: int, secret: bytes = b"test words") -> str:
    key = private_key(version).public_key()
    return b64encode(key.encrypt(secret, padding.PKCS1v15())).decode()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize(
    ("name", "version"),
    [("3.pem", 3), ("archive-3.pem", 3), ("v003.pem", 3), ("2026-key-12.pem", 12)],
)
def test_a_key_is_known_by_the_number_in_its_name(
    tmp_path: Path, form: PrivateFormat, name: str, version: int
) -> None:
    file = tmp_path / name
    file.write_bytes(private_key(1).private_bytes(Encoding.PEM, form, NoEncryption()))
    file.chmod(0o600)
    keys = Keys(tmp_path)
    assert keys.versions == (version,)
    assert keys.random_key(version, locked(1)) == b"test words"


def test_every_version_stays_and_each_opens_its_own(tmp_path: Path) -> None:
    for version in (1, 2):
        write_key(tmp_path, version)
    keys = Keys(tmp_path)
    assert [keys.random_key(n, locked(n, b"of %d" % n)) for n in (1, 2)] == [b"of 1", b"of 2"]
    with pytest.raises(NoKey):
        keys.random_key(3, locked(1))


def test_a_wrong_key_gives_no_secret(tmp_path: Path) -> None:
    write_key(tmp_path, 1)
    keys = Keys(tmp_path)
    for _ in range(20):
        try:
            candidate = keys.random_key(1, locked(2))
        except KeyDiffers:
            continue
        assert candidate != b"test words"
        assert b"\0" not in candidate


def test_an_encrypted_key_wants_its_passphrase(tmp_path: Path) -> None:
    file = tmp_path / "1.pem"
    file.write_bytes(
        private_key(1).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open")
        )
    )
    file.chmod(0o600)
    assert Keys(tmp_path, "open").random_key(1, locked(1)) == b"test words"
    for passphrase in ("", "shut"):
        with pytest.raises(MingjianError, match="passphrase"):
            Keys(tmp_path, passphrase)


@pytest.mark.parametrize(
    ("name", "content", "mode", "said"),
    [
        ("key.pem", None, 0o600, "version"),
        ("1.pem", None, 0o644, "0644"),
        ("01.pem", None, 0o600, "has a key already"),
        ("9.pem", "ed25519", 0o644, "0644"),
        ("9.pem", b"-----BEGIN PRIVATE KEY-----\nhalf of it", 0o644, "0644"),
    ],
)
def test_what_is_no_key_is_refused_with_a_way_out(
    tmp_path: Path, name: str, content: bytes | str | None, mode: int, said: str
) -> None:
    write_key(tmp_path, 1)
    file = tmp_path / name
    if content == "ed25519":
        content = ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    file.write_bytes((tmp_path / "1.pem").read_bytes() if content is None else content)
    file.chmod(mode)
    with pytest.raises(MingjianError, match=said) as raised:
        Keys(tmp_path)
    assert str(file) in raised.value.zh or "1.pem" in raised.value.zh
    assert raised.value.fix_en
    assert raised.value.fix_zh


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"", 0o644, "no private key"),
        (b"no key", 0o600, "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nhalf of it", 0o600, "no private key"),
        ("ed25519", 0o600, "RSA"),
        ("pipe", 0o600, "no regular file"),
    ],
)
@pytest.mark.parametrize(("name", "version"), [("3.pem", 3), ("notes.pem", -1)])
def test_a_file_without_a_key_holds_up_no_other_one_and_is_named(
    tmp_path: Path, name: str, version: int, content: bytes | str, mode: int, said: str
) -> None:
    write_key(tmp_path, 1)
    file = tmp_path / name
    if content == "pipe":
        os.mkfifo(file)
    elif content == "ed25519":
        content = ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    if isinstance(content, bytes):
        file.write_bytes(content)
    file.chmod(mode)
    keys = Keys(tmp_path)
    assert keys.versions == (1,)
    (useless,) = keys.useless
    assert useless.version == version
    assert str(file) in useless.en
    assert str(file) in useless.zh
    assert said in useless.en


def test_a_key_that_was_read_stays_while_its_file_holds_none(tmp_path: Path) -> None:
    file = write_key(tmp_path, 1)
    keys = Keys(tmp_path)
    file.write_bytes(b"")
    assert keys.reload() is True
    assert keys.random_key(1, locked(1)) == b"test words"
    assert [one.version for one in keys.useless] == [1]
    write_key(tmp_path, 1)
    assert keys.reload() is True
    assert keys.useless == ()


def test_a_key_that_is_put_there_is_found_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    write_key(tmp_path, 1)
    keys = Keys(tmp_path)
    assert keys.reload() is False
    write_key(tmp_path, 2)
    assert keys.reload() is True
    write_key(tmp_path, 3).chmod(0o640)
    with pytest.raises(MingjianError):
        keys.reload()
    assert keys.versions == (1, 2)
