"""Sigma `detection` sections -> condition trees over conversations.

pySigma reads the wildcards and escapes of texts. The forms of selections and the condition are read
by `rules.sigma`, as for plain events, because pySigma lacks `2 of x*`. What one `field|modifier:
value` asks is `rules.leaves`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.conditions import And, AtLeast, Compare, Node, Not, Or, Until
from rules.detection_text import check_selections
from rules.leaves import leaf
from rules.named import Named
from rules.refused import Refused
from rules.sigma.condition import Builder, parse_condition
from rules.sigma.refusal import SigmaRefused
from rules.zone import Zone

__all__ = ("Named", "asks_hits", "parse_detection")
MAX_DEPTH = 50


def every(children: list[Node]) -> Node:
    """All hold."""
    return children[0] if len(children) == 1 else And(tuple(children))


def some(children: list[Node]) -> Node:
    """One holds."""
    return children[0] if len(children) == 1 else Or(tuple(children))


_BUILD: Builder[Node] = Builder(
    every, some, Not, lambda least, children: AtLeast(least, tuple(children))
)


def parse_detection(
    section: Mapping[str, Any],
    named: Named,
    *,
    zone: Zone | None = None,
    beside: tuple[str, ...] = (),
) -> Node:
    """The condition tree of a `detection` (or `filter`) section; `beside` are keys that are no
    selections, `zone` is the clock of the rule.

    Raises:
        Refused: what Sigma or we refuse.
        UnknownName: a field, modifier, lexicon, list or detector that does not exist.
    """
    selections = {
        str(name): parse_selection(value, named, zone)
        for name, value in section.items()
        if name != "condition" and name not in beside
    }
    written = section.get("condition")
    conditions = written if isinstance(written, list) else [written]
    try:
        return some([parse_condition(str(one), selections, _BUILD) for one in conditions])
    except SigmaRefused as error:
        error.code = error.code or "MJ206"  # those of plain Sigma rules have a reason instead
        raise


def parse_selection(value: Any, named: Named, zone: Zone | None, depth: int = 0) -> Node:
    """One selection: a mapping (and), a list (or), or keywords, which are looked for in `text`."""
    if depth > MAX_DEPTH:
        raise Refused("nested too deeply", "嵌套层数过多", code="MJ015")
    check_selections(value)
    if isinstance(value, Mapping):
        return every([_item(key, inner, named, zone) for key, inner in value.items()])
    if isinstance(value, list):
        if not any(isinstance(one, Mapping | list) for one in value):
            return _item("text|contains", value, named, zone)
        return some([parse_selection(one, named, zone, depth + 1) for one in value])
    return _item("text|contains", value, named, zone)


def _item(key: Any, value: Any, named: Named, zone: Zone | None) -> Node:
    """`field|modifier: value or [values]`."""
    if not isinstance(key, str):
        raise _wrong_type(f"'{key}' is no field")
    name, *modifiers = key.split("|")
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, Mapping | list) for one in values):
        raise _wrong_type(f"the value of '{key}' is a mapping or a list in a list")
    rest = [one for one in modifiers if one not in ("all", "neq")]
    nodes = [leaf(name, rest, one, named, zone) for one in values]
    node = every(nodes) if "all" in modifiers else some(nodes)
    return Not(node) if "neq" in modifiers else node


def _wrong_type(said: str) -> Refused:
    return Refused(
        f"a key or value of the wrong type ({said})",
        "键或值的类型不对",
        fix_en="write field: value, or field|modifier: value or [value, value]",
        fix_zh="请写成 字段: 值，或 字段|修饰符: 值，多个值写成 [值, 值]",
        code="MJ225",
    )


def asks_hits(node: Node) -> bool:
    """Whether the condition asks what other rules said of the same message."""
    if isinstance(node, And | Or | AtLeast):
        return any(asks_hits(child) for child in node.children)
    if isinstance(node, Not | Until):
        return asks_hits(node.child)
    return isinstance(node, Compare) and node.asks_hits
