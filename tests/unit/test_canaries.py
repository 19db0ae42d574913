"""Canaries: cases of rules acted by people who cannot be real; told to nobody, counted nowhere."""

from __future__ import annotations

import inspect
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from config.settings import Rules, Settings, Target, load
from jobs import deliver
from jobs.canaries.book import CanaryBook, Missed, last_rounds
from jobs.canaries.planting import HEARTBEAT_DELAY_S, Canaries, allowance
from jobs.canaries.telling import Teller
from jobs.cli.heartbeat import heartbeat
from jobs.collecting import collector, ends
from jobs.incidents import close, open_incidents
from rules.canary_marks import FLAG_CANARY, MARK, is_canary, own_name
from rules.canary_plans import NotPossible, Plan, Planner
from rules.cases import record
from rules.compiled import compile_timeline
from rules.errors import EXIT_FINDINGS
from rules.parties import party_kind
from rules.ruleset import RuleSet, RuleTimeline
from sinks.channels.policy import Policy
from sinks.channels.sink import ChannelSink
from sinks.sqlite import SqliteSink
from sinks.sqlite_reader import SqliteReader
from tests.support.collecting import settings as site
from tests.support.collecting import written
from tests.support.command_line import app
from tests.support.records import alert, evidence, write_part
from tests.support.records import record as output
from tests.support.rule_files import (
    CALENDAR,
    COUNTING,
    SIMPLE,
    TENANT,
    detection_rule,
    engine,
    outputs,
    ruleset,
)
from tests.unit.test_channel_sink import Heard

NOW = 1_772_589_600_000  # a Wednesday, 10:00 in Shanghai
RECALLS = """\
  tests:
    - name: 三次
      messages:
        - {at: "10:00", from: zhangwei, to: c1, recall: a}
        - {at: "10:04", from: zhangwei, to: c1, recall: b}
        - {at: "10:08", from: zhangwei, to: c1, recall: c}
      alerts: 1
"""
COUNTED = COUNTING.replace(
    "mingjian: {version: 1, item: A05-01, response: 2, legal: [x], owner: y}\n",
    "mingjian:\n  version: 1\n  item: A05-01\n  response: 2\n  legal: [x]\n  owner: y\n" + RECALLS,
)


def with_case(rule: str, case: str) -> str:
    body = yaml.safe_load(rule)
    body["mingjian"] |= {"summary": "x", "legal": ["y"], "owner": "z"}
    body["mingjian"]["tests"] = yaml.safe_load(case)
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False)


def plans(rules: RuleSet, about: str = "r1", start: int = NOW) -> list[Plan | NotPossible]:
    compiled = compile_timeline(RuleTimeline([(0, rules)]))
    return list(Planner(rules, compiled, CALENDAR, TENANT).all(about, start))


@pytest.mark.parametrize(
    ("msgid", "sender", "canary"),
    [
        ("mjcanary-r1-m1", "mjcanary-r1-zhangwei", True),
        ("mjcanary-r1-m1", "wmmjcanary-r1-c1", True),
        ("mjcanary-r1-m1", "zhangwei", False),
        ("m1", "mjcanary-r1-zhangwei", False),
        ("x-mjcanary-r1", "mjcanary-r1-zhangwei", False),
        ("mjcanary-r1-m1", "boss-mjcanary-r1", False),
    ],
)
def test_only_a_message_whose_id_and_sender_are_planted_is_a_canary(msgid, sender, canary):
    assert is_canary(msgid, sender) is canary


@pytest.mark.parametrize(
    "name", ["zhangwei", "wmDemoCustomer000001", "wbRobot0000000001", "r1", "王小明"]
)
def test_who_stands_for_somebody_is_of_the_same_kind(name):
    assert party_kind(own_name(name, "r1-0")) == party_kind(name)


def test_a_plan_says_which_alerts_come_and_all_are_marked(tmp_path):
    rules = ruleset(tmp_path, SIMPLE, COUNTED)
    one, many = plans(rules)
    assert isinstance(one, Plan)
    assert isinstance(many, Plan)
    raws = [raw for plan in (one, many) for _, raw in plan.records]
    found = outputs(engine(rules).run(raws), "alerts")
    assert {row["alert_id"] for row in found} == one.alerts | many.alerts
    for row in found:
        assert row["flags"] == [FLAG_CANARY]
        assert row["actor"].startswith(MARK)
    assert one.records[0][0] == NOW
    # three recalls in eight minutes are acted in less than one
    assert [at - NOW for at, _ in many.records] == [0, 22_500, 45_000]
    assert len(plans(rules, "r2")[0].alerts - one.alerts) == 1, "each round has ids of its own"


def test_one_that_comes_too_late_is_marked_and_nobody_elses_message_is(tmp_path):
    rules = ruleset(tmp_path, COUNTED)
    (many,) = plans(rules)
    said = {"at": "10:00", "from": "zhangwei", "to": "c1", "recall": "a"}
    judging = engine(rules, lateness=0)
    judging.judge(many.records[0][1], time=2**42)
    raws = [many.records[1][1], record(said, f"{MARK}r1", 1, TENANT), record(said, "m1", 1, TENANT)]
    found = [one for raw in raws for one in judging.judge(raw)]
    assert [row.get("flags", []) for row in outputs(found, "late")] == [[FLAG_CANARY], [], []]


def test_one_planted_message_hides_nothing_that_people_did(tmp_path):
    rules = ruleset(tmp_path, COUNTED)
    people = [
        record({"at": f"10:0{n}", "from": "zhangwei", "to": "c1", "recall": f"x{n}"}, f"m{n}", n)
        for n in range(2)
    ]
    forged = record({"at": "10:03", "from": "zhangwei", "to": "c1", "recall": "y"}, f"{MARK}1", 3)
    (row,) = outputs(engine(rules).run([*people, forged]), "alerts")
    assert row.get("flags", []) == []


BY_LINK = """\
name: t3_base
detection:
  it: {type: link}
  condition: it
mingjian: {signal: true}
---
title: 同一链接
id: 04040efb-f8eb-5bd0-8d33-f221364a0b78
name: t3_link
correlation:
  type: event_count
  rules: [t3_base]
  group-by: [link.url]
  timespan: 10m
  condition: {gte: 2}
level: high
mingjian:
  version: 1
  item: A11-01
  response: 2
  legal: [x]
  owner: y
  tests:
    - name: 两次
      messages:
        - {at: "10:00", from: zhangwei, to: c1, type: link, payload: {link_url: "https://a.cn/1"}}
        - {at: "10:01", from: lina, to: c2, type: link, payload: {link_url: "https://a.cn/1"}}
      alerts: 1
"""
NIGHT = with_case(
    detection_rule("t4_night", {"it": {"time|office_time": False, "text|contains": "转账"}}),
    '[{name: a, messages: [{at: "23:00", from: zhangwei, to: c1, text: 转账}], alerts: 1}]',
)
NOBODY = with_case(
    detection_rule("t5_left", {"it": {"type": "customer_left", "customer|exists": True}}),
    '[{name: a, messages: [{at: "10:00", event: customer_left, payload:'
    " {UserID: zhangwei, ExternalUserID: c1}}], alerts: 1}]",
)
NO_CASE = with_case(detection_rule("t6", {"it": {"text|contains": "转账"}}), "[]")


@pytest.mark.parametrize(
    ("text", "reason"),
    [(BY_LINK, "shared"), (NO_CASE, "no_case"), (NIGHT, "not_now"), (NOBODY, "nobody")],
)
def test_a_rule_that_cannot_be_probed_says_why(tmp_path, text, reason):
    assert [one.reason for one in plans(ruleset(tmp_path, text))] == [reason]


def test_a_message_that_another_rule_would_count_with_peoples_is_not_planted(tmp_path):
    link = with_case(
        detection_rule("t7_link", {"it": {"link.url|contains": "a.cn"}}),
        '[{name: a, messages: [{at: "10:00", from: zhangwei, to: c1, type: link, payload:'
        ' {link_url: "https://a.cn/1"}}], alerts: 1}]',
    )
    assert isinstance(plans(ruleset(tmp_path / "a", link))[0], Plan)
    beside = plans(ruleset(tmp_path / "b", link, BY_LINK))
    assert [one.reason for one in beside if isinstance(one, NotPossible)] == ["shared", "shared"]


def canary_alert(number: int, **changes):
    return alert(number, actor=f"{MARK}r1-zhangwei", flags=(FLAG_CANARY,), **changes)


def test_the_index_shows_and_counts_none_unless_asked(tmp_path):
    sink = SqliteSink("sqlite", tmp_path / "index.db")
    sink.open()
    said = alert(3, actor=f"{MARK}like", summary='she said "canary"')
    sink.write([alert(1), canary_alert(2), evidence(1), evidence(2, flags=(FLAG_CANARY,)), said])
    reader = SqliteReader(sink.path, "demo")
    ids = {alert(1).id, said.id}
    assert {row["alert_id"] for row in reader.alerts()[0]} == ids
    assert len(reader.alerts(canaries=True)[0]) == 3
    assert {row["alert_id"] for row in reader.follow()[0]} == ids
    counts = reader.counts()
    assert (counts["alerts"], counts["evidence"], counts["by_response"]) == (2, 1, {"2": 2})
    assert reader.tenants() == {"demo": 2}
    assert reader.alert(canary_alert(2).id) is not None, "by its id it is found"
    sink.close()


def test_a_channel_tells_nobody(tmp_path):
    heard = Heard()
    sink = ChannelSink("robot", heard, Policy(), tmp_path / "box.db")
    sink.open()
    sink.write([canary_alert(1), alert(2)])
    sink.tick()
    sink.close()
    assert [ids for _, ids in heard.heard] == [[alert(2).id]]


# ---- a round, with the pure engine in the place of the job ----


@contextmanager
def judged(settings: Settings, rules: RuleSet, *, deaf: bool = False) -> Iterator[None]:
    """Judges what collectors write and delivers it, until the block ends."""
    stop = threading.Event()

    def go() -> None:
        done = 0
        while not stop.wait(0.1):
            lines = written(Path(settings.source.path).parent)
            for number, line in enumerate(lines[done:], start=done):
                found = [] if deaf else [
                    output(kind, msgspec.json.decode(body, type=_TYPES[kind]))
                    for kind, body in engine(rules).run([line]) if kind in _TYPES
                ]  # fmt: skip
                write_part(Path(settings.outputs.path), found, f"part-{number}")
            done = len(lines)
            deliver.run(settings, once=True)

    Path(settings.outputs.path).mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _types():
    from rules.alert import Alert, Evidence  # noqa: PLC0415

    return {"alerts": Alert, "evidence": Evidence}


_TYPES = _types()


@pytest.fixture
def small(tmp_path):
    folder = tmp_path / "rules"
    rules = ruleset(folder, SIMPLE)
    targets = (Target(kind="sqlite", name="sqlite", path=str(tmp_path / "index.db")),)
    settings = msgspec.structs.replace(
        site(tmp_path), targets=targets,
        rules=Rules(path=str(folder), registry=str(tmp_path / "none")),
    )  # fmt: skip
    return settings, rules


def round_of(settings: Settings, patience: float = 20.0):
    stop, book = threading.Event(), CanaryBook(settings)
    try:
        with ends(settings, stop) as where, collector(settings, "canary", where) as intake:
            return Canaries(settings, intake, book, patience).round(stop)
    finally:
        book.close()


def test_a_round_is_seen_in_the_index_and_remembered(small):
    settings, rules = small
    with judged(settings, rules):
        outcome = round_of(settings)
    assert outcome is not None
    took = outcome.seconds["t1_words", "sqlite"]
    assert took is not None
    assert took < 20
    (kept,), missed = last_rounds(settings)
    assert (kept.planted, kept.rules, kept.seen, kept.missed, missed) == (1, 1, 1, 0, [])
    assert SqliteReader(settings.targets[0].path, "demo").counts()["alerts"] == 0


def incidents_of(settings: Settings) -> list[tuple[str, str]]:
    deliver.run(settings, once=True)
    rows, _ = SqliteReader(settings.targets[0].path, "demo").incidents()
    return [(row["kind"], row["status"]) for row in rows]


def test_two_misses_in_a_row_are_an_incident_and_it_ends_when_it_is_seen(small):
    settings, rules = small
    seen = []
    for deaf in (True, True, False):
        with judged(settings, rules, deaf=deaf):
            round_of(settings, 1.0 if deaf else 20.0)
        seen.append(incidents_of(settings))
        time.sleep(1.0)  # rounds are named by the second
    assert seen == [[], [("canary_missed", "open")], [("canary_missed", "resolved")]]


MISSED, SEEN = {("t1_words", "sqlite"): None}, {("t1_words", "sqlite"): 0.5}


def after_round(settings: Settings, seconds: dict, *, again: bool = True, dies: bool = False):
    """What a round that showed this makes of incidents; `again`: it was missed before, too."""
    book = CanaryBook(settings)
    lost = [Missed(rule, target, 2) for (rule, target), took in seconds.items() if took is None]
    try:
        with ends(settings, threading.Event()) as where, collector(settings, "canary", where) as it:
            if dies:
                it.incident = killed
            now = time.time_ns() // 1_000_000
            Teller(settings, it, book, "canary").tell(now, now, lost if again else [], seconds)
    finally:
        book.close()


def killed(_incident) -> None:
    raise KeyboardInterrupt


def test_an_incident_that_was_noted_and_not_told_is_told_by_the_next_round_and_ends(small):
    settings, _ = small
    Path(settings.outputs.path).mkdir()
    with pytest.raises(KeyboardInterrupt):
        after_round(settings, MISSED, dies=True)
    assert incidents_of(settings) == []
    for _ in range(2):  # the index does not show the first yet
        after_round(settings, MISSED)
    assert incidents_of(settings) == [("canary_missed", "open")]
    after_round(settings, SEEN)
    assert incidents_of(settings) == [("canary_missed", "resolved")]


def test_an_incident_of_which_the_book_knows_nothing_ends_when_all_are_seen(small):
    settings, _ = small
    after_round(settings, MISSED)
    assert incidents_of(settings) == [("canary_missed", "open")]
    (Path(settings.data_dir) / "canary.db").unlink()
    after_round(settings, MISSED, again=False)  # a new book has one miss only
    assert incidents_of(settings) == [("canary_missed", "open")]
    after_round(settings, SEEN)
    assert incidents_of(settings) == [("canary_missed", "resolved")]


def test_an_incident_of_a_target_that_has_another_name_now_ends(small):
    settings, _ = small
    after_round(settings, MISSED)
    assert incidents_of(settings) == [("canary_missed", "open")]
    renamed = (msgspec.structs.replace(settings.targets[0], name="index"),)
    settings = msgspec.structs.replace(settings, targets=renamed)
    after_round(settings, {("t1_words", "index"): None}, again=False)
    assert incidents_of(settings) == [("canary_missed", "resolved")]
    rows, _ = SqliteReader(settings.targets[0].path, "demo").incidents()
    assert rows[0]["detail"] == "there is no such target any more"


def test_what_somebody_closed_and_is_still_missed_is_another_incident(small):
    settings, _ = small
    after_round(settings, MISSED)
    incidents_of(settings)
    (row,) = open_incidents(settings)
    close(settings, row["incident_id"], "lina", "a known gap")
    incidents_of(settings)
    after_round(settings, MISSED)
    found = [("canary_missed", "open"), ("canary_missed", "resolved")]
    assert sorted(incidents_of(settings)) == found


def test_the_command_says_what_was_missed_and_what_has_no_canary(small, tmp_path, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    settings, _ = small
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(settings)))
    call = CliRunner().invoke
    at_once = ["--patience", "1", "--set", "flink.allowed_lateness_ms=0"]
    done = call(app, ["canary", "--once", *at_once, "--config", str(file)])
    assert done.exit_code == EXIT_FINDINGS
    assert "✗ sqlite  0 of 1 came; missed: t1_words" in done.output
    told = call(app, ["canary", "--which", "--config", str(file), "--output", "json"])
    assert json.loads(told.output) == {"with": 1, "without": {}, "waiting": 0}


def test_a_round_waits_until_heartbeats_can_have_told_that_an_alert_is_due(monkeypatch, small):
    """With all defaults: the heartbeat's delay and the lateness, and then the patience."""
    asked: list[float] = []

    def stopped(*_args) -> None:
        asked.append(_args[-1])
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.cli.canary.Canaries", stopped)
    parameters = inspect.signature(heartbeat).parameters
    behind = parameters["delay"].default + parameters["every"].default
    live = load("cluster")
    monkeypatch.setattr("jobs.cli.canary.settings_from", lambda *_: small[0])
    CliRunner().invoke(app, ["canary", "--once"])
    monkeypatch.setattr("jobs.cli.canary.allowance", lambda _, *given: allowance(live, *given))
    CliRunner().invoke(app, ["canary", "--once"])
    CliRunner().invoke(app, ["canary", "--once", "--patience", "20", "--delay", "7"])
    files, topic, given = asked
    lateness = live.flink.allowed_lateness_ms / 1000
    assert parameters["delay"].default == HEARTBEAT_DELAY_S
    assert files == 60 + lateness, "a source of files has no heartbeats"
    assert topic >= behind + lateness + 30
    assert given == 20 + 7 + lateness
    slow = load("cluster", overrides=("ingest.archive.delay_seconds=600",))
    assert allowance(slow, 60) == 660 + lateness
