"""A small seeded part of `make chaos`: a cycle each of four faults on a system of its own, and the
proof that the checker finds what a deliverer without its discipline does."""

from __future__ import annotations

import pytest

from tests.chaos.cycle import run_cycle
from tests.chaos.faults import ROWS, SYSTEMS
from tests.chaos.system import System
from tests.integration.test_detect_cluster import wait_for

SECONDS = 20
FLINK_RESTARTS = ("3", "1")


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """Everything running; ended by pid."""
    made = System(tmp_path_factory.mktemp("chaos"))
    try:
        made.start()
        yield made
    finally:
        made.end()


# how fast it is live again is measured by `make chaos`, and asserted by nobody
@pytest.mark.parametrize("row", ["3", "7c", "26a", "1"])
def test_nothing_is_lost_and_nothing_shown_twice(system, row):
    before = system.job(), system.restarts()
    outcome = run_cycle(system, f"t{row}", "7", ROWS[row].fault, seconds=SECONDS)
    assert outcome.verdict.expected > 0
    assert outcome.why == ""
    if row in FLINK_RESTARTS:
        # What Flink's interface tells of the job must not stand still after a process was killed:
        # by its default no metric is asked for while the answer of the killed one is due, ten
        # minutes. Here one may be due for 60 s. A job that hung was replaced by its keeper, and
        # counts from nothing.
        wait_for(lambda: _seen(system, outcome), lambda seen: _began_again(before, seen), 150)


def _began_again(before, seen):
    """Whether the job was restarted since, or another runs in its stead."""
    return bool(seen["job"]) and (seen["job"] != before[0] or seen["restarts"] > before[1])


def _seen(system, outcome):
    """What Flink tells now, and what helps to understand it when no restart is seen."""
    return {
        "job": system.job(),
        "restarts": system.restarts(),
        "marks": outcome.marks,
        "workers": system.workers(),
        "keeper": system.servers["keeper"].log.read_text().splitlines()[-20:],
    }


def test_the_checker_finds_what_a_deliverer_that_shows_repeats_does(system):
    row = ROWS["X1"]
    system._deliverer = SYSTEMS[row.system]["deliverer"]
    system.kill("deliver")
    outcome = run_cycle(system, "tX", "7", row.fault, seconds=SECONDS)
    assert outcome.verdict.twice
    assert not outcome.passed
