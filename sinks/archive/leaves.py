"""What the ledger holds: one entry for everything that must not change unseen.

An entry is canonical JSON (sorted keys, no blanks) and says what it is of, by its id, and the SM3
of its bytes; never the bytes themselves. Of a message it also says where its sealed record is.
"""

from __future__ import annotations

import contextlib
import json
from typing import NamedTuple

import msgspec

from rules.alert import sm3_raw
from sinks.ledger.canonical import canonical

MESSAGE = "message"
ALERT, INCIDENT, HANDLED, LATE, QUARANTINE = "alert", "incident", "handled", "late", "quarantine"
CUSTODY, MEDIA = "custody", "media"  # lines of books; their ids are the lines' numbers
# kinds of outputs that are entered, each version of them, and the kind of their entries
ENTERED = {
    "alerts": ALERT,
    "incidents": INCIDENT,
    "handled": HANDLED,
    "late": LATE,
    "quarantine": QUARANTINE,
}


# fields in the order of their names, which makes the encoding canonical
class _Message(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    kind: str
    n: int
    seg: str
    seq: int
    sm3: str
    time: int
    v: int = 1


class _Other(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    kind: str
    sm3: str
    v: int = 1


class OtherLeaf(NamedTuple):
    """Anything else in the ledger: what it is (a value of `ENTERED`, …), its id, its digest in hex
    (`digest_of`). One that changes, as an alert does that is taken back, is entered each time."""

    kind: str
    id: str
    sm3: str


class MessageLeaf(NamedTuple):
    """A message in the ledger: its id, sequence and time (UTC ms), the SM3 of its raw record in
    hex, and the segment and number of its sealed record."""

    msgid: str
    seq: int
    time: int
    sm3: str
    segment: str
    number: int


def digest_of(body: bytes) -> str:
    """SM3 in hex of an output: of its canonical JSON, so that whoever has the document from an
    index, which keeps no order of keys, comes to the same; of its bytes where it is no JSON."""
    with contextlib.suppress(ValueError, RecursionError):
        body = canonical(json.loads(body))
    return sm3_raw(body)


def message_entry(leaf: MessageLeaf) -> bytes:
    """The entry of a message."""
    return msgspec.json.encode(
        _Message(leaf.msgid, MESSAGE, leaf.number, leaf.segment, leaf.seq, leaf.sm3, leaf.time)
    )


def other_entry(leaf: OtherLeaf) -> bytes:
    """The entry of anything that is no message."""
    return msgspec.json.encode(_Other(leaf.id, leaf.kind, leaf.sm3))


def read_other(entry: bytes) -> OtherLeaf | None:
    """What an entry is of; None when it is a message or nothing known."""
    try:
        told = msgspec.json.decode(entry, type=_Other)
    except msgspec.MsgspecError:
        return None
    return OtherLeaf(told.kind, told.id, told.sm3)


def read_message(entry: bytes) -> MessageLeaf | None:
    """The message of an entry; None when it is of something else."""
    try:
        told = msgspec.json.decode(entry, type=_Message)
    except msgspec.MsgspecError:
        return None
    if told.kind != MESSAGE:
        return None
    return MessageLeaf(told.id, told.seq, told.time, told.sm3, told.seg, told.n)
