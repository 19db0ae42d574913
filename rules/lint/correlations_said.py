"""Correlations that load and count too little, too long, or never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rules.alert import SPECULATIVE
from rules.correlation.model import Correlation
from rules.correlation.plan import Plan
from rules.correlation.section import OUR_KEYS, parse_correlation
from rules.errors import RuleError
from rules.fields import FIELDS
from rules.lint.emitted import FEED_TYPES, TYPES_OF, possible
from rules.model import DetectionRule
from rules.spans import UNITS, parse_span
from rules.yaml_source import Document

MAX_DAYS = 92  # a quarter; every hit of every group is kept as long
OF_ONE = ("msgid", "seq", "time")  # fields that no two messages share
_AT = ("correlation",)
_WHO = (", such as conversation: who talks with whom", "，如 conversation（谁与谁的会话）")


def of_correlation(
    document: Document, bases: Mapping[str, DetectionRule], beside: Iterable[Document] = ()
) -> Iterator[RuleError]:
    """Warnings about a `correlation` that loads; `bases` are the detection rules by name, `beside`
    the documents of its file."""
    section: dict[str, Any] = document.value["correlation"]
    kind = section.get("type")
    rules = [one for one in section.get("rules", ()) if isinstance(one, str)]
    group_by = [one for one in section.get("group-by", ()) if isinstance(one, str)]
    ours: dict[str, Any] = document.value.get("mingjian") or {}
    if not ours.get("first_seen"):  # which keeps one event a value
        yield from _window(document, section)
    if not group_by:
        yield document.error(
            _AT,
            "without 'group-by' all messages are counted together, on one machine",
            "没有 group-by，所有消息合在一起计数，只能在一台机器上算",
            fix_en="add group-by: [sender], or another field that parts the messages",
            fix_zh="请补上 group-by: [sender]，或其他能把消息分开的字段",
            code="MJ313",
        )
    if (
        kind in ("temporal", "temporal_ordered")
        and len(rules) == 1
        and not isinstance(section.get("condition"), str)
    ):
        yield document.error(
            (*_AT, "rules"),
            f"{kind} joins at least two rules, this has one",
            f"{kind} 至少要两条规则，这里只有一条",
            fix_en="add the rule that comes next; to count one rule use event_count",
            fix_zh="请补上后一步的规则；只数一条规则请用 event_count",
            code="MJ314",
        )
    yield from _told_ahead(document, section, ours)
    yield from _place_of_not(document, section, ours)
    yield from _counts(document, section, ours, group_by)
    yield from _alone(document, section, rules, group_by, bases)
    yield from _counts_rows(document, section, rules, beside)
    yield from _never_emitted(document, section, rules, group_by, bases)


def _window(document: Document, section: dict[str, Any]) -> Iterator[RuleError]:
    if (parse_span(section.get("timespan")) or 0) > MAX_DAYS * UNITS["d"]:
        yield document.error(
            (*_AT, "timespan"),
            f"a window of {section['timespan']} keeps every hit for longer than {MAX_DAYS} days",
            f"窗口 {section['timespan']} 会把每次命中保留超过 {MAX_DAYS} 天",
            fix_en=f"use at most {MAX_DAYS}d, or a report over the archive",
            fix_zh=f"请用不超过 {MAX_DAYS}d 的窗口，更长的请用归档数据统计",
            code="MJ311",
        )


def _how(section: dict[str, Any], ours: dict[str, Any]) -> Correlation:
    return parse_correlation(section, {key: ours[key] for key in OUR_KEYS if key in ours})


def _place_of_not(
    document: Document, section: dict[str, Any], ours: dict[str, Any]
) -> Iterator[RuleError]:
    """In an order `not` looks behind the first step until the time is over, wherever it stands."""
    if section.get("type") != "temporal_ordered" or "absent" in ours:
        return
    how = _how(section, ours)
    for slot, clause in ((slot, one) for one in how.clauses for slot in one.negative):
        name = how.rules[slot]
        if slot > max(clause.positive):
            continue
        if slot < min(clause.positive):
            at, stands = "comes first", "写在最前"
            fix_en = "if it must not come before, write mingjian: absent: before"
            fix_zh = "如指此前没有发生，请在 mingjian 下写 absent: before"
        else:
            at, stands = "stands between steps", "写在两步之间"
            fix_en = (
                f"if it must not come between the steps, write mingjian: until: {name}, and leave"
                " it out of 'rules' and the condition"
            )
            fix_zh = (
                f"如指两步之间没有发生，请在 mingjian 下写 until: {name}，"
                "并从 rules 和 condition 中删去它"
            )
        yield document.error(
            (*_AT, "condition"),
            f"'{name}' {at}, and 'not' looks for it after the first step, until 'timespan' is over",
            f"“{name}”{stands}，而 not 查的是第一步之后直到 timespan 结束有没有它",
            fix_en=f"{fix_en}; else name it last",
            fix_zh=f"{fix_zh}；否则请写在最后",
            code="MJ350",
        )
        return


def _told_ahead(
    document: Document, section: dict[str, Any], ours: dict[str, Any]
) -> Iterator[RuleError]:
    if ours.get("alerts") != SPECULATIVE:
        return
    how = _how(section, ours)
    plan = Plan(how, every=False)
    if plan.absent and not plan.present:
        yield document.error(
            ("mingjian", "alerts"),
            "an absence is known at its deadline: nothing is told before it",
            "“没有发生”到期才知道：期限之前什么也不会发出",
            fix_en="leave 'alerts' out; or write absent: before, which is known with the event",
            fix_zh="请删去 alerts；或写 absent: before，事件一到就知道",
            code="MJ349",
        )


def _counts(
    document: Document, section: dict[str, Any], ours: dict[str, Any], group_by: list[str]
) -> Iterator[RuleError]:
    condition = section.get("condition")
    if not isinstance(condition, dict):
        return
    least = condition.get("gte", condition.get("gt", 0))
    least = least + ("gte" not in condition) if type(least) is int else 0
    more = {"lt", "lte", "eq", "neq"} & set(condition) or "baseline" in ours
    if section.get("type") == "event_count" and least == 1 and not more:
        yield document.error(
            (*_AT, "condition"),
            "a count of 1 is reached by the first message: no correlation is needed",
            "次数 1 在第一条消息就达到了：不需要关联规则",
            fix_en="raise the count, or make the base rule an alerting rule",
            fix_zh="请提高次数，或把基础规则改成告警规则",
            code="MJ319",
        )
    field = condition.get("field")
    alone = ours.get("first_seen") and least <= 1  # each group asks whether its one value is new
    if isinstance(field, str) and field in group_by and not alone:
        yield document.error(
            (*_AT, "condition", "field"),
            f"'{field}' is grouped by, so a group has one value of it and never {max(least, 2)}",
            f"“{field}”已用于分组，每组只有一个取值，永远数不到 {max(least, 2)}",
            fix_en="count another field, or group by another one",
            fix_zh="请换一个要数的字段，或换一个分组字段",
            code="MJ320",
        )


def _alone(
    document: Document,
    section: dict[str, Any],
    rules: list[str],
    group_by: list[str],
    bases: Mapping[str, DetectionRule],
) -> Iterator[RuleError]:
    """Grouped by what is new in each message: as many groups as messages, none of two."""
    of_one = [one for one in group_by if one in OF_ONE and one not in section.get("aliases", ())]
    if of_one and section.get("type") != "temporal" and set(rules) <= set(bases):
        yield document.error(
            (*_AT, "group-by"),
            f"each message has a '{of_one[0]}' of its own: no two are in one group",
            f"每条消息的“{of_one[0]}”各不相同：每条消息自成一组，永远凑不到两条",
            fix_en="group by what the messages have in common, such as sender or conversation",
            fix_zh="请按这些消息共有的字段分组，如 sender、conversation",
            code="MJ321",
        )


def _counts_rows(
    document: Document, section: dict[str, Any], rules: list[str], beside: Iterable[Document]
) -> Iterator[RuleError]:
    """A count of counts: the one below holds anew with each message after its last one wanted."""
    below = {
        str(one.value.get("name")): one.value["correlation"]
        for one in beside
        if isinstance(one.value.get("correlation"), dict)
    }
    growing = [name for name in rules if _grows(below.get(name))]
    if section.get("type") == "event_count" and growing and len(growing) == len(rules):
        name = growing[0]
        by = [one for one in below[name].get("group-by", ()) if one in FIELDS]
        more = [one for one in by if one not in section.get("group-by", ())] or ["conversation"]
        instead = f"type: value_count, condition: {{field: {more[0]}, gte: 2}}"
        yield document.error(
            (*_AT, "type"),
            f"each further message of '{name}' counts again: one long run of it is enough",
            f"“{name}”达到之后每多一条消息都再计一次：只要它持续得够久就会告警",
            fix_en=f"count what differs: {instead}",
            fix_zh=f"请数有区别的东西：{instead}",
            code="MJ351",
        )


def _grows(section: Any) -> bool:
    """Is it a count or a sum that stays reached while more comes?"""
    condition = section.get("condition") if isinstance(section, dict) else None
    kinds = ("event_count", "value_count", "value_sum")
    return (
        isinstance(condition, dict)
        and section["type"] in kinds
        and not {"lt", "lte", "eq", "neq"} & set(condition)
    )


def _never_emitted(
    document: Document,
    section: dict[str, Any],
    rules: list[str],
    group_by: list[str],
    bases: Mapping[str, DetectionRule],
) -> Iterator[RuleError]:
    """A message without the field that groups it is not counted."""
    aliases: dict[str, Any] = section.get("aliases") or {}
    requires = (document.value.get("mingjian") or {}).get("requires")
    for index, name in enumerate(group_by):
        for rule in rules:
            of_rule = aliases.get(name)
            field = of_rule.get(rule) if isinstance(of_rule, dict) else name
            base = bases.get(rule)
            if base is None or not isinstance(field, str) or field not in TYPES_OF:
                continue
            types = possible(base.condition)
            there = types & TYPES_OF[field]
            # what no system that the rule asks for delivers is never there
            waiting = there <= FEED_TYPES and not types <= FEED_TYPES
            if types and (not there or (waiting and not requires)):
                some = sorted(types - {"*"} - FEED_TYPES, key=lambda one: (one != "text", one))[:3]
                of = _WHO if field == "customer" else ("", "")
                yield document.error(
                    (*_AT, "group-by", str(index)),
                    f"no message that '{rule}' hits has '{field}' ({', '.join(some)}), so nothing"
                    " is ever counted",
                    f"“{rule}”命中的消息（{'、'.join(some)}）都没有 {field}，永远数不到",
                    fix_en=f"group by a field these types have{of[0]}, or give '{rule}' an alias",
                    fix_zh=f"请按这些类型有的字段分组{of[1]}，或为“{rule}”写别名",
                    code="MJ317",
                )
