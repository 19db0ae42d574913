"""A Flink standalone cluster from the Python package: one JobManager, single-slot TaskManagers.

One slot a TaskManager on purpose: in thread mode all slots of a TaskManager share one Python
interpreter, so a second slot would wait for the first.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import yaml

from config.java import java_home
from jobs.servers.jars import connector_jar, prometheus_jar
from jobs.servers.process import HOST, Server, free_port, start, take_port

_ROOT = Path(__file__).resolve().parents[2]
# The matching is Python's work; what is left to a JVM here is small, and on a few cores the second
# compiler and a parallel collector take more from it than they give (docs/performance.md).
_SMALL_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_WORKER = "pyflink.fn_execution"  # in its command line
_LOSS_S = 15.0  # heartbeat.timeout below, and some more
_METRICS_PORTS = 20  # how many ports the reporters may try, from the first one


def launch(
    folder: Path,
    port: int = 0,
    task_managers: int = 2,
    options: Mapping[str, str] | None = None,
) -> list[Server]:
    """Start a JobManager and `task_managers` TaskManagers; the first server is the JobManager.

    Args:
        options: further Flink settings under their dotted names.
    """
    port = take_port(port, "flink")
    environment = environment_for(folder, port, options or {})
    url = f"http://{HOST}:{port}"
    pid_file, log = start("jobmanager", _command("jobmanager.sh"), folder, environment)
    servers = [Server("flink", url, port, pid_file, log, lambda: _overview(url) is not None)]
    for number in range(1, task_managers + 1):
        servers.append(add_task_manager(folder, url, number, environment))
    return servers


def add_task_manager(
    folder: Path,
    url: str,
    number: int,
    environment: Mapping[str, str] | None = None,
    *,
    together: int = 0,
) -> Server:
    """Start one more TaskManager for `url`; it is ready when `together` have registered there.

    Args:
        number: names it.
        together: by default `number`, as while all are started one after the other.
    """
    name = f"taskmanager-{number}"
    env = environment or environment_for(folder)
    pid_file, log = start(name, _command("taskmanager.sh"), folder, env)

    def registered() -> bool:
        overview = _overview(url)
        return overview is not None and overview["taskmanagers"] >= (together or number)

    return Server(name, url, 0, pid_file, log, registered)


def workers(task_manager: Server) -> list[int]:
    """Pids of the processes that run Python functions for it; none when it does not run."""
    try:
        children = psutil.Process(task_manager.pid).children(recursive=True)
    except psutil.Error:
        return []
    return [child.pid for child in children if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    """Whether it runs Python functions itself; a script that only waits for one does not."""
    try:
        return _WORKER in " ".join(process.cmdline()) and not process.children()
    except psutil.Error:
        return False


def wait_for_loss(url: str, alive: int) -> None:
    """Return when the JobManager has missed those TaskManagers that died, `alive` left: until then
    it counts them, and one that is started now would seem to be there at once."""
    until = time.monotonic() + _LOSS_S
    while time.monotonic() < until:
        overview = _overview(url)
        if overview is not None and overview["taskmanagers"] <= alive:
            return
        time.sleep(0.2)


def environment_for(
    folder: Path, port: int = 0, options: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Environment of Flink's scripts for the cluster in `folder`, also for `flink run`.

    With a `port` the configuration is written anew; without, it is taken as it is.
    """
    conf, lib = folder / "conf", folder / "lib"
    if port:
        _write_conf(conf, folder, port, options or {})
        _link_jars(lib)
    # TaskManagers start Python workers and, in thread mode, an interpreter of their own: both
    # have to find the environment's packages and this code
    paths = [str(_ROOT), *site.getsitepackages()]
    return {
        "JAVA_HOME": str(java_home()),
        "FLINK_CONF_DIR": str(conf),
        "FLINK_LIB_DIR": str(lib),
        "FLINK_LOG_DIR": str(folder / "log"),
        "FLINK_PID_DIR": str(folder / "pid"),
        "PYTHONPATH": os.pathsep.join(paths),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def flink_home() -> Path:
    """Folder of the installed Python package, which is a whole Flink distribution."""
    spec = find_spec("pyflink")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyflink")
    return Path(spec.origin).parent


def _command(script: str) -> list[str]:
    return ["bash", str(flink_home() / "bin" / script), "start-foreground"]


def _write_conf(conf: Path, folder: Path, port: int, options: Mapping[str, str]) -> None:
    shutil.copytree(flink_home() / "conf", conf, dirs_exist_ok=True)
    given = yaml.safe_load((flink_home() / "conf" / "config.yaml").read_text(encoding="utf-8"))
    metrics = free_port()
    values: dict[str, Any] = {
        "env.java.opts.all": given["env"]["java"]["opts"]["all"],
        "env.java.opts.jobmanager": _SMALL_JVM,
        "env.java.opts.taskmanager": _SMALL_JVM,
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": free_port(),
        "jobmanager.bind-host": HOST,
        "jobmanager.memory.process.size": "1024m",
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": port,
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": 1,
        "taskmanager.memory.process.size": "1728m",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        # how fast a lost TaskManager is noticed
        "heartbeat.interval": "2 s",
        "heartbeat.timeout": "8 s",
        # Flink asks for no metric while an answer is due, and a TaskManager that was killed under
        # way owes it until this is over: for the ten minutes of the default everything that is
        # told of the job stands still
        "web.timeout": "60 s",
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "io.tmp.dirs": folder / "tmp",
        "web.upload.dir": folder / "tmp",
        # ms; progress lines read it. Each update has every process write down all its metrics
        "metrics.fetcher.update-interval": "1000",
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": (
            "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
        ),
        "metrics.reporter.prom.port": f"{metrics}-{metrics + _METRICS_PORTS}",
        **options,
    }
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    lines = [f"{key}: {json.dumps(str(value))}\n" for key, value in values.items()]
    (conf / "config.yaml").write_text("".join(lines), encoding="utf-8")


def _link_jars(lib: Path) -> None:
    """What the processes load: the package's archives, Python bridge, connector, reporter."""
    home = flink_home()
    lib.mkdir(parents=True, exist_ok=True)
    wanted = [*home.glob("lib/*.jar"), *home.glob("opt/flink-python-*.jar")]
    for jar in (*wanted, connector_jar(), prometheus_jar()):
        link = lib / jar.name
        link.unlink(missing_ok=True)
        link.symlink_to(jar)


def _overview(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"{url}/overview", timeout=2) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except (urllib.error.URLError, OSError, ValueError):
        return None
