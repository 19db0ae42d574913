"""What the leaves of a condition ask for, and what they saw, in words of both languages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from rules.cases import SHANGHAI
from rules.conditions import (
    HIT_RESPONSE,
    TEXT_FIELDS,
    Compare,
    Detected,
    InLexicon,
    Node,
    OfficeTime,
    Regex,
    View,
    Words,
)


class Said(NamedTuple):
    """One sentence in both languages."""

    en: str
    zh: str

    def text(self, language: str) -> str:
        """In "zh" or "en"."""
        return self.zh if language == "zh" else self.en


def asked(node: Node) -> Said:
    """What a leaf asks for. A leaf that is not known here is named by its class."""
    describe = _ASKED.get(type(node))
    return describe(node) if describe else Said(type(node).__name__, type(node).__name__)


def saw(node: Node, view: View) -> str:
    """What the message had for the leaf: the folded text, a value, "" when it had nothing."""
    if isinstance(node, OfficeTime):
        return dt.datetime.fromtimestamp(view.message.time / 1000, SHANGHAI).strftime(
            "%Y-%m-%d %H:%M:%S %a"
        )
    field = getattr(node, "field", "")
    if field in TEXT_FIELDS:
        return view.folded(field).text
    if field == HIT_RESPONSE:
        return str(view.response)
    value = view.message.field(field) if field else None
    if isinstance(value, list | tuple):
        return "、".join(map(str, value))
    return "" if value is None else str(value)


def _compared(node: Compare) -> Said:
    field, wanted = node.field, node.wanted
    if node.operator == "exists":
        return (
            Said(f"{field} has a value", f"{field} 有值")
            if wanted
            else Said(f"{field} has no value", f"{field} 没有值")
        )
    if node.operator == "null":
        return Said(f"{field} has no value", f"{field} 没有值")
    en, zh = _OPERATORS.get(node.operator, (node.operator, node.operator))
    return Said(f"{field} {en} {wanted}", f"{field} {zh} {wanted}")


def _detected(node: Detected) -> Said:
    en = f"{node.field} holds a {node.detector.name} ({node.detector.title_en})"
    zh = f"{node.field} 里有 {node.detector.name}（{node.detector.title_zh}）"
    if node.at_least:
        en += f", sure to {node.at_least} or more"
        zh += f"，把握不低于 {node.at_least}"
    if node.known:
        en += f", not one of {len(node.known)} known values"
        zh += f"，且不在 {len(node.known)} 个已知值之中"
    return Said(en, zh)


def _in_lexicon(node: InLexicon) -> Said:
    name, title = node.lexicon.name, node.lexicon.title
    return Said(
        f"{node.field} has a word of the lexicon {name} ({title})",
        f"{node.field} 里有词库 {name}（{title}）的词",
    )


_OPERATORS = {
    "equals": ("is", "="),
    "contains": ("contains", "含"),
    "startswith": ("begins with", "开头是"),
    "endswith": ("ends with", "结尾是"),
    "gt": (">", ">"),
    "gte": (">=", ">="),
    "lt": ("<", "<"),
    "lte": ("<=", "<="),
}
_ASKED: dict[type, Callable[[Any], Said]] = {
    Words: lambda node: Said(
        f"{node.field} contains '{node.pattern}'", f"{node.field} 含“{node.pattern}”"
    ),
    InLexicon: _in_lexicon,
    Regex: lambda node: Said(
        f"{node.field} matches {node.source}", f"{node.field} 符合正则表达式 {node.source}"
    ),
    Detected: _detected,
    Compare: _compared,
    OfficeTime: lambda node: (
        Said("time is in office hours", "时间在工作时间内")
        if node.inside
        else Said("time is outside office hours", "时间不在工作时间内")
    ),
}
REFUSALS = {
    "run": Said("inside other letters or digits", "是其他字母或数字的一部分"),
    "boundary": Said("cut out of two other words", "是从相邻的两个词里截出来的"),
    "allowed": Said("inside an allowed phrase", "在允许的说法里"),
    "prohibition": Said("said as a prohibition", "出现在禁止的说法里"),
    "denial": Said("denied", "被否定"),
    "condemned": Said("called wrong", "被指为不当"),
    "quotation": Said("quoted", "是引述"),
    "question": Said("asked about", "是在询问"),
    "known": Said("on a list of known values", "在已知值的名单上"),
    "confidence": Said("not sure enough", "把握不够"),
    "other_number": Said("another kind of number", "是另一种号码"),
    "shape": Said(
        "looks like one, but its check digit, issuer or surroundings are not right",
        "形状相似，但校验位、号段或上下文不符",
    ),
}
