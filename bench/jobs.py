"""The real job, started as a user starts it: on files, and from Kafka to Kafka."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from jobs.servers import flink, kafka
from jobs.servers.process import Server


def embedded(folder: Path, messages: Path) -> dict[str, Any]:
    """`mingjian detect` on a directory of files, Flink in the command's own process."""
    return _detect(
        folder,
        "profile: embedded\n"
        f"source: {{kind: files, path: {messages}}}\n"
        f"outputs: {{kind: files, path: {folder}/outputs}}\n",
    )


PASSES = 3


def kafka_to_kafka(folder: Path, messages: int) -> list[dict[str, Any]]:
    """Broker, JobManager and two TaskManagers beside the client, all on this machine's cores.

    The same stream is judged `PASSES` times by the same cluster: in the first the JVMs have
    nothing compiled yet.
    """
    servers: list[Server] = []
    try:
        broker = kafka.launch(folder / "kafka").wait()
        servers.append(broker)
        cluster = flink.launch(folder / "flink")
        servers += cluster
        for server in cluster:
            server.wait()
        settings = (
            "profile: cluster\n"
            "source: {kind: kafka, topic: messages}\n"
            "outputs: {kind: kafka}\n"
            f"kafka: {{bootstrap: '{broker.address}'}}\n"
            f"flink: {{rest_url: '{cluster[0].address}', checkpoint_dir: '{folder}/checkpoints'}}\n"
        )
        _run(
            "simulate", "-n", str(messages), "--format", "kafka",
            "--bootstrap", broker.address, "--truth", f"{folder}/truth.jsonl",
        )  # fmt: skip
        return [_detect(folder, settings) for _ in range(PASSES)]
    finally:
        for server in reversed(servers):
            server.stop()


def _detect(folder: Path, settings: str) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "settings.yaml"
    file.write_text(
        f"{settings}tenant: demo\ndata_dir: {folder}\nkeys_dir: {folder}/keys\ntargets: []\n"
        f"rules: {{registry: {folder}/rulesets}}\n",
        encoding="utf-8",
    )
    report, peak = _run("detect", "-c", str(file), "-o", "json")
    samples = report["samples"]
    return {
        "records": report["last"]["records"],
        "start_seconds": report["start_seconds"],
        "run_seconds": report["run_seconds"],
        "steady_per_second": report["rate"],
        "steady_seconds": samples[-1][0] - samples[0][0] if samples else 0.0,
        "client_peak_mb": peak["client"],
        "client_with_flink_peak_mb": peak["all"],
    }


def _run(*arguments: str) -> tuple[dict[str, Any], dict[str, float]]:
    """(JSON the command printed, peak resident memory in MB of it and of it with children)."""
    command = [sys.executable, "-m", "jobs.cli.main", *arguments]
    if "-o" not in command:
        command += ["-o", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = {"client": 0.0, "all": 0.0}
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    printed, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return result, peak


def _watch(pid: int, peak: dict[str, float]) -> None:
    try:
        client = psutil.Process(pid)
        while client.is_running() and client.status() != psutil.STATUS_ZOMBIE:
            own = client.memory_info().rss / 1e6
            children = 0.0
            for child in client.children(recursive=True):
                try:
                    children += child.memory_info().rss / 1e6
                except psutil.NoSuchProcess:
                    continue
            peak["client"] = max(peak["client"], own)
            peak["all"] = max(peak["all"], own + children)
            time.sleep(1)  # looking costs CPU too
    except psutil.NoSuchProcess:
        return
