"""What is done to the system: each a function of the scene and of the seed."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import time
from typing import Any

from redis import Redis

from tests.chaos.cycle import Scene


def kill_task_manager(scene: Scene) -> None:
    """-9 to a TaskManager of the seed's choice that has work, with its workers."""
    name = scene.rng.choice(scene.system.busy())
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


def kafka_long_away(scene: Scene) -> None:
    """-9 to the broker, away for 10 minutes: longer than any client waits for an answer."""
    _kafka(scene, patience=0, down_s=600)


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
    _end_second(scene)


def _end_second(scene: Scene) -> None:
    scene.system.away("deliver-2")
    scene.system.kill("deliver-2")
    scene.mark("second deliverer ended")


def deliverer_comes_and_goes(scene: Scene) -> None:
    """Elasticsearch is away, and meanwhile a second deliverer takes its part and is killed."""
    system = scene.system
    scene.mark("elasticsearch down")
    system.away("elasticsearch")
    system.kill("elasticsearch")
    system.second_deliverer()
    time.sleep(20)
    _end_second(scene)
    time.sleep(20)  # longer than the session of the group
    system.back("elasticsearch")
    scene.mark("elasticsearch up")


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


def full_flink(scene: Scene) -> None:
    """No process of Flink can make a file longer for 60 s, so no checkpoint can be written."""
    system = scene.system
    names = ("jobmanager", *system.task_managers())
    pids = [*(system.pid(name) for name in names), *system.workers()]
    scene.mark("disk full")
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    time.sleep(60)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            whole = resource.RLIM_INFINITY, resource.RLIM_INFINITY
            resource.prlimit(pid, resource.RLIMIT_FSIZE, whole)
    scene.mark("room again")


def full_elasticsearch(scene: Scene) -> None:
    """Elasticsearch takes its disk for full for 60 s, and makes its indices read-only."""
    name = "cluster.routing.allocation.disk.watermark"
    levels = ("low", "high", "flood_stage")
    _elasticsearch(scene, {f"{name}.{level}": "900tb" for level in levels})  # as room left
    scene.mark("disk full")
    time.sleep(60)
    _elasticsearch(scene, {f"{name}.{level}": None for level in levels})
    scene.mark("room again")


def _elasticsearch(scene: Scene, settings: dict[str, Any]) -> None:
    from elasticsearch import Elasticsearch  # noqa: PLC0415

    client = Elasticsearch(scene.system.servers["elasticsearch"].address, request_timeout=30)
    often = {"cluster.info.update.interval": "10s"}
    client.cluster.put_settings(persistent={**often, **settings})
    client.close()


def full_redis(scene: Scene) -> None:
    """Redis has no memory left for 60 s, and refuses to write."""
    client: Any = Redis.from_url(scene.system.servers["redis"].address)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    scene.mark("memory full")
    time.sleep(60)
    client.config_set("maxmemory", 0)
    scene.mark("room again")


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
