"""The archive as a target of the deliverer, from files: kept, entered, signed, and again."""

from __future__ import annotations

import gzip
import json
import os
import threading

import msgspec
import pytest

from config.settings import Outputs, Settings, Source, Target
from jobs.deliver import run
from jobs.held_ids import holder
from jobs.ledger_signer import note_signer, signed_by
from jobs.quarantine.refusals import refusals
from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.archive.custody import CustodyBook, Deed
from sinks.archive.keystore import Keystore
from sinks.archive.leaves import OtherLeaf, read_message, read_other
from sinks.archive.objects import LocalObjects
from sinks.archive.rows import Asked
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.sink import ArchiveSink
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import Terms, search_key
from sinks.base import Record, SinkBusy
from sinks.ledger.audit import audit
from sinks.ledger.reader import LedgerReader
from tests.unit.test_archiver import record

ALERT = {
    "alert_id": "a1", "rule": {"name": "a07_01"},
    "members": [{"msgid": "m3", "time": 1_700_000_000_003}],
}  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "messages").mkdir()
    (tmp_path / "outputs" / "alerts").mkdir(parents=True)
    return Settings(
        profile="embedded",
        tenant="acme",
        data_dir=str(tmp_path / "var"),
        keys_dir=str(tmp_path / "keys"),
        source=Source(kind="files", path=str(tmp_path / "messages")),
        outputs=Outputs(kind="files", path=str(tmp_path / "outputs")),
        targets=(Target(kind="archive", name="archive", path=str(tmp_path / "archive")),),
    )


def told(path, records, *, end=b"\n"):
    """A file of messages that nobody writes to any more."""
    data = b"\n".join(records) + end
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    os.utime(path, (1, 1))


def reader(settings):
    path = settings.targets[0].path
    index = SqliteIndex(f"{path}/index.db")
    keys = Keystore(settings.keys_dir, "acme")
    return ArchiveReader(
        objects=LocalObjects(f"{path}/segments"),
        index=index,
        keys=keys,
        terms=Terms(search_key(index, keys)),
        decoder=Decoder("acme"),
    )


def delivered(settings):
    (state,) = run(settings, once=True).targets
    return state.written, state.duplicates


def test_messages_and_alerts_are_kept_entered_and_signed(settings, tmp_path):
    messages = tmp_path / "messages"
    told(messages / "messages-1.jsonl", [record(1), record(2), b"{", record(3)], end=b"")
    told(messages / "messages-2.jsonl.gz", [record(4), record(2)])
    told(messages / "truth.jsonl", [b"no message"])
    told(tmp_path / "outputs" / "alerts" / "part-1", [json.dumps(ALERT).encode()])
    assert delivered(settings) == (6, 1)
    found, _ = reader(settings).search(Query(), 10)
    assert sorted(one.raw for one in found) == sorted([b"{", *map(record, range(1, 5))])
    hit, _ = reader(settings).search(Query(hit="a07_01"), 10)
    assert [one.row.seq for one in hit] == [3]
    ledger = LedgerReader(tmp_path / "archive" / "ledger")
    kinds = [read_message(entry) or read_other(entry) for _, entry in ledger.entries()]
    assert sum(isinstance(one, OtherLeaf) for one in kinds) == 1
    signer = note_signer(settings)
    public = (tmp_path / "keys" / "signing.pem").read_bytes()
    assert signed_by(ledger.note, signer.name, public)
    assert not signed_by(ledger.note, "mingjian/other/ledger", public)
    folder = tmp_path / "archive" / "ledger"
    assert list(audit(folder, lambda note: signed_by(note, signer.name, public))) == []
    assert holder(settings, settings.targets[0]).of("alerts", ["a1", "a2"]) == {"a1"}
    # nothing new: nothing is written, and no head is signed
    before = ledger.note
    assert delivered(settings) == (0, 0)
    assert LedgerReader(tmp_path / "archive" / "ledger").note == before


def test_a_record_of_another_tenant_is_refused_by_name_and_blocks_nothing(settings, tmp_path):
    foreign = record(2).replace(b'"acme"', b'"acne"')
    path = tmp_path / "messages" / "messages-1.jsonl"
    unnamed = record(4).replace(b'"tenant": "acme", ', b"")
    told(path, [record(1), foreign, b"{", unnamed, record(3)])
    assert delivered(settings) == (4, 0)
    target = settings.targets[0]
    (kept,) = refusals(settings, target)
    assert (kept.record.topic, kept.record.body) == ("messages", foreign)
    assert kept.reason == "it names the tenant 'acne', and this archive is of 'acme'"
    found, _ = reader(settings).search(Query(), 10)
    assert sorted(one.raw for one in found) == sorted([b"{", record(1), record(3), unnamed])
    # it was dealt with: nothing is read again, and what comes behind it is taken
    assert delivered(settings) == (0, 0)
    told(path, [record(1), foreign, b"{", unnamed, record(3), foreign, record(5)])
    assert delivered(settings) == (1, 0)
    assert [one.record.body for one in refusals(settings, target)] == [foreign]


def test_a_file_that_grows_is_read_on_and_half_a_line_waits(settings, tmp_path):
    path = tmp_path / "messages" / "messages-1.jsonl"
    path.write_bytes(record(1) + b"\n" + record(2)[:50])
    os.utime(path, (1 << 33, 1 << 33))  # somebody still writes, however slow this machine is
    assert delivered(settings) == (1, 0)
    path.write_bytes(record(1) + b"\n" + record(2) + b"\n")
    assert delivered(settings) == (1, 0)
    found, _ = reader(settings).search(Query(), 10)
    assert [one.raw for one in found] == [record(2), record(1)]


def test_a_packed_file_that_is_damaged_gives_what_it_has(settings, tmp_path):
    path = tmp_path / "messages" / "messages-1.jsonl.gz"
    told(path, [record(n, os.urandom(40).hex()) for n in range(400)])
    path.write_bytes(path.read_bytes()[:-3_000])
    new, _ = delivered(settings)
    assert 0 < new < 400
    assert delivered(settings) == (0, 0)


def test_messages_from_kafka_and_alerts_from_files_are_refused(settings):
    mixed = msgspec.structs.replace(settings, source=Source(kind="kafka"))
    with pytest.raises(MingjianError, match=r"source\.kind and outputs\.kind must be equal"):
        run(mixed, once=True)


def test_killed_before_it_stored_reads_again(settings, tmp_path):
    told(tmp_path / "messages" / "messages-1.jsonl", [record(n) for n in range(5)])
    stop = threading.Event()
    run(settings, once=False, stop=stop, after_write=lambda _name: stop.set())
    assert SqliteIndex(tmp_path / "archive" / "index.db").positions() == {}
    assert delivered(settings) == (5, 0)


# --- the sink alone, with a clock and disks of our own --------------------------------------------


class Disk(LocalObjects):
    full = False

    def put(self, name, data):
        if self.full:
            raise OSError(28, "No space left on device")
        super().put(name, data)


@pytest.fixture
def made(settings, tmp_path):
    def make():
        return ArchiveSink(
            "archive",
            tmp_path / "archive",
            tenant="acme",
            open_keys=lambda: Keystore(tmp_path / "keys", "acme"),
            open_signer=lambda: note_signer(settings),
            objects=disk,
            decoder=Decoder("acme"),
            segment_s=10,
            sign_s=60,
            clock=lambda: now[0],
        )

    now, disk = [1_000.0], Disk(tmp_path / "archive" / "segments")
    sink = make()
    sink.open()
    yield sink, now, disk
    sink.close()


def messages(first, last):
    return [Record("messages", "", record(n)) for n in range(first, last)]


def test_it_waits_for_enough_and_no_longer_than_it_may(made):
    sink, now, disk = made
    sink.write_at(messages(0, 3), {"p": 3})
    assert not sink.due()
    assert sink.positions() == {}
    now[0] += 10
    assert sink.due()
    assert sink.tick() == (3, 0, ())
    assert sink.positions() == {"p": 3}
    assert len(list(disk.names())) == 1
    assert not sink.due()
    now[0] += 50
    assert sink.due()  # to sign
    assert sink.tick() == (0, 0, ())
    assert not sink.due()
    now[0] += 1_000
    assert not sink.due()


def test_a_full_disk_keeps_what_was_taken_until_there_is_room(made, tmp_path):
    sink, now, disk = made
    sink.write_at(messages(0, 3), {"p": 3})
    now[0] += 10
    disk.full = True
    with pytest.raises(SinkBusy, match="No space left on device"):
        sink.tick()
    sink.write_at(messages(2, 5), {"p": 5})
    with pytest.raises(SinkBusy, match="No space left on device"):
        sink.tick()
    assert not sink._unsigned()
    disk.full = False
    assert sink.tick() == (5, 1, ())
    assert sink.positions() == {"p": 5}
    assert sink._ledger.size == 5


@pytest.mark.parametrize("part", ["append", "store"])
def test_a_failure_between_ledger_and_index_enters_nothing_twice(made, monkeypatch, part):
    sink, _, _ = made
    owner = sink._ledger if part == "append" else sink._index
    real = getattr(owner, part)

    def fails(*args):
        if part == "append":
            real(*args)
        monkeypatch.setattr(owner, part, real)
        raise OSError(5, "Input/output error")

    sink.write_at(messages(0, 4), {"p": 4})
    monkeypatch.setattr(owner, part, fails)
    with pytest.raises(SinkBusy, match="Input/output error"):
        sink.show()
    assert sink.show() == (0, 4, ())
    assert sink._ledger.size == 4
    assert len(sink._index.search(Asked(), 10)) == 4


@pytest.mark.parametrize("killed", [False, True], ids=["tried again", "killed"])
def test_a_segment_that_was_stored_and_never_entered_is_removed_when_its_messages_are(
    made, monkeypatch, settings, tmp_path, killed
):
    sink, _, disk = made

    def fails(*_):
        raise OSError(5, "Input/output error")

    sink.write_at(messages(0, 4), {"p": 4})
    with monkeypatch.context() as patch:
        patch.setattr(sink._ledger, "append", fails)
        with pytest.raises(SinkBusy, match="Input/output error"):
            sink.show()
    (left,) = disk.names()
    if killed:  # and what it had taken is read again, with more behind it
        sink.close()
        sink.open()
        sink.write_at(messages(0, 2), {"p": 2})
        sink.show()
        assert left in set(disk.names()), "messages 2 and 3 are nowhere else"
        sink.write_at(messages(2, 6), {"p": 6})
    sink.show()
    assert left not in set(disk.names())
    found, _ = reader(settings).search(Query(), 10)
    assert len(found) == (6 if killed else 4)


def test_what_people_do_with_the_archive_is_entered_too(made, tmp_path):
    sink, now, _ = made
    book = CustodyBook(tmp_path / "archive")
    sink.write_at(messages(0, 1), {"p": 1})
    deeds = [book.write(Deed(n, "lisi", "officer", "search", "x", {})) for n in range(2)]
    assert sink.due()
    sink.tick()
    now[0] += 10
    assert sink.tick() == (3, 0, ())
    assert sink.positions() == {"p": 1}
    entered = [read_other(sink._ledger.entry(number)) for number in (1, 2)]
    assert entered == [OtherLeaf("custody", str(one.number), sm3_raw(one.raw)) for one in deeds]
    book.write(Deed(9, "lisi", "officer", "unmask", "x", {}))
    assert sink.show() == (1, 0, ())
    assert not sink.due()
    sink.close()
    sink.open()
    assert sink.show() == (0, 0, ())
    path = tmp_path / "archive" / "custody.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"lisi", b"wang", 1))
    book.write(Deed(10, "lisi", "officer", "search", "x", {}))
    sink.write_at(messages(1, 2), {"p": 2})
    assert sink.show() == (1, 0, ()), "messages are archived all the same"
    assert "damaged at line 1" in sink.left()
    path.write_bytes(path.read_bytes().replace(b"wang", b"lisi", 1))
    assert sink.show() == (1, 0, ()), "a book that was mended is taken up where it stood"
    assert sink.left() == ""
    mended = path.read_bytes()
    path.write_bytes(mended[: mended.rindex(b"\n", 0, -1) + 1])
    assert sink.due(), "somebody did something"
    assert sink.show() == (0, 0, ())
    assert "its end is missing" in sink.left()
    book.write(Deed(11, "wang", "officer", "search", "x", {}))
    assert sink.show() == (0, 0, ()), "another line in its place is not entered over it"
    assert "is not the one that was read" in sink.left()
    path.write_bytes(mended)
    assert sink.show() == (0, 0, ())
    assert sink.left() == ""
