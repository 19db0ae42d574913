"""Laws of the whole engine over little generated days."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from ingest.simulate.compare import compare
from ingest.simulate.mint import line
from ingest.simulate.run import FIRST_SEQ, Parameters, Run
from rules.alert import ID_FIELDS, sm3_raw
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline
from tests.support.rule_files import CALENDAR, outputs

TIMELINE = RuleTimeline.load()
COMPILED = compile_timeline(TIMELINE)
BARE = re.compile(
    r"(?<![0-9])(?:[1-9][0-9]{16}[0-9Xx]|62[0-9]{14,17}|1[3-9][0-9]{9})(?![0-9A-Za-z_])"
)

Outputs = list[tuple[str, bytes]]


def day(seed: int) -> tuple[list[bytes], list[dict], str]:
    run = Run(Parameters(seed=seed, messages=1500, violations=1))
    records = [
        line(item, run.tenant, FIRST_SEQ + n).rstrip("\n").encode()
        for n, item in enumerate(run.records())
    ]
    return records, [json.loads(row) for row in run.truth_lines()], run.tenant


def judged(records: list[tuple[int, bytes]], tenant: str) -> Outputs:
    engine = Engine(TIMELINE, Decoder(tenant), CALENDAR, compiled=COMPILED)
    found: Outputs = []
    for offset, raw in records:
        found += engine.judge(raw, offset=offset)
    found += engine.finish()
    assert engine.states == {}
    return found


@pytest.fixture(scope="module", params=[1, 20260304])
def case(request: pytest.FixtureRequest) -> tuple[list[bytes], list[dict], str, Outputs]:
    records, truth, tenant = day(request.param)
    return records, truth, tenant, judged(list(enumerate(records)), tenant)


def test_all_planted_are_found_and_nothing_else(case: tuple) -> None:
    _, truth, _, found = case
    result = compare(truth, outputs(found, "alerts"))
    assert result.planted >= 12
    assert result.missed == ()
    assert result.unexpected == ()


def test_any_order_of_arrival_gives_the_same(case: tuple) -> None:
    records, _, tenant, found = case
    shuffled = list(enumerate(records))
    Random(7).shuffle(shuffled)
    assert sorted(judged(shuffled, tenant)) == sorted(found)


def test_ids_do_not_depend_on_where_records_stand(case: tuple) -> None:
    records, _, tenant, found = case
    moved = judged([(10_000 + 3 * n, raw) for n, raw in enumerate(records)], tenant)
    for kind, field in ID_FIELDS.items():
        if kind != "quarantine":  # there the place is what is told
            one, other = outputs(found, kind), outputs(moved, kind)
            assert [body[field] for body in one] == [body[field] for body in other]
            assert len({body[field] for body in one}) == len(one)


def test_outputs_hold_no_personal_number_outside_the_seal(case: tuple) -> None:
    records, _, _, found = case
    numbers = set()
    for raw in records:
        said = json.loads(raw)["payload"]
        content = said["text"]["content"] if said.get("msgtype") == "text" else ""
        numbers |= set(BARE.findall(re.sub(r"[\s\u200b-]", "", content)))
    assert len(numbers) >= 2
    for _, body in found:
        value = json.loads(body)
        assert value.pop("sealed", "x")
        shown = json.dumps(value, ensure_ascii=False)
        for number in numbers:
            assert number not in shown
            assert number not in re.sub(r"[\s\u200b-]", "", shown)


def test_every_member_has_its_evidence_and_the_digest_of_its_record(case: tuple) -> None:
    records, _, _, found = case
    digests = {sm3_raw(raw) for raw in records}
    evidence = {one["evidence_id"]: one for one in outputs(found, "evidence")}
    assert {one["raw_sm3"] for one in evidence.values()} <= digests
    for alert in outputs(found, "alerts"):
        assert alert["count"] == len(alert["members"])
        for member in alert["members"]:
            assert evidence[member["evidence_id"]]["alert_id"] == alert["alert_id"]
            assert evidence[member["evidence_id"]]["msgid"] == member["msgid"]
