"""Quarantine with a way back: looked at, fixed, replayed, dropped; nothing lost, nothing twice."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import sqlite3
import stat
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.cli import app as cli
from jobs.cli import quarantine_view
from jobs.quarantine.deeds import Deeds
from jobs.quarantine.shelf import ALL, HANDLED, OPEN, Shelf
from jobs.quarantine.verdict import id_of, on_one_line
from rules.conditions import Words
from rules.decode import Decoder
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.operations import DROPPED, FIXED, OPENED, REPLAYED
from sinks.sqlite import SqliteSink
from sinks.sqlite_reader import SqliteReader
from tests.support.records import alert, done_with, noticed, quarantined
from tests.support.rule_files import TENANT, raws
from tests.support.small_site import Site

SAID = {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "这款保本"}
GOOD = raws([SAID])[0]
BROKEN = GOOD[:-1]  # the last brace is missing
LONG = raws([{**SAID, "text": "这款保本" + "好" * 2000}])[0]


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def written(site: Site, content: bytes, name: str = "fixed.json") -> str:
    path = site.folder / name
    path.write_bytes(content)
    return str(path)


def replayed_files(site: Site) -> list[Path]:
    return sorted(site.messages.glob("messages-replay-*"))


# ---- fix ----


def test_a_fixed_record_gives_the_alert_it_would_have_given(site, tmp_path_factory):
    other = Site(tmp_path_factory.mktemp("never-broken"))
    other.judge(GOOD)
    site.judge(BROKEN)
    assert site.alerts() == {}
    (row,) = site.quarantined()
    done = site.call("quarantine", "fix", row["quarantine_id"][:8], "--file", written(site, GOOD))
    assert "m1" in done.stdout
    assert "2026-03-04 10:00:00" in done.stdout
    site.judge()
    assert site.alerts() == other.alerts() != {}
    assert site.quarantined() == []
    (row,) = site.quarantined("--handled")
    (deed,) = row["handled"]
    assert (deed["action"], deed["to"]) == (FIXED, "messages")
    assert deed["raw_sm3"] == hashlib.new("sm3", GOOD).hexdigest()


def test_done_twice_nothing_appears_twice(site):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    fix = ("quarantine", "fix", row["quarantine_id"], "--file", written(site, GOOD))
    site.call(*fix)
    site.judge()
    with pytest.raises(
        MingjianError, match=r"was handled already: fixed by .* at 20\d\d-"
    ) as caught:
        site.call(*fix)
    assert "--again" in caught.value.fix_en
    assert len(replayed_files(site)) == 1
    site.call(*fix, "--again")
    site.judge()
    # a job that follows the folder has read the first, and looks at no file twice
    first, second = replayed_files(site)
    assert first.read_bytes() == second.read_bytes()
    assert len(site.alerts()) == 1
    assert len(site.quarantined("--all")) == 1


@pytest.mark.parametrize(
    ("fixed", "options", "why"),
    [
        (BROKEN + b" ", (), "would be set aside again: not valid JSON"),
        (GOOD.replace(b'"msgtime"', b'"when"'), (), "a required field is missing.*msgtime"),
        (GOOD.replace(b'"m1"', b'"m2"'), (), "has the id 'm2', the original 'm1'"),
        (GOOD, ("--new-id",), "still has the id 'm1'"),
        (b'{"v":\n1,"te\nxt', (), "several lines and is not JSON"),
        (b"\xff\xfe", (), "not valid UTF-8"),
        (b'"a text"', (), "not an object"),
        (GOOD.replace(b":1000000", b""), ("--new-id",), "still has the id"),
    ],
)
def test_what_would_be_set_aside_again_is_refused_and_nothing_is_done(site, fixed, options, why):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    path = written(site, fixed)
    with pytest.raises(MingjianError, match=why) as caught:
        site.call("quarantine", "fix", row["quarantine_id"], "--file", path, *options)
    assert caught.value.exit_code == EXIT_FINDINGS
    assert caught.value.zh
    assert replayed_files(site) == []
    assert site.quarantined()[0]["handled"] == []


def test_a_fixed_record_may_have_another_id_when_that_is_said(site):
    site.judge(GOOD, GOOD.replace("这款".encode(), "那款".encode()))
    (row,) = site.quarantined()
    assert row["reason"] == "duplicate_id_conflict"
    with pytest.raises(MingjianError, match="the id of another record") as caught:
        site.call("quarantine", "replay", row["quarantine_id"])
    assert "--new-id" in caught.value.fix_en
    other = GOOD.replace("这款".encode(), "那款".encode()).replace(b'"m1"', b'"m1-b"')
    path = written(site, other)
    site.call("quarantine", "fix", row["quarantine_id"], "--file", path, "--new-id")
    site.judge()
    assert sorted(site.alerts().values()) == [["m1"], ["m1-b"]]


def test_another_content_of_one_id_is_not_put_back_a_second_time(site):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    site.call("quarantine", "fix", row["quarantine_id"], "--file", written(site, GOOD))
    other = written(site, GOOD.replace("这款".encode(), "那款".encode()), "other.json")
    with pytest.raises(MingjianError, match=r"other bytes of record .* were put back already"):
        site.call("quarantine", "fix", row["quarantine_id"], "--file", other, "--again")


def test_another_content_of_a_new_id_is_not_put_back_a_second_time(site):
    """The job would set it aside as a conflict, and the user was told that it is judged."""
    other = GOOD.replace("这款".encode(), "那款".encode())
    site.judge(GOOD, other)
    (row,) = site.quarantined()

    def fix(msgid: bytes, words: str, *options: str) -> None:
        changed = other.replace(b'"m1"', b'"%s"' % msgid).replace("那款".encode(), words.encode())
        path = written(site, changed)
        site.call("quarantine", "fix", row["quarantine_id"], "--file", path, "--new-id", *options)

    fix(b"m2", "那款")
    with pytest.raises(MingjianError, match="was handled already"):
        fix(b"m2", "另款")
    with pytest.raises(MingjianError, match="other bytes with the id 'm2' were put back already"):
        fix(b"m2", "另款", "--again")
    assert len(replayed_files(site)) == 1
    fix(b"m2", "那款", "--again")  # the same bytes: ignored by their id
    fix(b"m3", "另款", "--again")
    site.judge()
    assert sorted(site.alerts().values()) == [["m1"], ["m2"], ["m3"]]
    for file in replayed_files(site):
        file.unlink()
    with pytest.raises(MingjianError, match="nobody can tell whether they had the id 'm4'"):
        fix(b"m4", "又款", "--again")


def test_a_dry_run_says_what_would_be_judged_and_does_nothing(site):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    path = written(site, msgspec.json.format(GOOD, indent=2))
    told = site.json("quarantine", "fix", row["quarantine_id"], "--file", path, "--dry-run")
    assert (told["fixed"], told["msgid"]) == ("", "m1")
    assert replayed_files(site) == []


@pytest.mark.parametrize("keeps", [True, False])
def test_an_editor_gets_the_original_and_its_opening_is_recorded(site, monkeypatch, keeps):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    script = site.folder / "editor.py"
    add = "" if keeps else "p.write_bytes(raw + b'}\\n')"
    script.write_text(
        "import pathlib, sys, os\np = pathlib.Path(sys.argv[1]); raw = p.read_bytes()\n"
        f"assert raw == {BROKEN!r}\nassert os.stat(p.parent).st_mode & 0o77 == 0\n{add}\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    if keeps:
        with pytest.raises(MingjianError, match="was not changed"):
            site.call("quarantine", "fix", row["quarantine_id"], "--edit")
    else:
        site.call("quarantine", "fix", row["quarantine_id"], "--edit", "--by", "wang")
    deeds = site.quarantined("--all")[0]["handled"]
    assert [deed["action"] for deed in deeds] == [OPENED] + [FIXED] * (not keeps)
    if not keeps:
        assert replayed_files(site)[0].read_bytes() == GOOD + b"\n"
        assert {deed["by"] for deed in deeds} == {"wang"}


def test_an_editor_that_is_hung_up_on_leaves_no_record_behind(site, monkeypatch, tmp_path):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = site.folder / "editor.py"
    script.write_text("import os, signal\nos.kill(os.getppid(), signal.SIGHUP)\n")
    before = signal.getsignal(signal.SIGHUP)  # under nohup it is ignored
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    site.call("quarantine", "fix", row["quarantine_id"], "--edit", code=128 + signal.SIGHUP)
    assert list(tmp_path.glob("mingjian-*")) == []
    assert signal.getsignal(signal.SIGHUP) == before


# ---- replay ----


def test_a_type_that_is_still_unknown_is_not_put_back(site):
    """The job would judge it as far as before, set it aside under the same id, and nobody would
    see it any more."""
    odd = GOOD.replace(b'"msgtype":"text"', b'"msgtype":"hologram"')
    site.judge(odd)
    (row,) = site.quarantined()
    assert row["reason"] == "unknown_type"
    with pytest.raises(MingjianError, match=r"would be set aside again: .*hologram"):
        site.call("quarantine", "replay", row["quarantine_id"])
    assert len(site.quarantined()) == 1
    path = written(site, GOOD)  # other content of an id the job has judged under
    with pytest.raises(MingjianError, match="was judged in part") as caught:
        site.call("quarantine", "fix", row["quarantine_id"], "--file", path)
    assert "--new-id" in caught.value.fix_en
    path = written(site, GOOD.replace(b'"m1"', b'"m1-b"'))
    site.call("quarantine", "fix", row["quarantine_id"], "--file", path, "--new-id")
    site.judge()
    assert list(site.alerts().values()) == [["m1-b"]]


def test_a_record_on_which_the_rule_fails_as_before_is_not_put_back(site, monkeypatch):
    """It would be set aside under the same id, and nobody would see it any more."""

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    replay = ("quarantine", "replay", "--all", "--yes", "--set", f"rules.path={site.folder}/rules")
    with monkeypatch.context() as defect:
        defect.setattr(Words, "holds", broken)
        other = GOOD.replace(b'"m1"', b'"m2"')
        site.judge(GOOD, other)
        assert [row["detail"] for row in site.quarantined()] == ["t1_words: ZeroDivisionError"] * 2
        told = site.json(*replay, code=EXIT_FINDINGS)
        assert (told["replayed"], len(told["not_replayed"])) == ([], 2)
        assert "the rule fails on it as before (t1_words: Zero" in told["not_replayed"][0]["why"]
        assert (len(site.quarantined()), replayed_files(site)) == (2, [])
    assert len(site.json(*replay)["replayed"]) == 2  # with the version that mends it
    site.judge()
    assert sorted(site.alerts().values()) == [["m1"], ["m2"]]
    assert site.quarantined() == []


def test_what_is_still_bad_is_not_put_back_and_the_rest_is(site):
    site.judge(BROKEN, LONG, b"\xff")
    assert len(site.quarantined()) == 3
    site.settings_file.write_text(
        site.settings_file.read_text().replace("record_bytes: 5000", "record_bytes: 50000")
    )
    site.record_bytes = 50_000
    told = site.json("quarantine", "replay", "--all", "--yes", code=EXIT_FINDINGS)
    assert len(told["replayed"]) == 1
    whys = " ".join(one["why"] for one in told["not_replayed"])
    assert "not valid UTF-8" in whys
    assert "not valid JSON" in whys
    assert replayed_files(site)[0].read_bytes() == LONG + b"\n"
    site.judge()
    assert list(site.alerts().values()) == [["m1"]]
    assert [row["reason"] for row in site.quarantined()] == ["not_utf8", "not_json"]


def test_bytes_that_are_put_back_by_hand_and_are_still_bad_are_one_record(site):
    site.judge(BROKEN)
    site.judge(BROKEN, name="messages-2.jsonl")
    assert len(site.quarantined("--all")) == 1


def test_of_a_long_record_the_original_is_fetched_from_where_it_stands(site):
    site.judge(b"{}", LONG)
    row = next(one for one in site.quarantined() if one["reason"] == "too_large")
    assert row["truncated"]
    limit = ("--set", "limits.record_bytes=50000")
    source = site.messages / "messages-1.jsonl"
    content = source.read_bytes()
    source.write_bytes(content.replace(b"{}", b"{  }"))  # it has moved: found by its digest
    site.call("quarantine", "replay", row["quarantine_id"], "--dry-run", *limit)
    source.write_bytes(content.replace("好".encode(), "坏".encode(), 1))
    with pytest.raises(MingjianError, match="only its beginning was kept") as caught:
        site.call("quarantine", "replay", row["quarantine_id"], *limit)
    assert "limits.quarantine_keep_bytes" in caught.value.fix_en
    source.unlink()
    with pytest.raises(MingjianError, match="does not stand in the source any more"):
        site.call("quarantine", "replay", row["quarantine_id"], *limit)
    assert replayed_files(site) == []


def test_for_a_record_that_is_too_large_the_limit_is_raised_and_nothing_is_shortened(site):
    site.judge(LONG)
    (row,) = site.quarantined()
    with pytest.raises(MingjianError, match="would be set aside again: larger than") as caught:
        site.call("quarantine", "replay", row["quarantine_id"])
    short = row["quarantine_id"][:12]
    assert caught.value.fix_en == (
        "raise limits.record_bytes, restart the job with it, then"
        f" `mingjian quarantine replay {short}`"
    )
    assert f"`mingjian quarantine replay {short}`" in caught.value.fix_zh
    raised = ("--set", "limits.record_bytes=50000")
    told = site.call("quarantine", "replay", row["quarantine_id"], "--dry-run", *raised).stdout
    assert "limits.record_bytes = 50000: a running job has its own limit until it is" in told
    site.judge(BROKEN)  # one that was not too large is not replayed: it is broken
    (row,) = (one for one in site.quarantined() if one["reason"] == "not_json")
    with pytest.raises(MingjianError, match="larger than") as caught:
        site.call("quarantine", "fix", row["quarantine_id"], "--file", written(site, LONG))
    assert "or make it shorter" in caught.value.fix_en


def test_without_the_key_the_original_is_taken_from_the_source(site):
    site.judge(LONG[:4000])
    (row,) = site.quarantined()
    (site.folder / "keys" / "evidence.key").unlink()
    raw = site.call("quarantine", "show", row["quarantine_id"], "--raw").stdout_bytes
    assert raw == LONG[:4000]
    (site.messages / "messages-1.jsonl").unlink()
    with pytest.raises(MingjianError, match="no evidence key"):
        site.call("quarantine", "show", row["quarantine_id"], "--raw")


def test_original_bytes_are_for_those_who_may_see_them_unmasked(site, monkeypatch):
    site.judge(LONG[:4000])
    (row,) = site.quarantined()
    shown = ("quarantine", "show", row["quarantine_id"], "--raw")
    access = ("--set", 'access.people=[{"account": "zhao", "roles": ["officer"]}]')
    monkeypatch.setattr("jobs.alert_desk.account", lambda: "lin")
    for words in (shown, ("quarantine", "fix", row["quarantine_id"], "--edit")):
        with pytest.raises(MingjianError, match="lin has no role and may not see personal data"):
            site.call(*words, *access)
    assert site.call(*shown[:3], *access).exit_code == 0  # what is masked all may see
    monkeypatch.setattr("jobs.alert_desk.account", lambda: "zhao")
    assert site.call(*shown, *access).stdout_bytes == LONG[:4000]


def test_a_running_job_finds_an_old_record_late_and_that_is_said_before(tmp_path):
    site = Site(tmp_path, follow=True)
    site.judge(LONG)
    (row,) = site.quarantined()
    done = site.call(
        "quarantine", "replay", row["quarantine_id"], "--set", "limits.record_bytes=50000"
    )
    assert "late, by up to" in done.stderr
    assert "mingjian alerts late" in done.stderr
    assert "next:" not in done.stdout, "the job runs"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("replay",), "either the ID of one record or --all"),
        (("replay", "abc", "--all"), "either the ID of one record or --all"),
        (("replay", "abc", "--reason", "not_json"), "goes with --all"),
        (("replay", "--all", "--reason", "not_jsn"), "no reason 'not_jsn'"),
        (("drop", "--all", "--reason", "x"), "nobody can be asked; nothing was done"),
        (("replay", "0000"), "no quarantined record begins with '0000'"),
        (("replay", "--all", "--target", "indx"), "no target 'indx'"),
        (("drop", "--all", "--yes"), "dropped only with a reason"),
        (("drop", "--all", "--yes", "--reason", " "), "dropped only with a reason"),
        (("fix", "0000"), "either --file or --edit"),
        (("fix", "0000", "--file", "/nowhere"), "no quarantined record begins"),
        (("list", "--open", "--all"), "exclude each other"),
        (("list", "--reason", "x"), "no reason 'x'"),
        (("list", "--cursor", "x"), "is not a cursor"),
    ],
)
def test_a_wrong_call_is_one_line_and_does_nothing(site, words, message):
    site.judge(BROKEN)
    with pytest.raises(MingjianError, match=message) as caught:
        site.call("quarantine", *words)
    assert caught.value.exit_code == EXIT_USAGE
    assert caught.value.zh
    assert site.quarantined()[0]["handled"] == []


def test_what_cannot_be_written_down_is_not_reported_as_done(site):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    (site.outputs / "handled").write_text("a file where a folder should be")
    with pytest.raises(MingjianError, match="cannot write"):
        site.call("quarantine", "drop", row["quarantine_id"], "--reason", "noise")


# ---- drop, list, show ----


def test_a_dropped_record_stays_and_says_who_and_why(site):
    site.judge(BROKEN, b"[]")
    site.call("quarantine", "drop", "--all", "--only", "not_json", "--yes",
              "--reason", "vendor\x1b[31m's test", "--by", "wang")  # fmt: skip
    assert [row["reason"] for row in site.quarantined()] == ["not_an_object"]
    (row,) = site.quarantined("--handled")
    assert "dropped by wang" in site.call("quarantine", "list", "--all").stdout
    page = site.call("quarantine", "show", row["quarantine_id"]).stdout
    assert "wang · vendor⟨U+001B⟩[31m's test" in page
    site.deliver()
    assert len(site.quarantined("--all")) == 2
    assert SqliteReader(site.index).counts()["handled"] == 1


def test_what_was_dropped_is_not_dropped_again(site):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    drop = ("quarantine", "drop", row["quarantine_id"], "--reason")
    site.call(*drop, "noise", "--by", "wang")
    told = site.call(*drop, "other", "--by", "li").stdout
    assert re.search(r"already dropped by wang at 20\d\d-.* \(noise\); nothing was written", told)
    again = site.json(*drop, "other", "--by", "li")
    assert again == {"dropped": [], "dropped_before": [row["quarantine_id"]]}
    (row,) = site.quarantined("--handled")
    assert [(deed["by"], deed["reason"]) for deed in row["handled"]] == [("wang", "noise")]


def test_looking_at_the_raw_bytes_is_recorded_and_settles_nothing(site):
    site.judge(BROKEN)
    (row,) = site.quarantined()
    done = site.call("quarantine", "show", row["quarantine_id"], "--raw", "--by", "li")
    assert done.stdout_bytes == BROKEN
    (row,) = site.quarantined()
    assert [(deed["action"], deed["by"]) for deed in row["handled"]] == [(OPENED, "li")]


def test_hostile_bytes_reach_no_terminal(site, monkeypatch, capsys):
    hostile = b"\x1b]0;owned\x07\x1b[2J\xff\xe2\x80\xae{" + "平\u200b台".encode()
    monkeypatch.setattr(cli.out, "_force_terminal", True)
    monkeypatch.setattr(cli.out, "_color_system", None)
    quarantine_view.show_bytes(hostile)
    shown = capsys.readouterr().out
    assert not set(shown) & {"\x1b", "\x07", "\u202e", "\u200b"}
    assert "⟨U+001B⟩]0;owned⟨U+0007⟩" in shown
    assert "\\xff" in shown


def test_an_index_of_its_own_incidents(site):
    site.judge(GOOD)
    sink = SqliteSink("index", site.index)
    sink.open()
    sink.write([noticed(1), noticed(2), noticed(2, "resolved"), noticed(3, detail="a\x1b[2Jb")])
    sink.close()
    assert len(site.json("incidents", "list")["incidents"]) == 3
    rows = site.json("incidents", "list", "--open")["incidents"]
    assert [row["status"] for row in rows] == ["open", "open"]
    text = site.call("incidents", "list").stdout
    assert "numbers are missing in the archive's sequence" in text
    assert "a⟨U+001B⟩[2Jb" in text
    assert "not over" in site.call("alerts", "stats").stdout


# ---- refused by a target ----


def test_what_a_target_refused_goes_to_it_again_and_is_there_once(site):
    site.judge(BROKEN)
    db = sqlite3.connect(site.index)
    for record in (alert(1), alert(2)):
        db.execute(
            "INSERT INTO rejected VALUES (?, ?, ?, ?, ?)",
            (record.topic, record.id, "too\x1bnew", record.body, 1),
        )
    db.execute("INSERT INTO rejected VALUES ('alerts', 'bad', 'broken', X'7B', 1)")
    db.commit()
    db.close()
    target = ("--target", "index")
    assert "alerts  too⟨U+001B⟩new" in site.call("quarantine", "list", *target).stdout
    assert site.call("quarantine", "show", alert(1).id, "--raw", *target).stdout_bytes == (
        alert(1).body
    )
    site.call("quarantine", "replay", alert(1).id[:9], *target)
    again = site.json("quarantine", "replay", "--all", "--yes", *target, code=EXIT_FINDINGS)
    assert again["stored"] == [alert(2).id]
    assert [one["id"] for one in again["refused"]] == ["bad"]
    assert len(site.alerts()) == 2
    site.call("quarantine", "drop", "bad", "--reason", "no record at all", *target)
    told = site.call("quarantine", "drop", "bad", "--reason", "no record", *target).stdout
    assert "already dropped by" in told
    assert site.json("quarantine", "list", *target)["refused"] == []
    assert len(site.json("quarantine", "list", "--all", *target)["refused"]) == 3
    assert len(site.quarantined()) == 1, "what could not be judged is another matter"


def test_what_a_target_refuses_again_after_it_was_settled_waits_again(site):
    """An alert that was told ahead and is settled later comes under the same id."""
    site.judge(BROKEN)
    target = ("--target", "index")

    def refused() -> list[str]:
        rows = site.json("quarantine", "list", *target)["refused"]
        return [one["id"] for one in rows]

    def come(status: bytes, name: str) -> None:
        folder = site.outputs / "alerts"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(b'{"alert_id":"a1","rule":7,"status":"%s"}' % status)
        site.deliver()

    come(b"speculative", "part-x1")
    assert refused() == ["a1"]
    site.call("quarantine", "drop", "a1", "--reason", "the mapping was wrong", *target)
    assert refused() == []
    come(b"final", "part-x2")
    assert refused() == ["a1"]
    site.call("quarantine", "drop", "a1", "--reason", "still wrong", *target)
    assert refused() == []
    come(b"speculative", "part-x3")  # told ahead once more: what stands is settled
    assert refused() == []
    come(b"final", "part-x4")
    assert refused() == ["a1"]


# ---- laws ----

DEEDS = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from([OPENED, REPLAYED, FIXED, DROPPED, "target"])),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=DEEDS, limit=st.integers(1, 13))
def test_every_record_is_in_one_state_and_pages_show_each_once(tmp_path_factory, done, limit):
    site = Site(tmp_path_factory.mktemp("site"))
    records = [quarantined(b"%d" % n) for n in range(12)]
    sink = SqliteSink("index", site.index)
    sink.open()
    sink.write(records)
    deeds = [
        done_with(records[n].id, REPLAYED if what == "target" else what, time=at,
                  **({"to": "redis"} if what == "target" else {}))
        for at, (n, what) in enumerate(done)
    ]  # fmt: skip
    sink.write(deeds)
    sink.close()
    shelf = Shelf(SqliteReader(site.index), Deeds(site.settings))

    def all_of(state: str) -> list[str]:
        found, cursor = list[str](), ""
        while True:
            rows, cursor = shelf.page(state, limit=limit, cursor=cursor)
            assert len(rows) <= limit
            found += [row["quarantine_id"] for row in rows]
            if not cursor:
                return found

    expected = {records[n].id for n, what in done if what in (REPLAYED, FIXED, DROPPED)}
    newest_first = [record.id for record in records[::-1]]
    assert all_of(ALL) == newest_first
    assert all_of(HANDLED) == [one for one in newest_first if one in expected]
    assert all_of(OPEN) == [one for one in newest_first if one not in expected]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=9,
)


@settings(max_examples=100)
@given(more=st.dictionaries(st.text(max_size=6), JSON, max_size=4), indent=st.integers(0, 4))
def test_a_record_on_several_lines_is_the_same_record_on_one(more, indent):
    record = {**more, **json.loads(GOOD)}
    spread = json.dumps(record, indent=indent, ensure_ascii=False).encode("utf-8", "replace")
    line = on_one_line(b"\xef\xbb\xbf" + spread + b"\r\n")
    assert not set(line) & set(b"\r\n")
    decoder = Decoder(TENANT)
    decoder.at(int(time.time() * 1000))
    assert decoder.decode(line) == decoder.decode(spread)
    assert id_of(line) == "m1"


@given(st.integers(0, len(GOOD)))
def test_the_id_is_read_out_of_broken_bytes_or_not_at_all(at):
    assert id_of(GOOD[:at]) == ("m1" if b'"m1"' in GOOD[:at] else "")


def test_a_file_of_outputs_that_is_made_is_readable_by_the_deliverer(site):
    site.judge(BROKEN)
    site.call("quarantine", "drop", "--all", "--yes", "--reason", "x")
    (part,) = (site.outputs / "handled").iterdir()
    assert stat.S_IMODE(part.stat().st_mode) == 0o644
