"""The keyed stage with Flink's timers: restarted after every call it tells the same, in time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rules.batches import NAME_BYTES, batches
from rules.engine import FOREVER, unsealed
from rules.items import unpack
from rules.journal import MAX_AGE
from rules.ruleset import CATALOG, RuleSet, RuleTimeline
from tests.support.harness import KeyedHarness
from tests.support.rule_files import COUNTING, TENANT, ruleset
from tests.unit.test_behave import packed
from tests.unit.test_bucket import many
from tests.unit.test_bucket_failures import KINDS, scene, script
from udfs.behave import Behave, as_text
from udfs.spec import JobSpec

SPEC = JobSpec(
    tenant=TENANT,
    rules=str(CATALOG),
    registry="",
    record_bytes=1 << 20,
    keep_bytes=4096,
    assume_received_at=1_772_600_000_000,
    seal=unsealed,
)


class Job:
    """A task of the lowest stage."""

    def __init__(self, rules: RuleSet) -> None:
        class Ours(JobSpec):
            def timeline(self) -> RuleTimeline:
                return RuleTimeline([(0, rules)])

        self.spec = Ours(**{name: getattr(SPEC, name) for name in SPEC.__dataclass_fields__})
        self.task = KeyedHarness(Behave(self.spec), lambda text: text[:NAME_BYTES])
        self.found: list[tuple[str, str]] = []

    def restart(self) -> None:
        self._take()
        self.task = self.task.restarted(Behave(self.spec))

    def send(self, items: list[bytes]) -> None:
        for batch in batches(items):
            self.task.send(as_text(batch))

    def _take(self) -> list[tuple[str, str]]:
        for name, rows in self.task.outputs.items():
            self.found += [(name, str(row)) for row in rows]
        self.task.outputs.clear()
        return self.found

    def all(self) -> list[tuple[str, str]]:
        """What was told, when the input has ended."""
        self.task.advance(FOREVER)
        assert (self.task.states, self.task.timers) == ({}, [])
        return sorted(self._take())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "ahead" not in kind])
@pytest.mark.parametrize("seed", range(3))
def test_a_task_that_is_restarted_after_every_call(kind: str, seed: int, tmp_path: Path) -> None:
    """Each time event time is told it is judged what is due, without a call in between."""
    rules, chance = ruleset(tmp_path, KINDS[kind]), random.Random(f"{kind}{seed}")
    items = sorted(packed(rules, scene(kind, chance)), key=lambda one: unpack(one).time)
    plain, other = Job(rules), Job(rules)
    for some, time in script(items, chance, late=False):
        for job in (plain, other):
            job.send(some)
            if job is other:
                job.restart()
            if time is not None:
                job.task.advance(time)
                assert all(due > time for due, _ in job.task.timers)
            if job is other:
                job.restart()
        assert sorted(plain._take()) == sorted(other.found)
    assert plain.all() == other.all()
    assert plain.found


def test_a_message_does_not_stand_in_a_record_for_longer_than_that(tmp_path: Path) -> None:
    """Its group is open for a day, and nothing else comes."""
    rules = ruleset(tmp_path, COUNTING.replace("10m", "24h"))
    job = Job(rules)
    (one,) = many(rules, 1, 1)
    time = unpack(one).time
    job.send([one])
    job.task.advance(time)
    job.restart()
    job.task.advance(time + MAX_AGE)
    assert any(b"m0-0" in str(state).encode() for state in job.task.states.popitem()[1])
    job.task.advance(time + MAX_AGE + 1)
    ((groups, records),) = job.task.states.values()
    assert (len(groups), [len(record) for record in records]) == (1, [17])
    assert job.all() == []
