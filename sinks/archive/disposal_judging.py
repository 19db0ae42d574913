"""Judges the messages of a plan once more, in front of their removal: which stay, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rules.plural import plural
from rules.retention.holds import Hold, held_by
from rules.retention.policies import keep_until
from sinks.archive.disposable import Spans, spans
from sinks.archive.disposal_parts import NotNow, Parts
from sinks.archive.disposal_plan import Going, Plan, party_of
from sinks.archive.due import counting, due
from sinks.archive.facts import facts_of, sayer
from sinks.archive.kept import message_of
from sinks.archive.known_alerts import KnownAlerts, uncertain
from sinks.archive.resealing import Records
from sinks.archive.rows import Row

# Why a message stays.
HELD, CHANGED, NOT_DUE, STUCK, VOID = "held", "changed", "not_due", "stuck", "void"
_UNSURE = "unsure"  # a hold on an alert that the archive has not taken may hold it


class Judging:
    """The messages of a plan, as they were judged last."""

    def __init__(self, parts: Parts, plan: Plan) -> None:
        self._parts, self._plan = parts, plan
        self._going = {one.leaf: one for one in plan.messages}
        self._counted = counting(plan.policies, plan.basis)
        self._name = plan.renaming()
        self._alerts = KnownAlerts(parts.folder)
        self._lacking: frozenset[str] = frozenset()
        self._stayed: dict[str, set[int]] = {}

    def require_sure(self) -> None:
        """Come back when of none of them it is open whether it is held.

        Raises:
            NotNow: it is, until an alert was taken or a hold is lifted.
        """
        if unsure := self._stayed.get(_UNSURE):
            raise _not_known(self._lacking, len(unsure))

    def stayed(self, there: Collection[int]) -> dict[str, Spans]:
        """Of those that are there: which stay, by the reason. Those that were not judged stay
        because the plan is void."""
        for leaf in set(there).difference(*self._stayed.values()):
            self._stay(leaf, VOID)
        told = {why: spans(one for one in leaves if one in there)
                for why, leaves in sorted(self._stayed.items())}  # fmt: skip
        return {why: found for why, found in told.items() if found}

    def go(
        self, rows: Sequence[Row], records: Records, holds: Sequence[Hold], at: int
    ) -> list[Row]:
        """Those that still may go, by these holds, at `at` (UTC ms)."""
        self._lacking = self._alerts.lacking(holds)
        alerts = self._parts.disposals.alerts_of([row.leaf for row in rows])
        going = []
        for row in rows:
            raw = records.raw.get(row.leaf)
            stays = self._stays(row, raw, alerts.get(row.leaf, ()), holds, at)
            if stays:
                self._stay(row.leaf, stays)
            else:
                going.append(row)
        if not records.stays_whole({row.leaf for row in going}):
            for row in going:
                self._stay(row.leaf, STUCK)
            return []
        return going

    def _stays(
        self,
        row: Row,
        raw: bytes | None,
        alerts: Sequence[tuple[str, str]],
        holds: Sequence[Hold],
        at: int,
    ) -> str:
        """Why a message stays now; "" when it may go."""
        message = None if raw is None else message_of(self._parts.decoder, raw)
        facts = facts_of(row, message, alerts, self._parts.departments)
        planned: Going = self._going[row.leaf]
        says = sayer(row, message)
        if held_by(facts, says, holds):
            return HELD
        if held_by(facts, says, uncertain(holds, self._lacking)):
            return _UNSURE
        if party_of(facts.renamed(self._name)) != self._plan.facts[planned.facts]:
            return CHANGED
        kept = keep_until(facts, self._counted)
        return "" if due(kept, at, self._plan.basis) else NOT_DUE

    def _stay(self, leaf: int, why: str) -> None:
        for leaves in self._stayed.values():
            leaves.discard(leaf)
        self._stayed.setdefault(why, set()).add(leaf)


def _not_known(alerts: frozenset[str], count: int) -> NotNow:
    named = ", ".join(sorted(alerts)[:3])
    return NotNow(
        f"the archive has not taken the alert {named} yet, which a hold is on:"
        f" {plural(count, 'message')} may be held by it and will not be deleted until then",
        f"归档尚未收到法律保全所指的告警 {named}：{count:,} 条消息可能受其保全，在此之前不删除",
        "it goes on when the alert was delivered; if there is no such alert, lift the hold",
        "告警送达后会继续执行；若没有这条告警，请解除该保全",
        alerts,
    )
