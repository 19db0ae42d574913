"""How the windows of a correlation were cut on some messages, and what each came to.

The evaluator of the job (`rules.correlation.group`) is run again, group by group, and watched: an
explanation cannot cut a window otherwise than the engine does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rules.correlation.entry import Entry
from rules.correlation.folds import Value
from rules.correlation.group import Group
from rules.correlation.membership import plain
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.row import Row
from rules.explain_beyond import steps_taken
from rules.explain_entries import Counted, entries_of

SLIDING, CLOCK, SILENCE, LONGEST, CLOSED = "sliding", "clock", "silence", "longest", "closed"


@dataclass
class Stretch:
    """One window of one group. Times are UTC ms.

    Args:
        start, end: of the window; of a sliding one the time span that ends with its last message.
        reached: what it came to at most: messages, different values, a sum, kinds of messages, or
            steps of an order; None when there was no number.
        messages: ids of what was in it then; absent: base rules none of them fits.
        cut: why it ended there: SLIDING (one ends at each message, this is the best), CLOCK,
            SILENCE, LONGEST (of a session), CLOSED (the time span since its first message).
        cancelled: id of the message of `until` that ended it, "" for none.
        fired: when alerts were raised. held: the condition held in it.
    """

    group: Mapping[str, str]
    start: int
    end: int
    reached: int | float | None = None
    messages: tuple[str, ...] = ()
    time: int = 0
    absent: tuple[str, ...] = ()
    cut: str = SLIDING
    cancelled: str = ""
    fired: list[int] = field(default_factory=list)
    held: bool = False


@dataclass
class Clock:
    """What waits for something not to come: started by `message` at `start`, it ends at `end`.

    Args:
        came: (id, rule, time) of what must not come and came.
        lacking: base rules that have to be there and were not.
        cancelled: id of the message of `until` that stopped it.
        held: it ended without; fired: with an alert of its own, not of one that goes on.
    """

    group: Mapping[str, str]
    message: str
    start: int
    end: int
    waits_for: tuple[str, ...]
    came: tuple[tuple[str, str, int], ...] = ()
    lacking: tuple[str, ...] = ()
    cancelled: str = ""
    held: bool = False
    fired: bool = False


@dataclass(frozen=True)
class Measure:
    """What a window came to with the messages of one time, and what was usual for the group then.

    Args:
        mean: of its past; None while that is not known. known: time (UTC ms) of the first message
            of that past. enough: it was so many times as large; of an unknown mean, it counts.
    """

    time: int
    messages: tuple[str, ...]
    value: int | float | None
    mean: float | None
    known: int
    enough: bool


@dataclass(frozen=True)
class Course:
    """What happened in one group: its windows in order of time, and the clocks that ran."""

    group: Mapping[str, str]
    stretches: tuple[Stretch, ...]
    clocks: tuple[Clock, ...]
    measures: tuple[Measure, ...] = ()

    def alerts(self) -> int:
        """How many were raised, before any is suppressed."""
        times = {time for one in self.stretches for time in one.fired}
        return len(times | {one.end for one in self.clocks if one.fired})


def courses(how: Correlation, found: Sequence[Counted]) -> list[Course]:
    """Of each group, in the order in which they appear; of messages that count."""
    groups: dict[tuple[str, ...], list[Counted]] = {}
    for one in found:
        if one.counts:
            groups.setdefault(tuple(one.group.values()), []).append(one)
    plan = Plan(how, every=False)
    return [
        course(how, members[0].group, list(entries_of(plan, how.sources(), members)))
        for members in groups.values()
    ]


def course(how: Correlation, group: Mapping[str, str], entries: Sequence[Entry]) -> Course:
    """Of one group, whose entries are in order."""
    return _Replay(how, group, entries).course()


class _Replay:
    """One group, judged again."""

    def __init__(
        self, how: Correlation, shown: Mapping[str, str], entries: Sequence[Entry]
    ) -> None:
        self._how, self._names = how, how.sources()
        self._plan = Plan(how, every=False)
        self._group = Group(self._plan)
        self._entries, self._shown = entries, shown
        self._measures: list[Measure] = []
        self._stretches: list[Stretch] = []
        self._now: Stretch | None = None
        self._clocks: list[Clock] = []

    def course(self) -> Course:
        for (time, _), instant in groupby(self._entries, key=lambda entry: entry.instant):
            self._settle(time)
            self._step(time, list(instant))
        self._settle(2**62)
        self._end(self._last_cut())
        return Course(
            self._shown, tuple(self._stretches), tuple(self._clocks), tuple(self._measures)
        )

    def _step(self, time: int, instant: list[Entry]) -> None:
        group, plan = self._group, self._plan
        last = group.marks.last
        kept = {entry.id for entry in group.entries()}
        cancelling = (
            [one.id for one in instant if plan.until in one.slots] if plan.until >= 0 else []
        )
        row = group.step(instant)
        if cancelling:
            self._cancel(cancelling[0])
        elif (
            kept
            and self._how.window != "sliding"
            and kept.isdisjoint(entry.id for entry in group.entries())
        ):
            longest = self._how.window == "session" and time - last <= self._how.gap
            self._end(LONGEST if longest else self._last_cut())
        if not group.entries():
            return
        self._start_clocks(time, instant)
        self._look(time, group)
        self._measure(time, instant, row)
        self._note(row)

    def _look(self, time: int, group: Group) -> None:
        """What the window has come to with the messages of this time."""
        entries = group.entries()
        value = self._value(entries)
        now = self._now
        if now is None:
            now = self._now = Stretch(self._shown, *self._bounds(entries[0].time, time))
        shown = plain(value)
        growing = self._plan.closing or self._how.window != "sliding"
        if growing:
            now.end = self._bounds(entries[0].time, time)[1]
        if growing or not now.messages or (shown or 0) > (now.reached or 0):
            now.reached, now.time = shown, time
            now.messages = tuple(dict.fromkeys(entry.id for entry in entries))
            seen = {self._names[slot] for entry in entries for slot in entry.slots}
            now.absent = tuple(name for name in self._how.rules if name not in seen)
            if not growing:
                now.start, now.end = time - self._how.span, time

    def _value(self, entries: Sequence[Entry]) -> Value:
        """What the window comes to; of an order the steps that were taken."""
        if not self._how.ordered:
            return self._group.value()
        limited = self._how.within or self._how.between
        return steps_taken(self._how, entries) if limited else self._group.steps()

    def _measure(self, time: int, instant: Sequence[Entry], row: Row | None) -> None:
        usually = self._group.usually()
        if usually is None:
            return
        mean, known = usually
        ids = tuple(dict.fromkeys(entry.id for entry in instant))
        value, asked = self._group.value(), self._how.baseline
        shown, enough = None, row is not None
        if mean is not None and asked is not None:
            shown = float(mean)
            enough = value is not None and value >= mean * asked.ratio
        self._measures.append(Measure(time, ids, plain(value), shown, known, enough))

    def _bounds(self, first: int, time: int) -> tuple[int, int]:
        span = self._how.span
        if self._how.window == "tumbling":
            start = time - time % span
            return start, start + span
        if self._how.window == "session":
            return first, time
        return (first, first + span) if self._plan.closing else (time - span, time)

    def _note(self, row: Row | None) -> None:
        if row is None or self._now is None:
            return
        self._now.held = True
        if row.opens or self._plan.every:
            self._now.fired.append(row.time)

    def _end(self, cut: str) -> None:
        if self._now is not None:
            self._now.cut = cut
            self._stretches.append(self._now)
        self._now = None

    def _last_cut(self) -> str:
        if self._how.window == "sliding":
            return SLIDING
        return CLOCK if self._how.window == "tumbling" else SILENCE

    def _cancel(self, by: str) -> None:
        if self._now is not None:
            self._now.cancelled = by
            self._end(self._last_cut())
        for clock in self._clocks:
            if not clock.held and not clock.came and not clock.cancelled and not clock.lacking:
                clock.cancelled = by

    # ---- deadlines

    def _settle(self, until: int) -> None:
        while (due := self._group.deadline()) is not None and due < until:
            closing = self._group.marks.since >= 0
            longest = (
                closing
                and self._how.window == "session"
                and (due == self._group.marks.since + self._how.span)
            )
            row = self._group.settle(due)
            if not closing:
                self._stop_clocks(due, row)
                continue
            self._note(row)
            cut = {"sliding": CLOSED, "tumbling": CLOCK}.get(self._how.window, SILENCE)
            self._end(LONGEST if longest else cut)

    def _start_clocks(self, time: int, instant: Sequence[Entry]) -> None:
        for clause in self._plan.absent:
            for entry in instant:
                if not set(entry.slots).isdisjoint(clause.positive):
                    waits_for = tuple(self._names[slot] for slot in clause.negative)
                    end = time + self._how.span
                    self._clocks.append(Clock(self._shown, entry.id, time, end, waits_for))
                    break

    def _stop_clocks(self, due: int, row: Row | None) -> None:
        """Those that end at `due`: what came, or that nothing came."""
        for clock in self._clocks:
            if clock.end != due or clock.cancelled or clock.held:
                continue
            back = clock.start - self._plan.back
            inside = [one for one in self._entries if back <= one.time <= due]
            clock.came = tuple(
                (one.id, self._names[slot], one.time)
                for one in inside
                for slot in one.slots
                if self._names[slot] in clock.waits_for
            )
            clock.held = row is not None and not clock.came
            clock.fired = clock.held and row is not None and (row.opens or self._plan.every)
            if not clock.held and not clock.came:
                seen = {
                    self._names[slot]
                    for one in inside
                    if one.time >= clock.start
                    for slot in one.slots
                }
                wanted = (name for name in self._how.rules if name not in clock.waits_for)
                clock.lacking = tuple(name for name in wanted if name not in seen)
