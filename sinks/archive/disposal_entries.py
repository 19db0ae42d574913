"""What the ledger says of deletion, gathered in one pass over its entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sinks.archive.disposable import DISPOSAL, DISPOSED, SPARED, TOMBSTONE, DisposableIndex
from sinks.archive.leaves import CUSTODY, read_message, read_other

_BLOCK = 1_024


class Entered(NamedTuple):
    """An entry: where it stands in the ledger, and its digest."""

    at: int
    sm3: str


class Stone(NamedTuple):
    """A tombstone that was not taken back: where it stands, the message's leaf, the plan, the
    digest."""

    at: int
    leaf: int
    plan: str
    sm3: str


class Entries(NamedTuple):
    """All that concerns deletion. Of several tombstones of a message that were not taken back the
    last one counts. `odd` are tombstones that name no message; `missing` messages
    that the index does not have, and `there` those of `stones` that it has."""

    custody: dict[int, list[Entered]]
    plans: dict[str, Entered]
    done: dict[str, Entered]
    stones: dict[int, Stone]
    odd: list[tuple[int, str]]
    missing: set[int]
    there: set[int]


def gather(ledger: Iterable[tuple[int, bytes]], index: DisposableIndex | None = None) -> Entries:
    """Read through the ledger.

    Args:
        ledger: its entries with their numbers.
        index: says which messages are there; None leaves that out.

    Raises:
        MingjianError: the ledger cannot be read.
    """
    found = Entries({}, {}, {}, {}, [], set(), set())
    stones: dict[Stone, int] = {}  # not taken back yet, in their order: where each stands
    messages: list[int] = []
    for at, entry in ledger:
        if at % _BLOCK == 0:
            _look(found, index, messages)
        if read_message(entry) is not None:
            messages.append(at)
            continue
        leaf = read_other(entry)
        if leaf is None:
            continue
        told = Entered(at, leaf.sm3)
        if leaf.kind == CUSTODY and leaf.id.isdecimal():
            found.custody.setdefault(int(leaf.id), []).append(told)
        elif leaf.kind == DISPOSAL:
            found.plans.setdefault(leaf.id, told)
        elif leaf.kind == DISPOSED:
            found.done[leaf.id] = told
        elif leaf.kind in (TOMBSTONE, SPARED):
            _take(found, stones, leaf.kind, leaf.id, told)
    _look(found, index, messages)
    found.stones.update((stone.leaf, stone._replace(at=at)) for stone, at in stones.items())
    if index is not None:
        for stone in found.stones.values():
            if stone.leaf not in found.missing:
                found.there.add(stone.leaf)
    return found


def _take(found: Entries, stones: dict[Stone, int], kind: str, name: str, told: Entered) -> None:
    """A tombstone, or one that is taken back. Plans that name the same message may each have left
    one, when they were cut short."""
    number, _, plan = name.partition("@")
    if not number.isdecimal() or not plan or int(number) >= told.at:
        found.odd.append((told.at, name))
        return
    stone = Stone(0, int(number), plan, told.sm3)
    known = stones.pop(stone, None)
    if kind == TOMBSTONE:
        stones[stone] = told.at
    elif known is None:
        found.odd.append((told.at, name))


def _look(found: Entries, index: DisposableIndex | None, messages: list[int]) -> None:
    """Which of these messages the index does not have."""
    if index is not None and messages:
        found.missing.update(set(messages) - index.present(messages[0], messages[-1]))
    messages.clear()
