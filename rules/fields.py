"""The names of all fields that rules can ask for, as docs/data-formats.md lists them.

A rule that asks for a field nobody ever fills would silently never fire, so the loader refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rules import feeds
from rules.derived import DERIVED
from rules.message import DIRECT_FIELDS, DIRECTIONS, KINDS, SENDER_KINDS

_BY_PREFIX = {
    "agree": "userid time",
    "call": "id seconds type shared_files screen_shares",
    "card": "userid corpname",
    "chatrecord": "title",
    "collect": "creator room_name",
    "device": "type code system",
    "doc": "creator",
    "drive": "space files",
    "emotion": "type",
    "event": "state source source_reason employee takeover handover approval fail_reason change"
    " detail detail_type join_scene quit_scene members ip oper_type operation operation_source"
    " department object",
    "external": "name corp",
    "file": "name ext size md5",
    "link": "url canonical urls title",
    "location": "latitude longitude address title",
    "media": "md5 size seconds id",
    "meeting": "id start end place type status attendees",
    "redpacket": "type count amount",
    "revoke": "pre_msgid",
    "sph": "name type",
    "vote": "id type",
    "weapp": "username name",
}
TYPED_FIELDS = frozenset(
    {f"{prefix}.{name}" for prefix, names in _BY_PREFIX.items() for name in names.split()}
    | {"customer", "items"}
    | DERIVED.keys()
)
# joined from the reference lists of staff and customers (rules.reference)
DIRECTORY_FIELDS = frozenset(
    {"sender.department", "sender.role", "sender.scene", "customer.segment", "customer.owner"}
)
FIELDS = DIRECT_FIELDS | TYPED_FIELDS | DIRECTORY_FIELDS | feeds.fields()

# fields whose every value is known: another one is a typing error, not a rare message
CLOSED: Mapping[str, tuple[str, ...]] = {
    "direction": DIRECTIONS,
    "kind": KINDS,
    "sender_kind": SENDER_KINDS,
}
