"""How far a correlation came on some messages: what counted, for which group, and what was missing.

The verdict itself is the engine's (`rules.engine`); this shows how the messages add up to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from rules.correlation.model import Correlation
from rules.correlation.steps import compared_text
from rules.expectations import clock
from rules.explain import Setting, Verdict, judge
from rules.explain_course import course_said, pairs
from rules.explain_entries import Counted
from rules.explain_names import selections
from rules.explain_text import conclusion
from rules.explain_windows import Course, Stretch, courses
from rules.explain_words import Said
from rules.grouping import as_group
from rules.message import Message
from rules.model import CorrelationRule
from rules.named import Named
from rules.ruleset import RuleSet
from rules.view import field_value

_EMPTY: tuple[object, ...] = (None, "", (), [])


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
    compared = ""
    if how.between and base in how.rules:
        slot, of_message = how.rules.index(base), partial(field_value, message, setting.reference)
        compared = compared_text(how, slot, lambda name: as_group(of_message(name)))
        values += [f"{name} {_text(of_message(name)) or '-'}" for name in how.compared(slot)]
    return Counted(verdict, group, ", ".join(values), tuple(dict.fromkeys(missing)), compared)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return "、".join(map(str, value))
    return "" if value is None else str(value)


def reached(ran: Iterable[Course]) -> list[Stretch]:
    """For each group the window that came to the most."""
    return [max(of.stretches, key=lambda one: one.reached or 0) for of in ran if of.stretches]


def reads_correlations(rule: CorrelationRule, found: Sequence[Counted]) -> list[str]:
    """Names of what the rule reads and no message is judged by: other correlations. `found` is of
    one message at least."""
    seen = {one.verdict.rule.ref.name for one in found}
    return [name for name in rule.how.sources() if name not in seen]


def _chained(name: str) -> Said:
    return Said(
        f"{name} is a correlation itself, whose results count here; how it came to them:"
        f" mingjian rules explain {name} MESSAGE...",
        f"{name} 本身是关联规则，这里计入的是它的结果；它怎样得出，请看："
        f"mingjian rules explain {name} MESSAGE...",
    )


def behaviour_lines(rule: CorrelationRule, found: Sequence[Counted], language: str) -> list[str]:
    """What counted and what did not, message by message, then the best of each group."""
    lines = [message_line(one, rule.how, language) for one in found]
    if chained := reads_correlations(rule, found):
        return lines + [f"· {_chained(one).text(language)}" for one in chained]
    groups = courses(rule.how, found)
    for course in groups:
        lines += [f"· {one.text(language)}" for one in course_said(rule.how, course)]
    if not groups:
        said = Said("no message counts, so there is no group", "没有一条消息计入，所以没有任何一组")
        lines.append(f"· {said.text(language)}")
    return lines


def message_line(one: Counted, how: Correlation, language: str) -> str:
    """Whether a message counts, and why."""
    message = one.verdict.message
    mark = "✓" if one.counts else "✗"
    return f"{mark} {message.msgid}  {clock(message.time)}  {_of(one, how).text(language)}"


def _of(one: Counted, how: Correlation) -> Said:
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
        group = pairs(one.group)
        en, zh = f"{en}; group {group}", f"{zh}；分组 {group}"
    if one.value:
        en, zh = f"{en}; value {one.value}", f"{zh}；取值 {one.value}"
    if name == how.until:
        en, zh = f"{en}; cancels what came before (until)", f"{zh}；取消此前的一切（until）"
    return Said(en, zh)
