"""Correlations of conversations that read correlations, as lines of `test_behave_types`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.chains import MAX_CARRIED
from rules.errors import RuleError
from rules.ruleset import RuleSet
from rules.sigma.collection import load_collection
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event
from tests.support.rule_files import judge, outputs, ruleset
from tests.unit.test_behave import packed
from tests.unit.test_behave_types import (
    BASES,
    START,
    messages,
    order_is_of_no_importance,
    told,
)

BY_SENDER = "group-by: [sender]"


def chain(child: str, parent: str, *, signal: bool = True, more: str = "") -> str:
    """`t_child` of `t_a`, `t_b` …, and `t_rule` that reads it."""
    ours = "mingjian: {signal: true}" if signal else ""
    return (
        BASES
        + f"""\
name: t_child
correlation: {{{child}}}
{ours}
---
{more}title: t
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_rule
correlation: {{{parent}}}
level: high
mingjian: {{version: 1, item: A05-01, response: 2}}
"""
    )


TWICE = f"type: event_count, rules: [t_a], {BY_SENDER}, timespan: 3m, condition: {{gte: 2}}"
WARNED = f"type: temporal_ordered, rules: [t_a, t_b], {BY_SENDER}, timespan: 3m"
SILENT = f"type: temporal_ordered, {BY_SENDER}, timespan: 3m, condition: t_a and not t_b"
CHILDREN = (TWICE, WARNED, SILENT)
THEN = f"type: temporal_ordered, rules: [t_child, t_c], {BY_SENDER}, timespan: 5m"
AGAIN = f"type: event_count, rules: [t_child], {BY_SENDER}, timespan: 5m, condition: {{gte: 2}}"
BOTH = f"type: event_count, rules: [t_child, t_c], {BY_SENDER}, timespan: 5m, condition: {{gte: 2}}"
NEVER = f"type: temporal_ordered, {BY_SENDER}, timespan: 5m, condition: t_child and not t_c"
MANY = (
    f"type: value_count, rules: [t_child], {BY_SENDER}, timespan: 5m,"
    " condition: {field: conversation, gte: 1}"
)
PARENTS = (THEN, AGAIN, BOTH, NEVER, MANY)


@pytest.mark.parametrize(
    ("child", "parent", "line", "expected"),
    [
        # the child stands at its last message; an absence at its deadline
        (TWICE, THEN, "a-a-c", [(4, "a0 a2 c4")]),
        (TWICE, THEN, "a-c-a", []),
        (SILENT, THEN, "a--c", []),  # at its deadline, minute 3: without an order among equals
        (SILENT, THEN, "a---c", [(4, "a0 c4")]),
        (SILENT, THEN, "ab--c", []),
        # windows add up: the rows are five minutes apart, the messages eight; no more
        (WARNED, AGAIN, "a--b---ab", [(8, "a0 b3 a7 b8")]),
        (WARNED, AGAIN, "a--b----ab", []),
        (TWICE, AGAIN, "aaa", [(2, "a0 a1 a2")]),  # every row of a child counts
        (TWICE, NEVER, "aa", [(6, "a0 a1")]),
        (TWICE, NEVER, "aa---c", []),
        (WARNED, BOTH, "ab-c", [(3, "a0 b1 c3")]),  # rows and messages together
    ],
)
def test_a_chain(
    tmp_path: Path, child: str, parent: str, line: str, expected: list[tuple[int, str]]
) -> None:
    assert told(ruleset(tmp_path, chain(child, parent)), line) == expected


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_order_and_any_steps_of_event_time_give_the_same(
    chains: list[RuleSet], data: st.DataObject
) -> None:
    """Also: when all is over nothing is left, neither state nor timers, on any level."""
    rules = data.draw(st.sampled_from(chains))
    line = data.draw(st.text("abc-", max_size=14))
    order_is_of_no_importance(rules, packed(rules, messages(line)), data)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_conversations_and_plain_events_are_chained_alike(
    chains: list[RuleSet], data: st.DataObject
) -> None:
    """Of a row that continues an episode a conversation brings only what is new."""
    number = data.draw(st.integers(0, len(chains) - 1))
    child, parent = pairs()[number]
    line = data.draw(st.text("abc-", max_size=14))
    documents = [
        {"name": name, "detection": {"s": {"k": letter}, "condition": "s"}}
        for name, letter in (("t_a", "a"), ("t_b", "b"), ("t_c", "c"))
    ]
    for name, section in (("t_child", child), ("rule", parent)):
        documents.append({"name": name, "correlation": yaml.safe_load(f"{{{section}}}")})
    collection = load_collection([("r.yml", yaml.safe_dump_all(documents))])
    evaluation = Evaluation(collection, until=START + 86_400_000)
    for one in messages(line):
        fields = {"k": one["id"][0], "sender": "zhangwei", "conversation": "x"}
        time = START + int(one["id"][1:]) * 60_000
        list(evaluation.feed(one["id"], Event(fields), time, one["seq"]))
    found = [hit for hit in evaluation.finish() if hit.rule == "rule"]
    ours = told(chains[number], line)
    assert [minute for minute, _ in ours] == [((h.time or 0) - START) // 60_000 for h in found]
    for (_, ids), hit in zip(ours, found, strict=True):
        assert set(ids.split()) <= set(hit.event_ids)


def pairs() -> list[tuple[str, str]]:
    return [(child, parent) for child in CHILDREN for parent in PARENTS]


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> list[RuleSet]:
    folder = tmp_path_factory.mktemp("chains")
    return [ruleset(folder / str(n), chain(*one)) for n, one in enumerate(pairs())]


def test_a_row_counts_in_every_group_of_its_parent_that_its_messages_belong_to(
    tmp_path: Path,
) -> None:
    """The child groups by sender, the parent by the customer who was written to."""
    parent = (
        "type: event_count, rules: [t_child], group-by: [conversation], timespan: 5m,"
        " condition: {gte: 1}"
    )
    rules = ruleset(tmp_path, chain(TWICE, parent))
    talk = messages("aa")
    talk[1]["to"] = "c2"
    found = outputs(judge(rules, talk), "alerts")
    assert len({one["group"]["conversation"] for one in found}) == 2
    assert {one["count"] for one in found} == {2}


def test_a_child_that_is_no_base_rule_raises_its_own_alerts_as_well(tmp_path: Path) -> None:
    child = (
        BASES
        + f"""\
title: twice
id: 11111111-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_child
correlation: {{{TWICE}}}
level: high
mingjian: {{version: 1, item: A05-02, response: 1}}
"""
    )
    parent = f"""\
title: then
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_rule
correlation: {{{AGAIN}}}
level: high
mingjian: {{version: 1, item: A05-01, response: 2}}
"""
    rules = ruleset(tmp_path, child, parent)
    names = [one["rule"]["name"] for one in outputs(judge(rules, messages("aaa")), "alerts")]
    assert sorted(names) == ["t_child", "t_rule"]


def test_a_chain_of_three(tmp_path: Path) -> None:
    middle = f"""\
name: t_middle
correlation: {{{AGAIN}}}
mingjian: {{signal: true}}
---
"""
    top = AGAIN.replace("t_child", "t_middle")
    rules = ruleset(tmp_path, chain(TWICE, top, more=middle))
    assert rules.levels == {"t_child": 1, "t_middle": 2, "t_rule": 3}
    assert told(rules, "aaa") == []
    assert told(rules, "aaaa") == [(3, "a0 a1 a2 a3")]


def test_a_fourth_level_is_refused_at_the_reference(tmp_path: Path) -> None:
    more = "".join(
        f"""\
name: t_{name}
correlation: {{{AGAIN.replace("t_child", f"t_{below}")}}}
mingjian: {{signal: true}}
---
"""
        for name, below in (("second", "child"), ("third", "second"))
    )
    with pytest.raises(RuleError, match="more than 3 correlations above") as caught:
        ruleset(tmp_path, chain(TWICE, AGAIN.replace("t_child", "t_third"), more=more))
    assert caught.value.code == "MJ341"
    assert caught.value.column > 1


def test_what_one_row_carries_is_bounded(tmp_path: Path) -> None:
    """The newest messages stay; the alert of the parent still stands."""
    child = (
        f"type: event_count, rules: [t_a], {BY_SENDER}, timespan: 1h,"
        f" condition: {{gte: {MAX_CARRIED + 10}}}"
    )
    parent = AGAIN.replace("gte: 2", "gte: 1").replace("5m", "1h")
    rules = ruleset(tmp_path, chain(child, parent))
    talk = messages(f"({'a' * (MAX_CARRIED + 10)})")
    for number, one in enumerate(talk):
        one["id"] = f"m{number}"
    (alert,) = outputs(judge(rules, talk), "alerts")
    assert alert["count"] == MAX_CARRIED
    assert alert["members"][-1]["msgid"] == f"m{MAX_CARRIED + 9}"
    assert "evidence_truncated" in alert["flags"]


def test_a_rule_sleeps_when_one_that_it_reads_waits_for_a_feed(tmp_path: Path) -> None:
    child = chain(TWICE, AGAIN).replace("response: 2}", "response: 2, requires: [hr]}")
    own = f"""\
title: above
id: 22222222-0d0a-4c55-8a54-1c8a7c1c1e0a
name: t_above
correlation: {{{AGAIN.replace("t_child", "t_rule")}}}
level: high
mingjian: {{version: 1, item: A05-03, response: 1}}
"""
    awake = ruleset(tmp_path, child, own).awake()
    assert awake.correlations == {}
    assert judge(awake, messages("aaaa")) == []
