"""Postings are sets: what is packed comes back, and what is common is the intersection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.archive.postings import BLOCK, Numbers, Posting, common, packed, postings, without

LEAF = st.integers(0, BLOCK - 1)
SETS = st.one_of(
    st.sets(LEAF, max_size=40),
    # as many as are kept bit by bit, and one or two fewer
    st.builds(
        lambda step, start, without: set(range(start, BLOCK, step)) - without,
        st.integers(1, 17), st.integers(0, 20), st.sets(LEAF, max_size=5),
    ),
)  # fmt: skip


@given(st.lists(SETS, min_size=1, max_size=4))
def test_what_is_common_is_the_intersection(sets):
    assert common([packed(sorted(one)) for one in sets]) == sorted(
        set.intersection(*sets), reverse=True
    )


@given(SETS, SETS)
def test_what_is_gone_is_taken_out_and_nothing_else(kept, gone):
    told = without(packed(sorted(kept)), gone)
    if not kept & gone:
        assert told is None
        return
    rest, taken = told
    assert taken == kept & gone
    assert rest == (packed(sorted(kept - gone)) if kept - gone else b"")


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, BLOCK])
def test_no_set_takes_more_than_a_bit_a_message(count):
    data = packed(range(count))
    assert len(data) == min(2 * count, BLOCK // 8)
    assert common([data]) == list(range(count - 1, -1, -1))


def test_messages_become_one_posting_for_each_term_and_block():
    messages = [(5, [1, -2]), (BLOCK - 1, [1]), (BLOCK, [1]), (3 * BLOCK + 7, [])]
    assert postings(messages) == [
        Posting(-2, 0, packed([5])),
        Posting(1, 0, packed([5, BLOCK - 1])),
        Posting(1, 1, packed([0])),
    ]


def test_a_term_has_one_number_in_one_index_and_another_in_the_next():
    first, again, other = Numbers(b"a" * 16), Numbers(b"a" * 16), Numbers(b"b" * 16)
    terms = [f"w{number:010x}" for number in range(500)]
    numbers = first.of_all([*terms, terms[0]])
    assert len(numbers) == 500
    assert all(-(1 << 63) <= one < 1 << 63 for one in numbers)
    assert again.of_all(terms) == numbers
    assert set(other.of_all(terms)).isdisjoint(numbers)
