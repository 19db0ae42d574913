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
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reports.masking import mask_hits, mask_numbers
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
_DIGITS = frozenset("0123456789")
_LONG_NUMBER = 11  # digits, as `reports.masking`
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|(-?[0-9][0-9.eE+-]*)|[{}\[\],:]', re.S)
_UNICODE = rb"u[0-9a-fA-F]{4}"
_PAIR = rb"u[dD][89abAB][0-9a-fA-F]{2}%su[dD][c-fC-F][0-9a-fA-F]{2}"
_PLAIN = (
    rb"\\" + _PAIR % rb"\\" + rb"|\\" + _UNICODE + rb"|\\.|"
    rb"[\x00-\x7f]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}"
)
_CHARACTER = re.compile(_PLAIN, re.S)
# where JSON stands in a text, an escape of its own is escaped once more
_NESTED = re.compile(
    rb"\\\\" + _PAIR % rb"\\\\" + rb"|\\\\" + _UNICODE
    + rb'|\\\\(?:\\["\\/]|[/bfnrt])|' + _PLAIN, re.S,
)  # fmt: skip
_WIDE = 14  # bytes of a character beyond the basic plane, escaped twice; no filler is as long
# a filler of as many bytes for one character: in UTF-8, escaped, escaped twice
FILLERS = {1: b"*", 2: "·".encode(), 3: "＊".encode(), 4: "𐄂".encode(), 6: rb"\u002a",
           7: rb"\\u002a", 12: rb"\ud800\udd02"}  # fmt: skip
_SIMPLE = {b'\\"': '"', b"\\\\": "\\", b"\\/": "/", b"\\b": "\b", b"\\f": "\f", b"\\n": "\n",
           b"\\r": "\r", b"\\t": "\t"}  # fmt: skip
_TEXT, _NUMBER, _KEY = "text", "number", "key"  # what stands at a place of a record


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


class _Character(NamedTuple):
    """A character of a text: its place in the record, its bytes there, what it is. `bare`: of JSON
    that stands in the text, and not in a text of that."""

    at: int
    raw: bytes
    told: str
    bare: bool = False


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
    fields: Mapping[str, str] | None = None,
) -> Redacted:
    """The record without what is to go.

    Args:
        raw: a record, JSON in UTF-8.
        what: `NUMBERS` takes out numbers and secrets, at least those that the readable part masks;
            `OTHERS` every text and number that is content.
        number: of the record in the pack.
        text, hits: of the message; what a detector found in it is masked as there.
        fields: what else of the message is shown, by the names that hits have for it.
    """
    digest = hashlib.new("sm3", raw).digest()
    filled, holes = bytearray(raw), list[Hole]()
    shown = list(_masked({"text": text, **(fields or {})}, hits)) if what == NUMBERS else []
    for start, end, fills in _taken_out(raw, what, shown):
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


def _masked(
    texts: Mapping[str, str], hits: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, list[bool]]]:
    """Each text of which the readable part masks something, and which of its characters."""
    for name, text in texts.items():
        shown = mask_hits(text, [hit for hit in hits if hit["field"] == name])
        if shown != text:
            yield text, _differ(text, shown)


def _differ(text: str, shown: str) -> list[bool]:
    return [one != other for one, other in zip(text, shown, strict=True)]


def _taken_out(
    raw: bytes, what: str, shown: Sequence[tuple[str, list[bool]]]
) -> Iterator[tuple[int, int, bytes]]:
    """(place, end, what it is filled with) of each stretch that goes."""
    for start, token, kind in _contents(raw):
        if kind == _NUMBER:
            digits = sum(48 <= one <= 57 for one in token)  # noqa: PLR2004 - "0" to "9"
            if what == OTHERS or digits >= _LONG_NUMBER:
                yield start, start + len(token), b"9" * len(token)
            continue
        if what == NUMBERS and not shown and b"\\" not in token:  # most of them, and quickly told
            plain = token.decode("utf-8", "replace")
            if mask_numbers(plain) == plain:
                continue
        places = _characters(start, token)
        if what == OTHERS and kind != _KEY:
            hidden = [_is_word(one) for one in places]
        else:
            hidden = _numbers(places, shown)
        for first, last in _stretches(places, hidden):
            if what == NUMBERS and len(places[first].raw) == _WIDE:  # one character stays one
                for at in (places[first].at + 5, places[first].at + 12):
                    yield at, at + 2, b"99"
                continue
            end = places[last].at + len(places[last].raw)
            yield places[first].at, end, b"".join(map(_filler, places[first : last + 1]))


def _is_word(one: _Character) -> bool:
    simple = one.raw[:1] == b"\\" and not one.raw.startswith((rb"\u", rb"\\u"))
    return not simple and one.told not in "\n\t\r"


def _numbers(places: list[_Character], shown: Sequence[tuple[str, list[bool]]]) -> list[bool]:
    """Which characters are masked, here by themselves or where the readable part has them."""
    whole = "".join(one.told for one in places)
    hidden = _differ(whole, mask_hits(whole, ()))
    for text, masked in shown:
        for at, begin, length in _common(whole, text):
            for more in range(length):
                hidden[at + more] |= masked[begin + more]
    return [hides and _may_go(one) for hides, one in zip(hidden, places, strict=True)]


def _may_go(one: _Character) -> bool:
    """Of JSON in a text, what holds it together stays."""
    return one.told in _DIGITS or not one.bare


def _common(whole: str, text: str) -> Iterator[tuple[int, int, int]]:
    """(place in the whole, place in the text, length) of what they have in common: one may be a
    part of the other, or lines of the text parts of the whole."""
    if not whole:
        return
    if whole in text:
        yield from ((0, at, len(whole)) for at in _places(whole, text))
        return
    if text in whole:
        yield from ((at, 0, len(text)) for at in _places(text, whole))
        return
    begin = 0
    for line in text.split("\n"):
        yield from ((at, begin, len(line)) for at in _places(line, whole))
        begin += len(line) + 1


def _places(part: str, whole: str) -> Iterator[int]:
    at = whole.find(part) if part else -1
    while at >= 0:
        yield at
        at = whole.find(part, at + 1)


def _filler(one: _Character) -> bytes:
    if one.bare:
        return b"9"
    if len(one.raw) in FILLERS:
        return FILLERS[len(one.raw)]
    return FILLERS[7] * 2 if len(one.raw) == _WIDE else b"*" * len(one.raw)


def _characters(start: int, token: bytes) -> list[_Character]:
    """The characters of a text, and if it is JSON itself, of the texts in it."""
    found = [_Character(start + m.start(), m.group(), _told(m.group()))
             for m in _CHARACTER.finditer(token)]  # fmt: skip
    if not _is_json("".join(one.told for one in found)):
        return found
    nested, bare = list[_Character](), True
    for m in _NESTED.finditer(token):
        told = _told(m.group())
        edge = told == '"' and m.group()[:2] != rb"\\"
        nested.append(_Character(start + m.start(), m.group(), told, bare or edge))
        bare ^= edge
    return nested


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _contents(raw: bytes) -> Iterator[tuple[int, bytes, str]]:
    """(place, bytes, kind) of every text and number that is a value and content, and of the keys
    that are not of the record's form. Of a text without its quotes."""
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
            if not _structural(key, stack):
                yield token.start(1), key, _KEY
        elif not _structural(key, stack):
            numeric = token.group(1) is None
            kind = _NUMBER if numeric else _TEXT
            yield token.start(2 if numeric else 1), token.group(2 if numeric else 1), kind


def _structural(key: bytes, stack: list[tuple[bytes, bytes]]) -> bool:
    name = key.decode("utf-8", "replace")
    levels = sum(mark == b"{" for _, mark in stack)
    return name in _PLACES or (levels <= _LEVELS and name in _STRUCTURE)


def _told(character: bytes) -> str:
    """The one character that stands there."""
    if character[:1] != b"\\":
        return _one(character.decode("utf-8", "replace"))
    plain = character.replace(rb"\\", b"\\") if len(character) > 2 else character  # noqa: PLR2004
    if plain[1:2] == b"u":
        units = [plain[at + 2 : at + 6] for at in range(0, len(plain), 6)]
        data = bytes.fromhex(b"".join(units).decode())
        return _one(data.decode("utf-16-be", "replace"))
    return _SIMPLE.get(plain[:1] + plain[-1:], "\n")


def _one(told: str) -> str:
    return told if len(told) == 1 else "\ufffd"


def _stretches(places: list[_Character], hidden: list[bool]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of characters that are hidden, stand together and are filled with
    the same."""
    start: int | None = None
    for at, one in enumerate([*hidden, False]):
        if start is not None and (not one or not _together(places[at - 1], places[at])):
            yield start, at - 1
            start = None
        if one and start is None:
            start = at


def _together(one: _Character, other: _Character) -> bool:
    wide = _WIDE in (len(one.raw), len(other.raw))
    return one.at + len(one.raw) == other.at and one.bare == other.bare and not wide
