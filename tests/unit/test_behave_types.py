"""Every correlation type over conversations. A line is what one person says, a column is a minute.

a asks for a transfer, b warns, c confirms; a digit is a file of that many bytes; what stands in
brackets is of one minute, in this order.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ruleset import RuleSet
from rules.sigma.collection import load_collection
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event
from tests.support.rule_files import judge, outputs, ruleset
from tests.unit.test_behave import FOREVER, Drive, packed

START = 1_772_589_600_000  # 2026-03-04 10:00 in Shanghai
WORDS = {"a": "转账", "b": "提醒", "c": "确认"}
BASES = (
    "".join(
        f"""\
name: t_{letter}
detection: {{it: {{type: text, text|contains: {word}}}, condition: it}}
mingjian: {{signal: true}}
---
"""
        for letter, word in WORDS.items()
    )
    + """\
name: t_file
detection: {it: {type: file}, condition: it}
mingjian: {signal: true}
---
"""
)


def correlation(section: str, ours: str = "") -> str:
    return (
        BASES
        + f"""\
title: t
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_rule
correlation: {{{section}, group-by: [sender], timespan: 5m}}
level: high
mingjian: {{version: 1, item: A05-01, response: 2{ours and ", "}{ours}}}
"""
    )


def messages(line: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    columns = re.findall(r"\(\w+\)|.", line)
    for minute, letters in enumerate(columns):
        for letter in letters.strip("()-"):
            said: dict[str, Any] = {"text": WORDS[letter]} if letter in WORDS else {
                "type": "file",
                "payload": {"filename": "x", "filesize": int(letter), "md5sum": "0" * 32,
                            "fileext": "pdf", "sdkfileid": "s"},
            }  # fmt: skip
            found.append(
                {"at": f"10:{minute:02d}", "from": "zhangwei", "to": "c1",
                 "seq": len(found) + 1, "id": f"{letter}{minute}"} | said
            )  # fmt: skip
    return found


def told(rules: RuleSet, line: str) -> list[tuple[int, str]]:
    """(minute of the alert, ids of its members)."""
    return [
        ((one["time"] - START) // 60_000, " ".join(m["msgid"] for m in one["members"]))
        for one in outputs(judge(rules, messages(line)), "alerts")
    ]


ORDERED = "type: temporal_ordered, rules: [t_a, t_b, t_c]"
ABSENT = "type: temporal_ordered, rules: [t_a, t_b], condition: t_a and not t_b"
AROUND = "type: temporal, rules: [t_a, t_b], condition: t_a and not t_b"
BETWEEN = "type: event_count, rules: [t_a], condition: {gte: 2, lte: 3}"
TWICE = "type: event_count, rules: [t_a], condition: {gte: 2}"
THRICE = "type: event_count, rules: [t_a], condition: {gte: 3}"
SIZE = "rules: [t_file], condition: {field: file.size"
FILE_THEN_A = "type: temporal_ordered, rules: [t_file, t_a]"
OTHER = "between: [{rule: t_a, field: msgid, neq: msgid}]"
NEW = "type: value_count, rules: [t_file], condition: {field: file.size, gte: 2}"
EITHER = "type: temporal, rules: [t_a, t_b, t_c], condition: t_a and (t_b or t_c)"
CASES: list[tuple[str, str, str, list[tuple[int, str]]]] = [
    # counts within bounds are judged when the window closes
    (BETWEEN, "", "a-a", [(5, "a0 a2")]),
    (BETWEEN, "", "a-aaa", []),
    (BETWEEN, "", "a-a-aa---a-a", [(14, "a9 a11")]),
    (BETWEEN, "", "a----a-a-a-a", [(5, "a0 a5"), (12, "a7 a9 a11")]),  # exactly T still counts
    ("type: event_count, rules: [t_a], condition: {eq: 2}", "", "aaa", []),
    ("type: event_count, rules: [t_a], condition: {lt: 2}", "", "a", [(5, "a0")]),
    ("type: event_count, rules: [t_a], condition: {lt: 2}", "", "a-----a", [(5, "a0"), (11, "a6")]),
    # numbers
    (f"type: value_sum, {SIZE}, gte: 9}}", "", "44", []),
    (f"type: value_sum, {SIZE}, gte: 9}}", "", "441", [(2, "40 41 12")]),
    (f"type: value_sum, {SIZE}, gte: 9}}", "", "4-----44", []),
    (f"type: value_avg, {SIZE}, gt: 5}}", "", "56", [(1, "50 61")]),
    (f"type: value_median, {SIZE}, gte: 4}}", "", "1188", [(3, "10 11 82 83")]),
    (f"type: value_percentile, {SIZE}, gte: 8, percentile: 75}}", "", "199", [(2, "10 91 92")]),
    # several rules
    ("type: temporal, rules: [t_a, t_b]", "", "ba", [(1, "b0 a1")]),
    ("type: temporal, rules: [t_a, t_b]", "", "b----a", [(5, "b0 a5")]),
    ("type: temporal, rules: [t_a, t_b]", "", "b-----a", []),
    ("type: temporal, rules: [t_a, t_b, t_c], condition: {gte: 2}", "", "ca", [(1, "c0 a1")]),
    (EITHER, "", "ca", [(1, "c0 a1")]),
    (EITHER, "", "cb", []),
    (ORDERED, "", "abc", [(2, "a0 b1 c2")]),
    (ORDERED, "", "acb", []),
    (ORDERED, "", "(abc)", [(0, "a0 b0 c0")]),  # ordered by seq within the minute
    (ORDERED, "", "(acb)", []),
    (f"{ORDERED}, condition: {{gte: 2}}", "", "ac", [(1, "a0 c1")]),
    (f"{ORDERED}, condition: {{gte: 2}}", "", "ca", []),
    # absence: nothing came until the deadline
    (ABSENT, "", "a", [(5, "a0")]),
    (ABSENT, "", "a-b", []),
    (ABSENT, "", "a----b", []),  # exactly at the deadline it still cancels
    (ABSENT, "", "a-----b", [(5, "a0")]),
    (ABSENT, "", "ba", [(6, "a1")]),  # ordered rules look forward only
    (AROUND, "", "ba", []),  # unordered ones to both sides
    (AROUND, "", "b----a", []),
    (AROUND, "", "b-----a", [(11, "a6")]),
    (f"{ORDERED}, condition: t_a and t_b and not t_c", "", "ab", [(5, "a0 b1")]),
    (f"{ORDERED}, condition: t_a and t_b and not t_c", "", "acb", []),
    (f"{ORDERED}, condition: t_a and t_b and not t_c", "", "ba", []),
    # what must be missing before is known at once
    (ABSENT, "absent: before", "a-b", [(0, "a0")]),
    (ABSENT, "absent: before", "b----a", []),
    (ABSENT, "absent: before", "b-----a", [(6, "a6")]),
    (AROUND, "absent: after", "ba", [(6, "a1")]),
    (f"{ORDERED}, condition: t_a and t_b and not t_c", "absent: before", "ca----b", [(6, "a1 b6")]),
    # one alert while it goes on; a pause longer than the window begins anew
    (ABSENT, "", "a-a-a", [(5, "a0")]),
    (ABSENT, "", "a-----a", [(5, "a0"), (11, "a6")]),
    (ABSENT, "", "a-a----b", [(5, "a0")]),  # the deadline of the second one is kept
    (AROUND, "", "a-a", [(5, "a0 a2")]),  # unordered: all of the window is evidence
    # a branch that is there and one that waits
    ("type: temporal, rules: [t_a, t_b, t_c], condition: t_c or (t_a and not t_b)", "", "ac",
     [(1, "c1"), (5, "a0")]),
    # what is in our namespace
    (TWICE, "emit: every", "aaa", [(1, "a0 a1"), (2, "a0 a1 a2")]),
    (TWICE, "emit: first", "aaa", [(1, "a0 a1")]),
    (TWICE, "window: tumbling", "----aa", []),
    (TWICE, "window: tumbling", "-----a---a", [(9, "a5 a9")]),
    (BETWEEN, "window: tumbling", "-----a---a", [(9, "a5 a9")]),
    (THRICE, "window: session, gap: 2m", "a--aa", []),
    (THRICE, "window: session, gap: 2m", "a-a-a", [(4, "a0 a2 a4")]),
    ("type: event_count, rules: [t_a], condition: {lt: 2}", "window: session, gap: 2m", "a-a---a",
     [(8, "a6")]),
    (TWICE, "until: t_b", "aba", []),
    (TWICE, "until: t_b", "abaa", [(3, "a2 a3")]),
    (ABSENT.replace("t_b", "t_c"), "until: t_b", "ab", []),
    # limits of single steps
    (ORDERED, "within: {t_c: 1m}", "abc", [(2, "a0 b1 c2")]),
    (ORDERED, "within: {t_c: 1m}", "ab-c", []),
    (ORDERED, "within: {t_c: 1m}", "aab-bc", [(5, "a1 b4 c5")]),  # the chain that begins last
    (ORDERED, "within: {t_b: 1m, t_c: 2m}", "ab-bc", []),
    # comparisons with the step before
    (FILE_THEN_A, OTHER, "1a", [(1, "10 a1")]),
    (FILE_THEN_A, OTHER, "aa1a", [(3, "12 a3")]),
    (FILE_THEN_A, OTHER.replace("msgid", "sender"), "1a", []),
    (FILE_THEN_A, OTHER.replace("msgid", "sender").replace("neq", "eq"), "1a", [(1, "10 a1")]),
    (FILE_THEN_A, OTHER.replace("field: msgid, neq", "field: file.size, gt"), "1a", []),  # missing
    # what is usual: one in the slice from 10:00 on
    (TWICE, "baseline: {over: 5m, ratio: 2}", "a---------aa", [(11, "a10 a11")]),
    (TWICE, "baseline: {over: 5m, ratio: 2}", "aa--------aa", []),
    (TWICE, "baseline: {over: 5m, ratio: 2}", "aa--------aaaa", [(13, "a10 a11 a12 a13")]),
    (TWICE, "baseline: {over: 5m, ratio: 2, unknown: alert}", "aa", [(1, "a0 a1")]),
    # what is new
    (NEW, "first_seen: true", "19", [(1, "91")]),
    (NEW, "first_seen: true", "1-1--9", [(5, "95")]),
    (NEW, "first_seen: true", "1-----9", []),
    (NEW.replace("gte: 2", "gte: 1"), "first_seen: true", "1----1-9", [(0, "10"), (7, "97")]),
]  # fmt: skip


@pytest.mark.parametrize(("section", "ours", "line", "expected"), CASES)
def test_types(
    tmp_path: Path, section: str, ours: str, line: str, expected: list[tuple[int, str]]
) -> None:
    assert told(ruleset(tmp_path, correlation(section, ours)), line) == expected


def order_is_of_no_importance(rules: RuleSet, items: list[bytes], data: st.DataObject) -> None:
    """Items in any order, and event time in any steps, find what they find in order and at once;
    and when all is over nothing is left."""
    plain, mixed = Drive(rules), Drive(rules)
    for item in items:
        plain.send(item)
    plain.advance(FOREVER)
    for item in data.draw(st.permutations(items)):
        mixed.send(item)
    for mark in sorted(data.draw(st.lists(st.integers(0, 25), max_size=6))):
        mixed.advance(START + mark * 60_000)
    mixed.advance(FOREVER)
    assert sorted(mixed.found) == sorted(plain.found)
    for drive in (plain, mixed):
        assert drive.states == {}
        assert drive.timers == []


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_order_and_any_steps_of_event_time_give_the_same(
    every_type: list[RuleSet], data: st.DataObject
) -> None:
    """Also: when all is over nothing is left, neither state nor timers."""
    rules = data.draw(st.sampled_from(every_type))
    line = data.draw(st.text("abc19-", max_size=14))
    order_is_of_no_importance(rules, packed(rules, messages(line)), data)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_conversations_and_plain_events_are_judged_alike(
    every_type: list[RuleSet], data: st.DataObject
) -> None:
    """The two ways to the same core: state of one key at a time, and all groups in memory."""
    number = data.draw(st.integers(0, len(every_type) - 1))
    line = data.draw(st.text("abc19-", max_size=14))
    section, ours = sections()[number]
    documents = [
        {"name": name, "detection": {"s": {"k": letter}, "condition": "s"}}
        for name, letter in (("t_a", "a"), ("t_b", "b"), ("t_c", "c"), ("t_file", ["1", "9"]))
    ]
    text = f"{{{section}, group-by: [h], timespan: 5m}}".replace("file.size", "k")
    documents.append(
        {"name": "rule", "correlation": yaml.safe_load(text)}
        | ({"mingjian": yaml.safe_load(f"{{{ours}}}")} if ours else {})
    )
    collection = load_collection([("r.yml", yaml.safe_dump_all(documents))])
    evaluation = Evaluation(collection, until=START + 86_400_000)
    for one in messages(line):
        fields = {"k": one["id"][0], "h": "zhangwei", "msgid": one["id"], "sender": "zhangwei"}
        minute = int(one["id"][1:])
        list(evaluation.feed(one["id"], Event(fields), START + minute * 60_000, one["seq"]))
    found = [hit for hit in evaluation.finish() if hit.rule == "rule"]
    assert [((hit.time or 0) - START) // 60_000 for hit in found] == [
        minute for minute, _ in told(every_type[number], line)
    ]
    assert [" ".join(hit.event_ids) for hit in found] == [
        ids for _, ids in told(every_type[number], line)
    ]


def sections() -> list[tuple[str, str]]:
    return sorted({(section, ours) for section, ours, _, _ in CASES})


@pytest.fixture(scope="module")
def every_type(tmp_path_factory: pytest.TempPathFactory) -> list[RuleSet]:
    folder = tmp_path_factory.mktemp("types")
    return [ruleset(folder / str(n), correlation(*one)) for n, one in enumerate(sections())]
