"""What is still relied on of a damaged custody book, and that nothing is deleted on the strength of
what may be lost."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS, EXIT_OK
from sinks.archive.book_reader import BookReader, DeedReader
from sinks.archive.custody import FILE, START, CustodyBook, Deed
from sinks.archive.hold_book import By
from sinks.archive.renewed_book import lost_of
from sinks.archive.renewing import relied_on_of, renew
from sinks.archive.whole_book import Entered
from tests.unit.test_cli_retention import (
    approved,  # noqa: F401 - fixtures
    archived,  # noqa: F401
    book,
    call,  # noqa: F401
    deliver,
    folder,  # noqa: F401
    scheduled,  # noqa: F401
    told,  # noqa: F401
)

ROOT = Path(__file__).resolve().parents[2]
BY = By("guan", "administrator", 9_000, "no copy")


def filled(folder: Path, count: int) -> CustodyBook:
    book = CustodyBook(folder)
    for number in range(1, count + 1):
        book.write(Deed(number, "lisi", "officer", "saw", f"T-{number}", {"leaf": number}))
    return book


def entered(book: CustodyBook, count: int) -> Entered:
    """The ledger has so many lines of the book as it is now."""
    known = {line.number: sm3_raw(line.raw) for line in book.lines()}
    return Entered(count, lambda number, sm3: known.get(number) == sm3)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), count=st.integers(1, 9))
def test_no_row_counts_that_was_not_written_and_none_is_lost_that_was_entered(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, count: int
) -> None:
    """Of rows altered, taken out, moved and put in twice, with a ledger that has some of them."""
    folder = tmp_path_factory.mktemp("book")
    written = filled(folder, count)
    reached = data.draw(st.integers(0, count))
    known = entered(written, reached)
    rows = (folder / FILE).read_bytes().splitlines(keepends=True)
    good = dict(enumerate(rows, 1))
    order = data.draw(st.lists(st.sampled_from(range(count)), max_size=count + 2))
    changed = [rows[at] for at in order]
    for at in range(len(changed)):
        if data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(changed[at]) - 2))
            byte = changed[at][place] ^ 1 << data.draw(st.integers(0, 7))
            changed[at] = changed[at][:place] + bytes([byte]) + changed[at][place + 1 :]
    whole = b"".join(changed)
    there = [one + b"\n" for one in whole.split(b"\n")[:-1]]
    spans = relied_on_of(whole, START, known)
    counted = [there[row - 1] for first, last in spans for row in range(first, last + 1)]
    assert len(set(counted)) == len(counted)
    # of a last line that was not entered yet nothing shows that it was altered
    beyond = {there[-1]} if there and there[-1] not in list(good.values())[:reached] else set()
    assert set(counted) <= {*good.values(), *beyond}
    for number in range(1, reached + 1):
        assert (good[number] in counted) == (good[number] in there), number


@pytest.mark.parametrize(
    ("there", "lost"),
    [([1, 2, 3, 4], []), ([4], [(1, 3)]), ([1, 3, 4], [(2, 2)]), ([2, 4, 9], [(1, 1), (3, 3)])],
)
def test_which_lines_are_lost(there: list[int], lost: list[tuple[int, int]]) -> None:
    assert lost_of(4, there) == lost


def damaged(tmp_path: Path, count: int, number: int) -> CustodyBook:
    book = filled(tmp_path, count)
    rows = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    row = rows[number - 1]
    rows[number - 1] = row[:3] + bytes([row[3] ^ 1]) + row[4:]
    (tmp_path / FILE).write_bytes(b"".join(rows))
    return book


def test_who_had_read_the_book_before_goes_on_with_the_new_one(tmp_path: Path) -> None:
    book = filled(tmp_path, 5)
    known = entered(book, 5)
    lines, deeds = BookReader(book, 0, known.has), DeedReader(book, "saw")
    assert (len(list(lines.lines())), len(deeds.deeds())) == (5, 5)
    rows = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join([rows[0], b"x" + rows[1][1:], *rows[2:]]))
    first = renew(tmp_path, BY, lambda: nullcontext(known))
    book.write(Deed(7, "lisi", "officer", "saw", "", {"leaf": 7}))
    assert [line.number for line in lines.lines()] == [first.number, first.number + 1] == [6, 7]
    assert [deed.at for deed in deeds.deeds()] == [1, 3, 4, 5, 7], "all there are, without line 2"
    book.write(Deed(8, "lisi", "officer", "saw", "", {"leaf": 8}))
    assert [deed.at for deed in deeds.deeds()] == [8]
    assert [line.number for line in book.lines(after=4)] == [5, 6, 7, 8]


def test_who_waits_to_write_while_it_is_begun_anew_writes_into_the_new_one(tmp_path: Path) -> None:
    book = damaged(tmp_path, 3, 2)
    program = (
        "import sys\n"
        "from sinks.archive.custody import CustodyBook, Deed\n"
        "print('ready', flush=True)\n"
        "CustodyBook(sys.argv[1]).write(Deed(5, 'wang', 'officer', 'saw', '', {}))\n"
    )
    with book.locked():
        waits = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert waits.stdout is not None
        assert waits.stdout.readline() == "ready\n"
        aside = tmp_path / f"{FILE}.aside"
        aside.hardlink_to(tmp_path / FILE)
        before = aside.read_bytes()
        CustodyBook(tmp_path / "other").write(Deed(4, "guan", "administrator", "saw", "", {}))
        (tmp_path / "other" / FILE).replace(tmp_path / FILE)  # at once, as `renew` does it
    assert waits.wait() == 0
    assert aside.read_bytes() == before
    assert [line.deed.who for line in CustodyBook(tmp_path).lines()] == ["guan", "wang"]


# ---- deletion -----------------------------------------------------------------------------------


def lose(folder: Path, number: int) -> None:
    """A line of the book becomes unreadable."""
    path = folder / "archive" / FILE
    rows = path.read_bytes().splitlines(keepends=True)
    row = rows[number - 1]
    rows[number - 1] = row[:3] + bytes([row[3] ^ 1]) + row[4:]
    path.write_bytes(b"".join(rows))


RENEW = ("archive", "renew-custody", "--why", "no copy")
HOLD = ("retention", "hold", "place", "case-1", "--person", "zhangsan", "--why", "letter 17")


@pytest.mark.parametrize("line", [1, 2], ids=["the schedule is lost", "a hold is lost"])
def test_nothing_is_deleted_until_an_officer_has_looked_through_what_holds(
    call, told, scheduled, line
):
    """An approved plan is not carried out; holds that are not lost go on holding."""
    assert call("zhao", *HOLD)[0] == EXIT_OK
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    deliver(scheduled)  # the ledger has three lines; the fourth is bound to the third
    assert call("qian", "retention", "approve", made["plan"][:8], "--why", "ok")[0] == EXIT_OK
    lose(scheduled, line)
    code, said = call("guan", *RENEW)
    assert (code, "nothing is deleted until an officer" in said) == (EXIT_OK, True)
    state = deliver(scheduled)
    assert "the custody book was damaged and begun anew" in state.why
    assert [one["action"] for one in book(scheduled)] == ["renewed_custody"]
    holds = told("zhao", "retention", "hold", "list")
    assert [one["hold"] for one in holds if "hold" in one] == (["case-1"] if line == 1 else [])
    # the officer sees what is missing, and says that all is as it should be
    if line == 2:
        assert call("zhao", *HOLD)[0] == EXIT_OK
    words = ("retention", "policies", scheduled / "year.yaml", "--apply", "--why", "looked through")
    assert call("zhao", *words)[0] == EXIT_OK
    deliver(scheduled)
    done = [one for one in book(scheduled) if one["action"] == "messages_deleted"]
    assert done == [], "a plan of before is void, also where the schedule says the same"
    (anew,) = told("zhao", "retention", "plan", "--keep", "--why", "季度清理")
    assert call("qian", "retention", "approve", anew["plan"][:8], "--why", "ok")[0] == EXIT_OK
    deliver(scheduled)
    done = [one for one in book(scheduled) if one["action"] == "messages_deleted"]
    assert len(done) == 1
    assert told("zhao", "retention", "hold", "list")[0]["hold"] == "case-1"
    code, said = call("shen", "retention", "check")
    assert code == EXIT_FINDINGS, "what is lost is not found again"
    assert f"line {line} of the custody book is in the ledger and not in the book" in said
