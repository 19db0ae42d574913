"""Which types of record fill a field, so that a rule that asks for both never fires.

From the decoders (`rules.archive*`, `rules.side_events`); the tests hold it against the samples.
"""

from __future__ import annotations

from collections.abc import Mapping

from rules import archive, feeds, side_events
from rules.conditions import And, AtLeast, Compare, Node, Not, Or, Until

_FEEDS = tuple(feeds.events())  # may say something, and name a customer
ALL = archive.TYPES | side_events.TYPES | {*_FEEDS, "*"}  # "*" stands for the types we do not know
FEED_TYPES = frozenset(_FEEDS)
_TYPED = (
    "text",
    "markdown",
    "sphfeed",
    "todo",
    "meeting_notification",
    "solitaire",
    "note",
    "mixed",
)
_FILES = ("file", "qydiskfile", "voip_doc_share")
_MEDIA = ("image", "voice", "video", "emotion")
_LOGGED = ("login_new_device", "login_secondary_device", "member_operation", "admin_operation")
_CUSTOMER = ("customer_added", "customer_deleted", "customer_edited")
_BY_CUSTOMER = ("customer_left", "audit_approved")
_PACKETS = ("redpacket", "external_redpacket")
_ROWS: dict[str, tuple[str, ...]] = {
    "text text.gist": (
        *_TYPED, "link", "news", "weapp", "docmsg", *_PACKETS, "meeting", "calendar", "collect",
        "vote", *_FEEDS, "*",
    ),
    "quoted": (*_TYPED, "chatrecord", "*"),
    "link.url link.canonical link.urls link.domain": (*_TYPED, "link", "news", "docmsg"),
    "link.title": ("link", "news", "weapp", "docmsg"),
    "weapp.username weapp.name": ("weapp",),
    "sph.name sph.type": ("sphfeed",),
    "doc.creator": ("docmsg",),
    "file.name file.size file.md5": (*_FILES, "file_operation"),
    "file.ext": _FILES,
    "media.id": (*_MEDIA, *_FILES, "meeting_voice_call"),
    "media.md5 media.size media.seconds": _MEDIA,
    "emotion.type": ("emotion",),
    "card.userid card.corpname": ("card",),
    "location.latitude location.longitude location.address location.title": ("location",),
    "redpacket.type redpacket.count redpacket.amount": _PACKETS,
    "revoke.pre_msgid": ("revoke",),
    "agree.userid agree.time": ("agree", "disagree"),
    "call.id": ("voip_doc_share", "meeting_voice_call"),
    "call.seconds": ("meeting_voice_call", "voiptext"),
    "call.type": ("voiptext",),
    "call.shared_files call.screen_shares": ("meeting_voice_call",),
    "collect.creator collect.room_name": ("collect",),
    "vote.id vote.type": ("vote",),
    "meeting.id meeting.type": ("meeting", "meeting_notification"),
    "meeting.start meeting.end meeting.place": ("meeting", "calendar"),
    "meeting.status": ("meeting",),
    "meeting.attendees": ("calendar",),
    "chatrecord.title": ("chatrecord",),
    "items": ("mixed", "chatrecord"),
    "customer": (*_CUSTOMER, *_BY_CUSTOMER, "transfer_failed", "customer_transferred", *_FEEDS),
    "ref.msgid": _FEEDS,
    "event.state event.source_reason": _CUSTOMER,
    "event.employee": _BY_CUSTOMER,
    "event.takeover": ("transfer_failed", "customer_transferred"),
    "event.fail_reason": ("transfer_failed",),
    "event.handover event.approval": ("customer_transferred",),
    "event.change": ("room_changed", "drive_changed"),
    "event.join_scene event.quit_scene event.members": ("room_changed",),
    "event.detail": ("room_changed", *_LOGGED, "screen_operation"),
    "event.oper_type event.detail_type event.ip": _LOGGED,
    "event.operation": ("file_operation", "screen_operation", "archive_accessed"),
    "event.operation_source": ("file_operation",),
    "event.department device.system": ("screen_operation",),
    "event.object": ("archive_accessed",),
    "device.type device.code external.name external.corp": ("file_operation",),
    "drive.space drive.files": ("drive_changed",),
}  # fmt: skip
TYPES_OF: Mapping[str, frozenset[str]] = {
    name: frozenset(types) for names, types in _ROWS.items() for name in names.split()
} | {
    f"{event.feed}.{key}": frozenset(
        other.type
        for other in feeds.events().values()
        if other.feed == event.feed and key in other.fields
    )
    for event in feeds.events().values()
    for key in event.fields
}
TYPE_FIELDS = ("type", "msgtype", "event")


def possible(node: Node) -> frozenset[str]:
    """Types of record for which the condition may hold; `ALL` when nothing is known."""
    if isinstance(node, And):
        found = frozenset(ALL)
        for child in node.children:
            found &= possible(child)
        return found
    if isinstance(node, Or | AtLeast):
        return frozenset().union(*(possible(child) for child in node.children))
    if isinstance(node, Until):
        return frozenset(ALL)
    if isinstance(node, Not):
        of_type = _of_type(node.child)
        return frozenset(ALL) if of_type is None else frozenset(ALL) - (of_type - {"*"})
    of_type = _of_type(node)
    if of_type is not None:
        return of_type
    field = getattr(node, "field", None)
    if not isinstance(field, str):
        return frozenset(ALL)
    absent = isinstance(node, Compare) and (
        node.operator == "null" or (node.operator == "exists" and not node.wanted)
    )
    return frozenset(ALL) if absent else TYPES_OF.get(field, frozenset(ALL))


def _of_type(node: Node) -> frozenset[str] | None:
    """The types a question about the type names; None when it is another question."""
    if isinstance(node, Or):
        parts = [_of_type(child) for child in node.children]
        known = [part for part in parts if part is not None]
        return frozenset().union(*known) if len(known) == len(parts) else None
    if isinstance(node, Compare) and node.field in TYPE_FIELDS and node.operator == "equals":
        wanted = str(node.wanted).casefold()
        return frozenset({wanted if wanted in ALL else "*"})
    return None
