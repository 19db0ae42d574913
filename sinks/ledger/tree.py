"""Roots and proofs of a Merkle tree of any size, from the hashes of its perfect subtrees.

Pure: where the hashes lie is the business of whoever gives `subtree`. RFC 9162 §2.1.
"""

from __future__ import annotations

from collections.abc import Callable

from sinks.ledger.proofs import EMPTY_ROOT, node_hash

Subtree = Callable[[int, int], bytes]
"""(height, index) -> hash of the perfect subtree over the leaves [index * 2**height, and on)."""


def root(subtree: Subtree, size: int) -> bytes:
    """Root of the first `size` leaves."""
    return _range(subtree, 0, size) if size else EMPTY_ROOT


def inclusion(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """Audit path of the leaf `index` in the tree of `size` leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range(subtree, middle, end))
            end = middle
        else:
            path.append(_range(subtree, start, middle))
            start = middle
    return path[::-1]


def consistency(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` leaves extends that of `old`; empty where nothing is to be
    proved. RFC 9162 §2.1.4.1."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not extend one of {old}")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range(subtree, middle, end))
            end = middle
        else:
            path.append(_range(subtree, start, middle))
            start, whole = middle, False
    if not whole:  # else the verifier has it: it is the older root
        path.append(_range(subtree, start, end))
    return path[::-1]


def _range(subtree: Subtree, start: int, end: int) -> bytes:
    """Hash of the leaves [start, end), where `start` is a multiple of a power of two that is not
    less than their number."""
    found: list[bytes] = []
    while start < end:
        height = (end - start).bit_length() - 1
        found.append(subtree(height, start >> height))
        start += 1 << height
    hashed = found.pop()
    while found:
        hashed = node_hash(found.pop(), hashed)
    return hashed


def _split(count: int) -> int:
    """The largest power of two that is less than `count`."""
    return 1 << ((count - 1).bit_length() - 1)
