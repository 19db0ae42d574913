"""The one shape every record has once it is decoded.

A `Message` is either something said (`kind="archive"`, the WeCom session archive) or something
done (`kind="event"`, callbacks and side logs). Rules see both through `Message.field(name)`.
The wire format is docs/data-formats.md; the decoder is `rules.decode`.
"""

from __future__ import annotations

from typing import Any

import msgspec

KINDS = ("archive", "event")
SENDER_KINDS = ("employee", "customer", "bot", "system")
DIRECTIONS = ("internal", "outbound", "inbound")  # seen from the company

# Effects a decoder noticed and kept, instead of failing:
FLAG_TIME_UNKNOWN = "time_unknown"  # msgtime 0: ordered by seq, placed at received_at
FLAG_UNKNOWN_TYPE = "unknown_type"  # msgtype or event type we do not know: kept raw, counted
FLAG_QUOTED = "quoted_reply"  # text split into own words and quoted words
FLAG_INNER_JSON = "inner_json_invalid"  # mixed/chatrecord item whose inner JSON string is broken


# gc=False: a message never refers back to itself, and millions of them pass by
class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One decoded record.

    Times are UTC milliseconds. `time` is the event time used for judging: the message's own time,
    or `received_at` when the source says 0 (then `time_unknown` is in `flags`).
    `text` holds only the sender's own words; what a reply quotes is in `quoted`.
    `fields` holds what else the type carries under dotted names ("link.url", "file.md5",
    "revoke.pre_msgid", "event.source", ...; the full list is docs/data-formats.md).
    """

    tenant: str
    kind: str
    seq: int
    msgid: str
    time: int
    received_at: int
    type: str
    action: str = "send"
    sender: str = ""
    sender_kind: str = "employee"
    recipients: tuple[str, ...] = ()
    room: str = ""
    conversation: str = ""
    direction: str = "internal"
    text: str = ""
    quoted: str = ""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def field(self, name: str) -> Any:
        """Value of a field by the name rules use; None when the message has no such field."""
        if name in _DIRECT:
            return getattr(self, _DIRECT[name])
        return self.fields.get(name)


# name in rules -> attribute of Message; every other name is looked up in `fields`
_DIRECT = {
    "tenant": "tenant",
    "kind": "kind",
    "seq": "seq",
    "msgid": "msgid",
    "time": "time",
    "type": "type",
    "msgtype": "type",
    "event": "type",
    "action": "action",
    "sender": "sender",
    "from": "sender",
    "actor": "sender",
    "sender_kind": "sender_kind",
    "recipients": "recipients",
    "tolist": "recipients",
    "room": "room",
    "roomid": "room",
    "conversation": "conversation",
    "direction": "direction",
    "text": "text",
    "quoted": "quoted",
    "flags": "flags",
}
DIRECT_FIELDS = frozenset(_DIRECT)
