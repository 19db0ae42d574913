"""Archive payload → text and fields, one function a type (docs/data-formats.md, field table)."""

from __future__ import annotations

from collections.abc import Callable

from rules import archive_media as media
from rules import archive_text as texts
from rules import archive_work as work
from rules.archive_text import Content, Json, lines
from rules.errors import RecordError
from rules.lenient_json import parse
from rules.message import FLAG_INNER_JSON, FLAG_UNKNOWN_TYPE
from rules.reading import body, objects, put, text, to_millis, whole

_MAX_NESTED = 4  # a forwarded record inside a forwarded record inside …


def content(kind: str, payload: Json) -> Content:
    """Text, quoted words, fields and flags of one archive payload of type `kind`.

    An unknown type is no error: it comes back empty with the flag `unknown_type`.

    Raises:
        RecordError: `missing_field` or `wrong_type` in a type we know.
    """
    return _content(kind, payload, 0)


def _content(kind: str, payload: Json, depth: int) -> Content:
    decode = _TYPES.get(kind)
    if decode is not None:
        return decode(payload)
    nesting = _NESTING.get(kind)
    if nesting is not None:
        return nesting(payload, depth)
    return Content(flags=(FLAG_UNKNOWN_TYPE,))


def _mixed(payload: Json, depth: int) -> Content:
    """`mixed`: texts and pictures in one message, all of them the sender's own."""
    found = body(payload, "payload", "mixed")
    items, parts, flags = _items(found, "payload.mixed", depth)
    fields: Json = {}
    urls: dict[str, None] = {}
    for part in parts:
        for url in part.fields.get("link.urls", ()):
            urls[url] = None
        if "link.url" not in fields:
            put(
                fields,
                link__url=part.fields.get("link.url"),
                link__canonical=part.fields.get("link.canonical"),
            )
    put(fields, link__urls=list(urls), items=items)
    own = lines(*(part.text for part in parts))
    return Content(own, lines(*(part.quoted for part in parts)), fields, flags)


def _chatrecord(payload: Json, depth: int) -> Content:
    """`chatrecord`: a forwarded conversation; the words are others', so they are `quoted`."""
    found = body(payload, "payload", "chatrecord")
    items, parts, flags = _items(found, "payload.chatrecord", depth)
    fields: Json = {}
    put(fields, chatrecord__title=text(found, "title", "payload.chatrecord"), items=items)
    words = lines(*(word for part in parts for word in (part.quoted, part.text)))
    return Content("", words, fields, flags)


def _items(found: Json, path: str, depth: int) -> tuple[list[Json], list[Content], tuple[str, ...]]:
    items: list[Json] = []
    parts: list[Content] = []
    flags: dict[str, None] = {}
    for index, item in enumerate(objects(found, "item", path)):
        where = f"{path}.item[{index}]"
        kind = _item_type(text(item, "type", where))
        part, valid = _inner(kind, item, where, depth + 1)
        if not valid:
            flags[FLAG_INNER_JSON] = None
        flags.update(dict.fromkeys(part.flags))
        entry: Json = {"type": kind}
        put(
            entry,
            time=to_millis(whole(item, "msgtime", where)),
            text=part.text,
            quoted=part.quoted,
            **part.fields,
        )
        items.append(entry)
        parts.append(part)
    return items, parts, tuple(flags)


def _inner(kind: str, item: Json, where: str, depth: int) -> tuple[Content, bool]:
    """An item's body: a string of JSON, seldom an object. What cannot be read stays raw text."""
    raw = item.get("content")
    if kind not in TYPES:
        return Content(raw if isinstance(raw, str) else "", flags=(FLAG_UNKNOWN_TYPE,)), True
    if raw is None or depth > _MAX_NESTED:
        return Content(raw if isinstance(raw, str) else ""), raw is None
    try:
        inner = raw if isinstance(raw, dict) else parse(text(item, "content", where).encode())[0]
        if not isinstance(inner, dict):
            raise RecordError("not_an_object")
        payload = {"msgtype": kind, **dict.fromkeys(_body_keys(kind), inner)}
        return _content(kind, payload, depth), True
    except RecordError:
        if not isinstance(raw, str):
            raise
        return Content(raw), False


def _item_type(written: str) -> str:
    name = written.strip().removeprefix("ChatRecord").lower()
    return ALIASES.get(name, name)


def _body_keys(kind: str) -> tuple[str, ...]:
    return (kind, *_OTHER_KEYS.get(kind, ()))


_TYPES: dict[str, Callable[[Json], Content]] = {
    "text": texts.text_message,
    "markdown": texts.markdown,
    "link": texts.link,
    "news": texts.news,
    "weapp": texts.weapp,
    "sphfeed": texts.sphfeed,
    "docmsg": texts.docmsg,
    "image": media.image,
    "voice": media.voice,
    "video": media.video,
    "emotion": media.emotion,
    "file": media.file,
    "qydiskfile": media.qydiskfile,
    "voip_doc_share": media.voip_doc_share,
    "card": media.card,
    "location": media.location,
    "redpacket": media.redpacket,
    "external_redpacket": media.redpacket,
    "revoke": media.revoke,
    "agree": media.agree,
    "disagree": media.agree,
    "meeting": work.meeting,
    "meeting_notification": work.meeting_notification,
    "calendar": work.calendar,
    "meeting_voice_call": work.meeting_voice_call,
    "voiptext": work.voiptext,
    "collect": work.collect,
    "vote": work.vote,
    "todo": work.todo,
    "solitaire": work.free_form,
    "note": work.free_form,
    "switch": lambda payload: Content(),
}
_NESTING: dict[str, Callable[[Json, int], Content]] = {"mixed": _mixed, "chatrecord": _chatrecord}
_OTHER_KEYS = {
    "docmsg": ("doc",),
    "markdown": ("info",),
    "news": ("info",),
    "meeting_notification": ("info",),
    "voiptext": ("info",),
    "qydiskfile": ("info",),
    "external_redpacket": ("redpacket",),
}
# Other spellings of types seen in the wild.
ALIASES = {"meetingvoicecall": "meeting_voice_call", "voipdocshare": "voip_doc_share"}
TYPES = frozenset(_TYPES) | frozenset(_NESTING)
