"""The containers' check of the deliverer, against a real broker."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from jobs.servers.process import Server

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "docker" / "healthy.py"


def healthy(*arguments: str) -> int:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def test_a_deliverer_is_healthy_while_each_of_its_groups_reads(kafka: Server) -> None:
    group = f"health-{uuid.uuid4().hex}"
    consumer = KafkaConsumer(
        f"health-{uuid.uuid4().hex}", bootstrap_servers=kafka.address, group_id=group
    )
    try:
        until = time.monotonic() + 30
        while healthy("--reading", kafka.address, group) and time.monotonic() < until:
            consumer.poll(timeout_ms=500)
        assert healthy("--reading", kafka.address, group) == 0
        assert healthy("--reading", kafka.address, group, "nobody-reads-this") == 1
    finally:
        consumer.close()
    assert healthy("--reading", kafka.address, group) == 1


def test_a_broker_or_a_page_that_is_away_is_not_healthy() -> None:
    assert healthy("--reading", "127.0.0.1:9", "group") == 1
    assert healthy("http://127.0.0.1:9/") == 1
    assert healthy("--job", "http://127.0.0.1:9/") == 1
