"""What the check of deletions finds: nothing after an honest one, each contradiction by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.alert import sm3_raw
from rules.retention.holds import HoldScope, held_by, in_force
from rules.retention.periods import Period
from rules.retention.policies import Policy, Scope, keep_until
from sinks.archive.custody import FILE, GENESIS, CustodyBook, canonical
from sinks.archive.disposable import (
    DISPOSAL,
    TOMBSTONE,
    Disposed,
    digest,
    encode,
    tombstone_leaf,
    tombstone_of,
)
from sinks.archive.disposal_check import check_disposals
from sinks.archive.disposal_plan import Going, party_of, plan
from sinks.archive.facts import facts_of, sayer
from sinks.archive.hold_book import By, approve, holds_of, lift_hold, note_plan, note_removal
from sinks.archive.leaves import OtherLeaf, read_message
from sinks.ledger.reader import LedgerReader
from tests.support.disposal import CUSTOMER, DAY, OFFICER, START, Site, record

YEAR = Policy("year", Period(1), "制度第1条", duty=False)
LATER = START + 400 * DAY


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


def deleted(site, *, hold=None):
    """Five messages, of which the last is not due; all that is due and not held is deleted."""
    site.policies(YEAR)
    site.take(*(record(n, f"第{n}号") for n in range(4)), record(4, days=300))
    if hold:
        site.hold("H1", hold)
    site.clock[0] = LATER
    made, name = site.plan()
    site.dispose(name)
    assert site.contradictions() == []
    return made, name


def remove(site, leaf, plan, *, number=None, at=None):
    """Delete a message as somebody would who has the archive's parts and not its discipline."""
    told = read_message(site.ledger.entry(leaf))
    if number is None:
        by = By("operator", "operator", at or site.clock[0], "x")
        number = note_removal(site.book, plan, [(leaf, leaf)], [], by).number
    stone = tombstone_of(leaf, told, plan, number, at or site.clock[0])
    site.sign()
    enter(site, tombstone_leaf(stone))
    site.disposals.dispose(Disposed([stone], [], [], []))


def enter(site, *leaves):
    site.archiver.enter(leaves[0])
    for leaf in leaves[1:]:
        site.archiver.enter(leaf)
    site.archiver.flush()


def test_an_honest_deletion_is_proved(site):
    deleted(site, hold=HoldScope(text="第1号"))
    told = []
    assert site.check(told.append) == []
    (proved,) = told
    assert (proved.tombstones, proved.plans, proved.unsigned) == (3, 1, 0)
    assert proved.lines == 6  # schedule, hold, plan, approval, removal, end


def test_a_message_that_is_gone_without_a_tombstone(site):
    deleted(site)
    site.index.database.execute("DELETE FROM messages WHERE leaf = 4")
    assert site.check() == [(4, "it is gone and has no tombstone")]


def test_a_tombstone_that_no_signed_head_covers_yet(site):
    site.policies(YEAR)
    site.take(record(1))
    site.clock[0] = LATER
    site.sign()
    _, name = site.plan()
    site.dispose(name)
    assert site.check() == [(0, "no signed head covers its tombstone yet")]
    assert site.contradictions() == []


def test_a_tombstone_whose_message_is_there(site):
    deleted(site)
    site.index.database.execute("UPDATE messages SET leaf = 1 WHERE leaf = 4")
    assert site.check() == [
        (4, "it is gone and has no tombstone"),
        (1, "it has a tombstone and is still there"),
    ]


@pytest.mark.parametrize("forge", ["digest", "leaf", "no message", "name"])
def test_a_forged_tombstone(site, forge):
    _, name = deleted(site)
    leaf = {"digest": 4, "leaf": 4, "no message": 5, "name": 0}[forge]
    ident = f"{leaf}@{name}" if forge != "name" else "x@"
    enter(site, OtherLeaf(TOMBSTONE, ident, "ab" * 32))
    if forge in {"digest", "leaf"}:
        site.index.database.execute("DELETE FROM messages WHERE leaf = 4")
    found = site.contradictions()
    words = {
        "digest": "its tombstone is not what a line of the custody book says",
        "leaf": "its tombstone is not what a line of the custody book says",
        "no message": "its tombstone is of an entry that is no message",
        "name": "is a tombstone, or takes one back, that is of no message",
    }[forge]
    assert any(words in en for _, en in found)


def test_a_message_that_the_plan_does_not_name(site):
    _, name = deleted(site)
    remove(site, 4, name)
    assert (4, "the plan does not name it") in site.contradictions()


def test_a_plan_that_was_altered(site):
    _, name = deleted(site)
    path = site.folder / "disposals" / f"{name}.plan.json"
    data = path.read_bytes()
    path.chmod(0o600)
    for at in range(0, len(data), 97):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        found = site.check()
        assert "is not what was made" in found[0][1]
        assert [leaf for leaf, _ in found[1:]] == [0, 1, 2, 3]
    path.unlink()
    assert "there is no plan" in site.check()[0][1]


def another_plan(site, **changes):
    """A plan that was altered before it was entered, approved, and carried out."""
    made, _ = site.plan()
    made = msgspec.structs.replace(made, **changes)
    if "messages" in changes:
        made = msgspec.structs.replace(made, messages_sm3=digest(encode(made.messages)))
    name = site.plans.keep(made)
    note_plan(site.book, name, 1, OFFICER._replace(who="maker"))
    approve(site.book, name, OFFICER._replace(who="chief"))
    enter(site, OtherLeaf(DISPOSAL, name, name))
    return made, name


def test_a_plan_that_leaves_a_hold_out_and_deletes_what_it_held(site):
    site.policies(YEAR)
    site.take(record(0), record(1, "保本", to=("lisi",)))
    site.hold("H1", HoldScope(employee="lisi"))
    lift_hold(site.book, "H1", OFFICER)
    site.clock[0] = LATER
    made, _ = site.plan()
    site.hold("H2", HoldScope(employee="lisi"))
    made, name = another_plan(
        site, messages=made.messages, facts=made.facts, key=made.key, holds=()
    )
    remove(site, 1, name)
    site.sign()
    assert site.check() == [
        (-1, "its holds are not those that were in force"),
        (1, "it was held by H2 (line 6 of the custody book)"),
    ]


def test_the_words_of_a_hold_that_were_not_looked_for(site):
    site.policies(YEAR)
    site.take(record(0, "您好"))
    site.clock[0] = LATER
    _, name = site.plan()
    enter(site, OtherLeaf(DISPOSAL, name, name))
    site.hold("H1", HoldScope(text="保本"))
    remove(site, 0, name)
    assert site.contradictions() == [(0, "it was held by H1 (line 4 of the custody book)")]


def test_a_message_that_was_deleted_before_its_time(site):
    site.policies(YEAR)
    site.take(record(0), record(1, days=200))
    site.clock[0] = LATER
    made, _ = site.plan()
    early = (*made.messages, Going(1, 0, 0, 0))
    _, name = another_plan(site, messages=early, facts=made.facts, key=made.key)
    remove(site, 1, name)
    assert site.contradictions() == [(1, "it was deleted before its time by policy 'year'")]


def test_a_clock_that_was_put_forward(site):
    """It is due by the clock of who deletes, and not by the head that covers it."""
    site.policies(YEAR)
    site.take(record(0))
    site.clock[0] = LATER
    _, name = site.plan()
    site.dispose(name)
    site.clock[0] = START + DAY
    assert site.contradictions() == [
        (0, "it claims to have been deleted later than the head was signed that covers it")
    ]


def test_a_plan_of_another_schedule_than_was_in_force(site):
    site.policies(msgspec.structs.replace(YEAR, keep=Period(3)))
    site.take(record(0))
    site.clock[0] = LATER
    made, _ = site.plan()
    short = (YEAR,)
    _, name = another_plan(
        site, policies=short, policies_sm3=digest(encode(short)),
        messages=(Going(0, 0, 0, 0),), facts=(facts_for(site, made, 0),),
    )  # fmt: skip
    remove(site, 0, name)
    found = site.contradictions()
    assert (-1, "its policies are not the schedule that was in force") in found


def facts_for(site, made, leaf):
    row = site.disposals.rows_at([leaf])[0]
    facts = facts_of(row, site.opened(row), (), site.staff.get)
    return party_of(facts.renamed(made.renaming()))


def test_a_plan_that_nobody_else_approved(site):
    deleted(site)
    site.take(record(9, days=1))
    made = plan(site.source, at=LATER, by="maker", why="x", ledger=site.ledger.size)
    name = site.plans.keep(made)
    note_plan(site.book, name, 1, OFFICER._replace(who="maker"))
    enter(site, OtherLeaf(DISPOSAL, name, name))
    leaf = made.messages[0].leaf
    remove(site, leaf, name)
    assert site.contradictions() == [(-1, "nobody but its maker approved the plan")]


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ("line", "line 4 of the custody book was not entered before it was deleted"),
        ("plan", "its plan was entered after it was deleted"),
        ("approval", "its plan was approved after it was deleted"),
    ],
)
def test_what_comes_after_the_deletion_that_it_allows(site, late, words):
    site.policies(YEAR)
    site.take(record(0))
    site.clock[0] = LATER
    made = plan(site.source, at=LATER, by="maker", why="x", ledger=1)
    name = site.plans.keep(made)
    note_plan(site.book, name, 1, OFFICER._replace(who="maker"))
    if late != "approval":
        approve(site.book, name, OFFICER._replace(who="chief"))
    if late != "plan":
        enter(site, OtherLeaf(DISPOSAL, name, name))
    by = By("operator", "operator", LATER, "x")
    if late != "line":
        remove(site, 0, name)
    else:
        number = note_removal(site.book, name, [(0, 0)], [], by).number
        stone = tombstone_of(0, read_message(site.ledger.entry(0)), name, number, LATER)
        enter(site, tombstone_leaf(stone))
        site.disposals.dispose(Disposed([stone], [], [], []))
    if late == "approval":
        approve(site.book, name, OFFICER._replace(who="chief"))
    if late == "plan":
        enter(site, OtherLeaf(DISPOSAL, name, name))
    assert site.contradictions() == [(0, words)]


def rewrite(folder: Path, keep):
    """The custody book written anew, its chain sound, with those lines alone that `keep` wants."""
    deeds = [line.deed for line in CustodyBook(folder).lines()]
    rows, previous = [], GENESIS
    for number, deed in enumerate((deed for deed in deeds if keep(deed)), 1):
        rows.append(canonical({"n": number, "prev": previous, **deed._asdict()}))
        previous = sm3_raw(rows[-1])
    (folder / FILE).write_bytes(b"".join(row + b"\n" for row in rows))


def test_a_hold_that_is_dropped_from_the_book_with_a_chain_that_fits(site):
    """The ledger has the digest of each line, so whoever drops one has to explain the next."""
    deleted(site, hold=HoldScope(text="第1号"))
    rewrite(site.folder, lambda deed: deed.action != "hold_placed")
    assert len(list(CustodyBook(site.folder).lines())) == 5
    found = site.check()
    assert (-1, "line 2 of the custody book is not the one that was entered") in found
    assert (-1, "line 6 of the custody book is in the ledger and not in the book") in found


def test_a_line_of_the_book_that_was_altered_in_place(site):
    deleted(site, hold=HoldScope(text="第1号"))
    path = site.folder / FILE
    path.write_bytes(path.read_bytes().replace("第1号".encode(), "第9号".encode()))
    found = site.check()
    assert "damaged at line" in found[0][1]


def test_an_index_that_is_not_given_finds_no_missing_message_and_all_else(site):
    _, name = deleted(site)
    remove(site, 4, name)
    site.sign()
    found = check_disposals(
        ledger=LedgerReader(site.folder / "ledger"), book=site.book, plans=site.plans
    )
    assert [one.en for one in found] == ["the plan does not name it"]


# ---- the law: nothing that is held or not due ever goes ----

PEOPLE = ("zhangsan", "lisi", "wangwu", "stranger", CUSTOMER)
TEXTS = ("您好", "这款产品保本", "给你回扣", "abc保本")

messages = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        st.sampled_from(TEXTS),
        st.sampled_from(["", "wrROOM", "wrOTHER"]),
        st.integers(0, 900),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
policy = st.builds(
    lambda name, years, months, duty, scope: Policy(
        f"p{name}", Period(years, months), "x", duty=duty, scope=scope
    ),
    st.integers(0, 10**9),
    st.integers(0, 2),
    st.integers(1, 11),
    st.booleans(),
    st.sampled_from(
        [
            Scope(),
            Scope(departments=("sales",)),
            Scope(people=(CUSTOMER,)),
            Scope(rooms=("wrROOM",)),
            Scope(types=("text",)),
            Scope(kinds=("event",)),
        ]
    ),
)
scope = st.builds(
    HoldScope,
    employee=st.sampled_from(["", "zhangsan", "lisi"]),
    customer=st.sampled_from(["", CUSTOMER]),
    room=st.sampled_from(["", "wrROOM"]),
    text=st.sampled_from(["", "保本", "回扣"]),
    since=st.sampled_from([0, START + 100 * DAY]),
    until=st.sampled_from([0, START + 500 * DAY]),
).filter(lambda made: made != HoldScope())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=messages,
    schedule=st.lists(policy, min_size=1, max_size=3, unique_by=lambda one: one.name),
    holds=st.lists(scope, max_size=3),
    late=st.lists(scope, max_size=2),
    lifted=st.integers(0, 3),
    days=st.integers(0, 1500),
    basis=st.sampled_from(["retention", "erasure"]),
    segments=st.integers(1, 4),
    damaged=st.integers(0, 11),
)
def test_nothing_held_or_not_due_ever_goes(
    tmp_path_factory, said, schedule, holds, late, lifted, days, basis, segments, damaged
):
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder)
    site.policies(*schedule)
    records = [
        record(n, text, days=day, sender=sender, to=to, room=room)
        for n, (sender, to, text, room, day, _) in enumerate(said)
    ]
    for start in range(0, len(records), -(-len(records) // segments)):
        site.take(*records[start : start + -(-len(records) // segments)])
    for number, one in enumerate(holds):
        site.hold(f"H{number}", one)
    for number in range(min(lifted, len(holds))):
        lift_hold(site.book, f"H{number}", OFFICER)
    if said[damaged % len(said)][5]:
        spoil(site, damaged % len(said))
    site.clock[0] = START + days * DAY
    _, name = site.plan(basis=basis, rows=None)
    for number, one in enumerate(late):
        site.hold(f"L{number}", one)
    now = in_force(holds_of(site.book))
    expected = set()
    for row in site.disposals.rows_before(1 << 62, -1, 100):
        message = site.opened(row)
        facts = facts_of(row, message, (), site.staff.get)
        counted = [one for one in schedule if one.duty or basis == "retention"]
        kept = keep_until(facts, counted)
        over = kept.until <= site.clock[0] if kept.policy >= 0 else basis == "erasure"
        if not over or held_by(facts, sayer(row, message), now):
            expected.add(row.leaf)
    site.dispose(name)
    stays = site.disposals.present(0, 100)
    unreadable = {row.leaf for row in site.disposals.rows_at(sorted(stays)) if not site.opened(row)}
    assert expected <= stays
    if not unreadable:  # else segments with such a one stay as they are
        assert expected == stays
    for leaf in stays - unreadable:
        row = site.disposals.rows_at([leaf])[0]
        assert site.reader.open(row) == records[int(row.msgid[1:])]
    assert site.contradictions() == []
    site.close()
    shutil.rmtree(folder)


def spoil(site, leaf):
    row = site.disposals.rows_at([leaf])[0]
    path = next(path for path in (site.folder / "objects").glob("*/*") if path.name == row.segment)
    data = bytearray(path.read_bytes())
    data[row.offset + 5] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(data))
