"""The job judges again what it has judged before: the same ids, and what was missing is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.settings import Settings
from jobs import deliver, detect
from jobs.reconcile import Span, reconcile
from jobs.replay import replay
from rules.cases import moment
from sinks.sqlite_reader import SqliteReader
from tests.support.flows import embedded, read_outputs, write_files
from tests.support.rule_files import COUNTING, SIMPLE, raws, write

RECALL = {"from": "zhangwei", "to": "c1"}
MESSAGES = [
    {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保本"},
    {"at": "10:05", **RECALL, "recall": "x1"},
    {"at": "10:06", **RECALL, "recall": "x2"},
    {"at": "10:07", **RECALL, "recall": "x3"},
    {"at": "10:09", **RECALL, "recall": "x4"},
    {"at": "11:00", "from": "lina", "to": "c2", "text": "这款保本"},
    {"at": "12:00", "from": "lina", "to": "c2", "text": "好的"},
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    rules = tmp_path / "rules"
    write(rules, SIMPLE, "simple.yaml")
    write(rules, COUNTING, "counting.yaml")
    return embedded(tmp_path, f"rules.path={rules}", "flink.parallelism=1")


def test_what_the_job_never_saw_and_what_was_lost_is_brought_and_nothing_else(
    settings: Settings, tmp_path: Path
) -> None:
    records = raws(MESSAGES)
    late = [records.pop(3), records.pop(3)]
    write_files(tmp_path / "messages", [records])
    detect.run(settings)
    first = read_outputs(settings)
    assert len(first["alerts"]) == 2
    write_files(tmp_path / "messages", [[*records, *late]])
    lost = next(one for one in first["alerts"] if one["time"] == moment("11:00"))
    for file in sorted((tmp_path / "outputs").rglob("part-*.jsonl")):
        lines = file.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if lost["alert_id"] not in line]
        file.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    deliver.run(settings, once=True)
    span = Span(moment("09:00"), moment("12:00"))

    done = replay(settings, span)
    assert done.disputed == ()
    why = done.reconciled.comparison.missing
    assert list(why.values()) == ["lost", "lost"]
    assert done.alerts == why.keys()
    assert done.records == len(MESSAGES)
    deliver.run(settings, once=True)

    reader = SqliteReader(settings.targets[0].path, settings.tenant)
    assert reader.counts()["alerts"] == 3
    burst = next(one for one in reader.alerts()[0] if one["rule"]["name"] == "t2_burst")
    assert [one["time"] for one in reader.evidence(burst["alert_id"])] == [
        moment(at) for at in ("10:05", "10:06", "10:07", "10:09")
    ]
    assert json.dumps(lost, sort_keys=True) == json.dumps(
        reader.alert(lost["alert_id"]), sort_keys=True
    )
    assert reconcile(settings, span).comparison.complete
