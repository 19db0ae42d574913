"""Messages as the base rules of a correlation see them, and as its evaluator takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rules.correlation.entry import Entry
from rules.correlation.plan import Plan
from rules.explain import Verdict


@dataclass(frozen=True)
class Counted:
    """One message as a base rule sees it.

    Args:
        group: the values the message is grouped by, name -> value; "" where it has none.
        value: of the fields that are counted or added up; "" for other types.
        missing: fields without a value, for want of which the message does not count.
        compared: what it is compared by with other steps, as the engine writes it.
    """

    verdict: Verdict
    group: Mapping[str, str]
    value: str
    missing: tuple[str, ...]
    compared: str = ""

    @property
    def counts(self) -> bool:
        """Does the message count for the correlation?"""
        return self.verdict.held and not self.missing


def entries_of(plan: Plan, names: Sequence[str], members: Sequence[Counted]) -> Iterator[Entry]:
    """Messages in order as the evaluator takes them: one for each, however many rules it fits."""

    def order(one: Counted) -> tuple[int, int, str]:
        message = one.verdict.message
        return message.time, message.seq, message.msgid

    for (time, seq, msgid), same in groupby(sorted(members, key=order), key=order):
        both = list(same)
        texts = {names.index(one.verdict.rule.ref.name): one.compared for one in both}
        slots = tuple(sorted(texts))
        if plan.compares:
            yield Entry(time, seq, msgid, slots, tuple(texts[slot] for slot in slots))
            continue
        counted = [one.value for one in both if one.value and slots != (plan.until,)]
        yield Entry(time, seq, msgid, slots, plan.values(counted))
