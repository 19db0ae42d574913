"""A tenant's keys in a file: kept, changed without writing anything anew, missed in time."""

from __future__ import annotations

import json

import pytest
from gmssl import sm4 as other_sm4

from rules.errors import MingjianError
from sinks.archive.keys import KeyMissing, KeyRefused
from sinks.archive.keystore import FILE, Keystore
from sinks.sm4 import DoesNotOpen, seal, unseal

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")


def test_the_published_vectors_of_sm4_gcm():
    """RFC 8998 appendix A.1, and GB/T 36624-2018 appendix C.5."""
    text = b"".join(bytes([one]) * 8 for one in bytes.fromhex("aabbccddeeffeeaa"))
    nonce = bytes.fromhex("00001234567800000000abcd")
    bound = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93"
        "d496ac15a56834cbcf98c397b4024a2691233b8d83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert seal(KEY, nonce, text, bound) == sealed
    assert unseal(KEY, nonce, sealed, bound) == text
    zero = bytes(16)
    assert seal(zero, bytes(12), b"", b"").hex() == "232f0cfe308b49ea6fc88229b5dc858d"
    assert seal(zero, bytes(12), zero, b"").hex() == (
        "7de2aa7f1110188218063be1bfeb6d89b851b5f39493752be508f1bb4482c557"
    )


def test_sm4_agrees_with_another_implementation():
    """GCM's text is counter mode: one block against gmssl's SM4 of the counter."""
    machine = other_sm4.CryptSM4()
    machine.set_key(KEY, other_sm4.SM4_ENCRYPT)
    nonce = bytes(range(12))
    counter = bytes(machine.one_round(machine.sk, list(nonce + b"\0\0\0\2")))
    assert seal(KEY, nonce, bytes(16), b"")[:16] == counter


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(16), bytes(40)])
def test_what_was_not_sealed_does_not_open(sealed):
    with pytest.raises(DoesNotOpen):
        unseal(KEY, bytes(12), sealed, b"")


def test_a_key_is_wrapped_and_comes_back_also_after_the_tenants_key_was_changed(tmp_path):
    store = Keystore(tmp_path, "acme", "a passphrase", at=1)
    first = store.wrap(KEY, b"segment 1")
    assert (store.current(), store.versions(), store.protected) == (1, (1,), True)
    assert store.rotate(2) == 2
    second = store.wrap(KEY, b"segment 1")
    again = Keystore(tmp_path, "acme", "a passphrase")
    assert (again.current(), again.versions()) == (2, (1, 2))
    assert (first.version, second.version) == (1, 2)
    assert again.unwrap(first, b"segment 1") == again.unwrap(second, b"segment 1") == KEY
    assert KEY not in (tmp_path / FILE).read_bytes()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_wrapped_key_of_something_else_or_altered_is_refused(tmp_path):
    store = Keystore(tmp_path, "acme", "x", at=1)
    wrapped = store.wrap(KEY, b"segment 1")
    with pytest.raises(KeyRefused, match="segment 2"):
        store.unwrap(wrapped, b"segment 2")
    for at in range(len(wrapped.body)):
        body = wrapped.body[:at] + bytes([wrapped.body[at] ^ 1]) + wrapped.body[at + 1 :]
        with pytest.raises(KeyRefused):
            store.unwrap(wrapped._replace(body=body), b"segment 1")
    with pytest.raises(KeyRefused):
        store.unwrap(wrapped._replace(body=b""), b"segment 1")
    with pytest.raises(KeyMissing, match="version 7 of the key of tenant acme"):
        store.unwrap(wrapped._replace(version=7), b"segment 1")


def test_the_passphrase_can_be_changed_set_and_taken_away(tmp_path):
    wrapped = Keystore(tmp_path, "acme", at=1).wrap(KEY, b"x")
    assert not Keystore(tmp_path, "acme").protected
    Keystore(tmp_path, "acme").change_passphrase("new")
    with pytest.raises(MingjianError, match="does not open with this passphrase"):
        Keystore(tmp_path, "acme", "old")
    with pytest.raises(MingjianError, match="does not open with this passphrase"):
        Keystore(tmp_path, "acme")
    assert Keystore(tmp_path, "acme", "new").unwrap(wrapped, b"x") == KEY
    Keystore(tmp_path, "acme", "new").change_passphrase("")
    assert Keystore(tmp_path, "acme").unwrap(wrapped, b"x") == KEY
    with pytest.raises(MingjianError, match="has no passphrase, and one is set"):
        Keystore(tmp_path, "acme", "new")


def test_a_store_of_another_tenant_of_everybody_or_of_nobody(tmp_path):
    with pytest.raises(MingjianError, match="no key store"):
        Keystore(tmp_path, "acme", create=False)
    Keystore(tmp_path, "acme", at=1)
    with pytest.raises(MingjianError, match="is of tenant acme, not of other"):
        Keystore(tmp_path, "other")
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(MingjianError, match="can be read by other users"):
        Keystore(tmp_path, "acme")


def test_every_damage_is_an_error_and_no_key_is_wrong(tmp_path):
    store = Keystore(tmp_path, "acme", at=1)
    store.rotate(2)
    wrapped = store.wrap(KEY, b"x")
    path = tmp_path / FILE
    data = path.read_bytes()
    for at in range(0, len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        try:
            found = Keystore(tmp_path, "acme")
        except MingjianError:
            continue
        same = json.loads(path.read_bytes())["versions"]
        assert [row["sealed"] for row in same] == [
            row["sealed"] for row in json.loads(data)["versions"]
        ], at  # only what is no key could be altered: the times, white space
        assert found.unwrap(wrapped, b"x") == KEY
    for cut in range(0, len(data), 7):
        path.write_bytes(data[:cut])
        with pytest.raises(MingjianError, match="damaged"):
            Keystore(tmp_path, "acme")
