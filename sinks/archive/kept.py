"""What the archive knows of a raw record."""

from __future__ import annotations

import hashlib

from rules.decode import Decoder
from rules.errors import RecordError
from rules.message import Message

RAW = "raw"


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
