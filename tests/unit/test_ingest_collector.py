"""Nothing lost, nothing twice: what a collector takes, remembers and writes."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import folder_ends, waiting
from ingest.book import HOUR_MS, Book, Counted
from ingest.collector import Collector, Ends, Sealing
from ingest.ends import Refused
from ingest.envelope import Envelope, Envelopes
from ingest.folder_ends import FolderOutputs, FolderRecords
from ingest.intake import Taken
from ingest.waiting import Away, NotNow, Stopped, Told, Wait
from jobs.collecting import book_path, collector, ends
from rules.errors import MingjianError
from rules.operations import incident
from sinks.sealing import Sealer, binding
from tests.support.collecting import (
    T0,
    bare,
    enveloped,
    event,
    ids,
    opened,
    outputs,
    written,
)
from tests.support.collecting import settings as settings_in


def test_records_are_there_when_take_returns(tmp_path: Path) -> None:
    with opened(tmp_path) as intake:
        assert intake.take([enveloped(1), bare(2), event(3)]) == Taken(new=3)
        assert ids(tmp_path) == ["m1", "m2", "cb-3"]
        assert intake.take([]) == Taken()
    assert [path.name[:1] for path in (tmp_path / "messages").iterdir()] == ["m"]


def test_what_comes_again_is_not_written_again_even_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as intake:
        intake.take([enveloped(1), enveloped(1), b"no json"])
    with opened(tmp_path) as intake:
        taken = intake.take([bare(1), enveloped(1, received_at=T0 + 77), b"no json", bare(2)])
    assert taken == Taken(new=1, duplicates=3)
    assert written(tmp_path)[:2] == [enveloped(1), b"no json"]


def test_the_same_id_with_other_content_is_passed_on_once_and_counted(tmp_path: Path) -> None:
    other = enveloped(1, content="另一种说法")
    with opened(tmp_path) as intake:
        assert intake.take([enveloped(1), other]) == Taken(new=2, conflicts=1)
        assert intake.take([other, enveloped(1)]) == Taken(duplicates=2)
    assert written(tmp_path) == [enveloped(1), other]


def test_what_cannot_be_read_goes_to_the_job_and_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as intake:
        assert intake.take([b"\xff", b"[1]", bare(1)]) == Taken(new=3, undecoded=2)
    assert written(tmp_path)[:2] == [b"\xff", b"[1]"]


def test_what_no_line_can_carry_is_kept_in_quarantine(tmp_path: Path) -> None:
    body = b'{"half\n'
    with opened(tmp_path) as intake:
        assert intake.take([body, bare(1)]) == Taken(new=1, set_aside=1)
        intake.take([body])
    (record,) = outputs(tmp_path, "quarantine")
    assert record["reason"] == "not_json"
    assert record["raw_sm3"] == hashlib.new("sm3", body).hexdigest()
    sealer = Sealer.from_dir(tmp_path / "keys")
    bound = binding("quarantine", record["quarantine_id"])
    assert sealer.open(record["sealed"], bound) == body


def test_a_record_larger_than_any_may_be_is_set_aside_with_its_digest(tmp_path: Path) -> None:
    body = b"x" * 4096
    chosen = settings_in(tmp_path).kafka.__class__(max_record_bytes=2048)
    with opened(tmp_path, kafka=chosen) as intake:
        assert intake.take([body, bare(1)]) == Taken(new=1, set_aside=1)
    (record,) = outputs(tmp_path, "quarantine")
    assert (record["reason"], record["raw_size"]) == ("too_large", 4096)
    assert record["raw_sha256"] == hashlib.sha256(body).hexdigest()


def test_counts_are_by_hour_of_the_event_and_actor(tmp_path: Path) -> None:
    hour = T0 - T0 % HOUR_MS
    with opened(tmp_path) as intake:
        intake.take([bare(1), bare(2), bare(2), event(3), event(4, time=T0 + HOUR_MS)])
        intake.take([bare(5), b"no json"])
        totals = intake.totals()
    book = Book(book_path(settings_in(tmp_path), "files"))
    counted = book.counts()
    book.close()
    assert counted[:3] == [
        Counted(hour, "lisi", "event", 1),
        Counted(hour, "zhangsan", "archive", 3),
        Counted(hour + HOUR_MS, "lisi", "event", 1),
    ]
    assert [one[1:] for one in counted[3:]] == [("", "undecoded", 1)]
    assert totals == {"new": 6, "duplicates": 1, "undecoded": 1}, "old events are counted as well"


class Noted(FolderRecords):
    """Notes the times under which records are written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.times: list[int] = []

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        self.times += [one.time for one in envelopes]
        return super().write(envelopes, source, wait)


def test_what_has_no_time_does_not_move_event_time_on(tmp_path: Path) -> None:
    """A line that cannot be read, in an export of last year, must not make the rest of it late."""
    noted = Noted(tmp_path / "messages")
    with opened(tmp_path) as intake:
        intake._ends = intake._ends._replace(records=noted)
        intake.take([b"no json", bare(1), b"nor this", bare(2, msgtime=0)])
        intake.take([b"and this", bare(3, msgtime=T0 + 5)])
    assert noted.times == [0, T0, T0, T0, T0, T0 + 5]


def test_incidents_go_to_their_output(tmp_path: Path) -> None:
    one = incident("sequence_gap", tenant="demo", source="files", key="7", time=T0)
    with opened(tmp_path) as intake:
        intake.incident(one)
    assert [record["incident_id"] for record in outputs(tmp_path, "incidents")] == [one.incident_id]


def test_two_collectors_of_one_name_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(MingjianError, match="is running"), opened(tmp_path):
        pass
    with opened(tmp_path), opened(tmp_path, "other"):
        pass


@pytest.mark.parametrize("name", ["", "../up", "a b", "名字", "x" * 65])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MingjianError, match="no name for a collector"), opened(tmp_path, name):
        pass


def test_a_damaged_memory_is_told_and_not_overwritten(tmp_path: Path) -> None:
    path = book_path(settings_in(tmp_path), "files")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(MingjianError, match="cannot use") as told, opened(tmp_path):
        pass
    assert "data_dir" in told.value.fix_en
    assert path.read_bytes().startswith(b"this is")


def test_ids_are_forgotten_after_the_days_that_were_asked_for(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.db", keep_days=7)
    day = 24 * HOUR_MS
    totals = {"new": 1}
    book.remember([(b"i1", b"m")], {}, totals, part="", cursor="", now=T0)
    book.remember([(b"i2", b"m")], {}, totals, part="", cursor="", now=T0 + 7 * day)
    assert set(book.known([b"i1", b"i2"])) == {b"i1", b"i2"}
    book.remember([(b"i3", b"m")], {}, totals, part="", cursor="", now=T0 + 7 * day + HOUR_MS)
    assert set(book.known([b"i1", b"i2", b"i3"])) == {b"i2", b"i3"}
    book.close()


# ---- crashes ----


class Crash(BaseException):
    """The process ends here."""


class CrashingRecords(FolderRecords):
    """Ends the process before or after the file appears."""

    def __init__(self, folder: Path, crash: str) -> None:
        super().__init__(folder)
        self._crash = crash

    def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
        if self._crash == "before write":
            raise Crash
        refused = super().write(envelopes, source, wait)
        if self._crash == "after write":
            raise Crash
        return refused


class CrashingBook(Book):
    """Ends the process inside or after the transaction."""

    crash = ""

    def remember(self, *args, **named) -> None:
        if self.crash == "inside transaction":
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT INTO seen VALUES (x'00', x'00', 0)")
            raise Crash
        super().remember(*args, **named)
        if self.crash == "after transaction":
            raise Crash


def run(folder: Path, bodies: list[bytes], crash: str) -> None:
    """A source that gives one record a batch and goes on at its cursor; ends at `crash`."""
    book = CrashingBook(folder / "book.db")
    book.crash = crash
    collector = Collector(
        "x",
        "demo",
        book,
        Ends(
            CrashingRecords(folder / "messages", crash),
            FolderOutputs(folder / "outputs"),
            lambda: Wait(None, threading.Event()),
        ),
        Envelopes("demo", 1 << 20),
        Sealing(lambda raw, bound: "", 4096),
        lambda: T0,
        1 << 20,
    )
    try:
        for number in range(int(collector.cursor() or 0), len(bodies)):
            collector.take([bodies[number]], cursor=str(number + 1))
            if crash == "between batches":
                raise Crash
    except Crash:
        pass
    finally:
        collector.close()


POINTS = (
    "before write", "after write", "inside transaction", "after transaction", "between batches",
)  # fmt: skip


@settings(max_examples=25)
@given(st.lists(st.sampled_from(POINTS), max_size=6))
def test_wherever_it_crashes_every_record_is_there_and_the_cursor_never_runs_ahead(
    crashes: list[str],
) -> None:
    bodies = [bare(number) for number in range(4)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for crash in crashes:
            run(folder, bodies, crash)
            with sqlite3.connect(folder / "book.db") as db:
                done = db.execute("SELECT value FROM cursors").fetchone()
            assert set(ids(folder)) >= {f"m{n}" for n in range(int(done[0]) if done else 0)}
        run(folder, bodies, "")
        there = ids(folder)
        assert set(there) == {f"m{n}" for n in range(4)}
        # a record is written twice only when the process ended between writing and remembering
        repeated = len(there) - 4
        assert repeated <= crashes.count("after write") + crashes.count("inside transaction")


# ---- waiting ----


def test_a_disk_that_is_full_is_waited_for_and_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST_S", 0.01)
    full = [True, True]
    write = folder_ends._write

    def no_room(folder: Path, name: str, lines: list[bytes]) -> None:
        if full:
            full.pop()
            raise OSError(28, "No space left on device", str(folder))
        write(folder, name, lines)

    monkeypatch.setattr(folder_ends, "_write", no_room)
    told: list[Told] = []
    wait = Wait(None, threading.Event(), told.append)
    made = Envelopes("demo", 1 << 20).of(bare(1), T0)
    FolderRecords(tmp_path / "messages").write([made], "x", wait)
    assert ids(tmp_path) == ["m1"]
    assert [one.state for one in told] == ["away", "back"]
    assert "No space left" in told[0].reason


def test_waiting_ends_when_patience_or_the_collector_ends() -> None:
    with pytest.raises(NotNow):
        Wait(0.0, threading.Event()).away("gone")
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        Wait(None, stop).away("gone")


def test_waiting_behind_others_counts_as_waiting() -> None:
    lock = threading.Lock()
    with lock, pytest.raises(NotNow), Wait(0.05, threading.Event()).turn(lock):
        pass
    with Wait(0.05, threading.Event()).turn(lock):
        assert lock.locked()
    assert not lock.locked()


def test_a_memory_that_cannot_be_written_now_is_no_reason_to_lose_anything(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.db")
    with sqlite3.connect(tmp_path / "book.db", isolation_level=None) as other:
        book._db.execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Away):
            book.remember([(b"i", b"m")], {}, {}, part="", cursor="7", now=T0)
        other.execute("ROLLBACK")
    book.remember([(b"i", b"m")], {}, {}, part="", cursor="7", now=T0)
    assert book.cursor() == "7"
    book.close()


@contextmanager
def locked_book(folder: Path, intake: Collector) -> Iterator[None]:
    """Another program holds the book's lock for a while."""
    intake._book._db.execute("PRAGMA busy_timeout = 1")
    path = book_path(settings_in(folder), "files")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def impatient(folder: Path) -> Iterator[Collector]:
    chosen = settings_in(folder)
    with (
        ends(chosen, threading.Event(), patience=0.05) as where,
        collector(chosen, "files", where) as intake,
    ):
        yield intake


def test_what_was_written_and_could_not_be_remembered_is_not_written_again(tmp_path: Path) -> None:
    """A sender does as it is told and sends again; each time made another copy of everything."""
    bodies = [bare(1), bare(2), b'{"half\n']
    with impatient(tmp_path) as intake:
        with locked_book(tmp_path, intake):
            for _ in range(3):
                with pytest.raises(NotNow):
                    intake.take(bodies, cursor="3")
            with pytest.raises(NotNow):
                intake.take([bare(3)], cursor="4")
            assert ids(tmp_path) == ["m1", "m2"], "nothing more, before that is remembered"
            assert "locked" in intake.ready()
        assert intake.take(bodies, cursor="3") == Taken(duplicates=3)
        assert intake.take([bare(3)]) == Taken(new=1)
        assert intake.totals() == {"new": 3, "duplicates": 3, "set_aside": 1}
        assert intake.cursor() == "3"
    assert ids(tmp_path) == ["m1", "m2", "m3"]
    assert len(outputs(tmp_path, "quarantine")) == 1


def test_it_is_remembered_when_somebody_asks_for_readiness_or_at_the_end(tmp_path: Path) -> None:
    with impatient(tmp_path) as intake:
        with locked_book(tmp_path, intake), pytest.raises(NotNow):
            intake.take([bare(1)])
        assert intake.ready() == ""
        assert intake.totals() == {"new": 1}
        with locked_book(tmp_path, intake), pytest.raises(NotNow):
            intake.take([bare(2)])
    with impatient(tmp_path) as intake:
        assert intake.take([bare(1), bare(2)]) == Taken(duplicates=2)


def test_an_output_that_cannot_be_written_makes_no_copies_of_the_records(tmp_path: Path) -> None:
    bodies = [bare(1), b'{"half\n']
    blocked = tmp_path / "outputs" / "quarantine"
    blocked.parent.mkdir()
    blocked.write_bytes(b"")  # a file where the folder is to be
    with impatient(tmp_path) as intake:
        for _ in range(3):
            with pytest.raises(MingjianError, match="cannot write"):
                intake.take(bodies, cursor="2")
        assert intake.take([bare(2)]) == Taken(new=1), "others go on"
        assert intake.cursor() == "", "what is not told of is not passed over"
        blocked.unlink()
        assert intake.take(bodies, cursor="2") == Taken(duplicates=1, set_aside=1)
        assert intake.cursor() == "2"
    assert ids(tmp_path) == ["m1", "m2"]
    assert len(outputs(tmp_path, "quarantine")) == 1
