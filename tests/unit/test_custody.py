"""The custody book: every line is bound to the one before it, whoever writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sinks.archive.custody import FILE, BookDamaged, CustodyBook, Deed
from sinks.ledger.canonical import canonical

ROOT = Path(__file__).resolve().parents[2]


def deed(number, **details):
    return Deed(1_000 + number, "lisi", "officer", "search", f"案件 {number}", details)


def filled(folder, count):
    book = CustodyBook(folder)
    for number in range(1, count + 1):
        assert book.write(deed(number, text=f"t{number}")).number == number
    return book


def take(folder, given):
    """Let `given` be the numbers of the lines that are given, also when that ends in an error."""
    for line in CustodyBook(folder).lines():
        given.append(line.number)


def test_what_was_written_is_read(tmp_path):
    book = filled(tmp_path, 5)
    assert [(line.number, line.deed) for line in book.lines()] == [
        (number, deed(number, text=f"t{number}")) for number in range(1, 6)
    ]
    assert [line.number for line in CustodyBook(tmp_path).lines(after=3)] == [4, 5]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert list(CustodyBook(tmp_path / "none").lines()) == []


def test_every_flipped_bit_is_found_and_the_line_named(tmp_path):
    filled(tmp_path, 6)
    path = tmp_path / FILE
    data = path.read_bytes()
    bound = data.rfind(b"\n", 0, -1) + 1  # of the last line the ledger tells, not the book
    for at in range(bound):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        with pytest.raises(BookDamaged) as found:
            list(CustodyBook(tmp_path).lines())
        number = data.count(b"\n", 0, at) + 1
        assert found.value.number == number
        # of the last but one only the last tells, and that may be the altered one itself
        unsure = f"at line {number} or {number + 1}" in found.value.en
        assert f"at line {number}: " in found.value.en or (unsure and number == 5), at


def test_an_altered_line_is_not_given_as_if_it_were_what_was_written(tmp_path):
    """It reads well by itself; the one behind it says that it was another."""
    filled(tmp_path, 6)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace("案件 3".encode(), "案件 8".encode()))
    given = []
    with pytest.raises(BookDamaged, match="damaged at line 3: "):
        take(tmp_path, given)
    assert given == [1, 2]


@pytest.mark.parametrize("number", range(1, 7))
def test_which_of_two_lines_the_altered_one_is_the_line_behind_them_tells(tmp_path, number):
    """A line that names another one before it than there is was altered, or the one before it."""
    filled(tmp_path, 7)
    path = tmp_path / FILE
    rows = path.read_bytes().splitlines(keepends=True)
    told = json.loads(rows[number - 1])
    told["prev"] = told["prev"][:-1] + ("0" if told["prev"][-1] != "0" else "1")
    path.write_bytes(b"".join([*rows[: number - 1], canonical(told) + b"\n", *rows[number:]]))
    given = []
    with pytest.raises(BookDamaged, match=f"damaged at line {number}: "):
        take(tmp_path, given)
    assert given == list(range(1, number))


@pytest.mark.parametrize("change", [
    lambda rows: rows[:2] + rows[3:],
    lambda rows: [rows[0], rows[2], rows[1], *rows[3:]],
    lambda rows: rows[1:],
    lambda rows: [*rows[:2], rows[1], *rows[2:]],
])  # fmt: skip
def test_lines_taken_out_moved_or_put_in_twice(tmp_path, change):
    filled(tmp_path, 5)
    path = tmp_path / FILE
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(BookDamaged):
        list(CustodyBook(tmp_path).lines())


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_that_was_not_written_whole_is_written_over(tmp_path, cut):
    book = filled(tmp_path, 3)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-cut])
    assert [line.number for line in book.lines()] == [1, 2]
    assert book.write(deed(9)).number == 3
    assert [line.deed.why for line in book.lines()] == ["案件 1", "案件 2", "案件 9"]


def test_very_long_lines(tmp_path):
    book = CustodyBook(tmp_path)
    for number in range(1, 4):
        book.write(deed(number, ids=["x" * 100] * 3_000))
    assert [line.number for line in book.lines()] == [1, 2, 3]


def test_many_processes_write_one_chain(tmp_path):
    program = (
        "import sys\n"
        "from sinks.archive.custody import CustodyBook\n"
        "from tests.unit.test_custody import deed\n"
        "book = CustodyBook(sys.argv[1])\n"
        "for number in range(40):\n"
        "    book.write(deed(number, by=sys.argv[2]))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)], cwd=ROOT)
        for n in range(4)
    ]
    assert [one.wait() for one in started] == [0] * 4
    lines = list(CustodyBook(tmp_path).lines())
    assert [line.number for line in lines] == list(range(1, 161))
    assert {line.deed.details["by"] for line in lines} == {"0", "1", "2", "3"}
    assert json.loads(lines[0].raw)["prev"] == "0" * 64


def test_a_last_line_that_is_none_is_not_written_behind(tmp_path):
    filled(tmp_path, 1)
    path = tmp_path / FILE
    path.write_bytes(b"garbage\n")
    with pytest.raises(BookDamaged):
        CustodyBook(tmp_path).write(deed(1))
    assert path.read_bytes() == b"garbage\n"
