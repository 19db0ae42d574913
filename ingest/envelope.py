"""What a collector was given → what it writes: the envelope, its key, its time, its identity.

The collector judges nothing. What cannot be decoded is written as it came, and the job sets it
aside with the reason; here it only lacks a key and a time of its own.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

import msgspec

from rules.decode import HEARTBEAT, Decoder
from rules.draft import Draft
from rules.errors import RecordError
from rules.lenient_json import parse
from rules.message import FLAG_TIME_UNKNOWN, Message
from rules.parties import between
from rules.plain import AHEAD, EARLIEST, VERSION

UNDECODED = "undecoded"
UNTIMED = "untimed"  # in counts: a record that has no time of its own
# keys of an envelope in the order of docs/data-formats.md; `payload` is the last of all
ORDER = ("v", "kind", "time", "received_at", "tenant", "seq", "id", "source", "type")
_TEXT = rb'"[^"\\]*"'
# an envelope that needs no other order
_HEAD = re.compile(
    rb'\{"v":1,"kind":"(?:archive|event)","time":\d+,"received_at":\d+,"tenant":'
    + _TEXT
    + rb',"seq":\d+,(?:"id":'
    + _TEXT
    + rb',"source":'
    + _TEXT
    + rb',"type":'
    + _TEXT
    + rb',)?"payload":'
)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_STRING_OR_BREAK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|[\r\n]+', re.DOTALL)


class Envelope(NamedTuple):
    """One record on its way.

    `time` is that of the event, UTC ms; 0 where it has none. `key` decides the
    partition; "" for what has none. `identity` is a digest of tenant and id, `mark` one of the
    source's own object: the same identity with another mark is a conflict. `kind` is archive,
    event, heartbeat or undecoded.
    """

    value: bytes
    key: str
    time: int
    identity: bytes
    mark: bytes
    actor: str
    kind: str


class Envelopes:
    """Makes envelopes of one tenant.

    Args:
        record_bytes: larger records are written, but not looked into.
    """

    def __init__(self, tenant: str, record_bytes: int) -> None:
        self._tenant = tenant
        self._decoder, self._most = Decoder(tenant, record_bytes), record_bytes

    def of(self, body: bytes, now: int) -> Envelope:
        """The envelope of an envelope or a bare record that was received `now` (UTC ms)."""
        if len(body) > self._most:
            return _undecoded(body)
        self._decoder.at(now)
        head = _HEAD.match(body)
        value, start = (body, head.end()) if head else self._in_order(body, now)
        try:
            draft = self._decoder.draft(value)
        except RecordError:
            return _undecoded(body)
        if draft is None:
            told = parse(value)[0].get("time")
            # It goes to every partition, and all that is older is late from there on: one that does
            # not say a time that can be must not stand for now.
            if type(told) is not int or not EARLIEST <= told <= now + AHEAD:
                return _undecoded(body)
            time = min(told, now)
            return Envelope(value, "", time, _digest(b"\x00told", body), b"", "", HEARTBEAT)
        if not start:
            value, start = self._wrapped(body, draft, now)
        return _made(value, start, draft)

    def _in_order(self, body: bytes, now: int) -> tuple[bytes, int]:
        """(bytes, where its payload begins) of an envelope with its keys in order, and with the
        time of receipt and the tenant where it names none. 0: it is no envelope."""
        try:
            parts = _parts(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return body, self._start(body)
        payload = parts.pop("payload", None)
        if payload is None:
            return body, 0
        told = {"received_at": b"%d" % now, "tenant": msgspec.json.encode(self._tenant)}
        for name, ours in told.items():
            if bytes(parts.get(name, b"null")).strip() == b"null":
                parts[name] = msgspec.Raw(ours)
        names = [name for name in ORDER if name in parts]
        names += [name for name in parts if name not in ORDER]
        head = b"".join(
            msgspec.json.encode(name) + b":" + bytes(parts[name]) + b"," for name in names
        )
        head = b"{" + head + b'"payload":'
        return head + bytes(payload) + b"}", len(head)

    @staticmethod
    def _start(body: bytes) -> int:
        """Where the payload begins in JSON that only the lenient parser reads; 0: nowhere."""
        try:
            record, _ = parse(body)
        except (RecordError, UnicodeDecodeError):
            return 0
        return 1 if isinstance(record, dict) and "payload" in record else 0

    def _wrapped(self, body: bytes, draft: Draft, now: int) -> tuple[bytes, int]:
        """A bare record, its bytes unchanged, as the payload of an envelope."""
        time = 0 if FLAG_TIME_UNKNOWN in draft.flags else draft.time
        head = b'{"v":%d,"kind":"archive","time":%d,"received_at":%d,"tenant":%s,"seq":0,' % (
            VERSION, time, now, msgspec.json.encode(self._tenant),
        )  # fmt: skip
        head += b'"payload":'
        return head + body.strip() + b"}", len(head)


def key_of(message: Message) -> str:
    """What is kept in one partition: a conversation, of events what one person does; "" where
    neither is known."""
    return (message.conversation if message.kind == "archive" else "") or message.sender


def identity_of(tenant: str, msgid: str) -> bytes:
    """The id of a message in a few bytes."""
    return _digest(tenant.encode(), msgid.encode())


def partition_of(key: str, identity: bytes, partitions: int) -> int:
    """Where a collector writes a record: by its key, else by its id."""
    return crc32(key.encode() or identity) % partitions


def _made(value: bytes, start: int, draft: Draft) -> Envelope:
    known = draft.known
    if isinstance(known, Message):
        kind, actor, key = known.kind, known.sender, key_of(known)
    else:
        said = known.payload
        kind, actor = known.kind, said.sender.strip()
        room = said.roomid.strip() if said.roomid else ""
        key = room or between(actor, tuple(map(str.strip, said.tolist or ())))
    content = value[start:].rstrip().removesuffix(b"}").strip()
    about = draft.type.encode()
    if kind == "event" and not draft.flags:
        about += b"\x00%d" % draft.time
    identity = identity_of(draft.tenant, draft.msgid)
    time = 0 if FLAG_TIME_UNKNOWN in draft.flags else draft.time
    return Envelope(value, key, time, identity, _digest(about, content)[:8], actor, kind)


def _undecoded(body: bytes) -> Envelope:
    return Envelope(body, "", 0, _digest(b"\x00raw", body), b"", "", UNDECODED)


def _digest(one: bytes, other: bytes) -> bytes:
    return blake2b(b"%d:%b%b" % (len(one), one, other), digest_size=16).digest()


def one_line(value: bytes) -> bytes | None:
    """The same record without line breaks; None where that would change what it says."""
    if b"\n" not in value and b"\r" not in value:
        return value
    line = _STRING_OR_BREAK.sub(_without_breaks, value)
    try:
        return line if parse(line)[0] == parse(value)[0] else None
    except RecordError:
        return None


def _without_breaks(match: re.Match[bytes]) -> bytes:
    if match[0][:1] != b'"':
        return b" "
    return match[0].replace(b"\r", b"\\r").replace(b"\n", b"\\n")
