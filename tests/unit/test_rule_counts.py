"""A rule that fails, or hits far too much, is seen; it and all other rules go on judging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.settings import Limits
from jobs.health import troubles
from rules.batches import items_of
from rules.items import ALERT, QUARANTINE, unpack
from rules.ruleset import RuleTimeline
from tests.support.harness import MetricContext
from tests.support.rule_files import SIMPLE, detection_rule, raws, ruleset
from tests.unit.test_adapters import SPEC, columns
from tests.unit.test_matcher import Broken
from udfs.match import MatchRecords
from udfs.spec import JobSpec

ALL = detection_rule("t_all", {"it": {"kind": "archive"}})
SAYS = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保本"}


def running(timeline: RuleTimeline) -> tuple[MatchRecords, MetricContext]:
    class Loaded(JobSpec):
        def timeline(self) -> RuleTimeline:
            return timeline

    function, context = MatchRecords(Loaded(**SPEC.__dict__), "kafka:messages"), MetricContext()
    function.open(context)
    return function, context


def counters(context: MetricContext) -> dict[str, int]:
    return {name: read() for name, read in context.gauges.items()}


def judged(function: MatchRecords, records: list[bytes]) -> list[Any]:
    rows = function.eval(*columns(records))
    return [unpack(item) for row in rows for batch in row or () for item in items_of(batch)]


def test_a_rule_that_throws_is_counted_and_told_of_and_the_others_judge(tmp_path: Path) -> None:
    bad = SIMPLE.replace("t1_words", "t0_bad").replace("3d34a454", "00000000")
    rules = ruleset(tmp_path, bad, SIMPLE)
    object.__setattr__(rules.detections["t0_bad"], "condition", Broken())
    function, context = running(RuleTimeline([(0, rules)]))
    found = judged(function, raws([{**SAYS, "text": f"这款保本 {n}"} for n in range(10)]))
    assert [one.rule for one in found if one.kind == ALERT] == ["t1_words"] * 10
    set_aside = [one for one in found if one.kind == QUARANTINE]
    assert [one.value for one in set_aside] == ["t0_bad: ZeroDivisionError"] * 10
    assert counters(context)["failed_of_t0_bad"] == 10
    assert counters(context)["rule_failed"] == 10
    (trouble,) = troubles(counters(context), Limits())
    assert trouble.kind == "rule_fails:t0_bad"


def test_a_rule_that_hits_everything_is_told_of_by_what_came_since_it_judges(
    tmp_path: Path,
) -> None:
    """One that was published later is not lost among the messages before it."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = ruleset(tmp_path / "one", SIMPLE, digest="d1")
    second = ruleset(tmp_path / "two", SIMPLE, ALL, digest="d2")
    quiet = raws([{**SAYS, "text": f"好的 {n}"} for n in range(12_000)])
    loud = raws([{**SAYS, "at": "11:00", "id": f"n{n}", "text": "好"} for n in range(12_000)])
    since = 1_772_593_000_000
    function, context = running(RuleTimeline([(0, first), (since, second)]))
    for at in range(0, 12_000, 1_000):
        judged(function, quiet[at : at + 1_000])
    assert not troubles(counters(context), Limits())
    alerts = 0
    for at in range(0, 12_000, 1_000):
        alerts += len(judged(function, loud[at : at + 1_000]))
    told = counters(context)
    assert told["hits_of_t_all"] == alerts == 12_000
    assert 12_000 <= told["hits_out_of_t_all"] <= 24_000
    assert [one.kind for one in troubles(told, Limits())] == ["rule_hits:t_all"]
