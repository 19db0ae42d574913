"""Word lists that rules refer to by name, with the phrases in which a word does not count.

A file `rules/lexicons/<name>.yaml`:

    name: guarantee-promise      # as the file
    title: 承诺保本保收益
    owner: compliance            # who answers for the list
    expires: null                # or a date after which the list must be reviewed
    scene: finance               # business scene the list is made for
    words:
      - 保本
      - {word: 稳赚不赔, pinyin: true}      # also wen zhuan bu pei, 稳赚bu pei
      - {word: 转我, boundary: true}       # not in 周转我们
    allow: [不保本, 确保本周]      # a word inside one of these phrases is not counted
    synonyms: {微信: [薇信, 绿泡泡]}     # wherever a word holds the key, these are words too
    scenes:                      # besides, where the employee or the rule belongs to that scene
      retail: {words: [包退], allow: [保本促销]}
    values: []                   # reference values (company accounts) that rules except

Words and phrases are folded (`rules.fold`), so they are compared with folded text. Words are found
in their other spellings too (`rules.variants_lattice`); phrases to allow only as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import NamedTuple

from rules.fold import Folded, fold
from rules.variants_bounds import cut_out
from rules.variants_lattice import Lattice
from rules.word_tree import WordTree


class Place(NamedTuple):
    """A word of a lexicon in a text: text.text[start:end]. `why` it does not count: "run" (inside
    other letters or digits), "boundary" (cut out of other words), "allowed"; "" where it counts.
    `variants`: how it is written otherwise, beyond what folding took off."""

    text: Folded
    start: int
    end: int
    word: str  # as the lexicon writes it
    variants: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Lexicon:
    """One word list. `folded[i]` is the folded form of `words[i]`; words are without duplicates.
    `pinyin`, `boundary`: the words so flagged.
    """

    name: str
    title: str = ""
    owner: str = ""
    scene: str = ""
    expires: date | None = None
    words: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    pinyin: frozenset[str] = frozenset()
    boundary: frozenset[str] = frozenset()
    spelling_of: Mapping[str, str] = field(default_factory=dict)  # made by a synonym -> the word
    scenes: Mapping[str, Lexicon] = field(default_factory=dict)  # each with the common words too
    folded: tuple[str, ...] = field(init=False)
    _allow: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fold the words once and prepare the search."""
        phrases = [fold(phrase).text for phrase in self.allow]
        put = object.__setattr__  # the class is frozen for everybody else
        put(self, "folded", tuple(fold(word).text for word in self.words))
        put(self, "_allow", _any_of(phrases) if phrases else None)
        put(self, "_longest", max(map(len, phrases), default=0))

    @cached_property
    def sounding(self) -> tuple[str, ...]:
        """The folded words that are found by their sound."""
        pairs = zip(self.words, self.folded, strict=True)
        return tuple(flat for word, flat in pairs if word in self.pinyin)

    @cached_property
    def _tree(self) -> WordTree:
        return WordTree(self.folded, self.sounding)

    def places(self, text: Folded) -> Iterator[Place]:
        """Where words stand in the folded `text`: first as they are, then written otherwise. The
        first that counts at a place, the longest first, ends the search there; those that do not
        count are told as well."""
        yield from self._plain(text)
        kept = text.kept()
        at = 0
        for found in Lattice(kept.text, self._tree).sightings(everywhere=True):
            for start, end, index, variants in found:
                if start < at:
                    break
                why = self._why_not(kept.text, start, end, self.words[index])
                yield self._place(kept, start, end, index, variants, why)
                if not why:
                    at = end

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, word as written) of every word that stands in the folded `text` as it is.

        At one place the longest word that counts is told, and words do not overlap.
        """
        found = self._plain(Folded(text, text, None, None))
        return ((place.start, place.end, place.word) for place in found if not place.why)

    def _plain(self, text: Folded) -> Iterator[Place]:
        flat, after, begins = text.text, 0, self._tree.root
        for at, char in enumerate(flat):
            if at < after or char not in begins:
                continue
            for end, index in self._tree.at(flat, at):
                word = self.words[index]
                why = self._why_not(flat, at, end, word)
                yield self._place(text, at, end, index, (), why)
                if not why:
                    after = end
                    break

    def _place(
        self, text: Folded, start: int, end: int, index: int, variants: tuple[str, ...], why: str
    ) -> Place:
        """The place of a word; of a spelling by a synonym, that of the word it stands for."""
        word = self.words[index]
        if word in self.spelling_of:
            word, variants = self.spelling_of[word], tuple(sorted({*variants, "synonym"}))
        return Place(text, start, end, word, variants, why)

    def of_scene(self, scene: str) -> Lexicon:
        """The list as that business scene has it; the common one where the scene has none."""
        return self.scenes.get(scene, self)

    def _why_not(self, text: str, start: int, end: int, word: str) -> str:
        if _cuts_a_run(text, start, end):
            return "run"
        if word in self.boundary and cut_out(text, start, end):
            return "boundary"
        return "allowed" if self._is_allowed(text, start, end) else ""

    def expired(self, on: date) -> bool:
        """Is the list past its date on that day?"""
        return self.expires is not None and on > self.expires

    def _is_allowed(self, text: str, start: int, end: int) -> bool:
        """Does an allowed phrase cover text[start:end]? Looks only as far as a phrase is long."""
        at, last = max(0, end - self._longest), start + self._longest
        while self._allow and (match := self._allow.search(text, at, last)):
            if match.start() > start:
                return False
            if match.end() >= end:
                return True
            at = match.start() + 1
        return False


def _cuts_a_run(text: str, start: int, end: int) -> bool:
    """Does the span begin or end inside a run of ASCII letters and digits?

    「0风险」 is not in 「养老目标2040风险等级」, nor "vx" in "devx". A number may follow letters
    of a word that begins in Chinese: 「加我vx123456」 holds 「加我vx」.
    """
    if start > 0 and _ascii_word(text[start - 1]) and _ascii_word(text[start]):
        return True
    if end == len(text) or not (_ascii_word(text[end - 1]) and _ascii_word(text[end])):
        return False
    letters_then_digits = text[end - 1].isalpha() and text[end].isdigit()
    return _ascii_word(text[start]) or not letters_then_digits


def _ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _any_of(words: list[str]) -> re.Pattern[str]:
    """Longest first."""
    return re.compile("|".join(map(re.escape, sorted(words, key=lambda w: (-len(w), w)))))
