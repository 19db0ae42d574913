"""A Redis server: Debian's redis-server with an append-only file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from jobs.servers.process import HOST, Server, start, take_port
from rules.errors import MingjianError

NAME = "redis"


def launch(folder: Path, port: int = 0) -> Server:
    """Start a server that keeps its data in `folder`."""
    program = find_redis()
    port = take_port(port, NAME)
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "port": str(port),
        "bind": HOST,
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",  # an alert is refused aloud, never dropped
        "save": "",
    }
    command = [program]
    for key, value in options.items():
        command += [f"--{key}", value]
    pid_file, log = start(NAME, command, folder)
    return Server(NAME, f"redis://{HOST}:{port}/0", port, pid_file, log, lambda: _ready(port))


def find_redis() -> str:
    """Path of `redis-server`; installed through Debian's packages where this process may."""
    found = shutil.which("redis-server")
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        # the tools' package would not do, and the server's one must not start a service here
        install = ["apt-get", "install", "-y", "--no-install-recommends", "redis-server"]
        subprocess.run(
            install, capture_output=True, check=False, env={**os.environ, "RUNLEVEL": "1"}
        )
        found = shutil.which("redis-server")
    if not found:
        raise MingjianError(
            "redis-server is not installed",
            "尚未安装 redis-server",
            fix_en="run: apt-get install redis-server",
            fix_zh="请运行：apt-get install redis-server",
        )
    return found


def _ready(port: int) -> bool:
    client = Redis(host=HOST, port=port, socket_timeout=1)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()
