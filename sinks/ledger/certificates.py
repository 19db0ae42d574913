"""What a time stamp's certificate says, as far as it has to be named: X.509 of RFC 5280.

Whether it is true is for `openssl`. Standard library only: it travels in packs.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from sinks.ledger.der import (
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    Element,
    Elements,
    all_in,
    boolean,
    inside,
    integer,
    moment,
    oid,
    one,
)

TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
_EXTENDED_USAGE, _KEY_ID, _COMMON_NAME = "2.5.29.37", "2.5.29.14", "2.5.4.3"
_SM2_CURVE = "1.2.156.10197.1.301"
_BEGINS = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----")
_BLOCK = re.compile(_BEGINS.pattern + rb"([^-]*)-----END (?:X509 )?CERTIFICATE-----")


class Certificate(NamedTuple):
    """A certificate.

    Args:
        der: all of it.
        issuer: in DER. subject: the last common name in it, "" without one.
        begins, ends: UTC ms.
        key: SubjectPublicKeyInfo in DER. sm2: whether it is a key of the SM2 curve.
        usage: extended key usages; `critical`: whether who does not know them has to refuse.
    """

    der: bytes
    serial: int
    issuer: bytes
    subject: str
    begins: int
    ends: int
    key: bytes
    sm2: bool
    key_id: bytes
    usage: tuple[str, ...]
    critical: bool

    @property
    def stamps_only(self) -> bool:
        """Whether it is for time stamps and nothing else, as RFC 3161 §2.3 wants it."""
        return self.critical and self.usage == (TIME_STAMPING,)


def read_certificate(data: bytes) -> Certificate:
    """A certificate from its DER. Raises NotDer."""
    outer = inside(one(data, SEQUENCE))
    body = inside(outer.take(SEQUENCE))
    outer.take(SEQUENCE)
    body.maybe(0xA0)  # version
    serial = integer(body.take(INTEGER).body)
    body.take(SEQUENCE)
    issuer = body.take(SEQUENCE).whole
    validity = inside(body.take(SEQUENCE))
    begins, ends = moment(validity.next()), moment(validity.next())
    subject = body.take(SEQUENCE)
    key = body.take(SEQUENCE)
    body.maybe(0x81), body.maybe(0x82)  # identifiers nobody uses
    wrapped = body.maybe(0xA3)
    body.end()
    extensions = _extensions(wrapped) if wrapped else {}
    critical, usage = extensions.get(_EXTENDED_USAGE, (False, b""))
    key_id = extensions.get(_KEY_ID, (False, b""))[1]
    return Certificate(
        data,
        serial,
        issuer,
        _common_name(subject),
        begins,
        ends,
        key.whole,
        _is_sm2(key),
        one(key_id, OCTET_STRING).body if key_id else b"",
        tuple(oid(each.body) for each in all_in(one(usage, SEQUENCE))) if usage else (),
        critical,
    )


def pem_certificates(pem: bytes) -> list[bytes]:
    """DER of the certificates in a PEM text; what cannot be read is left out."""
    found = []
    for block in _BLOCK.findall(pem):
        try:
            found.append(base64.b64decode(b"".join(block.split()), validate=True))
        except binascii.Error:
            continue
    return found


def pem_begins(pem: bytes) -> int:
    """How many certificates begin in a PEM text, whether or not they can be read."""
    return len(_BEGINS.findall(pem))


def pem(label: str, der: bytes) -> bytes:
    """A PEM block."""
    text = base64.b64encode(der).decode()
    rows = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *rows, f"-----END {label}-----", ""]).encode()


def _extensions(wrapped: Element) -> dict[str, tuple[bool, bytes]]:
    found = {}
    for extension in all_in(one(wrapped.body, SEQUENCE)):
        parts = Elements(one(extension.whole, SEQUENCE).body)
        name = oid(parts.take(OID).body)
        critical = parts.maybe(BOOLEAN)
        found[name] = (bool(critical and boolean(critical.body)), parts.take(OCTET_STRING).body)
    return found


def _is_sm2(key: Element) -> bool:
    numbers = [oid(each.body) for each in all_in(inside(key).take(SEQUENCE)) if each.tag == OID]
    return _SM2_CURVE in numbers


def _common_name(name: Element) -> str:
    found = ""
    for group in all_in(name):
        for pair in all_in(group):
            parts = inside(pair)
            if oid(parts.take(OID).body) == _COMMON_NAME:
                value = parts.next()
                coding = "utf-16-be" if value.tag == 0x1E else "utf-8"  # noqa: PLR2004 - BMPString
                found = value.body.decode(coding, "replace")
    return "".join(char if char.isprintable() else "?" for char in found)
