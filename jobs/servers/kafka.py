"""A single Kafka broker (KRaft: broker and controller in one process)."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from config.java import java_home
from jobs.servers.jars import jar_folder
from jobs.servers.process import HOST, Server, answers, free_port, start, take_port
from rules.errors import MingjianError

NAME = "kafka"
_RECORD_BYTES = 17 * 1024 * 1024  # a record of Kafka.max_record_bytes and its envelope
_LOGGING = """\
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n%throwable
"""


def launch(folder: Path, port: int = 0, heap_mb: int = 512, advertised: int = 0) -> Server:
    """Start a broker that keeps its data in `folder`; formats the storage on first use.

    Args:
        advertised: the port that clients are told to use, when it is not `port` (a proxy's).
    """
    port = take_port(port, NAME)
    controller = free_port()
    data = folder / "data"
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_properties(port, controller, data, advertised or port), encoding="utf-8")
    (folder / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
    java = str(java_home() / "bin" / "java")
    jars = f"{jar_folder('kafka')}/*"
    if not (data / "meta.properties").exists():
        _format(java, jars, properties)
    pid_file, log = start(
        NAME,
        [
            java,
            f"-Xms{heap_mb}m",
            f"-Xmx{heap_mb}m",
            f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
            "-cp",
            jars,
            "kafka.Kafka",
            str(properties),
        ],
        folder,
    )
    return Server(NAME, f"{HOST}:{port}", port, pid_file, log, lambda: _ready(port))


def _format(java: str, jars: str, properties: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster.startswith("-"):  # the tool would take it for an option
        cluster = "m" + cluster[1:]
    command = [java, "-Xmx256m", "-cp", jars, "kafka.tools.StorageTool"]
    command += ["format", "-t", cluster, "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise MingjianError(
            f"cannot prepare Kafka's storage: {' '.join(why)}",
            f"无法初始化 Kafka 的存储：{' '.join(why)}",
        )


def _properties(port: int, controller: int, data: Path, advertised: int) -> str:
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{advertised}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "num.partitions": 2,
        "message.max.bytes": _RECORD_BYTES,
        # one broker: nothing to replicate to, and small internal topics start quickly
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _ready(port: int) -> bool:
    if not answers(port):  # the client would go on trying for seconds
        return False
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=f"{HOST}:{port}",
            request_timeout_ms=2000,
            bootstrap_timeout_ms=2000,
        )
    except (KafkaError, OSError):
        return False
    try:
        admin.list_topics()
    except (KafkaError, OSError):
        return False
    else:
        return True
    finally:
        admin.close()
