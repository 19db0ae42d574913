"""The cluster profile's servers as plain processes on this machine: start, look at, end.

Everything lives in one folder: data, logs, pid files, and `cluster.yaml`, a settings file with the
addresses. `down` ends the processes those pid files name and nothing else.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from config.settings import load
from jobs.servers import elasticsearch, flink, kafka, redis
from jobs.servers.process import Say, Server, answers, running, silent, start, stop
from jobs.topics import ensure_topics
from rules.errors import EXIT_USAGE, MingjianError

SETTINGS_FILE = "cluster.yaml"
_STATE_FILE = "stack.json"


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers listen; 0 is any free port."""

    kafka: int = 9092
    redis: int = 6379
    elasticsearch: int = 9200
    flink: int = 8081


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
    task_managers: int = 2,
    with_deliver: bool = False,
    say: Say = silent,
) -> list[Part]:
    """Start what does not run yet, wait until all answers, write the settings file.

    Args:
        folder: where everything is kept.
        with_deliver: start `mingjian deliver --follow` as well.

    Raises:
        MingjianError: a port in use, a program or archive that is missing, a server that ends.
            What was started by this call is ended again.
    """
    folder = folder.resolve()
    known = _known(folder)
    ports = ports or Ports()
    started: list[Server] = []
    try:
        for name, launch in _launchers(folder, ports, task_managers).items():
            if _runs(known.get(name)):
                say(f"{name} runs already", f"{name} 已在运行")
                continue
            say(f"starting {name} …", f"正在启动 {name} …")
            for server in launch():
                started.append(server)
                known[server.name] = _Known(
                    name=server.name,
                    address=server.address,
                    port=server.port,
                    pid_file=str(server.pid_file),
                    log=str(server.log),
                )
        for server in started:
            server.wait(say)
        settings = _write_settings(folder, known, task_managers)
        ensure_topics(load(path=settings))  # nobody should depend on their being made by accident
        if with_deliver and not _runs(known.get("deliver")):
            known["deliver"] = _start_deliver(folder, settings)
    except BaseException:
        for server in reversed(started):
            server.stop()
            known.pop(server.name, None)
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
    shutil.rmtree(folder / "flink" / "pid", ignore_errors=True)  # its own scripts' notes, now stale
    if wipe and known:
        for name in ("kafka", "redis", "elasticsearch", "flink", "deliver"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in (SETTINGS_FILE, _STATE_FILE):
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
    folder: Path, ports: Ports, task_managers: int
) -> dict[str, Callable[[], list[Server]]]:
    return {
        "redis": lambda: [redis.launch(folder / "redis", ports.redis)],
        "kafka": lambda: [kafka.launch(folder / "kafka", ports.kafka)],
        "elasticsearch": lambda: [
            elasticsearch.launch(folder / "elasticsearch", ports.elasticsearch)
        ],
        "flink": lambda: flink.launch(folder / "flink", ports.flink, task_managers),
    }


def _runs(part: _Known | None) -> bool:
    return part is not None and running(Path(part.pid_file)) is not None


def _write_settings(folder: Path, known: dict[str, _Known], task_managers: int) -> Path:
    """The cluster profile with the addresses of this stack."""
    source = Path(__file__).resolve().parents[1] / "config" / SETTINGS_FILE
    values: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    values["kafka"] = {**values.get("kafka", {}), "bootstrap": known["kafka"].address}
    values["flink"] = {
        **values.get("flink", {}),
        "parallelism": task_managers,
        "rest_url": known["flink"].address,
        "checkpoint_dir": str(folder / "flink" / "checkpoints"),
    }
    addresses = {"redis": known["redis"].address, "elasticsearch": known["elasticsearch"].address}
    for target in values["targets"]:
        target["url"] = addresses[target["kind"]]
    file = folder / SETTINGS_FILE
    head = "# Written by `mingjian stack up`: the cluster profile on the servers of this folder.\n"
    file.write_text(
        head + yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return file


def _start_deliver(folder: Path, settings: Path) -> _Known:
    command = [sys.executable, "-m", "jobs.cli.main", "deliver", "--follow", "--json-logs"]
    root = str(Path(__file__).resolve().parents[1])
    pid_file, log = start(
        "deliver", [*command, "--config", str(settings)], folder / "deliver", {"PYTHONPATH": root}
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
