"""Rules that are published while the job's functions run: they judge from their event time on, and
what comes out is what the pure engine says that knows both rulesets from the beginning."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import udfs.live_rules
from config.settings import Settings
from jobs.detect import job_spec
from jobs.registry import chosen_rules, manifest_of, registry_of, write
from rules.batches import NAME_BYTES
from rules.beside import beside
from rules.decode import Decoder
from rules.engine import Engine, unsealed
from rules.errors import MingjianError
from rules.published import MANIFEST
from rules.ruleset import RuleTimeline
from tests.support.flows import embedded
from tests.support.harness import KeyedHarness, MetricContext
from tests.support.rule_files import CALENDAR, COUNTING, SIMPLE, raws
from tests.support.rule_files import write as write_rule
from tests.unit.test_adapters import columns
from udfs import spec as specs
from udfs.ahead import RULES_FROM
from udfs.behave import Behave, as_text
from udfs.match import MatchRecords
from udfs.spec import JobSpec

RECALL = {"from": "zhangwei", "to": "c1", "recall": "m1"}
SAYS = {"from": "zhangwei", "to": "c1"}


def at(minute: int, **more: Any) -> dict[str, Any]:
    return {**more, "at": f"10:{minute:02}"}


TALK = [
    at(0, **SAYS, text="这款保本"),
    at(1, **SAYS, text="快转账"),
    *(at(minute, **RECALL) for minute in (2, 6, 7)),
    at(8, **SAYS, text="这款保本"),
    at(9, **SAYS, text="快转账"),
    *(at(minute, **RECALL) for minute in (20, 21, 22)),
]
STRICTER = COUNTING.replace("{gte: 3}", "{gte: 2}")


class Running:
    """The two functions of a job, in a process of their own as far as rules are concerned."""

    def __init__(self, settings: Settings) -> None:
        self.spec, _ = job_spec(settings)
        self.spec = JobSpec(**{**self.spec.__dict__, "seal": unsealed})
        self.outputs: dict[str, list[str]] = {}
        self.begin()

    def begin(self) -> None:
        specs._read.cache_clear()
        self.context = MetricContext()
        self.match = MatchRecords(self.spec, "kafka:messages")
        self.match.open(self.context)
        self.stage = KeyedHarness(Behave(self.spec), lambda text: text[:NAME_BYTES])

    def send(self, records: list[bytes]) -> None:
        for row in self.match.eval(*columns(records)):
            for batch in row or ():
                self.stage.send(as_text(batch))

    def advance(self, time: int) -> None:
        self.stage.advance(time)

    def said(self) -> dict[str, Counter[str]]:
        found = {
            "alerts" if name == "main" else name: Counter(map(without_place, bodies))
            for name, bodies in self.stage.outputs.items()
        }
        return found


def without_place(body: str) -> str:
    return json.dumps(
        {k: v for k, v in json.loads(body).items() if k not in ("position", "sealed")},
        sort_keys=True,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_rule(tmp_path / "rules", SIMPLE, "simple.yaml")
    write_rule(tmp_path / "rules", COUNTING, "counting.yaml")
    return embedded(tmp_path, f"rules.path={tmp_path}/rules", "tenant=demo")


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udfs.live_rules.LOOK_S", 0.0)


def put(settings: Settings, start: int) -> Path:
    """A set of the rules as they are now, as `rules publish` writes it."""
    ruleset = chosen_rules(settings)
    folder = registry_of(settings) / str(start)
    told = manifest_of(settings, ruleset, effective=start)
    write(folder, ruleset, beside(Path(settings.rules.path)), told)
    return folder


def by_engine(settings: Settings, pinned: str, records: list[bytes]) -> dict[str, Counter[str]]:
    timeline = RuleTimeline.load(pinned, settings.rules.registry)
    engine = Engine(timeline, Decoder("demo"), CALENDAR)
    found: dict[str, Counter[str]] = {}
    for kind, body in engine.run(records):
        found.setdefault(kind, Counter())[without_place(body.decode())] += 1
    return found


@pytest.mark.parametrize("restarts", [(), (4,), (2, 6)], ids=str)
@pytest.mark.parametrize(
    "change",
    ["words", "window", "title", "removed"],
)
def test_rules_take_over_at_their_time_as_in_the_pure_engine(
    settings: Settings, change: str, restarts: tuple[int, ...]
) -> None:
    records = raws(TALK)
    job = Running(settings)
    rules = Path(settings.rules.path)
    job.send(records[:2])
    if change == "words":
        write_rule(rules, SIMPLE.replace("保本", "转账"), "simple.yaml")
    elif change == "window":
        write_rule(rules, STRICTER, "counting.yaml")
    elif change == "title":
        write_rule(rules, COUNTING.replace("title: 撤回", "title: 频繁撤回"), "counting.yaml")
    else:
        (rules / "counting.yaml").unlink()
    put(settings, json.loads(records[5])["time"])  # from 10:08 on
    for number, record in enumerate(records[2:], start=2):
        if number in restarts:
            specs._read.cache_clear()
            outputs = job.stage.outputs
            job.match = MatchRecords(job.spec, "kafka:messages")
            job.match.open(MetricContext())
            job.stage = job.stage.restarted(Behave(job.spec))
            job.stage.outputs = outputs
        job.send([record])
        job.advance(json.loads(record)["time"] - 1)
    job.stage.finish()
    assert job.stage.states == {}
    expected = by_engine(settings, job.spec.rules, records)
    assert job.said() == expected
    assert {json.loads(one)["ruleset"] for one in expected["alerts"]} == {
        chosen_rules(settings).digest,
        Path(job.spec.rules).name,
    }


def test_a_message_waits_for_its_rules_and_a_clock_that_is_ahead_does_not_ask_for_them(
    settings: Settings,
) -> None:
    records = raws([at(0, **SAYS, text="快转账"), at(9, **SAYS, text="快转账")])
    ahead = json.loads(records[1])
    ahead["received_at"] = json.loads(records[0])["time"]
    ahead["payload"]["msgid"] = "m9"
    job = Running(settings)
    write_rule(Path(settings.rules.path), SIMPLE.replace("保本", "转账"), "simple.yaml")
    put(settings, json.loads(records[1])["time"])
    job.send([*records, json.dumps(ahead).encode()])
    job.stage.finish()
    (alert,) = job.stage.outputs["main"]
    assert json.loads(alert)["members"][0]["msgid"] == "m2"


@pytest.mark.parametrize("damage", ["edited", "no manifest", "gone"])
def test_a_worker_that_cannot_read_a_set_stops(settings: Settings, damage: str) -> None:
    records = raws(TALK)
    job = Running(settings)
    write_rule(Path(settings.rules.path), SIMPLE.replace("保本", "转账"), "simple.yaml")
    folder = put(settings, json.loads(records[5])["time"])
    if damage == "edited":
        write_rule(folder, SIMPLE.replace("t1_words", "t7_words"), "another.yaml")
    elif damage == "no manifest":
        (folder / MANIFEST).unlink()
    else:
        (folder / "simple.yaml").unlink()
        (folder / "counting.yaml").unlink()
    with pytest.raises(MingjianError, match=f"ruleset {folder} cannot be used"):
        job.send(records)
    # what was wrong is put right, and the task begins anew
    shutil.rmtree(folder)
    put(settings, json.loads(records[5])["time"])
    job.begin()
    job.send(records)
    job.stage.finish()
    assert job.said() == by_engine(settings, job.spec.rules, records)


def test_without_the_registry_a_worker_stops_after_a_while(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, registry = Running(settings), registry_of(settings)
    os.rename(registry, f"{registry}.away")
    job.send(raws(TALK[:1]))  # a moment may pass: nothing can be in force yet that it does not know
    monkeypatch.setattr(udfs.live_rules, "GRACE_S", 0.0)
    with pytest.raises(MingjianError, match="cannot look for published rules"):
        job.send(raws(TALK[1:2]))
    os.rename(f"{registry}.away", registry)
    job.send(raws(TALK[2:3]))


def test_a_set_that_needs_more_stages_is_not_judged_without_them(settings: Settings) -> None:
    job = Running(settings)
    records = raws(TALK)
    once = COUNTING.replace("name: t2_burst", "name: t2_once").replace(
        "level: high\nmingjian: {version: 1, item: A05-01, response: 2, legal: [x], owner: y}\n",
        "mingjian: {signal: true}\n",
    )
    parent = COUNTING.partition("---\n")[2].replace("[t2_base]", "[t2_once]")
    parent = parent.replace("04040efb", "04040efc")
    write_rule(Path(settings.rules.path), f"{once}---\n{parent}", "counting.yaml")
    put(settings, json.loads(records[5])["time"])
    job.send(records[:5])
    with pytest.raises(MingjianError, match="2 levels deep, and the job was begun with 1"):
        job.send(records[5:])


def test_how_far_each_task_is_can_be_seen(settings: Settings) -> None:
    job = Running(settings)
    records = raws(TALK)
    assert job.context.gauges[RULES_FROM]() == 0
    start = 4_000_000_000_000  # long from now
    put(settings, start)
    job.send(records[:1])
    job.match._ahead._thread.join()
    assert job.context.gauges[RULES_FROM]() == start


def test_many_sets_do_not_stay_in_memory(settings: Settings) -> None:
    job = Running(settings)
    records = raws([at(minute, **SAYS, text="保本") for minute in range(20)])
    for number, record in enumerate(records):
        write_rule(Path(settings.rules.path), f"{SIMPLE}# {number}\n", "simple.yaml")
        put(settings, json.loads(record)["time"])
    job.send(records)
    job.stage.finish()
    alerts = [json.loads(one) for one in job.stage.outputs["main"]]
    assert len({one["ruleset"] for one in alerts}) == 20
    assert len(job.spec.timeline()._loaded) <= 6
