"""Items -> alerts and evidence: who did what to whom and why, masked; the full text sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import chain

import msgspec

from rules.alert import (
    FINAL,
    Alert,
    Evidence,
    Hit,
    Late,
    Member,
    Position,
    Quarantined,
    RuleRef,
    content_id,
    sm3_raw,
)
from rules.canary_marks import FLAG_CANARY, MARK
from rules.chains import is_short, messages_of
from rules.correlation.row import Row
from rules.decode import Decoder, party_kind
from rules.items import SPLIT, Item
from rules.mask import excerpt, hide, mask, mask_id
from rules.message import Message
from rules.model import CorrelationRule, Intercept
from rules.quarantine import REASONS
from rules.summary import sentence, shown_text

FLAG_TRUNCATED = "evidence_truncated"
MAX_MEMBERS = 200
BLOCKED = "blocked"  # `own_channel.result` of a message that never left


def response_state(messages: Sequence[Message], intercept: Intercept | None) -> str:
    """What was really done: `enforced` only when our own channel says that it blocked every
    message; `delegated` when a rule of WeCom's own was asked to; else `post_hoc`."""
    if all(message.field("own_channel.result") == BLOCKED for message in messages):
        return "enforced"
    return "delegated" if intercept else "post_hoc"


def position(item: Item) -> Position:
    """Where the record of an item stands."""
    return Position(source=item.source, partition=item.partition, offset=item.offset)


class Findings:
    """Builds what the job writes.

    Args:
        decoder: decodes the raw records of members again; only hits get here.
        seal: (raw bytes, associated data) -> sealed text; see `sinks.sealing`.
    """

    def __init__(self, decoder: Decoder, seal: Callable[[bytes, str], str]) -> None:
        self.decode = decoder.decode
        self._seal = seal

    def seal(self, raw: bytes, tenant: str, record_id: str) -> str:
        """Sealed bytes, bound to the record they belong to."""
        return self._seal(raw, f"{tenant}/{record_id}")

    def build(
        self,
        ref: RuleRef,
        summary: str,
        ruleset: str,
        group: tuple[str, ...],
        members: Sequence[Item],
        *,
        group_by: tuple[str, ...] = (),
        timespan: int = 0,
        window: tuple[int, int] | None = None,
        flags: tuple[str, ...] = (),
        intercept: Intercept | None = None,
        status: str = FINAL,
    ) -> tuple[Alert, list[Evidence]]:
        """The alert of these members and the evidence of each, in event order.

        `window` (begin and end in ms) is where a correlation held; its end is the alert's time,
        which is after the last member's when nothing had to happen until then.
        """
        messages = [self.decode(item.raw) for item in members]
        last, trigger = messages[-1], members[-1]
        start, end = window or (0, trigger.time)
        alert_id = alert_id_of(ref, last.tenant, group, members, end)
        shown = list(zip(members, messages, strict=True))[-MAX_MEMBERS:]
        found = [_hits(item, message) for item, message in shown]
        named = [_evidence_id(alert_id, item) for item, _ in shown]
        hits = found[0] if len(found) == 1 else tuple(chain.from_iterable(found))
        customers = _customers(messages)
        marks = {flag for message in messages for flag in message.flags} | set(flags)
        if not all(FLAG_CANARY in message.flags for message in messages):
            marks.discard(FLAG_CANARY)  # else one planted message would hide what people did
        alert = Alert(
            alert_id=alert_id,
            tenant=last.tenant,
            rule=ref,
            ruleset=ruleset,
            status=status,
            response_state=response_state(messages, intercept),
            delegated_to=intercept.rule if intercept else "",
            time=end,
            first_time=members[0].time,
            window_start=start,
            window_end=end if window else 0,
            actor=last.sender,
            actor_kind=last.sender_kind,
            conversation=last.conversation,
            room=last.room,
            counterparties=customers,
            group=dict(zip(group_by, map(mask_id, group), strict=False)),
            count=len(members),
            members=tuple(
                Member(
                    msgid=item.msgid,
                    seq=item.seq,
                    time=item.time,
                    type=message.type,
                    sender=message.sender,
                    evidence_id=identity,
                )
                for (item, message), identity in zip(shown, named, strict=True)
            ),
            hits=hits,
            summary=sentence(summary, last, customers, members, hits, timespan),
            flags=tuple(sorted(marks)),
        )
        return alert, [
            self._evidence(alert_id, item, message, identity, why)
            for (item, message), identity, why in zip(shown, named, found, strict=True)
        ]

    def correlated(
        self, rule: CorrelationRule, row: Row, status: str = FINAL
    ) -> tuple[Alert, list[Evidence]]:
        """The alert of a row of a correlation, and the evidence of its messages."""
        members = [entry.data[0] for entry in row.entries]
        last = members[-1]
        short = row.truncated or any(map(is_short, members))
        return self.build(
            rule.ref,
            rule.summary,
            last.ruleset,
            last.group,
            messages_of(members),
            group_by=("tenant", *rule.group_by),
            timespan=rule.timespan,
            window=(row.start, row.time),
            flags=(FLAG_TRUNCATED,) if short else (),
            intercept=rule.intercept,
            status=status,
        )

    def evidence(self, alert_id: str, item: Item) -> Evidence:
        """One message as a member of an alert."""
        message = self.decode(item.raw)
        identity = _evidence_id(alert_id, item)
        return self._evidence(alert_id, item, message, identity, _hits(item, message))

    def _evidence(
        self, alert_id: str, item: Item, known: Message, identity: str, hits: tuple[Hit, ...]
    ) -> Evidence:
        return Evidence(
            evidence_id=identity,
            alert_id=alert_id,
            tenant=known.tenant,
            msgid=item.msgid,
            seq=item.seq,
            time=item.time,
            type=known.type,
            sender=known.sender,
            conversation=known.conversation,
            direction=known.direction,
            text=mask(_without_pieces(item, shown_text(known))),
            hits=hits,
            raw_sm3=sm3_raw(item.raw),
            raw_sha256=hashlib.sha256(item.raw).hexdigest(),
            raw_size=len(item.raw),
            position=position(item),
            sealed=self.seal(item.raw, known.tenant, identity),
            flags=known.flags,
        )

    def set_aside(self, item: Item, reason: str, detail: str) -> Quarantined:
        """An item that was on its way to be counted; `reason` is one of `rules.quarantine`."""
        whole = msgspec.structs.replace(
            item,
            rule=reason,
            value=detail,
            size=len(item.raw),
            sm3=sm3_raw(item.raw),
            sha256=hashlib.sha256(item.raw).hexdigest(),
        )
        return self.quarantined(whole)

    def quarantined(self, item: Item) -> Quarantined:
        """A record that could not be judged, or only as far as possible.

        Its id says nothing of where it stands, so that bytes which are put back and are still bad
        are the same quarantined record: docs/adr/0015.
        """
        held = REASONS[item.rule].held
        identity = content_id("quarantine", item.rule, "" if held else item.value, item.sm3)
        return Quarantined(
            quarantine_id=identity,
            reason=item.rule,
            detail=item.value,
            held=held,
            raw_sm3=item.sm3,
            raw_sha256=item.sha256,
            raw_size=item.size,
            position=position(item),
            sealed=self.seal(item.raw, "quarantine", identity),
            truncated=item.size > len(item.raw),
        )

    def late(
        self, item: Item, watermark: int, *, group_by: tuple[str, ...] = (), would: str = ""
    ) -> Late:
        """A hit that came after its window was settled; `would` is what it would have done."""
        tenant = item.group[0] if item.group else ""
        identity = content_id(item.rule, *item.group, item.msgid)
        return Late(
            late_id=identity,
            tenant=tenant,
            rule=item.rule,
            msgid=item.msgid,
            seq=item.seq,
            time=item.time,
            watermark=watermark,
            raw_sm3=sm3_raw(item.raw),
            raw_size=len(item.raw),
            position=position(item),
            sealed=self.seal(item.raw, tenant, identity),
            group=dict(zip(group_by, map(mask_id, item.group), strict=False)),
            would_have_fired=would,
            flags=(FLAG_CANARY,) if self._is_canary(item) else (),
        )

    def _is_canary(self, item: Item) -> bool:
        """Whether nobody said what stands behind it. By the id first: late ones may be many."""
        behind = messages_of((item,))
        if is_short(item) or not behind or not all(one.msgid.startswith(MARK) for one in behind):
            return False
        return all(FLAG_CANARY in self.decode(one.raw).flags for one in behind)


def alert_id_of(
    ref: RuleRef, tenant: str, group: tuple[str, ...], members: Sequence[Item], end: int
) -> str:
    """The id of the alert that stands at `end` on these members, in order."""
    moment = (str(end),) if end != members[-1].time else ()
    ids = (item.msgid for item in members)
    return content_id(ref.id, str(ref.version), tenant, *group, *ids, *moment)


def _evidence_id(alert_id: str, item: Item) -> str:
    return content_id(alert_id, item.msgid)


def _hits(item: Item, message: Message) -> tuple[Hit, ...]:
    return tuple(
        Hit(
            msgid=item.msgid,
            field=span.field,
            start=span.start,
            end=span.end,
            pattern=span.pattern,
            excerpt=excerpt(
                _without_pieces(item, str(message.field(span.field) or "")), span.start, span.end
            ),
            variant=tuple(span.variant),
            confidence=span.confidence,
        )
        for span in item.spans
    )


def _without_pieces(item: Item, text: str) -> str:
    """`text` without the pieces of numbers: what is masked in one message is not shown in three."""
    pieces = [(s.start, s.end) for s in item.spans if SPLIT in s.variant]
    return hide(text, pieces) if pieces else text


def _customers(messages: Sequence[Message]) -> tuple[str, ...]:
    """The customers concerned, in order of appearance."""
    seen: dict[str, None] = {}
    for message in messages:
        for party in (message.fields.get("customer"), *message.recipients, message.sender):
            if party and party_kind(str(party)) == "customer":
                seen.setdefault(str(party))
    return tuple(seen)[:MAX_MEMBERS]
