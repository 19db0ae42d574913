"""Judged again in order of time, a stream gives what it gave when it came, in whatever order."""

from __future__ import annotations

import json
from random import Random

import pytest

from rules.bounds import KEY_BYTES
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.rejudge import Judged, Rejudge
from rules.ruleset import RuleTimeline
from tests.support.flows import catalogue_records
from tests.support.rule_files import CALENDAR, outputs

TIMELINE = RuleTimeline.load()
COMPILED = compile_timeline(TIMELINE)
RECORDS = [(json.loads(raw)["time"], raw) for raw in catalogue_records()]
FAR = 2 * max(time for time, _ in RECORDS)


def again(records: list[tuple[int, bytes]], begin: int = 0, end: int = FAR) -> Judged:
    judge = Rejudge(
        TIMELINE, Decoder("demo"), CALENDAR,
        since=None, begin=begin, end=end, key_bytes=KEY_BYTES, compiled=COMPILED,
    )  # fmt: skip
    for offset, (time, raw) in enumerate(records):
        judge.take(raw, "memory", 0, offset, time)
    return judge.judge()


@pytest.fixture(scope="module")
def expected() -> dict[str, int]:
    """Ids of all final alerts of the catalogue's cases, with their times."""
    engine = Engine(TIMELINE, Decoder("demo"), CALENDAR, compiled=COMPILED)
    found = list(engine.run(raw for _, raw in RECORDS))
    alerts = [one for one in outputs(found, "alerts") if one["status"] == "final"]
    assert len(alerts) > 300
    return {one["alert_id"]: one["time"] for one in alerts}


@pytest.mark.parametrize("seed", [0, 1])
def test_every_rule_of_the_catalogue_finds_again_what_it_found(
    expected: dict[str, int], seed: int
) -> None:
    records = list(RECORDS)
    if seed:
        Random(seed).shuffle(records)
    found = again(records)
    assert {k: one.time for k, one in found.alerts.items()} == expected
    assert found.before == frozenset()
    assert (found.disorder > 0) == bool(seed)


def test_spans_side_by_side_find_together_what_the_whole_finds(expected: dict[str, int]) -> None:
    times = sorted(expected.values())
    middle = times[len(times) // 2]
    first, second = again(RECORDS, 0, middle), again(RECORDS, middle + 1)
    assert not first.alerts.keys() & second.alerts.keys()
    assert first.alerts.keys() | second.alerts.keys() == expected.keys()
    assert second.before <= first.alerts.keys()
    assert second.before


def test_how_late_the_latest_hit_was_is_told_of_each_partition_by_itself() -> None:
    judge = Rejudge(
        TIMELINE, Decoder("demo"), CALENDAR,
        since=None, begin=0, end=FAR, key_bytes=KEY_BYTES, compiled=COMPILED,
    )  # fmt: skip
    for offset, (time, raw) in enumerate(reversed(RECORDS)):
        judge.take(raw, "memory", offset, 0, time)  # each record the first of its partition
    assert judge.judge().disorder == 0
