"""Files go with the messages that carry them.

A message is deleted by a plan (`sinks.archive.disposal`) and leaves a tombstone. A file that no
other message carries is removed then: first a line of the book says so, then its object goes,
unless another file has the same content. A crash in between is made good by the next time.
"""

from __future__ import annotations

from sinks.archive.disposable import DisposableIndex
from sinks.archive.media import MediaStore
from sinks.archive.media_book import MediaBook
from sinks.archive.media_rows import REMOVED

_PART = 1_000


def release(
    book: MediaBook, store: MediaStore, disposals: DisposableIndex, *, at: int, who: str
) -> int:
    """Remove the files of messages that were deleted: how many. A message that is merely missing
    from the index has no tombstone, and its files stay.

    Args:
        at: now, UTC ms.

    Raises:
        OSError, sqlite3.Error: an end did not take it; call again later.
    """
    removed, after = 0, -1
    while leaves := book.carriers(after, _PART):
        after = leaves[-1]
        buried = {stone.leaf: stone for stone in disposals.buried(leaves[0], leaves[-1])}
        for leaf in filter(buried.__contains__, leaves):
            for row in book.alone(leaf):
                if row.state != REMOVED:
                    book.removed(row, f"deleted by plan {buried[leaf].plan[:16]}", at=at, who=who)
                    removed += 1
                if row.object and not book.needed(row.object):
                    store.remove(row.object, row.size)
            book.gone(leaf)
    return removed
