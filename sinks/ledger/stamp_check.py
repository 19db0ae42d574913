"""Whether a time stamp proves that a text was there at the time it states.

What it says is read and compared here; signatures and certificates are checked by `openssl`, see
`stamp_chain`. Certificates are looked at as of the time that the stamp states: a stamp does not
lose its worth when its certificate expires.

Standard library only: it travels in packs.
"""

from __future__ import annotations

import hashlib
import tempfile
from typing import NamedTuple

from sinks.ledger.certificates import (
    Certificate,
    pem_begins,
    pem_certificates,
    read_certificate,
)
from sinks.ledger.der import SEQUENCE, NotDer, one
from sinks.ledger.rfc3161 import (
    GRANTED,
    IMPRINTS,
    Query,
    Token,
    read_query,
    read_response,
    read_token,
)
from sinks.ledger.sm3 import sm3
from sinks.ledger.stamp_chain import Workplace, require_openssl
from sinks.ledger.stamp_words import refusal, wrong

MAX_SKEW_MS = 300_000  # that a clock of ours may differ from an authority's, with a remark beyond
LONG_AFTER_MS = 86_400_000  # a stamp so much later than the head is remarked
MAX_ROOTS, MAX_ROOTS_BYTES = 10, 1 << 16  # that are given; an authority has one or two
IN_FUTURE = "in_future"  # code of a remark

_DIGESTS = {
    "1.2.156.10197.1.401": "sm3", "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
_OF_CERTIFICATES = {**_DIGESTS, "1.3.14.3.2.26": "sha1"}  # RFC 3161's own way to name one
_DAY_MS = 86_400_000


class Remark(NamedTuple):
    """Something to know of a stamp that is valid."""

    code: str
    en: str
    zh: str


class Proven(NamedTuple):
    """A stamp that holds.

    Args:
        at: the time it states, UTC ms; accuracy: µs either way, None where it states none.
        authority: common name of the certificate; ends: until when that is valid, UTC ms.
        algorithm: of the digest that was stamped, "sm3" or "sha256"; sm2: how it is signed.
        root: the one certificate, of those that are trusted, in which its chain ends, DER.
    """

    at: int
    accuracy: int | None
    authority: str
    ends: int
    policy: str
    serial: int
    algorithm: str
    sm2: bool
    root: bytes
    remarks: tuple[Remark, ...]


def query_for(text: bytes, algorithm: str, nonce: int) -> Query:
    """What to ask of an authority for this text: by "sm3" or "sha256"."""
    return Query(algorithm, _hashed(algorithm, text), nonce)


def check_stamp(
    text: bytes, query: bytes, response: bytes, roots: bytes, *, signed_at: int, now: int
) -> Proven:
    """What a stamp proves of the text of a signed head.

    Args:
        text: what is signed, `Checkpoint.text()`.
        query, response: TimeStampReq and TimeStampResp, DER.
        roots: certificates that are trusted, and those in between if they are not in the stamp;
            PEM, `MAX_ROOTS` in `MAX_ROOTS_BYTES` at most.
        signed_at: the time in the head; now: the time; both UTC ms.

    Raises:
        Unproven: the first thing that is wrong, by its code in `stamp_words.WRONG`.
    """
    try:
        asked = read_query(query)
    except NotDer as error:
        raise wrong("query", str(error)) from None
    token, der = granted(response)
    if token.algorithm != IMPRINTS[asked.algorithm] or token.imprint != asked.imprint:
        raise wrong("imprint")
    if _hashed(asked.algorithm, text) != asked.imprint:
        raise wrong("imprint")
    if token.nonce != asked.nonce:
        raise wrong("nonce")
    trusted = _trusted(roots)
    certificate = _signing_certificate(token, trusted)
    _consistent(token, certificate)
    if not certificate.stamps_only:
        raise wrong("usage", certificate.subject)
    require_openssl(sm2=certificate.sm2)
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(folder, token, der, query, certificate, trusted)
        root = place.root()
        place.require_signed(root)
    return Proven(
        token.at,
        token.accuracy,
        certificate.subject,
        certificate.ends,
        token.policy,
        token.serial,
        asked.algorithm,
        certificate.sm2,
        root,
        _remarks(token, certificate, signed_at, now),
    )


def granted(response: bytes) -> tuple[Token, bytes]:
    """The token of an answer, read and in DER.

    Raises:
        Unproven: "unreadable", or "refused" with what the authority gives as its reason.
    """
    try:
        answer = read_response(response)
        if answer.status not in GRANTED:
            raise refusal(answer.status, answer.failures, answer.text)
        return read_token(answer.token), answer.token
    except NotDer as error:
        raise wrong("unreadable", str(error)) from None


def _trusted(roots: bytes) -> list[bytes]:
    """The certificates to trust, DER."""
    if len(roots) > MAX_ROOTS_BYTES:
        raise wrong("roots", f"more than {MAX_ROOTS_BYTES >> 10} KiB",
                    f"超过 {MAX_ROOTS_BYTES >> 10} KiB")  # fmt: skip
    found = pem_certificates(roots)
    if not found:
        raise wrong("no_roots")
    if len(found) > MAX_ROOTS:
        raise wrong("roots", f"more than {MAX_ROOTS} certificates", f"证书超过 {MAX_ROOTS} 张")
    try:
        whole = len(found) == pem_begins(roots)
        for der in found:
            one(der, SEQUENCE)
    except NotDer:
        whole = False
    if not whole:
        raise wrong("roots", "a certificate in it cannot be read", "其中有证书无法读取")
    return found


def _signing_certificate(token: Token, trusted: list[bytes]) -> Certificate:
    signer = token.signer
    for der in (*token.certificates, *trusted):
        try:
            found = read_certificate(der)
        except NotDer:
            continue
        named = signer.key_id and found.key_id == signer.key_id
        if named or (found.issuer, found.serial) == (signer.issuer, signer.serial):
            return found
    raise wrong("no_certificate")


def _consistent(token: Token, certificate: Certificate) -> None:
    """What the signer signed is this content, and is signed with this certificate."""
    signer = token.signer
    if _digest(_DIGESTS, signer.digest, token.content) != signer.message_digest:
        raise wrong("altered")
    algorithm, stated = signer.certificate_digest
    if _digest(_OF_CERTIFICATES, algorithm, certificate.der) != stated:
        raise wrong("other_certificate")


def _digest(known: dict[str, str], number: str, data: bytes) -> bytes:
    if number not in known:
        raise wrong("digest", number)
    return _hashed(known[number], data)


def _hashed(name: str, data: bytes) -> bytes:
    return bytes.fromhex(sm3(data)) if name == "sm3" else hashlib.new(name, data).digest()


def _remarks(
    token: Token, certificate: Certificate, signed_at: int, now: int
) -> tuple[Remark, ...]:
    found = []
    early = signed_at - token.at
    if early > MAX_SKEW_MS:
        found.append(
            Remark(
                "before_head",
                f"it states a time {early // 1000} s before the head was signed: one of the two "
                "clocks is wrong",
                f"其时间比签名头早 {early // 1000} 秒：两方时钟必有一方不准",
            )
        )
    if -early > LONG_AFTER_MS:
        days = -early // _DAY_MS
        found.append(
            Remark(
                "long_after_head",
                f"it was stamped {days} days after the head was signed, and proves nothing of "
                "the time between",
                f"签名头生成 {days} 天后才盖时间戳，其间情况不在证明之列",
            )
        )
    if token.at - now > MAX_SKEW_MS:
        found.append(
            Remark(IN_FUTURE, "it states a time that is still to come", "其所载时间尚未到来")
        )
    if now > certificate.ends:
        found.append(
            Remark(
                "expired_since",
                "its certificate has expired since; whether it was revoked for a stolen key has "
                "to be asked of the authority",
                "其证书此后已到期；是否曾因密钥泄露被吊销，须向机构核实",
            )
        )
    return tuple(found)
