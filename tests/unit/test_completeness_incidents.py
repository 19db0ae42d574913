"""Incidents about counts: one for each hour however often it is checked, and each of them ends."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner

from config.settings import Settings, Target
from jobs import deliver
from jobs.cli import completeness as command
from jobs.completeness import telling
from jobs.completeness.check import Span, check
from jobs.completeness.lines import DIFFERS, HOUR_MS, OK, ON_THE_WAY, UNKNOWN, Line
from jobs.completeness.telling import again, tell
from jobs.doctor import judge_flow, see_flow
from jobs.incidents import open_incidents
from rules.errors import EXIT_USAGE, MingjianError
from rules.operations import incident
from sinks.sqlite import SqliteSink
from sinks.sqlite_reader import SqliteReader
from tests.support import collecting
from tests.support.collecting import bare, opened
from tests.support.command_line import app
from tests.support.records import T0, alert, evidence, quarantined, record, write_part

H = T0 // HOUR_MS * HOUR_MS
WHOLE = Span(0, 2**52)
LOST = "completeness: delivered sqlite evidence 2026-09-21T22"


@pytest.fixture
def site(tmp_path) -> Settings:
    """Evidence 2 was delivered, and the index has lost it."""
    targets = (Target(kind="sqlite", name="sqlite", path=str(tmp_path / "index.db")),)
    site = msgspec.structs.replace(collecting.settings(tmp_path), targets=targets)
    Path(site.source.path).mkdir(exist_ok=True)
    write_part(Path(site.outputs.path), [alert(1), evidence(1), evidence(2), quarantined(b"{")])
    deliver.run(site, once=True)
    with sqlite3.connect(site.targets[0].path) as db:
        db.execute("DELETE FROM evidence WHERE evidence_id = ?", (evidence(2).id,))
    return site


def mend(site: Settings) -> None:
    sink = SqliteSink("sqlite", site.targets[0].path)
    sink.open()
    sink.write([evidence(2)])
    sink.close()


def told(site: Settings, span: Span = WHOLE) -> None:
    tell(site, check(site, span), threading.Event())


def incidents(site: Settings) -> list[tuple[str, str, str]]:
    deliver.run(site, once=True)
    rows, _ = SqliteReader(site.targets[0].path, "demo").incidents()
    return sorted((row["source"], row["status"], row.get("detail", "")) for row in rows)


def test_two_checks_of_an_hour_open_one_incident_whatever_the_index_shows_yet(site):
    told(site)
    told(site)  # the first is on its way to the index
    assert incidents(site) == [(LOST, "open", "2 and 1: 1 missing · 2 与 1：缺 1")]


def test_all_that_were_opened_of_one_hour_end(site):
    twice = [
        incident("count_differs", tenant="demo", source=LOST, key=key, time=T0) for key in "ab"
    ]
    write_part(Path(site.outputs.path), [record("incidents", one) for one in twice], "part-twice")
    assert len(incidents(site)) == 2
    mend(site)
    told(site)
    assert incidents(site) == [(LOST, "resolved", "they agree now · 现已一致")] * 2


def test_what_differs_again_is_another_incident(site):
    told(site)
    incidents(site)
    mend(site)
    told(site)
    incidents(site)
    with sqlite3.connect(site.targets[0].path) as db:
        db.execute("DELETE FROM evidence WHERE evidence_id = ?", (evidence(2).id,))
    told(site)
    assert [status for _, status, _ in incidents(site)] == ["open", "resolved"]


class Once(threading.Event):
    """Is set by the first one who waits: a service that does all it has to do once."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_the_service_checks_an_hour_again_until_it_agrees(site, tmp_path, monkeypatch):
    """It looks at every hour once; what was found then must not stay open for ever."""
    told(site)
    assert [status for _, status, _ in incidents(site)] == ["open"]
    mend(site)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(site)))
    monkeypatch.setattr(command, "stopping", Once)
    done = CliRunner().invoke(app, ["completeness", "--every", "3600", "--config", str(file)])
    assert done.exit_code == 0, done.output
    assert incidents(site) == [(LOST, "resolved", "they agree now · 现已一致")]


def test_an_hour_of_which_nothing_is_kept_is_over_and_says_so(site):
    told(site)
    incidents(site)
    for file in Path(site.outputs.path).glob("evidence/*"):
        file.unlink()
    told(site, Span(H + HOUR_MS, H + 2 * HOUR_MS))
    assert [status for _, status, _ in incidents(site)] == ["open"], "another hour says nothing"
    told(site, Span(H, H + HOUR_MS))
    gone = "it can no longer be checked: nothing of that hour is kept · 已无法核对：该小时已无记录"
    assert incidents(site) == [(LOST, "resolved", gone)]


def test_an_hour_of_a_target_that_has_another_name_now_is_over_and_says_so(site):
    told(site)
    incidents(site)
    renamed = (msgspec.structs.replace(site.targets[0], name="index"),)
    told(msgspec.structs.replace(site, targets=renamed), Span(H, H + HOUR_MS))
    gone = telling._NOBODY
    assert (LOST, "resolved", gone) in incidents(site)


def test_a_target_that_is_away_ends_nothing(site, monkeypatch):
    told(site)
    incidents(site)
    found = check(site, WHOLE)
    for step in ("delivered", "delivered sqlite"):
        dark = msgspec.structs.replace(found, lines=(), unreadable={step: "away"})
        assert tell(site, dark, threading.Event()) == []


def test_what_another_machines_collector_lost_is_not_over_because_its_book_is_not_here(
    site, tmp_path
):
    source = f"completeness: collected http {LOST[-13:]}"
    one = incident("count_differs", tenant="demo", source=source, key="a", time=T0)
    write_part(Path(site.outputs.path), [record("incidents", one)], "part-theirs")
    mend(site)
    told(site)
    assert [status for _, status, _ in incidents(site)] == ["open"]
    with opened(tmp_path, "http") as intake:
        intake.take([bare(1)])
    told(site)
    assert [status for _, status, _ in incidents(site)] == ["resolved"]


def line(state: str) -> Line:
    return Line(step="delivered", of="sqlite evidence", before=2, after=1, state=state)


@pytest.mark.parametrize(
    ("state", "held", "over"),
    [
        (DIFFERS, 0, ""),
        (DIFFERS, H + 1, ""),
        (ON_THE_WAY, 0, ""),
        (OK, 0, "they agree now · 现已一致"),
        (OK, H, "they agree now · 现已一致"),
        # what was missing may be gone from the topic, too
        (OK, H + 1, telling._GONE),
        (UNKNOWN, H + 1, telling._GONE),
        (UNKNOWN, 0, ""),
        (OK, None, ""),  # the broker is away
    ],
)
def test_when_an_incident_is_over(site, state, held, over):
    class Topic:
        def since(self, _about: Any) -> int:
            if held is None:
                raise MingjianError("no broker", "连不上")
            return held

    about = telling._about(LOST)
    assert about == ("delivered", "sqlite evidence", H)
    assert telling._why_over(site, line(state), H, about, Topic()) == over


def test_the_newest_hours_are_checked_again_and_neighbours_together(site, monkeypatch):
    def row(hour: int) -> dict[str, Any]:
        source = telling._source(msgspec.structs.replace(line(DIFFERS), hour=H + hour * HOUR_MS))
        return {"kind": "count_differs", "source": source, "time": T0, "incident_id": str(hour)}

    rows = [row(hour) for hour in (*range(30), 40)]
    monkeypatch.setattr(telling, "open_incidents", lambda _settings: [*rows, *rows[:2]])
    checked = Span(H + 29 * HOUR_MS, H + 30 * HOUR_MS)
    assert again(site, checked) == [
        Span(H + 6 * HOUR_MS, H + 29 * HOUR_MS),
        Span(H + 40 * HOUR_MS, H + 41 * HOUR_MS),
    ]
    # what has no hour of its own was found in the one before it was noticed
    rows = [{**row(0), "source": "completeness: delivered sqlite quarantine"}]
    assert again(site, checked) == [Span(H - HOUR_MS, H)]


# ---- closed by hand ----


@pytest.fixture
def words(site, tmp_path, monkeypatch) -> list[str]:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    told(site)
    incidents(site)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(site)))
    return ["--config", str(file)]


def test_an_incident_is_closed_with_a_reason_and_says_who_and_why(site, words, monkeypatch):
    (row,) = open_incidents(site)
    given = [row["incident_id"][:8], "--reason", "lost with the disk", "--by", "lina", *words]
    done = CliRunner().invoke(app, ["incidents", "close", *given])
    assert done.exit_code == 0, done.output
    short = row["incident_id"][:12]
    assert done.output.splitlines()[0] == f"closed: {short} count_differs, {LOST}"
    detail = "2 and 1: 1 missing · 2 与 1：缺 1; closed by lina: lost with the disk"
    assert incidents(site) == [(LOST, "resolved", detail)]
    assert judge_flow.incidents(see_flow.incidents(site))[0].state == "ok", "the doctor sees it"
    again = CliRunner().invoke(app, ["incidents", "close", *given])
    assert "no open incident begins with" in str(again.exception)
    told(site)  # somebody counts that hour again
    assert [status for _, status, _ in incidents(site)] == ["open", "resolved"]
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    (row,) = open_incidents(site)
    given = [row["incident_id"], "--reason", "磁盘损坏", *words]
    done = CliRunner().invoke(app, ["incidents", "close", *given])
    assert done.output.startswith(f"已结束：{row['incident_id'][:12]} count_differs，")


def test_no_incident_is_closed_without_a_reason(site, words):
    (row,) = open_incidents(site)
    for reason in ([], ["--reason", " "]):
        done = CliRunner().invoke(app, ["incidents", "close", row["incident_id"], *reason, *words])
        assert done.exception.exit_code == EXIT_USAGE
        assert "写明原因" in done.exception.zh
    assert [status for _, status, _ in incidents(site)] == ["open"]
