"""Server processes: start one in its own process group, wait until it answers, end just that one.

A pid file remembers the process by its number and its start time, so that a number used again by
somebody else's process is never signalled.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from rules.errors import MingjianError

HOST = "127.0.0.1"
Say = Callable[[str, str], None]  # (English, Chinese): one line for a person
_STOP_S = 20.0
# What PyFlink puts into the environment of a process in which Python functions ran. A command that
# such a process starts inherits it: the first would refuse it a JVM, by the second its functions
# would run in the process that started it.
PYFLINK_MARKS = ("PYFLINK_GATEWAY_DISABLED", "PYTHON_LOOPBACK_SERVER_ADDRESS")
_LOG_LINES = 3


def silent(en: str, zh: str) -> None:
    """A `Say` that says nothing."""


class Server(NamedTuple):
    """A server that was started, ready or not yet.

    `address` is what a client is given; `ready` says whether it answers now.
    """

    name: str
    address: str
    port: int
    pid_file: Path
    log: Path
    ready: Callable[[], bool]

    def wait(self, say: Say = silent, timeout: float = 90.0) -> Server:
        """Return when the server answers.

        Raises:
            MingjianError: it ended, or did not answer in time; names its log.
        """
        began = time.monotonic()
        said = 0.0
        while not self.ready():
            waited = time.monotonic() - began
            if not running(self.pid_file):
                raise MingjianError(
                    f"{self.name} ended while starting: {_last_lines(self.log)}",
                    f"{self.name} 启动时退出：{_last_lines(self.log)}",
                    fix_en=f"see {self.log}",
                    fix_zh=f"详见 {self.log}",
                )
            if waited > timeout:
                raise MingjianError(
                    f"{self.name} does not answer after {timeout:.0f} s",
                    f"{self.name} 在 {timeout:.0f} 秒内没有应答",
                    fix_en=f"see {self.log}",
                    fix_zh=f"详见 {self.log}",
                )
            if waited - said >= 5.0:  # noqa: PLR2004 - seconds between two lines
                said = waited
                say(
                    f"waiting for {self.name} … {waited:.0f} s",
                    f"等待 {self.name} … {waited:.0f} 秒",
                )
            time.sleep(0.2)
        waited = time.monotonic() - began
        say(
            f"{self.name} is up at {self.address} ({waited:.1f} s)",
            f"{self.name} 已就绪：{self.address}（{waited:.1f} 秒）",
        )
        return self

    @property
    def pid(self) -> int:
        """Number of the process; 0 when it does not run."""
        process = running(self.pid_file)
        return process.pid if process else 0

    def stop(self) -> None:
        """End it in an orderly way, and wait for it."""
        stop(self.pid_file)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        stop(self.pid_file, patience=0)


def start(
    name: str, command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> tuple[Path, Path]:
    """Start `command` in the background.

    Args:
        folder: where `<name>.pid` and `<name>.log` go, and the process's working directory.
        env: variables on top of this process's own, of which PyFlink's marks are left out.

    Returns:
        The pid file and the log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pid_file, log = folder / f"{name}.pid", folder / f"{name}.log"
    own = {key: value for key, value in os.environ.items() if key not in PYFLINK_MARKS}
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**own, **(env or {})},
            start_new_session=True,  # a group of its own: a Ctrl-C here does not reach it
        )
    remember(name, child.pid, pid_file)
    return pid_file, log


def remember(name: str, pid: int, pid_file: Path) -> None:
    """Write down who a process is, for `running`."""
    started = psutil.Process(pid).create_time()
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text(json.dumps({"name": name, "pid": pid, "started": started}))


def running(pid_file: Path) -> psutil.Process | None:
    """The process a pid file speaks of, when it still runs."""
    try:
        known = json.loads(pid_file.read_text())
        process = psutil.Process(known["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:  # our own child, ended and not collected
            process.wait(timeout=1)
            return None
        same = abs(process.create_time() - known["started"]) < 1.0
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return process if same else None


def stop(pid_file: Path, patience: float = _STOP_S) -> bool:
    """End the process of a pid file with its whole group; False when it did not run.

    Args:
        patience: seconds between asking it to end and ending it; 0 ends it at once.
    """
    told, process = _text(pid_file), running(pid_file)
    if process is not None:
        members = [process, *_children(process)]
        if patience:
            _signal_group(process.pid, signal.SIGTERM)
            _, members = psutil.wait_procs(members, timeout=patience)
        if members:
            _signal_group(process.pid, signal.SIGKILL)
            psutil.wait_procs(members, timeout=10)
    if _text(pid_file) == told:  # else whoever watches it has started it again meanwhile
        pid_file.unlink(missing_ok=True)
    return process is not None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def take_port(wanted: int, name: str) -> int:
    """`wanted` when it is free, any free port for 0.

    Args:
        name: of the server, as in `--<name>-port`, or a setting with dots.

    Raises:
        MingjianError: somebody listens there.
    """
    if not wanted:
        return free_port()
    if not is_free(wanted):
        en, zh = _listener(wanted)
        option = f"--set {name}=" if "." in name else f"--{name}-port "
        raise MingjianError(
            f"port {wanted} for {name} is in use{en}",
            f"{name} 要用的端口 {wanted} 已被占用{zh}",
            fix_en=f"end what listens there, or choose another: {option}PORT (0 = any free one)",
            fix_zh=f"请停掉占用它的程序，或另选端口：{option}端口（0 表示任意空闲端口）",
        )
    return wanted


def is_free(port: int) -> bool:
    """Whether a server could listen at the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _listener(port: int) -> tuple[str, str]:
    """Who listens at a port, to append in English and in Chinese; empty when that is not told."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr.port == port
                and connection.pid
            ):
                who = psutil.Process(connection.pid).name()
                return f" by {who} (pid {connection.pid})", f"：{who}（pid {connection.pid}）"
    except psutil.Error:
        pass  # another user's process: the system keeps its name to itself
    return "", ""


def answers(port: int) -> bool:
    """Whether something accepts connections at the port."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " / ".join(line.strip() for line in lines[-_LOG_LINES:])
