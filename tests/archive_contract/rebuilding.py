"""An index that is lost is made again, also after deletions: the same whatever it is made of.

Tests to be imported where `new_site` is a fixture that opens a `tests.support.disposal.Site`, and
`lose` one that loses its index, everything closed.
"""

from __future__ import annotations

import contextlib

import pytest

from rules.errors import MingjianError
from rules.retention.holds import HoldScope, in_force, replay
from rules.retention.periods import Period
from rules.retention.policies import Policy
from sinks.archive.custody import FILE as BOOK
from sinks.archive.disposal_parts import waiting
from sinks.archive.hit_book import FILE as HIT_FILE
from sinks.archive.hold_book import deeds, lift_hold
from sinks.archive.keys import KeyMissing
from sinks.archive.leaves import OtherLeaf, read_other
from sinks.archive.plan_states import plan_states
from sinks.archive.rows import Asked, HitRow
from sinks.archive.search import Query
from sinks.archive.terms import named
from tests.support.disposal import DAY, OFFICER, START, Fuse, Killed, record

YEAR = Policy("year", Period(1), "制度第1条", duty=False)
LATER = START + 400 * DAY


@pytest.fixture
def site(new_site, tmp_path):
    made = new_site(tmp_path)
    yield made
    made.close()


def alert(site, name, *numbers, rule="kickback"):
    days = {6: 390, 12: 410}  # as `deleted` has them
    hits = [HitRow(START + days.get(n, 0) * DAY + n, f"m{n}", name, rule) for n in numbers]
    site.archiver.enter(OtherLeaf("alert", name, name.encode().hex()), hits)


def deleted(site):
    """Segments of which plans have rewritten one twice, one once, and taken one whole; a hold that
    was lifted, alerts of messages that are there, that are gone, and of one that never came."""
    site.policies(YEAR)
    site.take(*(record(n, f"第{n}号保本产品") for n in range(4)))
    alert(site, "a1", 0, 5, 9)
    site.take(record(4, "旧"), record(5, "回扣", room="wrROOM"), record(6, "新", days=390))
    alert(site, "a2", 1, 777, rule="other")
    site.take(*(record(n, "还在", days=300) for n in range(7, 9)))
    site.clock[0] = START + 1
    site.take(
        record(9, "也旧", to=("lisi",)), record(10, "晚", days=30), record(11, "新", days=395)
    )
    site.hold("H1", HoldScope(room="wrROOM"))
    site.clock[0] = LATER
    site.dispose(site.plan()[1])
    lift_hold(site.book, "H1", OFFICER._replace(at=LATER))
    site.hold("H2", HoldScope(employee="wangwu"))
    site.clock[0] = LATER + 20 * DAY
    site.dispose(site.plan()[1])
    site.take(record(12, "后来", days=410))
    alert(site, "a3", 12, 6)
    site.clock[0] = LATER + 40 * DAY
    site.plan()  # approved, and not carried out
    site.sign()
    return site


def told(site):
    """All that an index tells."""
    index, disposals = site.index, site.disposals
    rows = index.search(Asked(), 10_000)
    others = [one for at in range(site.ledger.size) if (one := read_other(site.ledger.entry(at)))]
    asked = [
        Asked([named("s", "zhangsan")]), Asked([named("p", "lisi")]), Asked([named("r", "wrROOM")]),
        Asked(hit="*"), Asked(hit="kickback"), Asked(since=START + 5, until=START + DAY * 399),
        Asked(site.terms.asked("保本")), Asked(site.terms.asked("还在")),
    ]  # fmt: skip
    return {
        "rows": rows,
        "found": [index.search(one, 100) for one in asked],
        "texts": [one.raw for one in site.reader.search(Query(), 1_000)[0]],
        "tombstones": disposals.buried(0, 1 << 40),
        "segments": {row.segment: disposals.segment(row.segment) for row in rows},
        "versions": index.key_versions(),
        "leaves": index.leaves(),
        "others": [index.leaf_of(one) for one in others],
        "known": index.known([(START + n, f"m{n}") for n in range(14)]),
        "hits": sorted(one for one in index.hits() if one.msgid not in gone_ids(site)),
        "alerts": disposals.alerts_of([row.leaf for row in rows]),
        "custody": index.positions().get("custody"),
        "waiting": waiting(site.parts),
        "plans": plan_states(deeds(site.book.lines()), site.plans),
        "holds": in_force(replay(deeds(site.book.lines()))),
        "deleted": [site.reader.deleted(msgid=f"m{n}") for n in range(14)],
    }


def gone_ids(site):
    return {one.msgid for one in site.disposals.buried(0, 1 << 40)}


def test_after_deletions_it_tells_the_same_as_before(new_site, lose, tmp_path):
    site = deleted(new_site(tmp_path))
    before = told(site)
    assert len(before["tombstones"]) == 8
    assert [len(found) for found in before["found"]] == [5, 0, 0, 2, 2, 4, 0, 2]
    site.close()
    lose(tmp_path)
    made, wrong = site.rebuild()
    assert wrong == []
    assert (made.counts.messages, made.counts.deleted, made.counts.missing) == (13, 8, 0)
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    after = told(site)
    for name, value in before.items():
        assert after[name] == value, name
    assert site.faults() == []
    assert site.contradictions() == []
    (plan,) = waiting(site.parts)  # it goes on from here as if nothing had been
    site.archiver.add([record(0, "第0号保本产品"), record(13, days=400)])
    assert site.archiver.flush() == (1, 1)
    site.dispose(plan)
    assert site.faults() == []
    assert site.contradictions() == []
    site.close()


def test_a_rebuild_of_an_index_that_was_whole_changes_nothing(new_site, tmp_path):
    site = deleted(new_site(tmp_path))
    before = told(site)
    assert site.rebuild()[1] == []
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert told(site) == before
    site.close()


def killed_at_any_write_and_the_index_lost(new_site, lose, tmp_path, *, after, step=1):
    """A deletion that was cut short anywhere goes on after its index was made again, and ends the
    same."""
    reached = 0
    for at in range(1, 100, step):
        folder = tmp_path / str(at)
        site = new_site(folder)
        site.policies(YEAR)
        site.take(*(record(n, f"第{n}号保本产品") for n in range(3)))
        site.take(record(3, "旧", days=1), record(4, "新", days=390))
        site.clock[0] = LATER
        _, name = site.plan()
        site.close()
        site = new_site(folder, now=LATER, fuse=Fuse(at, after=after))
        killed = False
        try:
            site.dispose(name)
        except Killed:
            killed = True
        site.close()
        lose(folder)
        assert site.rebuild()[1] == [], at
        site = new_site(folder, now=LATER)
        assert {f"m{n}" for n in range(5)} == {*site.there(), *gone_ids(site)}, at
        site.dispose(name)
        assert site.there() == ["m4"]
        assert gone_ids(site) == {"m0", "m1", "m2", "m3"}
        assert len(set(site.objects.names())) == 1
        assert site.faults() == []
        assert site.contradictions() == []
        site.close()
        if not killed:
            break
        reached = at
    assert reached > 10


def test_a_hold_that_came_while_a_deletion_was_cut_short_and_the_index_lost_is_honoured(
    new_site, lose, tmp_path
):
    site = new_site(tmp_path)
    site.policies(YEAR)
    site.take(record(0, "旧"), record(1, "也旧"), record(2, "新", days=390))
    site.clock[0] = LATER
    _, name = site.plan()
    site.close()
    site = new_site(tmp_path, now=LATER)

    def killed(what):
        raise Killed

    site.disposals.dispose = killed  # its tombstones are entered
    with pytest.raises(Killed):
        site.dispose(name)
    site.close()
    lose(tmp_path)
    assert site.rebuild()[1] == []
    site = new_site(tmp_path, now=LATER)
    assert site.there() == ["m0", "m1", "m2"]
    site.hold("late", HoldScope(text="也旧"))
    site.dispose(name)
    assert site.there() == ["m1", "m2"]
    assert (site.faults(), site.contradictions()) == ([], [])
    site.close()


def test_a_segment_that_is_missing_without_a_tombstone_is_damage_until_it_is_put_back(
    new_site, lose, tmp_path
):
    site = deleted(new_site(tmp_path))
    before = told(site)
    lost, moved = {}, {row.msgid: row.segment for row in site.index.search(Asked(), 99)}
    for msgid in ("m8", "m6"):  # one as it was written first, one that was written anew
        name = moved[msgid]
        lost[name] = site.objects.get(name)
        site.objects.delete(name)
    site.close()
    lose(tmp_path)
    made, wrong = site.rebuild()
    assert (made.counts.missing, made.counts.deleted) == (3, 8)
    assert sorted(leaf for leaf, _, _ in wrong) == [-1, -1]
    texts = " ".join(text for _, _, text in wrong)
    assert f"segment {moved['m8']} of the archive is not in" in texts
    assert "1 message that was sealed in it is in no segment; it was written anew" in texts
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    faults = [text for _, _, text in site.faults()]
    assert {f"message m{n} is not in the index" for n in (6, 7, 8)} <= set(faults)
    assert any(moved["m8"] in text for text in faults)
    assert len([text for _, text in site.contradictions() if "has no tombstone" in text]) == 3
    assert site.there() == ["m11", "m12"]
    for name, data in lost.items():
        site.objects.put(name, data)
    assert site.rebuild()[1] == []
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert told(site)["rows"] == before["rows"]
    assert (site.faults(), site.contradictions()) == ([], [])
    site.close()


def test_a_record_that_does_not_open_stays_where_it_is_and_every_hold_may_hold_it(
    new_site, lose, tmp_path
):
    site = new_site(tmp_path)
    site.policies(YEAR)
    site.take(record(0, "旧", room="wrROOM"), record(1, "也旧"), record(2, "新", days=390))
    row = site.index.search(Asked(), 9)[2]
    data = bytearray(site.objects.get(row.segment))
    data[row.offset + 3] ^= 1
    site.objects.put(row.segment, bytes(data))
    site.close()
    lose(tmp_path)
    made, wrong = site.rebuild()
    assert made.counts.damaged == 1
    assert [(leaf, place) for leaf, place, _ in wrong] == [(0, row.segment)]
    assert "record 1 (m0) was altered" in wrong[0][2]
    site = new_site(tmp_path, now=LATER)
    found, _ = site.reader.search(Query(), 10)
    assert [(one.row.msgid, one.row.type, one.damage is None) for one in found] == [
        ("m2", "text", True), ("m1", "text", True), ("m0", "damaged", False),
    ]  # fmt: skip
    assert ("record 1 (m0) was altered" in " ".join(text for *_, text in site.faults())) is True
    site.hold("H1", HoldScope(room="wrROOM"))
    made, name = site.plan()
    assert [one.leaf for one in made.messages] == [1]
    site.dispose(name)
    assert b'"stuck":[[1,1]]' in site.plans.done(name)
    assert site.index.known([(START, "m0")]) == {(START, "m0")}
    site.close()


def test_a_segment_put_back_from_a_copy_does_not_bring_back_what_was_deleted(
    new_site, lose, tmp_path
):
    site = new_site(tmp_path)
    site.policies(YEAR)
    site.take(record(0, "旧"), record(1, "新", days=390))
    site.take(record(2, "旧"))
    copies = {name: site.objects.get(name) for name in site.objects.names()}
    site.clock[0] = LATER
    site.dispose(site.plan()[1])
    site.sign()
    before = told(site)
    for name, data in copies.items():
        site.objects.put(name, data)
    site.close()
    lose(tmp_path)
    _, wrong = site.rebuild()
    assert sorted(place for _, place, _ in wrong) == sorted(copies)
    assert all("still holds 1 record of a message that was deleted" in en for *_, en in wrong)
    site = new_site(tmp_path, now=LATER)
    assert told(site) == before
    assert sorted(place for _, place, _ in site.faults()) == sorted(copies)
    assert all("no row of the index names it" in en for _, en in site.contradictions())
    site.close()


def test_without_the_lines_that_deleted_them_messages_are_missing_and_not_buried(
    new_site, lose, tmp_path
):
    site = deleted(new_site(tmp_path))
    site.close()
    lose(tmp_path)
    path = tmp_path / BOOK
    kept = path.read_bytes()
    at = kept.index(b"messages_deleted")
    path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
    made, wrong = site.rebuild()
    assert (made.counts.deleted, made.counts.missing) == (0, 8)
    assert any("custody book" in text and "damaged at line" in text for *_, text in wrong)
    assert sum("no line of the custody book is the one" in text for *_, text in wrong) == 8
    path.write_bytes(kept)
    assert site.rebuild()[1] == []
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert len(gone_ids(site)) == 8
    assert site.contradictions() == []
    site.close()


def test_a_tombstone_that_was_forged_into_the_book_buries_nothing(new_site, lose, tmp_path):
    """The entry has the digest of what the line says."""
    site = deleted(new_site(tmp_path))
    plan = site.disposals.buried(0, 0)[0].plan
    leaf = next(row.leaf for row in site.index.search(Asked(), 99) if row.msgid == "m8")
    site.archiver.enter(OtherLeaf("tombstone", f"{leaf}@{plan}", "ab" * 32))
    site.archiver.flush()
    site.close()
    lose(tmp_path)
    made, wrong = site.rebuild()
    assert (made.counts.deleted, made.counts.missing) == (8, 1)
    assert any(one[0] == leaf and "no line of the custody book" in one[2] for one in wrong)
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert site.disposals.buried(leaf, leaf) == []
    assert any(one == leaf for one, _ in site.contradictions())
    site.close()


def test_a_key_version_that_is_missing_ends_it_and_with_it_back_it_is_done(
    new_site, lose, tmp_path
):
    site = new_site(tmp_path)
    site.take(record(1))
    site.keys.rotate(2)
    site.take(record(2))
    site.close()
    lose(tmp_path)
    first = site.keys._keys.pop(1)
    with pytest.raises(KeyMissing, match="version 1"):
        site.rebuild()
    site.keys._keys[1] = first
    with contextlib.suppress(OSError):  # closed again
        assert site.rebuild()[1] == []
    site = new_site(tmp_path)
    assert site.there() == ["m1", "m2"]
    site.close()


def test_the_writer_does_not_begin_on_an_index_that_was_lost_or_is_an_old_copy(
    new_site, lose, tmp_path
):
    site = deleted(new_site(tmp_path))
    site.close()
    lose(tmp_path)
    with pytest.raises(MingjianError, match="it was lost, or is an old copy") as error:
        new_site(tmp_path)
    assert "mingjian archive rebuild" in error.value.fix_en
    lose(tmp_path)
    assert site.rebuild()[1] == []
    new_site(tmp_path).close()


def test_without_deletions_the_writer_makes_a_lost_index_again_by_itself(new_site, lose, tmp_path):
    site = new_site(tmp_path)
    for part in range(3):
        site.take(*(record(n, "保本") for n in range(part * 5, part * 5 + 5)))
        alert(site, f"a{part}", part * 5, 14)
    site.sign()
    before = told(site)
    site.close()
    lose(tmp_path)
    site = new_site(tmp_path)
    assert told(site) == before
    assert site.faults() == []
    site.close()


def test_what_alerts_name_is_kept_beside_the_index_and_goes_with_the_messages(
    new_site, lose, tmp_path
):
    site = deleted(new_site(tmp_path))
    text = (tmp_path / HIT_FILE).read_text()
    assert text.count("\n") == 3
    assert [f'"m{n}"' in text for n in (0, 1, 5, 6, 9, 12, 777)] == [
        False, False, False, True, False, True, True,
    ]  # fmt: skip
    hits = site.index.hits()
    (tmp_path / HIT_FILE).unlink()
    site.close()
    site = new_site(tmp_path, now=LATER + 40 * DAY)  # the index has it still
    site.close()
    lose(tmp_path)
    made, wrong = site.rebuild()
    assert made.alerts == 2  # a1 names nobody that is there
    assert [place for _, place, _ in wrong] == [HIT_FILE]
    assert "which messages 1 alert names" in wrong[0][2]
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert site.index.hits() == hits
    site.close()


def test_a_damaged_line_of_what_alerts_name_is_named_and_the_others_count(new_site, lose, tmp_path):
    site = deleted(new_site(tmp_path))
    site.close()
    lose(tmp_path)
    path = tmp_path / HIT_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"x" + lines[1], lines[2], b'{"alert":"half']))
    made, wrong = site.rebuild()
    assert made.alerts == 2
    assert [place for _, place, _ in wrong] == [f"{HIT_FILE}:2", HIT_FILE]
    site = new_site(tmp_path, now=LATER + 40 * DAY)
    assert [row.msgid for row in site.index.search(Asked(hit="kickback"), 9)] == ["m12", "m6"]
    alert(site, "a4", 12)
    site.archiver.flush()
    assert path.read_bytes().splitlines(keepends=True)[3].startswith(b'{"alert":"a4"')
    site.close()
