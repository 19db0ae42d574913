"""The archive's index finds what a plain look through all messages finds, and in the same order."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.message import Message
from sinks.archive.rows import Asked, Row, SegmentRow, Stored
from sinks.archive.search import leaf_by_id
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import Terms, id_term, named, runs

TERMS = Terms(b"k" * 16)
PEOPLE = ("zhangsan", "李四", "wmAAAAAAAAAAAAAA", 'a"b OR c*')
WORDS = (
    "这款产品保本",
    "收益 12%",
    "Hello World",
    "ｈｅｌｌｏ",
    "",
    "保 本",
    "回扣",
    "x",
    "🙂保🙂",
)


def message(number, sender, text, **more):
    values = {"recipients": (PEOPLE[0],), "room": "", "type": "text", **more}
    return Message(
        tenant="acme",
        kind="archive",
        seq=(1 << 64) - 1 - number,
        msgid=f"m{number}",
        time=1_000 + number,
        received_at=1,
        sender=sender,
        conversation="|".join((sender, *values["recipients"])),
        text=text,
        **values,
    )


def row(leaf, one):
    return Row(
        leaf, one.msgid, one.seq, one.time, one.kind, one.type, one.sender, one.room,
        one.conversation, one.direction, f"s{leaf // 7}", leaf % 7, 10 * leaf, 9, 8, bytes(32),
    )  # fmt: skip


def segments(first, last):
    """Those that begin among these leaves."""
    names = dict.fromkeys(f"s{leaf // 7}" for leaf in range(first, last) if leaf % 7 == 0)
    return [SegmentRow(name, 1, "ab", 100, 7, 5) for name in names]


def stored(path, messages):
    index = SqliteIndex(path)
    rows = [(row(leaf, one), TERMS.of(one)) for leaf, one in enumerate(messages)]
    index.store(Stored(rows, segments(0, len(rows)), (), (), {"kafka:m:0": len(rows)}, len(rows)))
    return index


one_message = st.builds(
    lambda sender, text, to, room, at: (sender, text, to, room, at),
    st.sampled_from(PEOPLE),
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
    st.sampled_from(["", "wrROOM"]),
    st.integers(0, 40),
)


@settings(max_examples=60)
@given(st.lists(one_message, max_size=60), st.data())
def test_a_search_finds_what_looking_at_all_finds(tmp_path_factory, told, data):
    messages = []
    for number, (sender, text, to, room, at) in enumerate(told):
        one = message(number, sender, text, recipients=tuple(to), room=room)
        messages.append(msgspec.structs.replace(one, time=1_000 + at))
    index = stored(tmp_path_factory.mktemp("index") / "a.db", messages)
    sender = data.draw(st.sampled_from(["", *PEOPLE]))
    receiver = data.draw(st.sampled_from(["", *PEOPLE]))
    room = data.draw(st.sampled_from(["", "wrROOM"]))
    text = data.draw(st.sampled_from(["", "保本", "hello", "产品保", "12"]))
    since = data.draw(st.sampled_from([0, 1_010]))
    until = data.draw(st.sampled_from([0, 1_020]))
    before = data.draw(st.none() | st.integers(0, 60))
    limit = data.draw(st.integers(1, 20))
    terms = [
        named(kind, name) for kind, name in (("s", sender), ("p", receiver), ("r", room)) if name
    ]
    asked = Asked([*terms, *TERMS.asked(text)], since, until, before)

    def fits(leaf, one):
        pairs = {run[at : at + 2] for run in runs(one.text) for at in range(len(run) - 1)}
        wanted = {run[at : at + 2] for run in runs(text) for at in range(len(run) - 1)}
        return (
            (not sender or one.sender == sender)
            and (not receiver or receiver in one.recipients)
            and (not room or one.room == room)
            and wanted <= pairs
            and one.time >= since
            and (not until or one.time < until)
            and (before is None or leaf < before)
        )

    expected = [row(leaf, one) for leaf, one in enumerate(messages) if fits(leaf, one)][::-1]
    assert index.search(asked, limit) == expected[:limit]
    index.close()


def test_pages_follow_each_other_while_more_is_archived(tmp_path):
    index = stored(tmp_path / "a.db", [message(n, "zhangsan", "保本") for n in range(100)])
    asked, pages = Asked(TERMS.asked("保本")), []
    while page := index.search(asked, 30):
        pages.append([one.leaf for one in page])
        asked = asked._replace(before=page[-1].leaf)
        more = message(100 + len(pages), "zhangsan", "保本")
        leaf = 105 + 7 * len(pages)
        rows = [(row(leaf, more), TERMS.of(more))]
        index.store(Stored(rows, segments(leaf, leaf + 1), (), (), {}, leaf + 1))
    assert [leaf for page in pages for leaf in page] == list(range(99, -1, -1))


def test_all_or_nothing_and_what_is_accounted_for(tmp_path):
    index = stored(tmp_path / "a.db", [message(1, "zhangsan", "x")])
    assert index.leaves() == 1
    rows = [(row(leaf, message(leaf, "zhangsan", "保本")), "w1") for leaf in (1, 0)]
    with pytest.raises(sqlite3.IntegrityError):  # leaf 0 is there
        index.store(Stored(rows, [], (), (), {"kafka:m:0": 9}, 9))
    assert index.leaves() == 1
    assert index.positions() == {"kafka:m:0": 1}
    assert len(index.search(Asked(), 10)) == 1
    index.close()
    assert SqliteIndex(tmp_path / "a.db").leaves() == 1


def test_which_messages_are_known(tmp_path):
    index = stored(tmp_path / "a.db", [message(n, "zhangsan", "x") for n in range(1_200)])
    keys = [(1_000 + n, f"m{n}") for n in range(1_100, 1_300)] + [(1_000, "other"), (5, "m0")]
    assert index.known(keys) == {(1_000 + n, f"m{n}") for n in range(1_100, 1_200)}
    assert index.known([]) == set()


def test_nothing_of_a_text_can_be_read_in_the_index(tmp_path):
    stored(tmp_path / "a.db", [message(1, "zhangsan", "这款产品保本 zhuomuniao")]).close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for clear in ("保本", "产品"):
        assert clear.encode() not in data
        assert clear.encode("utf-16-be").hex().encode() not in data
    assert b"zhuomuniao" not in data
    assert b"zhuo" not in data


def test_another_key_makes_other_terms():
    assert set(Terms(b"a" * 16).asked("这款产品")).isdisjoint(TERMS.asked("这款产品"))
    assert TERMS.asked("ＨＥＬＬＯ") == TERMS.asked("hello")
    assert TERMS.asked("保") == TERMS.asked("。，") == []


def test_a_message_is_found_by_its_id(tmp_path):
    index = stored(tmp_path / "a.db", [message(n, "zhangsan", "x") for n in range(50)])
    assert "m7" in [one.msgid for one in index.search(Asked([id_term("m7")]), 10)]


def test_a_message_is_found_by_its_id_however_many_share_its_term(tmp_path, monkeypatch):
    monkeypatch.setattr("sinks.archive.terms._ID_DIGITS", 1)  # as of ten million with four
    index = stored(tmp_path / "a.db", [message(n, "zhangsan", "x") for n in range(4_000)])
    wanted = [0, 7, 1_234, 3_999]
    assert [leaf_by_id(index, f"m{n}") for n in wanted] == wanted
    assert leaf_by_id(index, "m4000") is None
    assert leaf_by_id(index, "m7", 1_007, 1_008) == 7
    assert leaf_by_id(index, "m7", 1_008, 1_009) is None
