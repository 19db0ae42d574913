"""What a detector is, and the helpers that several of them share.

Detectors read *folded* text (`rules.fold`): lower case, ASCII digits, no zero-width characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from rules.fold import Folded


class Found(NamedTuple):
    """One finding. `start`/`end` index the folded text; `value` has no separators.

    `confidence`: 85 pattern, check and a keyword near by; 75 pattern and check; 60 pattern only
    (tiers of Microsoft Purview's sensitive information types).
    """

    start: int
    end: int
    value: str
    confidence: int


class Detector(NamedTuple):
    """`prefilter` is a linear-time regex (no lookaround, no backreference) that matches in every
    folded text in which something is found; where it does not match, nothing need be run.

    `cased`: `find` wants the folded text with its capitals kept, as check digits need them.
    `surest`: the highest confidence of what it finds.
    """

    name: str
    title_zh: str
    title_en: str
    find: Callable[[str], Iterator[Found]]
    prefilter: str
    cased: bool = False
    surest: int = 85

    def look(self, folded: Folded) -> Iterator[Found]:
        """What `find` finds in a folded text; offsets are those of `folded.text`."""
        if not self.cased:
            return self.find(folded.text)
        if re.search(self.prefilter, folded.text) is None:  # spares the work of cased()
            return iter(())
        return self.find(folded.cased())


class Group(NamedTuple):
    """Letters and digits that stand together: text[start:end]."""

    start: int
    end: int


SEPARATED = r"(?:[ -]{0,2}[0-9])"  # one more digit, after at most two separators
KEYWORD_DISTANCE = 300  # code points on either side, as in Purview
NEGATIVE_DISTANCE = 12  # code points before
_RIGHT_BEFORE = 24  # the same, for a word with nothing said between
CLOSE_DISTANCE = 16  # code points before, for numbers that look like any other

_group = re.compile(r"[0-9a-z_]+").finditer
_digit = re.compile("[0-9]")


def _load() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What names another kind of number: anywhere a little before, and only right before."""
    file = Path(__file__).with_name("other_numbers.yaml")
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    kinds, words, close = (
        "|".join(map(re.escape, sorted(data[key], key=len, reverse=True)))
        for key in ("kinds", "words", "right_before")
    )
    return (
        re.compile(f"(?:{kinds})(?:编|单)?号|{words}"),
        # a Latin word is a word of its own; between it and the number nothing else is said
        re.compile(
            rf"(?:(?<![a-z_])(?=[a-z])|(?![a-z]))(?:{close})(?: ?(?:no|number|id))?"
            r"(?:[^\w]|码|是|为|就是){0,6}$"
        ),
    )


_negative, _right_before = _load()


def runs(text: str) -> Iterator[list[Group]]:
    """Sequences of groups that are parted only by one or two spaces or dashes."""
    run: list[Group] = []
    for match in _group(text):
        start, end = match.span()
        if run:
            gap = text[run[-1].end : start]
            if gap.strip(" -") or len(gap) > 2:  # noqa: PLR2004
                yield run
                run = []
        run.append(Group(start, end))
    if run:
        yield run


def windows(text: str, longest: int) -> Iterator[tuple[int, int, str]]:
    """(start, end, characters without separators) of every sequence of whole groups.

    A number inside a longer one is never returned: groups are not cut.
    """
    for run in runs(text):
        for first in range(len(run)):
            value = ""
            for group in run[first : first + longest]:
                value += text[group.start : group.end]
                if len(value) > longest:
                    break
                yield run[first].start, group.end, value


def near(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Does a keyword stand within `KEYWORD_DISTANCE` of the span?"""
    return (
        pattern.search(text, max(0, start - KEYWORD_DISTANCE), start) is not None
        or pattern.search(text, end, end + KEYWORD_DISTANCE) is not None
    )


def just_before(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Does a keyword stand within `CLOSE_DISTANCE` before the span, and no other digit between?"""
    before = text[max(0, start - CLOSE_DISTANCE) : start]
    last = None
    for last in pattern.finditer(before):  # noqa: B007 (the last one is wanted)
        pass
    return last is not None and _digit.search(before, last.end()) is None


def other_number(text: str, start: int) -> str:
    """What before text[start] calls it an order, waybill, staff or other number; "" if nothing
    does."""
    match = _negative.search(text[max(0, start - NEGATIVE_DISTANCE) : start])
    match = match or _right_before.search(text[max(0, start - _RIGHT_BEFORE) : start])
    return match[0] if match else ""


def is_other_number(text: str, start: int, keyword: re.Pattern[str]) -> bool:
    """Does the text just before say that this is an order, waybill, staff or other number?

    A keyword of the detector's own between that word and the number says that it is not; and so it
    does before a general word, as in 身份证编号.
    """
    before = text[max(0, start - NEGATIVE_DISTANCE) : start]
    other = _negative.search(before)
    if other is not None:
        return keyword.search(before, other.end()) is None
    other = _right_before.search(text[max(0, start - _RIGHT_BEFORE) : start])
    return other is not None and keyword.search(before) is None
