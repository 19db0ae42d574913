"""Raw record → `Message`, or a `RecordError` that says why not. Pure: no clock, no state.

Two roads lead to the same message. The quick one (`rules.plain`) decodes an ordinary message
straight into typed structs, which is most of the stream; whatever it does not take as it is
(another type, an event, anything odd) goes the careful road, which reads the JSON as it comes and
names what is wrong.

Most messages concern no rule, so a record is first made a `Draft`: checked in full, but only as
much of it read as tells whether a rule may care. `Decoder.message` makes the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from rules import archive, feeds, side_events
from rules.canary_marks import FLAG_CANARY, is_canary
from rules.draft import Draft, plain_drafts
from rules.errors import RecordError
from rules.lenient_json import parse
from rules.message import FLAG_TIME_UNKNOWN, FLAG_UNKNOWN_TYPE, KINDS, Message
from rules.parties import between, party_kind, who
from rules.plain import AHEAD, EARLIEST, LATEST, VERSION, Plain
from rules.reading import exact_int, fitting, ident, missing, text, wrong

__all__ = ("FLAG_REPAIRED", "Decoder", "party_kind")

FLAG_REPAIRED = "json_repaired"  # raw control characters or lone surrogates in the JSON were mended
HEARTBEAT = "heartbeat"  # `kind` of an envelope that only tells the time
_UINT64 = 2**64
_TOGETHER = 1 << 24  # bytes of records that are looked at at once


def heartbeat(tenant: str, time: int, received_at: int) -> bytes:
    """A record that says: everything up to the event time `time` (UTC ms) has been handed on."""
    told = {"v": VERSION, "kind": HEARTBEAT, "time": time, "received_at": received_at}
    return msgspec.json.encode({**told, "tenant": tenant})


class Drafts(NamedTuple):
    """What was found of each record of a batch: a draft, why it is set aside, or None of a
    heartbeat. All but the places `odd` are drafts of ordinary messages (`rules.plain`)."""

    found: list[Draft | RecordError | None]
    odd: Sequence[int]


class Decoder:
    """Decodes records of one stream.

    Args:
        tenant: the company of records that name none.
        record_bytes: a larger record is refused before it is parsed.
        assume_received_at: UTC milliseconds; `received_at` of bare records, which carry none.
        is_utf8: tells it of the bytes of many records; a caller may have a quicker way.

    A caller that reads a live stream tells with `at` what time it is; without that a record is
    measured by its own `received_at` alone.
    """

    def __init__(
        self,
        tenant: str,
        record_bytes: int = 1024 * 1024,
        assume_received_at: int = 0,
        *,
        is_utf8: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._tenant = tenant
        self._record_bytes = record_bytes
        self._assume_received_at = assume_received_at
        self._latest = LATEST
        self._is_utf8 = is_utf8 or _is_utf8

    def at(self, now: int) -> None:
        """It is `now` (UTC ms): bare records are received now, and no record is from later than a
        day from now, whatever it says of its receipt."""
        self._assume_received_at = now
        self._latest = now + AHEAD

    def decode(self, raw: bytes) -> Message:
        """The message in `raw`: an envelope (docs/data-formats.md) or a bare archive plaintext.

        Raises:
            RecordError: `reason` is a key of `rules.quarantine.REASONS`.
        """
        draft = self.draft(raw)
        if draft is None:
            raise RecordError("unknown_envelope", "a heartbeat is no message")
        return self.message(draft)

    def draft(self, raw: bytes) -> Draft | None:
        """Check the record in `raw` and read what the choice of rules depends on; None is a
        heartbeat, which says no more than that time has gone on.

        Raises:
            RecordError: as `decode`.
        """
        if len(raw) > self._record_bytes:
            raise RecordError("too_large", f"{len(raw)} bytes, allowed are {self._record_bytes}")
        try:
            str(raw, "utf-8")
        except UnicodeDecodeError as error:
            raise RecordError("not_utf8", f"byte {error.start}") from None
        return plain_drafts((raw,), self._tenant, self._latest)[0] or self._odd(raw)

    def drafts(self, records: Sequence[bytes]) -> Drafts:
        """Of each record what `draft` says, or why it is set aside."""
        sizes = list(map(len, records))
        # nothing that is cut off at the end of a record goes on behind a line break
        sound = len(records) > 1 and sum(sizes) <= _TOGETHER and max(sizes) <= self._record_bytes
        if not sound or not self._is_utf8(b"\n".join(records)):
            return Drafts([_refused_or(self.draft, raw) for raw in records], range(len(records)))
        plain = plain_drafts(records, self._tenant, self._latest)
        odd = [at for at, one in enumerate(plain) if one is None]
        found: list[Draft | RecordError | None] = [*plain]
        for at in odd:
            found[at] = _refused_or(self._odd, records[at])
        return Drafts(found, odd)

    def _odd(self, raw: bytes) -> Draft | None:
        """The draft of a record that is UTF-8 and not too large, read the careful way."""
        made = self._careful(raw)
        if made is None:
            return None
        if made.time > self._latest:
            raise RecordError("time_out_of_range", "time is more than a day ahead of now")
        return Draft(made.tenant, made.msgid, made.time, made.type, made.text, made.flags, made)

    def message(self, draft: Draft) -> Message:
        """The whole message of a draft."""
        known = draft.known
        return known if isinstance(known, Message) else _of_plain(known, draft)

    def _careful(self, raw: bytes) -> Message | None:
        record, repaired = parse(raw)
        if type(record) is not dict:
            raise RecordError("not_an_object")
        flags = (FLAG_REPAIRED,) if repaired else ()
        version, kind = record.get("v"), record.get("kind")
        if kind == HEARTBEAT and type(version) is int and version == VERSION:
            return None
        if "payload" not in record:
            return self._bare(record, flags)
        if type(version) is not int or version != VERSION:
            raise RecordError("unknown_envelope", f"v is not {VERSION}")
        if kind not in KINDS:
            raise RecordError("unknown_envelope", "kind is neither archive nor event")
        payload = record["payload"]
        if type(payload) is not dict:
            raise missing("payload") if payload is None else wrong("payload", "object", payload)
        time, received_at = _required(record, "time"), _required(record, "received_at")
        seq = exact_int(record, "seq", "", required=kind == "archive") or 0
        if not 0 <= seq < _UINT64:
            raise RecordError("wrong_type", "seq: expected int from 0 to 2^64-1")
        tenant = text(record, "tenant", "") or self._tenant
        head = _Head(tenant, seq, time, received_at, flags)
        return _event(record, payload, head) if kind == "event" else _archive(payload, head)

    def _bare(self, record: dict[str, Any], flags: tuple[str, ...]) -> Message:
        switch = record.get("action") == "switch"
        if "msgid" not in record or not (switch or "msgtype" in record):
            raise RecordError("unknown_envelope", "neither an envelope nor an archive message")
        return _archive(record, _Head(self._tenant, 0, None, self._assume_received_at, flags))


def _is_utf8(joined: bytes) -> bool:
    try:
        str(joined, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refused_or(read: Callable[[bytes], Draft | None], raw: bytes) -> Draft | RecordError | None:
    try:
        return read(raw)
    except RecordError as error:
        return error


def _of_plain(found: Plain, draft: Draft) -> Message:
    said = found.payload
    content = said.content()
    sender = said.sender.strip()
    recipients = tuple(map(str.strip, said.tolist)) if said.tolist else ()
    room = said.roomid.strip() if said.roomid else ""
    sender_kind, direction = who(sender, recipients, draft.msgid)
    return Message(
        tenant=draft.tenant,
        kind="archive",
        seq=found.seq,
        msgid=draft.msgid,
        time=found.time,
        received_at=found.received_at,
        type=draft.type,
        action=said.action or "send",
        sender=sender,
        sender_kind=sender_kind,
        recipients=recipients,
        room=room,
        conversation=room or between(sender, recipients),
        direction=direction,
        text=content.text,
        quoted=content.quoted,
        fields=content.fields or {},
        flags=_marked(content.flags, draft.msgid, sender),
    )


class _Head(NamedTuple):
    """What the envelope says about a record; a bare record has no time of its own."""

    tenant: str
    seq: int
    time: int | None
    received_at: int
    flags: tuple[str, ...]


def _archive(payload: dict[str, Any], head: _Head) -> Message:
    msgid = _id(payload, "msgid")
    action = text(payload, "action", "payload") or "send"
    switch = action == "switch"
    kind = text(payload, "msgtype", "payload").strip() or ("switch" if switch else "")
    if not kind:
        raise missing("payload.msgtype")
    kind = archive.ALIASES.get(kind, kind)
    time_key = "time" if switch and "msgtime" not in payload else "msgtime"
    time = _required(payload, time_key, "payload")
    if head.time is not None and head.time != time:
        raise RecordError("wrong_type", f"time differs from payload.{time_key}")
    sender = _id(payload, "user" if switch and "from" not in payload else "from")
    recipients = _recipients(payload)
    room = ident(payload, "roomid", "payload")
    time, flags = _placed(time, head)
    said = archive.content(kind, payload)
    sender_kind, direction = who(sender, recipients, msgid)
    return Message(
        tenant=head.tenant,
        kind="archive",
        seq=head.seq,
        msgid=msgid,
        time=time,
        received_at=head.received_at,
        type=kind,
        action=action,
        sender=sender,
        sender_kind=sender_kind,
        recipients=recipients,
        room=room,
        conversation=room or ("" if kind == "switch" else between(sender, recipients)),
        direction=direction,
        text=said.text,
        quoted=said.quoted,
        fields=said.fields or {},
        flags=_marked(flags + said.flags, msgid, sender),
    )


def _event(record: dict[str, Any], payload: dict[str, Any], head: _Head) -> Message:
    msgid, source, kind = (_id(record, key, "") for key in ("id", "source", "type"))
    time, flags = _placed(head.time or 0, head)
    deed = side_events.deed(kind, payload) or feeds.deed(kind, payload)
    if deed is None:
        deed, flags = side_events.Deed("", {}), (*flags, FLAG_UNKNOWN_TYPE)
    return Message(
        tenant=head.tenant,
        kind="event",
        seq=head.seq,
        msgid=msgid,
        time=time,
        received_at=head.received_at,
        type=kind,
        action="event",
        sender=deed.actor,
        sender_kind=deed.actor_kind or ("employee" if deed.actor else "system"),
        recipients=deed.recipients,
        room=deed.room,
        conversation=deed.conversation,
        direction=deed.direction,
        text=deed.text,
        fields={"event.source": source, **deed.fields},
        flags=_marked(flags, msgid, deed.actor),
    )


def _marked(flags: tuple[str, ...], msgid: str, sender: str) -> tuple[str, ...]:
    """The flags, with that of a canary where it is one."""
    if is_canary(msgid, sender):
        return (*flags, FLAG_CANARY)
    return flags


def _placed(time: int, head: _Head) -> tuple[int, tuple[str, ...]]:
    """Time to judge by (the record's own, or its receipt when the source says 0), and flags."""
    received_at, flags = head.received_at, head.flags
    if not EARLIEST <= received_at < LATEST:
        raise RecordError("time_out_of_range", "received_at")
    if time == 0:
        return received_at, (*flags, FLAG_TIME_UNKNOWN)
    if time < EARLIEST:
        raise RecordError("time_out_of_range", "time is before 2016")
    if time > received_at + AHEAD:
        raise RecordError("time_out_of_range", "time is more than a day after received_at")
    return time, flags


def _required(owner: dict[str, Any], key: str, path: str = "") -> int:
    value = exact_int(owner, key, path)
    assert value is not None  # noqa: S101 - exact_int raised
    return value


def _id(owner: dict[str, Any], key: str, path: str = "payload") -> str:
    """A required id that is a string and not blank."""
    where = f"{path}.{key}" if path else key
    value = owner.get(key)
    if value is None:
        raise missing(where)
    if type(value) is not str:
        raise wrong(where, "str", value)
    if not (value := value.strip()):
        raise missing(where)
    return fitting(where, value)


def _recipients(payload: dict[str, Any]) -> tuple[str, ...]:
    value = payload.get("tolist")
    if value is None:
        return ()
    if type(value) is not list:
        raise wrong("payload.tolist", "array", value)
    for index, one in enumerate(value):
        if type(one) is not str:
            raise wrong(f"payload.tolist[{index}]", "str", one)
    return tuple(fitting(f"payload.tolist[{n}]", one.strip()) for n, one in enumerate(value))
