"""What holds of every index of the archive, whatever it is made of."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from sinks.archive.keys import Wrapped
from sinks.archive.leaves import OtherLeaf
from sinks.archive.rows import ArchiveIndex, Asked, HitRow, Row, SegmentRow, Stored

Open = Callable[[], ArchiveIndex]  # anew, of the same place
FAILS = (OSError, sqlite3.Error)


def row(leaf: int, *, time: int = 0, segment: str = "s0", **more: object) -> Row:
    """A message; its time is 1,000 and its leaf unless it is said."""
    values = {"msgid": f"m{leaf}", "seq": leaf, "kind": "archive", "type": "text", "sender": "li",
              "room": "", "conversation": "li|wm", "direction": "outbound", **more}  # fmt: skip
    return Row(leaf=leaf, time=time or 1_000 + leaf, segment=segment, number=leaf + 1,
               offset=10 * leaf, length=9, size=8, sm3=bytes(32), **values)  # fmt: skip


def segment(name: str, version: int = 1) -> SegmentRow:
    return SegmentRow(name, version, "ab" * 32, 100, 7, 5)


def stored(rows: list[tuple[Row, str]], leaves: int = 0, **more: object) -> Stored:
    """`rows` in a segment that is new, "s" and the first leaf."""
    first = rows[0][0].leaf if rows else 0
    placed = [(one._replace(segment=f"s{first}"), terms) for one, terms in rows]
    values = {"segments": [segment(f"s{first}")] if rows else [], "others": (), "hits": (),
              "positions": {}, **more}  # fmt: skip
    return Stored(placed, leaves=leaves or (rows[-1][0].leaf + 1 if rows else 0), **values)


def found(index: ArchiveIndex, *terms: str, limit: int = 100_000, **asked: object) -> list[int]:
    return [one.leaf for one in index.search(Asked(terms, **asked), limit)]


def a_new_one_is_empty(open_index: Open) -> None:
    index = open_index()
    assert (index.leaves(), index.positions(), index.secret(), index.key_versions()) == (
        0,
        {},
        None,
        {},
    )
    assert found(index) == found(index, "a") == found(index, hit="*") == found(index, since=1) == []
    assert index.known([(1, "m")]) == index.entered([OtherLeaf("alert", "a", "b")]) == set()


def rows_come_back_as_they_were(open_index: Open) -> None:
    odd = ("a\0b", "'; --", "🙂保本", "x" * 6_000, " ", "\\N")
    index = open_index()
    rows = [
        row(leaf, msgid=one, seq=seq, sender=one, room=one[::-1], conversation=one + "|z")
        for leaf, (one, seq) in enumerate(
            zip(odd, (0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 7), strict=True)
        )
    ]
    index.store(stored([(one, "a") for one in rows]))
    expected = [one._replace(segment="s0") for one in rows][::-1]
    assert index.search(Asked(), 10) == index.search(Asked(("a",)), 10) == expected
    index.close()
    again = open_index()
    assert again.search(Asked(("a",)), 10) == expected
    assert again.known([(one.time, one.msgid) for one in rows]) == {
        (one.time, one.msgid) for one in rows
    }


def it_is_all_or_nothing(open_index: Open) -> None:
    index = open_index()
    index.store(stored([(row(0), "a")], positions={"p": 1}))
    rows = [(row(leaf, room="new"), "a b") for leaf in (1, 0)]  # leaf 0 is there
    more = {"positions": {"p": 9}, "others": [(5, OtherLeaf("alert", "a", "b"))]}
    with pytest.raises(FAILS):
        index.store(Stored(rows, [segment("s1")], hits=(), leaves=9, **more))
    for _ in range(2):
        told = (index.leaves(), index.positions(), found(index), found(index, "b"))
        assert told == (1, {"p": 1}, [0], [])
        assert index.entered([OtherLeaf("alert", "a", "b")]) == set()
        assert list(index.key_versions().values()) == [(1, "s0")]
        index.close()
        index = open_index()
    with pytest.raises(FAILS):
        index.store(Stored(rows, [segment("s1")], hits=(), leaves=9, **more))
    index.store(stored([(row(1, room="new"), "a b")]))  # of the first try nothing is remembered
    index = open_index_after(index, open_index)
    assert [one.room for one in index.search(Asked(), 9)] == ["new", ""]


def open_index_after(index: ArchiveIndex, open_index: Open) -> ArchiveIndex:
    index.close()
    return open_index()


def positions_are_replaced_one_by_one(open_index: Open) -> None:
    index = open_index()
    index.store(stored([], 3, positions={"kafka:a:0": 5, "kafka:a:1": 6}))
    index.store(stored([], 7, positions={"kafka:a:1": 1 << 60}))
    assert (index.leaves(), index.positions()) == (7, {"kafka:a:0": 5, "kafka:a:1": 1 << 60})


def pages_follow_each_other_while_more_is_archived(open_index: Open) -> None:
    index = open_index()
    index.store(stored([(row(leaf), "w1") for leaf in range(100)]))
    pages, before = [], None
    while page := found(index, "w1", before=before, limit=30):
        pages.append(page)
        before = page[-1]
        leaf = 100 + 7 * len(pages)
        index.store(stored([(row(leaf), "w1")]))
    assert [leaf for page in pages for leaf in page] == list(range(99, -1, -1))
    assert [len(page) for page in pages] == [30, 30, 30, 10]


def many_messages_in_flushes_of_any_size(open_index: Open) -> None:
    """More than fit in one block of any index, by terms that all, some and few of them have."""
    index, count, leaf = open_index(), 9_500, 0
    sizes = [1, 4_095, 3, 1, 2_000, 91, 3_000, 308, 1]

    def terms(leaf: int) -> str:
        marks = [f"d{number}" for number in (2, 3, 7, 97, 4_096) if leaf % number == 0]
        return " ".join(["all", *marks, "odd"] if leaf % 2 else ["all", *marks])

    for size in sizes:
        index.store(stored([(row(one), terms(one)) for one in range(leaf, leaf + size)]))
        leaf += size
    assert leaf == count
    everything = range(count - 1, -1, -1)
    for numbers in ([2], [97], [4_096], [2, 3], [2, 3, 7], [3, 97], [7, 97, 2], [97, 4_096]):
        asked = [f"d{number}" for number in numbers]
        expected = [one for one in everything if all(one % number == 0 for number in numbers)]
        assert found(index, *asked) == found(index, "all", *asked) == expected
        assert (
            found(index, *asked, before=5_000, limit=20)
            == [one for one in expected if one < 5_000][:20]
        )
        assert found(index, *asked, since=3_000, until=9_200) == [
            one for one in expected if 2_000 <= one < 8_200
        ]
    assert found(index, "odd", "d2") == found(index, "nowhere") == found(index, "all", "no") == []
    assert found(index, "all") == found(index) == list(everything)
    assert found(index, since=1_000 + 4_090, until=1_000 + 4_100) == list(range(4_099, 4_089, -1))


def late_messages_are_found_by_their_own_time(open_index: Open) -> None:
    index = open_index()
    late = {4_000: 50, 4_100: 60, 8_300: 70}
    for first in range(0, 8_400, 2_100):
        rows = [(row(leaf, time=late.get(leaf, 0)), "a") for leaf in range(first, first + 2_100)]
        index.store(stored(rows))
    assert (
        found(index, since=50, until=70) == found(index, "a", since=50, until=70) == [4_100, 4_000]
    )
    assert found(index, "a", until=1_000) == [8_300, 4_100, 4_000]
    assert found(index, "a", since=1_000 + 8_398) == [8_399, 8_398]


def which_messages_are_known(open_index: Open) -> None:
    index = open_index()
    index.store(stored([(row(leaf), "") for leaf in range(1_200)]))
    keys = [(1_000 + n, f"m{n}") for n in range(1_100, 1_300)] + [(1_000, "other"), (5, "m0")]
    assert index.known(keys) == {(1_000 + n, f"m{n}") for n in range(1_100, 1_200)}
    assert index.known([]) == set()


def the_search_key_and_the_versions_of_keys(open_index: Open) -> None:
    index = open_index()
    index.keep_secret(Wrapped(1, b"\0\xff"))
    index.keep_secret(Wrapped(2, b"two"))
    made = [segment(f"s{number}", 1 + number // 3) for number in range(5)]
    index.store(Stored([], made, (), (), {}, 0))
    index = open_index_after(index, open_index)
    assert index.secret() == Wrapped(2, b"two")
    assert index.key_versions() == {1: (3, "s2"), 2: (2, "s4")}


def other_entries_are_known_by_kind_id_and_digest(open_index: Open) -> None:
    index = open_index()
    told = [
        OtherLeaf("alert", "a", "01"),
        OtherLeaf("alert", "a", "02"),
        OtherLeaf("late", "a", "01"),
        OtherLeaf("custody", "q\0" + "z" * 5_000, "01"),
    ]
    index.store(stored([], 4, others=list(enumerate(told))))
    index.store(stored([], 5, others=[(4, told[0])]))  # again
    absent = [
        OtherLeaf("alert", "a", "03"),
        OtherLeaf("alert", "b", "01"),
        OtherLeaf("aler", "ta", "01"),
    ]
    assert index.entered([*told, *absent]) == set(told)
    assert [index.leaf_of(one) for one in [*told, *absent]] == [0, 1, 2, 3, None, None, None]
    assert index.entered([]) == set()


def alerts_name_messages_before_and_after_they_come(open_index: Open) -> None:
    index = open_index()
    hits = [HitRow(1_003, "m3", "a1", "r\0x"), HitRow(1_009, "m9", "a1", "r\0x"),
            HitRow(1_003, "m3", "a2", "other"), HitRow(1_004, "m3", "a3", "other"),
            HitRow(1_005, "m5" * 3_000, "a4", "other")]  # fmt: skip
    index.store(stored([], 1, hits=hits))
    assert found(index, hit="*") == []
    index.store(stored([(row(leaf), f"t{leaf} a") for leaf in range(1, 6)], hits=hits))
    assert (found(index, hit="*"), found(index, hit="r\0x"), found(index, hit="no")) == (
        [3],
        [3],
        [],
    )
    index.store(stored([(row(leaf), f"t{leaf} a") for leaf in range(6, 5_000)]))
    index.store(
        stored([], 5_000, hits=[HitRow(1_000 + n, f"m{n}", "a5", "r\0x") for n in (4_999, 20)])
    )
    assert found(index, hit="*") == found(index, "a", hit="*") == [4_999, 20, 9, 3]
    assert found(index, hit="*", limit=2) == [4_999, 20]
    assert found(index, hit="*", before=20) == [9, 3]
    assert (
        found(index, "t9", "a", hit="r\0x")
        == found(index, hit="*", since=1_009, until=1_010)
        == [9]
    )
    assert set(index.hits()) == {
        *hits, *(HitRow(1_000 + n, f"m{n}", "a5", "r\0x") for n in (4_999, 20)),
    }  # fmt: skip
    assert found(index, hit="other") == [3]
    assert found(index, "t9", hit="other") == found(index, "a", "no", hit="*") == []


CASES = (
    a_new_one_is_empty,
    rows_come_back_as_they_were,
    it_is_all_or_nothing,
    positions_are_replaced_one_by_one,
    pages_follow_each_other_while_more_is_archived,
    many_messages_in_flushes_of_any_size,
    late_messages_are_found_by_their_own_time,
    which_messages_are_known,
    the_search_key_and_the_versions_of_keys,
    other_entries_are_known_by_kind_id_and_digest,
    alerts_name_messages_before_and_after_they_come,
)
