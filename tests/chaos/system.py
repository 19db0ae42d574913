"""The system under test: real processes that can be killed, frozen and started again.

Kafka, Redis, Elasticsearch, a JobManager and single-slot TaskManagers, the deliverer, and the
keeper that submits the job when the cluster has none. What a supervisor (systemd, Docker,
Kubernetes) would do, starting a process again that has gone, is done here after `RESPAWN_S`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from config.settings import Settings, load
from jobs import progress
from jobs.detect import job_name
from jobs.servers import elasticsearch, flink, kafka, redis
from jobs.servers.process import HOST, Server, free_port, running, start, stop
from jobs.topics import ensure_topics
from tests.chaos.load import PARTITIONS, TENANT
from tests.chaos.proxy import HttpProxy, TcpProxy

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).parent / "rules"
RESPAWN_S = 1.0


class System:
    """All processes of one installation, in one folder.

    Args:
        settings: sections and keys over those of the cluster profile.
        flink_options: over those of `jobs.servers.flink`.
        spare: TaskManagers that wait for work.
        network: Kafka and the JobManager are reached through proxies (`links`).
        deliverer: what Python runs to deliver.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, Any] | None = None,
        flink_options: Mapping[str, str] | None = None,
        slots: int = 2,
        spare: int = 0,
        network: bool = False,
        deliverer: Sequence[str] = ("-m", "jobs.cli.main"),
    ) -> None:
        self.folder, self.slots, self._spare = folder.resolve(), slots, spare
        self._extra, self._flink_options = dict(settings or {}), dict(flink_options or {})
        self._network, self._deliverer = network, tuple(deliverer)
        self.servers: dict[str, Server] = {}
        self.links: dict[str, TcpProxy] = {}
        self.index: HttpProxy  # between the deliverer and Elasticsearch
        self._again: dict[str, Callable[[], Server]] = {}
        self._down: set[str] = set()  # parts that are away on purpose
        self._ending = threading.Event()
        self._guard = threading.Thread(target=self._supervise, daemon=True, name="supervisor")
        self._flink_env: dict[str, str] = {}

    # -- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Everything up, the job running."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        kafka_port, rpc_port = free_port(), free_port()
        options = dict(self._flink_options)
        if self._network:
            self.links = {"kafka": TcpProxy(kafka_port), "jobmanager": TcpProxy(rpc_port)}
            options |= {
                "jobmanager.rpc.port": str(self.links["jobmanager"].port),
                "jobmanager.rpc.bind-port": str(rpc_port),
            }
        advertised = self.links["kafka"].port if self.links else 0
        for name, make in {
            "redis": lambda port: redis.launch(folder / "redis", port),
            "kafka": lambda port: kafka.launch(folder / "kafka", port, advertised=advertised),
            "elasticsearch": lambda port: elasticsearch.launch(folder / "elasticsearch", port),
        }.items():
            server = make(kafka_port if name == "kafka" else 0)
            self.servers[name] = server
            self._again[name] = _bound(make, server.port)
        self.index = HttpProxy(self.servers["elasticsearch"].port)
        job_manager, *task_managers = flink.launch(
            folder / "flink", 0, self.slots + self._spare, options
        )
        self._flink_env = flink.environment_for(folder / "flink")
        self.rest = job_manager.address
        self.servers["jobmanager"] = job_manager
        self._again["jobmanager"] = lambda: self._job_manager(job_manager)
        for number, server in enumerate(task_managers, 1):
            self.servers[f"taskmanager-{number}"] = server
            self._again[f"taskmanager-{number}"] = _bound(self._task_manager, number)
        for server in self.servers.values():
            server.wait()
        self._write_settings()
        ensure_topics(self.settings, partitions=PARTITIONS)
        for name in ("deliver", "keeper"):
            self._again[name] = _bound(self._process, name)
            self.servers[name] = self._process(name)
        self._guard.start()
        self.wait_until_judging(180)

    def end(self) -> None:
        """End what was started, and nothing else."""
        self._ending.set()
        if self._guard.is_alive():
            self._guard.join()
        for server in reversed(self.servers.values()):
            stop(server.pid_file, 3)
        if hasattr(self, "index"):
            self.index.stop()
        for link in self.links.values():
            link.stop()

    def _write_settings(self) -> None:
        values: dict[str, Any] = yaml.safe_load((ROOT / "config" / "cluster.yaml").read_text())
        own: dict[str, Any] = {
            "tenant": TENANT,
            "data_dir": str(self.folder / "data"),
            "keys_dir": str(self.folder / "keys"),
            "kafka": {"bootstrap": f"{HOST}:{self.links['kafka'].port}"}
            if self.links
            else {"bootstrap": self.servers["kafka"].address},
            "rules": {"path": str(RULES), "registry": str(self.folder / "rulesets")},
            "flink": {
                "parallelism": self.slots,
                "rest_url": self.rest,
                "checkpoint_dir": str(self.folder / "flink" / "checkpoints"),
            },
        }
        for section in (own, self._extra):
            for key, value in section.items():
                merged = {**values.get(key, {}), **value} if isinstance(value, dict) else value
                values[key] = merged
        if "targets" not in self._extra:
            urls = {"redis": self.servers["redis"].address, "elasticsearch": self.index.address}
            # the matrix is about what is shown; the archive has tests of its own
            values["targets"] = [one for one in values["targets"] if one["kind"] in urls]
            for target in values["targets"]:
                target["url"] = urls[target["kind"]]
        self.file = self.folder / "cluster.yaml"
        self.file.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False))
        self.settings: Settings = load(path=self.file)

    def _process(self, what: str, name: str = "") -> Server:
        name = name or what
        arguments = {
            "deliver": [*self._deliverer, "deliver", "--follow", "--json-logs"],
            "keeper": ["-m", "jobs.cli.main", "detect", "--keep", "--from", "latest"],
        }[what]
        command = [sys.executable, *arguments, "--config", str(self.file)]
        pid_file, log = start(
            name, command, self.folder / name, {"PYTHONPATH": str(ROOT), "MINGJIAN_LANG": "en"}
        )
        return Server(name, "", 0, pid_file, log, lambda: running(pid_file) is not None)

    def _job_manager(self, first: Server) -> Server:
        pid_file, log = start(
            "jobmanager",
            flink._command("jobmanager.sh"),
            self.folder / "flink",
            self._flink_env,
        )
        return first._replace(pid_file=pid_file, log=log)

    def _task_manager(self, number: int) -> Server:
        return flink.add_task_manager(self.folder / "flink", self.rest, number, self._flink_env)

    # -- what a supervisor does --------------------------------------------------------------

    def _supervise(self) -> None:
        gone: dict[str, float] = {}
        while not self._ending.wait(0.1):
            for name, server in list(self.servers.items()):
                if name in self._down or running(server.pid_file) is not None:
                    gone.pop(name, None)
                elif time.monotonic() - gone.setdefault(name, time.monotonic()) >= RESPAWN_S:
                    gone.pop(name)
                    self.servers[name] = self._again[name]()

    def away(self, name: str) -> None:
        """From now on this part is not started again until `back`."""
        self._down.add(name)

    def back(self, name: str) -> None:
        """Start a part again that was away, and wait until it answers."""
        self.servers[name] = self._again[name]()
        self._down.discard(name)
        self.servers[name].wait()

    # -- what faults are made of ---------------------------------------------------------------

    def pid(self, name: str) -> int:
        """Of the running process of that name."""
        process = running(self.servers[name].pid_file)
        if process is None:
            raise LookupError(f"{name} does not run")
        return process.pid

    def kill(self, name: str) -> None:
        """-9 to the process and all it started."""
        stop(self.servers[name].pid_file, 0)

    def signal(self, name: str, number: signal.Signals) -> None:
        """A signal to the whole process group of a part."""
        os.killpg(self.pid(name), number)

    def task_managers(self) -> list[str]:
        """Their names."""
        return [name for name in self.servers if name.startswith("taskmanager-")]

    def busy(self) -> list[str]:
        """TaskManagers that have Python workers, and so a part of the job."""
        return [name for name in self.task_managers() if flink.workers(self.servers[name])]

    def workers(self) -> list[int]:
        """Pids of the Python workers of all TaskManagers."""
        return [pid for name in self.task_managers() for pid in flink.workers(self.servers[name])]

    def rescale(self, slots: int) -> None:
        """Stop the job with a savepoint, and have it go on from there on so many slots."""
        self.away("keeper")
        self.kill("keeper")
        command = [sys.executable, "-m", "jobs.cli.main", "detect", "--stop", "--savepoint"]
        done = subprocess.run(
            [*command, "--config", str(self.file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        for number in range(self.slots + 1, slots + 1):
            self.servers[f"taskmanager-{number}"] = self._task_manager(number)
            self._again[f"taskmanager-{number}"] = _bound(self._task_manager, number)
        self.slots = max(self.slots, slots)
        self._extra["flink"] = {**self._extra.get("flink", {}), "parallelism": slots}
        self._write_settings()
        self.back("keeper")

    def second_deliverer(self) -> Server:
        """One more deliverer, in the groups of the first."""
        self._again["deliver-2"] = lambda: self._process("deliver", "deliver-2")
        self.servers["deliver-2"] = self._again["deliver-2"]()
        return self.servers["deliver-2"]

    # -- what it says of itself ------------------------------------------------------------------

    def job(self) -> str:
        """Id of the job that lives; "" when there is none or the JobManager does not answer."""
        try:
            found = progress.running(self.rest, job_name(self.settings))
        except (OSError, ValueError):
            return ""
        return found[0] if found else ""

    def tasks_running(self) -> bool:
        """Whether every task of the job runs."""
        try:
            told = self.rest_json(f"/jobs/{job}") if (job := self.job()) else {}
        except (OSError, ValueError):
            return False
        return told.get("state") == "RUNNING" and all(
            vertex["status"] == "RUNNING" for vertex in told["vertices"]
        )

    def restarts(self) -> int:
        """How often the job that runs now has been restarted by Flink."""
        try:
            told = self.rest_json(f"/jobs/{self.job()}/metrics?get=numRestarts")
            return int(told[0]["value"])
        except (OSError, ValueError, LookupError):
            return 0

    def rest_json(self, path: str) -> Any:
        """An answer of Flink's REST interface. Raises OSError, ValueError."""
        with urllib.request.urlopen(f"{self.rest}{path}", timeout=5) as answer:  # noqa: S310
            return json.load(answer)

    def wait_until_judging(self, patience: float) -> float:
        """Seconds until every task of the job ran."""
        began = time.monotonic()
        while not self.tasks_running():
            if time.monotonic() - began > patience:
                raise TimeoutError(f"the job does not run after {patience:.0f} s")
            time.sleep(0.2)
        return time.monotonic() - began

    def memory(self) -> dict[str, int]:
        """Resident bytes of each part with all it started."""
        found = {}
        for name, server in self.servers.items():
            process = running(server.pid_file)
            if process is None:
                continue
            try:
                members = [process, *process.children(recursive=True)]
                found[name] = sum(one.memory_info().rss for one in members)
            except psutil.Error:
                continue
        return found


def _bound(make: Callable[[Any], Server], value: Any) -> Callable[[], Server]:
    return lambda: make(value)
