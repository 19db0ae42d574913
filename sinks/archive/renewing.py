"""Begins a damaged custody book anew; see `sinks.archive.renewed_book`."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec

from rules.alert import sm3_raw
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.custody import (
    FILE,
    BookDamaged,
    CustodyBook,
    Deed,
    Line,
    Place,
    bound_to,
    chained,
    line_alone,
    start_of,
    whole_rows,
)
from sinks.archive.hold_book import By
from sinks.archive.renewed_book import RENEWED, Spans, Told
from sinks.archive.whole_book import Entered, LookUp, WholeBook
from sinks.whole_file import write_whole


def renew(folder: Path, by: By, look_up: LookUp, wrong: BookDamaged | None = None) -> Line:
    """Put the damaged book in a folder aside, whole, and begin a new one: its first line.

    Args:
        by: who does it, and why.
        look_up: what the ledger has of the book. Where nobody can say, only lines in front of the
            damage are relied on.
        wrong: what is wrong with it, where that does not show in the chain and the ledger.

    Raises:
        MingjianError: nothing is wrong with the book.
        OSError: it cannot be read, or the disk did not take it. The damaged book is where it was.
    """
    book, path = CustodyBook(folder), folder / FILE
    with book.locked():
        try:
            WholeBook(book, look_up).require()
        except BookDamaged as error:
            wrong = error
        if wrong is None:
            raise _nothing_wrong(path)
        data = path.read_bytes()
        with look_up() as entered:
            begins = start_of(book.renewal(io.BytesIO(data)))
            relied_on = relied_on_of(data, begins, entered)
            lines = sum(1 for _ in whole_rows(io.BytesIO(data)))
            told = Told(
                aside=_free_name(folder, by.at),
                aside_sm3=sm3_raw(data),
                lines=lines,
                relied_on=relied_on,
                entered=entered.lines,
                by_ledger=entered.known,
                wrong=wrong.en.partition(f"{path} ")[2],
            )
        number = max(begins.number + lines, entered.lines) + 1
        deed = Deed(by.at, by.who, by.role, RENEWED, by.why, msgspec.to_builtins(told))
        raw = chained(number, told.aside_sm3, deed._asdict())
        write_whole(folder / told.aside, data, mode=0o600)
        write_whole(path, raw + b"\n", mode=0o600)
        return Line(number, raw, deed)


def relied_on_of(data: bytes, begins: Place, entered: Entered) -> Spans:
    """Which rows of a damaged book are lines that still count: those that were entered in the
    ledger as they are; and behind the last that was, those that are bound to one that counts.

    Args:
        begins: where the book begins.

    Returns:
        Spans of rows, counted from 1.
    """
    rows = [row[:-1] for row in whole_rows(io.BytesIO(data))]
    last: tuple[int, str] | None = (begins.number, begins.sm3)
    seen, good = set[int](), list[int]()
    for at, raw in enumerate(rows):
        line, sm3 = line_alone(raw), sm3_raw(raw)
        if line is None or line.number in seen:
            fits = False
        elif line.number <= entered.lines:
            fits = entered.has(line.number, sm3)
        else:
            behind = rows[at + 1 : at + 2]
            fits = last == (line.number - 1, bound_to(raw)) and (
                not behind or bound_to(behind[0]) == sm3
            )
        last = (line.number, sm3) if fits and line else None
        if fits and line:
            seen.add(line.number)
            good.append(at + 1)
    return _spans(good)


def _spans(rows: list[int]) -> Spans:
    spans: list[tuple[int, int]] = []
    for row in rows:
        if spans and spans[-1][1] == row - 1:
            spans[-1] = spans[-1][0], row
        else:
            spans.append((row, row))
    return tuple(spans)


def _free_name(folder: Path, at: int) -> str:
    while (folder / f"{FILE}.damaged-{at}").exists():
        at += 1
    return f"{FILE}.damaged-{at}"


def _nothing_wrong(path: Path) -> MingjianError:
    return MingjianError(
        f"nothing is wrong with the custody book {path}",
        f"保管记录 {path} 没有问题",
        fix_en="`mingjian archive custody` compares each line with the ledger",
        fix_zh="`mingjian archive custody` 会将每一行与账本比对",
        exit_code=EXIT_USAGE,
    )
