"""The quick road: an ordinary archived message straight into typed structs.

Takes only what the careful road (`rules.decode`) would take without a remark; everything else,
and everything odd, comes back as None and goes that road.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from rules.reading import MAX_ID

VERSION = 1  # of the envelope (docs/data-formats.md)
EARLIEST = 1_451_606_400_000  # 2016-01-01 UTC: WeCom did not exist before
LATEST = 253_402_214_400_000  # the last day of 9999: beyond it some office cannot write the date
AHEAD = 24 * 3600 * 1000  # how much a record's time may be later than its receipt

_Id = Annotated[str, Meta(max_length=MAX_ID)]
_Time = Annotated[int, Meta(ge=EARLIEST, lt=LATEST)]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Words(msgspec.Struct, gc=False):
    """Body of a `text`."""

    content: str


class _Media(msgspec.Struct, gc=False):
    """Body of a type without words: what the careful road reads, so that it would not object."""

    md5sum: str | None = None
    sdkfileid: str | None = None
    filesize: _Count | None = None
    voice_size: _Count | None = None
    imagesize: _Count | None = None
    play_length: _Count | None = None
    type: _Count | None = None


class Payload(msgspec.Struct, gc=False):
    """An archive plaintext, as far as an ordinary message needs it."""

    msgid: _Id
    sender: _Id = msgspec.field(name="from")
    msgtime: int
    msgtype: Literal["text", "image", "emotion", "voice", "video"]
    action: str | None = None
    tolist: list[_Id] | None = None
    roomid: _Id | None = None
    text: Words | None = None
    image: _Media | None = None
    emotion: _Media | None = None
    voice: _Media | None = None
    video: _Media | None = None


class Plain(msgspec.Struct, gc=False):
    """The envelope of an ordinary message."""

    v: Literal[1]
    kind: Literal["archive"]
    time: _Time
    received_at: _Time
    seq: _Count
    payload: Payload
    tenant: str | None = None


_decode = msgspec.json.Decoder(Plain).decode


def plain(raw: bytes) -> Plain | None:
    """The message in `raw`, valid UTF-8, or None when the careful road has to look at it.

    `msgid` and `from` are not blank but may have blanks around them. A type that can have words is
    `text` alone; of the others the body has been checked and carries none.
    """
    try:
        found = _decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    said = found.payload
    time = found.time
    if (
        time != said.msgtime
        or time > found.received_at + AHEAD
        or getattr(said, said.msgtype) is None
        or not said.msgid.strip()
        or not said.sender.strip()
    ):
        return None
    return found
