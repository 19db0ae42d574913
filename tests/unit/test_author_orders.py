"""What an author writes of an order, an absence or a session, and means otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.rule_checks import check_rules
from rules.errors import RuleError
from rules.lint.registry import severity
from tests.support.lint_examples import TODAY, written

BASE = """\
name: {0}
detection:
  words: {{text|contains: {0}}}
  condition: words
mingjian: {{signal: true}}
---
"""
MAIN = """\
title: t
id: 6d1d5b3c-2a0a-4f2b-93a5-0c8f5b2e7d01
name: own_main
status: experimental
date: 2026-11-22
correlation:
  {section}
  group-by: [conversation]
  {span}
level: high
falsepositives: [x]
mingjian:
  version: 1
  item: X-01
  response: 2
  owner: y
  legal: [证券法 第53条]
  {ours}
"""


def told(folder: Path, section: str, ours: str = "", span: str = "timespan: 1h") -> list[RuleError]:
    """Errors and warnings about a correlation of a, b and c, besides that it has no test case."""
    used = [name for name in "abc" if f"own_{name}" in section + ours]
    text = "".join(BASE.format(f"own_{name}") for name in used)
    text += MAIN.format(section=section, span=span, ours=ours)
    found = check_rules(str(written(folder, {"rule.yaml": text})), today=TODAY).problems
    return [one for one in found if severity(one) != "info" and one.code != "MJ510"]


@pytest.mark.parametrize(
    ("condition", "fix_en", "fix_zh"),
    [
        ("not own_a and own_b", "absent: before", "absent: before"),
        ("not own_a and own_b and own_c", "absent: before", "absent: before"),
        ("own_a and not own_b and own_c", "until: own_b", "until: own_b"),
        ("own_a and (not own_b and own_c)", "until: own_b", "until: own_b"),
        ("own_a and not own_b", "", ""),
        ("own_a and own_b and not own_c", "", ""),
        ("own_a and (own_b or own_c)", "", ""),
    ],
)
def test_where_not_stands_in_an_order_is_not_where_it_looks(
    tmp_path: Path, condition: str, fix_en: str, fix_zh: str
) -> None:
    section = f"type: temporal_ordered\n  condition: {condition}"
    found = told(tmp_path, section)
    assert [one.code for one in found] == ["MJ350"] * bool(fix_en), found
    for one in found:
        assert fix_en in one.fix_en
        assert fix_zh in one.fix_zh
        assert (one.path, one.line) == ("rule.yaml", 7 + 6 * len(set("abc") & set(condition)) + 1)
    assert told(tmp_path, section.replace("temporal_ordered", "temporal")) == []
    if "not" in condition:  # who says where does not need to be told
        for where in ("after", "before", "around"):
            assert told(tmp_path, section, f"absent: {where}") == []


def test_in_an_order_of_rules_it_is_that_order_that_counts(tmp_path: Path) -> None:
    section = "type: temporal_ordered\n  rules: [{}]\n  condition: own_a and not own_b"
    assert told(tmp_path, section.format("own_a, own_b")) == []
    (only,) = told(tmp_path, section.format("own_b, own_a"))
    assert (only.code, "absent: before" in only.fix_en) == ("MJ350", True)


@pytest.mark.parametrize(
    ("section", "ours", "span", "code", "fix_en", "fix_zh"),
    [
        ("type: event_count\n  rules: [own_a, own_b]\n  condition: {gte: 3}", "until: own_b",
         "timespan: 1h", "MJ338", "remove own_b from 'rules'", "请从 rules 里删去 own_b"),
        ("type: event_count\n  rules: [own_a]\n  condition: {gte: 3}", "",
         "generate: true", "MJ310", "write timespan: 10m", "请写 timespan: 10m"),
        ("type: event_count\n  rules: [own_a]\n  condition: {gte: 3}",
         "window: session\n  gap: 10m", "generate: true", "MJ310",
         "the longest a session may last", "会话最长"),
        ("type: event_count\n  rules: [own_a]\n  condition: {gte: 3}", "window: session",
         "timespan: 1h", "MJ336", "add gap: 10m", "请补上 gap: 10m"),
        ("type: event_count\n  rules: [own_a]\n  condition: {gte: 3}", "gap: 10m",
         "timespan: 1h", "MJ336", "add window: session", "请补上 window: session"),
        ("type: temporal_ordered\n  condition: own_a and not own_b", "window: session\n  gap: 5m",
         "timespan: 1h", "MJ336", "leave 'window' out", "请删去 window"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_window_comes_with_what_to_write(
    tmp_path: Path, section: str, ours: str, span: str, code: str, fix_en: str, fix_zh: str
) -> None:
    only = next(one for one in told(tmp_path, section, ours, span) if severity(one) == "error")
    assert only.code == code, only
    assert fix_en in only.fix_en, only.fix_en
    assert fix_zh in only.fix_zh, only.fix_zh


@pytest.mark.parametrize("between", ["---\n---\n", "---\n# only a remark\n---\n", "---\n\n---\n"])
def test_nothing_between_two_lines_that_part_documents_is_told(
    tmp_path: Path, between: str
) -> None:
    main = MAIN.format(
        section="type: event_count\n  rules: [own_a]\n  condition: {gte: 3}",
        span="timespan: 1h",
        ours="runbook: x",
    )
    text = BASE.format("own_a").replace("---\n", between) + main
    found = check_rules(str(written(tmp_path, {"rule.yaml": text})), today=TODAY).problems
    only = next(one for one in found if severity(one) == "error")
    assert (only.code, "remove one '---'" in only.fix_en, "---" in only.fix_zh) == (
        "MJ020", True, True,
    )  # fmt: skip


CHILD = """\
name: own_child
correlation: {{type: {0}, rules: [own_a], group-by: [{1}], timespan: 10m, condition: {2}}}
mingjian: {{signal: true}}
---
"""


@pytest.mark.parametrize(
    ("child", "parent", "field"),
    [
        (("event_count", "sender, conversation", "{gte: 3}"), "event_count", "conversation"),
        (("value_count", "sender, room", "{field: conversation, gte: 3}"), "event_count", "room"),
        (("event_count", "sender, conversation", "{lt: 3}"), "event_count", ""),
        (("event_count", "sender, conversation", "{gte: 3}"), "value_count", ""),
    ],
)
def test_a_count_of_counts_is_told(
    tmp_path: Path, child: tuple[str, str, str], parent: str, field: str
) -> None:
    section = f"type: {parent}\n  rules: [own_child]\n  condition: {{gte: 2}}"
    if parent == "value_count":
        section = section.replace("{gte", "{field: conversation, gte")
    main = MAIN.format(section=section, span="timespan: 1d", ours="runbook: x")
    main = main.replace("[conversation]", "[sender]")
    text = BASE.format("own_a") + CHILD.format(*child) + main
    found = check_rules(str(written(tmp_path, {"rule.yaml": text})), today=TODAY).problems
    told_of = [one for one in found if one.code == "MJ351"]
    assert [f"field: {field}, gte: 2" in one.fix_en for one in told_of] == [True] * bool(field)
    assert not [one for one in found if severity(one) == "error"], found
