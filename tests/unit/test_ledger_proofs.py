"""Roots and proofs against the recursive definitions of RFC 9162 §2.1, and against forgeries."""

from __future__ import annotations

import hashlib

import pytest
from gmssl import sm3 as other_sm3
from hypothesis import given
from hypothesis import strategies as st

from sinks.ledger import tree
from sinks.ledger.proofs import EMPTY_ROOT, extends, includes, leaf_hash, node_hash

LEAVES = [leaf_hash(f"entry {number}".encode()) for number in range(300)]


def defined(leaves):
    """MTH of RFC 9162 §2.1.1, as it is written there."""
    if not leaves:
        return hashlib.new("sm3", b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined(leaves[:split]), defined(leaves[split:]))


def subtree(height, index):
    return defined(LEAVES[index << height : (index + 1) << height])


sizes = st.integers(1, len(LEAVES))


def test_hashes_are_sm3_with_the_prefixes_of_the_rfc():
    def independent(data):
        return bytes.fromhex(other_sm3.sm3_hash(list(data)))

    assert leaf_hash(b"abc") == independent(b"\x00abc")
    assert node_hash(LEAVES[0], LEAVES[1]) == independent(b"\x01" + LEAVES[0] + LEAVES[1])
    assert hashlib.new("sm3", b"abc").hexdigest() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )
    assert tree.root(subtree, 0) == EMPTY_ROOT


@given(sizes)
def test_roots(size):
    assert tree.root(subtree, size) == defined(LEAVES[:size])


@given(st.data())
def test_an_entry_is_included_and_nothing_else_is(data):
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    root, path = defined(LEAVES[:size]), tree.inclusion(subtree, index, size)
    assert includes(LEAVES[index], index, size, path, root)
    assert len(path) <= max(0, (size - 1).bit_length())
    other = data.draw(st.integers(0, size).filter(lambda number: number != index))
    assert not includes(LEAVES[index], other, size, path, root)
    assert not includes(LEAVES[(index + 1) % 300], index, size, path, root)
    assert not includes(LEAVES[index], index, size, [*path, LEAVES[0]], root)
    assert not includes(LEAVES[index], index, size, path, LEAVES[0] if size > 1 else LEAVES[1])
    assert not includes(LEAVES[index], index, size, [one[:31] for one in path] or [b""], root)
    if path:
        assert not includes(LEAVES[index], index, size, path[:-1], root)
        at = data.draw(st.integers(0, len(path) - 1))
        bit = 1 << data.draw(st.integers(0, 7))
        flipped = bytes([path[at][0] ^ bit]) + path[at][1:]
        assert not includes(
            LEAVES[index], index, size, [*path[:at], flipped, *path[at + 1 :]], root
        )


@given(st.data())
def test_a_later_tree_extends_an_earlier_one_and_no_other(data):
    new = data.draw(sizes)
    old = data.draw(st.integers(0, new))
    roots = defined(LEAVES[:old]), defined(LEAVES[:new])
    path = tree.consistency(subtree, old, new)
    assert extends(old, roots[0], new, roots[1], path)
    assert not extends(old, LEAVES[299], new, roots[1], path)
    assert not extends(old, roots[0], new, LEAVES[298], path) or not old
    assert not extends(old, roots[0], new, roots[1], [*path, LEAVES[0]])
    assert not extends(new + 1, roots[0], new, roots[1], path)
    if path:
        assert not extends(old, roots[0], new, roots[1], path[:-1])
        at = data.draw(st.integers(0, len(path) - 1))
        flipped = bytes([path[at][0] ^ 1]) + path[at][1:]
        assert not extends(old, roots[0], new, roots[1], [*path[:at], flipped, *path[at + 1 :]])


@pytest.mark.parametrize("index", [-1, 5])
def test_there_is_no_proof_of_what_is_not_there(index):
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion(subtree, index, 5)


def test_a_shorter_tree_extends_nothing():
    with pytest.raises(ValueError, match="does not extend"):
        tree.consistency(subtree, 6, 5)
