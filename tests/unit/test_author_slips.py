"""What an author types in a Chinese editor, or takes from memory: told at its place, with what to
write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.calendar import load_calendar
from rules.errors import RuleError
from rules.lint.examples import BASE_RULE, CORRELATION, LEXICON, RULE
from rules.lint.file_said import Surroundings, of_source
from rules.lint.fixes import fix_all
from rules.lint.lexicon_source import of_lexicon_source, read_lexicon
from rules.lint.registry import severity
from rules.lint.source import read
from tests.support.lint_examples import TODAY
from tests.support.rule_files import NAMED

CALENDAR = load_calendar()
BURST = f"{BASE_RULE}---\n{CORRELATION}"


def everything(text: str) -> list[RuleError]:
    """All that is said of a rule file."""
    source = read("rule.yaml", text, NAMED)
    bases = {one.ref.name: one for one in source.loaded.detections} if source.loaded else {}
    return of_source(source, Surroundings(NAMED, CALENDAR, bases, TODAY))


def told(text: str) -> list[RuleError]:
    """Errors and warnings about it."""
    return [one for one in everything(text) if severity(one) != "info"]


def fixed(text: str) -> str:
    """The text after `check --fix`."""
    return fix_all(text, everything)[0]


def changed(text: str, old: str, new: str) -> str:
    """The text with a slip in it."""
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ("[“保本”, ‘稳赚’]", "[保本, 稳赚]"),
        ("[「保本」, 『稳赚』]", "[保本, 稳赚]"),
        ("“保本”", "保本"),
        ("“保本 VIP”  # 原话", '"保本 VIP"  # 原话'),
        ('[“保本", 稳赚]', "[保本, 稳赚]"),
        ("\n      - “保本”\n      - 稳赚", "\n      - 保本\n      - 稳赚"),
    ],
)
def test_chinese_quotation_marks_around_a_word_are_told(slip: str, right: str) -> None:
    before = changed(RULE, " {text|contains: 保本}", f"\n    text|contains: {slip}")
    before = before.replace(": \n", ":\n")
    found = told(before)
    assert {one.code for one in found} == {"MJ026"}
    line = before.split("\n")[found[0].line - 1]
    assert found[0].column == line.index(slip.strip("[\n -")[0]) + 1
    assert "中文引号" in found[0].said_zh
    assert fixed(before) == before.replace(slip, right)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("contains: 保本", "contains: '“保本”'"),
        ("title: 承诺保本", "title: “承诺保本”"),
        ("text: 这款保本", "text: “这款保本”"),
        ("contains: 保本", "contains: 保本“稳”赚"),
    ],
)
def test_chinese_quotation_marks_that_may_be_meant_are_left_alone(old: str, new: str) -> None:
    text = changed(RULE, old, new)
    assert "MJ026" not in [one.code for one in told(text)]


def test_one_value_that_may_be_several_is_not_made_one() -> None:
    text = changed(RULE, "contains: 保本", "contains: [“保本，稳赚”]")
    assert {one.code for one in told(text)} == {"MJ026", "MJ254"}
    assert fixed(text) == text
    parted = changed(RULE, "contains: 保本", "contains: [“保本”，“稳赚”]")
    (only,) = told(parted)
    assert (only.code, "[保本, 稳赚]" in only.fix_zh) == ("MJ254", True)


def test_the_value_of_a_key_and_the_words_of_a_lexicon_too() -> None:
    text = changed(RULE, "level: high", "level: “high”")
    assert [one.code for one in told(text)] == ["MJ026", "MJ105"]
    assert fixed(text) == changed(RULE, "level: high", 'level: "high"')
    words = changed(LEXICON, "[回扣", "[“回扣”")
    (only,) = of_lexicon_source(read_lexicon(Path("own.yaml"), "own.yaml", words), None, TODAY)
    assert (only.code, only.line) == ("MJ026", 6)


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("{text|contains: 保本}", '{text|contains: ["保本, 稳赚]}', '"保本'),
        ("title: 承诺保本", 'title: "承诺保本', '"承诺'),
        ("title: 承诺保本", "title: '承诺保本", "'承诺"),
        ("contains: 保本", 'contains: "保本', '"保本'),
        ('["证券法 第135条"]', '["证券法 第135条]', '"证券法'),
        ('{excerpt}"', "{excerpt}", '"{actor}'),
        ('at: "10:00", from: zhangwei, to: lina', 'at: "10:00, from: zhangwei, to: lina', '"10:00, '),
        ("  runbook: 约谈当事人。", '  runbook: "约谈当事人。', '"约谈'),
    ],
)  # fmt: skip
def test_a_quotation_mark_that_is_not_closed_is_told_where_it_opens(
    old: str, new: str, at: str
) -> None:
    text = changed(RULE, old, new)
    line = next(n for n, one in enumerate(text.split("\n"), 1) if new.split("\n")[0] in one)
    first = told(text)[0]
    assert (first.code, first.line) == ("MJ007", line)
    assert text.split("\n")[line - 1][first.column - 1 :].startswith(at)
    assert "没有闭合" in first.said_zh
    assert first.fix_zh


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{text|contains: 保本}", '{text|contains: ["保本”, 稳赚]}'),
        ("{text|contains: 保本}", '{text|contains: ["保本”, "稳赚"]}'),
        ("title: 承诺保本", 'title: "承诺保本”'),
        ('at: "10:00", from: zhangwei, to: lina', 'at: "10:00”, from: zhangwei, to: lina'),
    ],
)
def test_a_quotation_mark_that_a_chinese_one_was_to_close(old: str, new: str) -> None:
    text = changed(RULE, old, new)
    first = told(text)[0]
    assert (first.code, "”" in first.fix_zh) == ("MJ007", True)
    assert fixed(text) == text.replace("”", '"')


def test_a_text_of_several_lines_is_no_quotation_mark_that_is_not_closed() -> None:
    said = 'description: "员工向客户\n  owner: x\n  承诺保本。"'
    text = changed(RULE, "description: 员工向客户承诺保本。", said)
    assert told(text) == []
    broken = changed(text, "level: high", "level: high]: x")
    assert [one.line for one in told(broken)] == [broken[: broken.index("high]")].count("\n") + 1]


@pytest.mark.parametrize(
    ("kind", "condition", "more", "old", "new", "code"),
    [
        ("value_count", "{field: room, gte: 2}", "first_seen: true", "field: room",
         "field: romo", "MJ213"),
        ("value_count", "{field: room, gte: 2}", "first_seen: true", "[sender]", "[sendr]",
         "MJ213"),
        ("value_count", "{field: room, gte: 2}", "first_seen: true", "gte: 2}", "gte: two}",
         "MJ307"),
        ("value_count", "{field: room, gte: 2}", "first_seen: true", "value_count", "value_cuont",
         "MJ301"),
        ("event_count", "{gte: 3}", "emit: every", "[sender]", "[sendr, room]", "MJ213"),
        ("event_count", "{gte: 3}", "emit: every", "[sender]", "sender, room", "MJ102"),
        ("event_count", "{gte: 3}", "baseline: {over: 5d, ratio: 2}", "timespan: 10m",
         "timespan: 10x", "MJ310"),
        ("event_count", "{gte: 3}", "baseline: {over: 5d, ratio: 2}", "timespan: 10m",
         "timespan: 1天", "MJ310"),
        ("event_count", "{gte: 3}", "baseline: {over: 5d, ratio: 2}", "event_count", "count_x",
         "MJ301"),
    ],
)  # fmt: skip
def test_of_a_slip_in_a_correlation_nothing_false_follows(
    kind: str, condition: str, more: str, old: str, new: str, code: str
) -> None:
    text = changed(BURST, "type: event_count", f"type: {kind}")
    text = changed(text, "{gte: 3}", condition)
    text = changed(text, "\n  runbook: 约谈", f"\n  {more}\n  runbook: 约谈")
    assert told(text) == []
    assert [error.code for error in told(changed(text, old, new))] == [code]


ASKED = """\
name: asked
detection:
  words: {text|contains: 在吗}
  condition: words
mingjian: {signal: true}
---
name: answered
detection:
  words: {text|contains: 在的}
  condition: words
mingjian: {signal: true}
---
"""


@pytest.mark.parametrize(
    ("kind", "condition", "more", "old", "new", "code"),
    [
        ("temporal", "asked and not answered", "absent: before", "and not", "和 not", "MJ330"),
        ("temporal", "asked and not answered", "absent: before", "[asked, answered]",
         "[asked, asked]", "MJ302"),
        ("temporal_ordered", "asked and answered", "within: {answered: 5m}", "timespan: 10m",
         "timespan: 十分", "MJ310"),
        ("temporal_ordered", "asked and answered", "within: {answered: 5m}", "temporal_ordered",
         "ordered_x", "MJ301"),
        ("temporal_ordered", "asked and answered", "within: {answered: 5m}", "[asked, answered]",
         "[answered, answered]", "MJ302"),
        ("temporal_ordered", "asked and answered", "within: {answered: 5m}", "answered: 5m",
         "answered: 五分", "MJ310"),
    ],
)  # fmt: skip
def test_of_a_slip_in_an_order_nothing_false_follows(
    kind: str, condition: str, more: str, old: str, new: str, code: str
) -> None:
    text = changed(ASKED + CORRELATION, "type: event_count", f"type: {kind}")
    text = changed(text, "{gte: 3}", condition)
    text = changed(text, "[x01_word]", "[asked, answered]")
    text = changed(text, "\n  runbook: 约谈", f"\n  {more}\n  runbook: 约谈")
    assert told(text) == []
    assert [error.code for error in told(changed(text, old, new))] == [code]


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ("20分钟", "20m"), ("20 分钟", "20m"), ("20 min", "20m"), ("20 m", "20m"), ("２０m", "20m"),
        ("半小时", "30m"), ("半个小时", "30m"), ("一个半小时", "90m"), ("1.5h", "90m"),
        ("1h30m", "90m"), ("1小时30分钟", "90m"), ("1天", "1d"), ("两天", "2d"), ("二十分钟", "20m"),
        ("1H", "1h"), ("30 seconds", "30s"), ("1周", "7d"), ("一百零五天", "105d"),
    ],
)  # fmt: skip
def test_a_span_as_people_write_it_is_told_with_its_spelling(slip: str, right: str) -> None:
    text = changed(BURST, "timespan: 10m", f"timespan: {slip}")
    (only,) = told(text)
    assert (only.code, only.fix_zh) == ("MJ310", f"请写 {right}")
    assert only.fix_en == f"write {right}"
    assert fixed(text) == changed(BURST, "timespan: 10m", f"timespan: {right}")


@pytest.mark.parametrize("slip", ["1个月", "10分钟后", "很久", "20：00", "十", "0分钟", "10M", "1ms"])
def test_a_span_that_nobody_knows_is_left_to_its_author(slip: str) -> None:
    text = changed(BURST, "timespan: 10m", f"timespan: {slip}")
    assert [one.code for one in told(text)] == ["MJ310"]
    assert fixed(text) == text


def test_other_spans_too() -> None:
    for line, right, code in (
        ("suppress: {for: 1天}", "1d", "MJ730"),
        ("suppress: {for: 24小时}", "1d", "MJ730"),
    ):
        text = changed(RULE, "\n  runbook", f"\n  {line}\n  runbook")
        (only,) = told(text)
        assert (only.code, only.fix_zh) == (code, f"请写 {right}")
    (number,) = told(changed(BURST, "timespan: 10m", "timespan: 20"))
    assert (number.code, "20m" in number.said_zh) == ("MJ102", True)
