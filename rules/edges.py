"""What a part of a stream decides, and what it does not, because its beginning is missing.

All that came after `since` was read. Of a group whatever happened at `since` or before is not
known; so what is found of it is certain only from some moment on (`rules.memory`). A correlation
that reads others cannot be certain before they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from rules.alert import Alert
from rules.items import FRAGMENT, MEMBER, QUIETED, ROW, Item
from rules.mask import mask_id
from rules.memory import PIECES, Memory, memories
from rules.ruleset import Timeline

_FOLLOWED = (MEMBER, QUIETED, FRAGMENT, ROW)
NEVER = 2**62


class _Settled(NamedTuple):
    """Of one group: from when on it is certain, and until when it may have said what it should
    not, or kept silent."""

    since: int
    until: int


class Edges:
    """Follows the groups of a stream that is judged in order of time.

    Args:
        since: event time (ms); all that is later was read. None: there is nothing before.
    """

    def __init__(self, timeline: Timeline, since: int | None) -> None:
        self._since = since
        self._memories = memories(timeline)
        self._reads: dict[str, set[str]] = {}
        self._suppressed: set[str] = set()
        for ruleset in timeline.rulesets:
            self._suppressed |= {n for n, one in ruleset.detections.items() if one.suppress}
            for name, rule in ruleset.correlations.items():
                read = set(rule.how.sources()) & ruleset.correlations.keys()
                self._reads.setdefault(name, set()).update(read)
        self._times: dict[str, list[int]] = {}  # of the events of each group, by its key
        self._groups: dict[str, dict[tuple[str, ...], list[str]]] = {}  # rule -> group -> keys
        self._settled: dict[str, _Settled] = {}
        self._starts: dict[str, int] = {}

    @property
    def reaches(self) -> dict[str, int]:
        """How far back (ms) each rule has to see for all it may find to be certain."""
        return {name: self._reach(name) for name in self._memories}

    @property
    def furthest(self) -> int:
        """How far back (ms) a rule has to see for all it may find to be certain."""
        return max(self.reaches.values())

    def short_sighted(self, lookback: int) -> list[str]:
        """Rules that reach further back than `lookback` ms, the furthest first."""
        names = [name for name in self._memories if name != PIECES]
        over = [name for name in names if self._reach(name) > lookback]
        return sorted(over, key=lambda name: (-self._reach(name), name))

    def follow(self, key: str, item: Item) -> None:
        """An event of a group, in order of time."""
        if self._since is None or item.kind not in _FOLLOWED:
            return
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = []
            rule = PIECES if item.kind == FRAGMENT else item.rule
            self._groups.setdefault(rule, {}).setdefault(item.group, []).append(key)
        times.append(item.time)

    def close(self) -> None:
        """All has been read: work out what is certain."""
        self._shown = {rule: self._as_shown(rule, groups) for rule, groups in self._groups.items()}

    def decides(self, alert: Alert) -> bool:
        """Whether what was read tells that there is, or is not, this very alert."""
        if self._since is None:
            return True
        if alert.time <= self._since:
            return False
        name, group = alert.rule.name, tuple(alert.group.values())
        if name not in self._memories or (name in self._suppressed and not group):
            if alert.count < 2:  # noqa: PLR2004 - one message judged by itself
                return True
            name, group = PIECES, (alert.tenant, alert.actor, alert.conversation)
        keys = self._shown.get(name, {}).get(group, ())
        if not keys:
            return alert.time > self._start(name) + self._memories[name].silence
        return all(alert.time >= self._of(name, key).since for key in keys)

    def _as_shown(
        self, rule: str, groups: dict[tuple[str, ...], list[str]]
    ) -> dict[tuple[str, ...], list[str]]:
        """Keys by the group as alerts show it: of two that look alike there, both."""
        if rule == PIECES:
            return groups
        shown: dict[tuple[str, ...], list[str]] = {}
        for group, keys in groups.items():
            shown.setdefault(tuple(map(mask_id, group)), []).extend(keys)
        return shown

    def _reach(self, name: str) -> int:
        below = max((self._reach(one) for one in self._reads.get(name, ())), default=0)
        memory = self._memories[name].silence
        return 2 * memory + below

    def _start(self, name: str) -> int:
        """Event time from which on (exclusive) all events of a rule are known."""
        if name not in self._starts:
            assert self._since is not None  # noqa: S101
            read = self._reads.get(name, ())
            self._starts[name] = max([self._since, *map(self._until, read)])
        return self._starts[name]

    def _until(self, name: str) -> int:
        """Until when a row of a rule may be wrong or missing."""
        unseen = self._start(name) + self._memories[name].silence
        keys = chain.from_iterable(self._groups.get(name, {}).values())
        return max([unseen, *(self._of(name, key).until for key in keys)])

    def _of(self, name: str, key: str) -> _Settled:
        if key not in self._settled:
            self._settled[key] = settled(
                iter(self._times[key]), self._start(name), self._memories[name]
            )
        return self._settled[key]


def settled(times: Iterator[int], start: int, memory: Memory) -> _Settled:
    """When a group is certain whose events after `start` have these times, in order."""
    before, seen = start, False
    for time in times:
        if time <= start:
            continue
        if time - before > memory.silence:
            return _Settled(time, before + memory.silence)
        if seen and not memory.phase and before > start + memory.silence and time > before:
            return _Settled(time, before + memory.silence)
        before, seen = time, True
    return _Settled(NEVER, before + memory.silence)
