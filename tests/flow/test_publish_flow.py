"""Rules that are published while the real job runs judge from their event time on, in all tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from jobs import progress
from jobs.publish import Wish, publish
from jobs.registry import begun_with, registry_of
from jobs.servers.process import free_port
from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine
from rules.published import PINNED
from rules.ruleset import RuleTimeline
from tests.support.flows import comparable, embedded, read_outputs
from tests.support.rule_files import COUNTING, SIMPLE, write


def now() -> int:
    return int(time.time() * 1000)


def said(number: int, text: str, time_ms: int) -> bytes:
    payload = {
        "msgid": f"m{number}",
        "action": "send",
        "from": "zhangwei",
        "tolist": ["wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        "roomid": "",
        "msgtime": time_ms,
        "msgtype": "text",
        "text": {"content": text},
    }
    told = {"v": 1, "kind": "archive", "time": time_ms, "received_at": time_ms, "seq": number}
    return json.dumps({**told, "tenant": "demo", "payload": payload}, ensure_ascii=False).encode()


def until(look, holds, seconds: int):
    """What `look` gives when it holds; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not holds(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.5)
    return found


def test_published_rules_judge_from_their_time_on(tmp_path: Path) -> None:
    rules, messages, port = tmp_path / "rules", tmp_path / "messages", free_port()
    write(rules, SIMPLE, "simple.yaml")
    write(rules, COUNTING, "counting.yaml")
    messages.mkdir()
    told = {
        "data_dir": tmp_path,
        "keys_dir": tmp_path / "keys",
        "source.path": messages,
        "source.follow": "true",
        "outputs.path": tmp_path / "outputs",
        "rules.path": rules,
        "rules.registry": tmp_path / "rulesets",
        "flink.rest_port": port,
        "flink.allowed_lateness_ms": 0,
        "targets": "[]",
    }
    options = [part for key, value in told.items() for part in ("--set", f"{key}={value}")]
    settings = embedded(tmp_path, *options[1::2])
    command = [sys.executable, "-m", "jobs.cli.main", "detect", *options]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    records: list[bytes] = []

    def say() -> int:
        """One file more for each of the two texts; the time they have."""
        moment = now()
        for text in ("这款保本", "快转账"):
            records.append(said(len(records), text, moment))
            half = tmp_path / "half"
            half.write_bytes(records[-1] + b"\n")
            os.replace(half, messages / f"messages-{len(records)}.jsonl")
        return moment

    def outputs() -> dict:
        return read_outputs(settings)

    try:
        say()
        until(outputs, lambda found: len(found["alerts"]) == 1, 400)
        # what is edited does not reach the job; what is published does
        write(rules, SIMPLE.replace("保本", "转账"), "simple.yaml")
        say()
        found = publish(settings, Wish("", 0, "li", "换词"), now)
        assert found.published
        while say() < found.effective + 3_000:
            time.sleep(2)
        said_by_all = len(records) // 2
        until(outputs, lambda seen: len(seen["alerts"]) == said_by_all, 300)
        tasks = progress.rules_from(f"http://127.0.0.1:{port}", "mingjian-detect-demo")
        assert tasks is not None
        assert set(tasks) == {found.effective}
    finally:
        job.send_signal(signal.SIGINT)
        job.wait(60)
    begun = begun_with(settings)
    assert begun is not None
    pinned = registry_of(settings) / PINNED / begun.digest
    timeline = RuleTimeline.load(str(pinned), settings.rules.registry)
    expected: dict[str, list] = {name: [] for name in outputs()}
    for kind, body in Engine(timeline, Decoder("demo"), load_calendar()).run(records):
        expected[kind].append(json.loads(body))
    assert comparable(outputs()) == comparable(expected)
    assert {one["ruleset"] for one in expected["alerts"]} == {begun.digest, found.digest}
