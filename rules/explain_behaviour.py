"""How far a correlation came on some messages: what counted, for which group, and what was missing.

The verdict itself is the engine's (`rules.engine`); this shows how the messages add up to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.correlation.model import TEMPORAL, Clause, Correlation
from rules.expectations import clock
from rules.explain import Setting, Verdict, judge
from rules.explain_names import selections
from rules.explain_text import conclusion
from rules.explain_words import Said
from rules.message import Message
from rules.model import CorrelationRule
from rules.named import Named
from rules.ruleset import RuleSet
from rules.view import field_value

_EMPTY: tuple[object, ...] = (None, "", (), [])
_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "neq": "!="}


@dataclass(frozen=True)
class Counted:
    """One message as a base rule sees it.

    Args:
        group: the values the message is grouped by, name -> value; "" where it has none.
        value: of the fields that are counted or added up; "" for other types.
        missing: fields without a value, for want of which the message does not count.
    """

    verdict: Verdict
    group: Mapping[str, str]
    value: str
    missing: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Does the message count for the correlation?"""
        return self.verdict.held and not self.missing


@dataclass(frozen=True)
class Reached:
    """The most that one group reached inside the time span, ending at `time` (UTC ms).

    `reached` is a number of messages, of different values or of kinds of messages; `absent` are
    the base rules none of these messages fits.
    """

    group: Mapping[str, str]
    reached: int
    messages: tuple[str, ...]
    time: int
    absent: tuple[str, ...]


def counted(
    rule: CorrelationRule,
    rules: RuleSet,
    messages: Iterable[Message],
    setting: Setting,
    named: Named,
) -> list[Counted]:
    """Each message with each base rule of the correlation, in event order. A correlation among
    them is left out: it judges no single message."""
    bases = [rules.detections[name] for name in rule.how.sources() if name in rules.detections]
    names = {base.ref.name: selections(rules, base.ref.name, named) for base in bases}
    ordered = sorted(messages, key=lambda message: (message.time, message.seq))
    return [
        _counted(rule.how, judge(base, message, setting, names[base.ref.name]), setting)
        for message in ordered
        for base in bases
    ]


def _counted(how: Correlation, verdict: Verdict, setting: Setting) -> Counted:
    message, base = verdict.message, verdict.rule.ref.name
    missing = []
    group = {}
    for name, field in zip(how.group_by, how.group_fields(base), strict=True):
        value = field_value(message, setting.reference, field)
        group[name] = _text(value)
        if value in _EMPTY and how.missing == "exclude":
            missing.append(field)
    values = []
    for name in how.fields:
        field = how.field_of(name, base)
        value = field_value(message, setting.reference, field)
        values.append(_text(value))
        if value in _EMPTY and base in how.rules:
            missing.append(field)
    return Counted(verdict, group, ", ".join(values), tuple(dict.fromkeys(missing)))


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return "、".join(map(str, value))
    return "" if value is None else str(value)


def reached(rule: CorrelationRule, found: Sequence[Counted]) -> list[Reached]:
    """For each group the best span of time: of messages, of values, or of kinds of messages."""
    groups: dict[tuple[str, ...], list[Counted]] = {}
    for one in found:
        if one.counts:
            groups.setdefault(tuple(one.group.values()), []).append(one)
    return [_best(rule.how, members) for members in groups.values()]


def _best(how: Correlation, members: Sequence[Counted]) -> Reached:
    best = Reached(members[0].group, -1, (), 0, ())
    for last in members:
        end = last.verdict.message.time
        window = [one for one in members if end - how.span <= one.verdict.message.time <= end]
        score = _score(how, window)
        if score > best.reached:
            ids = tuple(dict.fromkeys(one.verdict.message.msgid for one in window))
            seen = {one.verdict.rule.ref.name for one in window}
            absent = tuple(name for name in how.rules if name not in seen)
            best = Reached(members[0].group, score, ids, end, absent)
    return best


def _score(how: Correlation, window: Sequence[Counted]) -> int:
    if how.type == "value_count":
        return len({one.value for one in window})
    if how.ordered:
        step = 0
        for one in window:
            if step < len(how.rules) and one.verdict.rule.ref.name == how.rules[step]:
                step += 1
        return step
    if how.type == "temporal":
        return len({one.verdict.rule.ref.name for one in window if _asked(how, one)})
    return len({one.verdict.message.msgid for one in window if _asked(how, one)})


def _asked(how: Correlation, one: Counted) -> bool:
    """Does it fit one of the rules, and not only the one that cancels?"""
    return one.verdict.rule.ref.name in how.rules


def behaviour_lines(rule: CorrelationRule, found: Sequence[Counted], language: str) -> list[str]:
    """What counted and what did not, message by message, then the best of each group."""
    lines = []
    for one in found:
        message = one.verdict.message
        mark = "✓" if one.counts else "✗"
        lines.append(f"{mark} {message.msgid}  {clock(message.time)}  {_of(one).text(language)}")
    groups = reached(rule, found)
    for best in groups:
        lines.append(f"· {_best_of(rule.how, best).text(language)}")
    if not groups:
        said = Said("no message counts, so there is no group", "没有一条消息计入，所以没有任何一组")
        lines.append(f"· {said.text(language)}")
    return lines


def _of(one: Counted) -> Said:
    name = one.verdict.rule.ref.name
    if not one.verdict.held:
        return conclusion(one.verdict)
    if one.missing:
        fields = ", ".join(one.missing)
        return Said(
            f"{name} holds, but the message has no {fields}, so it does not count",
            f"{name} 成立，但消息没有 {fields}，所以不计入",
        )
    en, zh = f"{name} holds", f"{name} 成立"
    if one.group:
        group = _pairs(one.group)
        en, zh = f"{en}; group {group}", f"{zh}；分组 {group}"
    if one.value:
        en, zh = f"{en}; value {one.value}", f"{zh}；取值 {one.value}"
    return Said(en, zh)


def needed(how: Correlation) -> Said:
    """What the condition asks of a window."""
    if how.bounds and not (how.type in TEMPORAL and not how.fields):
        text = ", ".join(f"{_SIGNS[one.operator]} {float(one.limit):g}" for one in how.bounds)
        field = f" ({', '.join(how.fields)})" if how.fields else ""
        return Said(f"needed: {how.type}{field} {text}", f"需要：{how.type}{field} {text}")
    clauses = how.clauses or (Clause(tuple(range(len(how.rules)))),)
    ways = [_clause(how, clause.positive, clause.negative) for clause in clauses]
    en, zh = " or ".join(one.en for one in ways), "，或者 ".join(one.zh for one in ways)
    return Said(f"needed: {en}", f"需要：{zh}")


def _clause(how: Correlation, positive: Sequence[int], negative: Sequence[int]) -> Said:
    link = (" then ", " 然后 ") if how.ordered else (" and ", " 与 ")
    there = [how.rules[place] for place in positive]
    not_there = [how.rules[place] for place in negative]
    en, zh = link[0].join(there), link[1].join(there)
    if not_there:
        en += f" without {', '.join(not_there)}"
        zh += f"，且没有 {'、'.join(not_there)}"
    return Said(en, zh)


def _best_of(how: Correlation, best: Reached) -> Said:
    things = {
        "value_count": Said("different values", "个不同的取值"),
        "temporal": Said("of the rules", "条规则"),
        "temporal_ordered": Said("steps in their order", "步（按次序）"),
    }
    thing = things.get(how.type, Said("messages", "条消息"))
    ids = ", ".join(best.messages)
    where = f"(until {clock(best.time)}: {ids})", f"（到 {clock(best.time)}：{ids}）"
    absent = ", ".join(best.absent)
    lacks = (
        (f"; not seen: {absent}", f"；没有出现：{absent}") if absent and how.clauses else ("", "")
    )
    group = Said(f"group {_pairs(best.group)}: ", f"分组 {_pairs(best.group)}：")
    return Said(
        f"{group.en if best.group else ''}at most {best.reached} {thing.en} within"
        f" {span(how.span)} {where[0]}{lacks[0]}; {needed(how).en}",
        f"{group.zh if best.group else ''}{span(how.span)} 内最多 {best.reached} {thing.zh}"
        f"{where[1]}{lacks[1]}；{needed(how).zh}",
    )


def _pairs(group: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in group.items()) + "}"


def span(milliseconds: int) -> str:
    """A length of time as rules write it: 30s, 10m, 1h, 2d."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds / 1000:g}s"
