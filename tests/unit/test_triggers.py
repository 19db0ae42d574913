"""The quick look never misses: what a rule holds for, some trigger of the rule has woken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.alert import RuleRef
from rules.archive_text import from_words
from rules.compiled import CompiledRules
from rules.conditions import (
    HIT_RESPONSE,
    HIT_VARIANT,
    And,
    Asked,
    AtLeast,
    Compare,
    Detected,
    InLexicon,
    Node,
    Not,
    Or,
    Until,
    View,
    Words,
    regex,
)
from rules.derived import DERIVED
from rules.detectors import DETECTORS
from rules.draft import Draft
from rules.fields import DIRECTORY_FIELDS, TYPED_FIELDS
from rules.fold import fold
from rules.foresight import Kind, Sure, reduced
from rules.lexicon import Lexicon
from rules.message import Message
from rules.model import DetectionRule
from rules.ruleset import RuleSet
from rules.sigma.modifiers import questions
from rules.sigma_parse import asks_hits
from rules.triggers import Trigger, triggers
from rules.view import NAMES
from tests.support.rule_files import CALENDAR

WHEN = 1_772_589_600_000  # ms
WORDS = ["保本", "转我", "微信", "v信", "a", "返点"]
TYPES = ["text", "file", "Odd_Type", "link"]
NUMBERS = ["11010519491231002X", "6228480402564890018", "13800138000"]
LEXICON = Lexicon("x", words=("稳赚", "加我"), allow=("加我司",))


def words(word: str) -> Words:
    return Words("text", fold(word).text, word)


LEAVES = st.one_of(
    st.sampled_from(WORDS).map(words),
    st.sampled_from(TYPES).map(lambda kind: Compare("type", "equals", kind)),
    st.builds(
        Compare,
        st.sampled_from(["type", "msgtype", "event", "sender_kind", "direction"]),
        st.sampled_from(["contains", "startswith", "equals"]),
        st.sampled_from(["t", "TEXT", "odd", "employee", "customer", "outbound", "in", ""]),
    ),
    st.sampled_from(["gte", "gt", "lt", "lte", "equals"]).flatmap(
        lambda op: st.integers(0, 3).map(lambda n: Compare(HIT_RESPONSE, op, n))
    ),
    st.sampled_from(["保.本", "转(我|他)", r"v\w", "(?s)a.*信", r"\d{6}", r"\C信"]).map(
        lambda source: regex("text", source)
    ),
    st.sampled_from(["cn_resident_id", "bank_card", "cn_mobile"]).map(
        lambda name: Detected("text", DETECTORS[name])
    ),
    st.just(InLexicon("text", LEXICON)),
    st.builds(
        Compare,
        st.sampled_from(["file.name", "link.title"]),
        st.sampled_from(["contains", "startswith", "endswith", "equals"]),
        st.sampled_from(["合同", "报价", ".PDF", "", "ß"]),
    ),
    st.builds(
        lambda field, chain, value: Asked(field, tuple(questions(field, chain, value, {}))),
        st.sampled_from(["file.name", "link.title"]),
        st.just(["re"]),
        st.sampled_from(["采购|报价", "(合|贺)同", "^S[A-Z]+E$", "同.", "(?i)strasse", "x?"]),
    ),
    st.builds(
        lambda field, value: Asked(field, tuple(questions(field, ["contains"], value, {}))),
        st.sampled_from(["file.name", "link.title"]),
        st.sampled_from(["合*同", "S?RASS", "采购*pdf"]),
    ),
    st.just(Words("quoted", "保本", "保本")),
    st.just(Compare("room", "exists", True)),
)
NODES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: And(tuple(nodes)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda nodes: Or(tuple(nodes)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda nodes: AtLeast(2, tuple(nodes)))
        | inner.map(Not)
        | st.builds(Until, inner, st.sampled_from([WHEN - 1, WHEN, WHEN + 1]))
    ),
    max_leaves=6,
)
PIECES = [
    *WORDS,
    *NUMBERS,
    "稳赚",
    "加我",
    "加我司",
    " ",
    "\u200b",
    "Ｖ信",
    "ＡＢ",
    "，",
    "\n",
    "不",
    "保x本",
]
MESSAGES = st.builds(
    lambda pieces, quoted, kind, room, names, who: Message(
        tenant="demo", kind="archive", seq=1, msgid="m1", time=WHEN, received_at=0,
        type=kind, sender="zhangwei", sender_kind=who[0], direction=who[1],
        text="".join(pieces), quoted=quoted, room=room,
        fields={} if kind == "text" else names,  # no text has a name
    ),
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.sampled_from(["", "保本"]),
    st.sampled_from(TYPES),
    st.sampled_from(["", "r1"]),
    st.dictionaries(
        st.sampled_from(["file.name", "link.title"]),
        st.sampled_from(["采购合同.pdf", "报价", "STRASSE", ["合同", "x"], ""]),
    ),
    st.sampled_from([("employee", "outbound"), ("customer", "inbound"), ("employee", "internal")]),
)  # fmt: skip


def rule(name: str, node: Node, response: int = 2) -> DetectionRule:
    ref = RuleRef(
        id=name, name=name, title="", version=1, digest="", item="", level="low", response=response
    )
    return DetectionRule(ref, node, signal=False, asks_hits=asks_hits(node))


def compiled(*rules: DetectionRule) -> CompiledRules:
    return CompiledRules(RuleSet("d", (), {one.ref.name: one for one in rules}, {}, {}))


def plainly(rules: list[DetectionRule], message: Message) -> dict[str, tuple[Any, ...]]:
    """Every condition evaluated, without any quick look."""
    held: dict[str, tuple[Any, ...]] = {}
    for later in (False, True):
        response = max((r.ref.response for r in rules if r.ref.name in held), default=0)
        for one in rules:
            view = View(message, CALENDAR, response)
            if one.asks_hits is later and one.condition.holds(view):
                held[one.ref.name] = tuple(view.spans)
    return held


@settings(max_examples=300, deadline=None)
@given(st.lists(NODES, min_size=1, max_size=4), MESSAGES)
def test_the_quick_look_misses_nothing(nodes: list[Node], message: Message) -> None:
    rules = [rule(f"r{n}", node, n % 4) for n, node in enumerate(nodes)]
    ready = compiled(*rules)
    draft = Draft("demo", "1", message.time, message.type, message.text, (), message)
    able = ready.candidates([draft]).get(0)
    found, failed = ready.judge(able, message, CALENDAR) if able else ([], [])
    assert failed == []
    assert {one.ref.name: spans for one, spans in found} == plainly(rules, message)


@settings(max_examples=300, deadline=None)
@given(NODES, MESSAGES)
def test_what_the_kind_of_message_answers_changes_nothing(node: Node, message: Message) -> None:
    kind = Kind(message.type, message.sender_kind, message.direction)
    whole, rest = View(message, CALENDAR), View(message, CALENDAR)
    assert reduced(node, kind).holds(rest) is node.holds(whole)
    assert rest.spans == whole.spans


def test_what_no_message_of_a_kind_can_meet_is_known_before() -> None:
    asked = And((Compare("direction", "equals", "outbound"), words("保本")))
    unasked = Or((Compare("type", "equals", "file"), Not(Compare("sender_kind", "equals", "bot"))))
    kind = Kind("text", "customer", "inbound")
    assert reduced(asked, kind) == Sure(False)
    assert reduced(asked, Kind("text", "employee", "outbound")) == words("保本")
    assert reduced(unasked, kind) == Sure(True)


def test_names_are_fields_of_their_own():
    assert not set(NAMES) & (set(DERIVED) | DIRECTORY_FIELDS)
    assert set(NAMES) <= TYPED_FIELDS
    said = from_words("保本 https://example.com/a.pdf\n")
    assert said.fields, "a text may have a link"
    assert not set(NAMES) & set(said.fields), "and has no name"


@settings(max_examples=200, deadline=None)
@given(NODES, MESSAGES)
def test_spans_point_into_the_original_text(node: Node, message: Message) -> None:
    view = View(message, CALENDAR)
    held = node.holds(view)
    for span in view.spans:
        text = message.field(span.field)
        assert 0 <= span.start < span.end <= len(text)
        if span.pattern in WORDS:
            assert fold(text[span.start : span.end]).text == fold(span.pattern).text
    if isinstance(node, Not) or not held:
        assert view.spans == []


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (words("Ｖ信"), {Trigger("pattern", "v信")}),
        (Not(words("a")), None),
        (Words("quoted", "a", "a"), None),
        (Or((words("a"), Not(words("b")))), None),
        (Or((words("a"), words("b"))), {Trigger("pattern", "a"), Trigger("pattern", "b")}),
        (And((Compare("type", "equals", "text"), words("a"))), {Trigger("pattern", "a")}),
        (And((Compare("room", "exists", True), Compare("type", "equals", "File"))),
         {Trigger("type", "file")}),
        (Compare(HIT_RESPONSE, "gte", 2), {Trigger("hits", "")}),
        (Compare(HIT_RESPONSE, "lt", 2), None),
        (Compare(HIT_VARIANT, "equals", "pinyin"), {Trigger("hits", "")}),
        (Compare(HIT_VARIANT, "exists", False), None),
        (Or((Compare(HIT_RESPONSE, "gte", 2), words("a"))),
         {Trigger("hits", ""), Trigger("pattern", "a")}),
    ],
)  # fmt: skip
def test_trigger_sets(node: Node, expected: set[Trigger] | None) -> None:
    assert triggers(node) == expected


def test_gte_zero_needs_no_hit() -> None:
    assert triggers(Compare(HIT_RESPONSE, "gte", 0)) is None
    assert triggers(Compare(HIT_RESPONSE, "gt", 0)) == {Trigger("hits", "")}
