"""How far a correlation came on some messages: what counted, for which group, and what was missing.

The verdict itself is the engine's (`rules.engine`); this shows how the messages add up to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.calendar import OfficeCalendar
from rules.expectations import clock
from rules.explain import Verdict, judge
from rules.explain_names import selections
from rules.explain_text import conclusion
from rules.explain_words import Said
from rules.message import Message
from rules.model import CorrelationRule, DetectionRule
from rules.ruleset import RuleSet
from rules.sigma_parse import Named

_EMPTY: tuple[object, ...] = (None, "", (), [])


@dataclass(frozen=True)
class Counted:
    """One message as a base rule sees it.

    Args:
        group: the values the message is grouped by, name -> value; "" where it has none.
        missing: fields without a value; with any, the message does not count.
        value: what `value_count` and its like read of it; "" for other types.
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
    """The most that one group reached inside a window, ending at `time` (UTC ms)."""

    group: Mapping[str, str]
    reached: int
    messages: tuple[str, ...]
    time: int


def counted(
    rule: CorrelationRule,
    rules: RuleSet,
    messages: Iterable[Message],
    calendar: OfficeCalendar,
    named: Named,
) -> list[Counted]:
    """Each message with each base rule of the correlation, in event order."""
    names = {
        base: selections(file, base, named) if (file := rules.file_of(base)) else []
        for base in rule.rules
    }
    ordered = sorted(messages, key=lambda message: (message.time, message.seq))
    return [
        _counted(rule, judge(one, message, calendar, rules.detections.values(), names[base]))
        for message in ordered
        for base in rule.rules
        if (one := rules.detections.get(base)) is not None
    ]


def _counted(rule: CorrelationRule, verdict: Verdict) -> Counted:
    message, base = verdict.message, verdict.rule.ref.name
    group = {}
    missing = []
    for name, field in zip(rule.group_by, rule.group_fields(base), strict=True):
        value = message.field(field)
        group[name] = _text(value)
        if value in _EMPTY:
            missing.append(field)
    value = message.field(rule.field) if rule.field else None
    if rule.field and value in _EMPTY:
        missing.append(rule.field)
    return Counted(verdict, group, _text(value), tuple(missing))


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return "、".join(map(str, value))
    return "" if value is None else str(value)


def reached(rule: CorrelationRule, found: Sequence[Counted]) -> list[Reached]:
    """For each group the best window: of messages, of values, or of steps in their order."""
    groups: dict[tuple[str, ...], list[Counted]] = {}
    for one in found:
        if one.counts:
            groups.setdefault(tuple(one.group.values()), []).append(one)
    return [_best(rule, members) for members in groups.values()]


def _best(rule: CorrelationRule, members: Sequence[Counted]) -> Reached:
    best = Reached(members[0].group, -1, (), 0)
    for last in members:
        end = last.verdict.message.time
        window = [one for one in members if end - rule.timespan <= one.verdict.message.time <= end]
        score = _score(rule, window)
        if score > best.reached:
            ids = tuple(dict.fromkeys(one.verdict.message.msgid for one in window))
            best = Reached(members[0].group, score, ids, end)
    return best


def _score(rule: CorrelationRule, window: Sequence[Counted]) -> int:
    if rule.field:
        return len({one.value for one in window})
    if rule.type == "temporal_ordered":
        step = 0
        for one in window:
            if step < len(rule.rules) and one.verdict.rule.ref.name == rule.rules[step]:
                step += 1
        return step
    if rule.type == "temporal":
        return len({one.verdict.rule.ref.name for one in window})
    return len({one.verdict.message.msgid for one in window})


def behaviour_lines(rule: CorrelationRule, found: Sequence[Counted], language: str) -> list[str]:
    """What counted and what did not, message by message, then the best of each group."""
    lines = []
    for one in found:
        message = one.verdict.message
        mark = "✓" if one.counts else "✗"
        lines.append(f"{mark} {message.msgid}  {clock(message.time)}  {_of(one).text(language)}")
    groups = reached(rule, found)
    for best in groups:
        lines.append(f"· {_best_of(rule, best).text(language)}")
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
    group = _pairs(one.group)
    en, zh = f"{name} holds; group {group}", f"{name} 成立；分组 {group}"
    if one.value:
        en, zh = f"{en}; value {one.value}", f"{zh}；取值 {one.value}"
    return Said(en, zh)


def _best_of(rule: CorrelationRule, best: Reached) -> Said:
    minutes = span(rule.timespan)
    needed = rule.threshold
    thing = (
        Said(f"different values of {rule.field}", f"个不同的 {rule.field}")
        if rule.field
        else Said("steps in their order", "步（按次序）")
        if rule.type == "temporal_ordered"
        else Said("kinds of messages", "类消息")
        if rule.type == "temporal"
        else Said("messages", "条消息")
    )
    ids = ", ".join(best.messages)
    return Said(
        f"group {_pairs(best.group)}: at most {best.reached} {thing.en} within {minutes}"
        f" (until {clock(best.time)}: {ids}); needed: {needed}",
        f"分组 {_pairs(best.group)}：{minutes} 内最多 {best.reached} {thing.zh}"
        f"（到 {clock(best.time)}：{ids}）；需要 {needed}",
    )


def _pairs(group: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in group.items()) + "}"


def span(milliseconds: int) -> str:
    """A length of time as rules write it: 30s, 10m, 1h, 2d."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds / 1000:g}s"


def base_rules(rule: CorrelationRule, rules: RuleSet) -> list[DetectionRule]:
    """The detection rules that the correlation reads."""
    return [rules.detections[name] for name in rule.rules if name in rules.detections]
