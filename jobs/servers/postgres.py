"""A PostgreSQL server: Debian's, with its data in a folder and one user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from jobs.servers.process import HOST, Server, start, take_port
from rules.errors import MingjianError

NAME = "postgres"
USER, PASSWORD, DATABASE = "mingjian", "mingjian", "postgres"
_PLACES = Path("/usr/lib/postgresql")
_UNPRIVILEGED = ("postgres", "nobody")
_LEFT_OVER_S = 20.0
# "fast" where everybody else's servers end on SIGTERM: PostgreSQL would wait for its clients
_ENDS_ON_TERM = 'trap "kill -INT \\$child" TERM; "$@" & child=$!; wait $child; wait $child'


def launch(
    folder: Path,
    port: int = 0,
    *,
    password: str = PASSWORD,
    database: str = DATABASE,
    options: Mapping[str, str] | None = None,
) -> Server:
    """Start a server that keeps its data in `folder`, which is made on first use. Every connection
    has to give `USER` and the password of that first use.

    Args:
        database: that the server's address names; `make_database` makes it.
        options: further settings of PostgreSQL by name.
    """
    program = find_postgres()
    data = folder / "data"
    end_left_over(data)
    port = take_port(port, NAME)
    folder.mkdir(parents=True, exist_ok=True)
    if not (data / "PG_VERSION").exists():
        _make(program.with_name("initdb"), folder, data, password)
    given = {
        "port": str(port),
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        **(options or {}),
    }
    command = [*_as_somebody(), str(program), "-D", str(data)]
    for key, value in given.items():
        command += ["-c", f"{key}={value}"]
    shell = ["bash", "-c", _ENDS_ON_TERM, NAME]
    pid_file, log = start(NAME, [*shell, *command], folder)
    first, address = (f"postgresql://{HOST}:{port}/{name}" for name in (DATABASE, database))
    return Server(NAME, address, port, pid_file, log, lambda: _ready(first, password))


def make_database(port: int, database: str, password: str = PASSWORD) -> None:
    """Make the database where it is missing.

    Raises:
        MingjianError: the server does not let us in, as after another password.
    """
    first = f"postgresql://{HOST}:{port}/{DATABASE}"
    try:
        with psycopg.connect(first, user=USER, password=password, autocommit=True) as session:
            asked = "SELECT 1 FROM pg_database WHERE datname = %s"
            if session.execute(asked, (database,)).fetchone() is None:
                session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    except psycopg.Error as error:
        why = " ".join(str(error).strip().splitlines()[:1])
        raise MingjianError(
            f"cannot make the database {database} in PostgreSQL: {why}",
            f"无法在 PostgreSQL 中创建数据库 {database}：{why}",
        ) from None


def end_left_over(data: Path) -> None:
    """End a server on this data whose shell was killed: the pid file is of the shell, so nobody
    else would, and it holds data and port."""
    try:
        number = int((data / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(number)
        if str(data) not in process.cmdline():  # the number is somebody else's by now
            return
        process.send_signal(signal.SIGINT)
        process.wait(timeout=_LEFT_OVER_S)
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess, psutil.AccessDenied):
        return
    except psutil.TimeoutExpired:  # its port is told to be in use
        return


def find_postgres() -> Path:
    """Path of `postgres`, of the newest version there is; installed through Debian's packages where
    this process may."""
    found = _newest()
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"]
        subprocess.run(
            install, capture_output=True, check=False, env={**os.environ, "RUNLEVEL": "1"}
        )
        found = _newest()
    if not found:
        raise MingjianError(
            "PostgreSQL is not installed",
            "尚未安装 PostgreSQL",
            fix_en="run: apt-get install postgresql",
            fix_zh="请运行：apt-get install postgresql",
        )
    return found


def _newest() -> Path | None:
    there = [one for one in _PLACES.glob("*/bin/postgres") if one.parts[4].isdigit()]
    return max(there, key=lambda one: int(one.parts[4]), default=None)


def _make(initdb: Path, folder: Path, data: Path, password: str) -> None:
    given = folder / "password"
    given.touch(mode=0o600)
    given.write_text(password)
    data.mkdir(mode=0o700, exist_ok=True)
    if account := _account():
        os.chown(data, account.pw_uid, account.pw_gid)
        os.chown(given, account.pw_uid, account.pw_gid)
    command = [*_as_somebody(), str(initdb), "-D", str(data), "-U", USER, f"--pwfile={given}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    given.unlink()
    if done.returncode:
        why = " ".join((done.stderr or done.stdout).strip().splitlines()[-1:])
        raise MingjianError(
            f"cannot prepare PostgreSQL's storage: {why}", f"无法初始化 PostgreSQL 的存储：{why}"
        )


def _as_somebody() -> list[str]:
    """PostgreSQL refuses to run as root. Whoever it runs as then may still pass through folders
    that are root's alone, as a test's are."""
    account = _account()
    if account is None:
        return []
    passes = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}")
    return ["setpriv", *ids, "--clear-groups", *passes]


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    known = {one.pw_name: one for one in pwd.getpwall()}
    return next((known[name] for name in _UNPRIVILEGED if name in known), None)


def _ready(address: str, password: str) -> bool:
    try:
        with psycopg.connect(address, user=USER, password=password, connect_timeout=2) as client:
            return client.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False
