"""Which proofs of the ledger must not go with a redacted record.

Whoever sees all of a record but a few digits can try what they may be: with each guess they come to
a record, its digest, its entry, the hash of that leaf. If they have that hash, or that of a subtree
of which they know every other leaf, they know when they have guessed right. So a proof is withheld
when one of its hashes is of a subtree that holds such a leaf and otherwise only leaves that are in
the pack. Around such a leaf there is a largest subtree known as a whole; all proofs within it are
withheld by this rule; the hash of its sibling stands in those proofs alone, and is unknown. So no
hash that is left leads to the leaf.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection

_Range = tuple[int, int]  # of leaves: the first, and the one behind the last


class Guard:
    """Says what may be shown of a ledger.

    Args:
        size: entries of the tree.
        secret: leaves of records from which something was taken out.
        known: leaves of everything in the pack.
    """

    def __init__(self, size: int, secret: Collection[int], known: Collection[int]) -> None:
        self._size = size
        self._secret, self._known = sorted(set(secret)), sorted({*known, *secret})

    def may_show(self, leaf: int) -> bool:
        """Whether the entry and the audit path of a leaf give nothing away."""
        if not self._secret:
            return True
        return leaf not in self._secret and not any(map(self._tells, siblings(leaf, self._size)))

    def may_extend(self, old: int) -> bool:
        """Whether the proof that the tree of `old` entries was gone on from gives nothing away."""
        if not self._secret:
            return True
        return not any(map(self._tells, [*consistency(old, self._size), (0, old)]))

    def _tells(self, span: _Range) -> bool:
        first, last = span
        return _within(self._secret, span) > 0 and _within(self._known, span) == last - first


def _within(leaves: list[int], span: _Range) -> int:
    """How many of some leaves, in order, lie in a range."""
    return bisect_left(leaves, span[1]) - bisect_left(leaves, span[0])


def siblings(leaf: int, size: int) -> list[_Range]:
    """The subtrees whose hashes stand in the audit path of a leaf (RFC 9162 §2.1.3.1)."""
    found: list[_Range] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if leaf < middle:
            found.append((middle, last))
            last = middle
        else:
            found.append((first, middle))
            first = middle
    return found


def consistency(old: int, size: int) -> list[_Range]:
    """The subtrees whose hashes stand in a consistency proof (RFC 9162 §2.1.4.1)."""
    found: list[_Range] = []
    first, last, whole = 0, size, True
    while 0 < old < size:
        if old == last - first:
            if not whole:
                found.append((first, last))
            break
        middle = first + _split(last - first)
        if old <= middle - first:
            found.append((middle, last))
            last = middle
        else:
            found.append((first, middle))
            old -= middle - first
            first, whole = middle, False
    return found


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
