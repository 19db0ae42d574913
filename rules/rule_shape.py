"""What may stand where in a rule file, before any meaning is looked at.

Every check names the key, its line and column, and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from rules.cases import MESSAGE_KEYS, WrongMessage, check_message
from rules.condition_text import SELECTION_NAME, check_condition
from rules.expectations import WrongCase, check_expectations
from rules.refused import Refused, UnknownName
from rules.summary import PLACEHOLDER, SUMMARY_WORDS
from rules.value_hints import flag_meant, level_meant, number_meant
from rules.yaml_source import Document

LEVELS = ("informational", "low", "medium", "high", "critical")
RESPONSES = (0, 1, 2, 3)
CASE_KEYS = ("name", "messages", "alerts", "arrival", "never", "lists")
Path = tuple[str, ...]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _number(value: Any) -> bool:
    return type(value) is int and value >= 0  # bool is an int, and no number here


_Kind = tuple[Callable[[Any], bool], str, str]
_TEXT: _Kind = (_text, "a text (in quotation marks)", "文本（请加引号）")
_TEXTS: _Kind = (_texts, "a list of texts", "文本列表")
_SPAN: _Kind = (_text, "a span of time with its unit, such as 20m", "带单位的时长，如 20m")
_NUMBER: _Kind = (_number, "a whole number", "整数")
_VERSION: _Kind = (
    lambda value: _number(value) and value > 0,
    "a whole number from 1 on",
    "从 1 开始的整数",
)
_BOOL: _Kind = (lambda value: isinstance(value, bool), "true or false", "true 或 false")
_MAPPING: _Kind = (lambda value: isinstance(value, dict), "a mapping", "映射")
_MAPPINGS: _Kind = (
    lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
    "a list of mappings",
    "映射的列表",
)
_CONDITION: _Kind = (lambda value: isinstance(value, dict | str), "a mapping", "映射")
_DATE: _Kind = (lambda value: isinstance(value, str | date), "a date", "日期")
_PROSE: _Kind = (lambda value: _text(value) or _texts(value), "a text or a list of texts", "文本")

SIGMA_KEYS: dict[str, _Kind] = {
    "title": _TEXT,
    "id": _TEXT,
    "name": _TEXT,
    "status": _TEXT,
    "description": _TEXT,
    "author": _TEXT,
    "date": _DATE,
    "modified": _DATE,
    "references": _TEXTS,
    "tags": _TEXTS,
    "logsource": _MAPPING,
    "detection": _MAPPING,
    "correlation": _MAPPING,
    "filter": _MAPPING,
    "level": _TEXT,
    "falsepositives": _PROSE,
    "fields": _TEXTS,
    "taxonomy": _TEXT,
    "license": _TEXT,
    "related": _MAPPINGS,
    "scope": _TEXTS,
    "mingjian": _MAPPING,
}
OUR_KEYS: dict[str, _Kind] = {
    "version": _VERSION,
    "item": _TEXT,
    "response": _NUMBER,
    "signal": _BOOL,
    "owner": _TEXT,
    "legal": _TEXTS,
    "summary": _TEXT,
    "runbook": _TEXT,
    "blind_spots": _PROSE,
    "window": _TEXT,
    "gap": _SPAN,
    "until": _TEXT,
    "emit": _TEXT,
    "missing_group": _TEXT,
    "absent": _TEXT,
    "alerts": _TEXT,
    "first_seen": _BOOL,
    "within": _MAPPING,
    "between": _MAPPINGS,
    "baseline": _MAPPING,
    "tests": _MAPPINGS,
    "language": _VERSION,
    "scope": _MAPPING,
    "timezone": _TEXT,
    "requires": _TEXTS,
    "suppress": _MAPPING,
    "intercept": _MAPPING,
}
CORRELATION_KEYS: dict[str, _Kind] = {
    "type": _TEXT,
    "rules": _TEXTS,
    "group-by": _TEXTS,
    "timespan": _SPAN,
    "condition": _CONDITION,
    "aliases": _MAPPING,
}
_ALERTS: _Kind = (
    lambda value: _number(value) or _MAPPINGS[0](value),
    "a whole number or a list of mappings",
    "整数，或映射的列表",
)
_ORDER: _Kind = (
    lambda value: _text(value) or _texts(value),
    "'shuffled' or a list",
    "shuffled 或列表",
)
_CASE: dict[str, _Kind] = dict(
    zip(CASE_KEYS, (_TEXT, _MAPPINGS, _ALERTS, _ORDER, _MAPPINGS, _MAPPING), strict=True)
)


def typed(document: Document, at: Path, value: dict[Any, Any], kinds: dict[str, _Kind]) -> None:
    """Raise for the first key of the mapping `value` at `at` that is unknown or of a wrong type."""
    document.only(at, kinds)
    for key, item in value.items():
        fits, en, zh = kinds[key]
        if not fits(item):
            right = _meant(kinds[key], item)
            raise document.error(
                (*at, key),
                f"'{key}' must be {en}",
                f"“{key}”必须是{zh}",
                fix_en=f"write {key}: {right}" if right else "",
                fix_zh=f"请写 {key}: {right}" if right else "",
                code="MJ102",
                offset=0,
            )


def _meant(kind: _Kind, item: Any) -> str:
    """A value of this kind that was meant, as it is written; "" when nobody knows."""
    if kind is _TEXTS and isinstance(item, str):
        return f"[{', '.join(part.strip() for part in re.split('[,，、]', item))}]"
    if kind is _BOOL:
        return flag_meant(item)
    return number_meant(item) if kind in (_NUMBER, _VERSION, _ALERTS) else ""


def check_shape(document: Document) -> dict[str, Any]:
    """The `mingjian` section of a rule document whose shape is right; {} when it has none."""
    value = document.value
    typed(document, (), value, SIGMA_KEYS)
    ours: dict[str, Any] = value.get("mingjian", {})
    if sum(key in value for key in ("detection", "correlation", "filter")) != 1:
        raise document.error(
            (),
            "a rule has either 'detection' or 'correlation', a filter has 'filter'",
            "规则必须有 detection 或 correlation 之一，过滤器写 filter",
            code="MJ103",
        )
    if "filter" in value:
        _selections(document, value["filter"], "filter", beside=("rules",))
        return ours
    if "mingjian" in value:
        typed(document, ("mingjian",), ours, OUR_KEYS)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value.get("name", "")):
        raise document.error(
            ("name",),
            "'name' is missing or not like a01_some_name",
            "缺少 name，或不是 a01_some_name 的形式",
            code="MJ104",
        )
    if value.get("level", "informational") not in LEVELS:
        right = level_meant(value["level"], LEVELS)
        raise document.error(
            ("level",),
            f"'{value['level']}' is no level",
            f"没有“{value['level']}”这个级别",
            fix_en=f"write {right}" if right else f"one of {', '.join(LEVELS)}",
            fix_zh=f"请写 {right}" if right else f"可用：{'、'.join(LEVELS)}",
            code="MJ105",
            offset=0,
        )
    if ours.get("response", 0) not in RESPONSES:
        raise document.error(
            ("mingjian", "response"),
            "'response' is 0, 1, 2 or 3",
            "response 只能是 0、1、2、3",
            code="MJ106",
            offset=0,
        )
    if not ours.get("signal"):
        _complete(document, ours)
    _summary(document, ours)
    for index, case in enumerate(ours.get("tests", ())):
        _case(document, ("mingjian", "tests", str(index)), case)
    if "detection" in value:
        _selections(document, value["detection"])
    else:
        typed(document, ("correlation",), value["correlation"], CORRELATION_KEYS)
    return ours


def _complete(document: Document, ours: dict[str, Any]) -> None:
    """An alerting rule says what it is."""
    missing = [key for key in ("title", "id", "level") if not document.value.get(key)]
    missing += [f"mingjian.{key}" for key in ("version", "item", "response") if key not in ours]
    if not missing:
        return
    at = ("mingjian",) if missing[0].startswith("mingjian.") else ()
    base = len(missing) > 1 and not ours
    raise document.error(
        at,
        f"'{missing[0]}' is missing"
        + (f" (also: {', '.join(missing[1:])})" if missing[1:] else ""),
        f"缺少 {'、'.join(missing)}",
        fix_en="add them; or, if this is a base rule that only feeds a correlation, write"
        " mingjian: {signal: true}"
        if base
        else f"add {', '.join(missing)}",
        fix_zh="请补上；如果这是只供关联规则引用的基础规则，请写 mingjian: {signal: true}"
        if base
        else f"请补上 {'、'.join(missing)}",
        code="MJ107",
    )


def _summary(document: Document, ours: dict[str, Any]) -> None:
    for match in PLACEHOLDER.finditer(ours.get("summary", "")):
        if match[1] not in SUMMARY_WORDS:
            raise document.error(
                ("mingjian", "summary"),
                f"'summary' cannot say {match[0]}",
                f"summary 里没有 {match[0]} 可填",
                fix_en=f"there are: {', '.join(SUMMARY_WORDS)}",
                fix_zh=f"可用：{'、'.join(SUMMARY_WORDS)}",
                code="MJ108",
                offset=match.start(),
            )


def _case(document: Document, at: Path, case: dict[Any, Any]) -> None:
    typed(document, at, case, _CASE)
    for key in ("messages", "alerts"):
        if key not in case:
            raise document.error(
                at, f"the test case has no '{key}'", f"测试用例缺少“{key}”", code="MJ501"
            )
    for index, message in enumerate(case["messages"]):
        here = (*at, "messages", str(index))
        document.only(here, MESSAGE_KEYS, code="MJ502")
        try:
            check_message(message, first=index == 0)
        except WrongMessage as error:
            raise document.error(
                (*here, error.key),
                error.en,
                error.zh,
                fix_en=error.fix_en,
                fix_zh=error.fix_zh,
                code=error.code,
            ) from None
    try:
        check_expectations(case)
    except WrongCase as error:
        raise document.error(
            (*at, *error.at),
            error.en,
            error.zh,
            fix_en=error.fix_en,
            fix_zh=error.fix_zh,
            code=error.code,
        ) from None


def _selections(
    document: Document,
    section: dict[Any, Any],
    where: str = "detection",
    beside: tuple[str, ...] = (),
) -> None:
    """The condition is one text, names are texts, and every selection is used."""
    at = (where,)
    for key in section:
        if not isinstance(key, str):
            raise document.error(
                (*at, str(key)), f"'{key}' must be a text", f"“{key}”必须是文本", code="MJ102"
            )
        if not SELECTION_NAME.fullmatch(key):
            raise document.error(
                (*at, key),
                f"'{key}' cannot be the name of a selection",
                f"“{key}”不能作选择项的名字",
                fix_en="use letters a-z, digits, _ and - only",
                fix_zh="只能用英文字母、数字、_ 和 -",
                code="MJ202",
            )
    condition: Any = section.get("condition")
    conditions: list[Any] = condition if isinstance(condition, list) else [condition]
    if not conditions or not all(isinstance(one, str) for one in conditions):
        raise document.error(
            (*at, "condition"),
            "'condition' must be one text that joins the selections",
            "condition 必须是一段文本，说明各选择项如何组合",
            fix_en="for example: condition: employee and words",
            fix_zh="例如：condition: employee and words",
            code="MJ201",
        )
    names = [name for name in section if name not in ("condition", *beside)]
    used: set[str] = set()
    for index, one in enumerate(conditions):
        try:
            used |= check_condition(one, names)
        except (Refused, UnknownName) as error:
            listed = (str(index),) if isinstance(condition, list) else ()
            raise document.explained((*at, "condition", *listed), error) from None
    for name in names:
        if name not in used:
            raise document.error(
                (*at, name),
                f"the selection '{name}' is not used in the condition",
                f"选择项“{name}”没有出现在 condition 里",
                fix_en="use it there, or remove it",
                fix_zh="请在 condition 中使用它，或删去它",
                code="MJ203",
            )
