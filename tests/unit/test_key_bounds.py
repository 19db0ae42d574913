"""What one busy group may keep, what is told when it is more, and how many groups are open."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from config.settings import Limits
from jobs.cli.detect import ProgressLine
from jobs.health import troubles
from jobs.progress import Snapshot
from rules import bounds
from rules.behave import COUNTED
from rules.decode import Decoder
from rules.engine import Engine
from rules.findings import FLAG_TRUNCATED
from rules.ruleset import RuleSet, RuleTimeline
from tests.support.harness import MetricContext
from tests.support.rule_files import CALENDAR, COUNTING, SIMPLE, TENANT, outputs, raws, ruleset
from udfs.ahead import RULES_FROM
from udfs.match import GAUGES
from udfs.open_groups import ALL, OF, TOLD_FROM, OpenGroups
from udfs.rule_counts import FAILED, HITS, OUT_OF

KEY_BYTES = 8 * 1024  # of state: what repeats takes next to nothing
HOUR = 3_600_000
LONG = "".join(chr(random.Random(n).randrange(0x4E00, 0x9000)) for n in range(700))


def engine(rules: RuleSet, lateness: int | None = None) -> Engine:
    timeline = RuleTimeline([(0, rules)])
    return Engine(timeline, Decoder(TENANT), CALENDAR, lateness=lateness, key_bytes=KEY_BYTES)


def said(count: int, **more: Any) -> list[bytes]:
    """A second apart, of one sender to one customer."""
    return raws(
        {"at": f"10:{n // 60:02d}:{n % 60:02d}", "from": "zhangwei", "to": "c1", "id": f"m{n}"}
        | more
        for n in range(count)
    )


def largest(running: Engine) -> int:
    return max(map(len, running.states.values()), default=0)


def judged_live(running: Engine, records: list[bytes]) -> tuple[list[tuple[str, bytes]], int]:
    """(outputs, the largest state there was), event time going along with the records."""
    found, most = [], 0
    for offset, raw in enumerate(records):
        found += running.judge(raw, offset=offset, time=json.loads(raw)["time"])
        most = max(most, largest(running))
    return found, most


def test_what_waits_of_a_busy_group_is_bounded_and_the_rest_is_set_aside(tmp_path: Path) -> None:
    running = engine(ruleset(tmp_path, COUNTING))
    records = said(600, recall="z")
    found = [one for n, raw in enumerate(records) for one in running.judge(raw, offset=n)]
    aside = outputs(found, "quarantine")
    assert {one["reason"] for one in aside} == {"hot_key"}
    assert aside[0]["detail"] == "t2_burst"
    assert not aside[0]["held"]
    assert 100 < len(aside) < 500
    assert largest(running) < 2 * KEY_BYTES + 100

    found = running.finish()
    (alert,) = outputs(found, "alerts")
    counted = {one["msgid"] for one in outputs(found, "evidence")}
    assert alert["flags"] == [FLAG_TRUNCATED]
    assert len(counted) + len(aside) == len(records)
    assert running.states == {}


def test_a_group_that_was_quiet_is_counted_anew_without_the_mark(tmp_path: Path) -> None:
    running = engine(ruleset(tmp_path, COUNTING), lateness=5_000)
    found = [one for raw in said(600, recall="z") for one in running.judge(raw)]
    later = []
    for raw in said(605, recall="z")[600:]:  # the first still finds no room
        body = json.loads(raw)
        body["time"] += HOUR
        body["received_at"] += HOUR
        body["payload"]["msgtime"] += HOUR
        later.append(json.dumps(body).encode())
    found += judged_live(running, later)[0] + running.finish()
    first, second = outputs(found, "alerts")
    assert first["flags"] == [FLAG_TRUNCATED]
    assert second.get("flags", []) == []


def test_a_window_of_large_messages_keeps_the_newest(tmp_path: Path) -> None:
    """A thousand messages are little or much: their bytes are bounded as well."""
    records = said(40, type="text", text="转账" + LONG)
    texts = COUNTING.replace("type: revoke", "type: text")
    many = engine(ruleset(tmp_path / "many", texts.replace("{gte: 3}", "{gte: 10}")), lateness=0)
    found, most = judged_live(many, records)
    assert outputs(found + many.finish(), "alerts") == []  # ten are never there together
    assert most < 2 * KEY_BYTES
    few = engine(ruleset(tmp_path / "few", texts), lateness=0)
    found, _ = judged_live(few, records)
    (alert,) = outputs(found + few.finish(), "alerts")
    assert [one["msgid"] for one in alert["members"]] == ["m0", "m1", "m2"]


def test_a_hit_of_a_rule_that_suppresses_others_is_told_however_busy(tmp_path: Path) -> None:
    """It waits to be put in order only; it is no count, and nothing to leave out."""
    rules = SIMPLE.replace("mingjian: {", "mingjian: {suppress: {by: [sender], for: 1h}, ")
    running = engine(ruleset(tmp_path, rules))
    records = said(400, type="text", text="这款保本" + "好" * 200)
    found = [one for n, raw in enumerate(records) for one in running.judge(raw, offset=n)]
    assert outputs(found, "quarantine") == []
    assert largest(running) < 2 * KEY_BYTES + 100
    found += running.finish()
    assert {one["msgid"] for one in outputs(found, "evidence")} == {f"m{n}" for n in range(400)}


def test_open_groups_are_counted_and_those_of_a_rule_when_they_are_many() -> None:
    context = MetricContext()
    groups = OpenGroups(context)
    for number in range(TOLD_FROM + 5):
        groups.changed(f"c|busy|1|{number}", 1)
    for number in range(3):
        groups.changed(f"c|calm|1|{number}", 1)
    groups.changed("c|busy|1|0", -1)
    groups.changed("s|fragments", 1)
    groups.changed("q|7", 1)
    counted = {name: counter.count for name, counter in context.counters.items()}
    assert counted == {ALL: TOLD_FROM + 7, OF + "busy": TOLD_FROM + 4}


@pytest.mark.parametrize(
    ("counters", "words"),
    [
        ({}, []),
        ({"records": 9, ALL: 100}, []),
        ({ALL: 101}, ["101 groups are open, more than limits.open_groups: look"]),
        ({ALL: 2101, OF + "a": 1000, OF + "b": 1090}, ["most are of the rule b (1,090)"]),
        ({"hot_key": 7, ALL: 101}, ["7 messages were not counted", "101 groups"]),
        ({"records": 1000, "late": 9}, []),  # what comes late now and then is no trouble
        (
            {
                "records": 1000,
                "late": 10,
                "late_would_have_fired": 2,
                "late_unknown": 3,
                "late_would_have_changed": 1,
                "late_without_effect": 4,
            },
            [
                "10 times a message came too late to be judged in order: 2 would have alerted,"
                " 1 would have changed what alerted or its evidence, 4 would have changed nothing,"
                " and of 3 it cannot be told"
            ],
        ),
        ({"hits_of_a": 1_100, "hits_out_of_a": 11_000, "failed_of_b": 9}, []),
        (
            {"hits_of_a": 1_101, "hits_out_of_a": 11_000, "failed_of_b": 10},
            ["the rule b failed on 10 messages", "the rule a hits 10 % of messages"],
        ),
    ],
)
def test_what_is_amiss_is_told_once_with_what_to_look_at(
    counters: dict[str, int], words: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    limits = Limits(open_groups=100)
    found = troubles(counters, limits)
    assert len(found) == len(words)
    for one, part in zip(found, words, strict=True):
        assert part in one.en
        assert any(word in one.zh for word in ("limits.", "flink.allowed_lateness_ms", "重新发布"))
    with ProgressLine(limits) as line:
        for _ in range(3):
            line.show(Snapshot("RUNNING", counters=counters), 1.0)
    assert capsys.readouterr().err.count("⚠") == len(words)


def test_what_the_keyed_stage_counts_is_seen_beside_the_counts_of_this_process() -> None:
    seen = Snapshot("RUNNING", records=5, counters={"records": 5, "hot_key": 7, "late": 2})
    counted = seen.counted(Counter(records=8, hits=1))
    assert counted.records == 8
    assert counted.counters == {"records": 8, "hits": 1, "hot_key": 7, "late": 2}


def test_the_counts_of_a_job_that_has_ended_are_those_of_its_last_look() -> None:
    last = Snapshot("RUNNING", watermark=9, counters={"records": 5, "late": 2, ALL: 4})
    ended = Snapshot("FINISHED", counters={"records": 8, ALL: 0}).not_before(last)
    assert ended.counters == {"records": 8, "late": 2, ALL: 0}
    assert ended.watermark == 9


def test_the_default_of_a_key_stands_in_one_place() -> None:
    assert Limits().key_bytes is bounds.KEY_BYTES  # the same number, not another one like it


def test_every_metric_is_on_the_page() -> None:
    page = Path(__file__).parents[2] / "docs" / "deployment.md"
    table = page.read_text(encoding="utf-8").split("<!-- table: metrics -->")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    shown = re.findall(r"`(\w+)`", "".join(rows))
    assert sorted(shown) == sorted(
        [*GAUGES, *COUNTED, ALL, RULES_FROM]
        + [f"{name}RULE" for name in (OF, HITS, OUT_OF, FAILED)]
    )
