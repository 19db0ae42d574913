"""DER (ITU-T X.690 §10), as much of it as time stamps need, and nothing that is not DER.

Strict: tags of one byte, lengths that are definite and in their shortest form, nothing left over.
Nothing recurses: whoever reads asks for one level after the other. Standard library only: it
travels in packs.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTF8, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
NULL = b"\x05\x00"

_LONG, _TAG_NUMBER, _MORE = 0x80, 0x1F, 0x80
_LENGTH_BYTES = 4  # of a length: more than any file here may have
_MAX_OID = 64  # bytes
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - Python 3.9
_UTC = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)()Z")
_GENERALIZED = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z")
_CENTURY = 50  # years of two digits from here on are of the last century (RFC 5280 §4.1.2.5.1)


class NotDer(ValueError):
    """Bytes that are not DER, or not the DER that was asked for."""


class Element(NamedTuple):
    """One value: its tag, its content, and both with the length between them."""

    tag: int
    body: bytes
    whole: bytes


class Elements:
    """The values in a content, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def more(self) -> bool:
        """Whether there is another one."""
        return self._at < len(self._data)

    def next(self) -> Element:
        """The next one, whatever its tag.

        Raises:
            NotDer: there is none, or it is not DER.
        """
        data, start = self._data, self._at
        if len(data) - start < 2:  # noqa: PLR2004 - a tag and a length
            raise NotDer("it ends too soon")
        tag, length, at = data[start], data[start + 1], start + 2
        if tag & _TAG_NUMBER == _TAG_NUMBER:
            raise NotDer("a tag of more than one byte")
        if length >= _LONG:
            count = length - _LONG
            digits = data[at : at + count]
            if not 0 < count <= _LENGTH_BYTES or len(digits) < count:
                raise NotDer("a length that is indefinite or cut short")
            length, at = int.from_bytes(digits, "big"), at + count
            if not digits[0] or length < _LONG:
                raise NotDer("a length not in its shortest form")
        if at + length > len(data):
            raise NotDer("it ends too soon")
        self._at = at + length
        return Element(tag, data[at : self._at], data[start : self._at])

    def take(self, tag: int) -> Element:
        """The next one, which has this tag. Raises NotDer when it has another."""
        found = self.next()
        if found.tag != tag:
            raise NotDer(f"tag {found.tag:#04x} where {tag:#04x} is expected")
        return found

    def maybe(self, tag: int) -> Element | None:
        """The next one if it has this tag."""
        return self.next() if self.more() and self._data[self._at] == tag else None

    def end(self) -> None:
        """Raises NotDer when there is another one."""
        if self.more():
            raise NotDer("more than is expected")


def one(data: bytes, tag: int) -> Element:
    """The value that these bytes are, all of them. Raises NotDer."""
    elements = Elements(data)
    found = elements.take(tag)
    elements.end()
    return found


def inside(element: Element) -> Elements:
    """The values in a constructed one."""
    return Elements(element.body)


def all_in(element: Element) -> list[Element]:
    """The same as a list."""
    elements, found = inside(element), []
    while elements.more():
        found.append(elements.next())
    return found


def integer(body: bytes) -> int:
    """Content of an INTEGER or ENUMERATED. Raises NotDer."""
    if not body or (len(body) > 1 and body[0] in (0, 0xFF) and (body[0] ^ body[1]) < _MORE):
        raise NotDer("an integer not in its shortest form")
    return int.from_bytes(body, "big", signed=True)


def boolean(body: bytes) -> bool:
    """Content of a BOOLEAN. Raises NotDer."""
    if body not in (b"\x00", b"\xff"):
        raise NotDer("a truth value that is none")
    return body == b"\xff"


def oid(body: bytes) -> str:
    """Content of an OBJECT IDENTIFIER in dots. Raises NotDer."""
    if not 0 < len(body) <= _MAX_OID or body[-1] & _MORE:
        raise NotDer("an object identifier that is empty, too long or cut short")
    numbers, value, fresh = [], 0, True
    for byte in body:
        if fresh and byte == _MORE:
            raise NotDer("an object identifier not in its shortest form")
        value, fresh = value << 7 | byte & ~_MORE, not byte & _MORE
        if fresh:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def moment(element: Element) -> int:
    """UTC ms of a UTCTime or GeneralizedTime; what is finer is cut off. Raises NotDer."""
    short = element.tag == UTC_TIME
    found = (_UTC if short else _GENERALIZED).fullmatch(element.body)
    if element.tag not in (UTC_TIME, GENERALIZED_TIME) or not found:
        raise NotDer("a time that is not written as DER wants it")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if short:
        year += 1900 if year >= _CENTURY else 2000
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=_EPOCH.tzinfo)
    except ValueError:
        raise NotDer("a time that does not exist") from None
    return (at - _EPOCH) // timedelta(milliseconds=1) + int((found[7] or b"")[:3].ljust(3, b"0"))


def encoded(tag: int, *parts: bytes) -> bytes:
    """A value with this tag and content."""
    body = b"".join(parts)
    if len(body) < _LONG:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG + len(length)]) + length + body


def encoded_integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return encoded(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encoded_oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    body = bytearray()
    for number in (40 * first + second, *rest):
        digits = [number & ~_MORE & 0xFF]
        while number := number >> 7:
            digits.append(number & 0x7F | _MORE)
        body += bytes(reversed(digits))
    return encoded(OID, bytes(body))
