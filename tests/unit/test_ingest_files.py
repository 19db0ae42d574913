"""Files from where they were left off: what becomes of a file must not lose or repeat a record."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.files import Outcome, find, follow, take_all
from ingest.intake import Taken
from ingest.lines import Lines
from ingest.stream import take_stream
from rules.errors import MingjianError
from tests.support.collecting import bare, ids, opened, outputs, written

MOST = 1 << 20
PATIENCE_S = 30.0


def lines(*numbers: int) -> bytes:
    return b"".join(bare(number) + b"\n" for number in numbers)


def names(*numbers: int) -> list[str]:
    return [f"m{number}" for number in numbers]


def take(folder: Path, *given_: Path) -> Outcome:
    """What one run of the command takes."""
    with opened(folder) as intake:
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
    st.sampled_from(["line", "half", "rest", "rotate", "truncate", "run"]), max_size=14
)


@settings(max_examples=40)
@given(STEPS)
def test_every_whole_line_arrives_exactly_once_whatever_happens_to_the_file(
    steps: list[str],
) -> None:
    """Runs come between any two steps; only what is cut off before a run saw it is gone."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        export = folder / "export"
        export.mkdir()
        file = export / "messages.jsonl"
        file.touch()
        number, half, unseen, wanted = 0, b"", set[str](), set[str]()
        for step in [*steps, "rest", "run"]:
            if step == "run":
                take(folder, file)
                unseen.clear()
            elif step == "truncate" and not half:
                file.write_bytes(b"")
                wanted -= unseen
                unseen.clear()
            elif step == "rotate" and not half:
                take(folder, file)  # a run between two rotations, as every collector must have
                unseen.clear()
                file.rename(export / f"messages.jsonl.{time.monotonic_ns()}")
                file.touch()
            elif step in ("line", "half") and not half:
                number += 1
                whole = lines(number)
                cut = len(whole) if step == "line" else len(whole) // 2
                with file.open("ab") as more:
                    more.write(whole[:cut])
                half = whole[cut:]
                wanted.add(f"m{number}")
                unseen.add(f"m{number}")
            elif step == "rest" and half:
                with file.open("ab") as more:
                    more.write(half)
                half = b""
        whole_lines = [line for line in written(folder) if line.endswith(b"}}}")]
        there = [json.loads(line)["payload"]["msgid"] for line in whole_lines]
        assert sorted(there) == sorted(wanted)


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
        self._thread = threading.Thread(target=self._run, args=(folder, given_))
        self.outcome: Outcome | None = None

    def _run(self, folder: Path, given_: tuple[Path, ...]) -> None:
        with opened(folder) as intake:
            self.outcome = follow(given_, intake, self._stop, None)

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
