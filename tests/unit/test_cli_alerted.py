"""What a person's request does not reach: alerts keep what was judged, and the answer says so."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import os

import msgspec
import pytest

from config.settings import load
from jobs.deliver import run
from rules.errors import EXIT_OK
from tests.support.disposal import CUSTOMER
from tests.support.records import alert
from tests.unit.test_cli_archive import book, save
from tests.unit.test_cli_retention import (
    archived,  # noqa: F401 - fixtures
    call,  # noqa: F401
    folder,  # noqa: F401
    settings_tree,
    told,  # noqa: F401
)

START = 1_700_000_000_000
ALERT = alert(0).id


@pytest.fixture
def site(folder):
    """The archive, a target with alerts, and an alert that names two of four messages."""
    tree = settings_tree(folder)
    index = {"kind": "sqlite", "name": "index", "path": str(folder / "var" / "index.db")}
    save(folder, {**tree, "targets": [*tree["targets"], index]})
    return folder


def judged(site, *numbers):
    one = alert(0)
    value = msgspec.json.decode(one.body)
    value |= {"tenant": "acme", "time": START + 99}
    value["members"] = [
        {**value["members"][0], "msgid": f"m{n}", "time": START + n} for n in numbers
    ]
    path = site / "outputs" / "alerts" / "part-1"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(value) + b"\n")
    os.utime(path, (1, 1))
    run(load(path=site / "settings.yaml"), once=True)


def test_alerts_about_messages_that_may_go_are_told(site, call, told):
    judged(site, 0, 1)
    (answer,) = told("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8")
    assert (answer["alerts"], answer["alerted"]) == ([ALERT], 2)
    assert book(site)[-1]["details"]["alerts"] == [ALERT]
    assert (
        "Excerpts of 2 records were taken into records of compliance checks"
        in (answer["letters"]["en"])
    )
    assert "其中 2 条的摘录" in answer["letters"]["zh"]
    for letter in answer["letters"].values():
        assert ALERT[:8] not in letter
    _, said = call("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8")
    assert "1 alert names 2 messages of these" in said
    assert f"`mingjian alerts show {ALERT}`" in said
    assert "deletion does not reach it" in said


def test_after_the_deletion_the_answer_does_not_say_that_nothing_is_left(site, call, told):
    judged(site, 0, 1)
    (answer,) = told("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8", "--keep")
    assert call("guan", "retention", "approve", answer["plan"], "--why", "x1")[0] == EXIT_OK
    run(load(path=site / "settings.yaml"), once=True)
    (now,) = told("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert (now["messages"], now["alerts"], now["alerted"]) == (0, [ALERT], 2)
    assert "in the archive the number, id, time and digest of each are left" in now["letters"]["en"]
    assert "Excerpts of 2 records" in now["letters"]["en"]
    (site / "var" / "index.db").unlink()
    (now,) = told("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")
    assert (now["alerts"], bool(now["unasked"])) == ([], True)
    assert "is not known" in call("zhao", "retention", "subject", CUSTOMER, "--why", "T-1")[1]


def test_without_alerts_nothing_is_said_of_them(site, call, told):
    judged(site, 2)
    (answer,) = told("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8")
    assert (answer["alerts"], answer["alerted"], answer["unasked"]) == ([], 0, None)
    assert "Excerpts" not in answer["letters"]["en"]
    assert "alert" not in call("zhao", "retention", "erase", CUSTOMER, "--why", "申请 8")[1]
