"""Messages that alerts name, found together with anything else: as by looking at all of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.archive import sqlite_search
from sinks.archive.rows import Asked, HitRow, Row, SegmentRow, Stored
from sinks.archive.sqlite_index import SqliteIndex
from sinks.archive.terms import named

COUNT = 3_000
SHARES = {"all": 1.0, "most": 0.9, "half": 0.5, "some": 0.1, "few": 0.01, "none": 0.0}
RULES = {"often": 0.3, "at times": 0.05, "once": 0.0}


def drawn():
    """Leaf -> its terms, and rule -> the leaves it names."""
    draw = random.Random(1)
    terms = [{name for name, share in SHARES.items() if draw.random() < share}
             for _ in range(COUNT)]  # fmt: skip
    hits = {rule: {n for n in range(COUNT) if draw.random() < share}
            for rule, share in RULES.items()}  # fmt: skip
    hits["once"] = {7}
    return terms, hits


TERMS, HITS = drawn()
SENDERS = ["li", "张三", "wmAAAA"]  # of one message after the other
TYPES = ["text"] * 30 + ["image"]
ASKED = [*SHARES, "unknown", *(named("s", one) for one in (*SENDERS, "nobody")),
         named("t", "text"), named("t", "image"), named("k", "archive")]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    made = SqliteIndex(tmp_path_factory.mktemp("index") / "a.db")
    rows = []
    for n in range(COUNT):
        sender, kind = SENDERS[n % 3], TYPES[n % 31]
        TERMS[n] |= {named("s", sender), named("t", kind), named("k", "archive")}
        names = "archive", kind, sender, "", "", ""
        one = Row(n, f"m{n}", n, 1_000 + n, *names, "s", n, n, 9, 8, b"")
        rows.append((one, " ".join(sorted(TERMS[n]))))
    hits = [HitRow(1_000 + n, f"m{n}", f"a{rule}{n}", rule) for rule in HITS for n in HITS[rule]]
    made.store(Stored(rows, [SegmentRow("s", 1, "", 1, COUNT, 1)], (), hits, {}, COUNT))
    yield made
    made.close()


@settings(max_examples=200)
@given(
    terms=st.lists(st.sampled_from(ASKED), max_size=3, unique=True),
    hit=st.sampled_from(["*", *RULES, "no rule"]),
    before=st.none() | st.integers(0, COUNT),
    since=st.just(0) | st.integers(1_000, 1_000 + COUNT),
    until=st.just(0) | st.integers(1_000, 1_000 + COUNT),
    limit=st.sampled_from([1, 10, COUNT + 1]),
    few=st.sampled_from([1, 3, 64]),
    a_leaf=st.sampled_from([1, 2, 128]),
    a_row=st.sampled_from([1, 8]),
)
def test_as_by_looking_at_all(index, terms, hit, before, since, until, limit, few, a_leaf, a_row):
    hits = set().union(*HITS.values()) if hit == "*" else HITS.get(hit, set())
    expected = [
        n
        for n in range(COUNT - 1, -1, -1)
        if n in hits
        and TERMS[n].issuperset(terms)
        and (before is None or n < before)
        and 1_000 + n >= since
        and (not until or 1_000 + n < until)
    ]
    with pytest.MonkeyPatch.context() as patch:  # both ways of looking, however few messages
        patch.setattr(sqlite_search, "_FEW", few)
        patch.setattr(sqlite_search, "_A_LEAF", a_leaf)
        patch.setattr(sqlite_search, "_A_ROW", a_row)
        found = index.search(Asked(terms, since, until, before, hit), limit)
    assert [one.leaf for one in found] == expected[:limit]
