"""The cluster profile's servers as plain processes on this machine: start, look at, end.

Everything lives in one folder: data, logs, pid files, and `cluster.yaml`, a settings file with the
addresses. `down` ends the processes those pid files name and nothing else. What the archive is kept
in: `jobs.stack_archive`.

A server that is started again listens where it did: the deliverer and the job know it by that
address, and nobody tells them another.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from config.settings import load
from jobs import stack_archive
from jobs.servers import elasticsearch, flink, kafka, postgres, redis
from jobs.servers.process import Say, Server, answers, is_free, running, silent, start, stop
from jobs.stack_archive import SECRETS_FILE, Secrets
from jobs.stack_settings import SETTINGS_FILE, write_settings
from jobs.topics import ensure_topics
from rules.errors import EXIT_USAGE, MingjianError

__all__ = ["SECRETS_FILE", "SETTINGS_FILE", "Part", "Ports", "down", "earlier_run", "status", "up"]
_STATE_FILE = "stack.json"
_USUAL = {
    "redis": 6379,
    "kafka": 9092,
    "elasticsearch": 9200,
    "flink": 8081,
    "postgres": 5432,
    "s3": 9000,
}
_TASK_MANAGERS = 2


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers are to listen. None: where they did when they last ran, else the usual
    port. 0: the same port as last while it is free, else any free one."""

    kafka: int | None = None
    redis: int | None = None
    elasticsearch: int | None = None
    flink: int | None = None
    postgres: int | None = None
    s3: int | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the stack as last seen. `pid` is 0 when it does not run."""

    name: str
    address: str
    pid: int
    log: str


class _Known(msgspec.Struct, kw_only=True):
    """What the state file remembers of a process."""

    name: str
    address: str
    port: int
    pid_file: str
    log: str


def up(
    folder: Path,
    *,
    ports: Ports | None = None,
    task_managers: int | None = None,
    with_deliver: bool = False,
    say: Say = silent,
) -> list[Part]:
    """Start what does not run, each part by itself, wait until all answers, write the settings
    file.

    Args:
        folder: where everything is kept.
        task_managers: None: as many as there were, else two.
        with_deliver: start `mingjian deliver --follow` as well. One that `up` started and that
            has died is started again in any case.

    Raises:
        MingjianError: a port in use, a program or file that is missing, a server that ends.
            What was started by this call is ended again.
    """
    folder = folder.resolve()
    known = _known(folder)
    before = dict(known)
    wanted = task_managers or len(_task_managers(known)) or _TASK_MANAGERS
    started: list[Server] = []
    archived = stack_archive.may_run(known, say)
    given = stack_archive.secrets_of(folder) if archived else None
    try:
        launchers = _launchers(folder, ports or Ports(), known, wanted, given, say)
        for name, launch in launchers.items():
            for server in launch():
                started.append(server)
                known[server.name] = _Known(
                    name=server.name,
                    address=server.address,
                    port=server.port,
                    pid_file=str(server.pid_file),
                    log=str(server.log),
                )
            _tell_of_a_move(name, before, known, say)
        for server in started:
            server.wait(say)
        if given:
            stack_archive.make_database(known["postgres"].port, given)
        addresses = {name: part.address for name, part in known.items()}
        settings = write_settings(folder, addresses, wanted)
        ensure_topics(load(path=settings))  # nobody should depend on their being made by accident
        if (with_deliver or "deliver" in known) and not _runs(known.get("deliver")):
            say("starting deliver …", "正在启动 deliver …")
            known["deliver"] = _start_deliver(folder, settings, given)
    except BaseException:
        for server in reversed(started):
            server.stop()
            known.pop(server.name, None)
            if server.name in before:  # where it listened is still known
                known[server.name] = before[server.name]
        raise
    finally:
        _remember(folder, known)
    return status(folder)


def down(folder: Path, *, wipe: bool = False, say: Say = silent) -> int:
    """End the processes of the stack in `folder`; returns how many ran. `wipe` removes its data."""
    folder = folder.resolve()
    known = _known(folder)
    ended = 0
    for part in reversed(list(known.values())):
        if stop(Path(part.pid_file)):
            ended += 1
            say(f"{part.name} ended", f"{part.name} 已停止")
    postgres.end_left_over(folder / "postgres" / "data")
    if known.pop("deliver", None):  # it was asked for with `up`, and is again
        _remember(folder, known)
    shutil.rmtree(folder / "flink" / "pid", ignore_errors=True)  # its own scripts' notes, now stale
    if wipe and (folder / _STATE_FILE).exists():
        for name in (*_USUAL, "deliver", stack_archive.FOLDER):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (SETTINGS_FILE, _STATE_FILE, SECRETS_FILE):
            (folder / name).unlink(missing_ok=True)
    return ended


def earlier_run(folder: Path) -> bool:
    """Whether there is data of a run before this one, and no Flink that could still judge it."""
    folder = folder.resolve()
    return (folder / "kafka" / "data" / "meta.properties").exists() and not _runs(
        _known(folder).get("flink")
    )


def status(folder: Path) -> list[Part]:
    """Every process of the stack in `folder`; empty when none was ever started there."""
    parts = []
    for part in _known(folder.resolve()).values():
        process = running(Path(part.pid_file))
        alive = process is not None and (not part.port or answers(part.port))
        pid = process.pid if process and alive else 0
        parts.append(Part(name=part.name, address=part.address, pid=pid, log=part.log))
    return parts


def _launchers(
    folder: Path, ports: Ports, known: dict[str, _Known], task_managers: int,
    given: Secrets | None, say: Say,
) -> dict[str, Callable[[], list[Server]]]:  # fmt: skip
    """By name, what starts of each server whatever does not run: nothing where all of it runs.
    `given`: None where there is no archive."""

    def one(name: str, launch: Callable[[Path, int], Server]) -> list[Server]:
        if _runs(known.get(name)):
            say(f"{name} runs already", f"{name} 已在运行")
            return []
        say(f"starting {name} …", f"正在启动 {name} …")
        return [launch(folder / name, _port(name, getattr(ports, name), known))]

    archive = stack_archive.launchers(given) if given else {}
    return {
        "redis": lambda: one("redis", redis.launch),
        "kafka": lambda: one("kafka", kafka.launch),
        "elasticsearch": lambda: one("elasticsearch", elasticsearch.launch),
        "flink": lambda: _flink(
            folder / "flink", known, _port("flink", ports.flink, known), task_managers, say
        ),
        **{name: partial(one, name, launch) for name, launch in archive.items()},
    }


def _flink(
    folder: Path, known: dict[str, _Known], port: int, wanted: int, say: Say
) -> list[Server]:
    """Start the JobManager with its TaskManagers, or those TaskManagers that it lacks."""
    recorded = _task_managers(known)
    alive = [one for one in recorded.values() if _runs(one)]
    if not _runs(known.get("flink")):
        for one in alive:  # they know the JobManager that died, and would never find the new one
            say(
                f"{one.name} has lost its JobManager, ending it",
                f"{one.name} 已失去 JobManager，将其停止",
            )
            stop(Path(one.pid_file))
        for number in recorded:
            if number > wanted:
                del known[recorded[number].name]
        say("starting flink …", "正在启动 flink …")
        return flink.launch(folder, port, wanted)
    for number, one in recorded.items():
        if number > wanted and not _runs(one):
            del known[one.name]
    lacking = [number for number in range(1, wanted + 1) if not _runs(recorded.get(number))]
    if not lacking:
        say("flink runs already", "flink 已在运行")
        return []
    url = known["flink"].address
    flink.wait_for_loss(url, len(alive))
    started = []
    for together, number in enumerate(lacking, start=len(alive) + 1):
        say(f"starting taskmanager-{number} …", f"正在启动 taskmanager-{number} …")
        started.append(flink.add_task_manager(folder, url, number, together=together))
    return started


def _task_managers(known: dict[str, _Known]) -> dict[int, _Known]:
    """Those that are recorded, by number."""
    parts = ((name.rpartition("-"), part) for name, part in known.items())
    return {int(words[2]): part for words, part in parts if words[0] == "taskmanager"}


def _port(name: str, asked: int | None, known: dict[str, _Known]) -> int:
    """Where a server is to listen that does not run; 0: any free port."""
    last = known[name].port if name in known else 0
    if asked is None:
        return last or _USUAL[name]
    return last if not asked and last and is_free(last) else asked


def _tell_of_a_move(
    name: str, before: dict[str, _Known], known: dict[str, _Known], say: Say
) -> None:
    if name in before and before[name].port != known[name].port:
        old, new = before[name].port, known[name].port
        say(
            f"{name} has moved from port {old} to {new}: start again what still uses the old one"
            " (job, deliverer, collectors)",
            f"{name} 的端口由 {old} 改为 {new}：请重启仍在使用旧端口的程序（作业、投递、采集）",
        )


def _runs(part: _Known | None) -> bool:
    return part is not None and running(Path(part.pid_file)) is not None


def _start_deliver(folder: Path, settings: Path, given: Secrets | None) -> _Known:
    command = [sys.executable, "-m", "jobs.cli.main", "deliver", "--follow", "--json-logs"]
    root = str(Path(__file__).resolve().parents[1])
    environment = {"PYTHONPATH": root, **(given.environment() if given else {})}
    pid_file, log = start(
        "deliver", [*command, "--config", str(settings)], folder / "deliver", environment
    )
    return _Known(name="deliver", address="-", port=0, pid_file=str(pid_file), log=str(log))


def _known(folder: Path) -> dict[str, _Known]:
    try:
        raw = (folder / _STATE_FILE).read_bytes()
    except OSError:
        return {}
    try:
        parts = msgspec.json.decode(raw, type=list[_Known])
    except msgspec.MsgspecError:
        raise MingjianError(
            f"{folder / _STATE_FILE} is damaged",
            f"{folder / _STATE_FILE} 已损坏",
            fix_en="end the processes of its pid files by hand, then remove the file",
            fix_zh="请按其中的 pid 文件手工结束进程，然后删除该文件",
            exit_code=EXIT_USAGE,
        ) from None
    return {part.name: part for part in parts}


def _remember(folder: Path, known: dict[str, _Known]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _STATE_FILE).write_bytes(msgspec.json.encode(list(known.values())))
