"""What the archive knows of a raw record."""

from __future__ import annotations

import hashlib

from rules.decode import Decoder
from rules.errors import RecordError
from rules.message import Message
from sinks.archive.leaves import MessageLeaf
from sinks.archive.rows import Row
from sinks.archive.segment import Place

RAW = "raw"
DAMAGED = "damaged"  # the type of a message whose record does not open when its row is made again


def message_of(decoder: Decoder, raw: bytes) -> Message | None:
    """The message in a record; None of a heartbeat. A record that cannot be decoded is kept too:
    it has the kind `raw`, the reason for its type, an id that is a function of its bytes, and no
    time."""
    try:
        draft = decoder.draft(raw)
        return None if draft is None else decoder.message(draft)
    except RecordError as error:
        digest = hashlib.new("sm3", raw).hexdigest()
        return Message(
            tenant="",
            kind=RAW,
            seq=0,
            msgid=f"{RAW}-{digest[:32]}",
            time=0,
            received_at=0,
            type=error.reason,
            sender_kind="system",
        )


def row_of(leaf: int, told: MessageLeaf, message: Message | None, place: Place, size: int) -> Row:
    """The row of a message.

    Args:
        leaf: its number in the ledger.
        told: what the ledger says of it; segment and number as they are now.
        message: None where its record does not open: then nobody can say who it is from and to, and
            for policies and holds it is like a record that could not be decoded.
        size: of the raw record in bytes.
    """
    if message is None:
        known = (RAW, DAMAGED, "", "", "", "")
    else:
        known = (
            message.kind, message.type, message.sender, message.room, message.conversation,
            message.direction,
        )  # fmt: skip
    sm3 = bytes.fromhex(told.sm3)
    at = (told.segment, told.number, place.offset, place.length, size, sm3)
    return Row(leaf, told.msgid, told.seq, told.time, *known, *at)
