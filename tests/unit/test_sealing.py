"""Sealing: what is sealed opens again, only with the right key, only for the right record."""

from __future__ import annotations

import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import MingjianError
from sinks.sealing import KEY_FILE, Sealer, binding

KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
SEALER = Sealer("k1", {"k1": KEY})


def test_sm4_gcm_matches_rfc_8998_appendix_a1():
    plain = b"".join(bytes([c]) * 8 for c in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
    encryptor = Cipher(
        algorithms.SM4(KEY), modes.GCM(bytes.fromhex("00001234567800000000abcd"))
    ).encryptor()
    encryptor.authenticate_additional_data(
        bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    )
    cipher = encryptor.update(plain) + encryptor.finalize()
    assert cipher.hex() == (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    assert encryptor.tag.hex() == "83de3541e4c2b58177e065a9bf7b62ec"


@given(raw=st.binary(max_size=2000), aad=st.text(max_size=40))
def test_round_trip_and_replay_gives_the_same_text(raw, aad):
    sealed = SEALER.seal(raw, aad)
    assert SEALER.open(sealed, aad) == raw
    assert SEALER.seal(raw, aad) == sealed


@given(raw=st.binary(max_size=200), aad=st.text(max_size=20), other=st.text(max_size=20))
def test_a_record_moved_to_another_id_does_not_open(raw, aad, other):
    sealed = SEALER.seal(raw, aad)
    if aad != other:
        with pytest.raises(MingjianError):
            SEALER.open(sealed, other)


@given(raw=st.binary(max_size=200), data=st.data())
def test_any_altered_character_is_noticed(raw, data):
    sealed = SEALER.seal(raw, "demo/e1")
    at = data.draw(st.integers(0, len(sealed) - 1))
    new = data.draw(st.sampled_from("AZaz09-_.=").filter(lambda c: c != sealed[at]))
    with pytest.raises(MingjianError):
        SEALER.open(sealed[:at] + new + sealed[at + 1 :], "demo/e1")


@given(first=st.binary(max_size=60), second=st.binary(max_size=60))
def test_nonces_differ_where_records_differ(first, second):
    nonces = {SEALER.seal(raw, "a").split(".")[2][:16] for raw in (first, second)}
    assert len(nonces) == len({first, second})


def test_the_text_of_a_message_is_not_in_the_sealed_form():
    sealed = SEALER.seal("把钱打到我个人账户".encode() * 3, "demo/e1")
    assert sealed.startswith("s1.k1.")
    assert "个人账户" not in sealed


@pytest.mark.parametrize(
    ("sealed", "says"),
    [
        ("", "not a sealed record"),
        ("s9.k1.AAAA", "not a sealed record"),
        ("s1.k1.", "not a sealed record"),
        ("s1.k2.AAAA", "sealed with the key 'k2'"),
        ("s1.k1.!!!!", "base64"),
        ("s1.k1.AAAA", "cut short"),
    ],
)
def test_what_is_not_a_sealed_record_is_refused_with_the_reason(sealed, says):
    with pytest.raises(MingjianError, match=says):
        SEALER.open(sealed, "demo/e1")


def test_a_key_is_made_once_and_kept_private(tmp_path):
    first = Sealer.from_dir(tmp_path / "keys")
    again = Sealer.from_dir(tmp_path / "keys")
    assert again.open(first.seal(b"x", "a"), "a") == b"x"
    assert (tmp_path / "keys" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert first.keys[first.key_id].hex() not in repr(first)
    assert os.listdir(tmp_path / "keys") == [KEY_FILE]


def test_workers_that_start_at_once_agree_on_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(lambda _: Sealer.from_dir(tmp_path), range(16)))
    assert len({sealer.key_id for sealer in sealers}) == 1


def test_old_records_open_after_a_change_of_key(tmp_path):
    old = Sealer.from_dir(tmp_path)
    sealed = old.seal(b"before", "a")
    path = tmp_path / KEY_FILE
    former = json.loads(path.read_text())
    path.write_text(json.dumps({"v": 1, "key_id": "new", "key": "00" * 16, "older": [former]}))
    new = Sealer.from_dir(tmp_path)
    assert new.open(sealed, "a") == b"before"
    assert new.seal(b"after", "a").startswith("s1.new.")


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"key_id":"a","key":"zz"}', '{"key_id":"a","key":"00"}']
)
def test_a_damaged_key_file_is_named(tmp_path, body):
    path = tmp_path / KEY_FILE
    path.write_text(body)
    path.chmod(0o600)
    with pytest.raises(MingjianError, match=KEY_FILE):
        Sealer.from_dir(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    Sealer.from_dir(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(MingjianError) as caught:
        Sealer.from_dir(tmp_path)
    assert "chmod 600" in caught.value.fix_en


def test_a_missing_key_is_not_made_up_when_reading(tmp_path):
    with pytest.raises(MingjianError, match="no evidence key"):
        Sealer.from_dir(tmp_path, create=False)
    assert not list(tmp_path.iterdir())


def test_it_travels_to_workers_and_between_threads():
    sealed = SEALER.seal(b"x" * 500, binding("demo", "e1"))
    for pickled in (pickle.dumps(SEALER), cloudpickle.dumps(SEALER)):
        assert pickle.loads(pickled).open(sealed, "demo/e1") == b"x" * 500  # noqa: S301
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: SEALER.seal(b"x" * 500, "demo/e1"), range(200))) == {sealed}
