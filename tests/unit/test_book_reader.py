"""A book read on from where it was read last says what a whole reading says, whoever writes; and a
book that was changed behind the reader's back is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.alert import sm3_raw
from sinks.archive.book_reader import BookReader, DeedReader
from sinks.archive.custody import FILE, GENESIS, BookDamaged, CustodyBook, Deed, chained
from sinks.archive.subjects import StoredOnly
from tests.unit.test_custody import deed, filled

ROOT = Path(__file__).resolve().parents[2]
WRITER = (
    "import sys\n"
    "from sinks.archive.custody import CustodyBook\n"
    "from tests.unit.test_custody import deed\n"
    "book = CustodyBook(sys.argv[1])\n"
    "for number in range(int(sys.argv[2])):\n"
    "    book.write(deed(number, by=sys.argv[3]))\n"
)


def bound(deeds: list[Deed]) -> bytes:
    """A book of these deeds, as somebody makes it who knows how lines are bound."""
    rows, previous = [], GENESIS
    for number, one in enumerate(deeds, 1):
        raw = chained(number, previous, one._asdict())
        rows.append(raw + b"\n")
        previous = sm3_raw(raw)
    return b"".join(rows)


def test_what_several_processes_write_is_read_as_a_whole_reading_reads_it(tmp_path: Path) -> None:
    book = CustodyBook(tmp_path)
    reader, seen = BookReader(book), []
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "60", str(n)], cwd=ROOT)
        for n in range(3)
    ]
    looks = 0
    while any(one.poll() is None for one in writers):
        found = list(reader.lines())
        looks += bool(found)
        seen += found
    assert [one.wait() for one in writers] == [0, 0, 0]
    seen += reader.lines()
    assert seen == list(book.lines())
    assert [one.number for one in seen] == list(range(1, 181))
    assert looks > 1, "it was read while it was written"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_turns_of_writing_and_reading_give_each_line_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Two who write, an end that was not written whole, readers that stop in the middle."""
    folder = tmp_path_factory.mktemp("book")
    path = folder / FILE
    books = [CustodyBook(folder), CustodyBook(folder)]
    after = data.draw(st.integers(0, 3))
    for number in range(after):
        books[0].write(deed(number))
    reader, kinds = BookReader(books[0], after), DeedReader(books[1], "held")
    seen, held = [], []
    for turn in data.draw(st.lists(st.integers(0, 4), max_size=20)):
        match turn:
            case 0 | 1:
                action = data.draw(st.sampled_from(["saw", "held"]))
                books[turn].write(deed(len(seen), why="x" * turn)._replace(action=action))
            case 2:
                seen += reader.lines()
            case 3:
                for line in reader.lines():  # whoever stops here has not taken it
                    assert line.number == after + len(seen) + 1
                    break
            case _:
                held += kinds.deeds()
                if path.exists():  # a line that its writer did not finish
                    with path.open("ab") as file:
                        file.write(b'{"action":"held",')
    seen += reader.lines()
    held += kinds.deeds()
    whole = list(books[0].lines())
    assert seen == whole[after:]
    assert held == [one.deed for one in whole if one.deed.action == "held"]
    assert list(reader.lines()) == []
    assert kinds.deeds() == []


def flipped(rows: list[bytes], at: int) -> list[bytes]:
    """The `at`-th of their bytes with one bit turned, which leaves the line feeds as they are."""
    data = b"".join(rows)
    return [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]]


@pytest.mark.parametrize("grown", [False, True], ids=["as it was", "written to meanwhile"])
def test_every_bit_that_is_turned_in_what_was_read_before_is_found(
    tmp_path: Path, grown: bool
) -> None:
    book = filled(tmp_path, 4)
    path = tmp_path / FILE
    rows = path.read_bytes().splitlines(keepends=True)
    size = sum(map(len, rows)) - len(rows[-1]) * (not grown)
    for at in range(0, size, 3):
        path.write_bytes(b"".join(rows))
        reader = BookReader(book)
        assert len(list(reader.lines())) == 4
        if grown:
            book.write(deed(5))
        path.write_bytes(b"".join(flipped(path.read_bytes().splitlines(keepends=True), at)))
        with pytest.raises(BookDamaged) as found:
            list(reader.lines())
        number = b"".join(rows).count(b"\n", 0, at) + 1
        assert found.value.number == number
        with pytest.raises(BookDamaged):  # and it is not forgotten
            list(reader.lines())


OTHER = [deed(number, by="another") for number in range(1, 8)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: b"".join(rows[:3]), "has 3 lines, and 5 were read from it"),
        (lambda rows: b"".join(rows)[:-1], "has 4 lines, and 5 were read from it"),
        (lambda rows: b"", "has 0 lines, and 5 were read from it"),
        (lambda rows: b"".join(rows[1:]), "is damaged at line 1"),
        (lambda rows: b"".join([*rows[:2], *rows[3:]]), "is damaged at line 3"),
        (lambda rows: b"".join([rows[0], rows[2], rows[1], *rows[3:]]), "is damaged at line 2"),
        (lambda rows: bound(OTHER[:5]), "is not the one that was read: of its first 5 lines"),
        (lambda rows: bound(OTHER), "is not the one that was read: of its first 5 lines"),
        (lambda rows: bound(OTHER[:2]), "has 2 lines, and 5 were read from it"),
    ],
    ids=["cut", "last not whole", "empty", "first gone", "third gone", "moved", "another",
         "another and longer", "another and shorter"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["in place", "in its place"])
def test_a_book_that_was_changed_behind_the_reader_is_named_until_it_is_mended(
    tmp_path: Path, change, said: str, how: str
) -> None:
    book = filled(tmp_path, 5)
    path = tmp_path / FILE
    whole = path.read_bytes()
    reader = BookReader(book)
    assert len(list(reader.lines())) == 5
    changed = change(whole.splitlines(keepends=True))
    if how == "in place":
        path.write_bytes(changed)
    else:
        (tmp_path / "new").write_bytes(changed)
        (tmp_path / "new").replace(path)
    for _ in range(2):
        with pytest.raises(BookDamaged) as found:
            list(reader.lines())
        assert said in found.value.en
        assert str(path) in found.value.zh
    path.write_bytes(whole)
    book.write(deed(6))
    assert [line.number for line in reader.lines()] == [6], "and is taken up where it stood"


def test_a_book_that_is_gone_is_named(tmp_path: Path) -> None:
    book = filled(tmp_path, 2)
    reader = BookReader(book)
    assert len(list(reader.lines())) == 2
    (tmp_path / FILE).unlink()
    with pytest.raises(BookDamaged, match="has 0 lines, and 2 were read"):
        list(reader.lines())


def test_a_new_process_checks_the_chain_of_what_was_read_and_that_it_is_there(
    tmp_path: Path,
) -> None:
    book = filled(tmp_path, 5)
    assert [line.number for line in BookReader(book, 3).lines()] == [4, 5]
    with pytest.raises(BookDamaged, match="has 5 lines, and 6 were read"):
        list(BookReader(book, 6).lines())
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes().replace(b"lisi", b"wang", 1))
    with pytest.raises(BookDamaged, match="damaged at line 1: "):
        list(BookReader(book, 3).lines())


def test_whether_a_book_was_changed_shows_although_its_times_were_set_back(tmp_path: Path) -> None:
    book = filled(tmp_path, 3)
    path = tmp_path / FILE
    before, stat = book.state(), path.stat()
    path.write_bytes(path.read_bytes().replace(b"lisi", b"wang", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert book.state() != before


def test_deeds_of_one_kind_are_found_without_the_others(tmp_path: Path) -> None:
    book = CustodyBook(tmp_path)
    for number, action in enumerate(("saw", "held", "saw", "held", "held")):
        book.write(deed(number)._replace(action=action))
    reader = DeedReader(book, "held")
    assert [one.at for one in reader.deeds()] == [1_001, 1_003, 1_004]
    book.write(deed(7)._replace(action="held"))
    assert [one.at for one in reader.deeds()] == [1_007]
    path = tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"why":', b'"wy":')
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:-1])  # the last is not whole
    assert [one.at for one in DeedReader(book, "held").deeds()] == [1_001, 1_004]
    assert DeedReader(CustodyBook(tmp_path / "none"), "held").deeds() == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda rows: b"".join(rows[:3]), True),  # cut off
        (lambda rows: b"".join(rows[1:]), True),  # a line taken out
        (lambda rows: bound(OTHER), True),  # another
        (lambda rows: bound([deed(1, x=1), *OTHER[1:4], deed(5)]), True),  # bound anew to its end
        (lambda rows: b"", True),
        # what this reader leaves to who checks the whole book
        (lambda rows: b"".join(flipped(rows, 5)), False),
    ],
    ids=["cut", "taken out", "another", "bound anew", "empty", "altered in front"],
)
def test_who_looks_something_up_is_told_of_another_book_and_not_of_every_bit(
    tmp_path: Path, change, named: bool
) -> None:
    book = filled(tmp_path, 5)
    reader = DeedReader(book, "held")
    assert reader.deeds() == []
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(change(whole.splitlines(keepends=True)))
    if named:
        for _ in range(2):
            with pytest.raises(BookDamaged, match="is not the one that was read"):
                reader.deeds()
        path.write_bytes(whole)
    else:
        with pytest.raises(BookDamaged):
            list(book.lines())
    assert reader.deeds() == []


def test_what_may_only_be_stored_grows_with_the_book_and_is_not_guessed_of_another(
    tmp_path: Path,
) -> None:
    book = CustodyBook(tmp_path)
    only = StoredOnly(book)
    assert only.leaves() == set()

    def restrict(*leaves: list[int]) -> None:
        told = {"request": "r", "leaves": list(leaves)}
        book.write(Deed(1, "lina", "officer", "processing_restricted", "来函", told))

    restrict([1, 3])
    book.write(deed(1))
    assert only.leaves() == {1, 2, 3}
    restrict([7, 7])
    assert only.leaves() == {1, 2, 3, 7}
    path = tmp_path / FILE
    rows = path.read_bytes().splitlines(keepends=True)
    assert json.loads(rows[-1])["action"] == "processing_restricted"
    path.write_bytes(b"".join(rows[:-1]))
    with pytest.raises(BookDamaged):
        only.leaves()
