"""Finds words written otherwise: as paths through what each piece of a text may stand for.

「➕我微❤信」 is 加我微信 when ➕ is read aloud and ❤ left out. So every emoji, look-alike letter,
set of parts, repeat, syllable and blank is an edge that may be taken or not, and a word is found
when some path spells it. Paths begin where a word begins, and end when the tree of words has no
such branch; each place of the tree is tried once at each place of the text, so the time grows with
the text and not with the number of readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.fold import MAX_GAP, SYMBOLS, class_of, is_chinese
from rules.fold_marks import CJK
from rules.variants_parts import LONGEST, LOOSE_FROM, is_strict
from rules.variants_read import CONFUSABLE, EMOJI, KIND, READ
from rules.variants_sounds import BLANKS, HOMOPHONES, LONGEST_SYLLABLE, SOUND_OF, SOUNDS
from rules.word_tree import END, SOUND, Node, WordTree

MAX_REPEATS = 9
_SYLLABLE_GAP = 2  # blanks between two syllables
# how many characters of a text one character of a word can be, with all that is read over behind it
STRETCH = LONGEST_SYLLABLE + MAX_REPEATS + MAX_GAP + _SYLLABLE_GAP
DENYING = "不别没无"  # repeated at the beginning of a word they would seem to deny it

NAMES = ("chaizi", "confusable", "emoji", "gap", "pinyin", "repeat")
_BIT = {name: 1 << at for at, name in enumerate(NAMES)}
_CHAIZI, _GAP, _PINYIN, _REPEAT = (_BIT[name] for name in ("chaizi", "gap", "pinyin", "repeat"))
_LOOSE = 1 << len(NAMES)
_LETTERS = str.maketrans(CONFUSABLE)
_SKIPPED = SYMBOLS.union(EMOJI)
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz")
_TONES = frozenset("12345")
# where something may be read otherwise, whatever the words are, and perhaps more
_find_odd = re.compile(f"[{class_of((*READ, *_SKIPPED))}]").finditer
_find_repeat = re.compile(f"([{CJK}])(?=\\1)").finditer
_find_letters = re.compile("(?<![a-z])[a-z]").finditer


class Sighting(NamedTuple):
    """text[start:end] is the word `which` of the tree, written otherwise in these ways."""

    start: int
    end: int
    which: int
    variants: tuple[str, ...]


_Found = tuple[int, int, int, int]  # start, end, index, bits of _BIT


# node, place in the text, bits of _BIT, symbols skipped since the last character, and whether that
# was a syllable in Latin letters
_Path = tuple[Node, int, int, int, bool]


class Lattice:
    """The readings of one text: folded with its emoji and look-alikes kept (`Folded.kept`)."""

    def __init__(self, text: str, tree: WordTree) -> None:
        self._text, self._tree = text, tree
        letters = tree.sounds and not text.isascii()
        self._plain = text.translate(_LETTERS) if letters else text  # of equal length
        self._edges: dict[int, list[tuple[str, int, int]]] = {}
        odd: set[int] = set()  # places where something may be read otherwise
        for found in _find_odd(text):
            at, char = found.start(), found[0]
            if char in READ:
                self._edge(at, READ[char], 1, _BIT[KIND[char]])
            if char in _SKIPPED:
                odd.add(at)
        for found in tree.find_parts(text):
            at = found.start()
            if text[at : at + 2] in tree.part_pairs:
                self._join(at)
        odd.update(found.end() for found in _find_repeat(text))
        if tree.sounds:
            odd.update(found.start() for found in _find_letters(self._plain))
        self._odd = frozenset(odd.union(self._edges))

    def _join(self, at: int) -> None:
        for size in range(2, min(LONGEST, len(self._text) - at) + 1):
            way = self._text[at : at + size]
            for joined in self._tree.joined.get(way, ()):
                self._edge(at, joined, size, _CHAIZI | (0 if is_strict(way) else _LOOSE))

    def _edge(self, at: int, read: str, size: int, bit: int) -> None:
        self._edges.setdefault(at, []).append((read, at + size, bit))

    def _begins_letters(self, at: int) -> bool:
        return self._plain[at] in _LATIN and not (at and self._plain[at - 1] in _LATIN)

    def sightings(self, everywhere: bool = False) -> Iterator[list[Sighting]]:
        """For each place, in order, the words that begin there: longest first.

        `everywhere` looks for characters of the same sound too; otherwise a path has to touch one
        of the odd places.
        """
        tree, text = self._tree, self._text
        near = self._near()
        for start in range(len(text)) if everywhere and tree.sounds else sorted(near):
            char, found = text[start], []
            if start in near and (start in self._edges or self._leads_on(start)):
                found = self._from(start, tree.root)
            if tree.sounds and (
                start in self._edges
                or self._plain[start] in _LATIN
                or (char in tree.heard and self._sounds_on(start))
            ):
                found += self._from(start, tree.sounds, sounding=True)
            if found:
                yield self._best(found)

    def _near(self) -> set[int]:
        """Places from which a word may reach an odd place: no word is longer than the longest, and
        a character that is not odd is one character of it."""
        reach = self._tree.longest
        return {at for odd in self._odd for at in range(max(0, odd - reach), odd + 1)}

    def _leads_on(self, start: int) -> bool:
        """Whether a word of the tree begins with the next two characters, or may: most places of
        a text lead nowhere, and following them would cost more than all the rest."""
        branch = self._tree.root.get(self._text[start])
        if branch is None:
            return False
        following = start + 1
        if following in self._odd or following >= len(self._text):
            return True
        return self._text[following] in branch

    def _sounds_on(self, start: int) -> bool:
        """The same of the words that are found by their sound."""
        following = start + 1
        if following in self._odd or following >= len(self._text):
            return True
        if self._plain[following] in _LATIN:
            return True
        return self._text[following] in self._tree.heard_behind(self._text[start])

    def _best(self, found: list[_Found]) -> list[Sighting]:
        words, best = self._tree.words, dict[tuple[int, int], Sighting]()
        for start, end, index, used in sorted(found, key=_rank):
            best.setdefault((index, end), Sighting(start, end, index, _named(used)))
        return sorted(best.values(), key=lambda one: -len(words[one.which]))

    def _from(self, start: int, root: Node, sounding: bool = False) -> list[_Found]:
        text, size = self._text, len(self._text)
        if start and text[start] == text[start - 1] and text[start] in DENYING:
            return []  # the path from the first of them reads the others as repeats
        found: list[_Found] = []
        seen: set[tuple[int, int]] = set()
        todo: list[_Path] = [(root, start, 0, 0, False)]
        while todo:
            path = todo.pop()
            node, at = path[0], path[1]
            if at >= size or (id(node), at) in seen:
                continue
            seen.add((id(node), at))
            # what is put in last is tried first: repeats and skips come after readings
            if at > start:
                self._pass(path, start, todo)
            steps = self._steps(path, sounding)
            for branch, end, used, _, _ in steps:
                if used and END in branch:
                    index = branch[END]
                    if not used & _LOOSE or len(self._tree.words[index]) >= LOOSE_FROM:
                        found.append((start, end, index, used))
            todo += steps
        return found

    def _pass(self, path: _Path, start: int, todo: list[_Path]) -> None:
        """Reads the next character over: a repeat, a symbol, a blank between syllables."""
        node, at, used, gap, letters = path
        text = self._text
        char, before = text[at], text[at - 1]
        if letters:
            if char in BLANKS and gap < _SYLLABLE_GAP:
                todo.append((node, at + 1, used, gap + 1, True))
        elif char in _SKIPPED:
            if gap < MAX_GAP and not char == before == ".":
                todo.append((node, at + 1, used | _GAP, gap + 1, False))
        elif (
            char == before
            and is_chinese(char)
            and (at - 1 > start or char in DENYING)
            and text[max(0, at - MAX_REPEATS) : at] != char * MAX_REPEATS
        ):
            todo.append((node, at + 1, used | _REPEAT, gap, letters))

    def _steps(self, path: _Path, sounding: bool) -> list[_Path]:
        """Branches down the tree, by what stands at the path's place."""
        node, at, used, gap, letters = path
        char = self._text[at]
        steps: list[_Path] = []
        for read, end, bit in self._edges.get(at, ()):
            for branch, more in _down(node, read, sounding):
                steps.append((branch, end, used | bit | more, 0, False))
        if gap and not letters and not is_chinese(char):
            return steps  # symbols are read over between two Chinese characters only
        for branch, more in _down(node, char, sounding):
            steps.append((branch, at + 1, used | more, 0, False))
        if sounding and self._plain[at] in _LATIN and (letters or self._begins_letters(at)):
            self._syllables(path, steps)
        return steps

    def _syllables(self, path: _Path, steps: list[_Path]) -> None:
        text, (node, at, used, _, _) = self._plain, path
        for size in range(1, min(LONGEST_SYLLABLE, len(text) - at) + 1):
            sound = SOUND_OF.get(text[at : at + size])
            if sound is None or (branches := node.get(sound + SOUND)) is None:
                continue
            end = at + size
            end += text[end : end + 1] in _TONES and text[end + 1 : end + 2] not in _TONES
            for branch in branches:
                steps.append((branch, end, used | _PINYIN, 0, True))


def _rank(found: _Found) -> tuple[bool, int, int]:
    """Written rather than sounding, in few ways rather than many, to its end (shang, not shan)."""
    _, end, _, used = found
    return bool(used & _PINYIN), used.bit_count(), -end


def _down(node: Node, read: str, sounding: bool) -> list[tuple[Node, int]]:
    """Branches that `read`, one character or more, leads to."""
    if not sounding and len(read) == 1:
        branch = node.get(read)
        return [] if branch is None else [(branch, 0)]
    reached = [(node, 0)]
    for char in read:
        after = []
        for here, used in reached:
            exact = here.get(char)
            if exact is not None:
                after.append((exact, used))
            if sounding and char in HOMOPHONES:
                for sound in SOUNDS[char]:
                    branches = here.get(sound + SOUND)
                    if branches is not None:
                        after += [(one, used | _PINYIN) for one in branches if one is not exact]
        reached = after
    return reached


def _named(used: int) -> tuple[str, ...]:
    return tuple(name for name in NAMES if used & _BIT[name])
