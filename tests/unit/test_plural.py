"""English for a number of things."""

from __future__ import annotations

import pytest

from rules.plural import plural


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("record",), "0 records"),
        (1, ("record",), "1 record"),
        (2, ("record",), "2 records"),
        (1_234, ("entry", "entries"), "1,234 entries"),
        (1, ("entry", "entries"), "1 entry"),
        (1, ("rule waits", "rules wait"), "1 rule waits"),
    ],
)
def test_one_thing_is_one(number, words, said):
    assert plural(number, *words) == said
