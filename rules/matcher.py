"""The stateless stage: one record in, nothing or a few items out.

Decode, fold, one pass for the patterns of all rules, then the conditions of only those rules that
some trigger touched. Pure: no Flink, no clock, no client.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from rules.alert import content_id, sm3_raw
from rules.calendar import OfficeCalendar
from rules.compiled import Candidates, CompiledRules, compile_timeline
from rules.decode import Decoder
from rules.draft import Draft
from rules.grouping import as_group, counted_value, group_values, key_of_group
from rules.intake import Intake, Reader
from rules.items import ALERT, FRAGMENT, MEMBER, QUARANTINE, QUIETED, Item, pack
from rules.mask import mask, one_line
from rules.message import Message
from rules.model import DetectionRule
from rules.ruleset import RuleSet, Timeline
from rules.split import fragments
from rules.view import field_value

_DETAIL = 200  # a record may call its type or id anything, at any length
_QUARANTINE_KEYS = 16  # spreads quarantined records over subtasks

Place = tuple[str, int, int]  # source, partition, offset of a record


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
        self._reader, self._message = Reader(decoder), decoder.message
        self._calendar = calendar
        self._keep = keep_bytes
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
        return self.match_many([raw], [(source, partition, offset)])[0]

    def match_many(
        self, records: Sequence[bytes], places: Sequence[Place]
    ) -> list[list[bytes] | None]:
        """Of each record what `match` says. What can be done for all at once is."""
        found: list[list[bytes] | None] = [None] * len(records)
        intake = self._reader.read(records)
        for name, count in (("heartbeats", intake.heartbeats), ("repeated", intake.repeated)):
            if count:
                self.counts[name] += count
        for at, reason, detail in intake.refused:
            if reason == "unknown_type":
                self.counts["unknown_type"] += 1
            found[at] = [self._set_aside(records[at], reason, detail, places[at])]
        for compiled, drafts, own in self._rulesets(intake):
            candidates = compiled.candidates(drafts)
            pieces = fragments([draft.text for draft in drafts]) if compiled.splits.rules else set()
            for which in sorted(candidates.keys() | pieces):
                at, able, piece = own[which], candidates.get(which), which in pieces
                items = self._judged(compiled, able, drafts[which], piece, records[at], places[at])
                if items:
                    found[at] = [*(found[at] or ()), *items]
        return found

    def _rulesets(
        self, intake: Intake
    ) -> Iterable[tuple[CompiledRules, Sequence[Draft], Sequence[int]]]:
        """What each ruleset judges of a batch: (ruleset, drafts, their places in the batch)."""
        if self._only is not None:
            return [(self._only, intake.drafts, intake.places)] if intake.drafts else []
        parts: dict[CompiledRules, tuple[list[Draft], list[int]]] = {}
        for draft, at in zip(intake.drafts, intake.places, strict=True):
            drafts, places = parts.setdefault(self._in_force(draft), ([], []))
            drafts.append(draft)
            places.append(at)
        return [(compiled, *part) for compiled, part in parts.items()]

    def _judged(
        self,
        compiled: CompiledRules,
        candidates: Candidates | None,
        draft: Draft,
        piece: bool,
        raw: bytes,
        place: Place,
    ) -> list[bytes]:
        out: list[bytes] = []
        message = self._message(draft)
        where = (message.time, message.seq, message.msgid, *place)
        if piece and compiled.splits.concern(message, self._calendar):
            self.counts["fragments"] += 1
            out.append(_fragment(compiled.ruleset, message, where, raw))
        if candidates is None:
            return out
        held, failed = compiled.judge(candidates, message, self._calendar)
        for name, problem in failed:
            self.counts["rule_failed"] += 1
            self.by_rule["failed", name] += 1
            out.append(self._set_aside(raw, "rule_failed", f"{name}: {problem}", place))
        for rule, spans in held:
            if not rule.signal:
                self.counts["hits"] += 1
                self.by_rule["hits", rule.ref.name] += 1
            for key, head in self._roles(compiled, rule, message):
                out.append(pack(key, Item(*head, *where, raw, spans)))
        return out

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

    def _set_aside(self, raw: bytes, reason: str, detail: str, place: Place) -> bytes:
        self.counts["quarantined"] += reason != "unknown_type"
        digest = sm3_raw(raw)
        entry = Item(
            QUARANTINE, "", reason, 0, "", (), one_line(mask(detail[:_DETAIL])), 0, 0, "", *place,
            raw[: self._keep], (), len(raw), digest, hashlib.sha256(raw).hexdigest(),
        )  # fmt: skip
        return pack(f"q|{int(digest[:4], 16) % _QUARANTINE_KEYS}", entry)


def _fragment(
    ruleset: RuleSet, message: Message, place: tuple[int, int, str, str, int, int], raw: bytes
) -> bytes:
    """What may be a piece of a number, for the key of its sender in this conversation."""
    group = (message.tenant, message.sender, message.conversation)
    item = Item(FRAGMENT, ruleset.digest, "", 0, "", group, "", *place, raw)
    return pack(f"s|{content_id(*group)}", item)
