"""The checker: what had to be there against what is there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tests.chaos.load import Case

LIVE_S = 2.0  # an alert that is seen so soon after it was due is live
INDEXED_S = 4.0  # in Elasticsearch: it shows what it has a second later, and is asked each second


class Verdict(msgspec.Struct, kw_only=True):
    """What a cycle showed. Everything but `expected`, `repeats` and the times must be zero."""

    expected: int
    lost: list[str] = []
    phantom: list[str] = []
    twice: list[str] = []  # shown twice to people: in Redis' stream, or as two documents
    without_evidence: list[str] = []
    late: int = 0
    quarantined: int = 0
    refused: int = 0  # by the index, set aside with the reason
    repeats: int = 0  # in the topic; allowed, for every target ignores them
    recovery_s: float = 0.0  # from the fault until alerts are live again in the topic
    visible_s: float = 0.0  # the same, in Redis
    indexed_s: float = 0.0  # the same, in Elasticsearch
    worst_s: float = 0.0  # the longest that a single-message alert took to the topic

    @property
    def passed(self) -> bool:
        """Nothing lost, nothing invented, nothing twice, nothing without its evidence."""
        wrong = self.lost, self.phantom, self.twice, self.without_evidence
        return not any(wrong) and not self.late


def judge(
    expected: Mapping[str, Case],
    *,
    topic: Iterable[str],
    stream: Counter[str],
    alerts: Iterable[Mapping[str, Any]],
    evidence: Iterable[Mapping[str, Any]],
    refused: Iterable[tuple[str, Mapping[str, Any]]] = (),
    late: int = 0,
    quarantined: int = 0,
) -> Verdict:
    """Compare.

    Args:
        expected: alert ids and what they stand for.
        topic: alert ids in the topic, as often as they stand there.
        stream: alert ids in Redis' stream, and how often.
        alerts, evidence: documents of the search index.
        refused: (kind, record) that the index refused for good and that were set aside; each has to
            be there or here, and not in both.
    """
    told = Counter(topic)
    documents = Counter(str(one["alert_id"]) for one in alerts)
    proofs: dict[str, list[str]] = {}
    for one in evidence:
        proofs.setdefault(str(one["alert_id"]), []).append(str(one["msgid"]))
    aside = 0
    for kind, one in refused:
        aside += 1
        if kind == "alerts":
            documents[str(one["alert_id"])] += 1
        elif kind == "evidence":
            proofs.setdefault(str(one["alert_id"]), []).append(str(one["msgid"]))
    everywhere = set(told), set(stream), set(documents)
    return Verdict(
        expected=len(expected),
        lost=sorted(one for one in expected if not all(one in place for place in everywhere)),
        phantom=sorted(set().union(*everywhere) - set(expected)),
        twice=sorted(
            {one for one, count in stream.items() if count > 1}
            | {one for one, count in documents.items() if count > 1}
        ),
        without_evidence=sorted(
            one
            for one, case in expected.items()
            if one in documents and sorted(proofs.get(one, ())) != sorted(case.msgids)
        ),
        late=late,
        quarantined=quarantined,
        refused=aside,
        repeats=sum(told.values()) - len(told),
    )


def recovery(
    cases: Mapping[str, Case],
    sights: Mapping[str, float],
    base: int,
    fault_at: float,
    live_s: float = LIVE_S,
) -> float:
    """Seconds from the fault until alerts came live again: the sight of the last alert that was not
    live, of those about one message that were sent after a moment before the fault. 0: all were.

    Args:
        base: UTC ms at which the cycle began.
        fault_at: UTC seconds.
        live_s: how soon after it was due an alert has to be seen to be live.
    """
    slow = [
        sights[one]
        for one, case in cases.items()
        if case.rule == "chaos_word"
        and case.live
        and one in sights
        and sights[one] > fault_at
        and sights[one] - (base + case.at) / 1000 > live_s + _HANDED_S
    ]
    return max(slow) - fault_at if slow else 0.0


def worst(cases: Mapping[str, Case], sights: Mapping[str, float], base: int) -> float:
    """The longest (s) between the time of a message and the sight of its alert."""
    taken = [
        sights[one] - (base + case.at) / 1000
        for one, case in cases.items()
        if case.rule == "chaos_word" and one in sights
    ]
    return max(taken, default=0.0)


_HANDED_S = 1.5  # messages are handed over up to so much after their time (load.make_plan)
