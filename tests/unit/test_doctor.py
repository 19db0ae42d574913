"""The doctor's judgements, as a table: what was seen, what is said of it; and the verdict."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import yaml
from kafka import TopicPartition
from redis.exceptions import AuthenticationError
from typer.testing import CliRunner

from config.channels import Channel
from config.settings import Limits, Rules, Settings, Target, load
from jobs import deliver
from jobs.canaries.book import CanaryBook, Missed, Round
from jobs.completeness import check
from jobs.completeness.check import Completeness
from jobs.completeness.lines import HOUR_MS, Line
from jobs.doctor import examine as examine_module
from jobs.doctor import (
    judge_delivery,
    judge_flow,
    judge_intake,
    judge_site,
    judge_stream,
    see_delivery,
    see_flow,
    see_stream,
)
from jobs.doctor import observed as seen
from jobs.doctor.examine import examine
from jobs.doctor.findings import (
    CHECKS,
    FAIL,
    NONE,
    OK,
    UNKNOWN,
    WARN,
    Finding,
    plain,
    span_en,
    span_zh,
    verdict,
    worst,
)
from jobs.topic_reading import Topics
from rules.errors import EXIT_FINDINGS, MingjianError
from sinks.sealing import Sealer
from tests.support import collecting, receivers
from tests.support.command_line import app
from tests.support.records import alert, quarantined, write_part
from tests.support.records import late as late_record
from tests.support.rule_files import SIMPLE, write
from tests.unit.test_doctor_archive import ARCHIVE_TABLE

NOW = 1_790_000_000_000
MIN, HOUR, DAY, GIB = 60_000, HOUR_MS, 24 * HOUR_MS, 1024**3
RUNS = seen.Job(
    ("j1",), "RUNNING", NOW - HOUR, tasks=8, running=8, checkpoint=NOW - 4000, interval=5000,
    watermark=NOW - 6000,
)  # fmt: skip
TOPIC = seen.Topic(
    "messages", 4, 100, NOW - MIN, {"message.timestamp.after.max.ms": str(2**63 - 1)}
)
ROUND = seen.Canaried(Round(NOW - MIN, NOW, 30, 12, 3, 12, 0, 2.5), ())


def complete(**changes: Any) -> seen.Complete:
    lines = (
        Line(step="collected", of="http", before=9, after=9, state="ok"),
        Line(step="delivered", of="sqlite alerts", before=2, after=2, state="ok"),
    )
    given = {"at": NOW, "begin": NOW - HOUR, "end": NOW, "lines": lines, **changes}
    return seen.Complete(Completeness(**given))


def job(**changes: Any) -> list[Finding]:
    return judge_stream.job(RUNS._replace(**changes), NOW)


def topic(**settings: str) -> list[Finding]:
    names = {
        "ahead": "message.timestamp.after.max.ms",
        "kept": "retention.ms",
        "policy": "cleanup.policy",
    }
    given = {names[key]: value for key, value in settings.items()}
    return judge_stream.topic(TOPIC._replace(settings={**TOPIC.settings, **given}), NOW)


def progress(watermark: int = NOW - 6000, newest: int = NOW, **counters: int) -> list[Finding]:
    at = RUNS._replace(watermark=watermark, counters=counters)
    return judge_stream.progress(seen.Progress(newest, 3, at), Limits(), 5000)


def disk(free: float, total: float) -> list[Finding]:
    return judge_site.disks([seen.Disk("data_dir", "/x", int(free * GIB), int(total * GIB))])


def collector(ago: int = 0, hour_ago: int | None = None) -> seen.Collector:
    at = NOW - ago
    began = NOW - (ago if hour_ago is None else hour_ago)
    return seen.Collector("http", at - 260_000, 7, 0, 1, 0, began // HOUR * HOUR)


def late(unknown: tuple[int, bool] | None, fired: int = 0) -> list[Finding]:
    counters = {"late": 1_027, "records": 2_000, "late_would_have_fired": fired}
    at = RUNS._replace(counters=counters)
    return judge_stream.progress(seen.Progress(NOW, 3, at, unknown), Limits(), 5000)


def canaries(*absent: tuple[str, str]) -> list[Finding]:
    last = ROUND.last._replace(rules=154, seen=302, missed=len(absent))
    return judge_intake.canaries(seen.Canaried(last, (), absent), NOW)


def lag(left: int, age: int = 0, reader: bool | None = True, **more: Any) -> list[Finding]:
    return judge_delivery.delivery([seen.Lag("es", left, NOW - age, reader, **more)], NOW)


def clock(ahead: float, doubt: float = 10) -> list[Finding]:
    return judge_site.clocks([seen.Clock("redis", ahead, doubt)])


KEY = seen.KeyFile("evidence.key", 0o600)
NOT_READ = Line(
    step="collected", of="http", before=9, after=3, missing=6, state="unknown",
    why="not read to its end",
)  # fmt: skip
LOST = Line(step="delivered", of="es alerts", before=3, after=2, missing=1, state="differs")

TABLE: list[tuple[str, Any, str, str]] = [
    ("key", lambda: judge_site.keys(seen.Keys("k", True, (KEY,))), OK, "1 file"),
    ("no key", lambda: judge_site.keys(seen.Keys("k", False, ())), FAIL, "no evidence key"),
    (
        "key of all",
        lambda: judge_site.keys(seen.Keys("k", True, (KEY._replace(mode=0o644),))),
        FAIL,
        "mode 0644",
    ),
    (
        "bad key",
        lambda: judge_site.keys(seen.Keys("k", True, (KEY._replace(problem=("torn", "坏")),))),
        FAIL,
        "torn",
    ),
    (
        "rules",
        lambda: judge_site.rules(seen.Rules(None, 5, 2, "abc", (NOW - HOUR,), (1, 1)), NOW),
        OK,
        "published 1 h ago",
    ),
    (
        "rules to come",
        lambda: judge_site.rules(seen.Rules(None, 5, 2, "abc", (NOW + HOUR,)), NOW),
        OK,
        "5 judge",
    ),
    (
        "broken rules",
        lambda: judge_site.rules(seen.Rules(("line 3", "第 3 行")), NOW),
        FAIL,
        "line 3",
    ),
    (
        "two minds",
        lambda: judge_site.rules(seen.Rules(None, 5, 2, "abc", (), (1, 2)), NOW),
        FAIL,
        "different rules",
    ),
    ("disk", lambda: disk(50, 100), OK, "50 GiB free"),
    ("large disk", lambda: disk(20, 1000), OK, ""),
    ("small disk", lambda: disk(1, 4), OK, ""),
    ("little room", lambda: disk(5, 100), WARN, ""),
    ("no room", lambda: disk(0.2, 100), FAIL, "205 MiB free"),
    ("clock", lambda: clock(1500), OK, "within 2 s"),
    ("clock unsure", lambda: clock(3500, 2000), OK, ""),
    ("clock off", lambda: clock(-5000), WARN, "behind"),
    ("clock wrong", lambda: clock(90_000), FAIL, "ahead"),
    ("no clock", lambda: judge_site.clocks([]), NONE, ""),
    ("topic", topic, OK, "4 partitions, 100 records"),
    ("no topic", lambda: judge_stream.topic(TOPIC._replace(partitions=0), NOW), FAIL, "no topic"),
    ("an hour ahead", lambda: topic(ahead="3600000"), WARN, "refuses records"),
    ("kept a day", lambda: topic(kept=str(DAY)), WARN, "1 d"),
    ("kept for ever", lambda: topic(kept="-1"), OK, ""),
    ("compacted", lambda: topic(policy="compact"), FAIL, "compacted"),
    ("files", lambda: judge_stream.files(seen.Files("m", True, 2, NOW - MIN), NOW), OK, "2 files"),
    ("no files", lambda: judge_stream.files(seen.Files("m", True, 0, 0), NOW), WARN, "no messages"),
    ("no folder", lambda: judge_stream.files(seen.Files("m", False, 0, 0), NOW), FAIL, "no folder"),
    ("job", job, OK, "runs for 1 h, 8 tasks, 0 restarts, checkpoint 4.0 s ago"),
    ("embedded", lambda: judge_stream.job(None, NOW), NONE, ""),
    ("no job", lambda: judge_stream.job(seen.Job(()), NOW), FAIL, "no detection job"),
    ("two jobs", lambda: job(jobs=("a", "b")), FAIL, "2 jobs"),
    ("half a job", lambda: job(running=7, problem="OOM"), FAIL, "7 of 8 tasks run: OOM"),
    (
        "no slots",
        lambda: job(state="CREATED", running=0, page="http://f:8081/#/job", slots=(2, 1, 0)),
        FAIL,
        "created, 0 of 8",
    ),
    ("restarting", lambda: job(state="RESTARTING", running=0), FAIL, "restarting"),
    ("restarts", lambda: job(restarts=3, problem="OOM"), WARN, "OOM"),
    ("one restart", lambda: job(restarts=1), OK, ""),
    ("stale state", lambda: job(checkpoint=NOW - 2 * MIN), WARN, "no checkpoint for 2 min"),
    ("old state", lambda: job(checkpoint=NOW - 11 * MIN), FAIL, "no checkpoint"),
    ("rare state", lambda: job(checkpoint=NOW - 20 * MIN, interval=10 * MIN), OK, ""),
    ("no state yet", lambda: job(checkpoint=0, since=NOW - 9000), OK, ""),
    ("never state", lambda: job(checkpoint=0), FAIL, "no checkpoint for 1 h"),
    ("failing state", lambda: job(failed=3), FAIL, "3 checkpoints in a row"),
    ("abreast", progress, OK, "1.0 s behind"),
    ("behind", lambda: progress(NOW - 3 * MIN), WARN, "behind the newest"),
    ("far behind", lambda: progress(NOW - HOUR), FAIL, "59 min"),
    ("at rest", lambda: progress(NOW - HOUR, NOW - HOUR + 5000), OK, "0.0 s behind"),
    ("late", lambda: progress(late=50, records=100), WARN, "too late"),
    (
        "late, nobody can tell",
        lambda: late((1_027, False)),
        WARN,
        "0 would have alerted; of 1,027 it cannot be told",
    ),
    (
        "late, of an earlier job too",
        lambda: late((5_000, True), 7),
        WARN,
        "7 would have alerted; of 1,020 it cannot be told",
    ),
    ("late, more than were read", lambda: late((500, True)), WARN, "of at least 500 it cannot"),
    ("late, and no index", lambda: late(None), WARN, "the others were not asked about"),
    ("hot", lambda: progress(hot_key=5), WARN, "limits.key_bytes"),
    ("no event time", lambda: progress(0), UNKNOWN, "no event time"),
    ("no messages", lambda: progress(0, 0), OK, "no messages yet"),
    (
        "no job to ask",
        lambda: judge_stream.progress(seen.Progress(NOW, 3, seen.Job(())), Limits(), 0),
        UNKNOWN,
        "",
    ),
    (
        "collector",
        lambda: judge_intake.collectors([collector()], NOW),
        OK,
        "http: took something last between 22:00 and 22:09, 4 min 20 s ago or more; 7 records,"
        " 1 conflicts",
    ),
    # ten minutes of an hour in which it took something later than its book can say
    (
        "collector begun anew",
        lambda: judge_intake.collectors([collector(0, DAY)], NOW),
        OK,
        "between 09-20 22:00 and 23:00, 23 h 13 min ago or more",
    ),
    (
        "collector just begun",
        lambda: judge_intake.collectors([seen.Collector("crm", NOW - 15_000, 0, 0, 0, 0)], NOW),
        OK,
        "crm: took nothing yet",
    ),
    (
        "collector begun two days ago, and nothing came",
        lambda: judge_intake.collectors([seen.Collector("crm", NOW - 2 * DAY, 0, 0, 0, 0)], NOW),
        WARN,
        "crm: took nothing yet",
    ),
    (
        "silent collector",
        lambda: judge_intake.collectors([collector(2 * DAY)], NOW),
        WARN,
        "2 d ago or more",
    ),
    ("no collector", lambda: judge_intake.collectors([], NOW), NONE, ""),
    ("no incident", lambda: judge_flow.incidents({}), OK, ""),
    ("gap", lambda: judge_flow.incidents({"sequence_gap": 2}), FAIL, "2 open sequence_gap"),
    ("collector lag", lambda: judge_flow.incidents({"collector_lag": 1}), WARN, "collector_lag"),
    ("of a newer version", lambda: judge_flow.incidents({"strange": 1}), FAIL, "strange"),
    (
        "target",
        lambda: judge_flow.targets([seen.Answer("es", "elasticsearch", detail="9.2")]),
        OK,
        "es (9.2)",
    ),
    (
        "target away",
        lambda: judge_flow.targets([seen.Answer("es", "elasticsearch", "refused")]),
        FAIL,
        "no answer: refused",
    ),
    (
        "target closed",
        lambda: judge_flow.targets([seen.Answer("es", "elasticsearch", blocked="full")]),
        FAIL,
        "takes no writes: full",
    ),
    ("no target", lambda: judge_flow.targets([]), FAIL, "no target"),
    ("delivered", lambda: lag(0), OK, "es 0"),
    ("on its way", lambda: lag(5, 9000), OK, "es 5"),
    ("slow", lambda: lag(5, 2 * MIN), WARN, "waiting for 2 min"),
    ("stuck", lambda: lag(5, HOUR), FAIL, "waiting for 1 h"),
    ("nobody delivers", lambda: lag(5, 9000, reader=False), FAIL, "nobody delivers"),
    ("nobody, nothing to do", lambda: lag(0, reader=False), WARN, "nobody delivers"),
    ("files to deliver", lambda: lag(5, 2 * MIN, reader=None), WARN, "waiting for 2 min"),
    ("files that lie", lambda: lag(5, HOUR, reader=None), FAIL, "waiting for 1 h"),
    ("removed undelivered", lambda: lag(0, lost=7), FAIL, "7 records were removed"),
    ("removed, and behind", lambda: lag(5, 2 * MIN, lost=7), FAIL, "5 records behind"),
    ("untold", lambda: lag(5, HOUR, untold=5), FAIL, "5 of them not told to people"),
    ("told in the morning", lambda: lag(5, NOW, untold=5), OK, "es 5"),
    ("lag not known", lambda: lag(0, problem="no connection"), UNKNOWN, "no connection"),
    (
        "refused",
        lambda: judge_flow.refused([seen.Refused("es", 2, "mapping")]),
        FAIL,
        "refused 2 records: mapping",
    ),
    ("not refused", lambda: judge_flow.refused([seen.Refused("es", 0)]), OK, ""),
    (
        "quarantine",
        lambda: judge_flow.quarantine(seen.Shelved({"not_json": 2, "too_large": 1}, False)),
        WARN,
        "3 records wait for somebody: not_json 2, too_large 1",
    ),
    (
        "of many reasons",
        lambda: judge_flow.quarantine(seen.Shelved(dict.fromkeys("abcde", 1), False)),
        WARN,
        "a 1, b 1, c 1, … (5)",
    ),
    (
        "many in quarantine",
        lambda: judge_flow.quarantine(seen.Shelved({"not_json": 1000}, True)),
        WARN,
        "at least 1,000",
    ),
    ("empty quarantine", lambda: judge_flow.quarantine(seen.Shelved({}, False)), OK, ""),
    (
        "complete",
        lambda: judge_flow.completeness(complete(), NOW),
        OK,
        "9 records collected, 2 results",
    ),
    (
        "incomplete",
        lambda: judge_flow.completeness(complete(lines=(LOST,)), NOW),
        FAIL,
        "1 are missing (es alerts)",
    ),
    (
        "never counted",
        lambda: judge_flow.completeness(seen.Complete(None), NOW),
        UNKNOWN,
        "never checked",
    ),
    (
        "counted in part",
        lambda: judge_flow.completeness(complete(unreadable={"read": "away"}), NOW),
        UNKNOWN,
        "read: away",
    ),
    (
        "counted, and no more than that",
        lambda: judge_flow.completeness(complete(lines=(NOT_READ,)), NOW),
        UNKNOWN,
        "not read to its end",
    ),
    (
        "counted long ago",
        lambda: judge_flow.completeness(complete(end=NOW - 5 * HOUR), NOW),
        WARN,
        "5 h ago",
    ),
    ("canaries", lambda: judge_intake.canaries(ROUND, NOW), OK, "12 rules, 12 seen, at most 2.5 s"),
    (
        "no canaries",
        lambda: judge_intake.canaries(seen.Canaried(None, ()), NOW),
        WARN,
        "ever planted",
    ),
    (
        "one miss",
        lambda: canaries(("a", "redis"), ("a", "es")),
        WARN,
        "154 rules, 153 seen, at most 2.5 s; 1 missed: a (redis, es)",
    ),
    (
        "many missed once",
        lambda: canaries(*[(rule, "es") for rule in "abcd"]),
        WARN,
        "150 seen, at most 2.5 s; 4 missed: a (es), b (es), c (es) …",
    ),
    (
        "misses",
        lambda: judge_intake.canaries(ROUND._replace(missed=(Missed("r1", "es", 2),)), NOW),
        FAIL,
        "1 rule missed twice or more: r1 (es)",
    ),
    ("old canaries", lambda: judge_intake.canaries(ROUND, NOW + 2 * DAY), WARN, "2 d ago"),
    ("judged", lambda: judge_flow.judged(seen.Judged(None, 5)), OK, "all 5 alerts"),
    (
        "judged otherwise",
        lambda: judge_flow.judged(seen.Judged(None, 5, 1, 0)),
        FAIL,
        "1 alerts are missing",
    ),
    ("too much", lambda: judge_flow.judged(seen.Judged(None, 5, 0, 2)), WARN, "2 are too much"),
    ("not judged", lambda: judge_flow.judged(seen.Judged(("not now", "没有"))), NONE, "not now"),
]


@pytest.mark.parametrize(
    ("judge", "state", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_is_said_of_what_was_seen(judge, state, words):
    found = judge()
    assert worst(found) == state
    assert any(words in one.en for one in found), found
    for one in found:
        assert one.check in CHECKS
        assert one.zh, "it says it in Chinese, too"
        assert bool(one.fix_en) == bool(one.fix_zh)
        if one.state == FAIL and one.check not in ("keys", "targets", "job"):
            assert one.fix_en, "who reads it knows what to do"


def test_every_check_is_in_the_table():
    covered = {one.check for _, judge, _, _ in (*TABLE, *ARCHIVE_TABLE) for one in judge()}
    assert covered == set(CHECKS)


def test_no_slots_says_where_to_look_and_how_many_there_are():
    (found,) = job(running=0, page="http://f:8081/#/job/x", slots=(2, 1, 0))
    for fix in (found.fix_en, found.fix_zh):
        assert "http://f:8081/#/job/x" in fix
        assert "flink.parallelism" in fix
    assert "it needs 2 slots, and the cluster has 1 (0 free)" in found.fix_en


def test_one_missed_canary_is_no_reason_to_run_what_runs_already():
    (found,) = canaries(("a", "redis"))
    assert found.fix_en.endswith("mingjian canary --once")
    assert "--every" not in found.fix_en


def test_a_broker_that_is_still_starting_says_so_in_our_words():
    raw = "es: [Error 16] NotCoordinatorError: OffsetFetchResponse failed for group mingjian-es"
    found = plain(Finding("delivery", UNKNOWN, raw, raw))
    assert found.en == "es: Kafka is still starting: it does not know its groups yet"
    assert found.fix_en == "try again in a minute"
    assert plain(Finding("delivery", FAIL, raw, raw)).en == raw, "only where nothing was seen"


def test_flink_that_is_away_is_named_with_its_address_and_setting():
    settings = load("embedded", overrides=["flink.rest_url=http://127.0.0.1:1"])
    with pytest.raises(MingjianError) as raised:
        see_stream.job(settings, NOW)
    assert raised.value.en.startswith(
        "Flink at http://127.0.0.1:1 (flink.rest_url) does not answer"
    )
    assert "flink.rest_url" in raised.value.fix_zh


def test_a_wrong_password_names_the_variable(monkeypatch):
    class Client:
        def info(self):
            raise AuthenticationError("WRONGPASS invalid username-password pair")

        def close(self):
            pass

    monkeypatch.setattr("sinks.redis.connect", lambda *_, **__: Client())
    one = Target(kind="redis", name="redis", url="redis://u:secret@r:6379")
    (found,) = judge_flow.targets([see_flow.target(one)])
    assert found.en == "Redis (redis) at r:6379 refused the credentials"
    for fix in (found.fix_en, found.fix_zh):
        assert "MINGJIAN_REDIS_PASSWORD" in fix


def test_a_look_without_an_answer_says_who_was_asked():
    url = "http://u:secret@search:9200"
    settings = msgspec.structs.replace(
        load("embedded"), targets=(Target(kind="elasticsearch", name="es", url=url),)
    )
    looks = {one.check: one for one in examine_module._looks(settings, NOW, judge=False)}
    for name in ("incidents", "quarantine", "targets"):
        found = examine_module._too_long(looks[name])
        assert " s from es at http://search:9200 (targets[].url)" in found.en
        assert found.fix_en


F = Finding


@pytest.mark.parametrize(
    ("findings", "trusted", "words", "why"),
    [
        ([F("job", OK, "", ""), F("clock", NONE, "", "")], True, "nothing speaks against", []),
        ([F("job", WARN, "", "")], True, "one thing needs attention", ["job"]),
        ([F("job", FAIL, "", ""), F("disk", WARN, "", "")], False, "1 thing is wrong", ["job"]),
        ([F("job", UNKNOWN, "", "")], False, "1 could not be looked at", ["job"]),
        # of what does not decide, not knowing is a warning
        ([F("canaries", UNKNOWN, "", "")], True, "one thing needs attention", ["canaries"]),
        ([F("keys", UNKNOWN, "", ""), F("job", FAIL, "", ""), F("disk", FAIL, "", "")], False,
         "2 things are wrong, 1 could not", ["job", "disk", "keys"]),
    ],
)  # fmt: skip
def test_the_verdict(findings, trusted, words, why):
    found = verdict(findings)
    assert found.trusted is trusted
    assert words in found.en
    assert [one.check for one in found.why] == why


@pytest.mark.parametrize(
    ("ms", "en", "zh"),
    [
        (0, "0.0 s", "0.0 秒"),
        (1234, "1.2 s", "1.2 秒"),
        (59_900, "59 s", "59 秒"),
        (61_000, "1 min 1 s", "1 分 1 秒"),
        (HOUR + 500, "1 h", "1 小时"),
        (DAY + 3 * HOUR + MIN, "1 d 3 h", "1 天 3 小时"),
    ],
)
def test_lengths_of_time(ms, en, zh):
    assert (span_en(ms), span_zh(ms)) == (en, zh)


# ---- an embedded site, looked at as it is ----


@pytest.fixture
def site(tmp_path) -> Settings:
    write(tmp_path / "rules", SIMPLE)
    targets = (Target(kind="sqlite", name="sqlite", path=str(tmp_path / "index.db")),)
    settings = msgspec.structs.replace(
        collecting.settings(tmp_path), targets=targets,
        rules=Rules(path=str(tmp_path / "rules"), registry=str(tmp_path / "none")),
    )  # fmt: skip
    Sealer.from_dir(settings.keys_dir)
    with collecting.opened(tmp_path, "http") as intake:
        intake.take([collecting.bare(1)])
    write_part(Path(settings.outputs.path), [alert(1)])
    deliver.run(settings, once=True)
    return settings


def states(settings: Settings) -> dict[str, str]:
    page = examine(settings)
    return {name: worst(one for one in page.findings if one.check == name) for name in CHECKS}


def test_a_site_in_order_is_trusted(site):
    page = examine(site)
    assert page.verdict.trusted, page.verdict
    bad = {one.check: one.state for one in page.findings if one.state not in (OK, NONE)}
    assert bad == {"canaries": WARN}


def _break_keys(site: Settings) -> None:
    (Path(site.keys_dir) / "evidence.key").chmod(0o644)


def _break_rules(site: Settings) -> None:
    (Path(site.rules.path) / "rule.yaml").write_text("title: [")


def _break_source(site: Settings) -> None:
    folder = Path(site.source.path)
    folder.rename(folder.with_name("elsewhere"))


def _break_index(site: Settings) -> None:
    Path(site.targets[0].path).write_bytes(b"no database at all " * 50)


def _leave_undelivered(site: Settings) -> None:
    import os  # noqa: PLC0415

    write_part(Path(site.outputs.path), [alert(2)], "part-9")
    os.utime(Path(site.outputs.path) / "alerts" / "part-9", (1e9, 1e9))


def _refuse(site: Settings) -> None:
    write_part(Path(site.outputs.path), [alert(3, time="soon")], "part-8")
    deliver.run(site, once=True)


def _set_aside(site: Settings) -> None:
    write_part(Path(site.outputs.path), [quarantined(b"{")], "part-7")
    deliver.run(site, once=True)


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (_break_keys, {"keys": FAIL}),
        (_break_rules, {"rules": FAIL}),
        (_break_source, {"source": FAIL, "completeness": UNKNOWN}),
        (_break_index, {"targets": FAIL, "incidents": UNKNOWN, "delivery": UNKNOWN,
                        "refused": UNKNOWN, "quarantine": UNKNOWN, "completeness": UNKNOWN}),
        (_leave_undelivered, {"delivery": FAIL}),
        (_refuse, {"refused": FAIL}),
        (_set_aside, {"quarantine": WARN}),
    ],
)  # fmt: skip
def test_what_is_broken_is_said_and_the_rest_is_still_looked_at(site, harm, expected):
    before = states(site)
    harm(site)
    after = states(site)
    assert {name: state for name, state in after.items() if state != before[name]} == expected


@contextmanager
def told_by(site: Settings) -> Iterator[tuple[Settings, receivers.Http]]:
    """The site with a channel, and who is at its other end."""
    with receivers.http() as receiver:
        channel = Channel(kind="webhook", name="soc", url=receiver.url)
        yield msgspec.structs.replace(site, channels=(channel,)), receiver


def delivery(settings: Settings) -> list[tuple[str, str]]:
    return [(one.state, one.en) for one in examine(settings).findings if one.check == "delivery"]


def test_a_channel_that_takes_records_in_and_tells_nobody_is_not_in_order(site):
    with told_by(site) as (settings, receiver):
        receiver.answers = [(503, b"", {})] * 20
        with pytest.raises(MingjianError):
            deliver.run(settings, once=True, patience_s=0.1)
        assert delivery(settings) == [(OK, "records behind: sqlite 0, soc 1")]
        with sqlite3.connect(Path(site.data_dir) / "outbox" / "soc.db") as db:
            db.execute("UPDATE waiting SET came = came - 3 * 86400")
        page = examine(settings)
        assert not page.verdict.trusted
        (found,) = page.verdict.why
        assert found.en.startswith("soc: 1 record behind, 1 of them not told to people, waiting")
        assert found.fix_en == "mingjian alerts send-test --channel soc"
        receiver.answers.clear()
        deliver.run(settings, once=True)
        assert delivery(settings) == [(OK, "records behind: sqlite 0, soc 0")]


def test_what_a_channel_refused_is_said_listed_and_dropped_with_a_reason(
    site, tmp_path, monkeypatch
):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    with told_by(site) as (settings, receiver):
        receiver.answers = [(413, b"", {})]
        deliver.run(settings, once=True)
        assert states(settings)["refused"] == FAIL
        file = tmp_path / "settings.yaml"
        file.write_text(yaml.safe_dump(msgspec.to_builtins(settings)))
        words = ["--target", "soc", "--config", str(file)]
        listed = CliRunner().invoke(app, ["quarantine", "list", *words, "-o", "json"])
        (row,) = json.loads(listed.output)["refused"]
        assert (row["kind"], row["id"], row["reason"]) == ("alerts", alert(1).id, "HTTP 413")
        for way in ("--yes", "--dry-run"):
            again = CliRunner().invoke(app, ["quarantine", "replay", "--all", way, *words])
            assert "'soc' is a channel" in str(again.exception)
        dropped = ["quarantine", "drop", "--all", "--yes", "--reason", "told by phone", *words]
        assert CliRunner().invoke(app, dropped).exit_code == 0
        assert states(settings)["refused"] == OK


@pytest.mark.parametrize(
    ("hours_ago", "state", "words"),
    [(2, OK, "none missing"), (5, UNKNOWN, "the source is gone"), (None, UNKNOWN, "is gone")],
)
def test_an_old_count_says_nothing_of_today(tmp_path, monkeypatch, hours_ago, state, words):
    """The last hour cannot be counted; what was kept of an hour long past is no answer."""
    settings = msgspec.structs.replace(collecting.settings(tmp_path))
    if hours_ago is not None:
        check.keep(settings, complete(end=NOW - NOW % HOUR - (hours_ago - 1) * HOUR).found)
    made = complete(unreadable={"collected": "the source is gone"}).found
    monkeypatch.setattr(check, "check", lambda *_, **__: made)
    (found,) = judge_flow.completeness(see_flow.completed(settings, NOW, 1.0), NOW)
    assert (found.state, words in found.en) == (state, True), found


def test_a_kept_check_that_could_not_ask_a_target_is_made_anew(tmp_path, monkeypatch):
    """With Redis back, the doctor went on telling that it had been away."""
    settings, end = collecting.settings(tmp_path), NOW - NOW % HOUR
    away = {"delivered redis": "Error 111 Connection refused"}
    check.keep(settings, complete(end=end, at=NOW - 27 * MIN, unreadable=away).found)
    monkeypatch.setattr(check, "check", lambda *_, **__: complete(end=end).found)
    (found,) = judge_flow.completeness(see_flow.completed(settings, NOW, 1.0), NOW)
    assert found.state == OK
    still = complete(end=end, at=NOW, unreadable=away).found
    monkeypatch.setattr(check, "check", lambda *_, **__: still)
    (found,) = judge_flow.completeness(see_flow.completed(settings, NOW, 1.0), NOW)
    assert (found.state, "looked at 0.0 s ago: delivered redis" in found.en) == (UNKNOWN, True)
    assert found.fix_en == "to look again: mingjian completeness"


def test_what_a_round_missed_is_read_with_its_target(tmp_path):
    settings = collecting.settings(tmp_path)
    book = CanaryBook(settings)
    book.add("r", NOW - MIN, NOW, 9, 1, {("a", "es"): None, ("a", "redis"): 1.0, ("b", "es"): 2.0})
    book.close()
    assert see_flow.canaried(settings).absent == (("a", "es"),)


def test_a_book_that_was_only_opened_took_nothing(tmp_path):
    settings = collecting.settings(tmp_path)
    with collecting.opened(tmp_path, "crm"):
        pass
    with collecting.opened(tmp_path, "http") as intake:
        intake.take([collecting.bare(1)])
    crm, http = see_flow.collectors(settings)
    assert (crm.hour, http.hour) == (0, http.written // HOUR * HOUR)


def test_late_records_of_which_nobody_can_tell_are_counted_in_the_index(tmp_path, site):
    items = [late_record(n, would_have_fired=one) for n, one in enumerate(("unknown", "true"))]
    write_part(Path(site.outputs.path), items, "part-late")
    deliver.run(site, once=True)
    assert see_stream._unknown(site, RUNS._replace(counters={"late": 2})) == (1, False)
    assert see_stream._unknown(site, RUNS) is None, "it is asked only when something came late"


# ---- topics, with no broker ----

PLACE = TopicPartition("alerts", 0)


class Log:
    """Stands for a consumer of one partition that holds the offsets from `first` up to `end`, each
    written ten minutes before the next, the last one now."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end, self.at = first, end, 0

    def beginning_offsets(self, places):
        return dict.fromkeys(places, self.first)

    def assign(self, places):
        assert places == [PLACE]

    def seek(self, _place, offset):
        self.at = offset

    def poll(self, **_):
        # a broker has nothing at an offset that it removed, and a client without a group goes on
        # behind the end
        if not self.first <= self.at < self.end:
            return {}
        ago = (self.end - 1 - self.at) * 10 * MIN
        return {PLACE: [SimpleNamespace(timestamp=NOW - ago)]}


@pytest.mark.parametrize(
    ("first", "done", "expected"),
    [
        (0, 100, [(OK, "records behind: soc 0")]),
        (0, 99, [(OK, "records behind: soc 1")]),
        (0, 97, [(FAIL, "soc: 3 records behind, waiting for 20 min")]),
        # a committed offset that the topic no longer holds: what stood there is gone
        (98, 90, [(FAIL, "soc: 8 records were removed from the topics undelivered"),
                  (WARN, "soc: 2 records behind, waiting for 10 min")]),
        (100, 90, [(FAIL, "soc: 10 records were removed from the topics undelivered"),
                   (OK, "records behind: soc 0")]),
        # one that never began has not lost what was removed before
        (96, None, [(FAIL, "soc: 4 records behind, waiting for 30 min")]),
    ],
)  # fmt: skip
def test_what_a_topic_removed_undelivered_is_lost_and_the_rest_has_an_age(first, done, expected):
    topics = Topics.__new__(Topics)
    topics.consumer, topics._settings = Log(first, 100), load("embedded")
    at = {} if done is None else {"kafka:alerts:0": done}
    lag = see_delivery._in_partitions(topics, {PLACE: (first, 100)}, at)
    found = judge_delivery.delivery([lag._replace(target="soc")], NOW)
    assert [(one.state, one.en) for one in found] == expected


def test_the_time_at_an_offset_that_was_removed_is_that_of_the_first_record_there():
    topics = Topics.__new__(Topics)
    topics.consumer, topics._settings = Log(98, 100), load("embedded")
    assert topics.time_at(PLACE, 3) == NOW - 10 * MIN


def test_the_page_and_its_exit_code(site, tmp_path, monkeypatch):
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(msgspec.to_builtins(site)))
    words = ["doctor", "--config", str(file)]
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    fine = CliRunner().invoke(app, words)
    assert fine.exit_code == 0, fine.output
    assert fine.output.startswith("✓ To be trusted; one thing needs attention.")
    assert all(len(line) <= 80 for line in fine.output.splitlines())
    _break_keys(site)
    wrong = CliRunner().invoke(app, words)
    assert wrong.exit_code == EXIT_FINDINGS
    first, _, why = wrong.output.splitlines()[:3]
    assert first == "✗ Not to be trusted now: 1 thing is wrong."
    assert why == "  keys: evidence.key can be read by others (mode 0644)"
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    assert "现在不可信：1 项有问题。" in CliRunner().invoke(app, words).output
    told = json.loads(CliRunner().invoke(app, [*words, "-o", "json"]).output)
    assert told["verdict"]["trusted"] is False
    of_an_archive = {"segments", "archive_index", "tenant_keys", "access", "ledger", "custody"}
    assert {one["check"] for one in told["findings"]} == set(CHECKS) - of_an_archive
    mode = stat.S_IMODE((Path(site.keys_dir) / "evidence.key").stat().st_mode)
    assert mode == 0o644, "it only looks"
