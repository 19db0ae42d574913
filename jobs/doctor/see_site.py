"""Looks at this machine: keys, rules, disks, clocks."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from redis.exceptions import RedisError

from config.settings import Settings
from jobs.doctor.observed import Clock, Disk, KeyFile, Keys, Rules
from rules.errors import MingjianError
from sinks import elasticsearch, redis
from sinks.sealing import KEY_FILE, Sealer

_TIMEOUT_S = 4.0
_PRIVATE = (".key", ".pem")
_PEM_BYTES = 65_536


def keys(settings: Settings) -> Keys:
    """The key files and their rights."""
    folder = Path(settings.keys_dir)
    files = []
    there = (folder / KEY_FILE).is_file()
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.suffix not in _PRIVATE or not path.is_file() or _is_public(path):
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        problem = None
        if path.name == KEY_FILE:
            try:
                Sealer.from_dir(folder, create=False)
            except MingjianError as error:
                problem = (error.en, error.zh) if not mode & 0o077 else None
        elif not os.access(path, os.R_OK):
            problem = (f"{path.name} cannot be read", f"{path.name} 无法读取")
        files.append(KeyFile(path.name, mode, problem))
    return Keys(str(folder), there, tuple(files))


def _is_public(path: Path) -> bool:
    """Whether a file of PEM holds nothing but public keys and certificates."""
    try:
        kinds = set(re.findall(rb"-----BEGIN ([A-Z0-9 ]+)-----", path.read_bytes()[:_PEM_BYTES]))
    except OSError:
        return False
    return bool(kinds) and all(kind.endswith((b"PUBLIC KEY", b"CERTIFICATE")) for kind in kinds)


def rules(settings: Settings, seconds: float) -> Rules:
    """Load them in another process: it takes a while, and others are looking meanwhile."""
    given = msgspec.json.encode(settings)
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.doctor.load_rules"],
        input=given,
        capture_output=True,
        check=False,
        timeout=seconds,
        env=environment,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    if "problem" in told:
        return Rules(tuple(told["problem"]))
    return Rules(
        None,
        told["rules"],
        told["waiting"],
        told["digest"],
        tuple(told["published"]),
        _tasks(settings),
    )


def _tasks(settings: Settings) -> tuple[int, ...]:
    """From when the newest ruleset of each task of the job judges; nothing where none answers."""
    from jobs import detect, progress  # noqa: PLC0415

    if not settings.flink.rest_url:
        return ()
    return tuple(progress.rules_from(settings.flink.rest_url, detect.job_name(settings)) or ())


def disks(settings: Settings) -> list[Disk]:
    """Where something is written, each file system once."""
    places = {"data_dir": settings.data_dir}
    checkpoints = settings.flink.checkpoint_dir.removeprefix("file://")
    if checkpoints and "://" not in checkpoints:
        places["flink.checkpoint_dir"] = checkpoints
    if settings.outputs.kind == "files":
        places["outputs.path"] = settings.outputs.path
    if settings.source.kind == "files":
        places["source.path"] = settings.source.path
    by_device: dict[int, tuple[list[str], Path]] = {}
    for what, name in places.items():
        path = Path(name).resolve()
        while not path.exists():
            path = path.parent
        by_device.setdefault(path.stat().st_dev, ([], path))[0].append(what)
    found = []
    for names, path in by_device.values():
        usage = shutil.disk_usage(path)
        found.append(Disk(", ".join(names), str(path), usage.free, usage.total))
    return found


def clocks(settings: Settings) -> list[Clock]:
    """Ask every server that tells its time; one that does not answer is told of elsewhere."""
    found = []
    for target in settings.targets:
        try:
            if target.kind == "redis":
                client = redis.connect(target.url, target.username, target.ca_certs, _TIMEOUT_S)
                try:
                    found.append(_asked(target.name, lambda c=client: _redis_ms(c.time())))
                finally:
                    client.close()
            elif target.kind == "elasticsearch":
                search = elasticsearch.connect(
                    target.url, target.username, target.ca_certs, _TIMEOUT_S
                )
                try:
                    found.append(_asked(target.name, lambda c=search: _nodes_ms(c)))
                finally:
                    search.close()
        except (RedisError, ApiError, TransportError, LookupError, ValueError):
            continue
    return found


def _asked(server: str, ask: Callable[[], float]) -> Clock:
    before = time.time() * 1000
    told = ask()
    after = time.time() * 1000
    middle, half = (before + after) / 2, (after - before) / 2
    return Clock(server, told - middle, half)


def _redis_ms(answer: tuple[int, int]) -> float:
    seconds, micros = answer
    return seconds * 1000 + micros / 1000


def _nodes_ms(client: Elasticsearch) -> float:
    answer = client.nodes.stats(metric="os", filter_path="nodes.*.timestamp")
    return float(max(node["timestamp"] for node in answer["nodes"].values()))
