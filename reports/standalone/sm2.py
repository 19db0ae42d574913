"""SM2 verification in plain Python, for machines that have nothing else."""

# ruff: noqa: PLR2004 - curve constants and DER tags are the standard's own numbers

from __future__ import annotations

import base64
import re
from typing import Optional

from sinks.ledger.sm3 import sm3

SIGNER_ID = b"1234567812345678"
Point = Optional[tuple[int, int]]  # noqa: UP045 - Python 3.9; None is the point at infinity


P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
# SubjectPublicKeyInfo of an uncompressed point on the SM2 curve (1.2.156.10197.1.301)
SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")


# Points are kept as (X, Y, Z) that stand for (X / Z**2, Y / Z**3), Z = 0 at infinity: an inversion
# at the end alone (Jacobian coordinates; formulas for a = -3, Explicit-Formulas Database
# "dbl-2001-b" and "add-2007-bl").
_Jacobian = tuple[int, int, int]


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if not y or not z:
        return 1, 1, 0
    delta, gamma = z * z % P, y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    new = (alpha * alpha - 8 * beta) % P
    below = ((y + z) * (y + z) - gamma - delta) % P
    return new, (alpha * (4 * beta - new) - 8 * gamma * gamma) % P, below


def _sum(p: _Jacobian, q: _Jacobian) -> _Jacobian:
    if not p[2] or not q[2]:
        return q if not p[2] else p
    z1, z2 = p[2] * p[2] % P, q[2] * q[2] % P
    u1, u2 = p[0] * z2 % P, q[0] * z1 % P
    s1, s2 = p[1] * q[2] * z2 % P, q[1] * p[2] * z1 % P
    if u1 == u2:
        return _double(p) if s1 == s2 else (1, 1, 0)
    h, r = u2 - u1, 2 * (s2 - s1)
    i = 4 * h * h % P
    j, v = h * i % P, u1 * i % P
    x = (r * r - j - 2 * v) % P
    return x, (r * (v - x) - 2 * s1 * j) % P, 2 * p[2] * q[2] * h % P


def _times(k: int, point: tuple[int, int]) -> _Jacobian:
    total: _Jacobian = (1, 1, 0)
    for bit in bin(k)[2:]:
        total = _double(total)
        if bit == "1":
            total = _sum(total, (point[0], point[1], 1))
    return total


def _affine(point: _Jacobian) -> Point:
    if not point[2]:
        return None
    inverse = pow(point[2], -1, P)
    square = inverse * inverse % P
    return point[0] * square % P, point[1] * square * inverse % P


def multiple(k: int, point: tuple[int, int]) -> Point:
    """[k] of a point of the curve. Not in constant time."""
    return _affine(_times(k, point))


def public_point(pem: bytes) -> tuple[tuple[int, int], bytes]:
    """(x, y) and DER of an SM2 public key in PEM; ValueError for anything else."""
    body = re.fullmatch(
        rb"-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)-----END PUBLIC KEY-----", pem.strip()
    )
    if not body or len(pem) > 1024:
        raise ValueError("not a public key in PEM")
    der = base64.b64decode(b"".join(body.group(1).split()), validate=True)
    if not der.startswith(SPKI_HEAD) or len(der) != len(SPKI_HEAD) + 64:
        raise ValueError("not an SM2 public key")
    x, y = int.from_bytes(der[-64:-32], "big"), int.from_bytes(der[-32:], "big")
    if x >= P or y >= P or (y * y - (x * x * x + A * x + B)) % P:
        raise ValueError("not a point of the SM2 curve")
    return (x, y), der


def signature_numbers(der: bytes) -> tuple[int, int]:
    """(r, s) of a DER signature; ValueError unless it is exactly the one DER form of them."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise ValueError("not a DER sequence")
    numbers, at = [], 2
    while at + 2 <= len(der):
        body = der[at + 2 : at + 2 + der[at + 1]]
        number = int.from_bytes(body, "big")
        shortest = number.to_bytes(number.bit_length() // 8 + 1, "big")
        if der[at] != 2 or len(body) != der[at + 1] or body != shortest:
            raise ValueError("not a positive DER integer in shortest form")
        numbers.append(number)
        at += 2 + len(body)
    if at != len(der) or len(numbers) != 2:
        raise ValueError("not two DER integers")
    return numbers[0], numbers[1]


def sm2_digest(point: tuple[int, int], data: bytes, signer_id: bytes) -> int:
    """SM3(Z || data), with Z over signer id, curve and key (GB/T 32918.2-2016 §5.5)."""
    numbers = (A, B, *G, *point)
    z = (8 * len(signer_id)).to_bytes(2, "big") + signer_id
    z += b"".join(number.to_bytes(32, "big") for number in numbers)
    return int(sm3(bytes.fromhex(sm3(z)) + data), 16)


def sm2_verify(
    point: tuple[int, int], data: bytes, signature: bytes, signer_id: bytes = SIGNER_ID
) -> bool:
    """Whether a DER signature is valid (GB/T 32918.2-2016 §7); ValueError when it is no DER."""
    r, s = signature_numbers(signature)
    if not (0 < r < N and 0 < s < N) or (r + s) % N == 0:
        return False
    found = _affine(_sum(_times(s, G), _times((r + s) % N, point)))
    return found is not None and (sm2_digest(point, data, signer_id) + found[0]) % N == r
