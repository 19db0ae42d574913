"""What conditions say of one message: whether, where in the original text, and why."""

from __future__ import annotations

from typing import Any

import pytest

from rules.conditions import (
    MAX_SPANS,
    And,
    Compare,
    Detected,
    InLexicon,
    Not,
    Or,
    View,
    Words,
    regex,
)
from rules.detectors import DETECTORS
from rules.lexicon import Lexicon
from rules.message import Message
from rules.time_conditions import OfficeTime
from tests.support.rule_files import CALENDAR

T = 1_772_589_600_000  # 2026-03-04 10:00 in Shanghai, a working day
PROMISE = Lexicon("promise", words=("保本", "稳赚"), allow=("不保本",))


def message(text: str = "", **changes: Any) -> Message:
    return Message(
        **{
            "tenant": "demo", "kind": "archive", "seq": 1, "msgid": "m1", "time": T,
            "received_at": T, "type": "text", "sender": "zhangwei", "text": text, **changes,
        }
    )  # fmt: skip


def found(node: Any, said: Message) -> tuple[bool, list[str]]:
    """Whether it holds, and the pieces of the original text that say why."""
    view = View(said, CALENDAR)
    held = node.holds(view)
    return held, [str(said.field(s.field))[s.start : s.end] for s in view.spans]


CONTRACT, PRICE = Words("text", "合同", "合同"), Words("text", "价格", "价格")
NEVER = Compare("type", "equals", "file")


@pytest.mark.parametrize(
    ("node", "text", "held", "pieces"),
    [
        (CONTRACT, "合同和合同", True, ["合同", "合同"]),
        (CONTRACT, "合\u200b同", True, ["合\u200b同"]),
        (CONTRACT, "x合 同y", True, ["合 同"]),
        (CONTRACT, "合，同", False, []),
        (regex("text", "v[0-9]+"), "Ｖ１２ V7", True, ["Ｖ１２", "V7"]),
        (regex("text", "x*"), "abc", False, []),
        (InLexicon("text", PROMISE), "稳 赚,不保本", True, ["稳 赚"]),
        (InLexicon("text", PROMISE), "公司严禁承诺保本", False, []),
        (Not(CONTRACT), "合同", False, []),
        (Not(PRICE), "合同", True, []),
        (And((CONTRACT, Not(PRICE))), "合同", True, ["合同"]),
        # what a failed branch found is no reason
        (Or((And((CONTRACT, NEVER)), PRICE)), "合同价格", True, ["价格"]),
        (Or((CONTRACT, PRICE)), "合同价格", True, ["合同", "价格"]),
        (Not(Or((CONTRACT, PRICE))), "价格", False, []),
        (Not(Not(CONTRACT)), "合同", True, []),
        (Detected("text", DETECTORS["cn_resident_id"]), "号11010519491231002Ｘ吧", True,
         ["11010519491231002Ｘ"]),
        (Detected("text", DETECTORS["cn_resident_id"], frozenset({"11010519491231002x"})),
         "号11010519491231002X吧", False, []),
        (Detected("text", DETECTORS["cn_resident_id"], at_least=86),
         "号11010519491231002X吧", False, []),
        (Detected("text", DETECTORS["cn_resident_id"], count=2),
         "11010519491231002X，150102198807303035", True,
         ["11010519491231002X", "150102198807303035"]),
        # one value twice is one; and what was found is no reason when it was too little
        (Or((Detected("text", DETECTORS["cn_resident_id"], count=2), CONTRACT)),
         "合同 11010519491231002X，11010519491231002x", True, ["合同"]),
        (Detected("text", DETECTORS["cn_resident_id"], frozenset({"150102198807303035"}), count=2),
         "11010519491231002X，150102198807303035", False, []),
    ],
)  # fmt: skip
def test_text(node: Any, text: str, held: bool, pieces: list[str]) -> None:
    assert found(node, message(text)) == (held, pieces)


def test_a_span_names_its_disguise() -> None:
    view = View(message("转 我\u200b卡上"), CALENDAR)
    assert Words("text", "转我卡上", "转我卡上").holds(view)
    assert view.spans[0].variant == ("gap", "zero_width")


@pytest.mark.parametrize(
    ("field", "operator", "wanted", "changes", "held"),
    [
        ("type", "equals", "TEXT", {}, True),
        ("recipients", "equals", "b", {"recipients": ("a", "b")}, True),
        ("recipients", "equals", "c", {"recipients": ("a", "b")}, False),
        ("file.name", "endswith", ".XLSX", {"fields": {"file.name": "名单.xlsx"}}, True),
        ("file.name", "contains", "名", {"fields": {"file.name": "名单.xlsx"}}, True),
        ("file.name", "contains", "名", {}, False),
        ("file.size", "gte", 10, {"fields": {"file.size": 10}}, True),
        ("file.size", "gt", 10, {"fields": {"file.size": 10}}, False),
        ("file.size", "lt", 10, {"fields": {"file.size": "nine"}}, False),
        ("file.size", "lte", 10, {}, False),
        ("link.url", "exists", True, {}, False),
        ("link.url", "exists", False, {}, True),
        ("link.url", "exists", True, {"fields": {"link.url": "x"}}, True),
        ("link.url", "null", None, {}, True),
        # a field without a value is absent, whether the struct has a place for it or not
        ("room", "exists", True, {}, False),
        ("room", "exists", True, {"room": "r1"}, True),
        ("room", "null", None, {}, True),
        ("recipients", "exists", False, {}, True),
    ],
)
def test_compare(field: str, operator: str, wanted: Any, changes: dict, held: bool) -> None:
    assert Compare(field, operator, wanted).holds(View(message(**changes), CALENDAR)) is held


@pytest.mark.parametrize(("hours", "inside"), [(0, True), (10, False), (24 * 4, False)])
def test_office_time(hours: int, inside: bool) -> None:
    view = View(message(time=T + hours * 3_600_000), CALENDAR)
    assert OfficeTime(inside).holds(view)
    assert not OfficeTime(not inside).holds(view)


def test_a_text_of_nothing_but_hits_keeps_a_few_reasons() -> None:
    for node in (CONTRACT, regex("text", "合同"), InLexicon("text", Lexicon("x", words=("合同",)))):
        held, pieces = found(node, message("合同，" * 5000))
        assert held
        assert pieces == ["合同"] * MAX_SPANS


def test_a_thousand_denials_do_not_hide_a_promise() -> None:
    text = "不会保本。" * 2000
    assert found(InLexicon("text", Lexicon("x", words=("保本",))), message(text))[0]
    assert not found(InLexicon("text", Lexicon("x", words=("保本",))), message(text[:500]))[0]
