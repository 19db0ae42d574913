"""The keyed stage, pure: state in, state out, with the outputs and the timers to set.

State of one key is one value (`rules.held`): items that wait for the watermark, the items of the
open window, and the episode that is being reported. Nothing here knows Flink or the clock; the
watermark is an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from rules.alert import Late
from rules.bounds import KEY_BYTES, newest_within
from rules.calendar import OfficeCalendar, load_calendar
from rules.chains import handed_up
from rules.correlation.group import Group, advance
from rules.correlation.plan import Plan
from rules.findings import Findings
from rules.held import State, due_of, fresh, is_open, items_in, overflowed, read, with_item
from rules.items import ALERT, FRAGMENT, MEMBER, QUARANTINE, QUIETED, ROW, Item, unpack
from rules.late import (
    CHANGED,
    FIRED,
    MAX_ITEMS,
    NOTHING,
    UNKNOWN,
    out_of_order,
    would_have_fired,
)
from rules.live import Live
from rules.lookahead import Lookahead
from rules.members import entries_of, remembered
from rules.model import MAX_WINDOW, CorrelationRule
from rules.ruleset import RuleSet, Timeline
from rules.speculation import Stood, ended
from rules.split import Splits, SplitStep
from rules.telling import Output, Telling, outputs_of
from rules.view import field_value

_LATE = {  # answers of `rules.late`, and what counts them
    FIRED: "late_would_have_fired",
    CHANGED: "late_would_have_changed",
    NOTHING: "late_without_effect",
    UNKNOWN: "late_unknown",
}
COUNTED = ("late", *_LATE.values(), "told_ahead", "retracted", "hot_key")
_WAITING = (MEMBER, ROW, QUIETED)
_json = msgspec.json.Encoder()


class Step(NamedTuple):
    """Result of one call. `state` None: the key is finished and holds nothing. `up`: packed items
    for the stage above, where correlations read correlations."""

    state: bytes | None
    outputs: list[Output]
    timers: list[int]
    up: list[bytes] = []  # noqa: RUF012 - never changed


class Found(NamedTuple):
    """What a call gave; see `Step`."""

    outputs: list[Output]
    up: list[bytes]


class Behaviour:
    """Judges the items of one key after another.

    Args:
        timeline: rulesets by digest.
        findings: builds alerts and evidence.
        level: which correlations this stage judges (`RuleSet.levels`); others are handed up.
        key_bytes: how much of messages the window of one key may keep, and may wait besides.
        calendar: for rules that are asked about numbers in pieces; the shipped one by default.
    """

    def __init__(
        self,
        timeline: Timeline,
        findings: Findings,
        calendar: OfficeCalendar | None = None,
        level: int = 1,
        key_bytes: int = KEY_BYTES,
    ) -> None:
        self._timeline = timeline
        self._level = level
        self._key_bytes = key_bytes
        self._findings = findings
        self._telling = Telling(timeline, findings)
        self._plain: dict[tuple[str, str], bool] = {}
        self._plans: dict[tuple[str, str, bool], Plan] = {}
        self.counts: Counter[str] = Counter()  # of COUNTED; whoever reads it may empty it
        self._lookahead = Lookahead(findings, self._group)
        self._splits = Splits(timeline, findings, calendar or load_calendar())

    def add(
        self, state: bytes | None, packed: bytes, watermark: int, *, ahead: bool = True
    ) -> Step:
        """One item has come. Single-message alerts and quarantine go out at once; a member of a
        correlation waits until the watermark has passed its time, or is told `ahead` of it."""
        item = unpack(packed)
        if item.kind == QUARANTINE:
            return Step(state, [("quarantine", _json.encode(self._findings.quarantined(item)))], [])
        if item.kind == ALERT:
            return Step(state, self._telling.single(item)[1], [])
        full = state is not None and len(state) + len(packed) > 2 * self._key_bytes
        if item.kind == QUIETED and (item.time <= watermark or full):
            # not to be put in order: told by itself rather than lost
            kept = read(state) if state else fresh()
            late = self._late_hit(kept, item, watermark)
            return Step(state, [*self._telling.quieted(kept, item), *late], [])
        if item.kind == FRAGMENT:
            return self._split(self._splits.add(state, item, watermark), watermark)
        if self._level < self._ruleset(item).levels.get(item.rule, 0):
            return Step(state, [], [], [packed])
        if item.time <= watermark:
            return Step(state, [("late", _json.encode(self._late(state, item, watermark)))], [])
        if state and full:
            self.counts["hot_key"] += 1
            return Step(overflowed(state), [self._telling.hot(item)], [])
        longer, first = with_item(state, packed, item.time)
        timers = [item.time] if first or not state else []
        rule = self._rule(item)
        if rule is None or not (rule.speculative and ahead):
            return Step(longer, [], timers)
        longer, found = self._lookahead.look(rule, state, longer, packed, item)
        self.counts["told_ahead"] += sum(name == "alerts" for name, _ in found)
        return Step(longer, found, timers)

    def advance(self, state: bytes | None, watermark: int) -> Step:
        """Event time has reached `watermark` (ms): judge what waited, drop what is over."""
        if not state:
            return Step(None, [], [])
        if not is_open(state):
            return self._split(self._splits.advance(state, watermark), watermark)
        if watermark < due_of(state):
            return Step(state, [], [])
        live = Live(state)
        found = self.judge(live, watermark)
        if live.empty:
            return Step(None, found.outputs, [], found.up)
        return Step(live.written(), found.outputs, [live.due], found.up)

    def waits(self, item: Item, watermark: int) -> bool:
        """Whether all that is to be done with an item is to let it wait (`wait`)."""
        if item.kind not in _WAITING or item.time <= watermark:
            return False
        ruleset = self._ruleset(item)  # by its own name: where that of the item is gone, time says
        named = (ruleset.digest, item.rule)
        plain = self._plain.get(named)
        if plain is None:
            rule = ruleset.correlations.get(item.rule)
            plain = self._level >= ruleset.levels.get(item.rule, 0)
            plain = self._plain[named] = plain and not (rule and rule.speculative)
        return plain

    def wait(self, live: Live, item: Item, size: int) -> list[Output]:
        """Let an item of `size` bytes wait, if there is room for it: of nothing, the first has."""
        most = 2 * self._key_bytes - size
        if not live.size or live.size <= most or len(live.written()) <= most:
            live.wait(item, size)
            return []
        if item.kind == QUIETED:  # told by itself: those that wait do not belong to its alert
            return self._telling.quieted(msgspec.structs.replace(live.state), item)
        live.state.truncated = True
        self.counts["hot_key"] += 1
        return [self._telling.hot(item)]

    def judge(self, live: Live, watermark: int) -> Found:
        """Event time has reached `watermark` (ms): judge what waited, drop what is over."""
        held = live.state
        outputs: list[Output] = []
        judged: list[Item] = []
        size = live.size
        if size > self._key_bytes:
            size = len(live.written())
        for item in live.ready(watermark):
            if item.kind == QUIETED:
                outputs += self._telling.quieted(held, item)
            elif self._rule(item) is None:
                outputs.append(("quarantine", _json.encode(self._telling.orphaned(item))))
            else:
                judged.append(item)
        found, timers, up = self._settle(live, judged, watermark, size)
        outputs += found
        if held.quiet and held.quiet.until < watermark:
            held.quiet = None
        elif held.quiet:
            timers.append(held.quiet.until + 1)
        timers += [item.time for item in held.pending]
        if timers:
            live.due = min(timers)
        if size > self._key_bytes:  # its group keeps less than others do
            live.reread()
        live.settled()
        return Found(outputs, up)

    def _settle(
        self, live: Live, judged: list[Item], watermark: int, size: int
    ) -> tuple[list[Output], list[int], list[bytes]]:
        """What a correlation says of these items, the timers it needs, and what goes up; updates
        its window. `size`: bytes of all that is held."""
        outputs: list[Output] = []
        up: list[bytes] = []
        stood: list[Stood] = []
        held = live.state
        newest = judged[-1] if judged else live.newest()
        rule = self._rule(newest) if newest else None
        if rule is None or newest is None:
            live.forget()
            return self._ended(held, stood, watermark, known=False), [], up
        if size > self._key_bytes:
            live.reread()
            live.made(self._group(rule, held, newest_within(
                self._key_bytes, MAX_WINDOW, held.window, judged
            )))  # fmt: skip
        if live.group and live.group.plan is not self._plan(rule):
            live.reread()
        group = live.group
        if group is None:
            group = self._group(rule, held, MAX_WINDOW)
            live.made(group)
        parents = self._ruleset(newest).readers.get(rule.ref.name, ())
        rows = advance(group, entries_of(self._plan(rule), judged), watermark)
        if held.truncated:
            rows = [row._replace(truncated=True) for row in rows]
        for number, row in enumerate(rows):
            if parents:
                up += handed_up(rule, row, number, parents, self._read)
            if not rule.signal:
                opened, found = self._telling.report(rule, held, row, every=self._plan(rule).every)
                outputs += found
                stood.append(Stood(row.time, held.alert_id, opened))
        outputs += self._ended(held, stood, watermark)
        if group.over(watermark):
            live.forget()
            return outputs, [], up
        group.rest(watermark)
        held.last = None if live.holds else remembered(newest)
        held.truncated = held.truncated and live.holds
        due = group.deadline()
        times = [*group.rests(), *([] if due is None else [due])]
        return outputs, [time for time in times if time > watermark], up

    def _read(self, item: Item) -> Callable[[str], Any]:
        """The fields of the message of an item."""
        message = self._findings.decode(item.raw)
        return partial(field_value, message, self._ruleset(item).reference)

    def _plan(self, rule: CorrelationRule) -> Plan:
        read = self._timeline.reads(rule.ref.name)  # it may be from a published ruleset on
        key = (rule.ref.name, rule.state_version, read)
        if key not in self._plans:
            self._plans[key] = Plan(rule.how, every=False, read=read)
        return self._plans[key]

    def _group(self, rule: CorrelationRule, held: State, most: int = MAX_WINDOW) -> Group:
        plan = self._plan(rule)
        entries = entries_of(plan, held.window)
        group = Group(plan, held.marks, entries, most)
        if held.marks is None and entries:  # written by an earlier version
            group.marks.open[0] = bool(held.alert_id)
            group.marks.last = entries[-1].time
            group.marks.truncated = held.truncated
        return group

    def _split(self, step: SplitStep, watermark: int) -> Step:
        outputs = [
            output for alert, evidence in step.found for output in outputs_of(alert, evidence)
        ]
        if step.late:
            rule, item = step.late
            named = msgspec.structs.replace(item, rule=rule)
            late = self._findings.late(named, watermark, would=UNKNOWN)
            self._count(UNKNOWN)
            outputs.append(("late", _json.encode(late)))
        return Step(step.state, outputs, step.timers)

    def _rule(self, item: Item) -> CorrelationRule | None:
        """The correlation an item counts for; None when it is no longer in any ruleset.

        State outlives rulesets: after a restart with other rules it may name a digest that is
        gone. Then the rules of the item's time judge, as they would in a replay.
        """
        return self._ruleset(item).correlations.get(item.rule)

    def _ruleset(self, item: Item) -> RuleSet:
        return self._timeline.of(item.ruleset, item.time)

    def _ended(
        self, held: State, stood: list[Stood], watermark: int, *, known: bool = True
    ) -> list[Output]:
        if not held.told:
            return []
        held.told, taken_back = ended(held.told, stood, watermark, known=known)
        self.counts["retracted"] += len(taken_back)
        return [("alerts", _json.encode(alert)) for alert in taken_back]

    def _late(self, state: bytes | None, item: Item, watermark: int) -> Late:
        """A member that came too late, and what it would have done."""
        rule, would = self._rule(item), UNKNOWN
        if rule is not None and items_in(state) <= MAX_ITEMS:
            held = read(state) if state else fresh()

            def group() -> Group:
                return self._group(rule, read(state) if state else fresh())

            would = would_have_fired(rule, self._plan(rule), item, watermark, held, group)
        self._count(would)
        by = ("tenant", *rule.group_by) if rule else ()
        return self._findings.late(item, watermark, group_by=by, would=would)

    def _late_hit(self, held: State, item: Item, watermark: int) -> list[Output]:
        """That a hit of a rule with `suppress` came too late, where that makes a difference."""
        rule = self._ruleset(item).detections.get(item.rule)
        if item.time > watermark or rule is None or rule.suppress is None:
            return []
        would = out_of_order(rule.suppress, item, held)
        if not would:
            return []
        self._count(would)
        by = ("tenant", *rule.suppress.by)
        late = self._findings.late(item, watermark, group_by=by, would=would)
        return [("late", _json.encode(late))]

    def _count(self, would: str) -> None:
        self.counts["late"] += 1
        self.counts[_LATE[would]] += 1
