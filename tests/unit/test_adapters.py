"""The Flink functions, driven without a JVM, agree with the pure engine and leave nothing."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import cloudpickle
import pandas as pd
import pytest

from rules.batches import NAME_BYTES, batches, items_of
from rules.cases import records
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine, unsealed
from rules.items import ALERT, MEMBER, QUARANTINE, key_of, unpack
from rules.model import RuleFile
from rules.ruleset import CATALOG, RuleTimeline, load_ruleset
from tests.support.harness import KeyedHarness, MetricContext
from tests.support.rule_files import CALENDAR, TENANT
from udfs.ahead import RULES_FROM
from udfs.behave import Behave, as_text
from udfs.match import GAUGES, MatchRecords
from udfs.spec import JobSpec

RULES = load_ruleset()
TIMELINE = RuleTimeline([(0, RULES)])
SPEC = JobSpec(
    tenant=TENANT,
    rules=str(CATALOG),
    registry="",
    record_bytes=1 << 20,
    keep_bytes=4096,
    assume_received_at=1_772_600_000_000,
    seal=unsealed,
)
CASES = [(file.path, case) for file in RULES.files for case in file.tests]


class Loaded(JobSpec):
    """A spec whose rules are read already, so that not every case reads the catalogue anew."""

    def timeline(self) -> RuleTimeline:
        return TIMELINE


LOADED = Loaded(**dataclasses.asdict(SPEC))


def opened(source: str = "kafka:messages") -> tuple[MatchRecords, MetricContext]:
    function, context = MatchRecords(LOADED, source), MetricContext()
    function.open(context)
    return function, context


@pytest.fixture(scope="module")
def matching() -> MatchRecords:
    return opened()[0]


@pytest.fixture(scope="module")
def compiled() -> dict:
    return compile_timeline(TIMELINE)


def columns(raws: Iterable[bytes | None]) -> tuple[pd.Series, pd.Series, pd.Series]:
    rows = list(raws)
    return (
        pd.Series(rows, dtype=object),
        pd.Series([0] * len(rows)),
        pd.Series(list(range(len(rows)))),
    )


def bucket(text: str) -> str:
    return text[:NAME_BYTES]


def one_batch(*items: bytes) -> str:
    (batch,) = batches(items)
    return as_text(batch)


def by_flink(matching: MatchRecords, raws: list[bytes]) -> dict[str, list[str]]:
    """Outputs of both functions, items handed on as the job's SQL does."""
    matching._matcher._reader._recent.__init__()  # cases use the same ids
    levels = range(1, TIMELINE.depth + 1)
    stages = [KeyedHarness(Behave(LOADED, level), bucket) for level in levels]
    coming = [as_text(item) for found in matching.eval(*columns(raws)) for item in found or ()]
    outputs: dict[str, list[str]] = {}
    for harness in stages:
        for text in coming:
            harness.send(text)
        harness.finish()
        assert harness.states == {}
        assert harness.timers == []
        handed_up = harness.outputs.pop("up", [])
        assert [row[0] for row in handed_up] == [bucket(row[1]) for row in handed_up]
        coming = [row[1] for row in handed_up]
        for name, rows in harness.outputs.items():
            outputs.setdefault(name, []).extend(rows)
    assert coming == []
    return {name: sorted(rows) for name, rows in outputs.items()}


def by_engine(compiled: Mapping[str, Any], raws: list[bytes]) -> dict[str, list[str]]:
    engine = Engine(TIMELINE, Decoder(TENANT), CALENDAR, compiled=compiled)
    found: dict[str, list[str]] = {}
    outputs = [
        out for n, raw in enumerate(raws) for out in engine.judge(raw, "kafka:messages", 0, n)
    ]
    for kind, body in [*outputs, *engine.finish()]:
        found.setdefault("main" if kind == "alerts" else kind, []).append(body.decode())
    return {name: sorted(rows) for name, rows in found.items()}


@pytest.mark.parametrize("file", RULES.files, ids=lambda file: file.path)
def test_functions_and_engine_agree(file: RuleFile, matching: MatchRecords, compiled: dict) -> None:
    for case in file.tests:
        raws = [*records(case), b"{broken", b"\xff"]
        assert by_flink(matching, raws) == by_engine(compiled, raws), case["name"]


def test_a_watermark_between_elements_makes_late_ones(matching: MatchRecords) -> None:
    case = next(case for path, case in CASES if path.startswith("a05_01"))
    matching._matcher._reader._recent.__init__()
    items = [
        item
        for found in matching.eval(*columns(records(case)))
        for batch in found or ()
        for item in items_of(batch)
        if "a05_01_recall_burst" in key_of(item)  # a recall counts for another rule, too
    ]
    harness = KeyedHarness(Behave(LOADED), bucket)
    for item in items[:3]:
        harness.send(one_batch(item))
    assert len(harness.states) == 1
    assert len(harness.timers) == 1  # the first; those that follow are set when it has gone
    harness.advance(json.loads(records(case)[2])["time"])
    harness.send(one_batch(items[1]))
    harness.finish()
    assert list(harness.outputs) == ["late"]
    assert json.loads(harness.outputs["late"][0])["msgid"] == "m2"
    counted = {name: counter.count for name, counter in harness.metrics.counters.items()}
    assert {name: count for name, count in counted.items() if count} == {
        "late": 1, "late_without_effect": 1,
    }  # fmt: skip
    assert counted["open_groups"] == 0  # one was opened, and it is over
    assert (harness.states, harness.timers) == ({}, [])


def test_groups_that_a_restored_task_had_open_are_counted(matching: MatchRecords) -> None:
    case = next(case for path, case in CASES if path.startswith("a05_01"))
    matching._matcher._reader._recent.__init__()
    found = [batch for row in matching.eval(*columns(records(case))) for batch in row or ()]
    before = KeyedHarness(Behave(LOADED), bucket)
    for batch in found:
        before.send(as_text(batch))
    after = before.restarted(Behave(LOADED))
    for harness in (before, after):
        harness.advance(json.loads(records(case)[-1])["time"])  # each bucket is looked at
    counted = [one.metrics.counters["open_groups"].count for one in (before, after)]
    assert counted[0] == counted[1] > 0
    after.finish()
    assert after.metrics.counters["open_groups"].count == 0


@pytest.mark.parametrize("function", [Behave(SPEC), MatchRecords(SPEC, "kafka:messages")])
def test_functions_travel_to_workers(function: Any) -> None:
    copy = cloudpickle.loads(cloudpickle.dumps(function))
    assert type(copy) is type(function)
    assert copy._spec == SPEC
    copy.open(MetricContext())


def test_eval_gives_one_row_a_record_and_counts() -> None:
    function, context = opened()
    case = next(case for path, case in CASES if path.startswith("a07_01"))
    good = records(case)[0]
    clean = good.replace("保本".encode(), "很好".encode()).replace("稳赚不赔".encode(), b"ok")
    clean = clean.replace(b'"m1"', b'"m2"')
    series = function.eval(*columns([good, b"\x00", clean, None, good]))
    assert len(series) == 5
    rows = [row for row in series if row]
    assert len(rows) == 1  # all stand with the first record that has something
    assert all(type(batch) is bytes for batch in rows[0])
    items = [unpack(item) for batch in rows[0] for item in items_of(batch)]
    kinds = Counter(item.kind for item in items)
    assert kinds[ALERT] == 1
    assert kinds[MEMBER] >= 1  # what a correlation counts
    assert kinds[QUARANTINE] == 2
    counts = {name: read() for name, read in context.gauges.items()}
    assert set(counts) == {*GAUGES, RULES_FROM}
    assert counts["records"] == 5
    assert (counts["hits"], counts["quarantined"], counts["repeated"]) == (1, 2, 1)


def test_what_was_let_in_under_a_larger_limit_is_still_judged() -> None:
    case = next(case for path, case in CASES if path.startswith("a05_01"))
    items = [i for row in opened()[0].eval(*columns(records(case))) for i in row or ()]
    harness = KeyedHarness(Behave(dataclasses.replace(LOADED, record_bytes=10)), bucket)
    for item in items:
        harness.send(as_text(item))
    harness.finish()
    assert [json.loads(row)["rule"]["name"] for row in harness.outputs["main"]] == [
        "a05_01_recall_burst"
    ]


def test_a_bare_record_is_received_when_it_is_read_however_old_the_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    week_later = SPEC.assume_received_at + 7 * 86_400_000
    said = {"msgid": "1", "from": "a", "msgtime": week_later, "msgtype": "text"}
    bare = json.dumps(said | {"text": {"content": "x"}}).encode()
    function, _ = opened()
    monkeypatch.setattr("udfs.match._now_ms", lambda: week_later)
    assert list(function.eval(*columns([bare]))) == [None]
    monkeypatch.setattr("udfs.match._now_ms", lambda: SPEC.assume_received_at)
    (refused,) = function.eval(*columns([bare.replace(b'"1"', b'"2"')]))
    assert len(refused) == 1


def test_files_are_named_by_their_path() -> None:
    function, _ = opened(source="")
    rows = function.eval(
        pd.Series([b"{", b"", b" \r"], dtype=object), pd.Series(["/data/messages-p0.jsonl"] * 3)
    )
    assert [row is None for row in rows] == [False, True, True]
    row = rows[0]
    harness = KeyedHarness(Behave(LOADED), bucket)
    harness.send(as_text(row[0]))
    position = json.loads(harness.outputs["quarantine"][0])["position"]
    assert position == {"source": "file:/data/messages-p0.jsonl"}
