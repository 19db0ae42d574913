"""What was begun is finished, whatever became of the plan, and what says that it ended is not
believed without the book."""

from __future__ import annotations

import msgspec
import pytest

from rules.errors import MingjianError
from rules.retention.holds import HoldScope
from rules.retention.periods import Period
from sinks.archive.custody import CustodyBook
from sinks.archive.disposal import carry_out
from sinks.archive.disposal_parts import ended, waiting
from sinks.archive.hold_book import deeds, note_removal, set_policies
from sinks.archive.plan_states import APPROVED, DONE, LOST, STALE, plan_states
from tests.archive_contract.disposal import before_the_lock, filled
from tests.support.disposal import OFFICER, Fuse, Killed, Site, record
from tests.unit.test_disposing import LATER, YEAR, opened, worked

TWO = msgspec.structs.replace(YEAR, name="two", keep=Period(2))


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


def states(site):
    return plan_states(deeds(site.book.lines()), site.plans)


def killed(tmp_path, name, *, at):
    """The plan is carried out, and killed around the transaction of the index."""
    site = Site(tmp_path, now=LATER)
    fuse = Fuse(1, after=at == "after")
    fuse.guard(site.disposals, "dispose")
    with pytest.raises(Killed):
        site.dispose(name)
    site.close()
    return Site(tmp_path, now=LATER)


# ---- a schedule that is put in force ------------------------------------------------------------


def test_a_schedule_that_comes_when_all_is_judged_is_honoured(site):
    filled(site)
    _, name = site.plan()
    before_the_lock(site, lambda: set_policies(CustodyBook(site.folder), (TWO,), OFFICER))
    site.dispose(name)
    assert len(site.there()) == 6
    assert site.contradictions() == []
    assert states(site)[0].state == STALE
    assert states(site)[0].stayed == {"void": 3}


def test_a_schedule_that_comes_between_two_steps_voids_the_rest(site, monkeypatch):
    monkeypatch.setattr("sinks.archive.disposal.MAX_MESSAGES", 1)
    site.policies(YEAR)
    for number in range(3):
        site.take(record(number))
    site.clock[0] = LATER
    _, name = site.plan()
    work = carry_out(site.parts, name, who="operator", role="operator", why="x")
    next(work)
    site.policies(TWO)
    list(work)
    assert site.there() == ["m1", "m2"]
    assert site.contradictions() == []
    (state,) = states(site)
    assert (state.state, state.gone, state.stayed) == (STALE, 1, {"void": 2})


def test_a_plan_that_was_void_once_stays_void(site):
    filled(site)
    _, name = site.plan()
    site.policies(TWO)
    site.policies(YEAR)  # the same as it was made by
    assert states(site)[0].state == STALE
    with pytest.raises(MingjianError, match=r"has changed since .* \(line 4 of the custody book\)"):
        site.dispose(name)
    assert len(site.there()) == 6


def test_the_check_names_what_went_by_a_plan_that_was_void(site):
    """Even when the same schedule is in force again."""
    filled(site)
    _, name = site.plan()
    real, done = site.book.write, []

    def write(deed):
        if deed.action == "messages_deleted" and not done:
            done.append(1)  # as one that does not look again
            site.policies(TWO)
            site.policies(YEAR)
        return real(deed)

    site.book.write = write
    site.dispose(name)
    site.book.write = real
    wanted = "its plan was void: a schedule was put in force (line 4 of the custody book) before"
    assert [leaf for leaf, words in site.contradictions() if wanted in words] == [0, 1, 2]


# ---- killed in the middle, and void then --------------------------------------------------------


@pytest.mark.parametrize("at", ["before", "after"])
def test_what_a_plan_began_is_finished_when_it_is_void(tmp_path, at):
    site = filled(Site(tmp_path))
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    segments = set(site.objects.names())
    _, name = site.plan()
    site.close()
    site = killed(tmp_path, name, at=at)
    site.policies(TWO)
    if at == "before":
        site.sign()
        assert {leaf for leaf, words in site.check() if "takes the tombstone back" in words} == {
            0, 1, 2, 6,
        }  # fmt: skip
        assert {leaf for leaf, _, words in site.faults() if "still there" in words} == {0, 1, 2, 6}
    assert waiting(site.parts) == [name]
    site.dispose(name)
    assert waiting(site.parts) == []
    gone = at == "after"
    stayed = ["m3", "m4", "m5", "m7"]
    assert site.there() == (stayed if gone else [f"m{n}" for n in range(8)])
    assert site.contradictions() == []
    assert site.faults() == []
    assert site.disposals.discards() == []
    assert bool(site.disposals.terms_of(0)) is not gone
    names = set(site.objects.names())
    assert (len(names - segments), len(segments - names)) == ((1, 2) if gone else (0, 0))
    (state,) = states(site)
    wanted = (DONE, 4, {}) if gone else (STALE, 0, {"void": 4})
    assert (state.state, state.gone, state.stayed) == wanted
    site.close()


def test_what_was_begun_is_taken_back_when_the_plan_cannot_be_read(tmp_path):
    site = filled(Site(tmp_path))
    _, name = site.plan()
    site.close()
    site = killed(tmp_path, name, at="before")
    path = tmp_path / "disposals" / f"{name}.plan.json"
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(MingjianError, match="there is no plan"):
        site.dispose(name)
    (tmp_path / "elsewhere").rename(path)
    assert site.contradictions() == []
    assert len(site.there()) == 6
    site.close()


def test_copies_that_another_plan_left_are_removed_and_named_until_then(tmp_path):
    site = Site(tmp_path)
    site.policies(YEAR)
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    _, name = filled(site).plan()
    site.close()
    site = killed(tmp_path, name, at="before")
    copy = next(one for one in site.objects.names() if len(one) == 30)
    site.plans.keep_done(name, b"{}")  # nobody takes it up any more
    assert [place for _, place, _ in site.faults() if place == copy] == [copy]
    assert any(copy in words for _, words in site.check())
    _, other = site.plan(most=3)
    site.dispose(other)
    assert copy not in set(site.objects.names())
    site.close()


@pytest.mark.parametrize("lost", [False, True], ids=["", "lost"])
def test_a_segment_that_was_put_back_is_named_and_removed_unless_it_is_needed(tmp_path, lost):
    site = Site(tmp_path)
    site.policies(YEAR)
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    site.take(record(8, "新", days=391))
    data = {name: site.objects.get(name) for name in site.objects.names()}
    site.clock[0] = LATER
    site.dispose(site.plan()[1])
    (first,) = set(data) - set(site.objects.names())
    site.objects.put(first, data[first])
    assert [place for _, place, _ in site.faults()] == [first]
    assert any(first in words for _, words in site.contradictions())
    if lost:
        site.objects.delete(site.disposals.rows_at([1])[0].segment)
    site.take(record(9, "旧", days=2))
    site.dispose(site.plan()[1])
    assert (first in set(site.objects.names())) is lost
    site.close()


# ---- overlapping plans --------------------------------------------------------------------------


def test_two_plans_over_the_same_messages_count_them_once(site):
    filled(site)
    names = sorted(site.plan()[1] for _ in range(2))
    for name in names:
        site.dispose(name)
    told = {one.plan: (one.gone, one.before, one.stayed) for one in states(site)}
    assert told == {names[0]: (3, 0, {}), names[1]: (0, 3, {})}
    assert site.contradictions() == []


@pytest.mark.parametrize("held", [False, True], ids=["", "hold"])
def test_two_plans_over_the_same_messages_that_were_both_killed_contradict_nothing(tmp_path, held):
    site = filled(Site(tmp_path))
    names = [site.plan()[1] for _ in range(2)]
    site.close()
    for name in names:
        site = killed(tmp_path, name, at="before")
        site.close()
    site = Site(tmp_path, now=LATER)
    if held:
        site.hold("HX", HoldScope(employee="zhangsan"))
    for name in reversed(names):
        site.dispose(name)
    assert site.there() == [f"m{n}" for n in range(0 if held else 3, 6)]
    assert site.contradictions() == []
    assert site.faults() == []
    site.close()


# ---- what says that a plan ended ----------------------------------------------------------------


def forge(site, name):
    path = site.folder / "disposals" / f"{name}.done.json"
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(b'{"deleted":1,"stayed":{"held":[[1,2]]}}')
    return path


def test_a_forged_end_is_not_believed_and_is_named(site):
    filled(site)
    _, name = site.plan()
    site.dispose(name)
    site.sign()
    lines = len(list(site.book.lines()))
    forge(site, name)
    assert ended(site.parts, name)
    assert waiting(site.parts) == []
    (state,) = states(site)
    assert (state.state, state.damaged, state.gone, state.stayed) == (DONE, True, 3, {})
    assert [words for _, words in site.check() if ".done.json" in words]
    site.dispose(name)
    assert len(list(site.book.lines())) == lines


def test_a_forged_end_does_not_keep_a_plan_from_being_carried_out(site):
    filled(site)
    _, name = site.plan()
    forge(site, name)
    assert states(site)[0].state == APPROVED
    site.dispose(name)
    assert site.there() == ["m3", "m4", "m5"]
    (state,) = states(site)
    assert (state.state, state.damaged, state.gone) == (DONE, False, 3)
    assert site.contradictions() == []


def test_killed_between_the_line_of_the_end_and_the_ledger_it_ends_as_the_line_says(tmp_path):
    site = filled(Site(tmp_path))
    _, name = site.plan()
    real = site.book.write

    def write(deed):
        line = real(deed)
        if deed.action == "disposal_finished":
            raise Killed
        return line

    site.book.write = write
    with pytest.raises(Killed):
        site.dispose(name)
    site.close()
    site = Site(tmp_path, now=LATER)
    assert waiting(site.parts) == [name]
    site.dispose(name)
    assert [line.deed.action for line in site.book.lines()].count("disposal_finished") == 1
    assert site.contradictions() == []
    site.close()


def test_a_plan_whose_file_is_gone_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("sinks.archive.sink.origin_of", lambda tenant: tenant)
    site = filled(Site(tmp_path))
    site.sign()
    _, name = site.plan()
    path = tmp_path / "disposals" / f"{name}.plan.json"
    path.rename(tmp_path / "elsewhere")
    assert states(site)[0].state == LOST
    site.close()
    (tmp_path / "segments").symlink_to(tmp_path / "objects")
    sink = opened(tmp_path)
    worked(sink)
    assert f"plan {name[:16]} is not carried out: there is no plan" in sink.left()
    sink.close()


# ---- tombstones of the index --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "leaf", "words"),
    [
        ("UPDATE tombstones SET at = 1 WHERE leaf = 0", 0, "another tombstone of it"),
        ("UPDATE tombstones SET book = 2 WHERE leaf = 0", 0, "another tombstone of it"),
        ("DELETE FROM tombstones WHERE leaf = 0", 0, "the index has lost its tombstone"),
        ("INSERT INTO tombstones SELECT 3, 'm3', 3, time, sm3, plan, book, at FROM tombstones"
         " WHERE leaf = 0", 3, "the ledger has none, and it is there"),
    ],
    ids=["at", "book", "lost", "extra"],
)  # fmt: skip
def test_a_tombstone_of_the_index_that_was_altered_is_named_by_both_checks(
    site, change, leaf, words
):
    filled(site)
    _, name = site.plan()
    site.dispose(name)
    assert (site.contradictions(), site.faults()) == ([], [])
    site.index.database.execute(change)
    assert [one for one, said in site.check() if words in said] == [leaf]
    assert [one for one, *_ in site.faults() if one >= 0] == [leaf]


def test_lines_of_the_book_that_deleted_nothing_are_not_counted(site):
    filled(site)
    _, name = site.plan()
    by = OFFICER._replace(who="operator")
    note_removal(site.book, name, [(0, 2)], [], by)
    told = []
    site.sign()
    site.check(told.append)
    assert (told[0].tombstones, told[0].plans) == (0, 0)
