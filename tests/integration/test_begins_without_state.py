"""A job whose state is lost sees the windows that were open, and invents nothing at the edge."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import msgspec

from config.settings import Flink, Rules
from jobs.beginning import MARGIN_MS
from jobs.consumer_groups import committed
from jobs.detect import run, stop
from jobs.topics import judging_group
from rules.calendar import load_calendar
from rules.cases import record
from rules.decode import Decoder, heartbeat
from rules.edges import Edges
from rules.engine import Engine
from rules.ruleset import RuleTimeline
from tests.integration.test_detect_cluster import consume, produce, wait_for
from tests.support.flows import comparable
from tests.support.rule_files import COUNTING, SIMPLE, at, write

MINUTE = 60_000
TENANT, ELSEWHERE = "demo", "first"  # in partitions of their own


def said(number: int, when: int, message: dict) -> bytes:
    """A record of the short notation, at a moment (UTC ms)."""
    return at(when, record({"at": "10:00", **message}, f"m{number}", number, TENANT))


def recalled(number: int, when: int, sender: str) -> bytes:
    return said(number, when, {"from": sender, "to": "c1", "recall": f"x{number}"})


def test_what_was_open_is_found_and_what_is_uncertain_is_not_told(
    cluster_settings, flink_cluster, tmp_path
):
    rules = tmp_path / "rules"
    write(rules, SIMPLE, "simple.yaml")
    write(rules, COUNTING, "counting.yaml")
    settings = msgspec.structs.replace(
        cluster_settings,
        source=msgspec.structs.replace(cluster_settings.source, follow=True),
        keys_dir=str(tmp_path / "keys"),
        rules=Rules(path=str(rules), registry=str(tmp_path / "rulesets")),
        flink=Flink(
            parallelism=2,
            rest_url=flink_cluster.address,
            checkpoint_interval_ms=500,
            checkpoint_dir=str(tmp_path / "checkpoints"),
        ),
    )
    timeline = RuleTimeline.load(str(rules))
    left = int(time.time() * 1000) - 60 * MINUTE  # the last message that the first job judges
    # reading will begin between the first and the second of four recalls: of the alert that stands
    # on the first three only two are seen, and with the fourth it looks like another one
    edge = left - Edges(timeline, None).furthest - MARGIN_MS
    before = [
        recalled(1, edge - MINUTE, "wangfang"),
        recalled(2, edge + 2 * MINUTE, "wangfang"),
        recalled(3, edge + 4 * MINUTE, "wangfang"),
        recalled(4, edge + 7 * MINUTE, "wangfang"),
        recalled(5, left - 4 * MINUTE, "zhangwei"),
        recalled(6, left - 3 * MINUTE, "zhangwei"),
        said(7, left - 2, {"from": "lina", "to": "c2", "text": "这款保本"}),
        said(8, left - 1, {"from": "lina", "to": "c2", "text": "好的"}),
        said(9, left, {"from": "lina", "to": "c2", "text": "好的"}),
        *(heartbeat(ELSEWHERE, left - n, left - n) for n in range(5, -1, -1)),
    ]
    over = left + 40 * MINUTE
    after = [
        recalled(10, left + MINUTE, "zhangwei"),
        said(11, left + 2 * MINUTE, {"from": "lina", "to": "c2", "text": "保本吗？保本"}),
        *(heartbeat(one, over, over) for one in (TENANT, ELSEWHERE)),
    ]
    begun: list = []
    try:
        run(settings, detached=True, on_beginning=begun.append)
        assert begun == []  # nothing was judged before
        produce(settings, before)
        group = judging_group(settings)
        wait_for(
            lambda: sum(committed(settings, group).values()), lambda done: done == len(before), 240
        )
        _wait_for_alerts(settings, 2)
        stop(settings)
        shutil.rmtree(Path(settings.flink.checkpoint_dir))

        produce(settings, after)
        run(settings, detached=True, on_beginning=begun.append)
        assert len(begun) == 1
        assert edge - MINUTE < begun[0].read_from < edge + 2 * MINUTE
        assert begun[0].short_sighted == []
        expected: dict[str, list] = {"alerts": [], "evidence": []}
        for kind, body in Engine(timeline, Decoder(TENANT), load_calendar()).run(before + after):
            expected[kind].append(json.loads(body))
        assert len(expected["alerts"]) == 4
        _wait_for_alerts(settings, len(expected["alerts"]))
        wait_for(
            lambda: sum(committed(settings, group).values()),
            lambda done: done == len(before + after),
            240,
        )
    finally:
        stop(settings)
    found = consume(settings)
    once = {kind: list({one[name]: one for one in found[kind]}.values()) for kind, name in NAMES}
    for kind, rows in once.items():
        assert comparable({kind: rows}) == comparable({kind: expected[kind]})
    assert found["late"] == found["quarantine"] == []


def _wait_for_alerts(settings, count: int) -> None:
    wait_for(
        lambda: {one["alert_id"] for one in consume(settings)["alerts"]},
        lambda told: len(told) >= count,
        240,
    )


NAMES = (("alerts", "alert_id"), ("evidence", "evidence_id"))
