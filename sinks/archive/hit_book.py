"""Which messages each alert names, beside the index: an index that is lost is made again from it.

The ledger has the digest of an alert and not the alert, and holds on an alert or a rule need to
know its messages. `alerts.jsonl` has a line for every version of an alert that was entered:

    {"alert": its id, "members": [[time in UTC ms, message id], …], "rule": its name}

A line is durable before its alert is in the ledger. Messages that were deleted are taken out of the
lines; the lines stay, so that their numbers hold. It is for work and no evidence.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from sinks.archive.custody import whole_rows
from sinks.archive.rows import ArchiveIndex, HitRow, Stored
from sinks.whole_file import write_at, write_whole

FILE = "alerts.jsonl"
_PART = 10_000  # hits that go into the index at once
HITS = "hits"  # among the positions of the archive: lines of this book that the index has


log = structlog.get_logger("deliver")


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    alert: str
    members: list[tuple[int, str]]
    rule: str


_LINES = msgspec.json.Decoder(_Line)


class Named(NamedTuple):
    """A line: its number from 1, the alert's id, and its messages; None where the line cannot be
    read."""

    number: int
    alert: str
    hits: list[HitRow] | None


class HitBook:
    """The book in a folder. One process writes: whoever holds the ledger."""

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / FILE
        self._whole = (-1, 0)  # bytes and lines, as it was read or written last

    @property
    def path(self) -> Path:
        """Its file."""
        return self._path

    def count(self) -> int:
        """How many lines it has."""
        return self._counted()[1]

    def add(self, alerts: Sequence[tuple[str, Sequence[HitRow]]]) -> int:
        """Append alerts, each with its messages, and come back when they are durable: how many
        lines there are then.

        Raises:
            OSError: the disk did not take it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        end, count = self._counted()
        data = b"".join(_encoded(alert, hits) for alert, hits in alerts)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, end)  # an end that was not written whole
            write_at(handle, data, end)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._whole = (end + len(data), count + len(alerts))
        return self._whole[1]

    def replace(self, alerts: Sequence[tuple[str, Sequence[HitRow]]]) -> int:
        """Write the book anew with these: how many lines it has. Raises OSError: see `add`."""
        data = b"".join(_encoded(alert, hits) for alert, hits in alerts)
        write_whole(self._path, data, mode=0o600)
        self._whole = (len(data), len(alerts))
        return len(alerts)

    def read(self, after: int = 0) -> Iterator[Named]:
        """Lines behind number `after`."""
        for number, row in enumerate(self._rows(), 1):
            if number <= after:
                continue
            try:
                told = _LINES.decode(row)
            except msgspec.MsgspecError:
                yield Named(number, "", None)
                continue
            hits = [HitRow(time, msgid, told.alert, told.rule) for time, msgid in told.members]
            yield Named(number, told.alert, hits)

    def forget(self, gone: Container[tuple[int, str]]) -> None:
        """Take messages, by (time, id), out of the lines.

        Raises:
            OSError: the disk did not take it; nothing was changed.
        """
        changed, rows = False, []
        for row in self._rows():
            try:
                told = _LINES.decode(row)
            except msgspec.MsgspecError:  # for who reads it to tell
                rows.append(row)
                continue
            stay = [one for one in told.members if one not in gone]
            if len(stay) < len(told.members):
                told.members, changed = stay, True
                row = msgspec.json.encode(told) + b"\n"  # noqa: PLW2901
            rows.append(row)
        if changed:
            write_whole(self._path, b"".join(rows), mode=0o600)
            self._whole = (-1, 0)

    def _counted(self) -> tuple[int, int]:
        """Bytes and number of whole lines."""
        if not self._path.exists() or self._path.stat().st_size != self._whole[0]:
            lengths = [len(row) for row in self._rows()]
            self._whole = (sum(lengths), len(lengths))
        return self._whole

    def _rows(self) -> Iterator[bytes]:
        """Rows with their line feeds; an end that was not written whole is none."""
        try:
            with self._path.open("rb") as file:
                yield from whole_rows(file)
        except FileNotFoundError:
            return


def take_hits(book: HitBook, index: ArchiveIndex) -> None:
    """Let book and index know the same: what the index lacks it takes from the book; a book that is
    not there, or has fewer lines than the index has of it, is made from the index. A line that
    cannot be read is passed over: what it said comes with a copy of the book and a rebuild."""
    known, lines = index.positions().get(HITS, 0), book.count()
    if lines < known or not lines:
        told = by_alert(index.hits())
        if not told:
            return
        known = book.replace(told)
        index.store(Stored((), (), (), (), {HITS: known}, index.leaves()))
    hits: list[HitRow] = []
    for one in book.read(after=known):
        if one.hits is None:
            log.error("alerts_line_damaged", path=str(book.path), line=one.number)
        hits += one.hits or ()
        known = one.number
        if len(hits) >= _PART:
            index.store(Stored((), (), (), hits, {HITS: known}, index.leaves()))
            hits = []
    if known > index.positions().get(HITS, 0):
        index.store(Stored((), (), (), hits, {HITS: known}, index.leaves()))


def by_alert(hits: Iterable[HitRow]) -> list[tuple[str, list[HitRow]]]:
    """Hits as they go into the book, by alert and rule."""
    found: dict[tuple[str, str], list[HitRow]] = {}
    for one in hits:
        found.setdefault((one.alert_id, one.rule), []).append(one)
    return [(alert, told) for (alert, _), told in found.items()]


def _encoded(alert: str, hits: Sequence[HitRow]) -> bytes:
    rule = hits[0].rule if hits else ""
    members = [(one.time, one.msgid) for one in hits]
    return msgspec.json.encode(_Line(alert, members, rule)) + b"\n"
