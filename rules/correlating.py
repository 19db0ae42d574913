"""The `correlation` section of a rule about conversations: Sigma's, over fields of messages."""

from __future__ import annotations

import re
from typing import Any

from rules.alert import RuleRef
from rules.correlation.model import NUMERIC, TEMPORAL, Correlation
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.section import OUR_KEYS, parse_correlation
from rules.correlation.shapes import known_keys
from rules.errors import RuleError
from rules.extension import intercept, suppress, told_ahead
from rules.field_hints import unknown_field
from rules.fields import FIELDS
from rules.model import MAX_WINDOW, CorrelationRule
from rules.spans import parse_span
from rules.spoken_times import meant
from rules.yaml_hints import mistyped
from rules.yaml_source import Document

_MOST_EN = "a window keeps no more messages"
_MOST_ZH = "一个窗口最多保留这么多条消息"
MAX_TIMESPAN = 366 * 86_400_000


def correlation_rule(
    document: Document, ours: dict[str, Any], ref: RuleRef, state_version: str
) -> CorrelationRule:
    """The correlation rule of a document whose shape is right.

    Raises:
        RuleError: the first thing wrong, with its place.
    """
    try:
        _type(document)
        _parted(document)
        _spans(document)
        how = parse_correlation(
            document.value["correlation"], {key: ours[key] for key in OUR_KEYS if key in ours}
        )
        _fits_messages(document, how)
    except WrongCorrelation as error:
        if error.code == "MJ101" and (slip := mistyped(error.at[-1], 0)):  # gte：3
            raise document.error(
                error.place(),
                slip.en,
                slip.zh,
                fix_en=slip.fix_en,
                fix_zh=slip.fix_zh,
                code=slip.code,
            ) from None
        raise document.explained(error.place(), error) from None
    return CorrelationRule(
        ref,
        how,
        state_version,
        ours.get("summary", ""),
        bool(ours.get("signal")),
        suppress(document, ours),
        intercept(document, ours),
        told_ahead(document, ours, how),
    )


_TYPES = {
    "event_count": ("count", "frequency", "次数", "计数"),
    "value_count": ("distinct", "distinct_count", "unique", "first_seen", "首次出现", "去重计数"),
    "value_sum": ("sum", "total", "求和"),
    "temporal_ordered": ("sequence", "ordered", "order", "顺序", "先后"),
    "temporal": ("absence", "absent", "together", "没有发生"),
}


def _type(document: Document) -> None:
    """Raises for a type by the name that others have for it."""
    written = document.value["correlation"].get("type")
    right = next((ours for ours, names in _TYPES.items() if written in names), "")
    if not right:
        return
    more = {"value_count": ", mingjian: {first_seen: true}", "temporal": ", condition: a and not b"}
    besides = (
        more.get(right, "") if written in ("first_seen", "首次出现") or right == "temporal" else ""
    )
    raise WrongCorrelation(
        ("type",),
        f"there is no correlation type '{written}'",
        f"没有名为“{written}”的关联类型",
        fix_en=f"write type: {right}{besides}",
        fix_zh=f"请写 type: {right}{besides}",
        code="MJ301",
    )


def _parted(document: Document) -> None:
    """Raises for names that a Chinese comma was to part: no name holds one."""
    section = document.value["correlation"]
    for key in ("rules", "group-by"):
        for index, name in enumerate(section.get(key) or ()):
            found = re.search("[，、]", name)
            if found:
                parts = ", ".join(part.strip() for part in re.split("[，、]", name))
                raise WrongCorrelation(
                    (key, str(index)),
                    f"'{name}' is one name: '{found[0]}' does not separate",
                    f"“{name}”是一个名字：“{found[0]}”不能作分隔",
                    fix_en=f"write [{parts}], with English commas",
                    fix_zh=f"请写 [{parts}]，用英文逗号加空格",
                    code="MJ013",
                    offset=found.start(),
                )


def _spans(document: Document) -> None:
    """Raises for 2M, which is two months in Sigma: minutes are meant, and days say the rest. And
    for spans as people write them, with the right spelling."""
    section, ours = document.value["correlation"], document.value.get("mingjian") or {}
    spans: list[tuple[tuple[str, ...], Any, bool]] = [
        (("timespan",), section.get("timespan"), False),
        (("gap",), ours.get("gap"), True),
    ]
    spans.append((("baseline", "over"), (ours.get("baseline") or {}).get("over"), True))
    spans += [(("within", name), one, True) for name, one in (ours.get("within") or {}).items()]
    for at, span, is_ours in spans:
        written = str(span)
        if re.fullmatch(r"[0-9]{1,9}M", written):
            minutes, days = f"{written[:-1]}m", f"{int(written[:-1]) * 30}d"
            raise WrongCorrelation(
                at,
                f"'{at[-1]}: {written}': M would be months, whose length differs",
                f"“{at[-1]}: {written}”：M 会是月，而每月长短不一",
                fix_en=f"write {minutes} for minutes, or {days} for days",
                fix_zh=f"分钟请写 {minutes}，按天请写 {days}",
                code="MJ310",
                offset=0,
                ours=is_ours,
            )
        right = meant(span)
        if right and parse_span(span) is None:
            raise WrongCorrelation(
                at,
                f"'{at[-1]}: {written}' is not how a span of time is written",
                f"“{at[-1]}: {written}”不是时长的写法",
                fix_en=f"write {right}",
                fix_zh=f"请写 {right}",
                code="MJ310",
                offset=0,
                ours=is_ours,
            )


def _fits_messages(document: Document, how: Correlation) -> None:
    if how.span > MAX_TIMESPAN:
        raise WrongCorrelation(
            ("timespan",),
            "'timespan' is at most 366d",
            "timespan 最长 366d",
            code="MJ310",
            offset=0,
        )
    if how.baseline and how.baseline.over > MAX_TIMESPAN:
        raise WrongCorrelation(
            ("baseline", "over"),
            "'over' is at most 366d",
            "over 最长 366d",
            code="MJ310",
            offset=0,
            ours=True,
        )
    _aliases(document, how)
    for name in how.group_by:
        if name not in how.aliases:
            _known_field(document, ("correlation", "group-by"), name)
    for name in how.fields:
        if name not in how.aliases:
            _known_field(document, ("correlation", "condition", "field"), name)
    for number, one in enumerate(how.between):
        at = ("mingjian", "between", str(number))
        _known_field(document, (*at, "field"), one.field)
        _known_field(document, (*at, one.operator), one.before)
    if how.type not in NUMERIC and not how.clauses:
        _countable(how)


def _aliases(document: Document, how: Correlation) -> None:
    """Every alias is used, and says for each rule which field is meant."""
    for name, fields in how.aliases.items():
        at = ("aliases", name)
        if name not in how.group_by and name not in how.fields:
            raise WrongCorrelation(
                at,
                f"the alias '{name}' is not in 'group-by'",
                f"别名“{name}”不在 group-by 里",
                code="MJ304",
            )
        known_keys(at, fields, how.sources(), "MJ305")
        if len(fields) != len(how.sources()):
            raise WrongCorrelation(
                at,
                f"the alias '{name}' must give one field for each of: {', '.join(how.sources())}",
                f"别名“{name}”须为每条规则各给出一个字段：{'、'.join(how.sources())}",
                code="MJ305",
            )
        for rule, field in fields.items():
            _known_field(document, ("correlation", *at, rule), field)


def _known_field(document: Document, at: tuple[str, ...], field: str) -> None:
    if field not in FIELDS:
        raise document.explained(at, unknown_field(field, groups=at[1] == "group-by"))


def _countable(how: Correlation) -> None:
    """A count that no window can reach, or that every window has, is a slip."""
    for operator, limit in how.bounds:
        low, high = 1, len(how.rules) if how.type in TEMPORAL else MAX_WINDOW
        least = limit + 1 if operator == "gt" else limit
        if operator in ("lt", "neq"):
            low = 0 if operator == "neq" else 2
        if limit.denominator != 1:
            raise WrongCorrelation(
                ("condition",),
                "a count is compared with a whole number",
                "次数要与整数比较",
                code="MJ307",
            )
        if not low <= least <= high:
            raise WrongCorrelation(
                ("condition", operator),
                f"the count must be from {low} to {high}: "
                + ("there are no more rules" if how.type in TEMPORAL else _MOST_EN),
                f"次数须在 {low} 到 {high} 之间："
                + ("rules 里没有更多规则" if how.type in TEMPORAL else _MOST_ZH),
                code="MJ308",
            )


def refuse_on_detection(document: Document, ours: dict[str, Any]) -> None:
    """What says how messages are taken together means nothing for a rule about one message."""
    for key in (*OUR_KEYS, "alerts"):
        if key in ours:
            error: RuleError = document.error(
                ("mingjian", key),
                f"'{key}' is for correlations only",
                f"“{key}”只能用于关联规则",
                code="MJ339",
            )
            raise error
