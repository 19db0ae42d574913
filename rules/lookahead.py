"""Judges a group ahead of event time as its items come, and remembers in memory how far it got.

In-order items are the common case: such a one is added to a group that has been judged up to the
one before it, which costs the same however many are held. Any other item means judging all that
the key holds; that is done at a bounded rate (`rules.speculation.worth_a_look`). What is remembered
is only a short cut: it is used where the state is to the byte what it was left as, and may be
forgotten at any time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from rules.alert import SPECULATIVE
from rules.correlation.group import Group, advance
from rules.correlation.row import Row
from rules.findings import Findings
from rules.held import State, due_of, items_in, read, written
from rules.items import Item, key_of
from rules.members import entries_of
from rules.model import CorrelationRule
from rules.speculation import MAX_TOLD, Told, openings, worth_a_look
from rules.suppression import Quiet

MAX_KEPT = 32 * 1024 * 1024  # bytes of state of the groups that are remembered

Output = tuple[str, bytes]
_json = msgspec.json.Encoder()


class _Judged:
    """A group judged up to its newest item; `state` is what the key held then."""

    def __init__(self, group: Group, quiet: Quiet | None, told: Iterable[Told]) -> None:
        self.group, self.quiet = group, quiet
        self.told = {one.alert_id for one in told}
        self.newest = (0, 0)  # time and seq
        self.state = b""

    def judge(self, rule: CorrelationRule, items: list[Item]) -> list[tuple[str, Row]]:
        """(alert id, row) of what is to be told; the items are in order, and newer than all."""
        plan = self.group.plan
        self.newest = (items[-1].time, items[-1].seq)
        rows = advance(self.group, entries_of(plan, items), items[-1].time)
        found = []
        for alert_id, row in openings(rule, plan, rows, self.quiet):
            if rule.suppress:
                self.quiet = Quiet(alert_id, row.time, row.time + rule.suppress.duration)
            if alert_id not in self.told and len(self.told) < MAX_TOLD:
                self.told.add(alert_id)
                found.append((alert_id, row))
        return found


class Lookahead:
    """Looks ahead in all groups of a stage.

    Args:
        findings: builds alerts and evidence.
        group: the evaluator of what a state has settled.
        kept: bytes of state of the groups that are remembered, at most.
    """

    def __init__(
        self,
        findings: Findings,
        group: Callable[[CorrelationRule, State], Group],
        kept: int = MAX_KEPT,
    ) -> None:
        self._findings, self._group = findings, group
        self._kept: OrderedDict[str, _Judged] = OrderedDict()
        self._most, self._size = kept, 0

    def look(
        self, rule: CorrelationRule, before: bytes | None, after: bytes, packed: bytes, item: Item
    ) -> tuple[bytes, list[Output]]:
        """An item has come: (the state, with what was told in it; alerts and evidence).

        Args:
            before, after: the state without the item and with it; `packed` is the item as it came.
        """
        key = key_of(packed)
        known = self._kept.pop(key, None)
        if known:
            self._size -= len(known.state)
        same = known is not None and known.state == before
        if known and same and (item.time, item.seq) > known.newest:
            found = known.judge(rule, [item])
        elif (known and not same) or worth_a_look(items_in(before), items_in(after)):
            held = read(after)
            known = _Judged(self._group(rule, held), held.quiet, held.told)
            found = known.judge(rule, sorted(held.pending, key=Item.order))
        else:
            return after, []  # and what was known of it is no longer so
        state, outputs = self._tell(rule, after, found)
        self._keep(key, known, state)
        return state, outputs

    def _tell(
        self, rule: CorrelationRule, state: bytes, found: list[tuple[str, Row]]
    ) -> tuple[bytes, list[Output]]:
        if not found:
            return state, []
        outputs: list[Output] = []
        held = read(state)
        for alert_id, row in found:
            alert, evidence = self._findings.correlated(rule, row, SPECULATIVE)
            body = _json.encode(alert)
            held.told.append(Told(row.time, alert_id, body))
            outputs.append(("alerts", body))
            outputs += [("evidence", _json.encode(one)) for one in evidence]
        return written(held, due_of(state)), outputs

    def _keep(self, key: str, judged: _Judged, state: bytes) -> None:
        judged.state = state
        self._kept[key] = judged
        self._size += len(state)
        while self._size > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.state)
