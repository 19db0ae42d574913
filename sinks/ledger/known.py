"""What somebody else knows of the newest signed head, so that heads that are gone are missed.

The files of heads cannot say that a head is missing behind their last. The archive's index can: it
is told each head after it was signed, so it knows that one or an earlier one, and never a later.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sinks.ledger.checkpoint import Checkpoint
from sinks.ledger.heads import CHECKPOINT, HISTORY, Heads, read_heads
from sinks.ledger.trouble import HeadsDamaged

SIGNED, SIGNED_ROOT = "signed", "signed_root"  # among the positions of whoever knows
_MARK_BYTES, _MARK_BITS = 8, 63  # what fits where numbers have a sign


class Known(NamedTuple):
    """A head: how many entries it covers, and the first 63 bits of its root; 0: none was signed as
    far as is known."""

    size: int = 0
    mark: int = 0

    def positions(self) -> dict[str, int]:
        """As it is kept."""
        return {SIGNED: self.size, SIGNED_ROOT: self.mark}

    def fits(self, root: bytes) -> bool:
        """Whether this may be its root."""
        return mark_of(root) == self.mark


NONE_KNOWN = Known()


def mark_of(root: bytes) -> int:
    """The first 63 bits of a root."""
    return int.from_bytes(root[:_MARK_BYTES], "big") >> (_MARK_BYTES * 8 - _MARK_BITS)


def known_of(head: Checkpoint | None) -> Known:
    """What there is to know of a head."""
    return Known(head.size, mark_of(head.root)) if head else NONE_KNOWN


def known_from(positions: Mapping[str, int]) -> Known:
    """See `Known.positions`."""
    return Known(positions.get(SIGNED, 0), positions.get(SIGNED_ROOT, 0))


def known_heads(folder: Path, known: Known) -> Heads:
    """The heads of a folder, see `read_heads`; it is also wrong when they are behind `known`, which
    was asked for before, where somebody may be signing."""
    found = read_heads(folder)
    return found if found.wrong else found._replace(wrong=_missed(folder, found, known))


def _missed(folder: Path, heads: Heads, known: Known) -> HeadsDamaged | None:
    """What is wrong with heads that nothing is wrong with by themselves; None: nothing."""
    if not known.size:
        return None
    newest = max((note.checkpoint.size for note in heads.usable), default=0)
    if newest < known.size:
        gone = not heads.usable
        return HeadsDamaged(
            folder,
            (f"{HISTORY} and {CHECKPOINT} are gone" if gone else "its newest heads are missing")
            + f", and the archive's index knows a signed head of {known.size:,} entries",
            (f"{HISTORY} 与 {CHECKPOINT} 不在了" if gone else "缺少最新的签名头")
            + f"，而归档的索引记有一个 {known.size:,} 条的签名头",
            heads.usable,
        )
    of_size = [note for note in heads.usable if note.checkpoint.size == known.size]
    if of_size and not any(known.fits(note.checkpoint.root) for note in of_size):
        return HeadsDamaged(
            folder,
            f"its head of {known.size:,} entries has another root than the archive's index knows",
            f"其 {known.size:,} 条的签名头与归档索引所记的根哈希不同",
            heads.usable,
        )
    return None
