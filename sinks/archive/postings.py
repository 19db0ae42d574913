"""Which messages have a term, written once for each run of `BLOCK` leaves.

A posting is the set of those leaves of one block that have one term, as its bytes: where fewer than
a sixteenth of the block have it, their numbers within the block, ascending, two bytes each, else
one bit for each leaf. So a term that nearly every message has takes an eighth of a byte a message,
and two such terms are compared by 512 bytes at a time.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

BLOCK = 4_096
_BITMAP = BLOCK // 8
_SPARSE = _BITMAP // 2  # so many numbers of two bytes are as long as the bitmap
_INT64 = 1 << 63
_MAX_REMEMBERED = 500_000
_BITS = tuple(tuple(bit for bit in range(7, -1, -1) if byte >> bit & 1) for byte in range(256))


class Posting(NamedTuple):
    """The leaves of a block that have a term."""

    term: int
    block: int
    leaves: bytes


class Numbers:
    """Terms as 64-bit numbers, which any number column takes.

    Of ten million terms two share a number once in 300,000 installations. `salt` is drawn for
    each index, so that nobody can look for names that share one.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._known: dict[str, int] = {}

    def of(self, term: str) -> int:
        """The number of a term."""
        number = self._known.get(term)
        if number is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            digest = hashlib.blake2b(term.encode(), digest_size=8, key=self._salt).digest()
            number = self._known[term] = int.from_bytes(digest, "big") - _INT64
        return number

    def of_all(self, terms: Iterable[str]) -> list[int]:
        """The numbers of different terms, ascending."""
        return sorted({self.of(term) for term in terms})


def postings(messages: Iterable[tuple[int, Sequence[int]]]) -> list[Posting]:
    """Postings of messages, given as their leaves, ascending, and terms: by block, then term."""
    found: dict[tuple[int, int], list[int]] = {}
    for leaf, terms in messages:
        block, at = divmod(leaf, BLOCK)
        for term in terms:
            found.setdefault((block, term), []).append(at)
    return [
        Posting(term, block, packed(numbers)) for (block, term), numbers in sorted(found.items())
    ]


def packed(numbers: Sequence[int]) -> bytes:
    """The bytes of numbers below `BLOCK`, which ascend."""
    if len(numbers) < _SPARSE:
        return _little(array("H", numbers)).tobytes()
    bits = bytearray(_BITMAP)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return bytes(bits)


def common(sets: Sequence[bytes]) -> list[int]:
    """Numbers that are in each of these sets, of which there is at least one; descending."""
    sparse = [set(_little(array("H", one))) for one in sets if len(one) < _BITMAP]
    dense = [one for one in sets if len(one) == _BITMAP]
    if not sparse:
        return _of_bitmap(dense)
    kept = set.intersection(*sparse)
    for bits in dense:
        kept = {number for number in kept if bits[number >> 3] >> (number & 7) & 1}
    return sorted(kept, reverse=True)


def without(leaves: bytes, gone: set[int]) -> tuple[bytes, set[int]] | None:
    """What is left of a set without some numbers (b"": nothing), and which of these it had; None
    when it had none of them."""
    dense = len(leaves) == _BITMAP
    if dense:
        taken = {one for one in gone if leaves[one >> 3] >> (one & 7) & 1}
    else:
        taken = gone.intersection(_little(array("H", leaves)))
    if not taken:
        return None
    numbers = _of_bitmap([leaves])[::-1] if dense else _little(array("H", leaves))
    rest = [one for one in numbers if one not in taken]
    return (packed(rest) if rest else b""), taken


def _of_bitmap(dense: Sequence[bytes]) -> list[int]:
    both = int.from_bytes(dense[0], "little")
    for bits in dense[1:]:
        both &= int.from_bytes(bits, "little")
    if not both:
        return []
    found = both.to_bytes(_BITMAP, "little")
    return [
        at << 3 | bit for at in range(_BITMAP - 1, -1, -1) if found[at] for bit in _BITS[found[at]]
    ]


def _little(numbers: array[int]) -> array[int]:
    """In the byte order in which they are stored."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
