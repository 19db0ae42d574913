"""Step three: every id that was told, against what each target holds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from config.settings import Settings, Target
from jobs.completeness import positions
from jobs.completeness.lines import Line, Told, delivered
from jobs.completeness.told import Told as TellTale
from jobs.held_ids import Holder, holder
from jobs.quarantine.refusals import refusals
from rules.errors import MingjianError
from sinks.base import NoAnswer
from sinks.elasticsearch_buckets import TIMED, month, month_ends
from sinks.redis_scripts import KEEP_SECONDS

DAY_MS = 24 * 3_600_000
_SHOWN_AFTER_S = 2.0  # a search index shows what it has within a second
_IDS = 10


class Delivered(NamedTuple):
    """`lines` of every target, kind and hour; `away`: targets that could not be asked, and why."""

    lines: list[Line]
    away: dict[str, str]


def look(settings: Settings, told: TellTale) -> Delivered:
    """Ask every target for every id that it was offered."""
    lines: list[Line] = []
    away: dict[str, str] = {}
    for target in settings.targets:
        try:
            lines += delivered(list(_of_target(settings, target, told)))
        except NoAnswer as error:
            away[target.name] = str(error)
        except MingjianError as error:
            away[target.name] = error.en
    return Delivered(lines, away)


def _of_target(settings: Settings, target: Target, told: TellTale) -> Iterator[Told]:
    done = positions.of_target(settings, target)
    refused: dict[str, set[str]] = defaultdict(set)
    for one in refusals(settings, target):
        refused[one.record.topic].add(one.record.id)
    holds = _Holders(settings, target)
    now = time.time_ns() // 1_000_000
    try:
        for kind, hour in told.hours():
            if kind in holds.kinds:
                gone = hour < _kept_from(target, kind, hour, now)
                yield _of_hour(holds, target.name, kind, hour, told, done, refused[kind], gone)
    finally:
        holds.close()


class _Holders:
    """Asks a target for records of any tenant. Redis has keys of its own for each: there a
    record is looked for under the tenant that it names, whoever's settings these are."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings, self._target = settings, target
        self._tenant = settings.tenant
        self._mine: Holder = holder(settings, target)
        self._other: Holder | None = None
        self.kinds = self._mine.kinds

    def of(self, tenant: str, kind: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are there. Raises NoAnswer."""
        if self._target.kind != "redis" or tenant == self._settings.tenant:
            return self._mine.of(kind, ids)
        if self._other is None or tenant != self._tenant:
            if self._other is not None:
                self._other.close()
            named = msgspec.structs.replace(self._settings, tenant=tenant)
            self._other, self._tenant = holder(named, self._target), tenant
        return self._other.of(kind, ids)

    def close(self) -> None:
        """Release connections."""
        self._mine.close()
        if self._other is not None:
            self._other.close()


def _of_hour(
    holds: _Holders,
    target: str,
    kind: str,
    hour: int,
    told: TellTale,
    done: Mapping[str, int],
    refused: Collection[str],
    gone: bool,
) -> Told:
    count = there = on_the_way = aside = 0
    missing: list[str] = []
    for tenant, offered, waiting in told.batches(kind, hour, done):
        count += len(offered) + waiting
        on_the_way += waiting
        if gone or not offered:
            continue
        found = holds.of(tenant, kind, offered)
        lost = [one for one in offered if one not in found and one not in refused]
        if lost:
            time.sleep(_SHOWN_AFTER_S)
            again = holds.of(tenant, kind, lost)
            found |= again
            lost = [one for one in lost if one not in again]
        there += len(found)
        aside += sum(one in refused and one not in found for one in offered)
        missing += lost
    return Told(
        target=target,
        kind=kind,
        hour=hour,
        told=count,
        there=there,
        refused=aside,
        on_the_way=on_the_way,
        gone=count - on_the_way if gone else 0,
        missing=tuple(missing[:_IDS]),
        missing_count=len(missing),
    )


def _kept_from(target: Target, kind: str, hour: int, now: int) -> int:
    """Event times (UTC ms) before this may have been removed by the target, as it should."""
    if target.kind == "redis":
        return now - KEEP_SECONDS * 1000 + DAY_MS
    if target.kind == "elasticsearch" and kind in TIMED:
        days = getattr(target.keep_days, kind)
        if days and month_ends(month(hour)) + days * DAY_MS <= now:
            return hour + 1
    return 0
