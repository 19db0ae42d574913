"""The keyed stage, pure: state in, state out, with the outputs and the timers to set.

State of one key is one versioned MessagePack value: items that wait for the watermark, the items
of the open window, and the episode that is being reported. Nothing here knows Flink or the clock;
the watermark is an argument.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from rules.alert import Alert, Evidence, Late, Quarantined, content_id, sm3_raw
from rules.findings import Findings, position
from rules.items import ALERT, QUARANTINE, Item, unpack
from rules.model import MAX_WINDOW, CorrelationRule
from rules.quarantine import REASONS
from rules.ruleset import RuleTimeline
from rules.windows import BREACH

STATE_VERSION = 1
FLAG_TRUNCATED = "evidence_truncated"

Output = tuple[str, bytes]  # (one of rules.alert.OUTPUTS, JSON)
_json = msgspec.json.Encoder()


class State(msgspec.Struct, array_like=True):
    """What one key remembers."""

    version: int
    pending: list[Item]
    window: list[Item]
    alert_id: str = ""  # the episode being reported; "" when none is open
    truncated: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode


class Step(NamedTuple):
    """Result of one call. `state` None: the key is finished and holds nothing."""

    state: bytes | None
    outputs: list[Output]
    timers: list[int]


class Behaviour:
    """Judges the items of one key after another.

    Args:
        timeline: rulesets by digest.
        findings: builds alerts and evidence.
    """

    def __init__(self, timeline: RuleTimeline, findings: Findings) -> None:
        self._timeline = timeline
        self._findings = findings

    def add(self, state: bytes | None, packed: bytes, watermark: int) -> Step:
        """One item has come. Single-message alerts and quarantine go out at once; a member of a
        correlation waits until the watermark has passed its time."""
        item = unpack(packed)
        if item.kind == QUARANTINE:
            return Step(state, [("quarantine", _json.encode(self._quarantined(item)))], [])
        if item.kind == ALERT:
            rule = self._timeline.by_digest(item.ruleset).detections[item.rule]
            alert, evidence = self._findings.build(
                rule.ref, rule.summary, item.ruleset, item.group, (item,)
            )
            return Step(state, _outputs(alert, evidence), [])
        if item.time <= watermark:
            return Step(state, [("late", _json.encode(self._late(item, watermark)))], [])
        held = _decode(state) if state else State(STATE_VERSION, [], [])
        held.pending.append(item)
        return Step(_encode(held), [], [item.time])

    def advance(self, state: bytes | None, watermark: int) -> Step:
        """Event time has reached `watermark` (ms): judge what waited, drop what is over."""
        if not state:
            return Step(None, [], [])
        held = _decode(state)
        ready = sorted((i for i in held.pending if i.time <= watermark), key=Item.order)
        held.pending = [i for i in held.pending if i.time > watermark]
        outputs: list[Output] = []
        rule: CorrelationRule | None = None
        for item in ready:
            rule = self._rule(item)
            if rule is None:
                outputs.append(("quarantine", _json.encode(self._orphaned(item))))
            else:
                outputs += self._judge(rule, held, item)
        if held.window:
            rule = self._rule(held.window[-1])
            if rule is None or held.window[-1].time + rule.timespan < watermark:
                held.window, held.alert_id, held.truncated = [], "", False
        if not held.window and not held.pending:
            return Step(None, outputs, [])
        timers = (
            [held.window[-1].time + rule.timespan + 1] if ready and rule and held.window else []
        )
        return Step(_encode(held), outputs, timers)

    def _rule(self, item: Item) -> CorrelationRule | None:
        """The correlation an item counts for; None when it is no longer in any ruleset.

        State outlives rulesets: after a restart with other rules it may name a digest that is
        gone. Then the rules of the item's time judge, as they would in a replay.
        """
        try:
            ruleset = self._timeline.by_digest(item.ruleset)
        except KeyError:
            ruleset = self._timeline.at(item.time)
        return ruleset.correlations.get(item.rule)

    def _orphaned(self, item: Item) -> Quarantined:
        """An item whose rule was removed while it waited: said, not swallowed."""
        return self._quarantined(
            msgspec.structs.replace(
                item,
                rule="rule_failed",
                value=f"{item.rule}: no longer in any ruleset",
                size=len(item.raw),
                sm3=sm3_raw(item.raw),
                sha256=hashlib.sha256(item.raw).hexdigest(),
            )
        )

    def _judge(self, rule: CorrelationRule, held: State, item: Item) -> list[Output]:
        oldest = item.time - rule.timespan
        held.window = [other for other in held.window if other.time >= oldest]
        if not held.window:
            held.alert_id, held.truncated = "", False
        if any(other.msgid == item.msgid and other.step == item.step for other in held.window):
            return []  # the source repeated itself
        held.window.append(item)
        if len(held.window) > MAX_WINDOW:
            del held.window[0]
            held.truncated = True
        members = BREACH[rule.type](rule, held.window)
        if not members:
            held.alert_id = ""
            return []
        if held.alert_id:  # the episode goes on: the alert stands, its evidence grows
            evidence = self._findings.evidence(held.alert_id, item)
            return [("evidence", _json.encode(evidence))]
        alert, found = self._findings.build(
            rule.ref,
            rule.summary,
            item.ruleset,
            item.group,
            members,
            group_by=("tenant", *rule.group_by),
            timespan=rule.timespan,
            flags=(FLAG_TRUNCATED,) if held.truncated else (),
        )
        held.alert_id = alert.alert_id
        return _outputs(alert, found)

    def _quarantined(self, item: Item) -> Quarantined:
        identity = content_id(
            item.rule, item.value, item.sm3, item.source, str(item.partition), str(item.offset)
        )
        return Quarantined(
            quarantine_id=identity,
            reason=item.rule,
            detail=item.value,
            held=REASONS[item.rule].held,
            raw_sm3=item.sm3,
            raw_sha256=item.sha256,
            raw_size=item.size,
            position=position(item),
            sealed=self._findings.seal(item.raw, "quarantine", identity),
            truncated=item.size > len(item.raw),
        )

    def _late(self, item: Item, watermark: int) -> Late:
        return self._findings.late(item, watermark)


def _outputs(alert: Alert, evidence: list[Evidence]) -> list[Output]:
    return [
        ("alerts", _json.encode(alert)),
        *(("evidence", _json.encode(one)) for one in evidence),
    ]
