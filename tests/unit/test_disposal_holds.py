"""No hold comes too late or too early: what it names is known before anything goes, and while
messages go nothing is placed."""

from __future__ import annotations

import fcntl
import json
import shutil
import threading

import pytest
import structlog

from rules.retention.holds import HoldScope
from sinks.archive.custody import FILE, CustodyBook, Deed
from sinks.archive.hold_book import lift_hold, place_hold
from sinks.base import NoAnswer, Record
from tests.archive_contract.disposal import before_the_lock, filled, other_hold
from tests.support.disposal import DAY, OFFICER, START, Site
from tests.unit.test_disposing import LATER, looked, opened, template, worked

__all__ = ["template"]
ALERT = "ab" * 16


@pytest.fixture
def folder(template, tmp_path, monkeypatch):
    monkeypatch.setattr("sinks.archive.sink.origin_of", lambda tenant: tenant)
    shutil.copytree(template, tmp_path / "a")
    return tmp_path / "a"


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


def alert(*msgids, which=ALERT, rule="kickback"):
    """An alert of the source that names messages by their ids."""
    days = {"m6": 1}
    members = [
        {"msgid": one, "time": START + days.get(one, 0) * DAY + int(one[1:])} for one in msgids
    ]
    body = json.dumps({"alert_id": which, "rule": {"name": rule}, "members": members}).encode()
    return Record("alerts", which, body)


def hold(folder, **scope):
    place_hold(CustodyBook(folder), "HA", HoldScope(**scope), OFFICER)


class Reading:
    """A source of which somebody says how far it was read."""

    def __init__(self):
        self.end, self.at, self.away, self.asked = 0, 0, False, 0

    def ends(self, kind):
        assert kind == "alerts"
        self.asked += 1
        if self.away:
            raise NoAnswer("no connection")
        return {"p": self.end}

    def passed(self, ends):
        return ends["p"] <= self.at


# ---- holds on alerts and rules ------------------------------------------------------------------


@pytest.mark.parametrize("scope", [{"alert": ALERT}, {"rule": "kickback"}], ids=["alert", "rule"])
def test_an_alert_in_memory_is_taken_before_anything_goes(folder, scope):
    hold(folder, **scope)
    sink = opened(folder)
    sink.write_at([alert("m0")], {"p": 1})
    worked(sink)
    sink.show()
    assert sink.left() == ""
    sink.close()
    assert looked(folder) == (["m0", "m3", "m4", "m5", "m7"], [])


@pytest.mark.parametrize("scope", [{"alert": ALERT}, {"rule": "kickback"}], ids=["alert", "rule"])
def test_nothing_goes_before_the_alerts_that_are_there_were_read(folder, scope):
    hold(folder, **scope)
    sink, reading = opened(folder), Reading()
    reading.end = 1
    sink.hear(reading)
    worked(sink)
    assert "alerts that were not read yet" in sink.left()
    sink.write_at([alert("m0")], {"p": 1})
    reading.at = 1
    worked(sink)
    sink.show()
    assert sink.left() == ""
    sink.close()
    assert looked(folder) == (["m0", "m3", "m4", "m5", "m7"], [])


def test_alerts_that_come_all_the_time_do_not_put_a_step_off_for_ever(folder):
    """It waits for those that were there when it wanted to begin."""
    sink, reading = opened(folder), Reading()
    sink.hear(reading)
    reading.end = 1
    worked(sink)
    reading.end, reading.at = 2, 1
    with structlog.testing.capture_logs() as told:
        worked(sink)
    assert [one["event"] for one in told] == ["disposal"]
    sink.close()


def test_a_source_that_does_not_answer_puts_it_off_and_is_told(folder):
    now = [LATER / 1000]
    sink, reading = opened(folder, now=now), Reading()
    sink.hear(reading)
    reading.away = True
    for _ in range(3):
        worked(sink)
    assert reading.asked == 1
    assert "nobody can say whether there are alerts to read: no connection" in sink.left()
    reading.away = False
    now[0] += 11
    worked(sink)
    sink.show()
    assert sink.left() == ""
    sink.close()
    assert looked(folder)[0] == ["m3", "m4", "m5", "m7"]


def test_a_hold_on_a_rule_that_came_after_the_source_was_asked_waits_for_its_alerts(folder):
    sink, reading = opened(folder), Reading()
    sink.hear(reading)
    assert sink.due()  # asked: nothing is there
    hold(folder, rule="kickback")
    reading.end = 1  # an alert that the hold may be for
    sink.tick()
    assert not sink.due()
    sink.write_at([alert("m0")], {"p": 1})
    reading.at = 1
    worked(sink)
    sink.show()
    sink.close()
    assert looked(folder) == (["m0", "m3", "m4", "m5", "m7"], [])


def test_a_hold_on_an_alert_that_nobody_knows_keeps_all_that_it_may_be_for(folder):
    hold(folder, alert=ALERT, until=START + 2)
    now = [LATER / 1000]
    with structlog.testing.capture_logs() as told:
        sink = opened(folder, now=now)
        for _ in range(6):
            worked(sink)
            now[0] += 61
        assert f"has not taken the alert {ALERT} yet" in sink.left()
        assert sum(one["event"] == "disposal_stopped" for one in told) == 1
        sink.show()
        steps = sum(one["event"] == "disposal" for one in told)
        sink.close()
        assert looked(folder) == (["m0", "m1", "m3", "m4", "m5", "m7"], [])
        assert steps <= 2, "it is not judged again each minute"
        sink = opened(folder, now=now)
        sink.write_at([alert("m1")], {"p": 1})
        worked(sink)
        sink.show()
    assert sink.left() == ""
    sink.close()
    assert looked(folder) == (["m1", "m3", "m4", "m5", "m7"], [])


def test_a_hold_on_an_alert_that_there_is_not_is_lifted_and_the_plan_goes_on(folder):
    hold(folder, alert="cd" * 16)
    now = [LATER / 1000]
    sink = opened(folder, now=now)
    worked(sink)
    assert "has not taken the alert" in sink.left()
    lift_hold(CustodyBook(folder), "HA", OFFICER)
    now[0] += 61
    worked(sink)
    sink.show()
    assert sink.left() == ""
    sink.close()
    assert looked(folder) == (["m3", "m4", "m5", "m7"], [])


def test_an_alert_whose_messages_are_gone_is_known_all_the_same(folder):
    sink = opened(folder)
    sink.write_at([alert("m0")], {"p": 1})
    worked(sink)
    sink.show()
    sink.close()
    hold(folder, alert=ALERT)
    site = Site(folder, now=START + 800 * DAY)
    made, _ = site.plan()
    assert len(made.messages) == 4
    site.close()


def test_a_plan_counts_what_a_hold_on_an_unknown_alert_may_be_for_as_held(site):
    filled(site)
    site.hold("HA", HoldScope(alert=ALERT, until=START + 2))
    made, _ = site.plan()
    assert [one.leaf for one in made.messages] == [2]
    assert made.by_hold == {"HA": 2}


# ---- between the last look at the book and the removal ------------------------------------------


@pytest.mark.parametrize("moment", ["write", "dispose"])
def test_nobody_writes_into_the_book_while_messages_go(site, moment):
    """So a hold is placed in front of the line that removes, or when they are gone."""
    filled(site)
    _, name = site.plan()
    placed, threads = [], []

    def tried():
        with (site.folder / FILE).open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        late = other_hold(site, "late", HoldScope(employee="zhangsan"))
        threads.append(threading.Thread(target=lambda: placed.append(late())))
        threads[-1].start()

    owner = {"write": site.book, "dispose": site.disposals}[moment]
    real = getattr(owner, moment)

    def call(what):
        if not threads and getattr(what, "action", "messages_deleted") == "messages_deleted":
            tried()
        return real(what)

    setattr(owner, moment, call)
    site.dispose(name)
    threads[0].join()
    (removed,) = [
        line.number for line in site.book.lines() if line.deed.action == "messages_deleted"
    ]
    assert placed[0].number > removed
    assert site.there() == ["m3", "m4", "m5"]
    assert site.contradictions() == []
    site.clock[0] = START + 800 * DAY
    assert site.plan()[0].messages == ()


def test_lines_that_decide_nothing_do_not_have_it_judged_again(site):
    filled(site)
    _, name = site.plan()
    deed = Deed(1, "zhao", "officer", "searched", "", {})
    before_the_lock(site, *[lambda: CustodyBook(site.folder).write(deed)] * 5)
    site.dispose(name)
    removals = [line for line in site.book.lines() if line.deed.action == "messages_deleted"]
    assert len(removals) == 1
    assert site.there() == ["m3", "m4", "m5"]


def test_holds_that_come_and_go_without_end_put_it_off_and_are_told(site):
    filled(site)
    _, name = site.plan()

    before_the_lock(
        site, *(other_hold(site, f"H{n}", HoldScope(employee="lisi")) for n in range(50))
    )
    with pytest.raises(Exception, match="were changed 10 times"):
        site.dispose(name)
    assert len(site.there()) == 6
    assert [line for line in site.book.lines() if line.deed.action == "messages_deleted"] == []


@pytest.mark.parametrize("lifted", [False, True], ids=["placed", "lifted"])
def test_between_looking_for_the_id_of_a_hold_and_writing_it_nobody_writes(tmp_path, lifted):
    """Else two at once get the same id, and lifting one lifts the other, too."""
    book, moments = CustodyBook(tmp_path), []
    place_hold(book, "H", HoldScope(employee="lisi"), OFFICER)
    real = book.write

    def write(deed):
        with (tmp_path / FILE).open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        moments.append(deed)
        return real(deed)

    book.write = write
    if lifted:
        lift_hold(book, "H", OFFICER)
    else:
        place_hold(book, "G", HoldScope(employee="wangwu"), OFFICER)
    assert len(moments) == 1
