"""Whether a time stamp proves that a text was there at the time it states.

What it says is read and compared here; signatures and certificates are checked by `openssl`, 3 or
later. Its `ts -verify` leaves out SM2's signer id, so of tokens signed with SM2 the signature is
checked by `dgst -verify` with the id of GM/T 0009. Certificates are looked at as of the time that
the stamp states: a stamp does not lose its worth when its certificate expires.

Standard library only: it travels in packs.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from typing import NamedTuple

from sinks.ledger.certificates import Certificate, pem, pem_certificates, read_certificate
from sinks.ledger.der import NotDer
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
from sinks.ledger.stamp_words import refusal, wrong

MAX_SKEW_MS = 300_000  # that a clock of ours may differ from an authority's, with a remark beyond
LONG_AFTER_MS = 86_400_000  # a stamp so much later than the head is remarked
SM2_ID = "distid:1234567812345678"  # GM/T 0009
OPENSSL_S = 30

_DIGESTS = {
    "1.2.156.10197.1.401": "sm3", "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
_OF_CERTIFICATES = {**_DIGESTS, "1.3.14.3.2.26": "sha1"}  # RFC 3161's own way to name one
_ERROR = re.compile(rb"error (\d+) at \d+ depth lookup: ?(.*)")
_EXPIRED, _NOT_YET = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID
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
    """

    at: int
    accuracy: int | None
    authority: str
    ends: int
    policy: str
    serial: int
    algorithm: str
    sm2: bool
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
            PEM.
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
    trusted = pem_certificates(roots)
    if not trusted:
        raise wrong("no_roots")
    certificate = _signing_certificate(token, trusted)
    _consistent(token, certificate)
    if not certificate.stamps_only:
        raise wrong("usage", certificate.subject)
    files = {
        "roots.pem": roots,
        "chain.pem": b"".join(pem("CERTIFICATE", each) for each in token.certificates),
        "signer.pem": pem("CERTIFICATE", certificate.der),
        "key.pem": pem("PUBLIC KEY", certificate.key),
        "token.der": der,
        "query.tsq": query,
        "signed.der": token.signer.attributes,
        "signature.der": token.signer.signature,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        _leads_to_roots(folder, token, certificate)
        _is_signed(folder, token, certificate)
    return Proven(
        token.at,
        token.accuracy,
        certificate.subject,
        certificate.ends,
        token.policy,
        token.serial,
        asked.algorithm,
        certificate.sm2,
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


def _leads_to_roots(folder: str, token: Token, certificate: Certificate) -> None:
    command = ["verify", "-no-CApath", "-no-CAstore", "-CAfile", "roots.pem"]
    command += ["-purpose", "timestampsign", "-attime", str(token.at // 1000)]
    if token.certificates:
        command += ["-untrusted", "chain.pem"]
    # openssl 3 takes certificates signed with SM2's usual id only when it is told the id, and
    # then no others
    tries = [[], ["-vfyopt", SM2_ID]] if certificate.sm2 else [[]]
    for options in tries:
        code, said = _openssl(folder, [*command, *options, "signer.pem"])
        if code == 0 and b"signer.pem: OK" in said:
            return
    found = _ERROR.search(said)
    if not found:
        raise wrong("no_openssl")
    number, words = int(found[1]), found[2].decode("utf-8", "replace").strip()
    if number == _EXPIRED:
        raise wrong("expired", certificate.subject)
    if number == _NOT_YET:
        raise wrong("not_yet_valid", certificate.subject)
    raise wrong("chain", f"{certificate.subject}, {words}", f"{certificate.subject}，{words}")


def _is_signed(folder: str, token: Token, certificate: Certificate) -> None:
    if certificate.sm2:
        command = ["dgst", "-sm3", "-sigopt", SM2_ID, "-verify", "key.pem"]
        command += ["-signature", "signature.der", "signed.der"]
        good, bad = b"Verified OK", b"Verification"
    else:
        command = ["ts", "-verify", "-queryfile", "query.tsq", "-in", "token.der", "-token_in"]
        command += ["-CAfile", "roots.pem", "-attime", str(token.at // 1000)]
        command += ["-untrusted", "signer.pem"]
        good, bad = b"Verification: OK", b"Verification"
    _, said = _openssl(folder, command)
    if good in said:
        return
    raise wrong("signature" if bad in said else "no_openssl")


def _openssl(folder: str, command: list[str]) -> tuple[int, bytes]:
    """(exit code, all it said) of the program, without the settings of this machine."""
    env = {**os.environ, "OPENSSL_CONF": os.devnull, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["openssl", *command], cwd=folder, env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=OPENSSL_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        raise wrong("no_openssl") from None
    return done.returncode, done.stdout


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
            Remark("in_future", "it states a time that is still to come", "其所载时间尚未到来")
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
