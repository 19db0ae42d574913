"""The rows of the fault matrix: what is claimed, what is done to the system, how often."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.chaos import nemeses as do
from tests.chaos.cycle import Fault
from tests.chaos.load import Plan
from tests.chaos.shapes import (
    duplicate_keys,
    latecomers,
    malformed,
    one_silent,
    oversized,
    repeats,
    wrong_clocks,
)


class Row(NamedTuple):
    """A row of the matrix. `seconds`: length of the load; `within_s`: how soon alerts must be live
    again, 0 where the row says nothing of it; `shape`: what is done to the plan."""

    number: str
    claim: str
    nemesis: str
    fault: Fault
    seconds: float = 30
    within_s: float = 0
    seeds: int = 20
    shape: Callable[[Plan, random.Random], Plan] | None = None
    system: str = "plain"  # a key of SYSTEMS
    finds: str = ""  # what the checker has to find, where a promise is switched off


def _x(number: str, nemesis: str, system: str, finds: str) -> Row:
    claim = "the checker finds it"
    fault = do.kill_deliverer_often
    return Row(number, claim, nemesis, fault, 30, seeds=3, system=system, finds=finds)


_B = "nothing lost, nothing invented, nothing shown twice, evidence complete"
ROWS = {
    row.number: row
    for row in (
        Row("0", _B, "none", do.nothing, seeds=3),
        Row("1", _B, "TaskManager killed (-9)", do.kill_task_manager, 40, 60),
        Row(
            "1s",
            _B,
            "the same, with a third TaskManager to spare",
            do.kill_task_manager,
            40,
            60,
            system="spare",
        ),
        Row("2", _B, "JobManager killed (-9), no HA store", do.kill_job_manager, 60, 90),
        Row("3", _B, "Python worker killed (-9)", do.kill_worker, 30, 60),
        Row("4", _B, "Python worker frozen for 60 s", do.freeze_worker, 100, 0, 5),
        Row("5", _B, "Python worker gets no more memory", do.starve_worker, 40, 60, 5),
        Row("6a", _B, "Kafka restarted", do.restart_kafka, 40, 60),
        Row("6b", _B, "Kafka killed (-9)", do.kill_kafka, 40, 60),
        Row("6c", _B, "Kafka killed and away for 60 s", do.kafka_away, 100, 0, 5),
        Row("6d", _B, "Kafka killed and away for 10 min", do.kafka_long_away, 640, 0, 1),
        Row("7a", _B, "Redis killed (-9)", do.kill_redis, 20, 60),
        Row("7b", _B, "Redis away for 60 s", do.redis_away, 90, 0, 5),
        Row("7c", _B, "Redis wiped (FLUSHALL)", do.wipe_redis, 20, 60),
        Row("7d", _B, "Redis comes back with older data", do.stale_redis, 30, 60, 5),
        Row("8a", _B, "Elasticsearch killed (-9)", do.kill_elasticsearch, 40, 60),
        Row("8b", _B, "Elasticsearch away for 60 s", do.elasticsearch_away, 90, 0, 5),
        Row("8c", _B, "Elasticsearch answers 429 for 60 s", do.busy_index, 90, 0, 3),
        Row("8d", _B, "Elasticsearch answers 503 for 60 s", do.failing_index, 90, 0, 3),
        Row("8e", _B, "Elasticsearch takes 30 s a call for 60 s", do.slow_index, 90, 0, 3),
        Row("9", _B, "1 item in 20 of bulk calls: 400, 409, 429", do.partial_bulk, 40, 0, 5),
        Row("10a", _B, "1 % malformed records", do.nothing, 30, 0, 5, malformed),
        Row("10b", _B, "JSON with duplicate keys", do.nothing, 20, 0, 3, duplicate_keys),
        Row("12", _B, "records of 1 to 15 MB", do.nothing, 30, 0, 5, oversized),
        Row("13", _B, "clocks wrong by an hour, 1970, 2100", do.nothing, 30, 0, 5, wrong_clocks),
        Row("14", _B, "1 message in 20 comes two minutes late", do.nothing, 30, 0, 5, latecomers),
        Row("15", _B, "one partition silent", do.silent_partition, 60, 0, 3, one_silent),
        Row("20a", _B, "Flink cannot write files for 60 s", do.full_flink, 90, 0, 5),
        Row("20b", _B, "Elasticsearch's disk full for 60 s", do.full_elasticsearch, 90, 0, 3),
        Row("20c", _B, "Redis' memory full for 60 s", do.full_redis, 90, 0, 3),
        Row("21", _B, "1 record in 10 twice, a third once more", do.nothing, 30, 0, 5, repeats),
        Row("23", _B, "savepoints: 2, 1, 2, 4, 2 slots", do.rescale, 150, 0, 3),
        Row("24a", _B, "200 ms and 1 % loss for 30 s", do.bad_network, 60, 90, 5, None, "network"),
        Row("24b", _B, "JobManager cut off for 30 s", do.cut_off, 90, 0, 5, None, "network"),
        Row("26a", _B, "deliverer killed (-9)", do.kill_deliverer, 20, 60),
        Row("26b", _B, "deliverer frozen for 60 s, a second one", do.freeze_deliverer, 90, 0, 5),
        Row(
            "26c",
            _B,
            "Elasticsearch away, a second deliverer comes and goes",
            do.deliverer_comes_and_goes,
            70,
            0,
            3,
        ),
        _x("X1", "targets take repeats; deliverer killed", "repeats", "twice"),
        _x("X2", "positions remembered early; deliverer killed", "early", "lost"),
        Row("T", _B, "newest checkpoint cut short", do.truncated_checkpoint, 60, 90, 5),
        Row("L", _B, "no checkpoint left, JobManager killed", do.lost_state, 60, 0, 5),
    )
}
# further arguments of `System`
SYSTEMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "spare": {"spare": 1},
    "network": {"network": True},
    "repeats": {"deliverer": ("-m", "tests.chaos.broken", "repeats")},
    "early": {"deliverer": ("-m", "tests.chaos.broken", "early")},
}
