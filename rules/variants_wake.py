"""Which words of all lexicons a text holds in another spelling, for waking their rules.

Reading a text as a lattice costs as much as ten plain scans, so it is done only where something
may be read otherwise: the fold has seen an emoji, a look-alike letter or a rare part, or one of
`gates` has fired in the one scan of all rules. The gates hold repeated characters and parts that
are words themselves, as far as they occur in the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import re2

from rules.fold import Folded, is_chinese
from rules.variants_lattice import DENYING, STRETCH, Lattice
from rules.variants_parts import APART, LOOSE_FROM, is_strict
from rules.variants_sounds import SOUNDS, WRITTEN
from rules.word_tree import WordTree


class OtherSpellings:
    """The words (folded, each once) of all lexicons of a ruleset."""

    def __init__(self, words: Iterable[str], sounding: Iterable[str]) -> None:
        self.words = tuple(words)
        by_sound = frozenset(sounding)
        gates = _gates(self.words, by_sound)
        self.gates = tuple(map(re2.escape, gates))
        self._meant = tuple(map(tuple, gates.values()))
        self._made = tuple(frozenset(_MADE_OF.get(gate, ())) for gate in gates)
        self._chars = tuple(map(frozenset, self.words))
        self._often = Counter(char for chars in self._chars for char in chars)
        self._sounding = {
            index: tuple(frozenset(_like(char)) for char in word)
            for index, word in enumerate(self.words)
            if word in by_sound
        }
        self._gates = tuple(gates)
        # of the gates that have fired
        self._marks: dict[int, frozenset[str]] = {}
        self._reaches: dict[int, int] = {}
        self._tree, self._by_sound = WordTree(self.words, by_sound), by_sound
        self._trees: dict[tuple[int, ...], WordTree] = {}  # of a few words each

    def _mark(self, at: int) -> frozenset[str]:
        """Characters of which one is in each text in which a word of that gate may be meant."""
        gate = self._gates[at]
        found: set[str] = set()
        for index in self._meant[at]:
            if index in self._sounding:
                found |= _LATIN | min(self._sounding[index], key=len)
            else:
                # the characters of the gate are there, or what its parts make
                others = self._chars[index].difference(gate, _MADE_OF.get(gate, ()))
                found.add(max(others, key=self._rarity) if others else gate[0])
        return frozenset(found)

    def _rarity(self, char: str) -> tuple[bool, int, str]:
        return is_chinese(char), -self._often[char], char

    def has_mark(self, text: str, fired: Iterable[int]) -> bool:
        """A quick look before `meant`, which has none where this is False; `text` may have capital
        letters."""
        fired = list(fired)
        chars = set(text).union(*(self._made[gate] for gate in fired))
        for gate in fired:
            marks = self._marks.get(gate)
            if marks is None:
                marks = self._marks[gate] = self._mark(gate)
            if not chars.isdisjoint(marks):
                return True
        return not _CAPITALS.isdisjoint(chars)

    def meant(self, text: str, fired: Iterable[int]) -> frozenset[int]:
        """Indexes of the words that may be meant in a text in which nothing but these gates says
        that one is written otherwise: each of its characters has to be there, or parts of it, or
        for a word that is found by its sound another of that sound.

        Args:
            text: folded, with what may be read otherwise kept.
            fired: indexes of `gates`.
        """
        fired = list(fired)
        made = frozenset().union(*(self._made[gate] for gate in fired))
        chars, sounding, found = self._chars, self._sounding, set[int]()
        for gate in fired:
            there = made.union(self._around(text, gate))
            latin = not there.isdisjoint(_LATIN)
            for index in self._meant[gate]:
                if chars[index] <= there or (
                    index in sounding and (latin or not any(map(there.isdisjoint, sounding[index])))
                ):
                    found.add(index)
        return frozenset(found)

    def _around(self, text: str, gate: int) -> Iterable[str]:
        """The characters of a text that may be of one word with the gate."""
        sought = self._gates[gate]
        reach = self._reaches.get(gate)
        if reach is None:
            longest = max(len(self.words[index]) for index in self._meant[gate])
            reach = self._reaches[gate] = STRETCH * longest
        at = text.find(sought)
        if at < 0 or len(text) <= 2 * reach:
            return text
        parts = []
        while at >= 0:
            # also what is around those that follow before the next look
            parts.append(text[max(0, at - reach) : at + 2 * reach])
            at = text.find(sought, at + reach)
        return "".join(parts)

    def woken(self, text: Folded, among: frozenset[int] = frozenset()) -> set[int]:
        """Indexes of words that are written otherwise in the text; `rules.lexicon` decides.

        Args:
            among: the only words that can be (`meant`); none: any word.
        """
        whose = tuple(sorted(among))
        tree = self._few(whose) if whose else self._tree
        found = {one.which for some in Lattice(text.kept().text, tree).sightings() for one in some}
        return {whose[which] for which in found} if whose else found

    def _few(self, whose: tuple[int, ...]) -> WordTree:
        """The tree of these words alone: in it hardly any place of a text leads on."""
        tree = self._trees.get(whose)
        if tree is None:
            if len(self._trees) >= _TREES:
                self._trees.clear()
            words = [self.words[index] for index in whose]
            tree = self._trees[whose] = WordTree(words, self._by_sound.intersection(words))
        return tree


_TREES = 1_000  # whoever writes texts chooses the words
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz")
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MADE_OF: dict[str, list[str]] = {}  # loose parts -> the characters that they make
for _char, _ways in APART.items():
    for _way in _ways:
        if not is_strict(_way):
            _MADE_OF.setdefault(_way, []).append(_char)


def _like(char: str) -> set[str]:
    """The character, and all that sound like it."""
    return {char}.union(*(WRITTEN.get(sound, ()) for sound in SOUNDS.get(char, ())))


def _gates(words: tuple[str, ...], sounding: frozenset[str]) -> dict[str, list[int]]:
    """Texts of which one occurs in each folded text that has a repeat or loose parts in one of the
    words, each with the indexes of those words. Plain texts: thousands of them compile faster than
    a few long alternations."""
    found: dict[str, list[int]] = {}
    for index, word in enumerate(words):
        every: set[str] = set()
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
        for gate in every:
            found.setdefault(gate, []).append(index)
    return dict(sorted(found.items()))
