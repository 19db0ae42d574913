"""The archive's writer carries approved plans out between its own work, wherever it is killed."""

from __future__ import annotations

import contextlib
import shutil

import pytest
import structlog

from rules.decode import Decoder
from rules.retention.holds import HoldScope
from rules.retention.periods import Period
from rules.retention.policies import Policy
from sinks.archive.custody import CustodyBook, Deed
from sinks.archive.disposal_plan import plan
from sinks.archive.disposing import Disposing
from sinks.archive.hold_book import approve, note_plan
from sinks.archive.keystore import Keystore
from sinks.archive.leaves import MESSAGE, read_other
from sinks.archive.objects import LocalObjects
from sinks.archive.sink import ArchiveSink
from sinks.archive.sqlite_disposal import SqliteDisposals
from sinks.base import Record, SinkBusy
from tests.support.disposal import DAY, OFFICER, STAFF, START, Fuse, Killed, Signer, Site, record

YEAR = Policy("year", Period(1), "制度第1条", duty=False)
LATER = START + 400 * DAY


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A folder with three segments and an approved plan that takes m0, m1, m2 and m6."""
    folder = tmp_path_factory.mktemp("planned")
    site = Site(folder)
    site.policies(YEAR)
    site.take(*(record(n, f"第{n}号保本产品") for n in range(3)))
    site.take(*(record(n, f"第{n}号保本产品", days=300 + n) for n in range(3, 6)))
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    site.clock[0] = LATER
    site.plan()
    site.close()
    return folder


@pytest.fixture
def folder(template, tmp_path, monkeypatch):
    monkeypatch.setattr("sinks.archive.sink.origin_of", lambda tenant: tenant)
    shutil.copytree(template, tmp_path / "a")
    return tmp_path / "a"


class Disk(LocalObjects):
    full = False

    def put(self, name, data):
        if self.full:
            raise OSError(28, "No space left on device")
        super().put(name, data)


def opened(folder, *, fuse=None, now=None):
    now = now or [LATER / 1000]
    sink = ArchiveSink(
        "archive", folder, tenant="acme", open_keys=lambda: Keystore(folder / "keys", "acme"),
        open_signer=Signer, objects=Disk(folder / "objects"), decoder=Decoder("acme"),
        segment_s=10, sign_s=60, departments=STAFF.get, clock=lambda: now[0],
    )  # fmt: skip
    if fuse is not None:
        fuse.guard(sink._objects, "put", "delete")
    sink.open()
    if fuse is not None:
        fuse.guard(sink._ledger, "append")
        fuse.guard(sink._index, "store")
    return sink


def worked(sink, most=50):
    """Tick as long as there is something to do: how often."""
    for count in range(most):
        if not sink.due():
            return count
        sink.tick()
    pytest.fail("there is no end of it")


def given(number):
    """A message that comes from the source."""
    return [Record("messages", f"m{number}", record(number, "新来", days=399))]


def looked(folder):
    """(the messages that are there, what the check finds), the archive opened by itself."""
    site = Site(folder, now=LATER)
    try:
        told = [read_other(site.ledger.entry(leaf)) for leaf in range(site.ledger.size)]
        others = [one for one in told if one is not None and one.kind != MESSAGE]
        assert len(others) == len(set(others)), "something was entered twice"
        return sorted(site.there()), site.contradictions()
    finally:
        site.close()


def test_what_was_approved_is_carried_out_between_two_flushes(folder):
    with structlog.testing.capture_logs() as told:
        sink = opened(folder)
        sink.write_at(given(8), {"p": 1})  # waits while messages are deleted
        worked(sink)
        sink.show()
        sink.close()
    assert sink.left() == ""
    assert [one["event"] for one in told][-1] == "disposal_done"
    assert (told[-1]["deleted"], told[-1]["stayed"]) == (4, {})
    assert {"done": 4, "of": 4}.items() <= told[-2].items()
    assert looked(folder) == (["m3", "m4", "m5", "m7", "m8"], [])
    sink = opened(folder)
    assert worked(sink) <= 2, "nothing is done again"
    sink.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_the_next_start_goes_on(template, tmp_path, monkeypatch, after):
    monkeypatch.setattr("sinks.archive.sink.origin_of", lambda tenant: tenant)
    reached = 0
    for at in range(1, 100):
        folder = tmp_path / str(at)
        shutil.copytree(template, folder)
        fuse = Fuse(at, after=after)
        killed = False
        with monkeypatch.context() as patch:
            for owner, names in (
                (SqliteDisposals, ("dispose", "discarded", "clear")), (CustodyBook, ("write",)),
            ):  # fmt: skip
                for name in names:
                    patch.setattr(owner, name, fuse._guarded(getattr(owner, name)))
            sink = None
            try:
                sink = opened(folder, fuse=fuse)
                sink.write_at(given(8), {"p": 1})
                worked(sink)
                sink.show()
            except Killed:
                killed = True
            if sink is not None:
                sink.close()
        sink = opened(folder)
        sink.write_at(given(8), {"p": 1})  # the source gives it again
        worked(sink)
        sink.show()
        assert sink.left() == ""
        sink.close()
        assert looked(folder) == (["m3", "m4", "m5", "m7", "m8"], []), at
        shutil.rmtree(folder)
        if not killed:
            break
        reached = at
    assert reached > 12


class Failing(Fuse):
    """Fails at the `at`-th write, before or after it is done, and works again then."""

    def _guarded(self, real):
        def call(*args, **more):
            self.count += 1
            if self.count == self.at and not self.after:
                raise OSError(5, "Input/output error")
            done = real(*args, **more)
            if self.count == self.at:
                raise OSError(5, "Input/output error")
            return done

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_end_that_fails_at_any_write_is_tried_again(template, tmp_path, monkeypatch, after):
    monkeypatch.setattr("sinks.archive.sink.origin_of", lambda tenant: tenant)
    reached = 0
    for at in range(1, 100):
        folder = tmp_path / str(at)
        shutil.copytree(template, folder)
        fuse, now = Failing(at, after=after), [LATER / 1000]
        with monkeypatch.context() as patch:
            for name in ("dispose", "discarded", "clear"):
                real = getattr(SqliteDisposals, name)
                patch.setattr(SqliteDisposals, name, fuse._guarded(real))
            patch.setattr(CustodyBook, "write", fuse._guarded(CustodyBook.write))
            sink = opened(folder, fuse=fuse, now=now)
            sink.write_at(given(8), {"p": 1})
            for _ in range(6):
                with contextlib.suppress(SinkBusy):
                    worked(sink)
                    sink.show()
                now[0] += 61
            came, fuse.at = fuse.count >= at, 0
            sink.show()
            assert sink.left() == "", at
            sink.close()
        assert looked(folder) == (["m3", "m4", "m5", "m7", "m8"], []), at
        shutil.rmtree(folder)
        if not came:
            break
        reached = at
    assert reached > 12


def test_a_disk_that_is_full_stops_deleting_is_told_once_and_archiving_goes_on(folder):
    now = [LATER / 1000]
    with structlog.testing.capture_logs() as told:
        sink = opened(folder, now=now)
        sink._objects.full = True
        worked(sink)
        assert "No space left on device" in sink.left()
        for _ in range(3):
            now[0] += 61
            worked(sink)
        sink._objects.full = False
        sink.write_at(given(8), {"p": 1})
        now[0] += 11
        assert sink.due()
        sink.tick()
        assert sink.positions() == {"p": 1}
    stopped = [one for one in told if one["event"] == "disposal_stopped"]
    assert [one["why"] for one in stopped] == ["No space left on device"]
    now[0] += 61
    worked(sink)
    assert sink.left() == ""
    sink.show()
    sink.close()
    assert looked(folder) == (["m3", "m4", "m5", "m7", "m8"], [])


def test_a_flush_that_fails_between_two_steps_begins_the_plan_anew(folder, monkeypatch):
    monkeypatch.setattr("sinks.archive.disposal.MAX_MESSAGES", 3)
    now = [LATER / 1000]
    sink = opened(folder, now=now)
    sink.tick()  # the first step
    assert sink._disposing.due()
    sink._objects.full = True
    sink.write_at(given(8), {"p": 1})
    with pytest.raises(SinkBusy):
        sink.show()
    sink._objects.full = False
    worked(sink)
    sink.show()
    sink.close()
    assert looked(folder) == (["m3", "m4", "m5", "m7", "m8"], [])


def test_a_defect_in_deleting_does_not_stop_archiving(folder, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("sinks.archive.disposal_judging.keep_until", broken)
    now = [LATER / 1000]
    with structlog.testing.capture_logs() as told:
        sink = opened(folder, now=now)
        worked(sink)
        sink.write_at(given(8), {"p": 1})
        now[0] += 11
        sink.tick()
    assert sink.positions() == {"p": 1}
    assert "unexpected ZeroDivisionError" in sink.left()
    assert sum(one["event"] == "disposal_stopped" for one in told) == 1
    sink.close()


def test_a_plan_that_is_refused_does_not_keep_another_from_being_carried_out(folder):
    site = Site(folder, now=LATER)
    made, _ = site.plan()
    refused = min(site.plans.ids())
    path = next((folder / "disposals").glob(f"{refused}*"))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b" ")
    site.close()
    sink = opened(folder)
    worked(sink)
    assert f"plan {refused[:16]} is not carried out" in sink.left()
    assert "is not what was made" in sink.left()
    sink.show()
    sink.close()
    there, wrong = looked(folder)
    assert there == ["m3", "m4", "m5", "m7"]
    assert len(made.messages) == 4
    assert all("is not what was made" in words for _, words in wrong)


def test_a_hold_that_comes_while_the_plan_waits_is_honoured(folder):
    site = Site(folder, now=LATER)
    site.hold("late", HoldScope(text="第1号"))
    site.close()
    sink = opened(folder)
    worked(sink)
    sink.show()
    sink.close()
    assert looked(folder) == (["m1", "m3", "m4", "m5", "m7"], [])


def test_an_approval_that_comes_while_the_archive_is_written_is_taken_up(folder):
    sink = opened(folder)
    worked(sink)
    sink.show()
    sink.close()
    site = Site(folder, now=LATER)
    site.policies(YEAR, Policy("all", Period(days=1), "x", duty=False))
    site.policies(Policy("all", Period(days=1), "x", duty=False))
    made = plan(site.source, at=LATER, by="maker", why="x", ledger=site.ledger.size)
    name = site.plans.keep(made)
    book = site.book
    note_plan(book, name, len(made.messages), OFFICER._replace(who="maker"))
    site.close()
    sink = opened(folder)
    worked(sink)
    sink.show()
    approve(book, name, OFFICER._replace(who="chief"))
    assert sink.due()
    worked(sink)
    sink.show()
    sink.close()
    assert looked(folder) == ([], [])


def test_without_a_plan_the_book_is_not_read(tmp_path):
    CustodyBook(tmp_path).write(Deed(1, "lisi", "officer", "searched", "", {}))
    disposing = Disposing(tmp_path, "archive", pytest.fail, lambda: 0.0)
    assert not disposing.due()
