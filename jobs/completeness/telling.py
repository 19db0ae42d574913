"""Incidents about what does not agree: opened once, and ended when it agrees, or when nobody can
tell any more."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from config.settings import Settings
from jobs.completeness.check import Completeness, last_hours
from jobs.completeness.collected import Span, books
from jobs.completeness.lines import DIFFERS, HOUR_MS, OK, ON_THE_WAY, Line, summed
from jobs.incidents import Row, ended, ended_incidents, open_incidents, write
from jobs.topic_reading import Topics
from rules.errors import MingjianError
from rules.operations import Incident, incident
from rules.zone import SHANGHAI

SOURCE, KIND = "completeness", "count_differs"
MOST_HOURS = 24  # of open incidents that are looked at again
_DAY_MS = 24 * HOUR_MS
_HOUR = "%Y-%m-%dT%H"
_ABOUT = re.compile(rf"{SOURCE}: (?P<step>\w+) (?P<of>.+?)(?: (?P<hour>\d{{4}}-\d\d-\d\dT\d\d))?")
_AGREE = "they agree now · 现已一致"
_GONE = (
    "it can no longer be checked: the topic does not hold all of that hour"
    " · 已无法核对：主题不再保留该小时的全部记录"
)
_NOTHING = "it can no longer be checked: nothing of that hour is kept · 已无法核对：该小时已无记录"
_NOBODY = "it can no longer be checked: there is no such target any more · 已无法核对：目标已不存在"


class About(NamedTuple):
    """What an incident is about; `hour` is UTC ms, 0: of records that have none."""

    step: str
    of: str
    hour: int


def differing(lines: Iterable[Line]) -> dict[str, Line]:
    """What does not agree, added up by step, its first word and hour; by the name of its
    incident's source."""
    wrong = [line for line in lines if line.state == DIFFERS]
    return {_source(line): line for line in summed(wrong, "hour")}


def _source(line: Line) -> str:
    hour = dt.datetime.fromtimestamp(line.hour / 1000, SHANGHAI).strftime(_HOUR)
    return f"{SOURCE}: {line.step} {line.of} {hour if line.hour else ''}".rstrip()


def _about(source: str) -> About | None:
    found = _ABOUT.fullmatch(source)
    if found is None:
        return None
    hour = 0
    if found["hour"]:
        moment = dt.datetime.strptime(found["hour"], _HOUR).replace(tzinfo=SHANGHAI)
        hour = round(moment.timestamp() * 1000)
    return About(found["step"], found["of"], hour)


def _hour(about: About, row: Row) -> int:
    """The hour that has to be counted again. What has no hour of its own was found in the hour
    before it was noticed, or later."""
    return about.hour or last_hours(1, row["time"]).begin


def tell(settings: Settings, found: Completeness, stop: threading.Event) -> list[Incident]:
    """Open an incident `count_differs` for each hour in which steps differ, and end those of the
    hours looked at that agree now, or that nobody can check any more. Returns what was told.

    Raises:
        MingjianError: it cannot be written, or steps differ and the index does not tell which
            incidents are open: one that is would be opened once more.
    """
    wrong = differing(found.lines)
    try:
        known = _known(settings)
    except MingjianError:
        if wrong:
            raise
        return []  # what agrees now is found to agree by the next check, too
    fresh = {source: line for source, line in wrong.items() if source not in known}
    told = _opened(settings, found, fresh) + _ended(settings, found, known)
    write(settings, told, SOURCE, stop)
    return told


def _known(settings: Settings) -> dict[str, list[Row]]:
    """Those that are open, by source: one may have been opened twice."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in open_incidents(settings):
        if row["kind"] == KIND and row["source"].startswith(SOURCE):
            found[row["source"]].append(row)
    return dict(found)


def _opened(settings: Settings, found: Completeness, fresh: Mapping[str, Line]) -> list[Incident]:
    """New ones. Until the index shows that one has ended, its id stays the same: two checks of
    which the second does not yet see what the first told make one incident. An id that has ended
    can never be open again, so the next one is told from it by it."""
    if not fresh:
        return []
    day = found.at // _DAY_MS * _DAY_MS
    last: dict[str, str] = {}
    for row in ended_incidents(settings, KIND, day):
        last.setdefault(row["source"], row["incident_id"])
    return [
        incident(
            KIND,
            tenant=settings.tenant,
            source=source,
            key=f"{day} {last.get(source, '')}",
            time=found.at,
            detail=_detail(line),
            count=line.missing,
        )
        for source, line in fresh.items()
    ]


def _detail(line: Line) -> str:
    """Both numbers and the difference, for whoever reads it: an incident has one text for all."""
    return (
        f"{line.before:,} and {line.after:,}: {line.missing:,} missing"
        f" · {line.before:,} 与 {line.after:,}：缺 {line.missing:,}"
    )


def _ended(
    settings: Settings, found: Completeness, known: Mapping[str, list[Row]]
) -> list[Incident]:
    lines = {_source(line): line for line in summed(found.lines, "hour")}
    held = _Held(settings)
    told = []
    for source, rows in known.items():
        about = _about(source)
        if about is None or not _looked_at(settings, found, about):
            continue
        for row in rows:
            hour = _hour(about, row)
            if found.begin <= hour and hour + HOUR_MS <= found.end:
                why = _why_over(settings, lines.get(source), hour, about, held)
                if why:
                    told.append(ended(row, why, found.at))
    return told


def _looked_at(settings: Settings, found: Completeness, about: About) -> bool:
    """Whether this check could say anything of it; books of collectors stand on their machine."""
    if about.step == "collected" and all(path.stem != about.of for path in books(settings)):
        return False
    return not {about.step, f"{about.step} {_target(about)}"} & found.unreadable.keys()


def _target(about: About) -> str:
    return about.of.partition(" ")[0]


def _why_over(settings: Settings, line: Line | None, hour: int, about: About, held: _Held) -> str:
    """Why an incident is over, "" while it is not. An hour of which something was removed may
    agree because what was missing is gone from the other side, too."""
    if line is None:
        there = about.step != "delivered" or _target(about) in {
            one.name for one in settings.targets
        }
        return _NOTHING if there else _NOBODY
    if line.state in (DIFFERS, ON_THE_WAY):
        return ""
    try:
        if hour < held.since(about):
            return _GONE
    except MingjianError:
        return ""  # the next check asks again
    return _AGREE if line.state == OK else ""


class _Held:
    """From when on topics hold everything (UTC ms); of files nothing is removed by itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: dict[str, int] = {}

    def since(self, about: About) -> int:
        """Of the topic that holds what the incident is about. Raises MingjianError."""
        of_source = about.step == "collected"
        end = self._settings.source if of_source else self._settings.outputs
        if end.kind != "kafka":
            return 0
        kind = about.of.rpartition(" ")[2]
        prefix = self._settings.outputs.topic_prefix
        topic = self._settings.source.topic if of_source else f"{prefix}{kind}"
        if topic not in self._found:
            topics = Topics(self._settings)
            try:
                self._found[topic] = topics.held_from(topics.places([topic]))
            finally:
                topics.close()
        return self._found[topic]


def again(settings: Settings, but: Span) -> list[Span]:
    """Hours to check once more: those of incidents that are open, outside of the span that was
    just checked. Only the newest `MOST_HOURS`; neighbours are one span.

    Raises:
        MingjianError: the index cannot be read.
    """
    hours: set[int] = set()
    for source, rows in _known(settings).items():
        about = _about(source)
        if about is not None:
            hours |= {_hour(about, row) for row in rows}
    hours = {one for one in hours if not (but.begin <= one and one + HOUR_MS <= but.end)}
    spans: list[Span] = []
    for hour in sorted(sorted(hours)[-MOST_HOURS:]):
        if spans and spans[-1].end == hour:
            spans[-1] = Span(spans[-1].begin, hour + HOUR_MS)
        else:
            spans.append(Span(hour, hour + HOUR_MS))
    return spans
