"""Alerts that a part of a stream should have given, against those that are in an index: what is
missing, what is too much, and the reason of each, as far as there is one."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from rules.alert import RETRACTED, SPECULATIVE, Alert, Late
from rules.rejudge import Judged

# why an alert is missing: the first three are faults, the others have a reason that is known
LOST, UNDELIVERED, TAKEN_BACK = "lost", "undelivered", "taken_back"
LATE, MOVED, RULES, UNDECIDED = "late", "moved", "rules", "undecided"
# why one is too much, besides LATE, RULES and UNDECIDED
UNEXPLAINED, NOT_ENDED = "unexplained", "not_ended"
FAULTS = (LOST, UNDELIVERED, TAKEN_BACK)

REASONS = {
    LOST: (
        "nowhere: the job never told it, or what it told is gone",
        "哪里都没有：作业未发出，或发出的已丢失",
    ),
    UNDELIVERED: (
        "the job told it, and the index does not have it",
        "作业已发出，但索引里没有",
    ),
    TAKEN_BACK: ("it was taken back, and holds after all", "曾被收回，但其实成立"),
    LATE: ("a message of it came too late then", "其中有消息当时迟到"),
    MOVED: (
        "the index has another alert of the same matter, which began elsewhere",
        "索引里有同一事项的另一条告警，只是起点不同",
    ),
    RULES: ("judged by other rules than then", "判定所用规则与当时不同"),
    UNDECIDED: (
        "cannot be decided from what was read: more of the past is needed",
        "所读内容不足以判断：需要更早的消息",
    ),
    UNEXPLAINED: ("judged again it is not there", "重新判定时没有它"),
    NOT_ENDED: ("it was told ahead and never ended", "曾提前告知，但一直没有了结"),
}


class Comparison(NamedTuple):
    """Ids of alerts. `missing` and `surplus` say why: keys of `REASONS`."""

    same: frozenset[str]
    missing: dict[str, str]
    surplus: dict[str, str]

    @property
    def faults(self) -> list[str]:
        """What should be in the index, and nothing explains why it is not."""
        return [one for one, why in self.missing.items() if why in FAULTS]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing without a reason, and nothing is there without one."""
        return not self.faults and UNEXPLAINED not in self.surplus.values()

    def counts(self) -> tuple[Counter[str], Counter[str]]:
        """How many are missing, and how many too much, by reason."""
        return Counter(self.missing.values()), Counter(self.surplus.values())


def compare(
    judged: Judged,
    live: Iterable[Alert],
    late: Iterable[Late],
    told: Collection[str],
    rulesets: Collection[str],
    quiets: Mapping[str, int] | None = None,
    before: Iterable[Alert] = (),
) -> Comparison:
    """What should be there against what is.

    Args:
        live: alerts of the index, of the same span and tenant.
        late: what came too late, of the time that was read.
        told: ids of final alerts that stand in the outputs of the job.
        rulesets: digests of the rules that judged now.
        quiets: for how long (ms) an alert of a rule silences further ones of its group.
        before: alerts of the index from before the span, whose silence may reach into it.
    """
    there = {one.alert_id: one for one in live}
    stand = {k: one for k, one in there.items() if one.status != RETRACTED}
    too_late = list(late)
    only_now = {k: one for k, one in judged.alerts.items() if k not in stand}
    only_then = {k: one for k, one in stand.items() if k not in judged.alerts}
    groups_then = _by_group(only_then.values())
    late_ids = {one.msgid for one in too_late}
    late_groups = {(one.rule, tuple(one.group.values())) for one in too_late}
    then = _Rules(stand.values())

    def was_late(one: Alert) -> bool:
        met = _group(one) in late_groups
        return met or not late_ids.isdisjoint(member.msgid for member in one.members)

    moved_by = _by_group(one for one in only_now.values() if was_late(one))

    silences = _Silences(quiets or {}, was_late)
    silences.both(stand[k] for k in judged.alerts.keys() & stand.keys())
    for one in before:
        if one.status != RETRACTED:
            (silences.both if one.alert_id in judged.before else silences.only_then)([one])
    silences.only_then(only_then.values())
    silences.only_now(only_now.values())
    shifted = silences.shifted()

    def why_missing(one: Alert) -> str:
        if one.alert_id in told:  # whoever told it knew all that may be missing now
            return UNDELIVERED
        if then.other(one):
            return RULES
        if not judged.edges.decides(one):
            return UNDECIDED
        if _touches(one, groups_then):
            return MOVED
        if one.alert_id in shifted:  # the index has it as evidence of another
            return MOVED
        if was_late(one):
            return LATE
        return TAKEN_BACK if one.alert_id in there else LOST

    def why_too_much(one: Alert) -> str:
        if one.ruleset not in rulesets:
            return RULES
        if not judged.edges.decides(one):
            return UNDECIDED
        if was_late(one) or _touches(one, moved_by) or one.alert_id in shifted:
            return LATE
        return NOT_ENDED if one.status == SPECULATIVE else UNEXPLAINED

    return Comparison(
        frozenset(judged.alerts.keys() & stand.keys()),
        {k: why_missing(one) for k, one in only_now.items()},
        {k: why_too_much(one) for k, one in only_then.items()},
    )


Group = tuple[str, tuple[str, ...]]


def _group(alert: Alert) -> Group:
    return alert.rule.name, tuple(alert.group.values())


def _by_group(alerts: Iterable[Alert]) -> dict[Group, list[Alert]]:
    found: dict[Group, list[Alert]] = {}
    for one in alerts:
        found.setdefault(_group(one), []).append(one)
    return found


def _touches(alert: Alert, others: dict[Group, list[Alert]]) -> bool:
    """Whether one of the same rule and group has a message of it, or the same time."""
    own = {member.msgid for member in alert.members}
    return any(
        not own.isdisjoint(member.msgid for member in one.members)
        or (one.first_time <= alert.time and alert.first_time <= one.time)
        for one in others.get(_group(alert), ())
    )


class _Silences:
    """Alerts of rules with a suppression, and which of them differ only because one came late.

    A hit that comes too late to be put in order is told by itself and opens no silence, so the next
    one in time is told as well; judged in order it would be silent. From there on the silences of
    then and of now may begin at different times, and each difference explains the next one that it
    covers.
    """

    def __init__(self, quiets: Mapping[str, int], was_late: Callable[[Alert], bool]) -> None:
        self._quiets, self._was_late = quiets, was_late
        self._groups: dict[Group, list[tuple[int, str, bool, bool, Alert]]] = {}

    def both(self, alerts: Iterable[Alert]) -> None:
        """Alerts that are there and were found again."""
        self._add(alerts, there=True, found=True)

    def only_then(self, alerts: Iterable[Alert]) -> None:
        """Alerts that are there and were not found again."""
        self._add(alerts, there=True, found=False)

    def only_now(self, alerts: Iterable[Alert]) -> None:
        """Alerts that were found and are not there."""
        self._add(alerts, there=False, found=True)

    def _add(self, alerts: Iterable[Alert], *, there: bool, found: bool) -> None:
        for one in alerts:
            if one.rule.name in self._quiets:
                row = (one.time, one.alert_id, there, found, one)
                self._groups.setdefault(_group(one), []).append(row)

    def shifted(self) -> set[str]:
        """Ids of those that are on one side only because the silence of the other covers them,
        and that silence stands on one side only because of a message that was late."""
        done: set[str] = set()
        for (rule, _), rows in self._groups.items():
            until_now = until_then = -1  # silences that only one side knows, for a known reason
            for time, alert_id, there, found, one in sorted(rows, key=lambda row: row[:2]):
                ends = time + self._quiets[rule]
                covered = until_now if there else until_then
                if there != found and time <= covered:
                    done.add(alert_id)
                    if there:
                        until_then = ends
                    else:
                        until_now = ends
                elif found and self._was_late(one):
                    until_now = ends  # then it opened no silence
        return done


class _Rules:
    """Which rules judged then, as the alerts of that time say."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        ordered = sorted((one.time, one.ruleset) for one in alerts)
        self._times = [time for time, _ in ordered]
        self._digests = [digest for _, digest in ordered]

    def other(self, alert: Alert) -> bool:
        """Whether neither the alert before nor the one after was judged by the same rules."""
        at = bisect.bisect_left(self._times, alert.time)
        beside = self._digests[max(0, at - 1) : at + 1]
        return bool(beside) and alert.ruleset not in beside
