"""SM2 signatures that come out the same each time, so that a pack made again is the same pack.

The nonce of a signature has to be secret and never used for two messages; it need not be random.
Here it is drawn as RFC 6979 §3.2 draws it, with HMAC-SM3: a function of the private key and of what
is signed. Whoever verifies sees no difference.

The arithmetic is Python's and takes a time that depends on its numbers. One signature is made for
a pack, by whoever holds the key, on their own machine; heads of the ledger, which a process signs
again and again, are left to OpenSSL.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from reports.standalone.sm2 import G, N, multiple, sm2_digest

_BYTES = 32


def signed_repeatably(
    scalar: int, point: tuple[int, int], data: bytes, signer_id: bytes
) -> tuple[int, int]:
    """(r, s) over `data` (GB/T 32918.2-2016 §6).

    Args:
        scalar: the private key, 1 to n - 2.
        point: the public key.
    """
    digest = sm2_digest(point, data, signer_id)
    for nonce in _nonces(scalar, digest):
        found = multiple(nonce, G)
        r = (digest + (found[0] if found else 0)) % N
        if r in (0, N - nonce):
            continue
        s = pow(1 + scalar, -1, N) * (nonce - r * scalar) % N
        if s:
            return r, s
    raise AssertionError("nonces do not end")


def der_of(r: int, s: int) -> bytes:
    """DER SEQUENCE of two INTEGERs."""
    body = b"".join(_integer(number) for number in (r, s))
    return b"\x30" + bytes([len(body)]) + body


def _integer(number: int) -> bytes:
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(data)]) + data


def _nonces(scalar: int, digest: int) -> Iterator[int]:
    """Candidates of RFC 6979 §3.2 from 1 to n - 1; the first is used nearly always."""
    seed = scalar.to_bytes(_BYTES, "big") + (digest % N).to_bytes(_BYTES, "big")
    value, key = b"\x01" * _BYTES, b"\x00" * _BYTES
    for mark in (b"\x00", b"\x01"):
        key = hmac.digest(key, value + mark + seed, "sm3")
        value = hmac.digest(key, value, "sm3")
    while True:
        value = hmac.digest(key, value, "sm3")
        nonce = int.from_bytes(value, "big")
        if 0 < nonce < N:
            yield nonce
        key = hmac.digest(key, value + b"\x00", "sm3")
        value = hmac.digest(key, value, "sm3")
