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
in their other spellings too (`rules.variants_words`); phrases to allow only as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from rules.fold import fold
from rules.variants_bounds import cut_out
from rules.variants_words import disguises, pattern


@dataclass(frozen=True)
class Lexicon:
    """One word list. `folded[i]` is the folded form of `words[i]`, `patterns[i]` the regex of it
    and its variants; words are without duplicates. `pinyin`, `boundary`: the words so flagged.
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
    patterns: tuple[str, ...] = field(init=False, compare=False)
    _words: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _allow: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _written: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _longest: int = field(init=False, repr=False, compare=False)
    _synonyms: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fold the words once and prepare the search."""
        folded = tuple(fold(word).text for word in self.words)
        phrases = [fold(phrase).text for phrase in self.allow]
        put = object.__setattr__  # the class is frozen for everybody else
        patterns = tuple(
            pattern(flat, word in self.pinyin)
            for flat, word in zip(folded, self.words, strict=True)
        )
        # longest first, so that 保本保息 is not reported as 保本
        order = sorted(range(len(folded)), key=lambda i: (-len(folded[i]), folded[i]))
        put(self, "folded", folded)
        put(self, "patterns", patterns)
        put(self, "_words", re.compile("|".join(f"({patterns[i]})" for i in order)))
        put(self, "_allow", _any_of(phrases) if phrases else None)
        put(self, "_longest", max(map(len, phrases), default=0))
        put(self, "_synonyms", frozenset(fold(one).text for one in self.spelling_of))
        put(self, "_written", tuple(self.words[i] for i in order))

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, word as written) of every word in the folded `text` outside allowed phrases.

        At one place the longest word counts, and words do not overlap.
        """
        at = 0
        while self.words and (match := self._words.search(text, at)):
            start, end = match.span()
            word = self._written[(match.lastindex or 1) - 1]
            if (
                _cuts_a_run(text, start, end)
                or (word in self.boundary and cut_out(text, start, end))
                or self._is_allowed(text, start, end)
            ):
                at = start + 1
                continue
            yield start, end, self.spelling_of.get(word, word)
            at = end

    def of_scene(self, scene: str) -> Lexicon:
        """The list as that business scene has it; the common one where the scene has none."""
        return self.scenes.get(scene, self)

    def every_pattern(self) -> frozenset[str]:
        """Patterns of the common words and of all scenes."""
        return frozenset(self.patterns).union(*(one.patterns for one in self.scenes.values()))

    def disguises(self, word: str, piece: str) -> tuple[str, ...]:
        """Names of the variants by which `piece` of a folded text is a word that `find` gave."""
        flat = fold(word).text
        if piece == flat:
            return ()
        if piece in self._synonyms:
            return ("synonym",)
        return disguises(flat, piece)

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
