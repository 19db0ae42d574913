"""Words as a tree, so that a text is searched for ten thousand as fast as for ten.

The first tree goes by characters. The second, of the words flagged `pinyin`, goes by characters and
by sounds (`rules.variants_sounds`): a branch is found under its character, and under each sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rules.variants_parts import APART
from rules.variants_sounds import SOUNDS, WRITTEN

Node = dict[str, Any]  # character -> Node, sound -> list of nodes, END -> index of the word
END = ""
SOUND = "~"  # ends the key of a sound, which may be one letter


class WordTree:
    """Folded words, each once.

    Args:
        words: what to find; a find is told by the index.
        sounding: words that are found by their sound as well.
    """

    def __init__(self, words: Sequence[str], sounding: Iterable[str] = ()) -> None:
        self.words = tuple(words)
        self.longest = max(map(len, self.words), default=0)
        self.root: Node = {}
        self.sounds: Node = {}
        by_sound = frozenset(sounding)
        for index, word in enumerate(self.words):
            node = self.root
            for char in word:
                node = node.setdefault(char, {})
            node[END] = index
            if word in by_sound:
                self._add_sounds(word, index)
        # {parts: the characters of these words that they make}, and the first part of each
        self.joined: dict[str, list[str]] = {}
        for char in sorted(set("".join(self.words))):
            for way in APART.get(char, ()):
                self.joined.setdefault(way, []).append(char)
        first_parts = "".join(sorted({re.escape(way[0]) for way in self.joined}))
        # how such parts begin, and where they may stand
        self.part_pairs = frozenset(way[:2] for way in self.joined)
        self.find_parts = re.compile(f"[{first_parts}]" if first_parts else "(?!)").finditer
        # characters that a word found by its sound may begin with
        sounds = [key[:-1] for key in self.sounds if key.endswith(SOUND)]
        self._behind: dict[str, frozenset[str]] = {}
        self.heard = frozenset(self.sounds).union(*(WRITTEN.get(one, ()) for one in sounds))

    def _add_sounds(self, word: str, index: int) -> None:
        node = self.sounds
        for char in word:
            branch = node.get(char)
            if branch is None:
                branch = node[char] = {}
                for sound in SOUNDS[char]:
                    node.setdefault(sound + SOUND, []).append(branch)
            node = branch
        node[END] = index

    def heard_behind(self, char: str) -> frozenset[str]:
        """Characters that may stand behind `char` at the beginning of a word found by its sound."""
        found = self._behind.get(char)
        if found is None:
            branches = [self.sounds[char]] if char in self.sounds else []
            for sound in SOUNDS.get(char, ()):
                branches += self.sounds.get(sound + SOUND, ())
            keys = {key for branch in branches for key in branch}
            written = (WRITTEN.get(key[:-1], ()) for key in keys if key.endswith(SOUND))
            found = self._behind[char] = frozenset(keys).union(*written)
        return found

    def at(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        """(end, index) of every word that stands at text[start:], longest first."""
        node: Node = self.root
        found: list[tuple[int, int]] = []
        for at in range(start, len(text)):
            branch = node.get(text[at])
            if branch is None:
                break
            node = branch
            if END in node:
                found.append((at + 1, node[END]))
        return reversed(found)
