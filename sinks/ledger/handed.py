"""What an auditor who was given a head earlier is given later: the proof that the newest head
extends theirs. A file of JSON:

    {"v": 1, "old": "<signed note>", "new": "<signed note>", "proof": ["<hex>", …]}

Standard library only: it travels in packs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple, Protocol

from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.proofs import HASH_BYTES, extends
from sinks.ledger.unproven import Unproven

VERSION = 1
MAX_PROOF = 128  # hashes: a tree of 2**64 leaves needs no more
_KEYS = {"v", "old", "new", "proof"}


class Extended(Protocol):
    """A ledger as `LedgerReader` shows it."""

    @property
    def note(self) -> Note:
        """The newest signed head."""

    def root(self, size: int) -> bytes:
        """Root of the first `size` entries."""

    def consistency(self, old: int) -> list[bytes]:
        """The proof that the newest head extends the tree of `old` entries."""


class Handed(NamedTuple):
    """An earlier head, a newer one, and the proof between them."""

    old: Note
    new: Note
    proof: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        """The file."""
        fields = {
            "v": VERSION,
            "old": bytes(self.old).decode(),
            "new": bytes(self.new).decode(),
            "proof": [one.hex() for one in self.proof],
        }
        return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()


def hand_over(old: Note, ledger: Extended) -> Handed:
    """The proof that a ledger extends a head that was given out.

    Raises:
        Unproven: "other_ledger", "shorter" or "differs": it does not.
        LedgerDamaged: the ledger cannot say.
    """
    head, new = old.checkpoint, ledger.note.checkpoint
    _same_ledger(old, ledger.note)
    if head.size > new.size:
        raise _shorter(head.size, new.size)
    if ledger.root(head.size) != head.root:
        raise _differs(head.size)
    return Handed(old, ledger.note, tuple(ledger.consistency(head.size)))


def read_handed(data: bytes) -> Handed:
    """The file as it was given; see `check_handed` for whether it proves anything.

    Raises:
        Unproven: "unreadable".
    """
    try:
        fields = json.loads(data)
        proof = [bytes.fromhex(one) for one in fields["proof"]]
        made = Handed(
            read_note(fields["old"].encode()), read_note(fields["new"].encode()), tuple(proof)
        )
        sizes = {len(one) for one in proof} <= {HASH_BYTES} and len(proof) <= MAX_PROOF
        if set(fields) != _KEYS or fields["v"] != VERSION or not sizes:
            raise ValueError("other fields than it has")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Unproven(
            "unreadable",
            "this is not a file with two heads of a ledger and the proof between them",
            "这不是含两个签名头及其间证明的文件",
        ) from None
    return made


def check_handed(
    handed: Handed, mine: Note | None = None, signature: Callable[[Note], bool] = lambda note: True
) -> None:
    """Whether the newer head extends the older one.

    Args:
        mine: the head that was given to whoever asks, from their own papers.
        signature: whether a head is signed as it should be.

    Raises:
        Unproven: "not_mine", "signature", "other_ledger", "shorter" or "differs".
    """
    old, new = handed.old.checkpoint, handed.new.checkpoint
    if mine is not None and mine.checkpoint != old:
        raise Unproven(
            "not_mine",
            f"the earlier head in it ({old.size:,} entries) is not the one that was given to you "
            f"({mine.checkpoint.size:,} entries)",
            f"其中较早的签名头（{old.size:,} 条）不是交给您的那一个（{mine.checkpoint.size:,} 条）",
        )
    for note in (handed.old, handed.new):
        if not signature(note):
            raise Unproven(
                "signature",
                f"the head over {note.checkpoint.size:,} entries is not signed by the expected key",
                f"{note.checkpoint.size:,} 条的签名头不是由预期的密钥签名",
            )
    _same_ledger(handed.old, handed.new)
    if old.size > new.size:
        raise _shorter(old.size, new.size)
    if not extends(old.size, old.root, new.size, new.root, handed.proof):
        raise _differs(old.size)


def _same_ledger(old: Note, new: Note) -> None:
    names = old.checkpoint.origin, new.checkpoint.origin
    if names[0] != names[1]:
        raise Unproven(
            "other_ledger",
            f"the heads are of two ledgers, {names[0]} and {names[1]}",
            f"两个签名头属于不同账本：{names[0]} 与 {names[1]}",
        )


def _shorter(old: int, new: int) -> Unproven:
    return Unproven(
        "shorter",
        f"the earlier head covers {old:,} entries and the newest {new:,}: the ledger was rolled "
        "back",
        f"较早的签名头有 {old:,} 条，最新的只有 {new:,} 条：账本被回退",
    )


def _differs(size: int) -> Unproven:
    return Unproven(
        "differs",
        f"it is not shown that the newest head keeps the first {size:,} entries of the earlier "
        "one: some were altered, removed or put in, or the proof is damaged",
        f"未能证明最新签名头保留了较早签名头的前 {size:,} 条：有条目被改动、删除或插入，"
        "或证明已损坏",
    )
