"""What the chaos harness expects is what the pure engine tells, though neither knows the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline
from tests.chaos import load

BASE = 1_790_000_000_000
RULES = Path(load.__file__).parent / "rules"


@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_the_oracle_agrees_with_the_engine(seed):
    plan = load.make_plan(seed, seconds=30, rate=20)
    engine = Engine(RuleTimeline.load(RULES), Decoder(load.TENANT), load_calendar())
    found: dict[str, set] = {}
    for kind, body in engine.run(line.body(BASE) for line in plan.lines):
        told = json.loads(body)
        if kind == "alerts":
            found[told["alert_id"]] = {one["msgid"] for one in told["members"]}
        else:
            assert kind == "evidence"
    expected = {key: set(case.msgids) for key, case in plan.expected(BASE).items()}
    assert found == expected
    assert {case.rule for case in plan.cases} == set(load.RULES)


def test_a_plan_is_a_function_of_its_seed():
    assert load.make_plan("a", seconds=5) == load.make_plan("a", seconds=5)
    assert load.make_plan("a", seconds=5).lines != load.make_plan("b", seconds=5).lines
