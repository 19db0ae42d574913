"""Which triggers fire in which of many texts: what the one scan of all rules is made of.

Two passes. The first looks for words, ten thousand as fast as ten, and for the few expressions that
have no words of their own (`rules.needles`). The second looks for the other expressions, in the
texts that have one of their words: an expression costs as much as some thousand words, and few
texts pay for it. What may be written otherwise is read as a lattice where the first pass says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import re2

from rules.fold import Folded, changed, fold
from rules.needles import needles
from rules.scan import Keep, is_plain, scanner
from rules.triggers import Trigger
from rules.variants_sounds import gate
from rules.variants_wake import OtherSpellings

_ANY: frozenset[int] = frozenset()  # any word may be written otherwise


class Lookout:
    """Finds triggers of the kinds "pattern", "word" and "sound". Not to be shared between threads.

    `places` has the number of each; equal patterns have one number.

    Args:
        wanted: in one order, or kept patterns would not be known again.
    """

    def __init__(self, wanted: Iterable[Trigger], keep: Keep | None = None) -> None:
        self.places: dict[Trigger, int] = {}
        numbers: dict[str, int] = {}
        for trigger in wanted:
            self.places[trigger] = numbers.setdefault(_pattern(trigger), len(numbers))
        words = {one: found for one in numbers if not is_plain(one) and (found := needles(one))}
        straight = [one for one in numbers if one not in words]
        leading = sorted({re2.escape(word) for found in words.values() for word in found})
        self._straight = [numbers[one] for one in straight]
        self._closer = [numbers[one] for one in words]
        self._leads = len(straight)  # from here on: words that lead to a closer look
        self._gates = self._leads + len(leading)  # from here on: what may be written otherwise
        spelled = sorted(one.value for one in self.places if one.kind == "word")
        self._spellings = OtherSpellings(
            spelled, sorted(one.value for one in self.places if one.kind == "sound")
        )
        self._word_at = [self.places[Trigger("word", word)] for word in spelled]
        self._scan = scanner([*straight, *leading, *self._spellings.gates], keep).scan
        self._scan_closer = scanner(list(words), keep).scan

    def fired(self, texts: Sequence[str]) -> dict[int, frozenset[int]]:
        """Of each text in which a trigger was seen, the numbers of the triggers."""
        ready = list(texts)
        folded: dict[int, Folded] = {}
        for at in changed(texts):
            folded[at] = fold(texts[at])
            ready[at] = folded[at].text
        encoded = [one.encode("utf-8", "replace") for one in ready]
        seen = self._scan(encoded)
        straight, leads, gates = self._straight, self._leads, self._gates
        found: dict[int, set[int]] = {}
        closer: list[int] = []
        otherwise = {at: _ANY for at, one in folded.items() if one.readable}
        marked, meant = self._spellings.has_mark, self._spellings.meant
        for at, indexes in seen.items():
            highest = max(indexes)
            if highest < leads:
                found[at] = {straight[one] for one in indexes}
                continue
            found[at] = {straight[one] for one in indexes if one < leads}
            if highest >= gates and at not in otherwise:
                own = [one - gates for one in indexes if one >= gates]
                if marked(ready[at], own):
                    whole = (folded.get(at) or fold(texts[at])).kept().text
                    if words := meant(whole, own):
                        otherwise[at] = words
            if highest < gates or any(leads <= one < gates for one in indexes):
                closer.append(at)
        if closer:
            numbers = self._closer
            for which, indexes in self._scan_closer([encoded[at] for at in closer]).items():
                found[closer[which]].update(numbers[one] for one in indexes)
        for at, among in otherwise.items():
            woken = self._spellings.woken(folded.get(at) or fold(texts[at]), among)
            found.setdefault(at, set()).update(self._word_at[one] for one in woken)
        return {at: frozenset(one) for at, one in found.items() if one}


def _pattern(trigger: Trigger) -> str:
    if trigger.kind == "word":
        return str(re2.escape(trigger.value))
    return gate(trigger.value) if trigger.kind == "sound" else trigger.value
