"""The stateless stage: one record in, nothing or a few items out.

Decode, fold, one pass for the patterns of all rules, then the conditions of only those rules that
some trigger touched. Pure: no Flink, no clock, no client.
"""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import re2

from rules.alert import content_id, sm3_raw
from rules.calendar import OfficeCalendar
from rules.decode import Decoder, Draft
from rules.errors import RecordError
from rules.fold import fold
from rules.grouping import as_group, counted_value, group_values, key_of_group
from rules.items import ALERT, FRAGMENT, MEMBER, QUARANTINE, QUIETED, Item, pack
from rules.mask import mask, one_line
from rules.message import FLAG_UNKNOWN_TYPE, Message
from rules.model import DetectionRule
from rules.quick import quick
from rules.recent import CONFLICT, SAME, RecentIds
from rules.ruleset import RuleSet, Timeline
from rules.scan import Keep, scanner
from rules.split import SplitRules, is_fragment
from rules.triggers import Trigger, triggers
from rules.variants_sounds import gate
from rules.variants_wake import OtherSpellings
from rules.view import Span, View, field_value

_DETAIL = 200  # a record may call its type or id anything, at any length
_QUARANTINE_KEYS = 16  # spreads quarantined records over subtasks
_TYPES = 1_000


_NOTHING: frozenset[int] = frozenset()


class Candidates(NamedTuple):
    """Rules that may hold for a message, and the numbers of the triggers that its text fired."""

    rules: list[DetectionRule]
    fired: frozenset[int]


class CompiledRules:
    """One ruleset ready to match: the scanner, and which rules each trigger wakes."""

    def __init__(self, ruleset: RuleSet, keep: Keep | None = None) -> None:
        self.ruleset = ruleset
        self.reference = ruleset.reference
        patterns: dict[str, list[str]] = {}  # with the names of the rules that each wakes
        numbers: dict[str, int] = {}
        places: dict[Trigger, int] = {}
        by_type: dict[str, list[str]] = {}
        always: list[str] = []
        after_hits: list[str] = []
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
                else:
                    pattern = _pattern(trigger)
                    patterns.setdefault(pattern, []).append(name)
                    places[trigger] = numbers.setdefault(pattern, len(numbers))
        rules = {
            name: replace(one, condition=quick(one.condition, places))
            for name, one in ruleset.detections.items()
        }

        def ready(names: Iterable[str]) -> list[DetectionRule]:
            return [rules[name] for name in names]

        self.always, self._after_hits = ready(always), ready(after_hits)
        self._by_type = {name: ready(names) for name, names in by_type.items()}
        self._by_exact_type: dict[str, list[DetectionRule]] = {}  # spellings seen
        self._woken = list(map(ready, patterns.values()))
        spelled = sorted(one.value for one in places if one.kind == "word")
        self._spellings = OtherSpellings(
            spelled, sorted(one.value for one in places if one.kind == "sound")
        )
        self._word_at = [places[Trigger("word", word)] for word in spelled]
        self._scan = scanner([*patterns, *self._spellings.gates], keep).scan
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
        return other

    def candidates(self, draft: Draft) -> Candidates:
        """Rules worth evaluating, each once, in a stable order."""
        text = draft.text
        woken: Sequence[int] = ()
        if text:
            folded = fold(text)
            woken = self._scan(folded.text.encode("utf-8", "replace"))
            if folded.readable or (woken and max(woken) >= len(self._woken)):
                woken = [index for index in woken if index < len(self._woken)]
                woken += [self._word_at[index] for index in self._spellings.woken(folded)]
        try:
            typed = self._by_exact_type[draft.type]
        except KeyError:
            typed = self._typed(draft.type)
        if not woken and not typed:
            return Candidates(self.always, _NOTHING)
        rules = {rule.ref.name: rule for index in woken for rule in self._woken[index]}
        rules.update((rule.ref.name, rule) for rule in typed)
        rules.update((rule.ref.name, rule) for rule in self.always)
        return Candidates([rules[name] for name in sorted(rules)], frozenset(woken))

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
        self._try([rule for rule in candidates.rules if not rule.asks_hits], view, held, failed)
        # rules that ask what others said come last, and do not hear each other
        view.response = max((rule.ref.response for rule, _ in held), default=0)
        view.variants = variants_of(held)
        later = {rule.ref.name: rule for rule in candidates.rules if rule.asks_hits}
        if held:
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


def _pattern(trigger: Trigger) -> str:
    if trigger.kind == "word":
        return str(re2.escape(trigger.value))
    return gate(trigger.value) if trigger.kind == "sound" else trigger.value


def compile_timeline(timeline: Timeline, keep: Keep | None = None) -> dict[str, CompiledRules]:
    """Every ruleset of a timeline, compiled, by digest. Not to be shared between threads."""
    return {ruleset.digest: CompiledRules(ruleset, keep) for ruleset in timeline.rulesets}


class Matcher:
    """Judges records one by one against the ruleset of their event time.

    `counts` is what the caller reports as metrics: records, hits, quarantined, unknown types,
    heartbeats. `by_rule` counts how many messages each alerting rule hit, and on how many a
    rule failed.

    Args:
        compiled: the rulesets of the timeline, by digest; `ready`: gives any of a timeline,
            compiled.
    """

    def __init__(
        self,
        timeline: Timeline,
        decoder: Decoder,
        calendar: OfficeCalendar,
        *,
        keep_bytes: int = 4096,
        compiled: Mapping[str, CompiledRules] | None = None,
        ready: Callable[[RuleSet], CompiledRules] | None = None,
    ) -> None:
        self._timeline = timeline
        if ready is None:
            known = compiled if compiled is not None else compile_timeline(timeline)
            ready = lambda ruleset: known[ruleset.digest]  # noqa: E731 - it stands for an argument
        self._ready = ready
        self._draft, self._message = decoder.draft, decoder.message
        self._calendar = calendar
        self._keep = keep_bytes
        self._recent = RecentIds()
        self.counts: Counter[str] = Counter()
        self.by_rule: Counter[tuple[str, str]] = Counter()  # ("hits" or "failed", name)
        self.renew()

    def renew(self) -> None:
        """The timeline has other rulesets than before."""
        only = self._timeline.only()
        self._only = self._ready(only) if only else None
        self._start, self._end = 0, 0  # event times for which `_current` holds: none
        self._current: CompiledRules | None = None

    def _in_force(self, draft: Draft) -> CompiledRules:
        """What judges a message: the ruleset of its event time. A clock that is ahead does not
        take it to rules that are published only after it was judged: no message is from later
        than its receipt here."""
        time = min(draft.time, draft.known.received_at)
        if self._current is None or not self._start <= time < self._end:
            self._start, self._end, ruleset = self._timeline.span(time)
            self._current = self._ready(ruleset)
        return self._current

    def match(
        self, raw: bytes, source: str, partition: int = 0, offset: int = 0
    ) -> list[bytes] | None:
        """Packed items of one record; None when no rule and no quarantine is concerned."""
        try:
            draft = self._draft(raw)
            if draft is None:
                self.counts["heartbeats"] += 1
                return None
            identity = f"{draft.tenant}\x00{draft.msgid}"
            seen = self._recent.check(identity, _content(draft, raw))
            if seen == CONFLICT:
                raise RecordError("duplicate_id_conflict", draft.msgid)
        except RecordError as error:
            return [self._set_aside(raw, error.reason, error.detail, source, partition, offset)]
        if seen == SAME:
            # Judged by this very worker, which forgets all when Flink rewinds the source.
            # Judging it again would give the same ids with another position.
            self.counts["repeated"] += 1
            return None
        out: list[bytes] = []
        if draft.flags and FLAG_UNKNOWN_TYPE in draft.flags:
            self.counts["unknown_type"] += 1
            out.append(self._set_aside(raw, "unknown_type", draft.type, source, partition, offset))
        compiled = self._only or self._in_force(draft)
        candidates = compiled.candidates(draft)
        piece = compiled.splits.rules and is_fragment(draft.text)
        if not candidates.rules and not piece:
            return out or None
        message = self._message(draft)
        place = (message.time, message.seq, message.msgid, source, partition, offset)
        if piece and compiled.splits.concern(message, self._calendar):
            self.counts["fragments"] += 1
            out.append(_fragment(compiled.ruleset, message, place, raw))
        held, failed = compiled.judge(candidates, message, self._calendar)
        for name, problem in failed:
            self.counts["rule_failed"] += 1
            self.by_rule["failed", name] += 1
            out.append(
                self._set_aside(raw, "rule_failed", f"{name}: {problem}", source, partition, offset)
            )
        for rule, spans in held:
            if not rule.signal:
                self.counts["hits"] += 1
                self.by_rule["hits", rule.ref.name] += 1
            for key, head in self._roles(compiled, rule, message):
                out.append(pack(key, Item(*head, *place, raw, spans)))
        return out or None

    def _roles(
        self, compiled: CompiledRules, rule: DetectionRule, message: Message
    ) -> Iterator[tuple[str, tuple[int, str, str, int, str, tuple[str, ...], str]]]:
        """(key, first fields of the Item) of everything that a matched rule contributes to."""
        name, ruleset = rule.ref.name, compiled.ruleset
        read = partial(field_value, message, compiled.reference)
        if not rule.signal:
            if rule.suppress is None:
                key = f"a|{name}|{message.tenant}|{message.sender}"
                yield key, (ALERT, ruleset.digest, name, 0, name, (), "")
            else:
                by = (message.tenant, *(as_group(read(field)) or "" for field in rule.suppress.by))
                key = f"s|{name}|{content_id(*by)}"
                yield key, (QUIETED, ruleset.digest, name, 0, name, by, "")
        for reader, step in ruleset.readers.get(name, ()):
            group = group_values(reader, name, message.tenant, read)
            value = counted_value(reader, step, name, read)
            if group is None or value is None:
                self.counts["group_missing"] += 1
                continue
            head = (MEMBER, ruleset.digest, reader.ref.name, step, name, group, value)
            yield key_of_group(reader, group), head

    def _set_aside(
        self, raw: bytes, reason: str, detail: str, source: str, partition: int, offset: int
    ) -> bytes:
        self.counts["quarantined"] += reason != "unknown_type"
        digest = sm3_raw(raw)
        entry = Item(
            QUARANTINE, "", reason, 0, "", (), one_line(mask(detail[:_DETAIL])), 0, 0, "",
            source, partition, offset,
            raw[: self._keep], (), len(raw), digest, hashlib.sha256(raw).hexdigest(),
        )  # fmt: skip
        return pack(f"q|{int(digest[:4], 16) % _QUARANTINE_KEYS}", entry)


def variants_of(held: Iterable[tuple[DetectionRule, tuple[Span, ...]]]) -> tuple[str, ...]:
    """Disguises of the words that alerting rules matched, each once."""
    spans = (span for rule, spans in held if not rule.signal for span in spans)
    return tuple(dict.fromkeys(one for span in spans for one in span.variant))


def _fragment(
    ruleset: RuleSet, message: Message, place: tuple[int, int, str, str, int, int], raw: bytes
) -> bytes:
    """What may be a piece of a number, for the key of its sender in this conversation."""
    group = (message.tenant, message.sender, message.conversation)
    item = Item(FRAGMENT, ruleset.digest, "", 0, "", group, "", *place, raw)
    return pack(f"s|{content_id(*group)}", item)


def _content(draft: Draft, raw: bytes) -> int:
    """Hash of what makes two records of one id the same: the source's own object, and of an event
    its time; not when and in which order a collector read it. Where the envelope has another
    order, the whole record."""
    known = draft.known
    event = type(known) is Message and known.kind == "event" and not known.flags
    mark = hash(draft.type) ^ hash(raw[max(0, raw.find(b'"payload":')) :])
    return mark ^ hash(str(draft.time)) if event else mark
