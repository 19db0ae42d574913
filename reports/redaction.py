"""Takes content out of raw records in such a way that it can be shown to be what was there.

A hole is a stretch of a record's bytes that is filled, a filler for each character and of the same
length, so that the record stays JSON and every place in it stays what it was. What was there is
committed to (`hole_commitment`) with a salt of 32 bytes, so that it cannot be guessed. The digests
of the record as it stood would let it be guessed all the same, since all but the hole can be seen:
they are committed to as well (`record_commitment`), and come with the openings. Whoever is given a
hole's opening sees that it is what was committed to; with all holes of a record opened, the record
is whole again and has the digests committed to.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from reports.masking import mask_hits
from reports.standalone.redaction_checks import hole_commitment, record_commitment

NUMBERS, OTHERS = "numbers", "others"  # what can be taken out
OPENINGS = "openings"  # ending of the sealed file of what was taken out
_SALTS = b"mingjian redaction salts"
# what an envelope (the outer level) and a payload (below it) are found and placed by is no content
_STRUCTURE = frozenset({
    "v", "kind", "time", "received_at", "tenant", "seq", "id", "source", "type", "msgid", "action",
    "from", "tolist", "roomid", "msgtime", "msgtype", "userid", "external_userid", "user",
})  # fmt: skip
_PLACES = frozenset({"sdkfileid", "md5sum", "file_md5", "pre_msgid"})  # likewise, below these
_LEVELS = 2
_LONG_NUMBER = 11  # digits, as `reports.masking`
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|(-?[0-9][0-9.eE+-]*)|[{}\[\],:]', re.S)
_CHARACTER = re.compile(
    rb"\\\\u[0-9a-fA-F]{4}|"  # an escape inside JSON that stands in a text
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|"
    rb"[\x00-\x7f]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}",
    re.S,
)
# a filler of as many bytes for one character: in UTF-8, escaped, escaped twice
FILLERS = {1: b"*", 2: "·".encode(), 3: "＊".encode(), 4: "𐄂".encode(), 6: rb"\u002a",
           7: rb"\\u002a", 12: rb"\ud800\udd02"}  # fmt: skip
_SIMPLE = {b"\\n": "\n", b"\\t": "\t", b"\\r": "\r"}


def openings_of(manifest_sm3: str) -> str:
    """The ending of the sealed file with what was taken out of the pack of this manifest."""
    return f"{manifest_sm3[:16]}.{OPENINGS}"


class Hole(NamedTuple):
    """A stretch that was taken out: where it begins in the record and how long it is, in bytes;
    what it is (`NUMBERS` or `OTHERS`); the commitment to it in hex; the opening."""

    at: int
    length: int
    what: str
    commitment: str
    salt: bytes
    value: bytes


class Redacted(NamedTuple):
    """A record with its holes filled, and the holes in order; the commitment to the digests it had,
    and the salt of that."""

    raw: bytes
    holes: tuple[Hole, ...]
    commitment: str = ""
    salt: bytes = b""


class Salts:
    """Gives each hole and each record its salt, a function of a secret key and of what it is for.

    Args:
        key: secret, of this installation.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _SALTS, "sm3")

    def of(self, digest: bytes, *place: int) -> bytes:
        """The salt of a place in the record with this SM3; of the record itself without one."""
        told = b"".join(one.to_bytes(8, "big") for one in place)
        return hmac.digest(self._key, digest + told, "sm3")


def redacted(
    raw: bytes,
    what: str,
    salts: Salts,
    number: int,
    text: str = "",
    hits: Sequence[dict[str, Any]] = (),
) -> Redacted:
    """The record without what is to go.

    Args:
        raw: a record, JSON in UTF-8.
        what: `NUMBERS` takes out the middle of long numbers, as the readable part masks them;
            `OTHERS` every text and number that is content.
        number: of the record in the pack.
        text, hits: of the message; what a detector found in its text is masked as there.
    """
    digest = hashlib.new("sm3", raw).digest()
    filled, holes = bytearray(raw), list[Hole]()
    for start, end, fills in _taken_out(raw, what, text, hits):
        value, salt = raw[start:end], salts.of(digest, number, start, end - start)
        told = hole_commitment(salt, number, start, value)
        holes.append(Hole(start, end - start, what, told, salt, value))
        filled[start:end] = fills
    if not holes:
        return Redacted(raw, ())
    salt = salts.of(digest, number)
    sha256 = hashlib.sha256(raw).hexdigest()
    told = record_commitment(salt, number, digest.hex(), sha256)
    return Redacted(bytes(filled), tuple(holes), told, salt)


def _taken_out(
    raw: bytes, what: str, text: str, hits: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, int, bytes]]:
    """(place, end, what it is filled with) of each stretch that goes."""
    for start, token, numeric in _contents(raw):
        if numeric:
            digits = sum(48 <= one <= 57 for one in token)  # noqa: PLR2004 - "0" to "9"
            if what == OTHERS or digits >= _LONG_NUMBER:
                yield start, start + len(token), b"9" * len(token)
            continue
        places = [(start + m.start(), m.group()) for m in _CHARACTER.finditer(token)]
        told = [_told(one) for _, one in places]
        if what == OTHERS:
            hidden = [bool(one) and one not in "\n\t\r" for one in told]
        else:
            whole = "".join(told)
            found = [hit for hit in hits if hit["field"] == "text"] if whole == text else []
            hidden = [
                one != shown for one, shown in zip(whole, mask_hits(whole, found), strict=True)
            ]
        for first, last in _stretches(hidden):
            end = places[last][0] + len(places[last][1])
            fills = b"".join(FILLERS[len(one)] for _, one in places[first : last + 1])
            yield places[first][0], end, fills


def _contents(raw: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """(place, bytes, whether it is a number) of every text and number that is a value and content.
    Of a text without its quotes."""
    stack: list[tuple[bytes, bytes]] = []  # key under which each open bracket stands, the bracket
    key, value = b"", False
    for token in _TOKEN.finditer(raw):
        mark = token.group()
        if mark in (b"{", b"["):
            stack.append((key, mark))
            value = mark == b"["
        elif mark in (b"}", b"]"):
            if stack:
                stack.pop()
        elif mark == b":":
            value = True
        elif mark == b",":
            value = bool(stack) and stack[-1][1] == b"["
            key = stack[-1][0] if value else key
        elif not value:
            key = token.group(1) or b""
        elif not _structural(key, stack):
            numeric = token.group(1) is None
            yield token.start(2 if numeric else 1), token.group(2 if numeric else 1), numeric


def _structural(key: bytes, stack: list[tuple[bytes, bytes]]) -> bool:
    name = key.decode("utf-8", "replace")
    levels = sum(mark == b"{" for _, mark in stack)
    return name in _PLACES or (levels <= _LEVELS and name in _STRUCTURE)


def _told(character: bytes) -> str:
    """The one character that stands there; a blank line for an escape that is none of content."""
    if character[:3] == rb"\\u":
        return chr(int(character[3:7], 16))
    if character[:2] == rb"\u":
        units = [int(character[at + 2 : at + 6], 16) for at in range(0, len(character), 6)]
        data = b"".join(unit.to_bytes(2, "big") for unit in units)
        return data.decode("utf-16-be", "replace")
    if character[:1] == b"\\":
        return _SIMPLE.get(character, "\n")
    return character.decode("utf-8", "replace")


def _stretches(hidden: list[bool]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of characters that are hidden."""
    start: int | None = None
    for at, one in enumerate([*hidden, False]):
        if one and start is None:
            start = at
        elif not one and start is not None:
            yield start, at - 1
            start = None
