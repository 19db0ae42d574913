"""Events of systems beside WeCom: read as their feed's file says, and nothing made up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rules import feeds
from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import RecordError
from rules.message import Message
from rules.ruleset import RuleTimeline, load_ruleset
from rules.side_events import TYPES
from tests.support.rule_files import CALENDAR

ROOT = Path(__file__).resolve().parents[2]
TIME = 1_772_589_600_000


def told(kind: str, **payload: Any) -> Message:
    head = {"v": 1, "kind": "event", "time": TIME, "received_at": TIME, "tenant": "t", "seq": 0}
    record = head | {"id": "e1", "source": "x", "type": kind, "payload": payload}
    return Decoder("t").decode(json.dumps(record).encode())


def test_a_payload_becomes_the_fields_of_its_feed() -> None:
    found = told(
        "crm_opportunity", userid="zhangwei", external_userid="wmAAAAAAAAAAAA", stage="lost",
        amount="12.5", unknown=1,
    )  # fmt: skip
    assert (found.sender, found.sender_kind, found.kind) == ("zhangwei", "employee", "event")
    assert found.field("crm.stage") == "lost"
    assert found.field("crm.amount") == 12.5
    assert found.field("customer") == "wmAAAAAAAAAAAA"
    assert found.field("crm.unknown") is None
    assert found.flags == ()


def test_words_read_in_a_message_have_the_parties_of_the_message() -> None:
    found = told("image_text", **{"from": "zhangwei"}, tolist=["wmAAAAAAAAAAAA"], text="转我卡上")
    assert (found.text, found.direction, found.sender_kind) == ("转我卡上", "outbound", "employee")
    assert found.conversation == "wmAAAAAAAAAAAA|zhangwei"
    back = told("image_text", **{"from": "wmAAAAAAAAAAAA"}, tolist=["zhangwei"], text="好")
    assert (back.direction, back.sender_kind) == ("inbound", "customer")


def test_nobody_is_blamed_when_the_source_names_nobody() -> None:
    assert told("erp_receipt", amount=3).sender_kind == "system"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("crm_quote", {"price": "dear"}),
        ("crm_quote", {"price": [1]}),
        ("hr_status", {"last_day": -1}),
        ("image_text", {"from": "zhangwei", "tolist": "c1"}),
        ("image_text", {"text": 5}),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, payload: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="wrong_type"):
        told(kind, **payload)


def test_no_feed_takes_a_type_or_field_that_is_decoded_elsewhere() -> None:
    assert not set(feeds.events()) & TYPES
    assert all(feed.title["en"] and feed.title["zh"] for feed in feeds.feeds().values())
    assert not [one.type for one in feeds.events().values() if not one.title.get("zh")]
    connected = {name for name, feed in feeds.feeds().items() if feed.connected}
    assert {"archive", "callback", "member_oper_log"} <= connected
    assert not {"ocr", "asr", "hr", "erp", "crm"} & connected


def test_the_page_of_feeds_is_what_the_files_say() -> None:
    code = "import scripts.make_feed_docs as made; print(made.page(), end='')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs" / "feeds.md").read_text(encoding="utf-8") == done.stdout, (
        "run: .venv/bin/python scripts/make_feed_docs.py"
    )


def test_a_rule_that_waits_for_a_feed_judges_nothing() -> None:
    """No ticket system is connected, so that no complaint ever gets a ticket proves nothing."""
    complaint = {"messages": [{"at": "10:00", "from": "c1", "to": "zhangwei", "text": "我要投诉"}]}

    def fired(timeline: RuleTimeline) -> list[str]:
        outputs = Engine(timeline, Decoder("demo"), CALENDAR).run(records(complaint))
        return [json.loads(body)["rule"]["name"] for kind, body in outputs if kind == "alerts"]

    assert fired(RuleTimeline([(0, load_ruleset())])) == ["a11_16_complaint_not_escalated"]
    assert fired(RuleTimeline.load()) == []


def test_what_waits_is_what_needs_a_feed_that_is_not_connected() -> None:
    every, awake = load_ruleset(), load_ruleset().awake()
    kept = {*awake.detections, *awake.correlations}
    for file in every.files:
        waits = any(not feeds.feeds()[name].connected for name in file.requires)
        assert (file.main.ref.name not in kept) is waits, file.path
