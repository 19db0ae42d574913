"""Any record ends as items, as quarantine with its reason, or as nothing; never as an exception."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.cases import record
from rules.compiled import compile_timeline
from rules.decode import Decoder, heartbeat
from rules.engine import Engine
from rules.matcher import Matcher
from rules.quarantine import REASONS
from rules.recent import CONFLICT, NEW, SAME, RecentIds
from rules.ruleset import RuleTimeline, load_ruleset
from tests.support.rule_files import (
    CALENDAR,
    SIMPLE,
    TENANT,
    detection_rule,
    outputs,
    raws,
    ruleset,
)
from tests.support.rule_files import engine as engine_of

TIMELINE = RuleTimeline([(0, load_ruleset())])
COMPILED = compile_timeline(TIMELINE)
PROMISE = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款产品保本，稳赚不赔"}


def run(*records: bytes, **options: Any) -> list[tuple[str, bytes]]:
    return list(
        Engine(TIMELINE, Decoder(TENANT), CALENDAR, compiled=COMPILED, **options).run(records)
    )


def changed(raw: bytes, **changes: Any) -> bytes:
    """The record with other values; a dotted key is one of the payload."""
    value = json.loads(raw)
    for key, item in changes.items():
        inner = key.removeprefix("payload_")
        (value["payload"] if inner != key else value)[inner] = item
    return msgspec.json.encode(value)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["v", "kind", "time", "payload", "msgid", "msgtype", "text", "x"]),
                inner,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_judged_or_set_aside(raw: bytes) -> None:
    for kind, body in run(raw):
        assert kind == "quarantine"
        assert json.loads(body)["reason"] in REASONS


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["from", "tolist", "roomid", "msgid", "msgtype", "text", "msgtime", "action"]),
    st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.just("content"), st.text() | st.integers(), max_size=1),
)  # fmt: skip
def test_any_value_in_the_payload_is_judged_or_set_aside(key: str, value: Any) -> None:
    raw = changed(record(PROMISE, "m1", 1), **{f"payload_{key}": value})
    for kind, body in run(raw):
        assert kind in ("alerts", "evidence", "quarantine")
        assert kind != "quarantine" or json.loads(body)["reason"] in REASONS


def test_a_long_id_is_judged_like_any_and_a_longer_one_is_set_aside() -> None:
    sender = "z" * 512
    found = run(record({**PROMISE, "from": sender, "id": "i" * 512}, "m1", 1))
    assert outputs(found, "alerts")[0]["actor"] == sender
    (entry,) = outputs(run(record({**PROMISE, "from": sender + "z"}, "m1", 1)), "quarantine")
    assert len(entry["detail"]) < 300


def test_a_long_text_of_nothing_but_hits_is_quick() -> None:
    raw = record({**PROMISE, "text": "保本，真好，" * 10_000}, "m1", 1)
    begun = time.perf_counter()
    (alert,) = outputs(run(raw), "alerts")
    assert time.perf_counter() - begun < 5
    assert 0 < len(alert["hits"]) <= 20


def test_the_same_record_again_tells_nothing_new() -> None:
    raw = record(PROMISE, "m1", 1)
    assert run(raw, raw) == run(raw)
    # read again by a collector: another envelope around the same message
    again = changed(raw, received_at=json.loads(raw)["received_at"] + 60_000)
    assert run(raw, again) == run(raw)


def test_an_id_with_other_content_is_set_aside_and_the_stream_goes_on() -> None:
    other = record({**PROMISE, "text": "其他内容"}, "m1", 1)
    last = record({**PROMISE, "id": "m9"}, "m9", 9)
    found = run(record(PROMISE, "m1", 1), other, last)
    (held,) = outputs(found, "quarantine")
    assert (held["reason"], held["detail"]) == ("duplicate_id_conflict", "m1")
    alerts = outputs(found, "alerts")
    assert [alert["members"][0]["msgid"] for alert in alerts] == ["m1", "m9"]


def test_the_same_id_of_two_companies_is_no_conflict() -> None:
    raw = record(PROMISE, "m1", 1)
    found = run(raw, changed(raw, tenant="other", payload_text={"content": "另一家"}))
    assert outputs(found, "quarantine") == []


def test_an_event_of_the_same_id_and_another_type_is_a_conflict() -> None:
    raw = record({"at": "10:00", "event": "login_new_device", "payload": {"userid": "a"}}, "e1", 1)
    found = run(raw, changed(raw, type="member_operation"))
    assert [one["reason"] for one in outputs(found, "quarantine")] == ["duplicate_id_conflict"]


def test_recent_ids_forget_in_generations() -> None:
    recent = RecentIds(capacity=2)
    assert recent.check("t", "aab", (1, 1, 1)) == [NEW, SAME, NEW]
    assert recent.check("t", "a", [2]) == [CONFLICT]
    assert recent.check("t", "a", [1]) == [SAME], "the first content stays"
    assert recent.check("t", "c", [1]) is None
    assert recent.check("t", "a", [1]) == [SAME]
    assert [recent.check("t", one, [1]) for one in "def"] == [None] * 3, "all are new"
    assert recent.check("t", "a", [2]) is None
    assert recent.check("u", "a", [3]) is None, "of another company"
    assert recent.check("u", "ab", [3, 4]) == [SAME, NEW]


class Broken:
    """A condition that throws, as a bug in a detector would."""

    def holds(self, _view: Any) -> bool:
        raise ZeroDivisionError


def test_a_rule_that_throws_is_told_and_the_others_run(tmp_path: Path) -> None:
    bad = SIMPLE.replace("t1_words", "t0_bad").replace("3d34a454", "00000000")
    rules = ruleset(tmp_path, bad, SIMPLE)
    object.__setattr__(rules.detections["t0_bad"], "condition", Broken())
    found = list(engine_of(rules).run(raws([PROMISE])))
    assert [one["rule"]["name"] for one in outputs(found, "alerts")] == ["t1_words"]
    (held,) = outputs(found, "quarantine")
    assert (held["reason"], held["detail"]) == ("rule_failed", "t0_bad: ZeroDivisionError")
    assert held["held"] is False


def test_ten_megabytes_are_set_aside_with_their_head() -> None:
    raw = record({**PROMISE, "text": "保" * 3_400_000}, "m1", 1)
    assert len(raw) > 10_000_000
    kept: list[bytes] = []

    def seal(data: bytes, binding: str) -> str:
        kept.append(data)
        assert binding.startswith("quarantine/")
        return "sealed"

    (held,) = outputs(run(raw, seal=seal), "quarantine")
    assert (held["reason"], held["truncated"], held["raw_size"]) == ("too_large", True, len(raw))
    assert kept == [raw[:4096]]
    assert "保" not in json.dumps(held, ensure_ascii=False)


def test_an_unknown_time_is_kept_flagged_and_judged() -> None:
    raw = record(PROMISE, "m1", 1)
    received = json.loads(raw)["received_at"]
    (alert,) = outputs(run(changed(raw, time=0, payload_msgtime=0)), "alerts")
    assert (alert["time"], alert["flags"]) == (received, ["time_unknown"])


def test_an_unknown_type_is_kept_and_said() -> None:
    raw = record({"at": "10:00", "from": "zhangwei", "to": "c1", "type": "hologram"}, "m1", 1)
    (entry,) = outputs(run(raw), "quarantine")
    assert (entry["reason"], entry["held"]) == ("unknown_type", False)
    assert entry["detail"] == "hologram"
    long = record({"at": "10:00", "from": "z", "to": "c1", "type": "h" * 9999}, "m1", 1)
    assert len(outputs(run(long), "quarantine")[0]["detail"]) == 200


def test_a_rule_of_an_odd_type_is_woken(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, SIMPLE.replace("{text|contains: 保本}", "{type: HoloGram}"))
    said = {"at": "10:00", "from": "zhangwei", "to": "c1", "type": "HoloGram"}
    assert len(outputs(engine_of(rules).run(raws([said])), "alerts")) == 1


@pytest.mark.parametrize("place", [("a", 0, 0), ("a", 0, 1), ("a", 1, 0), ("b", 0, 0)])
def test_quarantine_ids_are_those_of_the_bytes_wherever_they_stand(
    place: tuple[str, int, int],
) -> None:
    """What is put back and is still bad is not set aside a second time."""

    def ids(raw: bytes, source: str, partition: int, offset: int) -> str:
        made = Engine(TIMELINE, Decoder(TENANT), CALENDAR, compiled=COMPILED)
        (found,) = outputs(made.judge(raw, source, partition, offset), "quarantine")
        return str(found["quarantine_id"])

    assert ids(b"{", *place) == ids(b"{", "a", 0, 0)
    assert ids(b"{ ", *place) != ids(b"{", *place)


def test_counts_are_what_happened() -> None:
    matcher = Matcher(TIMELINE, Decoder(TENANT), CALENDAR)
    odd = record({"at": "10:00", "from": "z", "to": "c1", "type": "hologram"}, "m2", 1)
    for raw in (record(PROMISE, "m1", 1), b"{", odd):
        matcher.match(raw, "memory")
    assert dict(matcher.counts) == {"hits": 1, "quarantined": 1, "unknown_type": 1}


def test_a_heartbeat_is_no_message_and_nothing_wrong() -> None:
    matcher = Matcher(TIMELINE, Decoder(TENANT), CALENDAR)
    told = heartbeat(TENANT, 1_772_589_600_000, 1_772_589_660_000)
    for raw in (told, told, told.replace(b"}", b',"payload":{}}')):
        assert matcher.match(raw, "memory") is None
    assert dict(matcher.counts) == {"heartbeats": 3}
    (entry,) = outputs(run(told.replace(b'"v":1', b'"v":2')), "quarantine")
    assert entry["reason"] == "unknown_envelope"


def test_a_rule_on_pictures_survives_a_number_that_no_double_holds(tmp_path: Path) -> None:
    raw = record(
        {"at": "10:00", "from": "lina", "to": "c1", "type": "image", "payload": {"md5sum": "a"}},
        "m1",
        1,
    )
    rules = detection_rule("t_image", {"it": {"type": "image"}})
    engine = engine_of(ruleset(tmp_path, rules))
    found = list(engine.run([raw.replace(b'"md5sum"', b'"x":1e999,"md5sum"')]))
    assert len(outputs(found, "alerts")) == 1


def test_an_event_with_the_same_id_at_another_time_is_another_event() -> None:
    first = record({"at": "10:00", "event": "customer_deleted", "payload": DELETED}, "e1", 0)
    second = record({"at": "10:05", "event": "customer_deleted", "payload": DELETED}, "e1", 0)
    (row,) = outputs(run(first, second, first), "quarantine")
    assert row["reason"] == "duplicate_id_conflict"


DELETED = {"UserID": "lina", "ExternalUserID": "c1"}


def test_what_is_said_of_a_bad_record_is_masked_and_one_line() -> None:
    raw = record({"at": "10:00", "from": "lina", "to": "c1", "type": "x\x1b[2J13800138000"}, "m", 1)
    (row,) = outputs(run(raw), "quarantine")
    assert row["detail"] == "x [2J138****8000"


def test_the_values_an_alert_is_grouped_by_are_masked() -> None:
    link = "看看 https://shop.example.com/a?mobile=13812345678"
    found = run(
        *(
            record({"at": f"10:0{n}", "from": "lina", "to": f"c{n}", "text": link}, f"m{n}", n)
            for n in range(1, 8)
        )
    )
    alerts = outputs(found, "alerts")
    assert "13812345678" not in json.dumps(alerts)
    assert any("138****5678" in alert["group"].get("link", "") for alert in alerts)
