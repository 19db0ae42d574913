"""Proofs of the ledger as files: one entry, its audit path, and the signed head it leads to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from jobs.ledger_signer import signed_by
from rules.errors import EXIT_USAGE, MingjianError
from sinks.ledger.checkpoint import Note, read_note
from sinks.ledger.proofs import includes, leaf_hash
from sinks.ledger.reader import LedgerReader

KIND = "mingjian inclusion proof"
_MAX_BYTES = 1 << 20


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


def read_proof(file: Path) -> Proof:
    """A proof from its file.

    Raises:
        MingjianError: it cannot be read, or is none.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_BYTES)
        told = json.loads(data)
        if told["kind"] != KIND or told["v"] != 1:
            raise ValueError("of another kind")
        return Proof(
            int(told["index"]),
            told["entry"].encode(),
            [bytes.fromhex(one) for one in told["path"]],
            read_note(told["checkpoint"].encode()),
        )
    except OSError as error:
        raise MingjianError(
            f"cannot read {file}: {error.strerror}",
            f"无法读取 {file}：{error.strerror}",
            exit_code=EXIT_USAGE,
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MingjianError(
            f"{file} is not a proof, or was altered",
            f"{file} 不是证明文件，或已被改动",
            fix_en="`mingjian ledger prove` makes one",
            fix_zh="可用 `mingjian ledger prove` 生成",
            exit_code=EXIT_USAGE,
        ) from None


def check_proof(proof: Proof, name: str, public_pem: bytes) -> tuple[str, str]:
    """What is wrong with a proof (English, Chinese); two empty texts when it holds.

    Args:
        name: of the ledger.
        public_pem: the key that its heads are signed with.
    """
    head = proof.note.checkpoint
    if head.origin != name:
        return (
            f"it is of the ledger {head.origin}, not {name}",
            f"它属于账本 {head.origin}，而非 {name}",
        )
    if not signed_by(proof.note, name, public_pem):
        return (
            "its head is not signed with this key: altered, or of another installation",
            "签名头不是用此密钥签的：被改动，或属于另一套系统",
        )
    if not includes(leaf_hash(proof.entry), proof.index, head.size, proof.path, head.root):
        return (
            "the entry does not lead to the signed root: entry, number or path was altered",
            "条目推不出签名的根哈希：条目、编号或路径被改动",
        )
    return "", ""
