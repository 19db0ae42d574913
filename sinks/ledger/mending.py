"""The history of signed heads put together again from the heads that are left.

Nothing is signed here and no entry is touched: every head was signed when it was made, and has to
fit the entries that are there. Heads of which no copy is left anywhere stay lost; what they covered
is covered by every later one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger import tree
from sinks.ledger.checkpoint import Note
from sinks.ledger.files import locked
from sinks.ledger.hashes import Subtrees, read_hashes
from sinks.ledger.heads import read_heads, stamped_heads, write_history
from sinks.ledger.trouble import HeadsDamaged, LedgerDamaged, no_ledger


class Mending(NamedTuple):
    """What the history will be. `notes`: oldest first; `left_out`: heads that are there and do not
    count; `wrong`: what is mended."""

    folder: Path
    notes: list[Note]
    left_out: int
    wrong: HeadsDamaged

    def write(self, aside: str) -> None:
        """Let it be so; what was there stays under names that end with `aside`. Raises OSError."""
        write_history(self.folder, self.notes, aside)


@contextmanager
def mending(
    folder: Path, given: Iterable[Note], trusts: Callable[[Note], bool], *, fresh: bool
) -> Iterator[Mending]:
    """What can be made of a damaged history, while nobody else writes the ledger.

    Args:
        given: heads that were given out before.
        trusts: says of a head whether it is signed as it should be.
        fresh: begin a new history where no head is left.

    Raises:
        MingjianError: nothing is wrong, no head is left, or another process writes.
        LedgerDamaged: a head does not fit the entries: those were damaged, too, or rolled back.
    """
    if not folder.is_dir():
        raise no_ledger(folder)
    lock = locked(folder)
    try:
        found = read_heads(folder)
        if found.wrong is None:
            raise _whole(folder)
        there = {*found.usable, *stamped_heads(folder), *given}
        notes = sorted(filter(trusts, there), key=lambda note: note.checkpoint[1:])
        if not notes and not fresh:
            raise _none_left(found.wrong)
        _require_fit(folder, notes)
        yield Mending(folder, notes, len(there) - len(notes), found.wrong)
    finally:
        os.close(lock)


def _require_fit(folder: Path, notes: list[Note]) -> None:
    subtrees = Subtrees(lambda level, number, count: read_hashes(folder, level, number, count))
    for note in notes:
        head = note.checkpoint
        try:
            fits = tree.root(subtrees, head.size) == head.root
        except (FileNotFoundError, ValueError):
            fits = False
        if not fits:
            raise LedgerDamaged(
                folder,
                f"the entries that are there do not lead to the signed head of {head.size:,}"
                " entries",
                f"现有条目推不出 {head.size:,} 条的签名头",
            )


def _whole(folder: Path) -> MingjianError:
    return MingjianError(
        f"nothing is wrong with the history of signed heads in {folder}",
        f"{folder} 中的签名头历史没有问题",
        fix_en="`mingjian ledger verify` looks at entries and hashes as well",
        fix_zh="`mingjian ledger verify` 也会核查条目与哈希",
        exit_code=EXIT_USAGE,
    )


def _none_left(wrong: HeadsDamaged) -> MingjianError:
    return MingjianError(
        wrong.en,
        wrong.zh,
        fix_en="give a head that was given out before (--given: `checkpoint` as it was then,"
        " checkpoint.txt of a pack, a proof). When there is none anywhere, --fresh lets a new"
        " history begin: then nothing shows any more what was signed before",
        fix_zh="请给出此前给出的签名头（--given：当时的 checkpoint、证据包中的 checkpoint.txt"
        " 或证明）。若任何地方都没有，可用 --fresh 开始新的历史，但此前签过什么将无从证明",
    )
