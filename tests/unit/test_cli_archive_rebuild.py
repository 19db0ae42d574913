"""`mingjian archive rebuild` as an administrator meets it: an index is lost after a deletion."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from config.settings import load
from jobs.deliver import run
from jobs.ledger_signer import note_signer
from rules.errors import EXIT_FINDINGS, EXIT_OK, EXIT_USAGE
from sinks.archive.keystore import FILE as KEYS_FILE
from sinks.archive.keystore import Keystore
from sinks.base import Record
from sinks.targets import open_sinks
from tests.support.disposal import record
from tests.unit.test_cli_archive import book
from tests.unit.test_cli_retention import (
    YEAR,
    archived,  # noqa: F401 - fixtures
    call,  # noqa: F401
    deliver,
    folder,  # noqa: F401
    told,  # noqa: F401
)


@pytest.fixture
def cleaned(folder, call, told):  # noqa: F811
    """Two of three old messages were deleted by a plan; a hold keeps the third."""
    alerts = folder / "outputs" / "alerts" / "part-1"
    alerts.parent.mkdir(parents=True, exist_ok=True)
    members = [{"msgid": f"m{n}", "time": 1_700_000_000_000 + n} for n in (0, 2)]
    alerts.write_text(json.dumps({"alert_id": "a1", "rule": {"name": "r"}, "members": members}))
    os.utime(alerts, (1, 1))
    deliver(folder)  # of a message that an alert names later, the plan would not be true any more
    (folder / "year.yaml").write_text(YEAR)
    assert call("zhao", "retention", "policies", folder / "year.yaml", "--apply", "--why", "x1")
    told("zhao", "retention", "hold", "place", "H", "--person", "wangwu", "--why", "函 1")
    (made,) = told("zhao", "retention", "plan", "--keep", "--why", "清理")
    assert call("qian", "retention", "approve", made["plan"][:9], "--why", "已复核")[0] == EXIT_OK
    deliver(folder)
    return folder


def index(folder):  # noqa: F811
    return folder / "archive" / "index.db"


def lose(folder):  # noqa: F811
    for path in folder.glob("archive/index.db*"):
        path.unlink()


def seen(told):  # noqa: F811
    """What people are told of messages, by text, person and alert, and of one that was deleted."""
    asked = ([], ["--text", "保本"], ["--from", "lisi"], ["--hit", "r"], ["--hit", "*"])
    found = [told("zhao", "archive", "search", *words)[0]["messages"] for words in asked]
    return found, told("zhao", "archive", "show", "m0")


def test_a_lost_index_is_made_again_and_everything_is_as_before(cleaned, call, told):  # noqa: F811
    before, status = seen(told), told("zhao", "retention", "status")
    assert [len(found) for found in before[0]] == [2, 1, 1, 1, 1]
    assert before[1][0]["deleted"] is True
    lose(cleaned)
    code, said = call("zhao", "archive", "search")
    assert (code != 0, "its index is gone" in said) == (True, True)
    with pytest.raises(Exception, match="it was lost, or is an old copy") as error:
        run(load(path=cleaned / "settings.yaml"), once=True, patience_s=0)
    assert "mingjian archive rebuild" in error.value.fix_en
    for who in ("zhao", "fu", "shen"):
        assert call(who, "archive", "rebuild")[0] == EXIT_USAGE
    (made,) = told("guan", "archive", "rebuild", "--why", "磁盘 损坏")
    assert made == {
        "faults": 0, "messages": 4, "deleted": 2, "missing": 0, "damaged": 0, "segments": 1,
        "alerts": 1,
    }  # fmt: skip
    lines = [(one["who"], one["role"], one["action"], one["why"]) for one in book(cleaned)[-2:]]
    assert lines == [
        ("guan", "administrator", "rebuilding_index", "磁盘 损坏"),
        ("guan", "administrator", "rebuilt_index", "磁盘 损坏"),
    ]
    assert book(cleaned)[-1]["details"] == {key: made[key] for key in made if key != "alerts"}
    assert seen(told) == before
    assert told("zhao", "retention", "status") == status
    deliver(cleaned)  # the source is read again, and nothing of it archived
    assert seen(told) == before
    assert told("shen", "archive", "check")[-1]["faults"] == 0
    assert told("shen", "retention", "check")[-1]["faults"] == 0
    assert call("shen", "archive", "custody", "--action", "rebuilt_index")[0] == EXIT_OK


def test_a_segment_that_is_missing_is_named_by_rebuild_and_by_check(cleaned, call, told):  # noqa: F811
    (path,) = (path for path in (cleaned / "archive" / "segments").glob("*/*"))
    kept = path.read_bytes()
    path.unlink()
    lose(cleaned)
    code, said = call("guan", "archive", "rebuild")
    assert code == EXIT_FINDINGS
    assert "2 messages that were sealed in it are in no segment" in said
    assert "2 missing, 0 that do not open" in said
    code, said = call("shen", "archive", "check")
    assert (code, "message m2 is not in the index" in said) == (EXIT_FINDINGS, True)
    assert call("shen", "retention", "check")[0] == EXIT_FINDINGS
    path.write_bytes(kept)
    assert told("guan", "archive", "rebuild")[-1]["faults"] == 0
    assert told("shen", "archive", "check")[-1]["faults"] == 0


def test_it_is_not_begun_while_the_archive_is_written_or_without_its_keys(cleaned, call):  # noqa: F811
    settings = load(path=cleaned / "settings.yaml")
    (sink,) = open_sinks(settings, lambda: note_signer(settings))
    sink.open()
    try:
        code, said = call("guan", "archive", "rebuild")
    finally:
        sink.close()
    assert (code != 0, "another process writes the ledger" in said) == (True, True)
    shutil.move(cleaned / "keys" / KEYS_FILE, cleaned / "aside")
    code, said = call("guan", "archive", "rebuild")
    assert (code != 0, "there is no key store" in said) == (True, True)
    Keystore(cleaned / "keys", "acme", at=1)  # another one under the same numbers
    code, said = call("guan", "archive", "rebuild")
    assert (code != 0, "does not open with version 1" in said) == (True, True)
    shutil.move(cleaned / "aside", cleaned / "keys" / KEYS_FILE)
    with closing(sqlite3.connect(index(cleaned))) as there:
        assert there.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    assert [one["action"] for one in book(cleaned)].count("rebuilding_index") == 0


def test_a_ledger_that_lost_its_end_is_not_taken_for_whole(cleaned, call):  # noqa: F811
    """The index that is there was told of more entries than any signed head covers."""
    settings = load(path=cleaned / "settings.yaml")
    (sink,) = open_sinks(settings, lambda: note_signer(settings))
    sink.open()
    (tail,) = (cleaned / "archive" / "ledger").glob("tail-*")
    before = tail.read_bytes()
    sink.write([Record("messages", "m9", record(9, days=30_000))])
    sink.close()
    tail.write_bytes(before)
    code, said = call("guan", "archive", "rebuild")
    assert (code != 0, "entries, and" in said) == (True, True)


def test_of_an_archive_that_holds_nothing_there_is_nothing_to_make(cleaned, call):  # noqa: F811
    shutil.rmtree(cleaned / "archive" / "ledger")
    code, said = call("guan", "archive", "rebuild")
    assert (code != 0, "the folder is not there, and" in said) == (True, True), "the index knows it"
    assert not (cleaned / "archive" / "ledger").exists()
    shutil.rmtree(cleaned / "archive")
    code, said = call("guan", "archive", "rebuild")
    assert (code != 0, "holds nothing yet" in said) == (True, True)
    assert not (cleaned / "archive" / "ledger").exists()
