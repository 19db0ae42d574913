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
from sinks.ledger.checkpoint import Checkpoint, Note
from sinks.ledger.files import FullBundles, locked
from sinks.ledger.hashes import Subtrees, read_hashes
from sinks.ledger.heads import stamped_heads, write_history
from sinks.ledger.known import NONE_KNOWN, Known, known_heads
from sinks.ledger.tail import tail_damage
from sinks.ledger.tiles import WIDTH
from sinks.ledger.trouble import HeadForged, HeadsDamaged, LedgerDamaged, no_ledger


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
    folder: Path,
    given: Iterable[Note],
    trusts: Callable[[Note], bool],
    *,
    fresh: bool,
    known: Known = NONE_KNOWN,
) -> Iterator[Mending]:
    """What can be made of a damaged history, while nobody else writes the ledger.

    Args:
        given: heads that were given out before.
        trusts: says of a head whether it is signed as it should be.
        fresh: begin a new history where no head is left.
        known: the newest signed head that somebody else knows of: the entries have to lead to it.

    Raises:
        MingjianError: nothing is wrong, no head is left, or another process writes.
        LedgerDamaged: a head does not fit the entries: those were damaged, too, or rolled back.
    """
    if not folder.is_dir():
        raise no_ledger(folder)
    lock = locked(folder)
    try:
        found = known_heads(folder, known)
        wrong = found.wrong
        if wrong is None and found.usable and not trusts(found.usable[-1]):
            wrong = HeadForged(folder, found.usable)
        if wrong is None:
            raise _whole(folder)
        there = list(dict.fromkeys((*found.usable, *stamped_heads(folder), *given)))
        notes = _counted(there, trusts)
        if not notes and there:
            raise _of_others(wrong, there[-1])
        if not notes and not fresh:
            raise _none_left(wrong)
        _require_fit(folder, notes, known)
        yield Mending(folder, notes, sum(not trusts(note) for note in there), wrong)
    finally:
        os.close(lock)


def _counted(there: Iterable[Note], trusts: Callable[[Note], bool]) -> list[Note]:
    """Heads that count, each once, with the signatures alone that make them count; oldest first."""
    found: dict[Checkpoint, Note] = {}
    for note in filter(trusts, there):
        alone = (note._replace(signatures=(one,)) for one in note.signatures)
        good = tuple(one.signatures[0] for one in alone if trusts(one))
        found.setdefault(note.checkpoint, note._replace(signatures=good))
    return sorted(found.values(), key=lambda note: (note.checkpoint.size, note.checkpoint.at))


def _require_fit(folder: Path, notes: list[Note], known: Known) -> None:
    subtrees = Subtrees(lambda level, number, count: read_hashes(folder, level, number, count))
    wanted: list[tuple[int, Callable[[bytes], bool]]] = [
        (note.checkpoint.size, note.checkpoint.root.__eq__) for note in notes
    ]
    if known.size:
        wanted.append((known.size, known.fits))
    for size, fits in wanted:
        try:
            good = fits(tree.root(subtrees, size))
        except (FileNotFoundError, ValueError):
            good = False
        if not good:
            raise _leads_not(folder, size)
    if wanted:
        _require_last(folder, max(size for size, _ in wanted))


def _require_last(folder: Path, size: int) -> None:
    """As the writer does when it opens: the entries of the last full bundle and of the tail, not
    their hashes alone."""
    number, count = divmod(size, WIDTH)
    bundles = FullBundles(folder, size)
    try:
        full = read_hashes(folder, 0, number - 1, WIDTH) if number else []
        hashes = read_hashes(folder, 0, number, count)[:count] if count else []
    except (FileNotFoundError, ValueError):
        raise _leads_not(folder, size) from None
    if number:
        bundles.require(number - 1, full)
    if found := tail_damage(folder, number, hashes):
        at, en, zh = found
        at += number * WIDTH
        raise LedgerDamaged(
            folder, f"entry {at:,}, in tail-{number}: {en}", f"第 {at:,} 条（tail-{number}）：{zh}"
        )


def _leads_not(folder: Path, size: int) -> LedgerDamaged:
    return LedgerDamaged(
        folder,
        f"the entries that are there do not lead to the signed head of {size:,} entries",
        f"现有条目推不出 {size:,} 条的签名头",
    )


def _of_others(wrong: HeadsDamaged, note: Note) -> MingjianError:
    head = note.checkpoint
    by = ", ".join(f"{one.name} ({one.key_id.hex()})" for one in note.signatures)
    return MingjianError(
        f"{wrong.en}; and none is signed with the key of this installation: that of {head.size:,}"
        f" entries of the ledger {head.origin} is signed by {by}",
        f"{wrong.zh}；且没有一个是用本机的密钥签名的：账本 {head.origin} 的 {head.size:,} 条签名头"
        f"由 {by} 签名",
        fix_en="see whether tenant and keys_dir are right. A new history (--fresh) is begun only"
        " where no head can be read: if these are worth nothing, move them out of the ledger's"
        " folder yourself",
        fix_zh="请检查 tenant 与 keys_dir 是否正确。只有在没有任何可读的签名头时才会开始新的历史"
        "（--fresh）；若这些签名头确无价值，请自行将其移出账本目录",
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
