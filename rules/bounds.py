"""How much one key may keep, so that no group of messages, however busy, fills the memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the settings take their default from here, and need no more of the core
    from rules.items import Item

# of the messages of a window, as much again may wait for event time: default of limits.key_bytes
KEY_BYTES = 2 * 1024 * 1024


def newest_within(size: int, most: int, *ordered: Sequence[Item]) -> int:
    """How many of the newest items come to at most `size` bytes of messages: at least one, and not
    more than `most`. `ordered`: items in order of time, in parts that follow each other."""
    fitting, left = 0, size
    for item in reversed(list(chain.from_iterable(ordered))):
        left -= len(item.raw)
        if fitting >= most or (left < 0 and fitting):
            break
        fitting += 1
    return max(1, fitting)
