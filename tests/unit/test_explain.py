"""Explanations say what the matcher says, and why."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import conditions, explain_words, field_conditions, time_conditions
from rules.cases import records
from rules.compiled import CompiledRules
from rules.conditions import And, AtLeast, Not, Or, Until
from rules.decode import Decoder
from rules.errors import RecordError
from rules.explain import LEAF, Part, Setting, Verdict, blamed, judge
from rules.explain_behaviour import behaviour_lines, counted, reached
from rules.explain_names import CONDITION, condition_text, selections
from rules.explain_text import cells, conclusion, tree_lines, verdict_lines, visible
from rules.explain_windows import courses
from rules.explain_words import REFUSALS
from rules.lexicon import Lexicon
from rules.message import Message
from rules.model import DetectionRule, RuleFile
from rules.named import Named
from rules.ruleset import assemble, load_ruleset
from tests.support.rule_files import CALENDAR, COUNTING, NAMED, detection_rule, load_text, raws

RULES = load_ruleset()
DECODER = Decoder("demo")
SETTING = Setting.of(RULES, CALENDAR)


def messages() -> Iterator[Message]:
    """Every message of every case of the catalogue."""
    for file in RULES.files:
        for case in file.tests:
            for raw in records(case):
                try:
                    yield DECODER.decode(raw)
                except RecordError:
                    continue


MESSAGES = list(messages())
# every rule judges each of them: a part of them, evenly
SOME = [raw for file in RULES.files for case in file.tests[:1] for raw in records(case)[:1]][::6]


@cache
def names_of(rule: str) -> list:
    """The selections of a rule of the catalogue."""
    return selections(RULES, rule, NAMED)


def explained(rule: DetectionRule, message: Message) -> Verdict:
    names = names_of(rule.ref.name)
    return judge(rule, message, SETTING, names)


# --- the same verdict


@pytest.fixture(scope="module")
def compiled() -> CompiledRules:
    return CompiledRules(RULES)


def test_the_verdict_is_the_matchers_for_all_messages_of_the_catalogue(
    compiled: CompiledRules,
) -> None:
    fired = 0
    for raw in SOME:
        draft = DECODER.draft(raw)
        message = DECODER.message(draft)
        able = compiled.candidates([draft]).get(0)
        held, failed = compiled.judge(able, message, CALENDAR) if able else ([], [])
        assert failed == []
        wanted = {rule.ref.name: spans for rule, spans in held}
        verdicts = [explained(rule, message) for rule in RULES.detections.values()]
        assert {one.rule.ref.name: one.spans for one in verdicts if one.held} == wanted
        fired += len(wanted)
    assert fired > 20


PIECES = st.sampled_from(
    [
        "保本",
        "严禁承诺",
        "不",
        "保|本",
        "保❤本",
        "加我微信",
        "转我卡上",
        "“",
        "”",
        "，",
        "。",
        "吗？",
        "我们",
        "周",
        "这款",
        "订单号",
        "11010519491231002X",
        "6222021001099550011",
        "6228480402564890018",
        "稳赚不赔",
        "公司",
        "违规",
        "所谓",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(sorted(RULES.detections)))
def test_the_verdict_is_the_conditions_for_any_text(text: str, name: str) -> None:
    rule = RULES.detections[name]
    (raw,) = raws([{"at": "10:00", "from": "zhangwei", "to": "c1", "text": text or "x"}])
    message = DECODER.decode(raw)
    verdict = explained(rule, message)
    if not rule.asks_hits:
        view = SETTING.view(message)
        assert verdict.held is rule.condition.holds(view)
        assert verdict.spans == tuple(view.spans)
    shown = {(one.start, one.end) for leaf in verdict.part.leaves() for one in leaf.occurrences}
    assert {(span.start, span.end) for span in verdict.spans} <= shown
    for leaf in verdict.part.leaves():
        assert leaf.held or all(one.refused for one in leaf.occurrences)
        for one in leaf.occurrences:
            assert one.text == leaf.original[one.start : one.end]
            assert one.refused in {"", *REFUSALS}
    english, chinese = (verdict_lines(verdict, one) for one in ("en", "zh"))
    assert len(english) == len(chinese)


def test_every_form_of_question_is_put_into_words() -> None:
    kinds = {
        one
        for module in (conditions, field_conditions, time_conditions)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if hasattr(one, "holds") and one.__module__ == module.__name__
    }
    joined = {And, Or, Not, AtLeast, Until, conditions.Node}
    assert kinds - joined == set(explain_words._ASKED)


# --- what does not count


WORDS = Named(
    {
        "own": Lexicon(
            "own",
            title="自己的词",
            words=("保本", "转我", "0风险"),
            allow=("确保本周",),
            boundary=frozenset({"转我"}),
        ),
        "known": Lexicon("known", values=("6222021001099550011",)),
    }
)


def verdict(
    folder: Path, selection: dict[str, object], text: str, condition: str = "it", **message: object
) -> Verdict:
    """The verdict of a rule with these selections on a text of zhangwei to a customer."""
    file = load_text(folder, detection_rule("t1_x", selection, condition), WORDS)
    rules = assemble([file], "d", WORDS.reference)
    (raw,) = raws([{"at": "10:00", "from": "zhangwei", "to": "c1", "text": text} | message])
    names = selections(rules, "t1_x", WORDS)
    setting = Setting.of(rules, CALENDAR)
    return judge(rules.detections["t1_x"], DECODER.decode(raw), setting, names)


@pytest.mark.parametrize(
    ("question", "text", "refused", "because"),
    [
        ({"text|lexicon": "own"}, "公司严禁保本", "prohibition", ""),
        ({"text|lexicon": "own"}, "我们不保本", "denial", ""),
        ({"text|lexicon": "own"}, "说保本是违规的", "condemned", ""),
        ({"text|lexicon": "own"}, "所谓保本", "quotation", ""),
        ({"text|lexicon": "own"}, "这款保本吗", "question", ""),
        ({"text|lexicon": "own"}, "确保本周完成", "allowed", "确保本周"),
        ({"text|lexicon": "own"}, "资金周转我们协助", "boundary", ""),
        ({"text|lexicon": "own"}, "养老2040风险等级", "run", ""),
        ({"text|detect": "bank_card, except known"}, "卡号 6222021001099550011", "known", ""),
        (
            {"text|detect": "bank_card, confidence 75"},
            "卡号 6228480402564890017",
            "confidence",
            "75",
        ),
        ({"text|detect": "cn_resident_id"}, "身份证号 110105194912310021", "shape", ""),
        ({"text|detect": "cn_mobile"}, "订单号 13800138000", "other_number", "订单号"),
    ],
)
def test_why_what_was_seen_does_not_count(
    tmp_path: Path, question: dict, text: str, refused: str, because: str
) -> None:
    found = verdict(tmp_path, {"it": question}, text)
    assert not found.held
    assert [(one.refused, one.because) for one in found.part.occurrences] == [(refused, because)]
    line = "\n".join(tree_lines(found, "zh"))
    assert REFUSALS[refused].zh in line
    assert because in line


def test_every_reason_not_to_count_is_shown_by_a_case() -> None:
    rows = test_why_what_was_seen_does_not_count.pytestmark[0].args[1]
    assert {row[2] for row in rows} == set(REFUSALS)


def test_words_of_others_are_pointed_at(tmp_path: Path) -> None:
    text = "这是一条引用/回复消息：\n“李四：\n保本”\n------\n好的"
    found = verdict(tmp_path, {"it": {"text|contains": "保本"}}, text)
    assert not found.held
    assert found.part.elsewhere
    assert "`quoted`" in "\n".join(tree_lines(found, "en"))


# --- how it is told


def test_an_explanation_in_full(tmp_path: Path) -> None:
    found = verdict(
        tmp_path,
        {"staff": {"direction": "outbound"}, "words": {"text|lexicon": "own"}},
        "严禁保本，这款ｂ保\u200b 本",
        "staff and words",
    )
    assert verdict_lines(found, "zh", "staff and words") == [
        "m1  10:00  zhangwei → wmDemoCustomer000001  [archive text, outbound]",
        "  原文: 严禁保本，这款ｂ保‹U+200B› 本",
        "  归一: 严禁保本，这款b保本",
        "✓ condition: staff and words",
        "  ✓ staff: direction = outbound",
        "  ✓ words: text 里有词库 own（自己的词）的词",
        "      严禁保本，这款ｂ保‹U+200B› 本",
        "          ~~~~",
        "      · “保本”不算：出现在禁止的说法里",
        "      严禁保本，这款ｂ保‹U+200B› 本",
        "                      ^^^^^^^^^^^^^",
        "      · “保‹U+200B› 本”就是“保本”；去掉的变形：gap, zero_width",
        "规则 t1_x 报警：条件成立。",
    ]
    assert verdict_lines(found, "en", "staff and words")[-3:] == [
        "                      ^^^^^^^^^^^^^",
        "      · '保‹U+200B› 本' is '保本'; taken off: gap, zero_width",
        "The rule t1_x fires: its condition holds.",
    ]


@pytest.mark.parametrize(
    ("selection", "condition", "text", "en"),
    [
        ({"it": {"direction": "inbound"}}, "it", "x", "it: not so: direction is inbound"),
        (
            {"a": {"text|contains": "x"}, "b": {"direction": "outbound"}},
            "a and not b",
            "x",
            "b holds, and the condition wants that it does not",
        ),
        (
            {"a": {"text|contains": list("xyz")}},
            "a",
            "w",
            "a: none of its 3 parts holds",
        ),
        (
            {"a": {"text|contains": "y"}, "b": {"text|contains": "z"}},
            "1 of them",
            "w",
            "a: not so: text contains 'y'; b: not so: text contains 'z'",
        ),
        ({"it": {"text|lexicon": "own"}}, "it", "不保本", "it: '保本' does not count: denied"),
    ],
)
def test_the_last_sentence_says_what_decided(
    tmp_path: Path, selection: dict, condition: str, text: str, en: str
) -> None:
    found = verdict(tmp_path, selection, text, condition)
    assert conclusion(found).en == f"The rule t1_x does not fire: {en}."
    assert conclusion(found).zh.startswith("规则 t1_x 不报警：")
    assert all(part.kind == LEAF for part in blamed(found.part))


def test_many_words_are_not_listed_one_by_one(tmp_path: Path) -> None:
    words = [f"词{n}号" for n in range(50)]
    found = verdict(tmp_path, {"it": {"text|contains": words}}, "这里有词7号")
    lines = tree_lines(found, "en")
    assert len(lines) < 8
    assert any("'词7号' counts" in line for line in lines)
    assert any("none of 49 more holds" in line for line in lines)


@given(st.text(max_size=30))
def test_what_is_shown_has_no_character_that_cannot_be_seen(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & {"\n", "\u200b", "\x1b", "\u202e"}
    assert cells(shown) >= len(shown)


def test_a_part_without_a_name_is_told_all_the_same(tmp_path: Path) -> None:
    file = load_text(tmp_path, detection_rule("t1_x", {"it": {"text|contains": "保本"}}))
    (raw,) = raws([{"at": "10:00", "from": "a", "to": "c1", "text": "保本"}])
    found = judge(file.detections[0], DECODER.decode(raw), SETTING)
    assert found.part.name == ""
    assert tree_lines(found, "en")[0] == "✓ text contains '保本'"


@pytest.mark.parametrize("file", RULES.files, ids=lambda file: file.path)
def test_every_selection_of_the_catalogue_is_found_in_its_condition(file: RuleFile) -> None:
    for rule in file.detections:
        found = explained(rule, MESSAGES[0])
        names = {part.name for part in _parts(found.part)} - {""}
        known = [each for one in names_of(rule.ref.name) for each in (one, *one.inside)]
        # a condition of one selection is that selection, and with a scope the whole is named
        whole = [one.node for one in known if one.name == CONDITION]
        assert {one.name for one in known if one.node not in whole} <= names
        assert condition_text(file, rule.ref.name)


def _parts(part: Part) -> Iterator[Part]:
    yield part
    for one in part.parts:
        yield from _parts(one)


# --- behaviour over time


def behaviour(folder: Path, text: str, messages: list[dict]) -> tuple[list, list[str]]:
    file = load_text(folder, text)
    rules = assemble([file], "d")
    (rule,) = file.correlations
    setting = Setting.of(rules, CALENDAR)
    found = counted(rule, rules, map(DECODER.decode, raws(messages)), setting, NAMED)
    return reached(courses(rule.how, found)), behaviour_lines(rule, found, "en")


def recall(minute: int, who: str = "zhangwei", **more: object) -> dict:
    return {"at": f"10:{minute:02d}", "from": who, "to": "c1", "recall": f"x{minute}"} | more


@pytest.mark.parametrize(
    ("change", "messages", "best", "outcome"),
    [
        (("", ""), [recall(0), recall(5), recall(16)], 2, "not reached"),
        (("", ""), [recall(0), recall(5), recall(10)], 3, "reached, alert at 10:10"),
        (
            ("event_count", "value_count"),
            [recall(0), recall(1), recall(2, to="c2")],
            2,
            "not reached",
        ),
    ],
)
def test_the_best_window_of_a_group(
    tmp_path: Path, change: tuple[str, str], messages: list[dict], best: int, outcome: str
) -> None:
    text = COUNTING.replace(*change) if change[0] else COUNTING
    if "value_count" in text:
        text = text.replace("{gte: 3}", "{field: recipients, gte: 3}")
    groups, lines = behaviour(tmp_path, text, messages)
    assert [one.reached for one in groups] == [best]
    assert f"at most {best} " in lines[-1]
    assert lines[-1].endswith(f" >= 3: {outcome}")


def test_groups_are_counted_apart_and_order_does_not_matter(tmp_path: Path) -> None:
    messages = [recall(0), recall(1, "lina"), recall(2), recall(3, "lina"), recall(4)]
    groups, _ = behaviour(tmp_path, COUNTING, messages)
    again, _ = behaviour(tmp_path, COUNTING, messages[::-1])
    assert {(one.group["sender"], one.reached) for one in groups} == {("zhangwei", 3), ("lina", 2)}
    assert {(one.group["sender"], one.reached) for one in again} == {("zhangwei", 3), ("lina", 2)}


def test_what_does_not_count_is_told(tmp_path: Path) -> None:
    groups, lines = behaviour(
        tmp_path, COUNTING, [{"at": "10:00", "from": "a", "to": "c1", "text": "您好"}]
    )
    assert groups == []
    assert "The base rule t2_base does not hold: recall: not so: type is revoke" in lines[0]
    assert "no message counts" in lines[-1]
