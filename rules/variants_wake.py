"""Which words of all lexicons a text holds in another spelling, for waking their rules.

Reading a text as a lattice costs as much as ten plain scans, so it is done only where something
may be read otherwise: the fold has seen an emoji, a look-alike letter or a rare part, or one of
`gates` has fired in the one scan of all rules. The gates hold repeated characters and parts that
are words themselves, as far as they occur in the words.
"""

from __future__ import annotations

from collections.abc import Iterable

import re2

from rules.fold import Folded, is_chinese
from rules.variants_lattice import DENYING, Lattice
from rules.variants_parts import APART, LOOSE_FROM, is_strict
from rules.word_tree import WordTree


class OtherSpellings:
    """The words (folded, each once) of all lexicons of a ruleset."""

    def __init__(self, words: Iterable[str], sounding: Iterable[str]) -> None:
        self.words = tuple(words)
        by_sound = frozenset(sounding)
        self.gates = tuple(_gates(self.words, by_sound))
        self._tree = WordTree(self.words, by_sound)

    def woken(self, text: Folded) -> set[int]:
        """Indexes of words that may be meant; `rules.lexicon` decides."""
        lattice = Lattice(text.kept().text, self._tree)
        return {one.which for found in lattice.sightings() for one in found}


def _gates(words: tuple[str, ...], sounding: frozenset[str]) -> list[str]:
    """Patterns of which one occurs in each folded text that has a repeat or loose parts in one of
    the words. Plain texts: thousands of them compile faster than a few long alternations."""
    every: set[str] = set()
    for word in words:
        for at, char in enumerate(word[:-1]):
            if not is_chinese(char) or (at == 0 and char not in DENYING):
                continue
            twice = 2 * char
            if word in sounding:  # its neighbours may be written by their sound
                every.add(twice)
            else:  # so that not every 谢谢 is looked into
                every.add(twice + word[at + 1])
                every.update({word[at - 1] + twice} if at else ())
        if len(word) >= LOOSE_FROM:
            every.update(way for char in word for way in APART.get(char, ()) if not is_strict(way))
    return [re2.escape(one) for one in sorted(every)]
