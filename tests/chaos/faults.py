"""The rows of the fault matrix: what is claimed, what is done to the system, how often."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, NamedTuple

from redis import Redis

from tests.chaos.cycle import Fault, Scene


class Row(NamedTuple):
    """A row of the matrix. `seconds`: length of the load; `within_s`: how soon alerts must be live
    again, 0 where the row says nothing of it."""

    number: str
    claim: str
    nemesis: str
    fault: Fault
    seconds: float = 30
    within_s: float = 0
    seeds: int = 20


def kill_task_manager(scene: Scene) -> None:
    """-9 to a TaskManager of the seed's choice, with its workers."""
    name = f"taskmanager-{scene.rng.randint(1, scene.system.slots)}"
    scene.mark(f"kill {name}")
    scene.system.kill(name)


def kill_job_manager(scene: Scene) -> None:
    """-9 to the JobManager; nothing remembers the job but its checkpoints."""
    scene.mark("kill jobmanager")
    scene.system.kill("jobmanager")


def kill_worker(scene: Scene) -> None:
    """-9 to a Python worker."""
    workers = scene.system.workers()
    pid = scene.rng.choice(sorted(workers))
    scene.mark(f"kill worker {pid}")
    os.kill(pid, signal.SIGKILL)


def freeze_worker(scene: Scene) -> None:
    """SIGSTOP to a Python worker for 60 s; Flink may give it up meanwhile."""
    pid = scene.rng.choice(sorted(scene.system.workers()))
    scene.mark(f"freeze worker {pid}")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(60)
    scene.mark(f"thaw worker {pid}")
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        scene.mark("it had been ended")


def restart_kafka(scene: Scene) -> None:
    """The broker is asked to end, and is started again."""
    _kafka(scene, patience=20, down_s=1)


def kill_kafka(scene: Scene) -> None:
    """-9 to the broker, started again at once."""
    _kafka(scene, patience=0, down_s=1)


def kafka_away(scene: Scene) -> None:
    """-9 to the broker, away for 60 s: longer than the idle time of a partition."""
    _kafka(scene, patience=0, down_s=60)


def _kafka(scene: Scene, *, patience: float, down_s: float) -> None:
    from jobs.servers.process import stop  # noqa: PLC0415

    system = scene.system
    scene.mark("kafka down")
    system.away("kafka")
    stop(system.servers["kafka"].pid_file, patience)
    time.sleep(down_s)
    system.back("kafka")
    scene.mark("kafka up")


def kill_redis(scene: Scene) -> None:
    """-9 to Redis, which may lose its last second."""
    scene.mark("kill redis")
    scene.system.kill("redis")


def redis_away(scene: Scene) -> None:
    """Redis is away for 60 s."""
    _away(scene, "redis", 60)


def wipe_redis(scene: Scene) -> None:
    """FLUSHALL: nothing is left, positions included."""
    scene.mark("flushall")
    client: Any = Redis.from_url(scene.system.servers["redis"].address)
    client.flushall()


def kill_elasticsearch(scene: Scene) -> None:
    """-9 to Elasticsearch."""
    scene.mark("kill elasticsearch")
    scene.system.kill("elasticsearch")


def elasticsearch_away(scene: Scene) -> None:
    """Elasticsearch is away for 60 s."""
    _away(scene, "elasticsearch", 60)


def _away(scene: Scene, name: str, seconds: float) -> None:
    scene.mark(f"{name} down")
    scene.system.away(name)
    scene.system.kill(name)
    time.sleep(seconds)
    scene.system.back(name)
    scene.mark(f"{name} up")


def kill_deliverer(scene: Scene) -> None:
    """-9 to the deliverer, somewhere between reading, writing and committing."""
    scene.mark("kill deliver")
    scene.system.kill("deliver")


def freeze_deliverer(scene: Scene) -> None:
    """The deliverer is frozen until another has its partitions, and thawed: two of one group, one
    of which does not know that it is out."""
    system = scene.system
    scene.mark("freeze deliver")
    system.signal("deliver", signal.SIGSTOP)
    system.second_deliverer()
    time.sleep(60)  # longer than the session of the group
    scene.mark("thaw deliver")
    system.signal("deliver", signal.SIGCONT)
    time.sleep(10)
    system.away("deliver-2")
    system.kill("deliver-2")
    scene.mark("second deliverer ended")


def nothing(_scene: Scene) -> None:
    """No fault: what the system does on a good day."""


_B = "nothing lost, nothing invented, nothing shown twice, evidence complete"
ROWS = {
    row.number: row
    for row in (
        Row("0", _B, "none", nothing, seeds=3),
        Row("1", _B, "TaskManager killed (-9)", kill_task_manager, 40, 60),
        Row("2", _B, "JobManager killed (-9), no HA store", kill_job_manager, 60, 90),
        Row("3", _B, "Python worker killed (-9)", kill_worker, 30, 60),
        Row("4", _B, "Python worker frozen for 60 s", freeze_worker, 100, 0, 5),
        Row("6a", _B, "Kafka restarted", restart_kafka, 40, 60),
        Row("6b", _B, "Kafka killed (-9)", kill_kafka, 40, 60),
        Row("6c", _B, "Kafka killed and away for 60 s", kafka_away, 100, 0, 5),
        Row("7a", _B, "Redis killed (-9)", kill_redis, 20, 60),
        Row("7b", _B, "Redis away for 60 s", redis_away, 90, 0, 5),
        Row("7c", _B, "Redis wiped (FLUSHALL)", wipe_redis, 20, 60),
        Row("8a", _B, "Elasticsearch killed (-9)", kill_elasticsearch, 40, 60),
        Row("8b", _B, "Elasticsearch away for 60 s", elasticsearch_away, 90, 0, 5),
        Row("26a", _B, "deliverer killed (-9)", kill_deliverer, 20, 60),
        Row(
            "26b",
            _B,
            "deliverer frozen, a second one takes over, both go on",
            freeze_deliverer,
            90,
            0,
            5,
        ),
    )
}
