"""What of a verdict is told: alerts, what joins one that stands, and what could not be judged."""

from __future__ import annotations

import msgspec

from rules.alert import FINAL, Alert, Evidence, Quarantined
from rules.chains import messages_of
from rules.correlation.row import Row
from rules.findings import Findings
from rules.held import State
from rules.items import Item
from rules.model import CorrelationRule, DetectionRule, Suppress
from rules.ruleset import Timeline
from rules.suppression import Quiet

Output = tuple[str, bytes]  # (one of rules.alert.OUTPUTS, JSON)
_json = msgspec.json.Encoder()


class Telling:
    """Makes outputs.

    Args:
        timeline: rulesets by digest.
        findings: builds alerts and evidence.
    """

    def __init__(self, timeline: Timeline, findings: Findings) -> None:
        self._timeline, self._findings = timeline, findings

    def single(self, item: Item) -> tuple[DetectionRule | None, list[Output]]:
        """The alert of one message, and its rule."""
        rule = self._timeline.of(item.ruleset, item.time).detections.get(item.rule)
        if rule is None:
            return None, [("quarantine", _json.encode(self.orphaned(item)))]
        by = rule.suppress.by if rule.suppress else ()
        alert, evidence = self._findings.build(
            rule.ref,
            rule.summary,
            item.ruleset,
            item.group,
            (item,),
            group_by=("tenant", *by) if item.group else (),
            intercept=rule.intercept,
        )
        return rule, outputs_of(alert, evidence)

    def quieted(self, held: State, item: Item) -> list[Output]:
        """A hit of a rule with `suppress`: a new alert, or evidence of the one before."""
        if held.quiet and held.quiet.covers(item.time):
            found = self._findings.evidence(held.quiet.alert_id, item)
            return [("evidence", _json.encode(found))]
        rule, outputs = self.single(item)
        if rule and rule.suppress and not (held.quiet and item.time < held.quiet.since):
            held.quiet = _quiet(outputs, item.time, rule.suppress)
        return outputs

    def report(
        self, rule: CorrelationRule, held: State, row: Row, *, every: bool
    ) -> tuple[bool, list[Output]]:
        """(whether an alert was given, outputs): an alert for a new episode; while it goes on the
        alert stands and its evidence grows."""
        hushed = row.opens and held.quiet is not None and held.quiet.covers(row.time)
        if hushed and held.quiet:
            held.alert_id = held.quiet.alert_id
        if hushed or (not row.opens and not every):
            new = messages_of(entry.data[0] for entry in (row.entries if hushed else row.fresh))
            return False, [
                ("evidence", _json.encode(self._findings.evidence(held.alert_id, item)))
                for item in new
            ]
        alert, found = self._findings.correlated(rule, row, FINAL)
        held.alert_id = alert.alert_id
        if rule.suppress:
            held.quiet = Quiet(alert.alert_id, row.time, row.time + rule.suppress.duration)
        return True, outputs_of(alert, found)

    def orphaned(self, item: Item) -> Quarantined:
        """An item whose rule was removed while it waited: said, not swallowed."""
        gone = f"{item.rule}: no longer in any ruleset"
        return self._findings.set_aside(item, "rule_failed", gone)

    def hot(self, item: Item) -> Output:
        """An item for which its group has no room."""
        aside = self._findings.set_aside(item, "hot_key", item.rule)
        return ("quarantine", _json.encode(aside))


def outputs_of(alert: Alert, evidence: list[Evidence]) -> list[Output]:
    """An alert with its evidence."""
    return [
        ("alerts", _json.encode(alert)),
        *(("evidence", _json.encode(one)) for one in evidence),
    ]


def _quiet(outputs: list[Output], time: int, suppress: Suppress) -> Quiet:
    alert_id = msgspec.json.decode(outputs[0][1], type=Alert).alert_id
    return Quiet(alert_id, time, time + suppress.duration)
