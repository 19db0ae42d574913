"""Whoever looks for a part of a text asks for terms that the text has, and for few of a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.message import Message
from sinks.archive.terms import Terms, id_term, name_of, named, runs

TERMS = Terms(b"k" * 16)
SAID = st.text(alphabet="保本产品ab1234567890１２³九Ⅳ _，x🙂é", max_size=40)


def message(text):
    return Message(tenant="acme", kind="archive", seq=1, msgid="m1", time=1, received_at=1,
                   type="text", sender="zhangsan", text=text)  # fmt: skip


@given(SAID, SAID, SAID)
def test_every_part_of_a_text_asks_for_terms_that_the_text_has(before, part, after):
    has = set(TERMS.of(message(f"{before}{part}{after}")).split(" "))
    assert has.issuperset(TERMS.asked(part))
    assert bool(TERMS.asked(part)) == any(len(run) > 1 for run in runs(part))


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("110101199003077758", "190077581011"),  # its pairs are there
        ("11010119900307775X", "5x 190077581011"),
        ("13812345678", "138 2345678 81 123"),
        ("a1234b", "a1 23 34 12 4b"),
        ("电话１２３４", "电话1 12 23 34"),
    ],
    ids=["id", "id with x", "phone", "between letters", "full width"],
)
def test_a_number_is_not_found_by_its_pairs(text, others):
    assert set(TERMS.asked(text)) - set(TERMS.of(message(others)).split(" "))
    assert not set(TERMS.asked(text)) - set(TERMS.of(message(f"。{text}，")).split(" "))


def test_a_resident_id_asks_for_fourteen_rare_terms_and_no_pair_of_digits():
    asked = TERMS.asked("11010119900307775X")
    pairs = {term for number in range(100) for term in TERMS.asked(f"{number:02}")}
    assert len(asked) == 15  # the fours of 17 digits, and what stands at the end
    assert pairs.isdisjoint(asked)
    assert TERMS.asked("123") == sorted({*TERMS.asked("12"), *TERMS.asked("23")})


@given(st.text(max_size=60))
def test_runs_are_what_is_a_letter_or_digit(text):
    told = "".join(runs(text))
    assert all(char.isalnum() for char in told)
    assert runs(" ".join(runs(text))) == runs(text)


@given(st.sampled_from("sprctkd"), st.text(max_size=9))
def test_what_a_term_in_the_clear_is_of_can_be_told(kind, name):
    assert name_of(named(kind, name)) == (kind, name)


@pytest.mark.parametrize(
    "term",
    [*TERMS.asked("保本 12345"), id_term("m1"), "", "s", "s6", "sFF", "s 6c69", "x6c69", "text"],
)
def test_of_other_terms_nothing_is_told(term):
    assert name_of(term) in (None, ("s", ""))
