"""What the keys of `mingjian` ask of a correlation besides its condition."""

from __future__ import annotations

from collections.abc import Iterator

from rules.correlation.model import Correlation
from rules.correlation.shapes import span_text
from rules.explain_words import Said


def asked(how: Correlation) -> Iterator[Said]:
    """What is asked beyond the condition."""
    if how.first_seen:
        span = span_text(how.span)
        yield Said(
            f"with a value that was not seen in the {span} before",
            f"且取值在此前 {span} 内没有出现过",
        )
