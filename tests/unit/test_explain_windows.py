"""How windows were cut, what cancelled, which clock ran, which pieces were read together."""

# ruff: noqa: E501 (sentences stand here as they are said)

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.explain import Setting
from rules.explain_behaviour import behaviour_lines, counted
from rules.explain_split import pieces, pieces_lines
from rules.explain_windows import Course, courses
from rules.ruleset import RuleTimeline, assemble
from tests.support.rule_files import CALENDAR, NAMED, load_text

RULE = """\
name: own_said
detection:
  words: {{text|contains: 内幕}}
  condition: words
mingjian: {{signal: true}}
---
name: own_reply
detection:
  words: {{text|contains: 收到}}
  condition: words
mingjian: {{signal: true}}
---
title: t
id: 04040efb-f8eb-5bd0-8d33-f221364a0b77
name: own_main
correlation:
  group-by: [sender]
  timespan: 10m
{how}
level: high
mingjian: {{version: 1, item: X-01, response: 2, legal: [x], owner: y{ours}}}
"""
COUNT = "  type: event_count\n  rules: [own_said]\n  condition: {gte: 3}"
FEW = "  type: event_count\n  rules: [own_said]\n  condition: {lt: 3}"
SUM = "  type: value_sum\n  rules: [own_said]\n  condition: {field: seq, gte: 100}"
ABSENT = "  type: temporal_ordered\n  condition: own_said and not own_reply"
DECODER = Decoder("demo", assume_received_at=0)


def said(*pieces: tuple[str, str]) -> list[dict]:
    return [
        {
            "at": at,
            "from": "zhangwei",
            "to": "c1",
            "text": {"x": "有内幕", "r": "收到"}.get(text, text),
        }
        for at, text in pieces
    ]


def explained(
    folder: Path, how: str, ours: str, messages: list[dict]
) -> tuple[list[Course], dict[str, list[str]], list[int]]:
    """(courses, lines by language, times of the engine's alerts)."""
    file = load_text(folder, RULE.format(how=how, ours=ours))
    rules = assemble([file], "d")
    (rule,) = file.correlations
    raws = records({"messages": messages})
    found = counted(rule, rules, map(DECODER.decode, raws), Setting.of(rules, CALENDAR), NAMED)
    lines = {one: behaviour_lines(rule, found, one) for one in ("en", "zh")}
    engine = Engine(RuleTimeline([(0, rules)]), DECODER, CALENDAR)
    alerts = [json.loads(body) for kind, body in engine.run(raws) if kind == "alerts"]
    return courses(rule.how, found), lines, [alert["time"] for alert in alerts]


@pytest.mark.parametrize(
    ("how", "ours", "messages", "en", "zh"),
    [
        (
            COUNT,
            ", window: tumbling",
            said(("10:07", "x"), ("10:08", "x"), ("10:11", "x"), ("10:12", "x"), ("10:19", "x")),
            ["window 10:00 to 10:10 (tumbling: cut every 10m by the clock, in UTC): 2 messages "
             "(m1, m2); needed: event_count >= 3: not reached",
             "window 10:10 to 10:20 (tumbling: cut every 10m by the clock, in UTC): 3 messages "
             "(m3, m4, m5); needed: event_count >= 3: reached, alert at 10:19"],
            ["窗口 10:00 到 10:10（滚动窗口：按 UTC 时钟每 10m 一切）：2 条消息（m1, m2）",
             "：达到，10:19 报警"],
        ),
        (
            COUNT,
            ", window: session, gap: 2m",
            said(("10:00", "x"), ("10:02", "x"), ("10:05", "x"), ("10:06", "x"), ("10:07", "x")),
            ["window 10:00 to 10:02 (session: ended by silence, nothing came within 2m of its last "
             "message): 2 messages (m1, m2); needed: event_count >= 3: not reached",
             "window 10:05 to 10:07 (session: ended by silence, nothing came within 2m of its last "
             "message): 3 messages (m3, m4, m5); needed: event_count >= 3: reached, alert at 10:07"],
            ["会话窗口：最后一条之后 2m 内没有新消息，到此结束"],
        ),
        (
            COUNT,
            ", window: session, gap: 9m",
            said(("10:00", "x"), ("10:08", "x"), ("10:14", "x")),
            ["window 10:00 to 10:08 (session: cut because it may last 10m at most): 2 messages",
             "window 10:14 to 10:14 (session: ended by silence"],
            ["会话窗口：最长 10m，到此切断"],
        ),
        (
            COUNT,
            ", until: own_reply",
            said(("10:00", "x"), ("10:01", "x"), ("10:02", "r"), ("10:03", "x"), ("10:04", "x")),
            ["own_reply holds; group {sender: zhangwei}; cancels what came before (until)",
             "at most 2 messages within 10m (until 10:01: m1, m2); m3 (own_reply) cancels all before "
             "it; needed: event_count >= 3: not reached",
             "at most 2 messages within 10m (until 10:04: m4, m5); needed"],
            ["取消此前的一切（until）", "；m3（own_reply）取消此前的一切；"],
        ),
        (
            FEW,
            "",
            said(("10:00", "x"), ("10:05", "x"), ("10:20", "x"), ("10:21", "x"), ("10:22", "x")),
            ["window 10:00 to 10:10 (opened by its first message, closed 10m later, when it is "
             "judged): 2 messages (m1, m2); needed: event_count < 3: reached, alert at 10:10",
             "window 10:20 to 10:30 (opened by its first message, closed 10m later, when it is "
             "judged): 3 messages (m3, m4, m5); needed: event_count < 3: not reached"],
            ["由第一条消息开启，10m 后关闭并判定"],
        ),
        (
            ABSENT,
            "",
            said(("10:00", "x"), ("10:04", "r"), ("10:20", "x")),
            ["m1 starts the clock at 10:00, waiting for own_reply until 10:10: own_reply (m2, 10:04) "
             "came, no alert",
             "m3 starts the clock at 10:20, waiting for own_reply until 10:30: nothing came, alert "
             "at 10:30",
             "needed: own_said without own_reply"],
            ["m1 在 10:00 开始计时，等待 own_reply，到 10:10 为止：出现了 own_reply（m2，10:04），不报警",
             "没有出现，10:30 报警"],
        ),
        (
            SUM,
            "",
            [dict(one, seq=seq) for one, seq in zip(said(("10:00", "x"), ("10:05", "x")), (60, 41),
                                                    strict=True)],
            ["at most value_sum 101 within 10m (until 10:05: m1, m2); needed: value_sum (seq) >= 100: "
             "reached, alert at 10:05"],
            ["10m 内最多 value_sum 101"],
        ),
    ],
)  # fmt: skip
def test_what_is_said(
    tmp_path: Path, how: str, ours: str, messages: list[dict], en: list[str], zh: list[str]
) -> None:
    _, lines, _ = explained(tmp_path, how, ours, messages)
    for language, wanted in (("en", en), ("zh", zh)):
        text = "\n".join(lines[language])
        for one in wanted:
            assert one in text, text
    assert len(lines["en"]) == len(lines["zh"])


_TIMES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("xxr")), min_size=1, max_size=9, unique=True
)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    how=st.sampled_from([COUNT, FEW, ABSENT]),
    window=st.sampled_from(["", ", window: tumbling", ", window: session, gap: 3m"]),
    until=st.sampled_from(["", ", until: own_reply"]),
    times=_TIMES,
)
def test_an_explanation_raises_the_alerts_of_the_engine(
    tmp_path: Path, how: str, window: str, until: str, times: list[tuple[int, str]]
) -> None:
    if how == ABSENT:  # in sliding windows only, and own_reply is in its condition already
        window = until = ""
    messages = said(*((f"10:{minute:02d}", what) for minute, what in sorted(times)))
    found, lines, alerts = explained(tmp_path, how, window + until, messages)
    assert sum(course.alerts() for course in found) == len(alerts)
    told = {time for course in found for one in course.stretches for time in one.fired}
    told |= {one.end for course in found for one in course.clocks if one.fired}
    assert len(told) == len(alerts)
    text = "\n".join(lines["en"])
    assert text.count(" alert at ") <= len(alerts)
    assert (" alert at " in text) == bool(alerts)


ORDER = "  type: temporal_ordered\n  rules: [own_said, own_other, own_reply]"
EITHER = "\n  condition: own_said and (own_other or own_reply)"
OTHER = """\
name: own_other
detection:
  words: {{text|contains: 可以}}
  condition: words
mingjian: {{signal: true}}
---
"""


@pytest.mark.parametrize(
    ("how", "ours", "line", "en"),
    [  # said, other, reply: letter and sequence number; one minute apart unless "=" stands between
        ("", "", "x0 =x5 =o6 =r7", "at most 3 steps in their order"),
        ("", "", "x0 =x5 =o6 r0", "at most 3 steps in their order"),
        ("", "", "x5 =o0 =r6", "at most 1 step "),
        ("", "", "x0 =o6 r0", "at most 1 step "),
        ("", "", "x0 =o0 =r0", "at most 1 step "),
        ("", "", "x0 =x7 =o6 r0", "at most 1 step "),
        ("", "", "o0 r0", "at most 0 steps in their order"),
        ("\n  condition: {gte: 2}", "", "o0 r0", "at most 2 steps in their order"),
        ("\n  condition: {gte: 2}", "", "x0 o0 r0", "at most 3 steps in their order"),
        ("\n  condition: {gte: 2}", "", "r0 x0 =x5 =o6", "at most 2 steps in their order"),
        (EITHER, "", "x0 r0", "at most 2 steps in their order"),
        (EITHER, "", "o0 x0 =x3 =r4", "at most 2 steps in their order"),
        (EITHER, "", "x0 =r4 o0 =x1", "at most 2 steps in their order"),
        (EITHER, "", "x0 =r4", "at most 1 step "),
        (EITHER, ", within: {own_reply: 1m}", "x0 x0 r0", "at most 2 steps in their order"),
        (EITHER, ", within: {own_reply: 1m}", "x0 =x5 =r6", "at most 2 steps in their order"),
        (EITHER, ", within: {own_reply: 1m, own_other: 1m}", "x0 r0 o0",
         "at most 2 steps in their order"),
        (EITHER, ", within: {own_reply: 1m}", "o0 r0", "at most 0 steps in their order"),
    ],
)  # fmt: skip
def test_steps_of_an_order_are_those_that_are_judged(
    tmp_path: Path, how: str, ours: str, line: str, en: str
) -> None:
    minute, messages = 0, []
    for text in line.split():
        minute += not text.startswith("=")
        what, seq = text.lstrip("=")
        (one,) = said((f"10:{minute:02d}", "可以" if what == "o" else what))
        messages.append(dict(one, seq=int(seq)))
    file = load_text(tmp_path, OTHER.format() + RULE.format(how=ORDER + how, ours=ours))
    rules = assemble([file], "d")
    (rule,) = file.correlations
    raws = records({"messages": messages})
    found = counted(rule, rules, map(DECODER.decode, raws), Setting.of(rules, CALENDAR), NAMED)
    lines = "\n".join(behaviour_lines(rule, found, "en"))
    assert en in lines, lines
    engine = Engine(RuleTimeline([(0, rules)]), DECODER, CALENDAR)
    alerts = [body for kind, body in engine.run(raws) if kind == "alerts"]
    steps, wanted = int(en.split()[2]), 3 if not how else 2
    assert bool(alerts) == (steps >= wanted) == (": reached, alert at" in lines)


@pytest.mark.parametrize("sources", ["[own_said, own_twice]", "[own_twice]"])
def test_a_correlation_that_reads_another_says_where_to_look(tmp_path: Path, sources: str) -> None:
    child = "name: own_twice\ncorrelation: {type: event_count, rules: [own_said], timespan: 5m,"
    child += " group-by: [sender], condition: {gte: 2}}\nmingjian: {signal: true}\n---\ntitle: t\n"
    rule = RULE.replace("title: t\n", child.replace("{", "{{").replace("}", "}}"))
    text = rule.format(how=COUNT.replace("[own_said]", sources), ours="")
    file = load_text(tmp_path, text)
    rules = assemble([file], "d")
    messages = map(DECODER.decode, records({"messages": said(("10:00", "x"), ("10:01", "x"))}))
    main = rules.correlations["own_main"]
    found = counted(main, rules, messages, Setting.of(rules, CALENDAR), NAMED)
    assert behaviour_lines(main, found, "en")[-1].startswith("· own_twice is a correlation itself")
    assert "not reached" not in "\n".join(behaviour_lines(main, found, "en"))
    assert behaviour_lines(main, found, "zh")[-1].startswith("· own_twice 本身是关联规则")


NUMBER = """\
title: 号码
id: 04040efb-f8eb-5bd0-8d33-f221364a0b77
name: own_number
detection:
  employee: {sender_kind: employee}
  mobile: {text|detect: cn_mobile}
  condition: employee and mobile
level: high
mingjian: {version: 1, item: X-01, response: 2, legal: [x], owner: y}
"""


@pytest.mark.parametrize(
    ("messages", "en"),
    [
        (
            said(("10:00", "138"), ("10:00:10", "好的"), ("10:00:20", "0013"), ("10:01", "8000")),
            ["m1, m3, m4 come within 1m, from one sender in one conversation, and are read together:"
             " '13800138000'", "✓ text holds a cn_mobile", "the number runs from the first into the last of them"],
        ),
        (
            said(("10:00", "138"), ("10:00:20", "0013"), ("10:01:05", "8000")),
            ["m1, m2, m3 could be pieces of one number, but they are 65s apart"],
        ),
        (
            said(("10:00", "138"), ("10:00:20", "0013"), ("10:00:30", "800")),
            ["read together: '1380013800'", "✗ text holds a cn_mobile", "together they do not hold either: no alert"],
        ),
        (
            said(("10:00", "13800138000"), ("10:00:20", "12")),
            ["read together: '1380013800012'", "together they do not hold either"],
        ),
        (said(("10:00", "138"), ("10:00:20", "好的")), []),
        ([*said(("10:00", "138")), dict(said(("10:00:10", "00138000"))[0], **{"from": "lina"})], []),
    ],
)  # fmt: skip
def test_pieces_of_a_number(tmp_path: Path, messages: list[dict], en: list[str]) -> None:
    file = load_text(tmp_path, NUMBER)
    rules = assemble([file], "d")
    raws = records({"messages": messages})
    given_messages = [DECODER.decode(raw) for raw in raws]
    setting = Setting.of(rules, CALENDAR)
    found = pieces(rules.detections["own_number"], rules, given_messages, setting)
    text = "\n".join(pieces_lines(found, "en"))
    assert bool(text) == bool(en)
    for one in en:
        assert one in text
    assert len(text.splitlines()) == len(pieces_lines(found, "zh"))
    engine = Engine(RuleTimeline([(0, rules)]), DECODER, CALENDAR)
    alerts = [json.loads(body) for kind, body in engine.run(raws) if kind == "alerts"]
    assert sum(alert["count"] > 1 for alert in alerts) == sum(one.through for one in found)
