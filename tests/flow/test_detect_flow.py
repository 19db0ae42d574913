"""The real job on files: same findings as the pure engine, and nothing lost on the way."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib

import pytest

from jobs.detect import run
from rules.alert import sm3_raw
from rules.calendar import load_calendar
from rules.cases import record
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline
from sinks.sealing import Sealer, binding
from tests.support.flows import (
    catalogue_records,
    comparable,
    embedded,
    read_outputs,
    write_files,
)

CHAIN_OF_THREE = """\
name: t_pay
detection: {it: {type: text, text|contains: 转账}, condition: it}
mingjian: {signal: true}
---
name: t_warned
detection: {it: {type: text, text|contains: 提醒}, condition: it}
mingjian: {signal: true}
---
name: t_agreed
detection: {it: {type: text, text|contains: 确认}, condition: it}
mingjian: {signal: true}
---
name: t_twice
correlation:
  {type: event_count, rules: [t_pay], group-by: [sender], timespan: 2m, condition: {gte: 2}}
mingjian: {signal: true}
---
name: t_then_warned
correlation: {type: temporal_ordered, rules: [t_twice, t_warned], group-by: [sender], timespan: 5m}
mingjian: {signal: true}
---
title: 两次要求转账，被提醒，之后没有确认
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0b
name: t_never_agreed
correlation:
  type: temporal_ordered
  condition: t_then_warned and not t_agreed
  group-by: [sender]
  timespan: 5m
level: high
mingjian: {version: 1, item: A05-01, response: 2}
"""
AHEAD = """\
name: t_pay
detection: {it: {type: text, text|contains: 转账}, condition: it}
mingjian: {signal: true}
---
name: t_warned
detection: {it: {type: text, text|contains: 提醒}, condition: it}
mingjian: {signal: true}
---
title: 两次要求转账
id: 6a53a4e5-0d0a-4c55-8a54-1c8a7c1c1e0c
name: t_twice
correlation:
  {type: event_count, rules: [t_pay], group-by: [sender], timespan: 5m, condition: {gte: 2}}
level: high
mingjian: {version: 1, item: A05-01, response: 2, until: t_warned, alerts: speculative}
"""
PRIVATE = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "尾款直接转我卡上"}
RECALL = {"from": "zhangwei", "to": "c1"}


def split(records: list[bytes], parts: int) -> list[list[bytes]]:
    """Partitions as the collector makes them: one company and conversation stays together."""
    out: list[list[bytes]] = [[] for _ in range(parts)]
    for raw in records:
        out[zlib.crc32(json.loads(raw)["tenant"].encode()) % parts].append(raw)
    return out


def test_the_job_finds_what_the_pure_engine_finds(tmp_path):
    """Every test case of every rule file at once, over two partitions."""
    records = catalogue_records()
    settings = embedded(tmp_path)
    write_files(tmp_path / "messages", split(records, 2))

    run(settings)
    found = read_outputs(settings)

    engine = Engine(RuleTimeline.load(), Decoder("demo"), load_calendar())
    expected: dict[str, list] = {name: [] for name in found}
    for kind, body in engine.run(records):
        expected[kind].append(json.loads(body))
    assert len(expected["alerts"]) > 20
    assert comparable(found) == comparable(expected)
    assert [len(found[name]) for name in found] == [len(expected[name]) for name in found]


def test_a_chain_of_three_levels_is_judged_as_in_the_pure_engine(tmp_path):
    """Three keyed stages, two partitions; the silence of the top one is told at the end."""
    rules = tmp_path / "rules" / "chain.yaml"
    rules.parent.mkdir()
    rules.write_text(CHAIN_OF_THREE, encoding="utf-8")
    lines = {"zhangwei": "aa-b----aa", "lina": "a-a-b--ac", "wangfang": "aaab"}
    words = {"a": "转账", "b": "提醒", "c": "确认"}
    told = sorted(
        (minute, who, words[letter])
        for who, line in lines.items()
        for minute, letter in enumerate(line)
        if letter in words
    )
    records = [
        record({"at": f"10:{minute:02d}", "from": who, "to": "c1", "text": word}, f"m{n}", n + 1)
        for n, (minute, who, word) in enumerate(told)
    ]
    settings = embedded(tmp_path, f"rules.path={rules.parent}")
    write_files(tmp_path / "messages", split(records, 2))

    run(settings)
    found = read_outputs(settings)

    engine = Engine(RuleTimeline.load(str(rules.parent)), Decoder("demo"), load_calendar())
    expected: dict[str, list] = {name: [] for name in found}
    for kind, body in engine.run(records):
        expected[kind].append(json.loads(body))
    assert sorted(one["actor"] for one in expected["alerts"]) == ["wangfang", "zhangwei"]
    assert comparable(found) == comparable(expected)


def test_what_is_told_ahead_ends_under_its_id(tmp_path):
    """Of three people one asks in order, one in disorder, and one was warned in between, which
    comes last."""
    rules = tmp_path / "rules" / "ahead.yaml"
    rules.parent.mkdir()
    rules.write_text(AHEAD, encoding="utf-8")
    said = [
        ("zhangwei", 1, "转账"), ("zhangwei", 2, "转账"), ("lina", 4, "转账"), ("lina", 3, "转账"),
        ("wangfang", 1, "转账"), ("wangfang", 3, "转账"), ("wangfang", 2, "提醒"),
    ]  # fmt: skip
    records = [
        record({"at": f"10:00:0{at}", "from": who, "to": "c1", "text": word}, f"m{n}", n + 1)
        for n, (who, at, word) in enumerate(said)
    ]
    settings = embedded(tmp_path, f"rules.path={rules.parent}", "flink.parallelism=1")
    write_files(tmp_path / "messages", [records])

    run(settings)
    found = read_outputs(settings)

    told: dict[str, list[str]] = {}
    for one in found["alerts"]:
        told.setdefault(f"{one['actor']} {one['alert_id']}", []).append(one["status"])
    assert sorted((name.split()[0], ends) for name, ends in told.items()) == [
        ("lina", ["speculative", "final"]),
        ("wangfang", ["speculative", "retracted"]),
        ("zhangwei", ["speculative", "final"]),
    ]
    (back,) = [one for one in found["alerts"] if one["status"] == "retracted"]
    assert back["retraction"] == "undone"
    assert found["late"] == []


def test_evidence_opens_to_the_very_bytes_of_the_source(tmp_path):
    raw = record(
        {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "尾款直接转我卡上"}, "m1", 1
    )
    settings = embedded(tmp_path)
    write_files(tmp_path / "messages", [[raw]])

    run(settings)

    (evidence,) = read_outputs(settings)["evidence"]
    sealer = Sealer.from_dir(settings.keys_dir, create=False)
    opened = sealer.open(evidence["sealed"], binding(evidence["tenant"], evidence["evidence_id"]))
    assert opened == raw
    assert evidence["raw_sm3"] == sm3_raw(raw)
    assert evidence["position"]["source"].endswith("messages-p0.jsonl")


GOOD = record(
    {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "尾款直接转我卡上"}, "good", 1
)
TWIN = record({"at": "10:00", "from": "zhangwei", "to": "c1", "text": "您好"}, "good", 1)
UNKNOWN = record(
    {"at": "10:02", "from": "zhangwei", "to": "c1", "type": "hologram", "payload": {"x": 1}}, "h", 3
)
FAR = json.dumps(json.loads(GOOD) | {"time": 4102444800000}).encode()
FAR = FAR.replace(b'"msgtime": 1772589600000', b'"msgtime": 4102444800000').replace(
    b'"good"', b'"far"'
)
NO_TIME = record({"at": "10:00", "from": "zhangwei", "to": "c1", "text": "转我卡上"}, "zero", 4)
NO_TIME = NO_TIME.replace(b"1772589600000", b"0")


def test_bad_records_are_set_aside_with_reason_and_place_and_the_stream_goes_on(tmp_path):
    huge = GOOD.replace(b'"good"', b'"huge"').replace("尾款".encode(), b"x" * 10_000_000)
    bad = [
        b'{"v":1,"kind":"archive"',
        b'{"v":1,"kind":"archive","time":1,"text":"\xff\xfe"}',
        b"[1, 2]",
        b'{"v":9,"kind":"archive","time":1772589600000,"received_at":1772589600000,"payload":{}}',
        GOOD.replace(b'"from":"zhangwei"', b'"from":12'),
        GOOD.replace(b'"msgid":"good",', b""),
        huge,
        FAR,
        TWIN,
        UNKNOWN,
    ]
    settings = embedded(tmp_path)
    write_files(tmp_path / "messages", [[GOOD, NO_TIME, *bad, catalogue_records()[0]]])

    run(settings)
    found = read_outputs(settings)

    reasons = {row["raw_sm3"]: row["reason"] for row in found["quarantine"]}
    assert [reasons[sm3_raw(raw)] for raw in bad] == [
        "not_json",
        "not_utf8",
        "not_an_object",
        "unknown_envelope",
        "wrong_type",
        "missing_field",
        "too_large",
        "time_out_of_range",
        "duplicate_id_conflict",
        "unknown_type",
    ]
    assert len(found["quarantine"]) == len(bad)
    by_reason = {row["reason"]: row for row in found["quarantine"]}
    assert by_reason["too_large"]["raw_size"] == len(huge)
    assert by_reason["too_large"]["truncated"] is True
    assert by_reason["unknown_type"].get("held", True) is False
    assert all(
        row["position"]["source"].endswith("messages-p0.jsonl") for row in found["quarantine"]
    )
    hits = {member["msgid"] for alert in found["alerts"] for member in alert["members"]}
    assert {"good", "zero"} <= hits
    (untimed,) = [a for a in found["alerts"] if a["members"][0]["msgid"] == "zero"]
    assert untimed["flags"] == ["time_unknown"]


def test_what_comes_after_its_window_is_settled_is_shown_as_late(tmp_path):
    early = [record(RECALL | {"at": f"10:0{n}", "recall": f"x{n}"}, f"e{n}", n) for n in range(5)]
    noon = record({"at": "12:00", "from": "lina", "to": "c9", "recall": "y"}, "noon", 9)
    settings = embedded(
        tmp_path, "flink.parallelism=1", "flink.bundle_size=1", "flink.arrow_batch=1"
    )
    write_files(tmp_path / "messages", [[*early[:4], noon, early[4]]])

    run(settings)
    found = read_outputs(settings)

    # the recall counts towards rules of bursts, of a recall after a hit, and of an account
    assert {(row["msgid"], row["rule"]) for row in found["late"]} == {
        ("e4", "a05_01_many"),
        ("e4", "a05_01_mixed"),
        ("e4", "a05_01_recall_burst"),
        ("e4", "a05_02_recall_after_hit"),
        ("e4", "a05_03_recall_money"),
    }
    assert found["alerts"] == []


def test_many_files_are_judged_alike_in_any_order(tmp_path):
    """More files than readers: the watermark waits for the end, so that no half of it is late."""
    records = catalogue_records()
    settings = embedded(tmp_path)
    files = [records[n : n + 10] for n in range(0, len(records), 10)]
    assert len(files) > settings.flink.parallelism
    write_files(tmp_path / "messages", list(reversed(files)))

    run(settings)
    found = read_outputs(settings)

    engine = Engine(RuleTimeline.load(), Decoder("demo"), load_calendar())
    expected = {json.loads(b)["alert_id"] for kind, b in engine.run(records) if kind == "alerts"}
    assert {alert["alert_id"] for alert in found["alerts"]} == expected
    assert found["late"] == []


@pytest.mark.parametrize("mode", ["process"])
def test_real_worker_processes_find_the_code(tmp_path, mode):
    """In the mini-cluster Python functions run inside the client; here they do not, so code,
    rules and data files have to reach the workers."""
    write_files(tmp_path / "messages", [[GOOD]])
    (tmp_path / "settings.yaml").write_text(
        f"""
profile: embedded
tenant: demo
data_dir: {tmp_path}
keys_dir: {tmp_path}/keys
source: {{kind: files, path: {tmp_path}/messages}}
outputs: {{kind: files, path: {tmp_path}/outputs}}
rules: {{registry: {tmp_path}/rulesets}}
targets: []
""",
        encoding="utf-8",
    )
    # PyFlink marks a process that has run Python functions; a job that it starts inherits the marks
    marked = os.environ | {
        "PYFLINK_GATEWAY_DISABLED": "true",
        "PYTHON_LOOPBACK_SERVER_ADDRESS": "127.0.0.1:1",
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "jobs.cli.main",
            "detect",
            "-c",
            f"{tmp_path}/settings.yaml",
            "-o",
            "json",
        ],
        env=marked | {"_python_worker_execution_mode": mode},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "FINISHED"
    settings = embedded(tmp_path)
    assert [a["rule"]["name"] for a in read_outputs(settings)["alerts"]] == [
        "a02_03_transfer_to_individual"
    ]


def test_masked_everywhere_but_sealed(tmp_path):
    number = "11010519491231002X"
    raw = record(
        {"at": "10:00", "from": "zhangwei", "to": "c1", "text": f"身份证 {number}"}, "m1", 1
    )
    settings = embedded(tmp_path)
    write_files(tmp_path / "messages", [[raw]])

    run(settings)
    found = read_outputs(settings)

    assert [a["rule"]["name"] for a in found["alerts"]] == ["a08_01_resident_id"]
    assert number not in json.dumps(found)
    assert base64.b64encode(number.encode()).decode() not in json.dumps(found)
