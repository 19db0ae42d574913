"""Alerts told before event time has settled them: what they promise, in any order of arrival.

Lines are those of `test_behave_types`; a script names messages in the order of their arrival, and
`|7` is event time passing minute 7.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.behave import Behaviour
from rules.decode import Decoder
from rules.engine import unsealed
from rules.errors import RuleError
from rules.findings import Findings
from rules.held import read
from rules.items import key_of, unpack
from rules.lookahead import Lookahead
from rules.ruleset import RuleSet, RuleTimeline
from rules.speculation import MAX_TOLD, RETRACTIONS, worth_a_look
from tests.support.rule_files import COUNTING, load_text, outputs, ruleset
from tests.unit.test_behave import FOREVER, Drive, packed
from tests.unit.test_behave_types import (
    ABSENT,
    AROUND,
    CASES,
    START,
    THRICE,
    TWICE,
    correlation,
    messages,
)

MINUTE = 60_000
ORDERED = "type: temporal_ordered, rules: [t_a, t_b]"
LOWER = sorted(
    {(section, ours) for section, ours, _, _ in CASES if not re.search(r"\b(lte?|eq): ", section)}
)


def ahead(rules: RuleSet) -> RuleSet:
    """The same rules, their alerts told ahead: the digest of the text stays what it was."""
    return replace(
        rules, correlations={k: replace(v, speculative=True) for k, v in rules.correlations.items()}
    )


def send(drive: Drive, line: str, script: str) -> None:
    items: dict[str, list[bytes]] = {}
    for item in packed(drive._rules, messages(line)):
        items.setdefault(unpack(item).msgid, []).append(item)
    for word in script.split():
        if word.startswith("|"):
            drive.advance(START + int(word[1:]) * MINUTE)
        else:
            for item in items[word]:
                drive.send(item)


def run(rules: RuleSet, line: str, script: str) -> list[dict[str, Any]]:
    """All alert records, in the order in which they were told."""
    drive = Drive(rules)
    send(drive, line, script)
    drive.advance(FOREVER)
    assert drive.states == {}
    assert drive.timers == []
    return outputs(drive.found, "alerts")


def said(found: list[dict[str, Any]]) -> list[str]:
    """What was told of which messages: ? told ahead, ! final, - taken back."""
    sign = {"speculative": "?", "final": "!", "retracted": "-"}
    return [
        sign[one["status"]]
        + " ".join(member["msgid"] for member in one["members"])
        + (f" {one['retraction']}" if "retraction" in one else "")
        for one in found
    ]


SCENES: list[tuple[str, str, str, str, list[str]]] = [
    # told when the third has come, settled when event time has passed it
    (THRICE, "", "aaa", "a0 a1 a2", ["?a0 a1 a2", "!a0 a1 a2"]),
    (THRICE, "", "aaa", "a2 a0 a1", ["?a0 a1 a2", "!a0 a1 a2"]),
    (THRICE, "", "aa", "a0 a1", []),
    # the condition holds only among what is together: arrival says nothing
    (THRICE, "", "a---a----a", "a4 a9 a0", []),
    # more of the episode is evidence, and no alert
    (THRICE, "", "aaaaa", "a0 a1 a2 a3 a4", ["?a0 a1 a2", "!a0 a1 a2"]),
    # already settled: nothing is told twice
    (THRICE, "", "aaaa", "a0 a1 a2 |2 a3", ["?a0 a1 a2", "!a0 a1 a2"]),
    # one that belongs before them moves the beginning
    (THRICE, "", "aaaa", "a1 a2 a3 a0",
     ["?a1 a2 a3", "?a0 a1 a2", "!a0 a1 a2", "-a1 a2 a3 replaced"]),
    # of two beginnings only the second was moved
    (THRICE, "", "aaa------aaaa", "a0 a1 a2 a10 a11 a12 a9",
     ["?a0 a1 a2", "?a10 a11 a12", "?a9 a10 a11",
      "!a0 a1 a2", "!a9 a10 a11", "-a10 a11 a12 replaced"]),
    # what cancels comes late
    (TWICE, "until: t_b", "aba", "a0 a2 b1", ["?a0 a2", "-a0 a2 undone"]),
    (TWICE, "until: t_b", "abaa", "a0 a2 b1 a3",
     ["?a0 a2", "?a2 a3", "-a0 a2 undone", "!a2 a3"]),
    (ORDERED, "", "ab", "b1 a0", ["?a0 b1", "!a0 b1"]),
    (ORDERED, "", "ba", "b0 a1", []),
    # an absence before an event is known with it, and answered by what comes late
    (ABSENT, "absent: before", "ba", "a1 b0", ["?a1", "-a1 undone"]),
    (ABSENT, "absent: before", "ba", "b0 a1", []),
    # an absence after it: not before the deadline, and not before something later has come
    (ABSENT, "", "a----b", "a0 b5", []),
    (ABSENT, "", "a", "a0", ["!a0"]),
    (ABSENT, "", "a-----a", "a0 a6", ["?a0", "!a0", "!a6"]),
    (AROUND, "", "a--b--a", "a0 a6 b3", ["?a0", "-a0 undone"]),
    # every row is an alert of its own
    (TWICE, "emit: every", "aaa", "a0 a1 a2", ["?a0 a1", "?a0 a1 a2", "!a0 a1", "!a0 a1 a2"]),
    # quiet: what is suppressed is not told ahead either
    (TWICE, "suppress: {for: 1h}", "aa---------aa", "a0 a1 a11 a12", ["?a0 a1", "!a0 a1"]),
    (TWICE, "suppress: {for: 1h}", "aa---------aa", "a11 a12 a0 a1",
     ["?a11 a12", "?a0 a1", "!a0 a1", "-a11 a12 replaced"]),
    (TWICE, "suppress: {for: 5m}", "aa---------aa", "a0 a1 |1 a11 a12",
     ["?a0 a1", "!a0 a1", "?a11 a12", "!a11 a12"]),
]  # fmt: skip


@pytest.mark.parametrize(("section", "ours", "line", "script", "expected"), SCENES)
def test_scenes(
    tmp_path: Path, section: str, ours: str, line: str, script: str, expected: list[str]
) -> None:
    asked = f"{ours}{ours and ', '}alerts: speculative"
    assert said(run(ruleset(tmp_path, correlation(section, asked)), line, script)) == expected


def test_one_id_from_the_first_word_to_the_last(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, correlation(THRICE, "alerts: speculative"))
    first, second, settled, back = run(rules, "aaaa", "a1 a2 a3 a0")
    assert second["alert_id"] == settled["alert_id"] != first["alert_id"] == back["alert_id"]
    assert back["replaced_by"] == settled["alert_id"]
    assert {**second, "status": "final"} == settled
    assert back == {
        **first, "status": "retracted", "retraction": "replaced", "replaced_by": settled["alert_id"]
    }  # fmt: skip
    assert back["retraction"] in RETRACTIONS


def test_the_evidence_comes_with_what_is_told_ahead(tmp_path: Path) -> None:
    drive = Drive(ruleset(tmp_path, correlation(TWICE, "alerts: speculative")))
    for item in packed(drive._rules, messages("aaa")):
        drive.send(item)
    ahead_of_time = outputs(drive.found, "evidence")
    assert [one["msgid"] for one in ahead_of_time] == ["a0", "a1"]
    drive.advance(FOREVER)
    settled = outputs(drive.found, "evidence")[2:]
    assert [one["msgid"] for one in settled] == ["a0", "a1", "a2"]
    assert settled[:2] == ahead_of_time  # the same ids and bytes: targets have them already


def test_a_rule_that_is_gone_takes_back_what_it_told(tmp_path: Path) -> None:
    drive = Drive(ruleset(tmp_path / "1", correlation(TWICE, "alerts: speculative")))
    for item in packed(drive._rules, messages("aa")):
        drive.send(item)
    drive._rules = ruleset(tmp_path / "2", COUNTING, digest="d2")
    drive.advance(FOREVER)
    assert said(outputs(drive.found, "alerts")) == ["?a0 a1", "-a0 a1 rule_changed"]
    assert drive.states == {}


def test_a_rule_that_no_longer_tells_ahead_settles_what_it_told(tmp_path: Path) -> None:
    """Telling ahead or not is no other rule: what has been counted is kept."""
    before = ruleset(tmp_path / "1", correlation(THRICE, "alerts: speculative"))
    after = ruleset(tmp_path / "2", correlation(THRICE), digest="d2")
    versions = {one.correlations["t_rule"].state_version for one in (before, after)}
    assert len(versions) == 1
    drive = Drive(before)
    for item in packed(before, messages("aaa")):
        drive.send(item)
    drive._rules = after
    drive.advance(FOREVER)
    told, settled = outputs(drive.found, "alerts")
    assert (told["status"], settled["status"]) == ("speculative", "final")
    assert told["alert_id"] == settled["alert_id"]


def test_no_more_wait_for_their_end_than_so_many(tmp_path: Path) -> None:
    """Each earlier message begins the episode anew."""
    rules = ruleset(tmp_path, correlation(TWICE, "alerts: speculative"))
    drive = Drive(rules)
    for item in reversed(packed(rules, messages("a" * 30))):
        drive.send(item)
    (state,) = drive.states.values()
    assert len(read(state).told) == MAX_TOLD
    drive.advance(FOREVER)
    found = outputs(drive.found, "alerts")
    assert sum(one["status"] == "speculative" for one in found) == MAX_TOLD
    assert sum(one["status"] == "retracted" for one in found) == MAX_TOLD
    assert said(found)[-MAX_TOLD - 1] == "!a0 a1"


def test_in_order_it_is_told_with_its_message_however_many_are_held(tmp_path: Path) -> None:
    """Also where event time goes on in between, and where others are judged meanwhile."""
    rule = correlation("type: event_count, rules: [t_a], condition: {gte: 300}")
    rules = ahead(ruleset(tmp_path, rule.replace("timespan: 5m", "timespan: 1h")))
    line = [
        {"at": "10:00", "from": who, "to": "c1", "seq": 2 * number + place, "id": f"{who}{number}"}
        | {"text": "转账"}
        for number in range(300)
        for place, who in enumerate(("zhangwei", "lina"), start=1)
    ]
    drive = Drive(rules, keep=True)
    for number, item in enumerate(packed(rules, line)):
        assert outputs(drive.found, "alerts") == []
        drive.send(item)
        if number % 100 == 0:
            drive.advance(START - 1)
        if number == 598:
            break
    (alert,) = outputs(drive.found, "alerts")
    assert (alert["status"], alert["count"]) == ("speculative", 300)


def test_what_is_remembered_is_bounded_and_may_be_forgotten(tmp_path: Path) -> None:
    rules = ahead(ruleset(tmp_path, correlation(THRICE)))
    findings = Findings(Decoder("demo"), unsealed)
    behaviour = Behaviour(RuleTimeline([(0, rules)]), findings)
    behaviour._lookahead = Lookahead(findings, behaviour._group, kept=2_000)
    states: dict[str, bytes | None] = {}
    found = []
    for number in range(3):
        for who in range(50):
            said = {"at": f"10:0{number}", "from": f"e{who}", "to": "c1", "text": "转账",
                    "id": f"m{who}-{number}"}  # fmt: skip
            for item in packed(rules, [said]):
                step = behaviour.add(states.get(key_of(item)), item, -1)
                states[key_of(item)] = step.state
                found += step.outputs
    assert sum(name == "alerts" for name, _ in found) == 50
    kept = behaviour._lookahead._kept.values()
    assert sum(len(one.state) for one in kept) == behaviour._lookahead._size <= 2_000


def test_looks_at_a_key_are_few_when_it_holds_much() -> None:
    """The work for one item does not grow with what is held: n items cost n looks at a part."""
    sizes = [0, *(300 * number for number in range(1, 20_001))]
    looks = [number for number in range(20_000) if worth_a_look(sizes[number], sizes[number + 1])]
    assert looks[:20] == list(range(20))
    assert sum(looks) / 20_000 < 25  # items looked at for each that came


# --- laws


def endings(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    ends: dict[str, list[str]] = {}
    for one in found:
        ends.setdefault(one["alert_id"], []).append(one["status"])
    return ends


def settled(found: list[tuple[str, bytes]]) -> tuple[list[bytes], set[bytes]]:
    """(final alerts, their evidence), as bytes."""
    final = [body for name, body in found if name == "alerts" and b'"status":"final"' in body]
    ids = {json.loads(body)["alert_id"] for body in final}
    evidence = [body for name, body in found if name == "evidence"]
    return sorted(final), {one for one in evidence if json.loads(one)["alert_id"] in ids}


def arrive(drive: Drive, order: list[bytes], marks: list[int]) -> None:
    """Items in this order; after each event time goes on as far as `marks` says, but never past an
    item that is still to come."""
    for number, item in enumerate(order):
        drive.send(item)
        if number < len(marks) and marks[number]:
            to_come = [unpack(one).time for one in order[number + 1 :]]
            drive.advance(min([START + marks[number] * MINUTE, *(one - 1 for one in to_come)]))
    drive.advance(FOREVER)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_what_is_told_ahead_changes_nothing_that_is_final(
    lower: list[RuleSet], data: st.DataObject
) -> None:
    rules = data.draw(st.sampled_from(lower))
    items = packed(rules, messages(data.draw(st.text("abc19-", max_size=12))))
    order = data.draw(st.permutations(items))
    marks = data.draw(st.lists(st.integers(0, 25), max_size=len(order)))
    plain, told = Drive(rules), Drive(ahead(rules), keep=data.draw(st.booleans()))
    for item in items:
        plain.send(item)
    plain.advance(FOREVER)
    arrive(told, order, sorted(marks))
    assert settled(told.found) == settled(plain.found)
    ends = endings(outputs(told.found, "alerts"))
    assert {tuple(one) for one in ends.values()} <= {
        ("final",), ("speculative", "final"), ("speculative", "retracted")
    }  # fmt: skip
    assert outputs(told.found, "late") == []
    assert told.states == {}
    assert told.timers == []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_it_is_told_as_soon_as_what_has_arrived_makes_it_true(
    lower: list[RuleSet], data: st.DataObject
) -> None:
    """After each arrival all has been told that would be final if nothing more came."""
    rules = data.draw(st.sampled_from(lower))
    items = packed(rules, messages(data.draw(st.text("abc19-", max_size=9))))
    order = data.draw(st.permutations(items))
    told = Drive(ahead(rules), keep=data.draw(st.booleans()))
    for number, item in enumerate(order, start=1):
        told.send(item)
        known = Drive(rules)
        for one in order[:number]:
            known.send(one)
        known.advance(max(unpack(one).time for one in order[:number]))
        final = {one["alert_id"] for one in outputs(known.found, "alerts")}
        said = {one["alert_id"] for one in outputs(told.found, "alerts")}
        assert final <= said or len(said) >= MAX_TOLD


@pytest.fixture(scope="module")
def lower(tmp_path_factory: pytest.TempPathFactory) -> list[RuleSet]:
    folder = tmp_path_factory.mktemp("lower")
    return [ruleset(folder / str(n), correlation(*one)) for n, one in enumerate(LOWER)]


# --- what an author is told


@pytest.mark.parametrize(
    ("section", "ours", "said"),
    [
        ("type: event_count, rules: [t_a], condition: {lt: 2}", "speculative", "upper bound"),
        ("type: event_count, rules: [t_a], condition: {gte: 2, lte: 4}", "speculative", "upper"),
        ("type: event_count, rules: [t_a], condition: {eq: 2}", "speculative", "upper bound"),
        (THRICE, "speculativ", "did you mean 'speculative'?"),
        (THRICE, "speculative, signal: true", "a signal raises no alert"),
    ],
)
def test_what_cannot_be_told_ahead_is_refused(
    tmp_path: Path, section: str, ours: str, said: str
) -> None:
    with pytest.raises(RuleError) as caught:
        load_text(tmp_path, correlation(section, f"alerts: {ours}"))
    assert caught.value.code == "MJ348"
    assert said in " ".join(caught.value.text("en"))
    line = (tmp_path / "rule.yaml").read_text().splitlines()[caught.value.line - 1]
    assert line[caught.value.column - 1 :].startswith(ours.split(",", maxsplit=1)[0])
