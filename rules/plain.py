"""The quick road: an ordinary archived message straight into typed structs.

Takes only what the careful road (`rules.decode`) would take without a remark; everything else,
and everything odd, comes back as None and goes that road.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from rules import archive
from rules.archive_text import Content, from_words, lines, own_words
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


class _Media(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a type without words: what the careful road reads, so that it would not object."""

    md5sum: str | None = None
    sdkfileid: str | None = None
    filesize: _Count | None = None
    voice_size: _Count | None = None
    imagesize: _Count | None = None
    play_length: _Count | None = None
    type: _Count | None = None


class _File(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `file`, and the like."""

    filename: str | None = None
    fileext: str | None = None
    filesize: _Count | None = None
    md5sum: str | None = None
    sdkfileid: str | None = None


class _Page(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `link`, and of a `docmsg`."""

    title: str | None = None
    link_url: str | None = None
    description: str | None = None
    doc_creator: str | None = None


class _Weapp(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `weapp`."""

    title: str | None = None
    description: str | None = None
    username: str | None = None
    displayname: str | None = None


class _Card(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `card`."""

    userid: _Id | None = None
    Userid: _Id | None = None
    corpname: str | None = None


class _Place(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `location`, in degrees."""

    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None
    title: str | None = None


class _TakenBack(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `revoke`."""

    pre_msgid: _Id


class _Gift(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `redpacket`."""

    type: _Count | None = None
    totalcnt: _Count | None = None
    totalamount: _Count | None = None
    wish: str | None = None


class _Info(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `voiptext`, and of a `markdown`."""

    callduration: _Count | None = None
    invitetype: _Count | None = None
    content: str | None = None


class _Meeting(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `meeting`."""

    topic: str | None = None
    remarks: str | None = None
    meetingid: _Id | _Count | None = None
    starttime: _Count | None = None
    endtime: _Count | None = None
    address: str | None = None
    meetingtype: _Count | None = None
    status: _Count | None = None


class _Day(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `calendar`."""

    title: str | None = None
    remarks: str | None = None
    place: str | None = None
    starttime: _Count | None = None
    endtime: _Count | None = None
    attendeename: list[str] | None = None


class _Post(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of a `sphfeed`."""

    feed_desc: str | None = None
    sph_name: str | None = None
    feed_type: _Count | None = None


class _Answer(msgspec.Struct, gc=False, omit_defaults=True):
    """Body of an `agree` or `disagree`."""

    userid: _Id | _Count | None = None
    agree_time: _Count | None = None
    disagree_time: _Count | None = None


class Payload(msgspec.Struct, gc=False):
    """An archive plaintext, as far as an ordinary message needs it."""

    msgid: _Id
    sender: _Id = msgspec.field(name="from")
    msgtime: int
    msgtype: Literal[
        "text", "image", "emotion", "voice", "video", "file", "link", "weapp", "card", "location",
        "revoke", "redpacket", "docmsg", "voiptext", "meeting", "calendar", "sphfeed", "markdown",
        "agree", "disagree",
    ]  # fmt: skip
    action: str | None = None
    tolist: list[_Id] | None = None
    roomid: _Id | None = None
    text: Words | None = None
    image: _Media | None = None
    emotion: _Media | None = None
    voice: _Media | None = None
    video: _Media | None = None
    file: _File | None = None
    link: _Page | None = None
    weapp: _Weapp | None = None
    card: _Card | None = None
    location: _Place | None = None
    revoke: _TakenBack | None = None
    redpacket: _Gift | None = None
    doc: _Page | None = None
    info: _Info | None = None
    meeting: _Meeting | None = None
    calendar: _Day | None = None
    sphfeed: _Post | None = None
    agree: _Answer | None = None
    disagree: _Answer | msgspec.UnsetType | None = msgspec.UNSET  # its key alone counts

    def body(self) -> Any:
        """The body of its type; None when it is not there."""
        return getattr(self, _KEYS.get(self.msgtype, self.msgtype))

    def words(self) -> str:
        """The text that rules are asked about, of a type other than text, as `rules.archive`
        makes it of the whole."""
        read = _WORDS.get(self.msgtype)
        return read(self.body()) if read else ""

    def content(self) -> Content:
        """The whole content, read as the careful road reads it, so that fields are made in one
        place."""
        said = self.text
        if said is not None and self.msgtype == "text":
            return from_words(said.content)
        key = _KEYS.get(self.msgtype, self.msgtype)
        return archive.content(self.msgtype, {key: msgspec.to_builtins(self.body())})


# where the body of a type stands under another name
_KEYS = {"docmsg": "doc", "voiptext": "info", "markdown": "info"}
_HINTS = get_type_hints(Payload)
# types whose bodies have neither a file's name nor a title
NAMELESS = frozenset(
    kind
    for kind in get_args(_HINTS["msgtype"])
    if not any(
        {"filename", "title"}.intersection(getattr(made, "__struct_fields__", ()))
        for made in get_args(_HINTS[_KEYS.get(kind, kind)])
    )
)
_WORDS: dict[str, Callable[[Any], str]] = {
    "link": lambda body: lines(body.title or "", body.description or ""),
    "weapp": lambda body: lines(body.title or "", body.description or ""),
    "docmsg": lambda body: body.title or "",
    "redpacket": lambda body: body.wish or "",
    "meeting": lambda body: lines(body.topic or "", body.remarks or ""),
    "calendar": lambda body: lines(body.title or "", body.remarks or ""),
    "sphfeed": lambda body: own_words(body.feed_desc or "")[1],
    "markdown": lambda body: own_words(body.content)[1],
}


class Plain(msgspec.Struct, gc=False):
    """The envelope of an ordinary message."""

    v: Literal[1]
    kind: Literal["archive"]
    time: _Time
    received_at: _Time
    seq: _Count
    payload: Payload
    tenant: str | None = None


def has_whole_body(said: Payload) -> bool:
    """Whether the body of a type other than text is there with what it must have."""
    body, kind = said.body(), said.msgtype
    if body is None or body is msgspec.UNSET:
        return False
    if said.revoke is not None and not said.revoke.pre_msgid.strip():
        return False
    if kind == "markdown":
        return said.info is not None and said.info.content is not None
    return kind != "agree" or said.disagree is msgspec.UNSET


decode_plain = msgspec.json.Decoder(Plain).decode
