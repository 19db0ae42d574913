"""Proofs of the ledger as files, checked without it: that an entry is in it, that it goes on from
an earlier head, that a head is the one that was printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from jobs.ledger_signer import signed_by
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.handed import Handed, check_handed, read_handed
from sinks.ledger.proofs import includes, leaf_hash
from sinks.ledger.reader import LedgerReader
from sinks.ledger.unproven import Unproven
from sinks.ledger.witness import Witness, is_of, read_witness

KIND = "mingjian inclusion proof"
INCLUSION, CONTINUATION, WITNESS = "inclusion", "continuation", "witness"
_HANDED = {"old", "new"}  # keys of a proof that the ledger goes on
_LABELS = (("ledger", "账本"), ("root", "根"))  # of a witness, of each one language


class Proof(NamedTuple):
    """That `entry` is the one with the number `index` in the ledger of this head."""

    index: int
    entry: bytes
    path: list[bytes]
    note: Note


def proof_of(ledger: LedgerReader, index: int, asked: str) -> bytes:
    """The proof of an entry, as JSON.

    Args:
        asked: what the caller called it.

    Raises:
        MingjianError: no signed head covers it.
    """
    if not 0 <= index < ledger.size:
        raise MingjianError(
            f"{asked} is not in the ledger that was signed last ({ledger.size:,} entries)",
            f"{asked} 不在最近签名的账本中（共 {ledger.size:,} 条）",
            fix_en="what was archived in the last minute is covered by the next signed head",
            fix_zh="最近一分钟归档的内容由下一个签名头覆盖",
            exit_code=EXIT_USAGE,
        )
    return json.dumps(
        {
            "kind": KIND,
            "v": 1,
            "index": index,
            "entry": ledger.entry(index).decode(),
            "path": [one.hex() for one in ledger.inclusion(index)],
            "checkpoint": bytes(ledger.note).decode(),
        },
        ensure_ascii=False,
        indent=1,
    ).encode()


def read_proof(data: bytes, file: Path) -> Proof | Handed | Witness:
    """What somebody gave: one of the three.

    Args:
        file: its name, for people.

    Raises:
        MingjianError: it is none, or was altered, or lines of a witness are misprinted.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        text = data.decode(errors="replace")
        if all(any(word in text.lower() for word in words) for words in _LABELS):
            return read_witness(text)
        raise _no_proof(file) from None
    try:
        if told.keys() >= _HANDED:
            return read_handed(data)
        if told["kind"] != KIND or told["v"] != 1:
            raise ValueError("of another kind")
        return Proof(
            int(told["index"]),
            told["entry"].encode(),
            [bytes.fromhex(one) for one in told["path"]],
            read_note(told["checkpoint"].encode()),
        )
    except (Unproven, ValueError, KeyError, TypeError, AttributeError):
        raise _no_proof(file) from None


def check_proof(
    proof: Proof | Handed | Witness, name: str, public_pem: bytes, mine: Note | None = None
) -> tuple[str, str]:
    """What is wrong with a proof (English, Chinese); two empty texts when it holds.

    Args:
        name: of the ledger.
        public_pem: the key that its heads are signed with.
        mine: the head that whoever asks was given before, from their own papers: a proof of
            continuation has to begin with it, a witness to be of it. Of an entry it is the head
            that the proof leads to.
    """
    if isinstance(proof, Witness):
        return ("", "") if mine is None else _head(mine, name, public_pem) or _printed(proof, mine)
    if isinstance(proof, Handed):
        try:
            check_handed(proof, mine)
        except Unproven as error:
            return error.en, error.zh
        return _head(proof.old, name, public_pem) or _head(proof.new, name, public_pem) or ("", "")
    head = proof.note.checkpoint
    if wrong := _head(proof.note, name, public_pem):
        return wrong
    if mine is not None and mine.checkpoint != head:
        return (
            f"it leads to a head of {head.size:,} entries, which is not the one that was given to"
            f" you ({mine.checkpoint.size:,} entries)",
            f"它推出的签名头（{head.size:,} 条）不是交给您的那一个（{mine.checkpoint.size:,} 条）",
        )
    if not includes(leaf_hash(proof.entry), proof.index, head.size, proof.path, head.root):
        return (
            "the entry does not lead to the signed root: entry, number or path was altered",
            "条目推不出签名的根哈希：条目、编号或路径被改动",
        )
    return "", ""


def _head(note: Note, name: str, public_pem: bytes) -> tuple[str, str] | None:
    """What is wrong with a head by itself."""
    head = note.checkpoint
    if head.origin != name:
        return (
            f"it is of the ledger {head.origin}, not {name}",
            f"它属于账本 {head.origin}，而非 {name}",
        )
    if not signed_by(note, name, public_pem):
        return (
            f"its head of {head.size:,} entries is not signed with this key: altered, or of another"
            " installation",
            f"其 {head.size:,} 条的签名头不是用此密钥签的：被改动，或属于另一套系统",
        )
    return None


def _printed(witness: Witness, mine: Note) -> tuple[str, str]:
    head = mine.checkpoint
    if is_of(witness, head):
        return "", ""
    return (
        f"what was printed ({witness.size:,} entries) is not the head that was given to you"
        f" ({head.size:,} entries)",
        f"印出的内容（{witness.size:,} 条）不是交给您的签名头（{head.size:,} 条）",
    )


def _no_proof(file: Path) -> MingjianError:
    return MingjianError(
        f"{file} is not a proof, or was altered",
        f"{file} 不是证明文件，或已被改动",
        fix_en="give what `mingjian ledger prove`, `hand` or `witness` made, or consistency.json of"
        " a pack",
        fix_zh="请给出 `mingjian ledger prove`、`hand` 或 `witness` 的结果，或证据包中的"
        " consistency.json",
        exit_code=EXIT_USAGE,
    )
