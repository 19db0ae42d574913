"""The rows of the fault matrix: what is claimed, what is done to the system, how often."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from redis import Redis

from tests.chaos.cycle import Fault, Scene
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


def kill_deliverer_often(scene: Scene) -> None:
    """-9 to the deliverer, three times."""
    for _ in range(3):
        kill_deliverer(scene)
        time.sleep(scene.rng.uniform(6, 8))


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


def busy_index(scene: Scene) -> None:
    """Elasticsearch answers 429 for 60 s."""
    _index(scene, 60, status=429)


def failing_index(scene: Scene) -> None:
    """Elasticsearch answers 503 for 60 s."""
    _index(scene, 60, status=503)


def slow_index(scene: Scene) -> None:
    """Every call to Elasticsearch takes 30 s for a minute."""
    _index(scene, 60, delay_s=30.0)


def partial_bulk(scene: Scene) -> None:
    """For 20 s one item in twenty of each bulk call is refused with 400, 409 or 429."""
    _index(scene, 20, spoil=0.05)


def _index(scene: Scene, seconds: float, **trouble: float) -> None:
    proxy = scene.system.index
    for key, value in trouble.items():
        scene.mark(f"elasticsearch {key} {value}")
        setattr(proxy, key, value)
    time.sleep(seconds)
    for key in trouble:
        setattr(proxy, key, 0)
    scene.mark("elasticsearch as before")


def starve_worker(scene: Scene) -> None:
    """A Python worker gets no more memory: its next large allocation fails."""
    pid = scene.rng.choice(sorted(scene.system.workers()))
    scene.mark(f"no more memory for worker {pid}")
    resource.prlimit(pid, resource.RLIMIT_DATA, (1 << 20, 1 << 20))


def stale_redis(scene: Scene) -> None:
    """Redis comes back with the data it had some seconds before: a replica that was behind."""
    system = scene.system
    folder = system.folder / "redis" / "appendonlydir"
    old = system.folder / "redis-old"
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(folder, old)
    scene.mark("copy taken")
    time.sleep(5)
    system.away("redis")
    system.kill("redis")
    shutil.rmtree(folder)
    shutil.copytree(old, folder)
    system.back("redis")
    scene.mark("redis up with the old data")


def bad_network(scene: Scene) -> None:
    """200 ms more each way, and one piece in a hundred retransmitted, to Kafka and the JobManager,
    for 30 s."""
    for link in scene.system.links.values():
        link.delay_s, link.loss = 0.2, 0.01
    scene.mark("links slow")
    time.sleep(30)
    for link in scene.system.links.values():
        link.delay_s, link.loss = 0.0, 0.0
    scene.mark("links as before")


def cut_off(scene: Scene) -> None:
    """Nothing reaches the JobManager for 30 s."""
    scene.system.links["jobmanager"].cut = True
    scene.mark("jobmanager cut off")
    time.sleep(30)
    scene.system.links["jobmanager"].cut = False
    scene.mark("jobmanager reachable")


def rescale(scene: Scene) -> None:
    """From a savepoint each time: 2, 1, 2, 4 slots and 2 again, under load."""
    for slots in (1, 2, 4, 2):
        scene.system.rescale(slots)
        scene.mark(f"stopped with a savepoint, on {slots} slots")
        scene.system.wait_until_judging(120)
        scene.mark("judging")


def truncated_checkpoint(scene: Scene) -> None:
    """The newest checkpoint is cut short, and the JobManager is killed."""
    from jobs.kept_state import checkpoints  # noqa: PLC0415

    while not (found := checkpoints(scene.system.settings)):
        time.sleep(0.5)
    system = scene.system
    system.away("jobmanager")
    system.kill("jobmanager")
    file = checkpoints(system.settings)[0] / "_metadata"
    scene.mark(f"jobmanager killed, {file.parent.name} of {len(found)} cut short")
    with file.open("r+b") as metadata:
        metadata.truncate(file.stat().st_size // 2)
    system.back("jobmanager")


def lost_state(scene: Scene) -> None:
    """The JobManager is killed, and no checkpoint is left."""
    system = scene.system
    system.away("jobmanager")
    system.kill("jobmanager")
    shutil.rmtree(system.settings.flink.checkpoint_dir)
    scene.mark("jobmanager killed, checkpoints removed")
    system.back("jobmanager")


def silent_partition(scene: Scene) -> None:
    """One partition gets nothing, no heartbeats either."""
    scene.sender.silent.add(0)


def nothing(_scene: Scene) -> None:
    """No fault: what the system does on a good day."""


def _x(number: str, nemesis: str, system: str, finds: str) -> Row:
    claim = "the checker finds it"
    fault = kill_deliverer_often
    return Row(number, claim, nemesis, fault, 30, seeds=3, system=system, finds=finds)


_B = "nothing lost, nothing invented, nothing shown twice, evidence complete"
ROWS = {
    row.number: row
    for row in (
        Row("0", _B, "none", nothing, seeds=3),
        Row("1", _B, "TaskManager killed (-9)", kill_task_manager, 40, 60),
        Row("2", _B, "JobManager killed (-9), no HA store", kill_job_manager, 60, 90),
        Row("3", _B, "Python worker killed (-9)", kill_worker, 30, 60),
        Row("4", _B, "Python worker frozen for 60 s", freeze_worker, 100, 0, 5),
        Row("5", _B, "Python worker gets no more memory", starve_worker, 40, 60, 5),
        Row("6a", _B, "Kafka restarted", restart_kafka, 40, 60),
        Row("6b", _B, "Kafka killed (-9)", kill_kafka, 40, 60),
        Row("6c", _B, "Kafka killed and away for 60 s", kafka_away, 100, 0, 5),
        Row("7a", _B, "Redis killed (-9)", kill_redis, 20, 60),
        Row("7b", _B, "Redis away for 60 s", redis_away, 90, 0, 5),
        Row("7c", _B, "Redis wiped (FLUSHALL)", wipe_redis, 20, 60),
        Row("7d", _B, "Redis comes back with older data", stale_redis, 30, 60, 5),
        Row("8a", _B, "Elasticsearch killed (-9)", kill_elasticsearch, 40, 60),
        Row("8b", _B, "Elasticsearch away for 60 s", elasticsearch_away, 90, 0, 5),
        Row("8c", _B, "Elasticsearch answers 429 for 60 s", busy_index, 90, 0, 3),
        Row("8d", _B, "Elasticsearch answers 503 for 60 s", failing_index, 90, 0, 3),
        Row("8e", _B, "Elasticsearch takes 30 s a call for 60 s", slow_index, 90, 0, 3),
        Row("9", _B, "1 item in 20 of bulk calls: 400, 409, 429", partial_bulk, 40, 0, 5),
        Row("10a", _B, "1 % malformed records", nothing, 30, 0, 5, malformed),
        Row("10b", _B, "JSON with duplicate keys", nothing, 20, 0, 3, duplicate_keys),
        Row("12", _B, "records of 1 to 15 MB", nothing, 30, 0, 5, oversized),
        Row("13", _B, "clocks wrong by an hour, 1970, 2100", nothing, 30, 0, 5, wrong_clocks),
        Row("14", _B, "1 message in 20 comes two minutes late", nothing, 30, 0, 5, latecomers),
        Row("15", _B, "one partition silent", silent_partition, 60, 0, 3, one_silent),
        Row("21", _B, "1 record in 10 twice, a third once more", nothing, 30, 0, 5, repeats),
        Row("23", _B, "savepoints: 2, 1, 2, 4, 2 slots", rescale, 150, 0, 3),
        Row("24a", _B, "200 ms and 1 % loss for 30 s", bad_network, 60, 90, 5, None, "network"),
        Row("24b", _B, "JobManager cut off for 30 s", cut_off, 90, 0, 5, None, "network"),
        Row("26a", _B, "deliverer killed (-9)", kill_deliverer, 20, 60),
        Row("26b", _B, "deliverer frozen for 60 s, a second one", freeze_deliverer, 90, 0, 5),
        _x("X1", "targets take repeats; deliverer killed", "repeats", "twice"),
        _x("X2", "positions remembered early; deliverer killed", "early", "lost"),
        Row("T", _B, "newest checkpoint cut short", truncated_checkpoint, 60, 90, 5),
        Row("L", _B, "no checkpoint left, JobManager killed", lost_state, 60, 0, 5),
    )
}
# further arguments of `System`
SYSTEMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "network": {"network": True},
    "repeats": {"deliverer": ("-m", "tests.chaos.broken", "repeats")},
    "early": {"deliverer": ("-m", "tests.chaos.broken", "early")},
}
