"""One ruleset ready to match: which rules a message wakes, and which of them hold.

One pass over the texts of many messages at once finds the triggers of all rules; a rule that none
of its triggers concerns is not asked. Pure: no Flink, no clock, no client.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import re2

from rules.calendar import OfficeCalendar
from rules.draft import Draft
from rules.foresight import Fired, Kind
from rules.lookout import Lookout
from rules.message import Message
from rules.model import DetectionRule
from rules.plain import NAMELESS
from rules.prepared import PreparedRules
from rules.ruleset import RuleSet, Timeline
from rules.scan import Keep, scanner
from rules.split import SplitRules
from rules.triggers import Trigger, leaves, of_leaf, triggers
from rules.view import Span, View

_TYPES = 1_000
_NAMED = 1 << 24  # behind the numbers of what is looked for in texts
_KNOWN = 20_000  # sets of triggers whose rules are kept at hand
_NOTHING: frozenset[int] = frozenset()


class Candidates(NamedTuple):
    """Rules that may hold for a message, those that ask what others said apart, and the numbers of
    the triggers that its text fired."""

    first: tuple[DetectionRule, ...]
    later: tuple[DetectionRule, ...]
    fired: frozenset[int]

    @property
    def rules(self) -> tuple[DetectionRule, ...]:
        """All of them."""
        return self.first + self.later


class CompiledRules:
    """One ruleset ready to match: the scanner, and which rules each trigger wakes."""

    def __init__(self, ruleset: RuleSet, keep: Keep | None = None) -> None:
        self.ruleset = ruleset
        self.reference = ruleset.reference
        wakes: dict[Trigger, list[str]] = {}  # names of the rules that each wakes
        by_type: dict[str, list[str]] = {}
        always: list[str] = []
        after_hits: list[str] = []
        # the words of all conditions about names: those that wake nothing tell rules apart
        named: dict[str, list[str]] = {word: [] for word in _words_of_names(ruleset)}
        for name, one in ruleset.detections.items():
            found = triggers(one.condition)
            if found is None:
                always.append(name)
                continue
            for trigger in sorted(found):  # in one order, or kept patterns would not be known again
                if trigger.kind == "hits":
                    after_hits.append(name)
                elif trigger.kind == "type":
                    by_type.setdefault(trigger.value, []).append(name)
                elif trigger.kind == "name":
                    named.setdefault(trigger.value, []).append(name)
                else:
                    wakes.setdefault(trigger, []).append(name)
        self._lookout = Lookout(wakes, keep)
        places = dict(self._lookout.places)
        places.update((Trigger("name", word), _NAMED + at) for at, word in enumerate(named))
        self._prepared = PreparedRules(ruleset.detections, places)
        self._always, self._after_hits = always, after_hits
        self._by_type = by_type
        self._quiet: set[str] = set()  # types that wake nothing, as they were written
        self._known: dict[tuple[Kind, Fired], Candidates | None] = {}
        self._wakes = dict(enumerate(named.values(), _NAMED))
        for trigger, names in wakes.items():
            self._wakes.setdefault(places[trigger], []).extend(names)
        self._scan_names = scanner(list(map(re2.escape, named)), keep).scan
        self.splits = SplitRules(ruleset)

    def judging(self, ruleset: RuleSet) -> CompiledRules:
        """The same rules as `rules.more_lists` gave them; those read anew wait for no trigger."""
        other = copy.copy(self)
        other.ruleset, other.reference = ruleset, ruleset.reference
        other.splits = SplitRules(ruleset)
        # a copy of this very class:
        other._prepared = self._prepared.anew(ruleset.detections)  # noqa: SLF001
        other._always = sorted({*self._always, *other._prepared.blind})  # noqa: SLF001
        other._known = {}  # noqa: SLF001
        return other

    def candidates(self, drafts: Sequence[Draft]) -> dict[int, Candidates]:
        """Of each message that some rule may concern the rules worth evaluating, each once, in a
        stable order; by its place among `drafts`."""
        fired = self._lookout.fired([draft.text for draft in drafts])
        self._named(drafts, fired)
        found: dict[int, Candidates] = {}
        for at in self._woken(drafts, fired):
            draft = drafts[at]
            key = (Kind(draft.type, *draft.kind()), fired.get(at, _NOTHING))
            try:
                able = self._known[key]
            except KeyError:
                able = self._concerned(*key)
                if len(self._known) >= _KNOWN:
                    self._known.clear()
                self._known[key] = able
            if able is not None:
                found[at] = able
        return found

    def _woken(self, drafts: Sequence[Draft], fired: Mapping[int, object]) -> Sequence[int]:
        """Places of those that something has woken, or their type."""
        if self._always:
            return range(len(drafts))
        quiet = self._quiet
        typed = [
            at
            for at, draft in enumerate(drafts)
            if draft.type not in quiet and self._typed(draft.type)
        ]
        return sorted(fired.keys() | typed) if typed else sorted(fired)

    def _concerned(self, kind: Kind, fired: Fired) -> Candidates | None:
        names = {name for index in fired for name in self._wakes[index]}
        names.update(self._typed(kind.type), self._always)
        ready = [
            one.rule
            for name in sorted(names)
            if (one := self._prepared.get(name, kind)) and one.foreseen(fired) is not False
        ]
        if not ready:
            return None
        later = tuple(one for one in ready if one.asks_hits)
        return Candidates(tuple(one for one in ready if not one.asks_hits), later, fired)

    def _named(self, drafts: Sequence[Draft], fired: dict[int, frozenset[int]]) -> None:
        """Adds the numbers of the words that the names of a message have."""
        names = [
            (at, name)
            for at, draft in enumerate(drafts)
            if draft.type not in NAMELESS and (name := draft.names())
        ]
        if names:
            seen = self._scan_names([name.encode("utf-8", "replace") for _, name in names])
            for which, words in seen.items():
                at = names[which][0]
                fired[at] = fired.get(at, _NOTHING).union(_NAMED + one for one in words)

    def _typed(self, name: str) -> Sequence[str]:
        """The rules that messages of that type wake."""
        found = self._by_type.get(name.casefold(), ())
        if not found and len(self._quiet) < _TYPES:  # whoever sends records chooses the names
            self._quiet.add(name)
        return found

    def judge(
        self, candidates: Candidates, message: Message, calendar: OfficeCalendar
    ) -> tuple[list[tuple[DetectionRule, tuple[Span, ...]]], list[tuple[str, str]]]:
        """(rules that hold with their spans, rules that failed with the error's type)."""
        held: list[tuple[DetectionRule, tuple[Span, ...]]] = []
        failed: list[tuple[str, str]] = []
        calendar = self.ruleset.calendar or calendar
        view = View(message, calendar, 0, self.reference, candidates.fired)
        self._try(candidates.first, view, held, failed)
        # rules that ask what others said come last, and do not hear each other
        later = {rule.ref.name: rule for rule in candidates.later}
        if held:
            view.response = max(rule.ref.response for rule, _ in held)
            view.variants = variants_of(held)
            kind = Kind(message.type, message.sender_kind, message.direction)
            for name in self._after_hits:
                if one := self._prepared.get(name, kind):
                    later[name] = one.rule
        if later:
            self._try([later[name] for name in sorted(later)], view, held, failed)
        return held, failed

    @staticmethod
    def _try(
        rules: Iterable[DetectionRule],
        view: View,
        held: list[tuple[DetectionRule, tuple[Span, ...]]],
        failed: list[tuple[str, str]],
    ) -> None:
        for rule in rules:
            view.spans = []
            try:
                if rule.condition.holds(view):
                    held.append((rule, tuple(view.spans)))
            except Exception as error:  # a rule that fails is reported; the others still run
                failed.append((rule.ref.name, type(error).__name__))


def _words_of_names(ruleset: RuleSet) -> list[str]:
    """What conditions about the fields of names ask for, in one order."""
    found = {
        trigger.value
        for one in ruleset.detections.values()
        for leaf in leaves(one.condition)
        for trigger in of_leaf(leaf) or ()
        if trigger.kind == "name"
    }
    return sorted(found)


def compile_timeline(timeline: Timeline, keep: Keep | None = None) -> dict[str, CompiledRules]:
    """Every ruleset of a timeline, compiled, by digest. Not to be shared between threads."""
    return {ruleset.digest: CompiledRules(ruleset, keep) for ruleset in timeline.rulesets}


def variants_of(held: Iterable[tuple[DetectionRule, tuple[Span, ...]]]) -> tuple[str, ...]:
    """Disguises of the words that alerting rules matched, each once."""
    spans = (span for rule, spans in held if not rule.signal for span in spans)
    return tuple(dict.fromkeys(one for span in spans for one in span.variant))
