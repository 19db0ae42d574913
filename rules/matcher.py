"""The stateless stage: one record in, nothing or a few items out.

Decode, fold, one pass for the patterns of all rules, then the conditions of only those rules that
some trigger touched. Pure: no Flink, no clock, no client.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from rules.alert import content_id, sm3_raw
from rules.calendar import OfficeCalendar
from rules.compiled import Candidates, CompiledRules, compile_timeline
from rules.decode import Decoder
from rules.draft import Draft
from rules.errors import RecordError
from rules.grouping import as_group, counted_value, group_values, key_of_group
from rules.items import ALERT, FRAGMENT, MEMBER, QUARANTINE, QUIETED, Item, pack
from rules.mask import mask, one_line
from rules.message import FLAG_UNKNOWN_TYPE, Message
from rules.model import DetectionRule
from rules.recent import CONFLICT, RecentIds
from rules.ruleset import RuleSet, Timeline
from rules.split import is_fragment
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
        self._drafts, self._message = decoder.drafts, decoder.message
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
        return self.match_many([raw], [(source, partition, offset)])[0]

    def match_many(
        self, records: Sequence[bytes], places: Sequence[Place]
    ) -> list[list[bytes] | None]:
        """Of each record what `match` says. What can be done for all at once is."""
        found: list[list[bytes] | None] = [None] * len(records)
        drafts: dict[CompiledRules, list[tuple[int, Draft]]] = {}
        only, check = self._only, self._recent.check
        for at, draft in enumerate(self._drafts(records)):
            if draft is None:
                self.counts["heartbeats"] += 1
                continue
            if isinstance(draft, RecordError):
                found[at] = [self._set_aside(records[at], draft.reason, draft.detail, places[at])]
                continue
            if seen := check((draft.tenant, draft.msgid), _content(draft, records[at])):
                # SAME: judged by this very worker, which forgets all when Flink rewinds the
                # source. Judging it again would give the same ids with another position.
                if seen == CONFLICT:
                    why = "duplicate_id_conflict"
                    found[at] = [self._set_aside(records[at], why, draft.msgid, places[at])]
                else:
                    self.counts["repeated"] += 1
                continue
            if draft.flags and FLAG_UNKNOWN_TYPE in draft.flags:
                self.counts["unknown_type"] += 1
                found[at] = [self._set_aside(records[at], "unknown_type", draft.type, places[at])]
            compiled = only or self._in_force(draft)
            try:
                drafts[compiled].append((at, draft))
            except KeyError:
                drafts[compiled] = [(at, draft)]
        for compiled, some in drafts.items():
            candidates = compiled.candidates([draft for _, draft in some])
            pieces = _pieces(some) if compiled.splits.rules else set()
            for which in sorted(candidates.keys() | pieces):
                at, draft = some[which]
                able, piece = candidates.get(which), which in pieces
                items = self._judged(compiled, able, draft, piece, records[at], places[at])
                if items:
                    found[at] = [*(found[at] or ()), *items]
        return found

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


def _pieces(some: Sequence[tuple[int, Draft]]) -> set[int]:
    """Places of those whose text may be a piece of a number."""
    return {which for which, (_, draft) in enumerate(some) if is_fragment(draft.text)}


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
    mark = hash(draft.type) ^ hash(raw[max(0, raw.find(b'"payload":')) :])
    if type(known) is Message and known.kind == "event" and not known.flags:
        return mark ^ hash(str(draft.time))
    return mark
