"""Merkle tree hashes, and checking the two proofs of RFC 9162 with SM3 in place of SHA-256.

A leaf is SM3(0x00 | entry), a node SM3(0x01 | left | right) (RFC 9162 §2.1.1): the first byte keeps
a node from passing for an entry. Standard library only: this module is also a part of the verifier
that travels in packs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from sinks.ledger.sm3 import sm3

HASH_BYTES = 32
EMPTY_ROOT = bytes.fromhex(sm3(b""))


def _beginning_with(first: bytes) -> Callable[[bytes], bytes]:
    """SM3 of `first` and what is given: a copy of a hash begun is faster than a new one."""
    try:
        begun = hashlib.new("sm3", first)
    except ValueError:  # a Python without it
        return lambda data: bytes.fromhex(sm3(first + data))

    def digest(data: bytes) -> bytes:
        hashed = begun.copy()
        hashed.update(data)
        return hashed.digest()

    return digest


_leaf, _node = _beginning_with(b"\x00"), _beginning_with(b"\x01")


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry of the log, 32 bytes."""
    return _leaf(entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees, 32 bytes."""
    return _node(left + right)


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `size` leaves that has the leaf hash `leaf` at `index`, by the audit
    path from the leaf upwards; None when no tree can have such a path. RFC 9162 §2.1.3.2."""
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in (leaf, *path)):
        return None
    here, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None  # longer than the tree is high
        if here & 1 or here == last:
            root = node_hash(sibling, root)
            while here and not here & 1:  # a right edge that has no sibling for some levels
                here, last = here >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        here, last = here >> 1, last >> 1
    return root if last == 0 else None


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf hash stands at `index` in the tree of `size` leaves with this root."""
    return root_of_inclusion(leaf, index, size, path) == root


def extends(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of `new_size` leaves begins with all leaves of the older one, unchanged and
    in their order. RFC 9162 §2.1.4.2; any tree extends the empty one, with an empty path."""
    if not 0 <= old_size <= new_size or any(len(one) != HASH_BYTES for one in path):
        return False
    if old_size in {0, new_size}:
        same = old_root == (new_root if old_size else EMPTY_ROOT)
        return same and not path
    steps = list(path)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)  # the older tree is itself a node of the newer one
    if not steps:
        return False
    here, last = old_size - 1, new_size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root
