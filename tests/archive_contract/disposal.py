"""Deletion takes what is due and not held, leaves tombstones, and survives being killed: the same
whatever the index is made of.

Tests to be imported where `new_site` is a fixture that opens a `tests.support.disposal.Site`.
"""

from __future__ import annotations

import msgspec
import pytest

from rules.errors import MingjianError
from rules.retention.holds import HoldScope
from rules.retention.periods import Period
from rules.retention.policies import Policy, Scope
from sinks.archive.custody import CustodyBook
from sinks.archive.disposal import carry_out
from sinks.archive.disposal_parts import waiting
from sinks.archive.disposal_plan import plan
from sinks.archive.hold_book import approve, lift_hold, note_plan, place_hold
from sinks.archive.leaves import OtherLeaf
from sinks.archive.rows import HitRow
from sinks.archive.search import Query
from tests.support.disposal import CUSTOMER, DAY, OFFICER, START, Fuse, Killed, record

YEAR = Policy("year", Period(1), "制度第1条", duty=False)
LATER = START + 400 * DAY


@pytest.fixture
def site(new_site, tmp_path):
    made = new_site(tmp_path)
    yield made
    made.close()


def filled(site, count=6):
    """Two segments: of the first half all days are old, of the second none."""
    site.policies(YEAR)
    half = count // 2
    site.take(*(record(n, f"第{n}号保本产品") for n in range(half)))
    site.take(*(record(n, f"第{n}号保本产品", days=300 + n) for n in range(half, count)))
    site.clock[0] = LATER
    return site


def test_what_is_due_goes_and_the_rest_is_found_as_before(site):
    filled(site)
    site.take(record(6, "旧", days=1), record(7, "新", days=390))  # a segment that is rewritten
    before = set(site.objects.names())
    made, name = site.plan()
    assert [one.leaf for one in made.messages] == [0, 1, 2, 6]
    assert (made.by_policy["year"].going, made.by_policy["year"].held) == (4, 0)
    assert {month: one.going for month, one in made.by_month.items()} == {"2023-11": 4}
    assert site.dispose(name)[-1] == (4, 4)
    assert site.there() == ["m3", "m4", "m5", "m7"]
    assert [one.row.msgid for one in site.reader.search(Query(text="号保本"), 10)[0]] == [
        "m5", "m4", "m3",
    ]  # fmt: skip
    assert [one.row.msgid for one in site.reader.search(Query(text="新" * 1 + "x"), 10)[0]] == []
    after = set(site.objects.names())
    assert len(before) == 3
    assert len(after) == 2
    assert len(after & before) == 1  # the one of which all stay
    assert site.contradictions() == []


def test_a_tombstone_says_what_when_and_by_which_plan(site):
    filled(site)
    row = site.disposals.rows_at([1])[0]
    _, name = site.plan()
    site.dispose(name)
    (stone,) = site.disposals.buried_as("m1")
    assert stone == site.disposals.buried(1, 1)[0]
    assert (stone.leaf, stone.time, stone.sm3) == (1, row.time, row.sm3)
    assert (stone.plan, stone.at) == (name, LATER)
    assert site.reader.deleted(msgid="m1") == site.reader.deleted(leaf=1) == [stone]
    assert site.reader.deleted(msgid="m3") == site.reader.deleted(leaf=3) == []
    en, zh = stone.words()
    for words in (en, zh):
        assert "2024-12-19" in words
        assert row.sm3.hex() in words
        assert name[:16] in words


def test_inclusion_of_what_stays_and_of_what_went_is_proved_as_before(site):
    filled(site)
    site.sign()
    entries = [site.ledger.entry(leaf) for leaf in range(6)]
    root = site.ledger.root(6)
    _, name = site.plan()
    site.dispose(name)
    assert [site.ledger.entry(leaf) for leaf in range(6)] == entries
    assert site.ledger.root(6) == root


def test_a_new_name_after_deletion_is_not_taken_for_the_old_one(site):
    site.policies(YEAR)
    site.take(record(1, sender="zhaoliu"))
    site.clock[0] = LATER
    _, name = site.plan()
    site.dispose(name)
    site.take(record(2, days=390, sender="qianqi"), record(3, days=390, sender="zhaoliu"))
    rows = site.disposals.rows_before(1 << 62, -1, 10)
    assert [row.sender for row in rows] == ["qianqi", "zhaoliu"]


def test_what_was_deleted_does_not_come_back_when_the_source_gives_it_again(site):
    filled(site)
    _, name = site.plan()
    site.dispose(name)
    site.archiver.add([record(1, "第1号保本产品")])
    assert site.archiver.flush() == (0, 1)
    assert site.there() == ["m3", "m4", "m5"]


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (HoldScope(employee="zhangsan"), [0, 1, 3]),
        (HoldScope(customer=CUSTOMER), [0, 1]),
        (HoldScope(employee="lisi", room="wrROOM"), [3]),
        (HoldScope(text="款保 本"), [1]),
        (HoldScope(text="ＡＢＣ"), [2]),
        (HoldScope(since=START + 2, until=START + 3), [2]),
        (HoldScope(conversation=f"zhangsan|{CUSTOMER}"), []),
        (HoldScope(conversation="|".join(sorted(("zhangsan", CUSTOMER)))), [0, 1]),
        (HoldScope(alert="a1"), [3]),
        (HoldScope(rule="kickback"), [3]),
        (HoldScope(rule="kickback", text="保本"), []),
    ],
)
def test_a_hold_keeps_what_it_names_and_the_check_agrees(site, scope, held):
    site.policies(YEAR)
    site.archiver.enter(OtherLeaf("alert", "a1", "ab"), [HitRow(START + 3, "m3", "a1", "kickback")])
    site.take(
        record(0), record(1, "这款保 本"), record(2, "abc", sender="wangwu", to=("lisi",)),
        record(3, "回扣", to=("lisi", "wangwu"), room="wrROOM"),
    )  # fmt: skip
    site.hold("H1", scope)
    site.clock[0] = LATER
    made, name = site.plan()
    assert sorted({0, 1, 2, 3} - {one.leaf for one in made.messages}) == held
    assert made.by_hold == ({"H1": len(held)} if held else {})
    site.dispose(name)
    assert site.there() == [f"m{n}" for n in held]
    assert site.contradictions() == []
    lift_hold(site.book, "H1", OFFICER)
    again, name = site.plan()
    assert [one.leaf for one in again.messages] == held
    site.dispose(name)
    assert site.there() == []
    assert site.contradictions() == []


def test_a_hold_that_comes_after_the_plan_is_honoured(site):
    filled(site)
    _, name = site.plan()
    site.hold("late", HoldScope(text="第1号"))
    site.dispose(name)
    assert site.there() == ["m1", "m3", "m4", "m5"]
    assert site.plans.done(name)
    assert b'"deleted":2' in site.plans.done(name)
    assert b'"held":[[1,1]]' in site.plans.done(name)
    assert site.contradictions() == []


def before_the_lock(site, *deeds):
    """Each of these is done in front of the next removal, when all is judged and before the book is
    locked for it."""
    real, left = site.book.locked, list(deeds)

    def locked():
        if left and site.book._locked is None:
            left.pop(0)()
        return real()

    site.book.locked = locked


def other_hold(site, name, scope):
    """A hold that somebody else places."""
    return lambda: place_hold(CustodyBook(site.folder), name, scope, OFFICER)


def test_a_hold_that_comes_when_all_is_judged_is_honoured(site):
    filled(site)
    _, name = site.plan()
    before_the_lock(site, other_hold(site, "now", HoldScope(text="第1号")))
    site.dispose(name)
    assert site.there() == ["m1", "m3", "m4", "m5"]
    assert site.contradictions() == []


def damage(site, leaf):
    """Alter the sealed record of a message where it lies."""
    row = site.disposals.rows_at([leaf])[0]
    path = next(path for path in (site.folder / "objects").glob("*/*") if path.name == row.segment)
    data = bytearray(path.read_bytes())
    data[row.offset + 5] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("scope", "stays"),
    [
        (HoldScope(text="没有人说过的话"), True),  # it may stand in it
        (HoldScope(employee="lisi"), True),  # it may have been told him
        (HoldScope(text="没有人说过的话", room="wrOTHER"), False),  # it was said elsewhere
        (HoldScope(employee="lisi", until=START), False),
    ],
)
def test_what_cannot_be_opened_and_may_be_held_stays(site, scope, stays):
    site.policies(YEAR)
    site.take(record(1, "保本"))
    damage(site, 0)
    site.hold("H1", scope)
    site.clock[0] = LATER
    made, name = site.plan()
    assert [one.leaf for one in made.messages] == ([] if stays else [0])
    assert made.unreadable == 1
    site.dispose(name)
    assert bool(site.disposals.present(0, 0)) is stays
    assert site.contradictions() == []


def test_a_segment_is_not_rewritten_while_one_that_stays_cannot_be_opened(site):
    site.policies(YEAR)
    site.take(record(1, "旧"), record(2, "新", days=390))
    damage(site, 1)
    site.clock[0] = LATER
    _, name = site.plan()
    site.dispose(name)
    assert site.disposals.present(0, 1) == {0, 1}
    assert b'"stuck":[[0,0]]' in site.plans.done(name)
    assert site.contradictions() == []


def test_a_record_that_cannot_be_decoded_is_kept_from_when_it_came(site):
    site.policies(YEAR)
    site.clock[0] = START + 100 * DAY
    site.take(b"{")
    site.clock[0] = START + 400 * DAY
    assert site.plan()[0].messages == ()
    site.clock[0] = START + 500 * DAY
    _, name = site.plan()
    site.dispose(name)
    assert site.disposals.present(0, 0) == set()
    assert site.contradictions() == []


def test_of_several_policies_the_longest_decides_and_no_policy_keeps_for_ever(site):
    site.policies(
        Policy("sales", Period(2), "x", duty=True, scope=Scope(departments=("sales",))),
        Policy("rooms", Period(1), "y", duty=False, scope=Scope(rooms=("wrROOM",))),
    )
    site.take(
        record(1), record(2, sender="lisi", to=("lisi", "zhangsan"), room="wrROOM"),
        record(3, sender="lisi", room="wrROOM"), record(4, sender="lisi"),
        record(5, sender="stranger", room="wrROOM"),
    )  # fmt: skip
    site.clock[0] = LATER
    made, _ = site.plan()
    assert [one.leaf for one in made.messages] == [2]
    site.clock[0] = START + 800 * DAY
    made, name = site.plan()
    assert [one.leaf for one in made.messages] == [0, 1, 2, 4]
    site.dispose(name)
    assert site.there() == ["m4"]
    assert site.contradictions() == []


def test_a_plan_that_only_its_maker_approves_is_refused(site):
    filled(site)
    made = plan(site.source, at=LATER, by="maker", why="x", ledger=6)
    name = site.plans.keep(made)
    note_plan(site.book, name, 3, OFFICER._replace(who="maker"))
    with pytest.raises(MingjianError, match="somebody else has to approve"):
        approve(site.book, name, OFFICER._replace(who="maker"))
    with pytest.raises(MingjianError, match="nobody but its maker has approved"):
        site.dispose(name)
    assert len(site.there()) == 6


def test_a_plan_of_another_schedule_is_refused(site):
    filled(site)
    _, name = site.plan()
    site.policies(msgspec.structs.replace(YEAR, name="other"))
    with pytest.raises(MingjianError, match="schedule has changed"):
        site.dispose(name)
    assert len(site.there()) == 6


def test_the_archive_is_written_to_between_two_steps(site, monkeypatch):
    monkeypatch.setattr("sinks.archive.disposal.MAX_MESSAGES", 3)
    site.policies(YEAR)
    for part in range(4):
        site.take(*(record(n) for n in range(part * 3, part * 3 + 3)))
    site.clock[0] = LATER
    _, name = site.plan()
    work = carry_out(site.parts, name, who="operator", role="operator", why="x")
    for number, _ in enumerate(work):
        site.take(record(100 + number, "新来", days=399))
    assert site.there() == [f"m{100 + n}" for n in range(5)]
    assert site.contradictions() == []


def killed_at_any_write(new_site, tmp_path, *, after, late_hold):
    """It goes on, and ends the same."""
    reached = 0
    for at in range(1, 100):
        folder = tmp_path / str(at)
        site = filled(new_site(folder))
        site.take(record(6, "旧", days=1), record(7, "新", days=390))
        _, name = site.plan()
        site.close()
        fuse = Fuse(at, after=after)
        site = new_site(folder, now=LATER, fuse=fuse)
        try:
            site.dispose(name)
            ended = True
        except Killed:
            ended = False
        site.close()
        site = new_site(folder, now=LATER)
        gone = set(range(7)) - site.disposals.present(0, 7)
        if late_hold:
            site.hold("late", HoldScope(text="第1号"))
        site.dispose(name)
        kept = {1} - gone if late_hold else set()
        assert site.there() == [f"m{n}" for n in sorted({3, 4, 5, 7} | kept)]
        assert len(set(site.objects.names())) == 2 + bool(kept)
        assert site.disposals.terms_of(0) == []
        assert site.contradictions() == []
        site.close()
        if ended:
            break
        reached = at
    assert reached > 12


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_again_and_again_it_ends_all_the_same(new_site, tmp_path, after):
    site = filled(new_site(tmp_path))
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    _, name = site.plan()
    site.close()
    for at in range(2, 100):
        site = new_site(tmp_path, now=LATER, fuse=Fuse(at, after=after))
        try:
            site.dispose(name)
            break
        except Killed:
            pass
        finally:
            site.close()
    assert 5 < at < 99
    site = new_site(tmp_path, now=LATER)
    assert site.there() == ["m3", "m4", "m5", "m7"]
    assert len(set(site.objects.names())) == 2
    assert site.contradictions() == []
    site.close()


def test_a_segment_of_a_step_that_was_cut_short_and_not_done_again_is_removed(new_site, tmp_path):
    """It holds sealed copies of messages, and nobody would ever look at it."""
    site = new_site(tmp_path)
    site.policies(YEAR)
    site.take(record(6, "旧", days=1), record(7, "新", days=390))
    site.clock[0] = LATER
    _, name = site.plan()
    site.close()
    real = set(site.objects.names())
    site = new_site(tmp_path, now=LATER, fuse=Fuse(3, after=True))
    with pytest.raises(Killed):
        site.dispose(name)
    site.close()
    assert len(set(site.objects.names())) == 2
    site = new_site(tmp_path, now=LATER)
    site.hold("all", HoldScope(employee="zhangsan"))
    site.dispose(name)
    assert set(site.objects.names()) == real
    assert site.there() == ["m6", "m7"]
    site.close()


def test_what_is_known_otherwise_than_when_it_was_planned_stays(new_site, tmp_path):
    """Else the plan, from which it is proved later, would tell of another message."""
    site = filled(new_site(tmp_path))
    _, name = site.plan()
    site.close()
    moved = new_site(tmp_path, now=LATER, staff={"zhangsan": "support"})
    moved.dispose(name)
    assert len(moved.there()) == 6
    assert b'"changed":[[0,2]]' in moved.plans.done(name)
    _, name = moved.plan()
    moved.dispose(name)
    assert moved.there() == ["m3", "m4", "m5"]
    assert moved.contradictions() == []
    moved.close()


def test_a_plan_that_was_carried_out_does_nothing_more(site):
    filled(site)
    _, name = site.plan()
    assert waiting(site.parts) == [name]
    site.dispose(name)
    assert waiting(site.parts) == []
    size, lines = site.ledger.size, len(list(site.book.lines()))
    assert site.dispose(name) == []
    assert (site.ledger.size, len(list(site.book.lines()))) == (size, lines)
