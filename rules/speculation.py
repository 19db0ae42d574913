"""Alerts that are told before event time has settled them, and how each of them ends.

A rule with `mingjian: {alerts: speculative}` is judged on everything that has arrived of a group,
in event order, up to the newest time seen in it. What would be an alert goes out at once, under the
id that the final alert has if nothing more comes before it. When event time has passed that alert,
the same id goes out once more: `final`, or `retracted` with the reason. See docs/adr/0012.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from rules.alert import RETRACTED, Alert
from rules.chains import messages_of
from rules.correlation.plan import Plan
from rules.correlation.row import Row
from rules.findings import alert_id_of
from rules.model import CorrelationRule
from rules.suppression import Quiet

MAX_TOLD = 16  # alerts of one key that wait for their end; more are told when they are final
_STEPS = 16  # looks at a key while its state doubles: see `worth_a_look`

RETRACTIONS = {
    "undone": (
        "what came later shows that the condition did not hold",
        "后到的消息表明条件并不成立",
    ),
    "replaced": (
        "what came later belongs before it: another alert has these messages",
        "后到的消息排在它前面：这些消息归入另一条告警",
    ),
    "rule_changed": (
        "its rule was changed or removed before it was settled",
        "告警确定之前规则已修改或移除",
    ),
}


class Told(msgspec.Struct, array_like=True, frozen=True):
    """An alert that was told and has not ended; `body` is its JSON."""

    time: int
    alert_id: str
    body: bytes


class Stood(NamedTuple):
    """A row that event time has settled, and the alert it belongs to."""

    time: int
    alert_id: str
    opened: bool


def worth_a_look(before: int, after: int) -> bool:
    """Whether all that a key holds is judged ahead of event time, now that its items have become
    so many instead of so many.

    That costs as much as the key holds. So it is done a fixed number of times while they double:
    at each item up to about twenty, later at every twentieth part. The work
    for one item thereby stays the same however many the key holds.
    """
    return not before or int(_STEPS * math.log2(before)) != int(_STEPS * math.log2(after))


def openings(
    rule: CorrelationRule, plan: Plan, rows: Iterable[Row], quiet: Quiet | None
) -> Iterator[tuple[str, Row]]:
    """(alert id, row) of the rows that are alerts; `quiet` is of one that suppresses others."""
    for row in rows:
        if not row.opens and not plan.every:
            continue
        if row.opens and quiet is not None and quiet.covers(row.time):
            continue
        members = [entry.data[0] for entry in row.entries]
        whole = members[-1].group
        alert_id = alert_id_of(rule.ref, whole[0], whole, messages_of(members), row.time)
        if rule.suppress:
            quiet = Quiet(alert_id, row.time, row.time + rule.suppress.duration)
        yield alert_id, row


def ended(
    told: Iterable[Told], stood: Sequence[Stood], watermark: int, *, known: bool
) -> tuple[list[Told], list[Alert]]:
    """(those that still wait, retractions of those that event time has passed unconfirmed).

    Args:
        stood: the rows settled just now.
        known: whether the rule was there to judge.
    """
    confirmed = {row.alert_id for row in stood if row.opened}
    instead = {row.time: row.alert_id for row in stood}
    waiting, taken_back = [], []
    for one in told:
        if one.alert_id in confirmed:
            continue
        if one.time > watermark:
            waiting.append(one)
            continue
        by = instead.get(one.time, "")
        reason = ("replaced" if by else "undone") if known else "rule_changed"
        alert = msgspec.json.decode(one.body, type=Alert)
        taken_back.append(
            msgspec.structs.replace(alert, status=RETRACTED, retraction=reason, replaced_by=by)
        )
    return waiting, taken_back
