"""Before anybody writes into a book it is looked at whole: whatever changed in it is found."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from rules.alert import sm3_raw
from sinks.archive.custody import BookDamaged, CustodyBook, Deed
from sinks.archive.whole_book import Entered, WholeBook, nothing_entered

LINES = 6


@pytest.fixture
def book(tmp_path: Path) -> CustodyBook:
    book = CustodyBook(tmp_path)
    for number in range(LINES):
        book.write(
            Deed(1_700_000_000_000 + number, "zhao", "officer", "saw", "函", {"leaf": number})
        )
    return book


def path_of(tmp_path: Path) -> Path:
    return tmp_path / "custody.jsonl"


def whole(book: CustodyBook, entered: int) -> WholeBook:
    """With a ledger that has so many lines of the book as it is now."""
    known = {line.number: sm3_raw(line.raw) for line in book.lines()}
    return WholeBook(
        book, lambda: nullcontext(Entered(entered, lambda number, sm3: known[number] == sm3))
    )


@pytest.mark.parametrize("entered", [0, 3, LINES])
def test_a_book_as_it_was_written_is_whole_and_so_it_is_when_more_was_written(book, entered):
    looked = whole(book, entered)
    assert looked.require() == LINES
    book.write(Deed(1, "fu", "reviewer", "saw", "", {}))
    assert looked.require() == LINES + 1
    assert WholeBook(book).require() == LINES + 1


def test_there_is_no_book_yet(tmp_path):
    assert WholeBook(CustodyBook(tmp_path), nothing_entered).require() == 0


def test_an_end_that_was_not_written_whole_is_no_line_and_no_damage(book, tmp_path):
    with path_of(tmp_path).open("ab") as file:
        file.write(b'{"action":"saw","at":17')
    assert whole(book, LINES).require() == LINES


def test_every_altered_byte_is_found(book, tmp_path):
    """Where all lines are in the ledger, the altered one is named."""
    data, looked = path_of(tmp_path).read_bytes(), whole(book, LINES)
    for at in range(len(data)):
        path_of(tmp_path).write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        with pytest.raises(BookDamaged) as caught:
            looked.require()
        altered = data.count(b"\n", 0, at) + 1
        assert caught.value.number == altered, at
        assert " or " not in caught.value.en.partition(": ")[0]
    path_of(tmp_path).write_bytes(data)
    assert looked.require() == LINES


@pytest.mark.parametrize("number", range(1, LINES + 1))
def test_a_line_that_was_taken_out_or_moved_is_found(book, tmp_path, number):
    rows, looked = path_of(tmp_path).read_bytes().splitlines(keepends=True), whole(book, LINES)
    path_of(tmp_path).write_bytes(b"".join(rows[: number - 1] + rows[number:]))
    with pytest.raises(BookDamaged) as caught:
        looked.require()
    assert caught.value.number == number
    moved = [*rows[: number - 1], *rows[number:], rows[number - 1]]
    path_of(tmp_path).write_bytes(b"".join(moved))
    if number < LINES:
        with pytest.raises(BookDamaged) as caught:
            looked.require()
        assert caught.value.number == number


def test_an_end_that_is_missing_is_known_from_the_ledger_alone(book, tmp_path):
    rows, looked = path_of(tmp_path).read_bytes().splitlines(keepends=True), whole(book, 5)
    path_of(tmp_path).write_bytes(b"".join(rows[:5]))
    assert looked.require() == 5, "the sixth was not entered yet"
    path_of(tmp_path).write_bytes(b"".join(rows[:2]))
    with pytest.raises(BookDamaged, match="has 2 lines, and 5 were entered in the ledger"):
        looked.require()
    path_of(tmp_path).unlink()
    with pytest.raises(BookDamaged, match="has 0 lines, and 5 were entered in the ledger"):
        looked.require()


def test_nothing_is_appended_to_a_last_line_that_is_none_and_it_is_named(book, tmp_path):
    with path_of(tmp_path).open("ab") as file:
        file.write(b"nonsense\n")
    before = path_of(tmp_path).read_bytes()
    with pytest.raises(BookDamaged) as caught:
        book.write(Deed(1, "fu", "reviewer", "saw", "", {}))
    assert f"{path_of(tmp_path)} is damaged at line {LINES + 1}" in caught.value.en
    assert path_of(tmp_path).read_bytes() == before
