"""Counts of each step against those of the next: what is lost is found, what is to come is not."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from config.settings import Settings, Target
from ingest.archive.book import Book as KeptBook
from jobs import deliver
from jobs.completeness.check import Completeness, Span, check
from jobs.completeness.lines import (
    DIFFERS,
    HOUR_MS,
    OK,
    ON_THE_WAY,
    UNKNOWN,
    Cell,
    collected,
    read,
    state_of,
    summed,
)
from jobs.completeness.telling import differing, tell
from rules.errors import EXIT_FINDINGS, MingjianError
from sinks.redis_keys import Keys as RedisKeys
from sinks.sqlite_reader import SqliteReader
from tests.support import collecting
from tests.support.collecting import bare, event, opened
from tests.support.command_line import app
from tests.support.records import T0, alert, evidence, quarantined, write_part

H = collecting.T0 // HOUR_MS * HOUR_MS
ONE, OTHER = Cell("http", H, "zhangsan", "archive"), Cell("http", H, "lisi", "event")


@pytest.mark.parametrize(
    ("before", "there", "later", "held", "whole", "expected"),
    [
        ({ONE: 3}, {ONE: 3}, {ONE: 3}, 0, True, (0, 0, OK)),
        ({ONE: 3}, {ONE: 2}, {ONE: 3}, 0, True, (1, 0, DIFFERS)),
        ({ONE: 3}, {}, {ONE: 3}, 0, True, (3, 0, DIFFERS)),
        # written while we looked
        ({ONE: 3}, {ONE: 4}, {ONE: 5}, 0, True, (0, 0, OK)),
        # written, and not yet in the book
        ({ONE: 3}, {ONE: 4}, {ONE: 3}, 0, True, (0, 1, OK)),
        ({}, {ONE: 1}, {}, 0, True, (0, 1, OK)),
        # removed by retention, or not read to the end: nothing can be said
        ({ONE: 3}, {ONE: 2}, {ONE: 3}, H + 1, True, (1, 0, UNKNOWN)),
        ({ONE: 3}, {ONE: 2}, {ONE: 3}, 0, False, (1, 0, UNKNOWN)),
        ({ONE: 3}, {ONE: 3}, {ONE: 3}, H + 1, False, (0, 0, OK)),
    ],
)
def test_a_book_against_what_stands_there(before, there, later, held, whole, expected):
    (line,) = collected(before, there, later, held_from=held, whole=whole)
    assert (line.missing, line.more, line.state) == expected


_COUNTS = st.dictionaries(st.sampled_from([ONE, OTHER]), st.integers(1, 9))


@given(_COUNTS, _COUNTS)
def test_what_is_missing_of_one_actor_is_never_made_up_by_another(before, there):
    lines = collected(before, there, before)
    lost = sum((Counter(before) - Counter(there)).values())
    for by in ("source", "hour", "actor"):
        assert sum(line.missing for line in summed(lines, by)) == lost
    assert (state_of(lines) == DIFFERS) is bool(lost)


@pytest.mark.parametrize(
    ("ends", "done", "expected"),
    [
        ({0: 5}, {0: 5}, [(0, OK)]),
        ({0: 5}, {0: 3}, [(2, ON_THE_WAY)]),
        ({0: 5}, {}, [(5, UNKNOWN)]),
        ({0: 0}, {}, [(0, OK)]),
        ({0: 5, 1: 7}, {0: 5, 1: 9}, [(0, OK), (0, OK)]),
    ],
)
def test_the_source_against_what_the_job_confirmed(ends, done, expected):
    assert [(line.on_the_way, line.state) for line in read(ends, done)] == expected


# ---- the embedded profile, from a collector to SQLite ----

WHOLE = Span(0, 2**52)


@pytest.fixture
def site(tmp_path) -> Settings:
    targets = (Target(kind="sqlite", name="sqlite", path=str(tmp_path / "index.db")),)
    return msgspec.structs.replace(collecting.settings(tmp_path), targets=targets)


def of(found: Completeness, step: str) -> list[tuple]:
    return [
        (line.of, line.before, line.after, line.missing, line.state)
        for line in summed(found.lines, "source")
        if line.step == step
    ]


def test_records_that_vanish_from_the_folder_are_missed_by_actor_and_hour(site, tmp_path):
    with opened(tmp_path, "http") as intake:
        intake.take([bare(n) for n in range(3)])
        intake.take([event(1), event(1), b"no record", bare(9, msgtime=0)])
    with opened(tmp_path, "files") as intake:
        intake.take([bare(n) for n in range(5)])
    (tmp_path / "messages" / "messages-others.jsonl").write_bytes(bare(77) + b"\n")
    found = check(site, WHOLE)
    assert of(found, "collected") == [("files", 5, 5, 0, OK), ("http", 4, 4, 0, OK)]
    assert (found.others, found.unplaced) == (1, 2)
    first = min((tmp_path / "messages").glob("messages-http-*"))
    first.write_bytes(b"".join(first.read_bytes().splitlines(keepends=True)[:1]))
    found = check(site, WHOLE)
    assert of(found, "collected") == [("files", 5, 5, 0, OK), ("http", 4, 2, 2, DIFFERS)]
    lost = [line for line in found.lines if line.missing]
    assert [(line.of, line.hour, line.actor) for line in lost] == [("http", H, "zhangsan")]
    assert found.state == DIFFERS
    other = check(site, Span(H + HOUR_MS, H + 2 * HOUR_MS))
    assert of(other, "collected") == [], "another hour has nothing to do with it"


def told(site: Settings) -> list:
    Path(site.source.path).mkdir(exist_ok=True)
    items = [alert(1), alert(2), evidence(1), evidence(2), quarantined(b"{")]
    write_part(Path(site.outputs.path), items)
    return items


def test_an_id_that_the_index_has_lost_is_named(site):
    told(site)
    assert of(check(site, WHOLE), "delivered") == [
        ("sqlite alerts", 2, 0, 0, ON_THE_WAY),
        ("sqlite evidence", 2, 0, 0, ON_THE_WAY),
        ("sqlite quarantine", 1, 0, 0, ON_THE_WAY),
    ], "what was not offered yet is not missing"
    deliver.run(site, once=True)
    assert check(site, WHOLE).state == OK
    forget(site, evidence(2).id)
    found = check(site, WHOLE)
    assert of(found, "delivered")[1] == ("sqlite evidence", 2, 1, 1, DIFFERS)
    assert [line.ids for line in found.lines if line.missing] == [(evidence(2).id,)]
    assert check(site, Span(0, T0)).state == OK


def forget(site: Settings, evidence_id: str) -> None:
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(site.targets[0].path) as db:
        db.execute("DELETE FROM evidence WHERE evidence_id = ?", (evidence_id,))


def test_what_a_target_refused_is_accounted_for(site):
    Path(site.source.path).mkdir()
    write_part(Path(site.outputs.path), [alert(1, time="soon")])
    write_part(Path(site.outputs.path), [alert(2)], "part-1")
    deliver.run(site, once=True)
    (line,) = [line for line in check(site, WHOLE).lines if line.step == "delivered"]
    assert (line.before, line.after, line.missing, line.state) == (1, 1, 0, OK)


def incidents(site: Settings) -> list[tuple[str, str]]:
    deliver.run(site, once=True)
    rows, _ = SqliteReader(site.targets[0].path, "demo").incidents()
    return sorted((row["source"], row["status"]) for row in rows)


def test_one_incident_is_open_while_they_differ_and_ends_when_they_agree(site):
    items = told(site)
    deliver.run(site, once=True)
    forget(site, evidence(2).id)
    stop = threading.Event()
    source = "completeness: delivered sqlite evidence 2026-09-21T22"
    for _ in range(2):
        found = check(site, WHOLE)
        assert list(differing(found.lines)) == [source]
        tell(site, found, stop)
        assert incidents(site) == [(source, "open")]
    from sinks.sqlite import SqliteSink  # noqa: PLC0415

    sink = SqliteSink("sqlite", site.targets[0].path)
    sink.open()
    sink.write([items[3]])
    sink.close()
    tell(site, check(site, WHOLE), stop)
    assert incidents(site) == [(source, "resolved")]
    forget(site, evidence(2).id)
    tell(site, check(site, WHOLE), stop)
    assert incidents(site) == [(source, "open"), (source, "resolved")]


def test_no_incident_is_opened_twice_while_the_index_cannot_be_read(site):
    told(site)
    deliver.run(site, once=True)
    forget(site, evidence(2).id)
    found, stop = check(site, WHOLE), threading.Event()
    assert len(tell(site, found, stop)) == 1
    deliver.run(site, once=True)
    path = Path(site.targets[0].path)
    kept = path.read_bytes()
    path.write_bytes(b"no database, surely " * 100)
    with pytest.raises(MingjianError, match="is not an index"):
        tell(site, found, stop)
    agreeing = msgspec.structs.replace(found, lines=())
    assert tell(site, agreeing, stop) == []
    path.write_bytes(kept)
    assert tell(site, found, stop) == []


class Shelf:
    """Stands for a Redis server that has these keys, and positions behind all that was told."""

    def __init__(self, keys: set[str]) -> None:
        self.keys, self.parts, self.asked = keys, list[str](), list[str]()

    def hgetall(self, _name):
        return {f"file:alerts/{name}".encode(): b"1000000" for name in self.parts}

    def pipeline(self, **_):
        return self

    def exists(self, key):
        self.asked.append(key)

    def execute(self):
        asked, self.asked = self.asked, []
        return [key in self.keys for key in asked]

    def close(self):
        pass


def test_an_alert_of_another_tenant_is_looked_for_under_its_own_tenant(site, monkeypatch):
    """One message that names another tenant made a false loss in Redis, which has keys for each."""
    now = time.time_ns() // 1_000_000  # Redis keeps nothing for longer than a month
    mine, other = alert(1, time=now), alert(2, time=now, tenant="other")
    Path(site.source.path).mkdir()
    write_part(Path(site.outputs.path), [mine, other])
    shelf = Shelf({RedisKeys("demo").alert(mine.id), RedisKeys("other").alert(other.id)})
    root = Path(site.outputs.path) / "alerts"
    shelf.parts = [str(one.relative_to(root)) for one in root.rglob("part-*")]
    monkeypatch.setattr("sinks.redis.connect", lambda *_, **__: shelf)
    targets = (Target(kind="redis", name="redis", url="redis://nowhere"),)
    site = msgspec.structs.replace(site, targets=targets)
    assert of(check(site, WHOLE), "delivered") == [("redis alerts", 2, 2, 0, OK)]
    shelf.keys = {RedisKeys("demo").alert(one.id) for one in (mine, other)}
    found = check(site, WHOLE)
    assert of(found, "delivered") == [("redis alerts", 2, 1, 1, DIFFERS)], "at another's is lost"


def test_a_damaged_book_is_said_and_the_rest_is_looked_at(site, tmp_path):
    told(site)
    deliver.run(site, once=True)
    (tmp_path / "data" / "ingest").mkdir(parents=True, exist_ok=True)
    (tmp_path / "data" / "ingest" / "http.db").write_bytes(b"no database, surely " * 100)
    (tmp_path / "messages").mkdir(exist_ok=True)
    found = check(site, WHOLE)
    assert "http.db" in found.unreadable["collected"]
    assert found.state == UNKNOWN
    assert [state for *_, state in of(found, "delivered")] == [OK, OK, OK]


def test_what_the_archive_collector_keeps_unopened_is_no_book_of_a_collector(site, tmp_path):
    told(site)
    deliver.run(site, once=True)
    with opened(tmp_path, "archive") as intake:
        intake.take([bare(n) for n in range(3)])
    KeptBook(tmp_path / "data" / "ingest" / "archive.kept.db").close()
    found = check(site, WHOLE)
    assert found.unreadable == {}
    assert of(found, "collected") == [("archive", 3, 3, 0, OK)]
    assert found.state == OK


def test_the_command_says_both_numbers_and_masks_who(site, tmp_path, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    with opened(tmp_path, "http") as intake:
        intake.take([bare(1), bare(2, **{"from": "wmCustomer0000000001"})])
    told(site)
    deliver.run(site, once=True)
    forget(site, evidence(2).id)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(site)))
    words = ["completeness", "--from", "2016-01-01", "--config", str(file)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "80"})
    assert done.exit_code == EXIT_FINDINGS
    row = next(line for line in done.output.splitlines() if "✗" in line)
    assert row.split()[1:7] == ["sqlite", "evidence", "2", "1", "1", "missing;"]
    told_json = CliRunner().invoke(app, [*words, "--by", "actor", "--no-tell", "-o", "json"])
    actors = {line["actor"] for line in json.loads(told_json.output)["lines"] if "actor" in line}
    assert "zhangsan" in actors
    assert "wmCustomer0000000001" not in told_json.output


def test_where_there_is_nothing_to_compare_that_is_said_in_words(site, tmp_path, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(site)))
    words = ["completeness", "--from", "2016-01-01", "--config", str(file)]
    for folder in (site.source.path, site.outputs.path):
        Path(folder).mkdir(exist_ok=True)
    deliver.run(site, once=True)  # the target is there, with nothing in it
    done = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "nothing was collected, read or told in these hours" in said
    assert "✓" not in said, "what is not there is not right either"
    with opened(tmp_path, "http") as intake:
        intake.take([bare(1)])
    told(site)
    deliver.run(site, once=True)
    done = CliRunner().invoke(app, words, env={"COLUMNS": "120"})
    assert "nothing was collected" not in done.output
