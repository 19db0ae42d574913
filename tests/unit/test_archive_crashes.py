"""Laws of the puller: wherever the process dies, whatever the archive answers, every message comes
out, once, and every missing one is told of."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.archive.book import Book
from tests.support.archive import Company, Crash, ids, stored, write_key

SEQS = st.lists(st.integers(1, 14), min_size=1, max_size=9, unique=True).map(sorted)
CODES = st.lists(st.sampled_from([0, 10001, 10002, 10003, -1, 45009]), max_size=8)


class Steps:
    """Dies at one step of all those that a run takes."""

    def __init__(self, die_at: int) -> None:
        self.left = die_at

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash


class DyingBook(Book):
    """A book whose process may die before and after each of its writes."""

    step: Callable[[], None] = staticmethod(lambda: None)

    def _around(self, write: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self.step()
        result = write(*given, **named)
        self.step()
        return result

    def keep(self, *given: Any) -> None:
        self._around(super().keep, *given)

    def forget(self, *given: Any) -> None:
        self._around(super().forget, *given)

    def gap(self, *given: Any, **named: Any) -> None:
        self._around(super().gap, *given, **named)

    def left_of_gap(self, *given: Any) -> None:
        self._around(super().left_of_gap, *given)

    def opening(self, *given: Any) -> str | None:
        return self._around(super().opening, *given)

    def told(self, *given: Any) -> None:
        self._around(super().told, *given)

    def ended(self, *given: Any) -> None:
        self._around(super().ended, *given)

    def note(self, *given: Any) -> None:
        self._around(super().note, *given)


def dying(steps: Callable[[], None]) -> Callable[[Path], DyingBook]:
    """Makes books that die when `steps` says."""

    def book(path: Path) -> DyingBook:
        made = DyingBook(path)
        made.step = steps
        return made

    return book


def told_missing(company: Company) -> list[int]:
    """The numbers that open incidents say are missing."""
    runs = [
        re.match("numbers (\\d+) to (\\d+) are missing", detail)
        for kind, detail, _ in company.intake.open()
        if kind == "sequence_gap"
    ]
    return sorted(n for run in runs if run for n in range(int(run[1]), int(run[2]) + 1))


def lives(company: Company, deaths: list[int], **pull: Any) -> None:
    """Processes that die, each at its step, and one that comes to the end."""
    for step in (*deaths, 0):
        steps = Steps(step)
        company.intake.step = steps
        try:
            company.pull(book=dying(steps), **pull)
        except Crash:
            company.clock.ms += 1000


@given(
    seqs=SEQS,
    keyless=st.sets(st.integers(1, 14)),
    codes=CODES,
    limit=st.integers(1, 5),
    deaths=st.lists(st.integers(1, 40), max_size=4),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_dies_every_message_comes_out_once_and_every_gap_is_told(
    seqs: list[int], keyless: set[int], codes: list[int], limit: int, deaths: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        company = Company(Path(folder))
        company.archive.add(*(stored(seq, version=2 if seq in keyless else 1) for seq in seqs))
        company.archive.fail(*codes)
        lives(company, deaths, limit=limit)
        assert sorted(company.taken) == sorted(ids(*(seq for seq in seqs if seq not in keyless)))
        assert company.intake.cursor() == str(seqs[-1])

        missing = {*range(seqs[0], seqs[-1])} - {*seqs}
        told = [one for one in company.intake.open() if one[0] == "sequence_gap"]
        assert sum(count for _, _, count in told) == len(missing)
        assert ("key_missing" in {kind for kind, _, _ in company.intake.open()}) == bool(
            keyless & {*seqs}
        )

        write_key(company.keys, 2)
        lives(company, deaths)
        assert sorted(company.taken) == sorted(ids(*seqs))
        assert {kind for kind, _, _ in company.intake.open()} <= {"sequence_gap"}


@given(
    shown=SEQS,
    late=st.sets(st.integers(1, 14)),
    at=st.integers(1, 2),
    limit=st.integers(1, 5),
    deaths=st.lists(st.integers(1, 30), max_size=3),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_numbers_that_become_visible_out_of_order_are_not_lost(
    shown: list[int], late: set[int], at: int, limit: int, deaths: list[int]
) -> None:
    late = {one for one in late if shown[0] < one < shown[-1]} - {*shown}
    with tempfile.TemporaryDirectory() as folder:
        company = Company(Path(folder))
        company.archive.add(*(stored(seq) for seq in shown))
        company.clock.at[at] = lambda: company.archive.reveal(*map(stored, late))
        lives(company, deaths, limit=limit)
        if company.clock.at:  # no gap, so nobody slept
            company.archive.reveal(*map(stored, late))
        assert {*company.taken} == {*ids(*shown, *late)}
        assert company.intake.cursor() == str(shown[-1])
        told = [one for one in company.intake.open() if one[0] == "sequence_gap"]
        missing = {*range(shown[0], shown[-1])} - {*shown} - late
        assert sum(count for _, _, count in told) == len(missing)


@given(
    filled=st.sets(st.integers(2, 8)),
    limit=st.integers(1, 9),
    death=st.integers(1, 60),
    without=st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_gap_is_told_as_filled_only_when_its_messages_are_durable(
    filled: set[int], limit: int, death: int, without: bool
) -> None:
    """Somebody fetches told numbers with --from, and the process dies."""
    with tempfile.TemporaryDirectory() as folder:
        company = Company(Path(folder))
        company.archive.add(stored(1), stored(9))
        company.pull()
        assert told_missing(company) == [*range(2, 9)]
        company.archive.reveal(*map(stored, filled))

        def nothing_is_lost_untold() -> None:
            lost = {*ids(*range(1, 10))} - {*company.taken}
            assert lost <= {*ids(*told_missing(company))}

        company.intake.step = Steps(death)
        try:
            company.pull(book=dying(company.intake.step), start=1, limit=limit)
        except Crash:
            nothing_is_lost_untold()
        if without:  # it is started again by a machine that knows of no --from
            lives(company, [], limit=limit)
            nothing_is_lost_untold()
        lives(company, [], start=1, limit=limit)
        assert {*company.taken} == {*ids(1, 9, *filled)}
        assert told_missing(company) == sorted({*range(2, 9)} - filled)
