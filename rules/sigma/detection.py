"""The selections of a plain Sigma rule -> condition trees: every form v2.1 has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from rules.nearest import nearest
from rules.sigma.chain import Placeholders
from rules.sigma.condition import PLAIN, parse_condition
from rules.sigma.modifiers import MODIFIERS, questions
from rules.sigma.nodes import Exists, Field, IsNull, Keyword, Node, Not, every, some
from rules.sigma.refusal import SigmaRefused


def parse_section(
    section: Any, placeholders: Placeholders, *, beside: tuple[str, ...] = ()
) -> Node:
    """The tree of a `detection` (or `filter`) section; `beside` are keys that are no selections.

    Raises:
        SigmaRefused: with the reason.
    """
    if not isinstance(section, Mapping):
        raise _form("detection", "a mapping of selections and a condition", "选择项与 condition")
    if "timeframe" in section:
        raise SigmaRefused(
            "timeframe",
            "'timeframe' was replaced by correlations in Sigma 2",
            "timeframe 在 Sigma 2 中已由 correlation 取代",
            fix_en="write a correlation rule with timespan",
            fix_zh="请改写为 correlation 规则，用 timespan",
        )
    written: Any = section.get("condition")
    conditions: list[Any] = written if isinstance(written, list) else [written]
    if not conditions or not all(isinstance(one, str) for one in conditions):
        raise SigmaRefused("condition", "'condition' must be a text", "condition 必须是文本")
    if aggregated := next((one for one in conditions if "|" in one), ""):
        parse_condition(aggregated, {}, PLAIN)  # tells what is wrong before any selection does
    selections = {
        str(name): parse_selection(str(name), value, placeholders)
        for name, value in section.items()
        if name != "condition" and name not in beside
    }
    return some([parse_condition(one, selections, PLAIN) for one in conditions])


def parse_selection(name: str, value: Any, placeholders: Placeholders) -> Node:
    """One selection: a map (and), a list (or), or keywords."""
    if isinstance(value, Mapping):
        _not_empty(name, value)
        return every([_item(str(key), inner, placeholders) for key, inner in value.items()])
    if isinstance(value, list):
        _not_empty(name, value)
        if any(isinstance(one, list) for one in value):
            raise _form(name, "a list of texts or of mappings", "文本列表或映射列表")
        if not any(isinstance(one, Mapping) for one in value):
            return _item("", value, placeholders)
        return some([parse_selection(name, one, placeholders) for one in value])
    if value is None:
        raise SigmaRefused("empty", f"{name}: nothing to look for", f"{name}：没有要查找的内容")
    return _item("", value, placeholders)


def _form(name: str, en: str, zh: str) -> SigmaRefused:
    return SigmaRefused("selection", f"{name}: must be {en}", f"{name}：必须是{zh}")


def _not_empty(name: str, value: Any) -> None:
    if not value:
        raise SigmaRefused(
            "empty",
            f"{name}: nothing to look for: it is empty",
            f"{name}：没有要查找的内容：是空的",
        )


def _item(key: str, value: Any, placeholders: Placeholders) -> Node:
    """`field|modifier: value or [values]`; a key without field is a keyword search."""
    field, *modifiers = key.split("|")
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            near = nearest(modifier, MODIFIERS)
            raise SigmaRefused(
                "modifier",
                f"{key}: no modifier '{modifier}'",
                f"{key}：没有名为“{modifier}”的修饰符",
                fix_en=f"did you mean '{near}'?" if near else "",
                fix_zh=f"是不是“{near}”？" if near else "",
            )
    values = value if isinstance(value, list) else [value]
    _not_empty(key or "keywords", values)
    rest = [one for one in modifiers if one not in ("all", "neq")]
    leaves = [_leaf(field, rest, _as_written(key, one), placeholders) for one in values]
    node = every(leaves) if "all" in modifiers else _joined(leaves)
    return Not(node) if "neq" in modifiers else node


def _joined(leaves: list[Node]) -> Node:
    """`or`; questions to one field stay together, so that it is read once."""
    if all(isinstance(one, Field) for one in leaves):
        asked = tuple(ask for one in leaves if isinstance(one, Field) for ask in one.questions)
        first = leaves[0]
        return Field(first.name, asked) if isinstance(first, Field) else first
    if all(isinstance(one, Keyword) for one in leaves):
        return Keyword(
            tuple(ask for one in leaves if isinstance(one, Keyword) for ask in one.questions)
        )
    return some(leaves)


def _as_written(key: str, value: Any) -> Any:
    if isinstance(value, date):  # YAML made it of an unquoted 2026-11-22
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise _form(key, "a text, a number or a list of them", "文本、数字或它们的列表")


def _leaf(field: str, modifiers: list[str], value: Any, placeholders: Placeholders) -> Node:
    if "exists" in modifiers:
        if modifiers != ["exists"] or not field or not isinstance(value, bool):
            raise SigmaRefused(
                "value",
                f"{field}|exists: true or false is needed, and no other modifier",
                f"{field}|exists：只能写 true 或 false，不能再加修饰符",
            )
        return Exists(field, value)
    if value is None:
        if modifiers or not field:
            raise SigmaRefused(
                "value",
                f"{field}: null needs a field and no modifier",
                f"{field}：null 需要字段，且不能加修饰符",
            )
        return IsNull(field)
    asked = tuple(questions(field, modifiers, value, placeholders))
    return Field(field, asked) if field else Keyword(asked)
