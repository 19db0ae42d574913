"""The archive keeps every message once, wherever it is killed, and can be read back."""

from __future__ import annotations

import json

import pytest

from rules.decode import Decoder, heartbeat
from rules.errors import MingjianError
from sinks.archive.archiver import Archiver
from sinks.archive.keys import KeyMissing
from sinks.archive.keystore import Keystore
from sinks.archive.leaves import (
    MessageLeaf,
    OtherLeaf,
    message_entry,
    other_entry,
    read_message,
    read_other,
)
from sinks.archive.objects import LocalObjects, NoObject
from sinks.archive.rows import Asked, HitRow
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.segment import OpenSegment, SegmentDamaged, read_head
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import Terms, named
from sinks.ledger.log import Ledger


def record(number, text="这款产品保本", tenant="acme"):
    payload = {
        "msgid": f"m{number}", "action": "send", "from": "zhangsan", "tolist": ["lisi"],
        "roomid": "", "msgtime": 1_700_000_000_000 + number, "msgtype": "text",
        "text": {"content": text},
    }  # fmt: skip
    return json.dumps(
        {"v": 1, "kind": "archive", "time": payload["msgtime"], "received_at": payload["msgtime"],
         "tenant": tenant, "seq": number, "payload": payload}, ensure_ascii=False,
    ).encode()  # fmt: skip


class Killed(Exception):
    """Stands for kill -9 at this point."""


class Archive:
    """All parts of an archive in a folder, opened as after a start."""

    def __init__(self, folder, killed_at=""):
        self.keys = Keystore(folder / "keys", "acme", at=1)
        self.objects = LocalObjects(folder / "objects")
        self.index = SqliteIndex(folder / "index.db")
        self.ledger = Ledger(folder / "ledger", "acme", at_least=self.index.leaves())
        self.terms = Terms(b"k" * 16)
        _let_die(self, killed_at)
        parts = {"objects": self.objects, "ledger": self.ledger, "index": self.index,
                 "keys": self.keys, "terms": self.terms, "decoder": Decoder("acme")}  # fmt: skip
        try:
            self.archiver = Archiver("acme", **parts, now=lambda: 1_800_000_000_000)
        except BaseException:
            self.close()
            raise

    def take(self, records, position):
        self.archiver.add(records)
        self.archiver.stand({"p": position})

    def close(self):
        self.ledger.close()
        self.index.close()

    def read(self):
        """(message id, raw record) of all, the first archived first."""
        found = []
        for row in self.index.search(Asked(), 10_000)[::-1]:
            head = read_head(self.objects.get(row.segment), row.segment)
            opened = OpenSegment(head, self.keys)
            body = self.objects.get(row.segment, row.offset, row.length)
            found.append((row.msgid, opened.record(row.number, row.msgid, row.seq, body)))
        return found


def _let_die(archive, at):
    part, _, when = at.partition(" ")
    names = {"objects": (archive.objects, "put"), "ledger": (archive.ledger, "append"),
             "index": (archive.index, "store")}  # fmt: skip
    if not part:
        return
    owner, name = names[part]
    real = getattr(owner, name)

    def killed(*args):
        if when == "after":
            real(*args)
        raise Killed

    setattr(owner, name, killed)


def test_every_message_is_kept_and_found(tmp_path):
    archive = Archive(tmp_path)
    records = [record(number) for number in range(1, 11)]
    archive.take([*records, heartbeat("acme", 5, 5), records[0]], 12)
    assert archive.archiver.flush() == (10, 1)
    assert archive.index.positions() == {"p": 12}
    assert archive.read() == [(f"m{n}", record(n)) for n in range(1, 11)]
    assert archive.ledger.size == archive.index.leaves() == 10
    told = read_message(archive.ledger.entry(3))
    row = archive.index.search(Asked([named("s", "zhangsan")]), 100)[6]
    assert (told.msgid, told.seq, told.time) == ("m4", 4, 1_700_000_000_004)
    assert (row.leaf, row.sm3.hex(), row.segment, row.number) == (
        3,
        told.sm3,
        told.segment,
        told.number,
    )
    archive.take([record(3), record(11)], 15)
    assert archive.archiver.flush() == (1, 1)
    assert archive.archiver.flush() == (0, 0)
    archive.close()
    again = Archive(tmp_path)
    assert len(again.read()) == 11


@pytest.mark.parametrize("part", ["objects", "ledger", "index"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_anywhere_nothing_is_lost_and_nothing_entered_twice(tmp_path, part, when):
    first = Archive(tmp_path)
    first.take([record(1), record(2)], 2)
    first.archiver.flush()
    first.close()
    dying = Archive(tmp_path, f"{part} {when}")
    dying.take([record(3), record(4)], 4)
    with pytest.raises(Killed):
        dying.archiver.flush()
    dying.close()
    again = Archive(tmp_path)
    entered = (part, when) in {("ledger", "after"), ("index", "before"), ("index", "after")}
    assert again.index.leaves() == again.ledger.size == (4 if entered else 2)
    again.take([record(3), record(4), record(5)], 5)
    assert again.archiver.flush() == ((1, 2) if entered else (3, 0))
    assert again.read() == [(f"m{n}", record(n)) for n in range(1, 6)]
    assert again.ledger.size == 5
    again.close()


def test_what_cannot_be_decoded_is_kept_too_and_found(tmp_path):
    archive = Archive(tmp_path)
    for _ in range(2):
        archive.take([b"{", record(1), b"\xff", b"{"], 4)
        archive.archiver.flush()
    found, _ = reader(archive).search(Query(), 10)
    assert [(one.row.type, one.raw) for one in found] == [
        ("not_utf8", b"\xff"), ("text", record(1)), ("not_json", b"{"),
    ]  # fmt: skip
    assert [one.row.seq for one in reader(archive).search(Query(type="not_json"), 10)[0]] == [0]
    archive.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_alerts_are_entered_each_version_once_and_name_their_messages(tmp_path, when):
    told = OtherLeaf("alert", "a1", "ab"), OtherLeaf("alert", "a1", "cd")
    hits = [
        HitRow(1_700_000_000_003, "m3", "a1", "a07_01"),
        HitRow(1_700_000_000_009, "m9", "a1", "a07_01"),
    ]
    archive = Archive(tmp_path)
    archive.archiver.enter(told[0], hits)  # before its messages
    archive.archiver.flush()
    archive.take([record(n) for n in range(6)], 6)
    archive.archiver.enter(told[0], hits)
    archive.archiver.flush()
    archive.close()
    dying = Archive(tmp_path, f"index {when}")
    dying.take([record(n) for n in range(6, 12)], 12)
    dying.archiver.enter(told[1], hits)
    with pytest.raises(Killed):
        dying.archiver.flush()
    dying.close()
    archive = Archive(tmp_path)
    archive.take([record(n) for n in range(6, 12)], 12)
    archive.archiver.enter(told[1], hits)
    archive.archiver.flush()
    assert archive.ledger.size == 14
    assert [read_other(archive.ledger.entry(n)) for n in (0, 13)] == list(told)
    found, _ = reader(archive).search(Query(hit="a07_01"), 10)
    assert [one.row.seq for one in found] == [9, 3]
    assert len(reader(archive).search(Query(hit="*", text="保本", sender="zhangsan"), 10)[0]) == 2
    assert reader(archive).search(Query(hit="*", sender="lisi"), 10)[0] == []
    assert reader(archive).search(Query(hit="other"), 10)[0] == []
    archive.close()


def test_what_was_cut_short_and_cannot_be_opened_is_said(tmp_path):
    dying = Archive(tmp_path, "index before")
    dying.take([record(1)], 1)
    with pytest.raises(Killed):
        dying.archiver.flush()
    dying.close()
    (name,) = dying.objects.names()
    data = dying.objects.get(name)
    path = next((tmp_path / "objects").rglob(name))
    path.chmod(0o600)
    path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    with pytest.raises(SegmentDamaged, match="record 1"):
        Archive(tmp_path)
    path.unlink()
    with pytest.raises(NoObject, match=name):
        Archive(tmp_path)


def test_rotation_does_not_touch_what_is_there_and_a_lost_version_is_named(tmp_path):
    archive = Archive(tmp_path)
    archive.take([record(1)], 1)
    archive.archiver.flush()
    before = {name: archive.objects.get(name) for name in archive.objects.names()}
    archive.keys.rotate(2)
    archive.take([record(2)], 2)
    archive.archiver.flush()
    after = {name: archive.objects.get(name) for name in archive.objects.names()}
    assert {name: after[name] for name in before} == before
    assert sorted(read_head(after[name], name).wrapped.version for name in after) == [1, 2]
    assert [raw for _, raw in archive.read()] == [record(1), record(2)]
    archive.keys._keys.pop(1)
    with pytest.raises(KeyMissing, match="version 1"):
        archive.read()
    archive.close()


def test_a_large_batch_is_full(tmp_path):
    archive = Archive(tmp_path)
    assert not archive.archiver.full()
    archive.archiver.add([record(n, "长" * 3_000) for n in range(1_000)])
    assert archive.archiver.full()
    assert archive.archiver.flush() == (1_000, 0)
    assert not archive.archiver.full()
    archive.close()


def test_an_entry_of_the_ledger_is_canonical_and_only_a_message_is_read_as_one():
    leaf = MessageLeaf("m1", (1 << 64) - 1, 5, "ab", "s1", 3)
    entry = message_entry(leaf)
    told = json.loads(entry)
    assert entry == json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    assert read_message(entry) == leaf
    for other in (b"{}", b"x", entry.replace(b'"message"', b'"alert"'), entry[:-1] + b',"x":1}'):
        assert read_message(other) is None
    alert = OtherLeaf("alert", "a1", "ab")
    assert read_other(other_entry(alert)) == alert
    assert read_message(other_entry(alert)) is None
    assert read_other(entry) is None


def reader(archive):
    return ArchiveReader(
        objects=archive.objects,
        index=archive.index,
        keys=archive.keys,
        terms=archive.terms,
        decoder=Decoder("acme"),
    )


TEXTS = ("这款产品保本保息", "保息不保本", "本保 息保", "好的", "Guaranteed RETURN of 12%", "")


@pytest.fixture
def told(tmp_path):
    archive = Archive(tmp_path)
    for number in range(60):
        archive.archiver.add([record(number, TEXTS[number % len(TEXTS)])])
        if number % 7 == 0:
            archive.archiver.flush()
    archive.archiver.flush()
    yield archive
    archive.close()


@pytest.mark.parametrize(
    ("text", "which"),
    [
        ("保本", {0, 1}),  # the pairs of 保本保息 are in other orders too
        ("保本保息", {0}),
        ("guaranteed return", {4}),
        ("ＲＥＴＵＲＮ", {4}),
        ("12%", {4}),
        ("产品 保本", {0}),
        ("没有的话", set()),
        ("", set(range(6))),
    ],
)
def test_a_search_finds_the_words_and_not_only_their_pairs(told, text, which):
    found, more = reader(told).search(Query(sender="zhangsan", text=text), 100)
    expected = [n for n in range(59, -1, -1) if n % 6 in which]
    assert [one.row.seq for one in found] == expected
    assert all(one.message.text == TEXTS[one.row.seq % 6] for one in found)
    assert more is None


def test_pages_and_what_else_can_be_asked(told):
    archive = reader(told)
    pages, before = [], None
    while True:
        page, before = archive.search(Query(receiver="lisi", text="保本"), 7, before)
        pages.append([one.row.seq for one in page])
        if before is None:
            break
    assert [seq for page in pages for seq in page] == [n for n in range(59, -1, -1) if n % 6 < 2]
    assert {len(page) for page in pages[:-1]} == {7}
    base = 1_700_000_000_000
    span, _ = archive.search(Query(since=base + 10, until=base + 20), 100)
    assert [one.row.seq for one in span] == list(range(19, 9, -1))
    assert archive.search(Query(sender="nobody"), 10) == ([], None)
    assert archive.search(Query(type="image"), 10) == ([], None)
    assert len(archive.search(Query(type="text", conversation="lisi|zhangsan"), 100)[0]) == 60
    with pytest.raises(MingjianError, match="at least two letters or digits"):
        archive.search(Query(text="。保"), 10)


def test_what_is_damaged_is_shown_as_that_and_the_rest_is_found(told, tmp_path):
    name = sorted(told.objects.names())[2]
    path = next((tmp_path / "objects").rglob(name))
    row = next(one for one in told.index.search(Asked(), 100) if one.segment == name)
    data = bytearray(path.read_bytes())
    data[row.offset + 3] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    found, _ = reader(told).search(Query(), 100)
    (bad,) = [one for one in found if one.damage]
    assert (bad.row.leaf, bad.raw) == (row.leaf, None)
    assert f"record {row.number} ({row.msgid})" in bad.damage.en
    assert len(found) == 60
    path.unlink()
    found, _ = reader(told).search(Query(), 100)
    assert {one.damage.en for one in found if one.damage} == {
        f"segment {name} of the archive is not in {tmp_path / 'objects'}"
    }
