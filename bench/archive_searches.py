"""How long searches of an archive take: the first page, and the one that begins behind 1,900 rows.

A page is 100 messages, found, opened, compared with their digests, decoded, and looked at: what
`mingjian archive search` does before it prints. `index` is the part of it that finds rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from rich.table import Table

from bench.archive_build import Archive
from bench.archive_questions import QUESTIONS, can_be_asked, draw
from sinks.archive.rows import Asked, Row
from sinks.archive.search import ArchiveReader, Query
from sinks.archive.sink import INDEX_FILE, SEGMENTS_FOLDER
from sinks.archive.sqlite_index import SqliteIndex

PAGE = 100
TURNED = 19  # pages before the twentieth
_DRAWN = 10_000


class ClockedIndex:
    """An index to be searched; how long its searches took, and what was asked first."""

    def __init__(self, index: SqliteIndex) -> None:
        self._index = index
        self.start()

    def start(self) -> None:
        """Forget what was."""
        self.seconds, self.first = 0.0, None  # type: float, Asked | None

    def search(self, asked: Asked, limit: int) -> list[Row]:
        """See `ArchiveIndex`."""
        self.first = self.first or asked
        begun = time.perf_counter()
        try:
            return self._index.search(asked, limit)
        finally:
            self.seconds += time.perf_counter() - begun


def reader_of(archive: Archive, index: Any) -> ArchiveReader:
    """A reader over this index and the archive's other parts."""
    return ArchiveReader(
        objects=archive.objects,
        index=index,
        keys=archive.keys,
        terms=archive.terms,
        decoder=archive.decoder,
    )


def measure(archive: Archive, count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Of each kind of question `count`, all on one open archive."""
    index = ClockedIndex(archive.index)
    reader = reader_of(archive, index)
    drawn = drawn_from(archive, reader, seed)
    found = []
    for name, ask in QUESTIONS.items():
        rng = Random(f"{name}:{seed}")
        queries = [query for _ in range(count) if can_be_asked(query := ask(drawn, rng))]
        found.append({"question": name, **_of(reader, index, queries)})
    return found


def drawn_from(archive: Archive, reader: ArchiveReader, seed: int) -> Any:
    """See `bench.archive_questions.draw`."""
    rules = archive.index.database.execute("SELECT DISTINCT rule FROM hits ORDER BY rule")
    names = [name for (name,) in rules] or ["rule_001"]
    leaves = archive.index.leaves()
    return draw(reader, leaves, names, min(_DRAWN, leaves), Random(f"drawn:{seed}"))


def _of(reader: ArchiveReader, index: ClockedIndex, queries: Sequence[Query]) -> dict[str, Any]:
    first, twentieth, sizes = [], [], []
    for query in queries:
        timed, size = _timed(reader, index, query, None)
        first.append(timed)
        sizes.append(size)
        asked = index.first
        if size < PAGE or asked is None:
            continue
        rows = index.search(asked, PAGE * TURNED)
        if len(rows) == PAGE * TURNED:
            timed, _ = _timed(reader, index, query, rows[-1].leaf)
            twentieth.append(timed)
    return {
        "queries": len(queries),
        "with_nothing": sizes.count(0),
        "with_full_page": sum(size == PAGE for size in sizes),
        "first": _told(first),
        "with_twentieth": len(twentieth),
        "twentieth": _told(twentieth),
    }


Times = tuple[float, float, float]  # ms: of the clock, of CPU, of the clock in the index


def _timed(
    reader: ArchiveReader, index: ClockedIndex, query: Query, before: int | None
) -> tuple[Times, int]:
    index.start()
    cpu, wall = time.thread_time(), time.perf_counter()
    page, _ = reader.search(query, PAGE, before)
    wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    return (wall * 1e3, cpu * 1e3, index.seconds * 1e3), len(page)


def _told(times: Sequence[Times]) -> dict[str, dict[str, float]]:
    return {
        name: spread([one[at] for one in times])
        for at, name in enumerate(("wall", "cpu", "index"))
        if times
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Half of them, 99 of 100 and all are at most so large."""
    ranked = sorted(values)
    return {
        "p50": ranked[len(ranked) // 2],
        "p99": ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)],
        "max": ranked[-1],
    }


def measure_cold(archive: Archive, count: int, seed: int = 2) -> dict[str, Any]:
    """Questions of all kinds in turn, each on an index that was opened for it, with nothing of the
    archive in the system's memory."""
    drawn = drawn_from(archive, reader_of(archive, archive.index), seed)
    rng, kinds = Random(f"cold:{seed}"), list(QUESTIONS.values())
    times = []
    for number in range(count):
        query = kinds[number % len(kinds)](drawn, rng)
        if not can_be_asked(query):
            continue
        _forget(archive.folder)
        opened = SqliteIndex(archive.folder / INDEX_FILE)
        index = ClockedIndex(opened)
        times.append(_timed(reader_of(archive, index), index, query, None)[0])
        opened.close()
    return {"queries": len(times), **_told(times)}


def _forget(folder: Path) -> None:
    """Let the system drop what it keeps of these files."""
    for path in (*folder.glob(f"{INDEX_FILE}*"), *(folder / SEGMENTS_FOLDER).rglob("*")):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def cold_table(row: dict[str, Any]) -> Table:
    """One line."""
    shown = Table(
        title=f"{row['queries']} questions of all kinds, nothing in memory: ms, p50 / p99 / max",
        title_justify="left",
    )
    for name in ("first page", "CPU", "index"):
        shown.add_column(name, justify="right")
    shown.add_row(*(_cell(row, name) for name in ("wall", "cpu", "index")))
    return shown


def table(rows: Sequence[dict[str, Any]], messages: int) -> Table:
    """A line for each kind of question."""
    shown = Table(
        title=f"searches among {messages:,} messages: pages of {PAGE}, ms, p50 / p99 / max",
        title_justify="left",
    )
    shown.add_column("question")
    for name in ("n", "full", "first page", "CPU", "index", "20th page (n)"):
        shown.add_column(name, justify="right")
    for row in rows:
        first, later = row["first"], row["twentieth"]
        shown.add_row(
            row["question"],
            str(row["queries"]),
            str(row["with_full_page"]),
            _cell(first, "wall"),
            _cell(first, "cpu"),
            _cell(first, "index"),
            f"{_cell(later, 'wall')} ({row['with_twentieth']})" if later else "",
        )
    return shown


def _cell(times: dict[str, Any], name: str) -> str:
    if name not in times:
        return ""
    return " / ".join(_ms(times[name][which]) for which in ("p50", "p99", "max"))


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004
