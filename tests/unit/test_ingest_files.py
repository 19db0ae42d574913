"""Files from where they were left off: what becomes of a file must not lose or repeat a record."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import followed
from ingest.ends import Refused
from ingest.envelope import Envelope
from ingest.files import Outcome, find, follow, passed_over, take_all
from ingest.folder_ends import FolderRecords
from ingest.intake import Taken
from ingest.lines import Lines
from ingest.one_file import OneFile
from ingest.stream import take_stream
from ingest.waiting import Wait
from rules.errors import MingjianError
from tests.support.collecting import bare, ids, opened, outputs, written

MOST = 1 << 20
PATIENCE_S = 30.0


def lines(*numbers: int) -> bytes:
    return b"".join(bare(number) + b"\n" for number in numbers)


def names(*numbers: int) -> list[str]:
    return [f"m{number}" for number in numbers]


def take(folder: Path, *given_: Path, meanwhile: Callable[[], object] = str) -> Outcome:
    """What one run of the command takes.

    Args:
        meanwhile: happens once, while the first batch is being written.
    """
    waiting = [meanwhile]

    class Slow(FolderRecords):
        def write(self, envelopes: Sequence[Envelope], source: str, wait: Wait) -> list[Refused]:
            if waiting:
                waiting.pop()()
            return super().write(envelopes, source, wait)

    with opened(folder) as intake:
        intake._ends = intake._ends._replace(records=Slow(folder / "messages"))
        return take_all(find(given_, None), intake, threading.Event())


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def test_a_folder_gives_its_record_files_and_nothing_else(tmp_path: Path, export: Path) -> None:
    (export / "a.jsonl").write_bytes(lines(1))
    (export / "b.jsonl.gz").write_bytes(gzip.compress(lines(2)))
    for other in ("truth.jsonl", ".hidden.jsonl", "notes.txt", "messages.jsonl.part"):
        (export / other).write_bytes(lines(9))
    outcome = take(tmp_path, export)
    assert (outcome.taken, outcome.files) == (Taken(new=2), 2)
    assert ids(tmp_path) == names(1, 2)
    assert take(tmp_path, export).files == 0, "nothing is read again"


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_file_that_has_grown_is_read_from_where_it_ended(
    tmp_path: Path, export: Path, suffix: str
) -> None:
    file = export / f"a{suffix}"
    pack: Callable[[bytes], bytes] = gzip.compress if suffix.endswith("gz") else bytes
    file.write_bytes(pack(lines(1, 2)))
    take(tmp_path, file)
    with file.open("ab") as more:
        more.write(pack(lines(3)))
    assert take(tmp_path, file).taken == Taken(new=1), "what was read is not read again"
    assert ids(tmp_path) == names(1, 2, 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lines(1, 2, 3), lines(4)),  # cut off and begun anew
        (lines(1, 2), lines(4, 5, 6)),  # written anew, longer
        (lines(1, 2), lines(1, 4, 3)),  # another file with the same beginning
        (lines(1, 2), lines(4, 2, 3)),  # and with the same end of what was read
    ],
)
def test_a_file_with_other_content_under_the_same_name_is_read_from_its_beginning(
    tmp_path: Path, export: Path, before: bytes, after: bytes
) -> None:
    file = export / "a.jsonl"
    file.write_bytes(before)
    take(tmp_path, file)
    file.write_bytes(after)
    take(tmp_path, file)
    wanted = {json.loads(line)["msgid"] for line in (before + after).splitlines()}
    assert sorted(ids(tmp_path)) == sorted(wanted)


def test_what_was_added_before_a_rotation_is_not_forgotten(tmp_path: Path, export: Path) -> None:
    file = export / "messages.jsonl"
    file.write_bytes(lines(1))
    take(tmp_path, file)
    with file.open("ab") as more:
        more.write(lines(2))
    file.rename(export / "messages.jsonl.1")
    file.write_bytes(lines(3))
    assert take(tmp_path, file).taken == Taken(new=2)
    assert ids(tmp_path) == names(1, 2, 3)
    assert take(tmp_path, file).taken == Taken()


def test_half_a_line_is_taken_and_so_is_the_whole_of_it_later(tmp_path: Path, export: Path) -> None:
    file, whole = export / "a.jsonl", bare(2)
    file.write_bytes(lines(1) + whole[:30])
    assert take(tmp_path, file).taken == Taken(new=2, undecoded=1)
    file.write_bytes(lines(1) + whole + b"\n" + bare(3))
    assert take(tmp_path, file).taken == Taken(new=2)
    with file.open("ab") as more:
        more.write(b"\n" + lines(4))
    assert take(tmp_path, file).taken == Taken(new=1, duplicates=1)
    assert written(tmp_path)[1] == whole[:30]


def test_a_line_that_is_completed_while_its_batch_is_written_is_not_lost(
    tmp_path: Path, export: Path
) -> None:
    """The buffer of whoever writes the file ends somewhere, and goes on while we write."""
    file, line = export / "a.jsonl", lines(2)
    file.write_bytes(lines(1) + line[:30])

    def complete() -> None:
        with file.open("ab") as more:
            more.write(line[30:] + lines(3))

    assert take(tmp_path, file, meanwhile=complete).taken == Taken(new=2, undecoded=1)
    assert take(tmp_path, file).taken == Taken(new=2)
    assert take(tmp_path, file).files == 0
    assert whole_ids(tmp_path) == names(1, 2, 3)


def test_a_last_line_without_an_end_is_not_read_in_every_run(tmp_path: Path, export: Path) -> None:
    (export / "a.jsonl").write_bytes(lines(1) + bare(2))
    assert take(tmp_path, export).taken == Taken(new=2)
    assert take(tmp_path, export).files == 0


def test_a_damaged_packed_file_gives_what_it_has_and_is_told(tmp_path: Path, export: Path) -> None:
    packed = gzip.compress(lines(*range(500)))
    (export / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (export / "b.jsonl").write_bytes(lines(1000))
    outcome = take(tmp_path, export)
    (damaged,) = outcome.damaged
    assert damaged.path.name == "a.jsonl.gz"
    assert len(ids(tmp_path)) > 1
    (export / "a.jsonl.gz").write_bytes(packed)
    assert take(tmp_path, export).damaged == []
    assert sorted(ids(tmp_path)) == sorted(names(*range(500), 1000))


def test_a_line_that_is_too_long_is_set_aside_without_being_kept_in_memory(
    tmp_path: Path, export: Path
) -> None:
    file = export / "a.jsonl"
    long = b"x" * 3_000_000
    file.write_bytes(lines(1) + long + b"\n" + lines(2) + long)
    with opened(tmp_path) as intake:
        intake.most_bytes = MOST
        outcome = take_all([file], intake, threading.Event())
    assert outcome.taken == Taken(new=2, set_aside=2)
    one, other = outputs(tmp_path, "quarantine")
    assert (one["raw_size"], one["quarantine_id"]) == (len(long), other["quarantine_id"])
    with file.open("ab") as more:
        more.write(b"\n" + lines(3))
    with opened(tmp_path) as intake:
        intake.most_bytes = MOST
        take_all([file], intake, threading.Event())
    assert ids(tmp_path) == names(1, 2, 3)


def test_empty_lines_are_no_records(tmp_path: Path, export: Path) -> None:
    (export / "a.jsonl").write_bytes(b"\n \r\n" + bare(1) + b"\r\n\n")
    assert take(tmp_path, export).taken == Taken(new=1)


def test_the_folder_the_job_reads_is_no_source(tmp_path: Path, export: Path) -> None:
    with pytest.raises(MingjianError, match="reads already") as told:
        find([export], export)
    assert "mingjian detect" in told.value.fix_en
    with pytest.raises(MingjianError, match="no file or folder"):
        find([tmp_path / "nothing"], None)


# ---- whatever happens to a file ----

STEPS = st.lists(
    st.sampled_from(
        ["line", "half", "rest", "rotate", "truncate", "run", "run + line", "run + half",
         "run + rest"]
    ),
    max_size=14,
)  # fmt: skip


class Writer:
    """Whoever writes the file; `wanted` are the ids of all that must arrive."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "messages.jsonl"
        self.file.touch()
        self.number, self.half = 0, b""
        self.wanted: set[str] = set()

    def does(self, step: str) -> None:
        if step in ("line", "half") and not self.half:
            self.number += 1
            self.wanted.add(f"m{self.number}")
            whole = lines(self.number)
            cut = len(whole) if step == "line" else len(whole) // 2
            self._append(whole[:cut])
            self.half = whole[cut:]
        elif step == "rest" and self.half:
            self._append(self.half)
            self.half = b""
        elif step == "truncate" and not self.half:
            self.file.write_bytes(b"")
        elif step == "rotate" and not self.half:
            self.file.rename(self.folder / f"messages.jsonl.{time.monotonic_ns()}")
            self.file.touch()

    def _append(self, text: bytes) -> None:
        with self.file.open("ab") as more:
            more.write(text)


def whole_ids(folder: Path) -> list[str]:
    """The ids of what was written, without the half lines."""
    whole_lines = [line for line in written(folder) if line.endswith(b"}}}")]
    return [json.loads(line)["payload"]["msgid"] for line in whole_lines]


@settings(max_examples=60)
@given(STEPS)
@example(["line", "half", "run + rest"])
def test_every_whole_line_arrives_exactly_once_whatever_happens_to_the_file(
    steps: list[str],
) -> None:
    """Runs come between any two steps, and a run may see the file grow while it writes; only what
    is cut off before a run saw it is gone."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        export = folder / "export"
        export.mkdir()
        writer = Writer(export)
        for step in [*steps, "rest", "run"]:
            if step == "rotate":
                take(folder, writer.file)  # between two rotations, as every collector must have
            if step == "truncate" and not writer.half:
                writer.wanted = set(whole_ids(folder))
            run, _, meanwhile = step.partition(" + ")
            if run == "run":
                take(folder, writer.file, meanwhile=partial(writer.does, meanwhile))
            else:
                writer.does(step)
        assert sorted(whole_ids(folder)) == sorted(writer.wanted)


# ---- following ----


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


class Following:
    """A collector that follows, in a thread."""

    def __init__(self, folder: Path, *given_: Path) -> None:
        self._stop = threading.Event()
        self.later = 0.0  # seconds by which its clock is ahead
        self._thread = threading.Thread(target=self._run, args=(folder, given_))
        self.outcome: Outcome | None = None

    def _run(self, folder: Path, given_: tuple[Path, ...]) -> None:
        with opened(folder) as intake:
            self.outcome = follow(
                given_, intake, self._stop, None, clock=lambda: time.monotonic() + self.later
            )

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_what_is_added_is_followed_also_in_new_files_and_after_rotation(
    tmp_path: Path, export: Path
) -> None:
    file = export / "messages.jsonl"
    file.write_bytes(lines(1))
    with Following(tmp_path, export) as following:
        until(lambda: ids(tmp_path) == names(1))
        with file.open("ab") as more:
            more.write(lines(2) + bare(3)[:20])
            more.flush()
            until(lambda: ids(tmp_path) == names(1, 2))
            file.rename(export / "messages.jsonl.1")
            file.write_bytes(lines(4))
            more.write(bare(3)[20:] + b"\n")  # the writer has not noticed yet
        until(lambda: sorted(ids(tmp_path)) == names(1, 2, 3, 4))
        (export / "new.jsonl").write_bytes(lines(5))
        (export / "packed.jsonl.gz").write_bytes(gzip.compress(lines(6)))
        until(lambda: sorted(ids(tmp_path)) == names(1, 2, 3, 4, 5, 6))
        file.write_bytes(lines(7))  # cut off, and written anew
        until(lambda: sorted(ids(tmp_path)) == names(1, 2, 3, 4, 5, 6, 7))
    assert following.outcome is not None
    assert following.outcome.taken.new == 7


def add(file: Path, text: bytes) -> None:
    with file.open("ab") as more:
        more.write(text)


def test_a_file_without_its_name_is_read_for_a_minute_whatever_comes_in_the_new_one(
    tmp_path: Path, export: Path
) -> None:
    """What its writer adds until it notices must not be lost, nor a last line that has no end."""
    file, old = export / "messages.jsonl", export / "messages.jsonl.1"
    file.write_bytes(lines(1))
    with Following(tmp_path, file) as following:
        until(lambda: ids(tmp_path) == names(1))
        file.rename(old)
        for number in range(2, 17):  # a look for each of them
            add(file, lines(number))
            until(lambda number=number: f"m{number}" in ids(tmp_path))
        add(old, lines(17))
        until(lambda: "m17" in ids(tmp_path))
        following.later = 50
        add(old, lines(18) + bare(19))
        until(lambda: "m18" in ids(tmp_path))
        following.later = 100  # not a minute since it grew
        add(file, lines(20))
        until(lambda: "m20" in ids(tmp_path))
        assert "m19" not in ids(tmp_path), "it may go on"
        following.later = 200
        until(lambda: "m19" in ids(tmp_path))
        until(lambda: held(export) == [])
        add(file, lines(21))
        until(lambda: "m21" in ids(tmp_path))
    assert sorted(ids(tmp_path)) == sorted(names(*range(1, 22)))
    assert take(tmp_path, file).taken == Taken(), "and where it was read to is known"


def test_who_stops_soon_after_a_rotation_goes_on_with_the_old_file(
    tmp_path: Path, export: Path
) -> None:
    file, old = export / "messages.jsonl", export / "messages.jsonl.1"
    file.write_bytes(lines(1))
    with Following(tmp_path, file):
        until(lambda: ids(tmp_path) == names(1))
        file.rename(old)
        file.write_bytes(lines(2))
        until(lambda: ids(tmp_path) == names(1, 2))
    add(old, lines(3))
    with Following(tmp_path, file) as following:
        until(lambda: ids(tmp_path) == names(1, 2, 3))
        following.later = 100
        until(lambda: held(export) == [])
    assert take(tmp_path, file).taken == Taken()


def held(folder: Path) -> list[Path]:
    """The files in a folder that this process has open."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(entry.readlink())
    return sorted(path for path in found if path.parent == folder)


def test_a_folder_of_many_files_is_followed_with_few_of_them_open(
    tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "MOST_OPEN", 5)
    files = [export / f"{number:02}.jsonl" for number in range(30)]
    for number, file in enumerate(files):
        file.write_bytes(lines(number))
    with Following(tmp_path, export) as following:
        until(lambda: sorted(ids(tmp_path)) == sorted(names(*range(30))))
        until(lambda: len(held(export)) <= 5)
        add(files[0], lines(30) + bare(31)[:9])
        until(lambda: "m30" in ids(tmp_path))
        files[1].write_bytes(lines(32))  # cut off and begun anew
        files[2].rename(export / "2")
        add(export / "2", lines(33))
        files[2].write_bytes(lines(34))
        for file in files[10:]:
            file.unlink()
        until(lambda: {"m32", "m33", "m34"} <= set(ids(tmp_path)))
        assert len(held(export)) <= 2 * 5
        following.later = 100
        until(lambda: held(export) == [files[0]])  # it ends in the middle of a line
        add(files[0], bare(31)[9:] + b"\n")
        until(lambda: "m31" in ids(tmp_path))
        following.later = 200
        until(lambda: held(export) == [])
        add(files[3], lines(35))
        until(lambda: "m35" in ids(tmp_path))
    assert sorted(ids(tmp_path)) == sorted(names(*range(36)))
    assert following.outcome is not None
    assert following.outcome.taken.duplicates == 0


@pytest.mark.parametrize("new_one", [False, True], ids=["no new file", "a new file"])
def test_half_a_line_of_a_file_that_is_moved_away_is_set_aside_where_many_grow(
    tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch, new_one: bool
) -> None:
    """Of those that grow only some stay open; the others are gone with what they had."""
    monkeypatch.setattr(followed, "MOST_OPEN", 5)
    files = [export / f"{number:02}.jsonl" for number in range(12)]
    with Following(tmp_path, export) as following:
        for number, file in enumerate(files):
            file.write_bytes(lines(number) + bare(100 + number)[:40])
        until(lambda: sorted(ids(tmp_path)) == sorted(names(*range(12))))
        until(lambda: len(held(export)) <= 5)
        gone = next(file for file in files if file not in held(export))
        gone.rename(tmp_path / "elsewhere")
        if new_one:
            gone.write_bytes(lines(12))
        half = bare(100 + files.index(gone))[:40]
        until(lambda: half in written(tmp_path))  # the job sets it aside
        for number, file in enumerate(files):
            if file != gone:
                add(file, bare(100 + number)[40:] + b"\n")
        until(lambda: len(whole_ids(tmp_path)) == 12 + 11 + new_one)
    assert [line for line in written(tmp_path) if not line.endswith(b"}}}")] == [half]
    assert following.outcome is not None
    assert following.outcome.taken == Taken(new=24 + new_one, undecoded=1)


# ---- standard input ----


def test_a_stream_is_taken_to_its_end_half_a_line_included(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, lines(1, 2) + bare(3))
    os.close(writing)
    with opened(tmp_path) as intake:
        taken = take_stream(reading, intake, MOST, threading.Event())
    os.close(reading)
    assert taken == Taken(new=3)
    assert ids(tmp_path) == names(1, 2, 3)


def test_a_stream_that_pauses_is_taken_meanwhile_and_can_be_stopped(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    result: list[Taken] = []

    def run() -> None:
        with opened(tmp_path) as intake:
            result.append(take_stream(reading, intake, MOST, stop))

    thread = threading.Thread(target=run)
    thread.start()
    os.write(writing, lines(1))
    until(lambda: ids(tmp_path) == names(1))
    os.write(writing, lines(2))
    until(lambda: ids(tmp_path) == names(1, 2))
    os.write(writing, bare(3)[:20])
    stop.set()
    thread.join()
    os.close(writing)
    os.close(reading)
    rest = written(tmp_path)[2:]
    assert rest in ([], [bare(3)[:20]]), "what was read is written, half a line too"
    assert result[0] == Taken(new=2 + len(rest), undecoded=len(rest))


def test_what_a_stream_gave_and_nobody_could_keep_is_told(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, lines(1, 2))
    os.close(writing)
    with opened(tmp_path) as intake:
        (tmp_path / "messages").rmdir()
        (tmp_path / "messages").write_bytes(b"a file where the folder was")
        with pytest.raises(MingjianError) as told:
            take_stream(reading, intake, MOST, threading.Event())
    os.close(reading)
    assert "2, may not have been written" in told.value.en
    assert "not taken twice" in told.value.fix_en


@given(st.lists(st.binary(max_size=8), max_size=12), st.integers(1, 6))
@settings(max_examples=60)
def test_lines_of_a_stream_do_not_depend_on_its_pieces(pieces: list[bytes], most: int) -> None:
    whole, parts = Lines(most), Lines(most)
    joined = whole.feed(b"".join(pieces)) + whole.end()
    apart = [body for piece in pieces for body in parts.feed(piece)] + parts.end()
    assert [body[1:] if isinstance(body, tuple) else body for body in joined] == [
        body[1:] if isinstance(body, tuple) else body for body in apart
    ]


# ---- names and kinds of files ----

ODD = b"\xff\xfe.jsonl"  # a name to the system, and no UTF-8


def test_a_file_whose_name_is_no_utf8_is_taken_once_and_goes_on(
    tmp_path: Path, export: Path
) -> None:
    odd = export / os.fsdecode(ODD)
    odd.write_bytes(lines(1))
    (export / os.fsdecode(b"\xff\xfd.jsonl")).write_bytes(lines(2))
    (export / "\uffff.jsonl").write_bytes(lines(3))
    outcome = take(tmp_path, export)
    assert (outcome.taken, outcome.files) == (Taken(new=3), 3)
    assert take(tmp_path, export).files == 0, "each has a place of its own"
    with odd.open("ab") as more:
        more.write(lines(4))
    assert take(tmp_path, export).taken == Taken(new=1)


def test_a_file_whose_name_is_no_utf8_is_followed(tmp_path: Path, export: Path) -> None:
    (export / os.fsdecode(ODD)).write_bytes(lines(1))
    (export / (os.fsdecode(ODD) + ".gz").replace(".jsonl.gz", "2.jsonl.gz")).write_bytes(
        gzip.compress(lines(2))
    )
    stop = threading.Event()
    with opened(tmp_path) as intake:
        outcome = follow([export], intake, stop, None, lambda at: at.taken.new == 2 and stop.set())
    assert outcome.taken == Taken(new=2)


def test_a_pipe_is_refused_and_in_a_folder_passed_over(tmp_path: Path, export: Path) -> None:
    pipe = export / "p.jsonl"
    os.mkfifo(pipe)
    (export / "q.jsonl").symlink_to(pipe)
    (export / "r.jsonl").write_bytes(lines(1))
    with pytest.raises(MingjianError, match=r"p\.jsonl is no regular file") as refused:
        find([pipe], None)
    assert "不是普通文件" in refused.value.zh
    assert take(tmp_path, export).taken == Taken(new=1)
    assert passed_over([export]) == [pipe, export / "q.jsonl"]


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(export: Path) -> None:
    pipe = export / "p.jsonl"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"):
        OneFile(pipe, MOST)


def test_a_stream_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with opened(tmp_path) as intake, pytest.raises(MingjianError, match="cannot read the str"):
            take_stream(descriptor, intake, MOST, threading.Event())
    finally:
        os.close(descriptor)
