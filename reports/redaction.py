"""Takes content out of raw records in such a way that it can be shown to be what was there.

A hole is a stretch of a record's bytes that is filled with stars, a filler for each character and
of the same length, so that the record stays JSON and every place in it stays what it was. What was
there is committed to as SM3(salt ‖ bytes); the salt, 32 bytes, keeps short content such as a number
from being guessed. Whoever is given a hole's salt and bytes (its opening) sees that they are the
ones committed to; with all holes of a record opened, the record is whole again and has the digest
that the ledger holds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from reports.masking import mask_numbers

NUMBERS, OTHERS = "numbers", "others"  # what can be taken out
OPENINGS = "openings"  # ending of the sealed file of what was taken out
SALT_BYTES = 32
_SALTS = b"mingjian redaction salts"
# what a record is found and placed by is no content
_STRUCTURE = frozenset({
    "v", "kind", "time", "received_at", "tenant", "seq", "id", "source", "type", "msgid", "action",
    "from", "tolist", "roomid", "msgtime", "msgtype", "sdkfileid", "md5sum", "file_md5",
    "pre_msgid", "userid", "external_userid", "openid", "partner_openid", "docid", "meetingid",
    "voiceid", "voipid", "encoding", "version", "corpid", "room_id", "customer", "employee",
})  # fmt: skip
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|[{}\[\],:]', re.S)
_CHARACTER = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|"
    rb"[\x00-\x7f]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}",
    re.S,
)
# a filler of as many bytes for one character in UTF-8, and for one escaped
FILLERS = {1: b"*", 2: "·".encode(), 3: "＊".encode(), 4: "𐄂".encode(), 6: rb"\u002a",
           12: rb"\ud800\udd02"}  # fmt: skip


class Hole(NamedTuple):
    """A stretch that was taken out: where it begins in the record and how long it is, in bytes;
    what it is (`NUMBERS` or `OTHERS`); the commitment to it in hex; the opening."""

    at: int
    length: int
    what: str
    commitment: str
    salt: bytes
    value: bytes


class Salts:
    """Gives each hole its salt: a function of a secret key, the record and the place, so that the
    same hole is the same in every pack.

    Args:
        key: secret, of this installation.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _SALTS, "sm3")

    def of(self, raw: bytes, at: int, length: int) -> bytes:
        """The salt of a hole in `raw`."""
        digest = hashlib.new("sm3", raw).digest()
        place = at.to_bytes(8, "big") + length.to_bytes(8, "big")
        return hmac.digest(self._key, digest + place, "sm3")


def commitment(salt: bytes, value: bytes) -> str:
    """SM3(salt ‖ value), hex."""
    return hashlib.new("sm3", salt + value).hexdigest()


def redacted(raw: bytes, what: str, salts: Salts) -> tuple[bytes, tuple[Hole, ...]]:
    """The record with its holes filled, and the holes in order.

    Args:
        raw: a record, JSON in UTF-8.
        what: `NUMBERS` takes out the middle of long numbers, as the readable part masks them;
            `OTHERS` every text that is content.
    """
    hides = _numbers if what == NUMBERS else _everything
    filled, holes = bytearray(raw), list[Hole]()
    for start, text in _contents(raw):
        places = [(start + m.start(), m.group()) for m in _CHARACTER.finditer(text)]
        for first, last in _stretches(hides([_told(one) for _, one in places])):
            at, end = places[first][0], places[last][0] + len(places[last][1])
            value, salt = raw[at:end], salts.of(raw, at, end - at)
            holes.append(Hole(at, end - at, what, commitment(salt, value), salt, value))
            for place, character in places[first : last + 1]:
                filled[place : place + len(character)] = FILLERS[len(character)]
    return bytes(filled), tuple(holes)


def _contents(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """(place, bytes between the quotes) of every text of a record that is a value and content."""
    stack: list[Any] = [None]  # the key under which each open bracket stands
    key, value = b"", False
    for token in _TOKEN.finditer(raw):
        mark = token.group()
        if mark in (b"{", b"["):
            stack.append((key, mark))
            value = mark == b"["
        elif mark in (b"}", b"]"):
            if len(stack) > 1:
                stack.pop()
        elif mark == b":":
            value = True
        elif mark == b",":
            inside = stack[-1]
            value = bool(inside) and inside[1] == b"["
            key = inside[0] if value else key
        elif not value:
            key = token.group(1)
        elif key.decode("utf-8", "replace") not in _STRUCTURE:
            yield token.start(1), token.group(1)


def _told(character: bytes) -> str:
    """The character that stands there; "" for an escape that is not one character of content."""
    if character[:2] == rb"\u":
        units = [int(character[at + 2 : at + 6], 16) for at in range(0, len(character), 6)]
        data = b"".join(unit.to_bytes(2, "big") for unit in units)
        return data.decode("utf-16-be", "replace")
    if character[:1] == b"\\":
        return ""
    return character.decode("utf-8", "replace")


def _numbers(told: list[str]) -> list[bool]:
    text = "".join(one or "\n" for one in told)
    return [one != shown for one, shown in zip(text, mask_numbers(text), strict=True)]


def _everything(told: list[str]) -> list[bool]:
    return [bool(one) for one in told]


def _stretches(hidden: list[bool]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of characters that are hidden."""
    start: int | None = None
    for at, one in enumerate([*hidden, False]):
        if one and start is None:
            start = at
        elif not one and start is not None:
            yield start, at - 1
            start = None


Redactor = Callable[[bytes, str], tuple[bytes, tuple[Hole, ...]]]
