"""What two steps counted, compared. Pure: counts in, lines out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

OK, DIFFERS, ON_THE_WAY, UNKNOWN = "ok", "differs", "on_the_way", "unknown"
HOUR_MS = 3_600_000
NOT_WHOLE, NOT_CONFIRMED = "not read to its end", "the job has not confirmed any"
NOT_HELD = "the topic no longer holds all of that hour"
NO_TIME = "there was no time to read all that was told"


class Cell(NamedTuple):
    """What is counted together: records of one collector, hour of event time (UTC ms), actor and
    kind."""

    source: str
    hour: int
    actor: str
    kind: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reconciliation. `before` of the first step should be `after` of the second.

    Args:
        step: "collected" (a collector's book against where the job reads), "read" (that against
            what the job has read) or "delivered" (what the job told against a target's index).
        of: the collector, partition or "target kind".
        hour: UTC ms; 0 where the line is of all hours.
        more: in the second step and not in the first: repeats, or being written just now.
        ids: some of those that are missing.
    """

    step: str
    of: str
    hour: int = 0
    actor: str = ""
    before: int
    after: int
    missing: int = 0
    more: int = 0
    refused: int = 0
    on_the_way: int = 0
    state: str
    ids: tuple[str, ...] = ()
    why: str = ""  # of unknown: in English


def collected(
    before: Mapping[Cell, int],
    there: Mapping[Cell, int],
    later: Mapping[Cell, int],
    *,
    held_from: int = 0,
    whole: bool = True,
) -> list[Line]:
    """A line for each cell of the collectors' books.

    Whatever the book says was durable before. So it was read first (`before`), then what stands
    where the job reads (`there`), then the book again (`later`): what `before` has and `there` has
    not is gone; what `there` has and `later` has not was written twice, or is being written.

    Args:
        held_from: UTC ms; what is older may have been removed by the topic's retention.
        whole: `there` was read to its end; else nothing can be called missing.
    """
    lines = []
    for cell in sorted(before.keys() | there.keys() | later.keys()):
        book, found = before.get(cell, 0), there.get(cell, 0)
        missing, more = max(0, book - found), max(0, found - max(later.get(cell, 0), book))
        state, why = OK, ""
        if missing:
            state = DIFFERS
            if not whole:
                state, why = UNKNOWN, NOT_WHOLE
            elif cell.hour < held_from:
                state, why = UNKNOWN, NOT_HELD
        lines.append(
            Line(
                step="collected",
                of=cell.source,
                hour=cell.hour,
                actor=cell.actor,
                before=book,
                after=found,
                missing=missing,
                more=more,
                state=state,
                why=why,
            )
        )
    return lines


class Told(NamedTuple):
    """Of one target, kind and hour: distinct ids the job told, of which the target has `there`,
    refused `refused`, has not been offered `on_the_way`, keeps no more `gone`; the rest is
    missing."""

    target: str
    kind: str
    hour: int
    told: int
    there: int
    refused: int
    on_the_way: int
    gone: int
    missing: tuple[str, ...]
    missing_count: int


def delivered(found: Iterable[Told]) -> list[Line]:
    """A line for each target, kind and hour."""
    return [
        Line(
            step="delivered",
            of=f"{one.target} {one.kind}",
            hour=one.hour,
            before=one.told - one.gone,
            after=one.there,
            missing=one.missing_count,
            refused=one.refused,
            on_the_way=one.on_the_way,
            state=DIFFERS if one.missing_count else ON_THE_WAY if one.on_the_way else OK,
            ids=one.missing,
        )
        for one in found
    ]


_WHY_ZH = {
    NOT_WHOLE: "未能读完",
    NOT_HELD: "主题已不再保留该小时的全部记录",
    NOT_CONFIRMED: "作业尚未确认任何位置",
    NO_TIME: "来不及读完全部输出",
}


def why_zh(why: str) -> str:
    """Why something is unknown, in Chinese; the words of a server stay as they are."""
    return _WHY_ZH.get(why, why)


def read(ends: Mapping[int, int], done: Mapping[int, int | None]) -> list[Line]:
    """A line for each partition of the source: its end, and how far the job's checkpoints are."""
    lines = []
    for number, end in sorted(ends.items()):
        at = done.get(number)
        lines.append(
            Line(
                step="read",
                of=str(number),
                before=end,
                after=at or 0,
                on_the_way=max(0, end - (at or 0)),
                state=UNKNOWN if at is None and end else ON_THE_WAY if end > (at or 0) else OK,
                why=NOT_CONFIRMED if at is None and end else "",
            )
        )
    return lines


BY: dict[str, Callable[[Line], tuple[str, int, str]]] = {
    "source": lambda line: (line.of, 0, ""),
    "hour": lambda line: (line.of, line.hour, ""),
    "actor": lambda line: (line.of, 0, line.actor),
}
_WORST = (OK, ON_THE_WAY, UNKNOWN, DIFFERS)
_IDS = 10


def summed(lines: Iterable[Line], by: str) -> list[Line]:
    """The lines added up: a key of `BY`."""
    groups: dict[tuple[str, str, int, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.step, *BY[by](line)), []).append(line)
    return [_sum(key, some) for key, some in groups.items()]


def _sum(key: tuple[str, str, int, str], some: list[Line]) -> Line:
    step, of, hour, actor = key
    total: Counter[str] = Counter()
    for line in some:
        for name in ("before", "after", "missing", "more", "refused", "on_the_way"):
            total[name] += getattr(line, name)
    worst = max(some, key=lambda line: _WORST.index(line.state))
    ids = tuple(one for line in some for one in line.ids)[:_IDS]
    return Line(
        step=step, of=of, hour=hour, actor=actor, state=worst.state, why=worst.why, ids=ids, **total
    )  # fmt: skip


def state_of(lines: Iterable[Line]) -> str:
    """The worst of all."""
    return max((line.state for line in lines), key=_WORST.index, default=OK)
