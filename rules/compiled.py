"""One ruleset ready to match: which rules a message wakes, and which of them hold.

One pass over the texts of many messages at once finds the triggers of all rules; a rule that none
of its triggers concerns is not asked. Pure: no Flink, no clock, no client.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import re2

from rules.audience import KINDS, Kind, kinds_of
from rules.calendar import OfficeCalendar
from rules.draft import Draft
from rules.lookout import Lookout
from rules.message import Message
from rules.model import DetectionRule
from rules.quick import quick
from rules.ruleset import RuleSet, Timeline
from rules.scan import Keep, scanner
from rules.split import SplitRules
from rules.triggers import Trigger, leaves, of_leaf, triggers
from rules.view import Span, View

_TYPES = 1_000
_TEXT = "text"  # the type of messages that have no names
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
        self._needs: dict[str, tuple[frozenset[int], ...]] = {}  # of the rules that were woken
        rules: dict[str, DetectionRule] = {}

        def ready(names: Iterable[str]) -> list[DetectionRule]:
            """Rules made quick when they are first woken: most of ten thousand never are."""
            for name in names:
                if name not in rules:
                    one = ruleset.detections[name]
                    condition = quick(one.condition, places)
                    if condition.needs:
                        self._needs[name] = condition.needs
                    rules[name] = replace(one, condition=condition)
            return [rules[name] for name in names]

        self.always, self._after_hits = ready(always), ready(after_hits)
        self._by_type = {name: ready(names) for name, names in by_type.items()}
        self._by_exact_type: dict[str, list[DetectionRule]] = {}  # spellings seen
        self._known: dict[tuple[frozenset[int], str, Kind], Candidates | None] = {}
        kinds = {name: kinds_of(one.condition) for name, one in ruleset.detections.items()}
        self._for = {
            kind: frozenset(name for name, held in kinds.items() if kind in held) for kind in KINDS
        }
        woken: dict[int, list[str]] = dict(enumerate(named.values(), _NAMED))
        for trigger, names in wakes.items():
            woken.setdefault(places[trigger], []).extend(names)
        self._wakes = _Woken(woken, ready)
        self._scan_names = scanner(list(map(re2.escape, named)), keep).scan
        self.splits = SplitRules(ruleset)

    def judging(self, ruleset: RuleSet) -> CompiledRules:
        """The same rules as `rules.more_lists` gave them; those read anew wait for no trigger."""
        other = copy.copy(self)
        other.ruleset, other.reference = ruleset, ruleset.reference
        other.splits = SplitRules(ruleset)
        known = self.ruleset.detections
        anew = [one for name, one in ruleset.detections.items() if one is not known[name]]
        ready = [replace(one, condition=quick(one.condition)) for one in anew]
        other.always = list({one.ref.name: one for one in (*self.always, *ready)}.values())
        other._known = {}  # noqa: SLF001 - a copy of this very class
        return other

    def candidates(self, drafts: Sequence[Draft]) -> dict[int, Candidates]:
        """Of each message that some rule may concern the rules worth evaluating, each once, in a
        stable order; by its place among `drafts`."""
        fired = self._lookout.fired([draft.text for draft in drafts])
        self._named(drafts, fired)
        by_type = self._by_exact_type
        found: dict[int, Candidates] = {}
        for at, draft in enumerate(drafts):
            try:
                typed = by_type[draft.type]
            except KeyError:
                typed = self._typed(draft.type)
            if typed or at in fired or self.always:
                woken = fired.get(at, _NOTHING)
                key = (woken, draft.type, draft.kind())
                try:
                    able = self._known[key]
                except KeyError:
                    able = self._concerned(woken, typed, key[2])
                    if len(self._known) >= _KNOWN:
                        self._known.clear()
                    self._known[key] = able
                if able is not None:
                    found[at] = able
        return found

    def _concerned(
        self, woken: frozenset[int], typed: Iterable[DetectionRule], kind: Kind
    ) -> Candidates | None:
        rules = {one.ref.name: one for index in woken for one in self._wakes[index]}
        rules.update((one.ref.name, one) for one in typed)
        able = self._for[kind]
        names = {name for name in rules if name in able and self._seen(name, woken)}
        rules.update((one.ref.name, one) for one in self.always)
        names.update(one.ref.name for one in self.always)
        if not names:
            return None
        ready = [rules[name] for name in sorted(names)]
        later = tuple(one for one in ready if one.asks_hits)
        return Candidates(tuple(one for one in ready if not one.asks_hits), later, woken)

    def _seen(self, name: str, woken: frozenset[int]) -> bool:
        """Whether all was seen without which the rule does not hold."""
        for needs in self._needs.get(name, ()):  # noqa: SIM110 - a generator takes twice as long
            if needs.isdisjoint(woken):
                return False
        return True

    def _named(self, drafts: Sequence[Draft], fired: dict[int, frozenset[int]]) -> None:
        """Adds the numbers of the words that the names of a message have."""
        names = [
            (at, name)
            for at, draft in enumerate(drafts)
            if draft.type != _TEXT and (name := draft.names())
        ]
        if names:
            seen = self._scan_names([name.encode("utf-8", "replace") for _, name in names])
            for which, words in seen.items():
                at = names[which][0]
                fired[at] = fired.get(at, _NOTHING).union(_NAMED + one for one in words)

    def _typed(self, name: str) -> list[DetectionRule]:
        found = self._by_type.get(name.casefold(), [])
        if len(self._by_exact_type) < _TYPES:  # whoever sends records chooses the names
            self._by_exact_type[name] = found
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
            later.update((rule.ref.name, rule) for rule in self._after_hits)
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


class _Woken(dict[int, list[DetectionRule]]):
    """The rules that each trigger wakes, made ready when it is first asked for."""

    def __init__(
        self,
        names: Mapping[int, Sequence[str]],
        ready: Callable[[Iterable[str]], list[DetectionRule]],
    ) -> None:
        self._names, self._ready = names, ready

    def __missing__(self, trigger: int) -> list[DetectionRule]:
        found = self[trigger] = self._ready(self._names[trigger])
        return found


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
