"""What a redacted pack shows of the ledger gives nothing away."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.withheld import Guard, consistency, siblings
from sinks.ledger.proofs import leaf_hash
from sinks.ledger.sm3 import sm3


def node(left, right):
    return bytes.fromhex(sm3(b"\x01" + left + right))


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(root(leaves[:middle]), root(leaves[middle:]))


def subtrees(first, last):
    """Every subtree of the tree of [first, last), as (range, range of its halves)."""
    yield (first, last)
    if last - first > 1:
        middle = first + (1 << ((last - first - 1).bit_length() - 1))
        yield from subtrees(first, middle)
        yield from subtrees(middle, last)


def halves(span):
    first, last = span
    middle = first + (1 << ((last - first - 1).bit_length() - 1))
    return (first, middle), (middle, last)


@given(st.integers(1, 70), st.data())
def test_the_subtrees_named_are_those_whose_hashes_lead_to_the_root(size, data):
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    leaf = data.draw(st.integers(0, size - 1))
    total, span = leaves[leaf], (leaf, leaf + 1)
    for other in reversed(siblings(leaf, size)):
        beside = root(leaves[slice(*other)])
        left = other[0] < span[0]
        total = node(beside, total) if left else node(total, beside)
        span = min(span[0], other[0]), max(span[1], other[1])
    assert span == (0, size)
    assert total == root(leaves)


@given(st.integers(2, 70), st.data())
def test_a_consistency_proof_covers_the_old_tree_and_the_new_one(size, data):
    old = data.draw(st.integers(1, size))
    spans = consistency(old, size)
    assert set(spans) <= set(subtrees(0, size))
    if old < size:
        covered = sorted({*spans} if old & (old - 1) else {*spans, (0, old)})
        assert [leaf for span in covered for leaf in range(*span)] == list(range(size))


@settings(max_examples=400, deadline=None)
@given(st.integers(1, 40), st.data())
def test_no_guess_at_what_was_taken_out_can_be_tried(size, data):
    """Whoever has the pack knows the leaves in it and the hashes of the proofs shown. A guess can
    be tried when some hash they have is of a subtree of which they know all else."""
    known = data.draw(st.sets(st.integers(0, size - 1), max_size=12))
    secret = data.draw(st.sets(st.sampled_from(sorted(known)), max_size=3)) if known else set()
    old = data.draw(st.integers(1, size))
    guard = Guard(size, secret, known)
    shown = {span for leaf in known if guard.may_show(leaf) for span in siblings(leaf, size)}
    if guard.may_extend(old):
        shown |= set(consistency(old, size)) | ({(0, old)} & set(subtrees(0, size)))
    # the root is signed; what is unknown in it must not be all known
    have = {(leaf, leaf + 1) for leaf in known - secret} | shown | {(0, size)}
    trees = sorted(subtrees(0, size), key=lambda span: span[1] - span[0])
    given_away = {(leaf, leaf + 1) for leaf in secret}  # come with each guess
    computed = have | given_away
    for span in trees:
        if span[1] - span[0] > 1 and all(half in computed for half in halves(span)):
            computed.add(span)
    without = {span for span in trees if not any(span[0] <= leaf < span[1] for leaf in secret)}
    for span in shown - without:
        assert not all(half in computed for half in _lower(span, computed, secret)), span


def _lower(span, computed, secret):
    """What a guess would have to be put together from to come to the hash of `span`."""
    needed, parts = [span], []
    while needed:
        one = needed.pop()
        inside = any(one[0] <= leaf < one[1] for leaf in secret)
        if not inside or one[1] - one[0] == 1:
            parts.append(one)
        else:
            needed.extend(halves(one))
    return parts


def test_without_redactions_everything_may_be_shown():
    guard = Guard(9, (), range(9))
    assert all(guard.may_show(leaf) for leaf in range(9))
    assert all(guard.may_extend(old) for old in range(10))


def test_neighbours_that_are_all_in_the_pack_are_withheld_together():
    guard = Guard(64, {5}, {4, 5, 6, 7, 20})
    assert [leaf for leaf in (4, 5, 6, 7, 20) if guard.may_show(leaf)] == [20]
    guard = Guard(64, {5}, {5, 6, 7, 20})  # of 4 nobody knows anything
    assert [leaf for leaf in (5, 6, 7, 20) if guard.may_show(leaf)] == [6, 7, 20]
    assert list(itertools.islice(siblings(5, 64), 6))[-1] == (4, 5)
