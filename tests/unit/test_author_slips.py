"""What an author types in a Chinese editor, or takes from memory: told at its place, with what to
write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.rule_checks import check_rules
from rules.calendar import load_calendar
from rules.errors import RuleError
from rules.lint.examples import BASE_RULE, CORRELATION, LEXICON, RULE, STAFF
from rules.lint.file_said import Surroundings, of_source
from rules.lint.fixes import fix_all
from rules.lint.lexicon_source import of_lexicon_source, read_lexicon
from rules.lint.registry import severity
from rules.lint.source import read
from tests.support.lint_examples import TODAY, written
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
        ('at: "10:00", from: zhangwei, to: lina', 'at: "10:00, from: zhangwei, to: lina', '"10:'),
        ("  runbook: 约谈当事人。", '  runbook: "约谈当事人。', '"约谈'),
    ],
)  # fmt: skip
def test_a_quotation_mark_that_is_not_closed_is_told_where_it_opens(
    old: str, new: str, at: str
) -> None:
    text = changed(RULE, old, new)
    line = next(n for n, one in enumerate(text.split("\n"), 1) if new in one)
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
        ("1h30m", "90m"), ("1小时30分钟", "90m"), ("1天", "1d"), ("两天", "2d"),
        ("二十分钟", "20m"),
        ("1H", "1h"), ("30 seconds", "30s"), ("1周", "7d"), ("一百零五天", "105d"),
    ],
)  # fmt: skip
def test_a_span_as_people_write_it_is_told_with_its_spelling(slip: str, right: str) -> None:
    text = changed(BURST, "timespan: 10m", f"timespan: {slip}")
    (only,) = told(text)
    assert (only.code, only.fix_zh) == ("MJ310", f"请写 {right}")
    assert only.fix_en == f"write {right}"
    assert fixed(text) == changed(BURST, "timespan: 10m", f"timespan: {right}")


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ('gte: "3"', "gte: 3"), ("gte: '3'", "gte: 3"), ("gte: 三", "gte: 3"),
        ("gte: 三次", "gte: 3"), ("gte: “3”", "gte: 3"), ("gte: ３", "gte: 3"),
        ('gte: "3次以上"', "gte: 3"), ('gte: ">= 3"', "gte: 3"), ("gte: 至少3次", "gte: 3"),
        ("gte: three", "gte: 3"), ("gte: at least 3", "gte: 3"), ("gte: 3 times", "gte: 3"),
        ("gte: 十二", "gte: 12"), ('gte: "> 2"', "gt: 2"), ("gte: 超过两次", "gt: 2"),
        ("gte: 不到5条", "lt: 5"), ("gte: 最多两次", "lte: 2"),
    ],
)  # fmt: skip
def test_a_number_as_people_write_it_is_told_with_its_spelling(slip: str, right: str) -> None:
    text = changed(BURST, "gte: 3", slip)
    only = next(one for one in told(text) if one.code == "MJ307")
    assert (only.fix_en, only.fix_zh) == (f"write {right}", f"请写 {right}")
    better = changed(BURST, "gte: 3", right)
    assert fixed(text) == (better if right.startswith("gte") else text)


@pytest.mark.parametrize("slip", ["很多", "3-5", "null", "[3]", "true", '""', "3 days"])
def test_a_number_that_nobody_knows_is_left_to_its_author(slip: str) -> None:
    text = changed(BURST, "gte: 3", f"gte: {slip}")
    (only,) = told(text)
    assert (only.code, "gte: 3" in only.fix_en, "不加引号" in only.fix_zh) == ("MJ307", True, True)
    assert fixed(text) == text


@pytest.mark.parametrize(
    ("key", "slip", "right"),
    [
        ("window", "滚动窗口", "tumbling"), ("window", "滑动", "sliding"),
        ("window", "Tumbling", "tumbling"), ("window", "tumblin", "tumbling"),
        ("emit", "每次", "every"), ("emit", "once", "first"),
        ("missing_group", "排除", "exclude"), ("missing_group", "归为一组", "group"),
        ("alerts", "立即", "speculative"), ("alerts", "speculativ", "speculative"),
        ("alerts", "已定", "final"),
    ],
)  # fmt: skip
def test_a_word_in_chinese_is_told_with_the_one_that_is_meant(
    key: str, slip: str, right: str
) -> None:
    text = changed(BURST, "\n  runbook: 约谈", f"\n  {key}: {slip}\n  runbook: 约谈")
    (only,) = told(text)
    assert (only.fix_en, only.fix_zh) == (f"did you mean '{right}'?", f"是不是“{right}”？")


@pytest.mark.parametrize(
    ("slip", "right"),
    [("之前", "before"), ("消息之前", "before"), ("后", "after"), ("前后", "around"),
     ("“之后”", "after"), ("Before", "before")],
)  # fmt: skip
def test_where_something_is_absent_may_be_thought_in_chinese(slip: str, right: str) -> None:
    text = changed(ASKED + CORRELATION, "type: event_count", "type: temporal")
    text = changed(text, "{gte: 3}", "asked and not answered")
    text = changed(text, "[x01_word]", "[asked, answered]")
    text = changed(text, "\n  runbook: 约谈", f"\n  absent: {slip}\n  runbook: 约谈")
    errors = [one for one in told(text) if one.code == "MJ335"]
    assert [one.fix_zh for one in errors] == [f"是不是“{right}”？"], told(text)


@pytest.mark.parametrize(
    "slip", ["1个月", "10分钟后", "很久", "20：00", "十", "0分钟", "10M", "1ms"]
)
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


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("content|lexicon: own", "text"), ("sendor|lexicon: own", "text"),
        ("contant|detect: cn_mobile", "text"), ("msg|contains: 保本", "text"),
        ("body|re: 保本", "text"), ("qoted|contains: 保本", "quoted"),
        ("date|office_time: false", "time"), ("hour|timerange: 22:00-07:00", "time"),
        ("user: zhangwei", "sender"),
        ("department: 营业部", "sender.department"), ("filename|endswith: .pdf", "file.name"),
        ("client: c1", "customer"),
    ],
)  # fmt: skip
def test_the_field_that_was_meant_can_be_asked_what_is_asked(key: str, right: str) -> None:
    text = changed(RULE, "text|contains: 保本", key)
    (first, *_) = [one for one in everything(text) if one.code == "MJ213"]
    assert (first.fix_en, first.fix_zh) == (f"did you mean '{right}'?", f"是不是“{right}”？")
    better = fixed(text)
    assert better in (text, text.replace(key.partition("|")[0], right, 1))


@pytest.mark.parametrize(
    ("field", "right"),
    [
        ("customers", "conversation"), ("customer_id", "conversation"), ("chat", "conversation"),
        ("user", "sender"), ("employee", "sender"), ("group_id", "room"),
    ],
)  # fmt: skip
def test_the_field_that_groups_messages_is_one_they_have(field: str, right: str) -> None:
    (only,) = told(changed(BURST, "[sender]", f"[{field}]"))
    assert (only.code, only.fix_zh) == ("MJ213", f"是不是“{right}”？")
    assert told(changed(BURST, "[sender]", f"[{right}]")) == []
    (by,) = told(
        changed(RULE, "\n  runbook", f"\n  suppress: {{for: 1d, by: [{field}]}}\n  runbook")
    )
    assert (by.code, by.fix_zh) == ("MJ213", f"是不是“{right}”？")


def test_a_group_that_only_events_of_other_systems_have_is_told() -> None:
    text = changed(BURST, "[sender]", "[customer]")
    (only,) = told(text)
    assert (only.code, "conversation" in only.fix_en, "text" in only.said_zh) == (
        "MJ317", True, True,
    )  # fmt: skip
    events = changed(text, "{text|contains: 内幕}", "{type: customer_deleted}")
    assert "MJ317" not in [one.code for one in told(events)]


def test_of_many_names_the_nearest_are_shown() -> None:
    (only,) = told(changed(RULE, "direction: outbound", "uploaded.document.size: 5"))
    shown = only.fix_en.partition("there are: ")[2].split(", ")
    assert "file.size" in shown[:8]
    assert shown[-1] == "…"


@pytest.mark.parametrize(
    ("slip", "right"),
    [
        ('"10：00"', '"10:00"'), ("10：00", '"10:00"'), ('"10点"', '"10:00"'),
        ('"10点半"', '"10:30"'), ('"下午3点20分"', '"15:20"'), ('"10.30"', '"10:30"'),
        ('"2026/3/7 9:05"', '"2026-03-07 09:05"'), ('"2026年3月7日 9点"', '"2026-03-07 09:00"'),
        ('"9:05 PM"', '"21:05"'), ('"9:5"', '"09:05"'),
    ],
)  # fmt: skip
def test_a_time_as_people_write_it_is_told_with_its_spelling(slip: str, right: str) -> None:
    old = 'at: "10:00", from: zhangwei, to: lina'
    text = changed(RULE, old, f"at: {slip}, from: zhangwei, to: lina")
    (only,) = told(text)
    assert (only.code, only.fix_zh) == ("MJ508", f"请写 at: {right}")
    assert fixed(text) == changed(RULE, old, f"at: {right}, from: zhangwei, to: lina")


def test_a_time_later_than_the_message_before_too() -> None:
    old = '{at: "10:01", from: zhangwei, to: c1, text: 有内幕}\n        - {at: "10:02"'
    text = changed(BURST, old, old.replace('"10:01"', "+5分钟"))
    (only,) = told(text)
    assert (only.code, only.fix_en) == ("MJ508", "write at: +5m")
    assert fixed(text) == changed(BURST, old, old.replace('"10:01"', "+5m"))


@pytest.mark.parametrize("slip", ["明天", "25点", "10点70分", "2026/2/30 10:00", "+很久", "10"])
def test_a_time_that_nobody_knows_is_left_to_its_author(slip: str) -> None:
    text = changed(RULE, 'at: "10:00"', f'at: "{slip}"')
    (only,) = told(text)
    assert (only.code, '"10:00:30"' in only.fix_en) == ("MJ508", True)
    assert fixed(text) == text


@pytest.mark.parametrize(
    ("message", "right"),
    [
        ("event: customer_delete", "customer_deleted"),
        ("event: crm_oportunity", "crm_opportunity"),
        ("from: zhangwei, to: c1, type: fiel", "file"),
    ],
)  # fmt: skip
def test_a_mistyped_event_of_a_test_case_is_told(message: str, right: str) -> None:
    old = '{at: "10:00", from: zhangwei, to: lina, text: 这款保本吗}'
    text = changed(RULE, old, f'{old}, {{at: "10:01", {message}, payload: {{}}}}')
    (only,) = told(text)
    assert (only.code, only.fix_zh) == ("MJ528", f"是不是“{right}”？")
    assert text.split("\n")[only.line - 1][only.column - 1 :].startswith(message.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("message", "wrong", "right"),
    [
        ("event: customer_added, payload: {UserID: a, ExternalUserID: c1, state: qr}", "state",
         "State"),
        ("event: customer_added, payload: {UserID: a, ExternalUserId: c1}", "ExternalUserId",
         "ExternalUserID"),
        ("event: file_operation, payload: {userid: a, filesize: 3}", "filesize", "file_size"),
        ("event: file_operation, payload: {userid: a, external_user: {nmae: x}}", "nmae", "name"),
        ("event: crm_opportunity, payload: {stagee: x}", "stagee", "stage"),
        ("from: zhangwei, to: c1, type: file, payload: {file_name: a.pdf}", "file_name",
         "filename"),
        ("from: zhangwei, to: c1, type: news, key: info, payload: {item: [{titel: x}]}", "titel",
         "title"),
    ],
)  # fmt: skip
def test_a_mistyped_key_of_a_payload_is_told(message: str, wrong: str, right: str) -> None:
    old = '{at: "10:00", from: zhangwei, to: lina, text: 这款保本吗}'
    text = changed(RULE, old, f'{old}, {{at: "10:01", {message}}}')
    (only,) = [one for one in told(text) if one.code == "MJ529"]
    assert (only.fix_en, only.fix_zh) == (f"did you mean '{right}'?", f"是不是“{right}”？")
    assert f"'{wrong}'" in only.said_en
    assert text.split("\n")[only.line - 1][only.column - 1 :].startswith(wrong)
    assert "MJ529" not in [one.code for one in told(changed(text, wrong, right))]


@pytest.mark.parametrize(
    "message",
    [
        # of a real record: nothing comes of these keys, and none of them is another one mistyped
        "event: customer_added, payload: {UserID: a, ExternalUserID: c1, WelcomeCode: x}",
        "event: login_new_device, payload: {userid: a, device_name: x, detail: x}",
        "from: zhangwei, to: c1, type: file, payload: {filename: a, sdkfileid: x, fileid: x}",
        "from: zhangwei, to: c1, type: note, payload: {whatever: {content: x}}",
        "event: unheard_of, payload: {anything: x}",
    ],
)
def test_a_key_of_a_payload_that_means_nothing_is_left_alone(message: str) -> None:
    old = '{at: "10:00", from: zhangwei, to: lina, text: 这款保本吗}'
    text = changed(RULE, old, f'{old}, {{at: "10:01", {message}}}')
    assert "MJ529" not in [one.code for one in everything(text)]


@pytest.mark.parametrize("said", ["公司严禁给回扣", "我们没有给回扣", "不允许给好处费"])
def test_a_word_that_is_there_and_does_not_count_comes_near(said: str) -> None:
    text = changed(RULE, "contains: 保本", "lexicon: kickback").replace("这款保本吗", said)
    text = text.replace("to: lina", "to: c1").replace("这款保本", "给你回扣")
    assert "MJ513" not in [one.code for one in everything(text)]
    far = text.replace(said, "您好")
    assert "MJ513" in [one.code for one in everything(far)]


def scenes(folder: Path, text: str, **more: str) -> list[RuleError]:
    """What is said of the scenes of a lexicon `own` beside its rule; `more` are other files."""
    files = {
        "rule.yaml": changed(RULE, "contains: 保本", "lexicon: own"),
        "lexicons/own.yaml": text,
    }
    found = check_rules(str(written(folder, files | more)), today=TODAY).problems
    return [one for one in found if one.code == "MJ428"]


def test_a_mistyped_scene_of_a_lexicon_is_told(tmp_path: Path) -> None:
    text = LEXICON + "scenes:\n  insurence: {words: [返佣]}\n  retail: {words: [券]}\n"
    (only,) = scenes(tmp_path, changed(text, "scene: finance", "scene: finance"))
    assert (only.path, only.line, only.column) == ("lexicons/own.yaml", 8, 3)
    assert only.fix_zh == "是不是“insurance”？"
    (top,) = scenes(tmp_path, changed(LEXICON, "scene: finance", "scene: finanse"))
    assert (top.line, top.column, top.fix_en) == (4, 8, "did you mean 'finance'?")


def test_a_scene_of_ones_own_is_known_by_the_employees_or_by_rules(tmp_path: Path) -> None:
    text = LEXICON + "scenes: {wealth: {words: [返佣]}}\n"
    assert scenes(tmp_path / "a", text) == []  # nobody knows who is in which
    staff = STAFF.replace("name: own", "name: staff").replace("{}", "{zhangwei: {scene: private}}")
    (only,) = scenes(tmp_path / "b", text, **{"lists/staff.yaml": staff})
    assert (only.code, "private" in only.fix_zh) == ("MJ428", True)
    same = staff.replace("private", "wealth")
    assert scenes(tmp_path / "c", text, **{"lists/staff.yaml": same}) == []
    rule = changed(RULE, "contains: 保本", "lexicon: 'own, scene wealth'")
    assert scenes(tmp_path / "d", text, **{"lists/staff.yaml": staff, "b.yaml": rule}) == []


@pytest.mark.parametrize(
    ("old", "new", "right"),
    [
        ("level: high", "level: 高", "write high"), ("level: high", "level: High", "write high"),
        ("level: high", "level: 严重", "write critical"),
        ("level: high", "level: severe!!", "one of informational, low, medium, high, critical"),
        ("response: 2", "response: 二级", "write response: 2"),
        ("response: 2", 'response: "2"', "write response: 2"),
        ("version: 1", "version: 第1", "write version: 1"),
        ("alerts: 1", "alerts: 一条", "write alerts: 1"),
        ("response: 2", "response: 2\n  signal: 否", "write signal: false"),
        ("tests:", "requires: crm\n  tests:", "write requires: [crm]"),
    ],
)  # fmt: skip
def test_a_value_in_words_is_told_with_the_one_that_was_meant(
    old: str, new: str, right: str
) -> None:
    (only,) = told(changed(RULE, old, new))
    assert only.fix_en == right
    assert only.fix_zh


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{gte: 3}", "{gte：3}"), ("{direction: outbound}", "{direction：outbound}"),
        ("{signal: true}", "{signal：true}"), ("alerts: 1", "alerts：1"),
        ('at: "10:00", from', 'at："10:00", from'),
    ],
)  # fmt: skip
def test_a_full_width_colon_in_brackets_is_put_right(old: str, new: str) -> None:
    text = RULE if old in RULE else BURST
    slip = changed(text, old, new)
    assert {"MJ011", "MJ238"} & {one.code for one in told(slip)}
    assert fixed(slip) == text


@pytest.mark.parametrize(
    ("old", "new", "right"),
    [
        ("{direction: outbound}", "{direction: 外发}", "outbound"),
        ("{direction: outbound}", "{sender_kind: 员工}", "employee"),
        ("{direction: outbound}", "{type: 图片}", "image"),
        ("{direction: outbound}", "{type: recall}", "revoke"),
        ("{direction: outbound}", "{type: [file, 链接]}", "link"),
    ],
)
def test_a_value_by_its_chinese_name_is_told(old: str, new: str, right: str) -> None:
    found = [one for one in told(changed(RULE, old, new)) if one.code in ("MJ217", "MJ245")]
    assert [one.fix_zh for one in found] == [f"是不是“{right}”？"]


@pytest.mark.parametrize(
    ("kind", "right"),
    [
        ("count", "event_count"), ("sequence", "temporal_ordered"), ("sum", "value_sum"),
        ("first_seen", "value_count, mingjian: {first_seen: true}"),
        ("absence", "temporal, condition: a and not b"),
    ],
)  # fmt: skip
def test_a_type_by_the_name_that_others_have_for_it(kind: str, right: str) -> None:
    (only,) = told(changed(BURST, "type: event_count", f"type: {kind}"))
    assert (only.code, only.fix_zh) == ("MJ301", f"请写 type: {right}")


@pytest.mark.parametrize("comma", ["，", "、"])
def test_names_that_a_chinese_comma_was_to_part(comma: str) -> None:
    ordered = changed(ASKED + CORRELATION, "type: event_count", "type: temporal_ordered")
    ordered = changed(ordered, "  condition: {gte: 3}\n", "")
    text = changed(ordered, "[x01_word]", f"[asked{comma}answered]")
    (only,) = told(text)
    assert (only.code, "[asked, answered]" in only.fix_zh) == ("MJ013", True)
    assert text.split("\n")[only.line - 1][only.column - 1] == comma
    right = text.replace(comma, ", ", 1) if comma == "，" else text
    assert fixed(text) == right
    fields = changed(BURST, "[sender]", f"[sender{comma}room]")
    assert [one.code for one in told(fields)] == ["MJ013"]


def test_a_base_rule_that_does_not_say_so_is_told_alone() -> None:
    text = changed(BURST, "mingjian: {signal: true}\n", "")
    (only,) = told(text)
    assert (only.code, "signal: true" in only.fix_zh) == ("MJ107", True)


def also_asking(selection: str) -> str:
    """The rule, asking for one more thing."""
    old = "  condition: words and"
    return changed(RULE, old, f"  ours: {{{selection}}}\n{old} ours and")


LIST_OF_STAFF = changed(STAFF, "{}", "{zhangwei: {department: 财富管理部/一组, scene: SCENE}}")


@pytest.mark.parametrize(
    ("scene", "right"),
    [("finanse", "finance"), ("Insurance", "insurance"), ("wealht", "wealth"), ("hr", "")],
)
def test_a_mistyped_scene_of_an_employee_is_told(tmp_path: Path, scene: str, right: str) -> None:
    text = LEXICON + "scenes: {wealth: {words: [返佣]}}\n"
    staff = LIST_OF_STAFF.replace("SCENE", scene)
    found = [one for one in scenes(tmp_path, text, **{"lists/own.yaml": staff})
             if one.path == "lists/own.yaml"]  # fmt: skip
    assert [one.fix_zh for one in found] == [f"是不是“{right}”？"] * bool(right)
    for one in found:
        assert staff.split("\n")[one.line - 1][one.column - 1 :].startswith(scene)


@pytest.mark.parametrize(("scene", "count"), [("finanse", 1), ("finance", 0), ("wealth", 0)])
def test_a_mistyped_scene_of_an_employee_of_a_test_case_is_told(
    tmp_path: Path, scene: str, count: int
) -> None:
    text = also_asking("sender.scene: wealth")
    name = text[text.index("    - name:") :].partition("\n")[0]
    text = changed(text, name, f"{name}\n      lists: {{own: {{zhangwei: {{scene: {scene}}}}}}}")
    staff = LIST_OF_STAFF.replace("SCENE", "wealth")
    files = {"rule.yaml": text, "lists/own.yaml": staff}
    found = check_rules(str(written(tmp_path, files)), today=TODAY).problems
    told_of = [one for one in found if one.code == "MJ428"]
    assert [one.fix_zh for one in told_of] == ["是不是“finance”？"] * count, found


@pytest.mark.parametrize(
    ("asked", "fix"),
    [
        ("sender.scene: finanse", "did you mean 'finance'?"),
        ("sender.scene: [finance, retail]", "write it as your lists and records do"),
        ("sender.scene|neq: finanse", "did you mean 'finance'?"),
        ("sender.department: 财富管理部一组", "did you mean '财富管理部/一组'?"),
        ("sender.department: 财富管理部", "write sender.department|startswith: 财富管理部"),
        ("sender.scene: finance", ""),
        ("sender.scene: Finance", ""),
        ("sender.scene: fin*", ""),
        ("sender.department|startswith: 财富", ""),
        ("sender.role: agent", ""),  # no list has roles: nobody knows
    ],
)
def test_an_attribute_that_no_employee_has_is_told(tmp_path: Path, asked: str, fix: str) -> None:
    files = {
        "rule.yaml": also_asking(asked),
        "lists/own.yaml": LIST_OF_STAFF.replace("SCENE", "finance"),
    }
    found = check_rules(str(written(tmp_path, files)), today=TODAY).problems
    assert [one.fix_en for one in found if one.code == "MJ743"] == [fix] * bool(fix), found
