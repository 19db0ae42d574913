"""A span judged again against an index, through the command: what is missing, and why."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from config.settings import Settings, load
from jobs import deliver
from jobs.cli.replay import speed
from jobs.reconcile import Span, judging_by, reconcile
from jobs.registry import pin
from jobs.replay import replay
from jobs.replay_outputs import OutputWriter
from rules.alert import ID_FIELDS
from rules.calendar import load_calendar
from rules.cases import DAY, moment
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import MingjianError
from rules.ruleset import RuleTimeline, load_ruleset
from sinks.base import Record
from tests.support.command_line import app
from tests.support.flows import write_files
from tests.support.records import write_part
from tests.support.rule_files import COUNTING, SIMPLE, raws, write

DAYS = f"{DAY}T00:00"
RECALL = {"from": "zhangwei", "to": "c1", "recall": "x1"}
MESSAGES = [
    {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保本"},
    {"at": "10:05", **RECALL},
    {"at": "10:06", **RECALL},
    {"at": "10:07", **RECALL},
    {"at": "11:00", "from": "lina", "to": "c2", "text": "这款保本"},
    {"at": "11:30", "from": "lina", "to": "c2", "text": "好的"},
]

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def config(tmp_path: Path) -> str:
    rules = tmp_path / "rules"
    write(rules, SIMPLE, "simple.yaml")
    write(rules, COUNTING, "counting.yaml")
    write_files(tmp_path / "messages", [raws(MESSAGES)])
    file = tmp_path / "settings.yaml"
    values = {
        "tenant": "demo",
        "data_dir": f"{tmp_path}/var",
        "source": {"kind": "files", "path": f"{tmp_path}/messages"},
        "outputs": {"kind": "files", "path": f"{tmp_path}/outputs"},
        "rules": {"path": str(rules), "registry": f"{tmp_path}/rulesets"},
        "targets": [{"kind": "sqlite", "name": "sqlite", "path": f"{tmp_path}/index.db"}],
    }
    file.write_text(yaml.safe_dump(values))
    return str(file)


@pytest.fixture
def settings(config: str) -> Settings:
    return load("embedded", config)


@pytest.fixture
def call(config: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--config", config])
        if isinstance(done.exception, MingjianError):
            raise done.exception
        return done.exit_code, done.stdout

    return run


def lived(settings: Settings, records: Iterable[bytes], **options: Any) -> list[Record]:
    """What a live run has written about these records, as they came."""
    timeline = RuleTimeline.load(settings.rules.path)
    engine = Engine(timeline, Decoder("demo"), load_calendar(), **options)
    found: list[tuple[str, bytes]] = []
    for raw in records:
        found += engine.judge(raw, time=json.loads(raw)["time"])
    found += engine.finish()
    return [Record(kind, json.loads(body)[ID_FIELDS[kind]], body) for kind, body in found]


def pinned_digest(settings: Settings, folder: Path) -> str:
    """Write down the rules of a folder, as a job does that begins with them."""
    rules = msgspec.structs.replace(settings.rules, path=str(folder))
    return Path(pin(msgspec.structs.replace(settings, rules=rules)).rules.path).name


def index(settings: Settings, records: Iterable[Record]) -> None:
    write_part(Path(settings.outputs.path), records)
    deliver.run(settings, once=True)


def asked(call: Call, *more: str) -> tuple[int, dict[str, Any]]:
    words = ("reconcile", "--from", DAYS, "--to", f"{DAY}T23:00", "--output", "json")
    code, printed = call(*words, *more)
    return code, json.loads(printed)


def test_a_whole_index_is_complete(call: Call, settings: Settings) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    code, found = asked(call)
    assert (code, found["expected"], found["in_index"], found["same"]) == (0, 3, 3, 3)
    assert found["missing"] == found["surplus"] == []
    assert found["complete"] is True
    assert found["records"] == 6
    _, printed = call("reconcile", "--from", DAYS, "--to", f"{DAY}T23:00")
    assert "should be there 3 · in the index 3 · the same 3" in printed
    assert "nothing is missing without a reason" in printed


def test_what_never_came_is_lost_and_what_waits_for_the_deliverer_is_not_delivered(
    call: Call, settings: Settings
) -> None:
    told = lived(settings, raws(MESSAGES))
    alerts = [one for one in told if one.topic == "alerts"]
    lost, waits = alerts[0], alerts[1]
    index(settings, [one for one in told if one not in (lost, waits)])
    write_part(Path(settings.outputs.path), [waits], "part-1-0")
    code, found = asked(call)
    assert code == 1
    assert {one["alert_id"]: one["why"] for one in found["missing"]} == {
        lost.id: "lost",
        waits.id: "undelivered",
    }
    code, printed = call("reconcile", "--from", DAYS, "--to", f"{DAY}T23:00")
    assert code == 1
    assert "1 missing: nowhere" in printed
    assert re.search(rf"− +{lost.id[:12]} +\d\d-\d\d 10:00:00 +t1_words +lost", printed)


def test_without_any_index_all_is_missing(call: Call, settings: Settings) -> None:
    Path(settings.outputs.path).mkdir()
    deliver.run(settings, once=True)
    code, found = asked(call)
    assert (code, len(found["missing"]), found["faults"]) == (1, 3, 3)


def test_only_the_span_is_asked_about(call: Call, settings: Settings) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    code, found = asked(call, "--from", f"{DAY}T10:06", "--to", f"{DAY}T10:30")
    assert (code, found["expected"], found["in_index"]) == (0, 1, 1)


def test_an_alert_that_a_latecomer_would_have_given_is_explained(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    records = raws(MESSAGES)
    late = records.pop(2)
    records.insert(4, late)  # after the message of eleven
    write_files(tmp_path / "messages", [records])
    told = lived(settings, records, lateness=5_000)
    assert {one.topic for one in told} >= {"late"}
    index(settings, told)
    code, found = asked(call)
    assert code == 0
    assert [(one["rule"], one["why"]) for one in found["missing"]] == [("t2_burst", "late")]


def test_an_alert_that_is_there_and_should_not_be_is_named(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    write_files(tmp_path / "messages", [raws(MESSAGES)[:4]])
    code, found = asked(call)
    assert code == 1
    assert [(one["rule"], one["why"]) for one in found["surplus"]] == [("t1_words", "unexplained")]


def test_alerts_of_other_tenants_are_not_compared_and_are_counted(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    """They are in the index under their own tenant, where this one's reader does not see them."""
    records = raws(MESSAGES)
    records[4] = msgspec.json.encode({**json.loads(records[4]), "tenant": "other"})
    write_files(tmp_path / "messages", [records])
    index(settings, lived(settings, records))
    code, found = asked(call)
    assert (code, found["missing"], found["other_tenants"]) == (0, [], 1)
    assert (found["expected"], found["in_index"], found["same"]) == (2, 2, 2)
    _, printed = call("reconcile", "--from", DAYS, "--to", f"{DAY}T23:00")
    assert "1 alert of other tenants was not compared" in printed


QUIET = SIMPLE.replace(
    "  response: 2\n", "  response: 2\n  suppress: {for: 24h, by: [sender, conversation]}\n"
)
TALK = COUNTING.replace("{type: revoke}", "{type: text}").replace("gte: 3", "gte: 9")


def a_day_later(raw: bytes) -> bytes:
    record = json.loads(raw)
    record["time"] += 86_400_000
    record["payload"]["msgtime"] += 86_400_000
    return json.dumps(record, ensure_ascii=False).encode()


@pytest.mark.parametrize("counted", [True, False])  # whether another rule waits for it as well
@pytest.mark.parametrize("begin", [DAYS, f"{DAY}T10:20"])  # the late one is in the span, or before
def test_a_suppression_that_a_latecomer_did_not_open_is_explained(
    call: Call, settings: Settings, tmp_path: Path, begin: str, counted: bool
) -> None:
    """It alerts by itself when it comes, and so does the next one in time; in order the first
    silences the second, and a day later the silences of then and of now end at other times."""
    said = {"from": "zhangwei", "to": "c1", "text": "这款保本"}
    times = ("10:00", "10:30", "10:15", "10:30", "10:45")
    records = raws([{"at": at, **said} for at in times])
    records[2:] = [a_day_later(one) for one in records[2:]]
    write(tmp_path / "rules", QUIET, "simple.yaml")
    if counted:
        write(tmp_path / "rules", TALK, "counting.yaml")
    came = [records[1], records[0], *records[2:]]
    write_files(tmp_path / "messages", [came])
    told = lived(settings, came, lateness=5_000)
    assert {one.topic for one in told} >= {"late"}
    index(settings, told)
    code, found = asked(call, "--from", begin, "--to", "2026-03-06")
    assert [one["why"] for one in found["surplus"]] == ["late", "late"]
    assert [one["why"] for one in found["missing"]] == ["moved"]
    assert (code, found["complete"]) == (0, True)


def test_a_suppression_that_failed_in_time_is_a_fault(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    said = {"from": "zhangwei", "to": "c1", "text": "这款保本"}
    records = raws([{"at": at, **said} for at in ("10:00", "10:30")])
    write_files(tmp_path / "messages", [records])
    write(tmp_path / "rules", QUIET, "simple.yaml")
    index(settings, [*lived(settings, records), *lived(settings, records[1:])])
    code, found = asked(call)
    assert (code, [one["why"] for one in found["surplus"]]) == (1, ["unexplained"])


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (0.0, ""),
        (0.4, ""),
        (1.0, ""),
        (1.4, "; all in all 1.4 times as fast as it happened"),
        (9.97, "; all in all 10 times as fast as it happened"),
        (1234.5, "; all in all 1,234 times as fast as it happened"),
    ],
)
def test_a_pace_is_said_where_it_is_one(times: float, said: str) -> None:
    assert speed(times)[0] == said
    assert bool(speed(times)[1]) == bool(said)


def test_other_rules_explain_what_differs(call: Call, settings: Settings) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    write(Path(settings.rules.path), SIMPLE.replace("保本", "好的"), "simple.yaml")
    code, found = asked(call)
    assert code == 0
    assert {one["why"] for one in (*found["missing"], *found["surplus"])} == {"rules"}


def test_a_ruleset_is_chosen_by_the_beginning_of_its_digest(
    call: Call, settings: Settings, tmp_path: Path
) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    write(tmp_path / "other", SIMPLE.replace("保本", "好的"), "simple.yaml")
    digest = pinned_digest(settings, tmp_path / "other")
    _, found = asked(call, "--ruleset", digest[:8])
    assert found["rulesets"] == [digest]
    assert found["expected"] == 1
    own = load_ruleset(settings.rules.path).digest
    assert judging_by(settings, own).rules.path == settings.rules.path
    with pytest.raises(MingjianError, match="no ruleset begins with 'zzz'") as error:
        judging_by(settings, "zzz")
    assert digest[:12] in error.value.fix_en
    with pytest.raises(MingjianError, match="several rulesets begin with ''"):
        judging_by(settings, "")


def test_rules_that_were_edited_since_do_not_judge_what_a_job_judged_before(
    call: Call, settings: Settings
) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    digest = pinned_digest(settings, Path(settings.rules.path))
    jobs = Path(settings.rules.registry) / "jobs" / "demo.json"
    jobs.parent.mkdir()
    jobs.write_text(json.dumps({"digest": digest, "levels": 1, "at": 1}))
    write(Path(settings.rules.path), SIMPLE.replace("保本", "好的"), "simple.yaml")
    code, found = asked(call)
    assert (code, found["rulesets"], found["same"]) == (0, [digest], 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "2999-01-01", "--to", "2999-01-02"), "may still be on its way"),
        (("--from", f"{DAY}T11:00", "--to", f"{DAY}T10:00"), "ends before it begins"),
        (("--from", DAYS, "--lookback", "soon"), "--lookback: 'soon' is not a length of time"),
        (("--last", "1"), "--last: '1' is not a length of time"),
        (("--from", "yesterday"), "'yesterday' is not a time"),
    ],
)
def test_a_span_that_cannot_be_is_refused(call: Call, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(MingjianError, match=re.escape(said)) as error:
        call("reconcile", *words)
    assert error.value.exit_code == 2


def test_what_other_rules_find_is_not_brought_by_mistake(call: Call, settings: Settings) -> None:
    digest = load_ruleset(settings.rules.path).digest[:6]
    with pytest.raises(MingjianError, match="nothing is brought") as error:
        call("replay", "--from", DAYS, "--to", f"{DAY}T23:00", "--ruleset", digest)
    assert error.value.exit_code == 2


def test_a_dry_replay_compares(call: Call, settings: Settings) -> None:
    index(settings, lived(settings, raws(MESSAGES))[1:])
    words = ("replay", "--from", DAYS, "--to", f"{DAY}T23:00", "--dry-run", "--output", "json")
    code, printed = call(*words)
    assert (code, json.loads(printed)["faults"]) == (1, 1)


def test_the_last_hour_is_asked_about_by_itself(call: Call, settings: Settings) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    code, printed = call("reconcile", "--output", "json")
    found = json.loads(printed)
    assert (code, found["to"] - found["from"], found["expected"]) == (0, 3_600_000, 0)


def test_the_core_gives_a_page_all_it_needs(settings: Settings) -> None:
    index(settings, lived(settings, raws(MESSAGES)))
    found = reconcile(settings, Span(moment("09:00"), moment("12:00")))
    assert found.comparison.complete
    assert found.complete_after is None
    assert found.short_sighted == []
    assert found.live == 3


def test_a_replay_that_is_interrupted_while_it_reads_has_changed_nothing(
    settings: Settings,
) -> None:
    index(settings, lived(settings, raws(MESSAGES))[1:])
    before = sorted(Path(settings.outputs.path).rglob("*"))
    asked_to_end = threading.Event()
    asked_to_end.set()
    with pytest.raises(KeyboardInterrupt):
        replay(settings, Span(moment("09:00"), moment("12:00")), interrupted=asked_to_end)
    assert sorted(Path(settings.outputs.path).rglob("*")) == before


def test_what_is_added_to_the_outputs_stands_there_once_however_often_it_is_added(
    settings: Settings,
) -> None:
    told = lived(settings, raws(MESSAGES))
    for _ in range(2):
        with OutputWriter(settings) as writer:
            for one in (*told, *told):
                writer.write(one)
        assert sum(writer.written.values()) == len(told)
        files = sorted(Path(settings.outputs.path).rglob("*"))
        assert [one.name[:12] for one in files if one.is_file()] == ["part-replay-"] * 2
    report = deliver.run(settings, once=True)
    assert (report.targets[0].written, report.targets[0].duplicates) == (len(told), 0)


def test_what_failed_half_way_adds_nothing(settings: Settings) -> None:
    told = lived(settings, raws(MESSAGES))

    def write(records: Iterable[Record]) -> None:
        with OutputWriter(settings) as writer:
            for one in records:
                writer.write(one)

    with pytest.raises(KeyError):
        write(one if n == 0 else {}["no more"] for n, one in enumerate(told))
    assert not [one for one in Path(settings.outputs.path).rglob("*") if one.is_file()]


def test_outputs_that_cannot_be_written_are_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outputs = msgspec.structs.replace(settings.outputs, path=f"{tmp_path}/file")
    blocked = msgspec.structs.replace(settings, outputs=outputs)
    with (
        pytest.raises(MingjianError, match=r"outputs\.path"),
        OutputWriter(blocked) as writer,
    ):
        writer.write(Record("alerts", "a", b"{}"))
