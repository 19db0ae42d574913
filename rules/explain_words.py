"""What the leaves of a condition ask for, and what they saw, in words of both languages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from rules.conditions import (
    HIT_RESPONSE,
    HIT_VARIANT,
    TEXT_FIELDS,
    Asked,
    Compare,
    Concerns,
    Detected,
    InLexicon,
    InList,
    Node,
    Regex,
    View,
    Words,
)
from rules.sigma import questions
from rules.time_conditions import (
    DAYS,
    DayOfWeek,
    InPeriod,
    OfficeTime,
    PublicHoliday,
    TimeRange,
    WorkingDay,
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
    if isinstance(node, _OF_TIME):
        day, now = (getattr(node, "zone", None) or view.calendar.zone).local(view.message.time)
        clock = f"{_clock(now)}:{now // 1000 % 60:02d}"
        return f"{dt.date.fromordinal(day)} {DAYS[(day - 1) % 7][:3]} {clock}"
    if isinstance(node, Concerns):
        return str(view.reference.employee(view.message).get(node.attribute, ""))
    field = getattr(node, "field", "")
    if field in TEXT_FIELDS:
        return view.folded(field).text
    if field == HIT_RESPONSE:
        return str(view.response)
    if field == HIT_VARIANT:
        return "、".join(view.variants)
    value = view.field(field) if field else None
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
    if node.known or node.lists:
        of = f" ({', '.join(node.lists)})" if node.lists else ""
        en += f", not a known value{of}"
        zh += f"，且不是已知值{of}"
    return Said(en, zh)


def _in_lexicon(node: InLexicon) -> Said:
    name, title = node.lexicon.name, node.lexicon.title
    scene = f", scene {node.scene}" if node.scene else ""
    return Said(
        f"{node.field} has a word of the lexicon {name} ({title}{scene})",
        f"{node.field} 里有词库 {name}（{title}{scene}）的词",
    )


def _asked(node: Asked) -> Said:
    parts = [_question(one) for one in node.questions]
    en, zh = "; ".join(one.en for one in parts), "；".join(one.zh for one in parts)
    return Said(f"{node.field} {en}", f"{node.field} {zh}")


def _question(one: Any) -> Said:
    """One of Sigma's questions (`rules.sigma.questions`)."""
    if isinstance(one, questions.Text):
        en, zh = _OPERATORS[one.how]
        return Said(f"{en} {one.text}", f"{zh} {one.text}")
    if isinstance(one, questions.Pattern):
        return Said(f"matches {one.source}", f"符合 {one.source}")
    if isinstance(one, questions.Number | questions.Part):
        part = f"{one.part} " if isinstance(one, questions.Part) else ""
        sign = _OPERATORS.get(one.how, (one.how,))[0]
        return Said(f"{part}{sign} {one.number}", f"{part}{sign} {one.number}")
    if isinstance(one, questions.Equal):
        return Said(f"is {one.text}", f"= {one.text}")
    if isinstance(one, questions.Network):
        return Said(f"is in the network {one.network}", f"在网段 {one.network} 内")
    if isinstance(one, questions.SameAs):
        en, zh = _OPERATORS[one.how]
        return Said(f"{en} the field {one.field}", f"{zh} 字段 {one.field} 的值")
    return Said(type(one).__name__, type(one).__name__)


def _clock(milliseconds: int) -> str:
    return f"{milliseconds // 3_600_000:02d}:{milliseconds // 60_000 % 60:02d}"


def _time_range(node: TimeRange) -> Said:
    between = f"{_clock(node.start)}-{_clock(node.end)}"
    zone = f" ({node.zone.name})" if node.zone else ""
    return Said(f"time is within {between}{zone}", f"时间在 {between} 之间{zone}")


def _week(node: DayOfWeek) -> Said:
    names = sorted(node.days)
    en = ", ".join(DAYS[day - 1] for day in names)
    zh = "、".join("周" + "一二三四五六日"[day - 1] for day in names)
    return Said(f"time is on {en}", f"时间是{zh}")


def _concerns(node: Concerns) -> Said:
    wanted = ", ".join(node.wanted)
    what = {"department": "部门", "role": "岗位"}.get(node.attribute, node.attribute)
    return Said(f"the employee's {node.attribute} is one of: {wanted}", f"员工的{what}是：{wanted}")


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
    InList: lambda node: Said(
        f"{node.field} is on the list {node.name}", f"{node.field} 在名单 {node.name} 上"
    ),
    Asked: _asked,
    Concerns: _concerns,
    OfficeTime: lambda node: (
        Said("time is in office hours", "时间在工作时间内")
        if node.inside
        else Said("time is outside office hours", "时间不在工作时间内")
    ),
    WorkingDay: lambda node: (
        Said("time is on a working day", "时间是工作日")
        if node.wanted
        else Said("time is on a day off", "时间不是工作日")
    ),
    TimeRange: _time_range,
    DayOfWeek: _week,
    PublicHoliday: lambda node: Said(
        f"time is on a public holiday ({node.country})", f"时间是法定节假日（{node.country}）"
    ),
    InPeriod: lambda node: Said(
        f"time is within a period of the list {node.name}", f"时间在名单 {node.name} 的期间内"
    ),
}
_OF_TIME = (OfficeTime, WorkingDay, TimeRange, DayOfWeek, PublicHoliday, InPeriod)
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
