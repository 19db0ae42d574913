"""Time stamps of RFC 3161: the query, the answer, and what stands in it, as bytes.

Nothing is believed here: whether what an answer says is true is for `sinks.ledger.stamp_check`.
Standard library only: it travels in packs.
"""

from __future__ import annotations

from typing import NamedTuple

from sinks.ledger.der import (
    BIT_STRING,
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    NULL,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    UTF8,
    Element,
    Elements,
    NotDer,
    all_in,
    encoded,
    encoded_integer,
    encoded_oid,
    inside,
    integer,
    moment,
    oid,
    one,
)

IMPRINTS = {"sm3": "1.2.156.10197.1.401", "sha256": "2.16.840.1.101.3.4.2.1"}
IMPRINT_NAMES = {number: name for name, number in IMPRINTS.items()}
GRANTED = (0, 1)  # as asked, and with changes
# PKIFailureInfo of RFC 3161 §2.4.2, by the number of its bit
FAILURES = {
    0: "badAlg", 2: "badRequest", 5: "badDataFormat", 14: "timeNotAvailable",
    15: "unacceptedPolicy", 16: "unacceptedExtension", 17: "addInfoNotAvailable",
    25: "systemFailure",
}  # fmt: skip

# of CMS, and of GM/T 0010, which numbers the same structure anew
_SIGNED_DATA = ("1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2")
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"  # by SHA-1, RFC 2634
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"  # by another digest, RFC 5035
_SHA1 = "1.3.14.3.2.26"
_EXPLICIT = (0xA0, 0xA1)
_MAX_STATUS = 1000  # characters of what an authority says


class Query(NamedTuple):
    """What was asked: digest of "sm3" or "sha256", the digest, a number used once."""

    algorithm: str
    imprint: bytes
    nonce: int

    def __bytes__(self) -> bytes:
        """TimeStampReq in DER; the authority's certificate is asked for, no policy."""
        algorithm = encoded(SEQUENCE, encoded_oid(IMPRINTS[self.algorithm]), NULL)
        imprint = encoded(SEQUENCE, algorithm, encoded(OCTET_STRING, self.imprint))
        return encoded(
            SEQUENCE,
            encoded_integer(1),
            imprint,
            encoded_integer(self.nonce),
            encoded(BOOLEAN, b"\xff"),
        )


class Response(NamedTuple):
    """An answer: its status, what it says of it, names of failures, and the token ("" bytes:
    none)."""

    status: int
    text: str
    failures: tuple[str, ...]
    token: bytes


class Signer(NamedTuple):
    """Who signed a token, and what.

    Args:
        issuer, serial: name the certificate; b"" and 0 where `key_id` does.
        digest: identifier of the digest of `attributes` and of the content.
        attributes: what is signed, in DER.
        message_digest: of the content, as the attributes say.
        certificate_digest: (identifier of the digest, digest) of the certificate, as they say.
    """

    issuer: bytes
    serial: int
    key_id: bytes
    digest: str
    attributes: bytes
    message_digest: bytes
    certificate_digest: tuple[str, bytes]
    signature: bytes


class Token(NamedTuple):
    """A time stamp. `at` is UTC ms, `accuracy` µs or None where it says none, `nonce` None the
    same; `content` is what the attributes of the signer are of."""

    policy: str
    algorithm: str
    imprint: bytes
    serial: int
    at: int
    accuracy: int | None
    nonce: int | None
    content: bytes
    certificates: tuple[bytes, ...]
    signer: Signer


def read_query(data: bytes) -> Query:
    """A query that was made here. Raises NotDer."""
    elements = inside(one(data, SEQUENCE))
    elements.take(INTEGER)
    algorithm, imprint = _imprint(elements.take(SEQUENCE))
    nonce = integer(elements.take(INTEGER).body)
    elements.take(BOOLEAN)
    elements.end()
    if algorithm not in IMPRINT_NAMES:
        raise NotDer("an unknown digest")
    return Query(IMPRINT_NAMES[algorithm], imprint, nonce)


def read_response(data: bytes) -> Response:
    """TimeStampResp. Raises NotDer."""
    elements = inside(one(data, SEQUENCE))
    info = inside(elements.take(SEQUENCE))
    token = elements.next().whole if elements.more() else b""
    elements.end()
    status = integer(info.take(INTEGER).body)
    said = info.maybe(SEQUENCE)
    text = " ".join(_text(line) for line in all_in(said)) if said else ""
    bits = info.maybe(BIT_STRING)
    info.end()
    return Response(status, text[:_MAX_STATUS], _failures(bits), token)


def read_token(data: bytes) -> Token:
    """TimeStampToken: a ContentInfo with SignedData over TSTInfo, by one signer. Raises NotDer."""
    outer = inside(one(data, SEQUENCE))
    if oid(outer.take(OID).body) not in _SIGNED_DATA:
        raise NotDer("not signed data")
    wrapped = outer.take(_EXPLICIT[0])
    outer.end()
    signed = inside(one(wrapped.body, SEQUENCE))
    signed.take(INTEGER)
    signed.take(SET)
    content = _content(signed.take(SEQUENCE))
    certificates = signed.maybe(_EXPLICIT[0])
    signed.maybe(_EXPLICIT[1])  # revocation lists
    signers = all_in(signed.take(SET))
    signed.end()
    if len(signers) != 1:
        raise NotDer(f"{len(signers)} signers where there is one")
    found = all_in(certificates) if certificates else []
    plain = tuple(each.whole for each in found if each.tag == SEQUENCE)
    return _token(content, plain, _signer(signers[0]))


def _token(content: bytes, certificates: tuple[bytes, ...], signer: Signer) -> Token:
    info = inside(one(content, SEQUENCE))
    if integer(info.take(INTEGER).body) != 1:
        raise NotDer("an unknown version")
    policy = oid(info.take(OID).body)
    algorithm, imprint = _imprint(info.take(SEQUENCE))
    serial = integer(info.take(INTEGER).body)
    at = moment(info.take(GENERALIZED_TIME))
    accuracy = info.maybe(SEQUENCE)
    info.maybe(BOOLEAN)  # ordering
    nonce = info.maybe(INTEGER)
    info.maybe(_EXPLICIT[0])  # the authority's name: the certificate has it
    info.maybe(_EXPLICIT[1])  # extensions
    info.end()
    micros = _micros(accuracy) if accuracy else None
    answers = integer(nonce.body) if nonce else None
    return Token(
        policy, algorithm, imprint, serial, at, micros, answers, content, certificates, signer
    )


def _content(element: Element) -> bytes:
    parts = inside(element)
    if oid(parts.take(OID).body) != _TST_INFO:
        raise NotDer("signed data that is no time stamp")
    wrapped = parts.take(_EXPLICIT[0])
    parts.end()
    return one(wrapped.body, OCTET_STRING).body


def _signer(element: Element) -> Signer:
    parts = Elements(one(element.whole, SEQUENCE).body)
    parts.take(INTEGER)
    issuer, serial, key_id = b"", 0, b""
    named = parts.maybe(SEQUENCE)
    if named:
        names = inside(named)
        issuer, serial = names.take(SEQUENCE).whole, integer(names.take(INTEGER).body)
        names.end()
    else:
        key_id = parts.take(0x80).body
    digest = oid(inside(parts.take(SEQUENCE)).take(OID).body)
    attributes = parts.take(_EXPLICIT[0])
    parts.take(SEQUENCE)  # algorithm of the signature: the key decides
    signature = parts.take(OCTET_STRING).body
    parts.maybe(_EXPLICIT[1])  # what is not signed
    parts.end()
    values = _attributes(attributes)
    kinds = values.get(_CONTENT_TYPE)
    if kinds is None or oid(one(kinds.whole, OID).body) != _TST_INFO:
        raise NotDer("signed attributes that are not of a time stamp")
    if _MESSAGE_DIGEST not in values:
        raise NotDer("no digest among the signed attributes")
    message_digest = one(values[_MESSAGE_DIGEST].whole, OCTET_STRING).body
    return Signer(
        issuer,
        serial,
        key_id,
        digest,
        encoded(SET, attributes.body),  # RFC 5652 §5.4: signed with the tag of a set
        message_digest,
        _certificate_digest(values),
        signature,
    )


def _attributes(element: Element) -> dict[str, Element]:
    """The signed attributes with one value each, by identifier."""
    found: dict[str, Element] = {}
    for attribute in all_in(element):
        parts = Elements(one(attribute.whole, SEQUENCE).body)
        name, values = oid(parts.take(OID).body), all_in(parts.take(SET))
        parts.end()
        if name in found or len(values) != 1:
            raise NotDer("a signed attribute twice, or without a value")
        found[name] = values[0]
    return found


def _certificate_digest(values: dict[str, Element]) -> tuple[str, bytes]:
    """SigningCertificate or SigningCertificateV2: the first of its certificates is the signer's."""
    second = values.get(_SIGNING_CERTIFICATE_V2)
    named = second or values.get(_SIGNING_CERTIFICATE)
    if named is None:
        raise NotDer("it does not say which certificate signed it")
    first = inside(inside(one(named.whole, SEQUENCE)).take(SEQUENCE)).take(SEQUENCE)
    parts = inside(first)
    algorithm = IMPRINTS["sha256"] if second else _SHA1
    stated = parts.maybe(SEQUENCE) if second else None
    if stated:
        algorithm = oid(inside(stated).take(OID).body)
    return algorithm, parts.take(OCTET_STRING).body


def _imprint(element: Element) -> tuple[str, bytes]:
    parts = inside(element)
    algorithm = oid(inside(parts.take(SEQUENCE)).take(OID).body)
    digest = parts.take(OCTET_STRING).body
    parts.end()
    return algorithm, digest


def _micros(accuracy: Element) -> int:
    parts, total = inside(accuracy), 0
    for tag, unit in ((INTEGER, 1_000_000), (0x80, 1_000), (0x81, 1)):
        found = parts.maybe(tag)
        total += abs(integer(found.body)) * unit if found else 0
    parts.end()
    return total


def _failures(bits: Element | None) -> tuple[str, ...]:
    if bits is None or not bits.body:
        return ()
    value = bits.body[1:]
    numbers = [
        8 * at + bit for at, byte in enumerate(value) for bit in range(8) if byte & 0x80 >> bit
    ]
    return tuple(FAILURES.get(number, str(number)) for number in numbers)


def _text(element: Element) -> str:
    if element.tag != UTF8:
        raise NotDer("a status that is no text")
    return element.body.decode("utf-8", "replace")
