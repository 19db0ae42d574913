"""Which files a message carries: every `sdkfileid` in it, wherever it stands.

The file has to be fetched within days or is lost, so nothing here depends on a type that is known:
items of a forwarded conversation are looked into at any depth, types nobody has described are, and
so are records the decoder refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rules.errors import RecordError
from rules.lenient_json import parse

FILE_ID = "sdkfileid"
# types that carry none, so that their records need not be opened
WITHOUT = frozenset(
    (
        "text", "markdown", "link", "news", "weapp", "card", "location", "redpacket",
        "external_redpacket", "revoke", "agree", "disagree", "sphfeed", "docmsg", "vote", "todo",
        "collect", "calendar", "meeting", "meeting_notification", "voiptext", "switch",
    )
)  # fmt: skip
_SIZES = ("filesize", "voice_size", "imagesize")
_MAX_DEPTH = 40
_MAX_NUMBER = 2**63


class SentFile(NamedTuple):
    """A file of a message, as WeCom describes it: what to fetch it with, the type of the message or
    item, the name it was sent with, its MD5 in lower case and its size in bytes. What WeCom does
    not say is "" and 0; what it says may be wrong."""

    file_id: str
    type: str
    name: str
    md5: str
    size: int


def sent_files(raw: bytes) -> list[SentFile]:
    """The files of a record, in the order in which they stand in it, each once."""
    if FILE_ID.encode() not in raw:
        return []
    try:
        record = parse(raw)[0]
    except (RecordError, UnicodeDecodeError, RecursionError):
        return []
    found: dict[str, SentFile] = {}
    for one in _found(record, "", 0):
        found.setdefault(one.file_id, one)
    return list(found.values())


def _found(value: Any, kind: str, depth: int) -> Iterator[SentFile]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from _found(one, kind, depth + 1)
    elif isinstance(value, dict):
        kind = _kind(value, kind)
        file_id = value.get(FILE_ID)
        if isinstance(file_id, str) and file_id.strip():
            yield _file(value, file_id, kind)
        for key, one in value.items():
            if isinstance(one, dict | list):
                yield from _found(one, kind, depth + 1)
            elif key == "content" and isinstance(one, str) and FILE_ID in one:
                yield from _found(_inner(one), kind, depth + 1)


def _inner(text: str) -> Any:
    """An item's body, which is JSON in a string."""
    try:
        return parse(text.encode())[0]
    except (RecordError, UnicodeError, RecursionError):
        return None


def _kind(value: dict[str, Any], kind: str) -> str:
    for key in ("msgtype", "type"):
        named = value.get(key)
        if isinstance(named, str) and named.strip():
            return named.strip().removeprefix("ChatRecord").lower()
    return kind


def _file(value: dict[str, Any], file_id: str, kind: str) -> SentFile:
    size = next((value[key] for key in _SIZES if key in value), 0)
    if isinstance(size, str) and size.isascii() and size.isdecimal():
        size = int(size[:20])
    known = type(size) is int and 0 < size < _MAX_NUMBER
    return SentFile(
        file_id.strip(),
        kind,
        _text(value, "filename"),
        _text(value, "md5sum").strip().lower(),
        size if known else 0,
    )


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
