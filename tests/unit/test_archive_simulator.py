"""What the simulator of the archive holds to, since a trial is worth no more than it is."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.archive.media import fetch
from ingest.archive.page import read_page
from ingest.archive.port import CHUNK_BYTES, ArchiveError, MediaChunk
from ingest.archive.simulator import Simulator, decrypt, encrypted
from ingest.archive.simulator_folder import Kind, fill, open_folder
from rules.errors import MingjianError
from tests.support.archive import NOON, Clock, Company, msgid, private_key, stored

DAY = 86_400_000


def seqs(simulator: Simulator, after: int, limit: int = 1000) -> list[int]:
    return [one.seq for one in read_page(simulator.get_chat_data(after, limit, 1), after)]


@given(
    held=st.sets(st.integers(1, 30) | st.integers(2**64 - 30, 2**64 - 1), max_size=12),
    after=st.integers(0, 31) | st.integers(2**64 - 30, 2**64 - 1),
    limit=st.integers(1, 1000),
)
@settings(max_examples=60, deadline=None)
def test_a_page_is_what_follows_a_number_in_order_up_to_the_limit(
    held: set[int], after: int, limit: int
) -> None:
    simulator = Simulator(lambda: NOON)
    simulator.add(*map(stored, sorted(held)))
    assert seqs(simulator, after, limit) == sorted(one for one in held if one > after)[:limit]


def test_the_page_has_the_documented_shape() -> None:
    simulator = Simulator(lambda: NOON)
    simulator.add(stored(2**64 - 1))
    page = json.loads(simulator.get_chat_data(0, 1, 1))
    assert (page["errcode"], page["errmsg"]) == (0, "ok")
    assert {key: type(value) for key, value in page["chatdata"][0].items()} == {
        "seq": int, "msgid": str, "publickey_ver": int, "encrypt_random_key": str,
        "encrypt_chat_msg": str,
    }  # fmt: skip
    assert page["chatdata"][0]["seq"] == 2**64 - 1


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_what_is_encrypted_comes_out_again(plaintext: bytes) -> None:
    one = encrypted(plaintext, seq=1, sent=0, msgid="", version=1, key=private_key(1).public_key())
    random_key = private_key(1).decrypt(b64decode(one.random_key), padding.PKCS1v15())
    assert decrypt(random_key, one.chat_msg) == plaintext
    with pytest.raises(ArchiveError):
        decrypt(random_key[:-1], one.chat_msg)


@pytest.mark.parametrize(
    ("seq", "limit", "timeout"), [(-1, 1, 1), (0, 1001, 1), (0, 0, 1), (0, 1, 0)]
)
def test_a_wrong_parameter_is_10000(seq: int, limit: int, timeout: int) -> None:
    with pytest.raises(ArchiveError) as raised:
        Simulator(lambda: NOON).get_chat_data(seq, limit, timeout)
    assert raised.value.code == 10000


def test_the_601st_call_of_a_minute_is_refused_and_the_next_minute_is_free() -> None:
    clock = Clock()
    simulator = Simulator(clock.now)
    for _ in range(600):
        assert seqs(simulator, 0) == []
    with pytest.raises(ArchiveError) as raised:
        seqs(simulator, 0)
    assert raised.value.again
    clock.sleep(60)
    assert seqs(simulator, 0) == []


@pytest.mark.parametrize("refuses", [False, True])
def test_a_message_is_there_for_five_days(refuses: bool) -> None:
    clock = Clock()
    simulator = Simulator(clock.now, refuses=refuses)
    simulator.add(stored(1, NOON), stored(2, NOON + DAY))
    clock.ms += 5 * DAY
    assert seqs(simulator, 0) == [1, 2]
    clock.ms += 1
    assert seqs(simulator, 0) == [2]
    clock.ms += DAY
    assert seqs(simulator, 0) == []
    if refuses:
        with pytest.raises(ArchiveError) as raised:
            seqs(simulator, 1)
        assert raised.value.code == 10010
    else:
        assert seqs(simulator, 1) == []


def test_a_live_archive_has_a_message_once_its_time_has_come() -> None:
    clock = Clock()
    simulator = Simulator(clock.now, live=True)
    simulator.add(stored(1, NOON + 1000), stored(2, NOON + 2000))
    assert seqs(simulator, 0) == []
    clock.ms += 1000
    assert seqs(simulator, 0) == [1]


# ---- in a folder ----


def lines(*texts: str) -> list[bytes]:
    return [
        json.dumps(
            {"v": 1, "kind": "archive", "time": NOON + n, "received_at": NOON, "tenant": "demo",
             "seq": 0, "payload": {"msgid": f"m{n}", "action": "send", "from": "a", "tolist": ["b"],
                                   "roomid": "", "msgtime": NOON + n, "msgtype": "text",
                                   "text": {"content": text}}}
        ).encode()
        for n, text in enumerate(texts)
    ]  # fmt: skip


def test_a_folder_is_served_and_grows_while_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    event = b'{"v":1,"kind":"event","time":1,"payload":{}}'
    filled = fill(folder, [*lines("一", "二"), event], kind=Kind(), leave_out=[2])
    assert filled == (2, 1, 1, 3)
    company = Company(tmp_path / "company", versions=())
    company.keys, archive = folder / "keys", open_folder(folder, company.clock.now)
    company.keyring = type(company.keyring)(company.keys)
    company.pull(client=archive)
    assert company.taken == ["m0", "m1"]
    assert [kind for kind, _, _ in company.intake.open()] == ["sequence_gap"]

    more = [line.replace(b'"m0"', b'"m9"') for line in lines("三行\n一句")]
    assert fill(folder, more, kind=Kind(failures=(10001, 0))).first == 4
    with (folder / "messages.jsonl").open("ab") as file:
        file.write(b'[5,"half of a line')
    company.pull(client=archive)
    assert company.taken == ["m0", "m1", "m9"]
    assert b"\n" in company.intake.written[-1], "as phones write it, not as JSON wants it"
    assert msgid(company.intake.written[-1]) == "m9"


def test_a_folder_that_refuses_now_and_then_gives_everything(tmp_path: Path) -> None:
    fill(tmp_path / "a", lines(*"abcdefgh"), kind=Kind(failures=(10001, 10003, 0)), versions=3)
    company = Company(tmp_path / "company", versions=())
    company.keyring = type(company.keyring)(tmp_path / "a/keys")
    company.pull(client=open_folder(tmp_path / "a", company.clock.now), limit=3)
    assert company.taken == [f"m{n}" for n in range(8)]
    assert company.keyring.versions == (1, 2, 3)


@pytest.mark.parametrize(
    ("file", "content"), [("", b""), ("simulator.json", b"{"), ("simulator.json", b'{"no":1}')]
)
def test_what_is_no_archive_is_named(tmp_path: Path, file: str, content: bytes) -> None:
    if file:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(MingjianError) as raised:
        open_folder(tmp_path, Clock().now)
    assert str(tmp_path) in raised.value.en
    with pytest.raises(MingjianError, match="--from: a line is not"):
        fill(tmp_path, [b"no record"], kind=Kind())


# ---- media ----


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_file_comes_in_parts_of_512_kib(tmp_path: Path, size: int) -> None:
    simulator = Simulator(lambda: NOON)
    simulator.media["id"] = content = bytes(size)
    fetched = fetch(simulator, "id", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    assert simulator.calls == max(1, -(-size // CHUNK_BYTES))
    assert (fetched.size, len(fetched.sm3), len(fetched.sha256)) == (size, 64, 64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_a_file_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    simulator = Simulator(lambda: NOON)
    simulator.media["id"] = content = bytes(n % 251 for n in range(4 * CHUNK_BYTES + 7))
    simulator.fail(0, 0, 10001)
    with pytest.raises(ArchiveError):
        fetch(simulator, "id", tmp_path / "file")
    assert not (tmp_path / "file").exists()
    with (tmp_path / ".file.part").open("ab") as part:
        part.write(b"bytes of which the index tells nothing")
    fetch(simulator, "id", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    assert simulator.calls == 3 + 3


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    simulator = Simulator(lambda: NOON)
    simulator.media["id"] = b"abc"
    fetched = fetch(simulator, "id", tmp_path / "file")
    # the examples of GB/T 32905-2016, FIPS 180-4 and RFC 1321
    assert fetched.sm3 == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert fetched.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fetched.md5 == "900150983cd24fb0d6963f7d28e17f72"


def test_an_index_that_does_not_go_on_ends(tmp_path: Path) -> None:
    simulator = Simulator(lambda: NOON)
    simulator.get_media = lambda *_: MediaChunk(b"x", "same", False)  # type: ignore[method-assign]
    with pytest.raises(ArchiveError) as raised:
        fetch(simulator, "id", tmp_path / "file")
    assert raised.value.code == 10002
