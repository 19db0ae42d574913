"""What can be wrong with a ledger, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rules.errors import MingjianError
from rules.plural import plural
from sinks.ledger.checkpoint import Note


class LedgerDamaged(MingjianError):
    """Something the ledger has confirmed is not there, or is not what it was. Nothing is mended by
    itself: what is left may be evidence."""

    def __init__(
        self, folder: Path, en: str, zh: str, *, fix_en: str = "", fix_zh: str = ""
    ) -> None:
        super().__init__(
            f"the ledger in {folder} is damaged: {en}",
            f"{folder} 中的存证账本已损坏：{zh}",
            fix_en=fix_en
            or "run `mingjian ledger verify` to see every damaged place, and restore the "
            "folder from its copy; nothing was changed",
            fix_zh=fix_zh
            or "请运行 `mingjian ledger verify` 查看所有损坏之处，并从备份恢复该目录；未作任何改动",
        )


class HeadsDamaged(LedgerDamaged):
    """The history of signed heads is not what was written. `usable`: the heads that are left."""

    def __init__(self, folder: Path, en: str, zh: str, usable: Sequence[Note]) -> None:
        left = max((note.checkpoint.size for note in usable), default=0)
        count = len(usable)
        super().__init__(
            folder,
            en
            + (f"; {plural(count, 'signed head')} can be read, the newest of"
               f" {left:,} entries" if count else "; no signed head is left"),
            zh + (f"；尚可读取 {count:,} 个签名头，最新的含 {left:,} 条" if count
                  else "；已无可读的签名头"),
            fix_en="restore the file from its copy; without one, `mingjian ledger mend --why …`"
            " puts the history together from the heads that are left here, beside their time stamps"
            " and were given out (`--given`). Entries and proofs given out before hold:"
            " `mingjian ledger check`. Nothing was changed",
            fix_zh="请从副本恢复该文件；若无副本，可用 `mingjian ledger mend --why …`，由此处、"
            "时间戳旁及此前给出（`--given`）的签名头重建历史。条目与此前出具的证明仍然有效："
            "`mingjian ledger check`。未作任何改动",
        )  # fmt: skip
        self.usable = list(usable)


class HeadForged(HeadsDamaged):
    """The newest head is not signed as it should be. `note`: that head; `usable`: all there are."""

    def __init__(self, folder: Path, usable: Sequence[Note]) -> None:
        self.note = usable[-1]
        size = self.note.checkpoint.size
        super().__init__(
            folder,
            f"its newest signed head ({size:,} entries) is not truly signed: altered, or signed"
            " with another key than that in keys_dir",
            f"最新的签名头（{size:,} 条）的签名无效：被改动，或不是用 keys_dir 中的密钥签名的",
            usable,
        )


def in_use(folder: Path) -> MingjianError:
    """Another process writes this ledger."""
    return MingjianError(
        f"another process writes the ledger in {folder}",
        f"另一个进程正在写 {folder} 中的存证账本",
        fix_en="there is one writer of a ledger; end the other one, or name another folder",
        fix_zh="一个账本只能有一个写入者；请先结束另一个进程，或指定其他目录",
    )


def unreadable(path: Path, error: OSError) -> MingjianError:
    """A file of a ledger is there and cannot be read now."""
    why = error.strerror or type(error).__name__
    return MingjianError(
        f"{path} of the ledger cannot be read: {why}",
        f"账本文件 {path} 无法读取：{why}",
        fix_en="give this account the right to read it, or mend the disk; nothing was changed",
        fix_zh="请授予本账号读权限，或检查磁盘；未作任何改动",
    )


def not_this_key(folder: Path) -> MingjianError:
    """What is to sign is not what has signed so far."""
    return MingjianError(
        f"the heads of the ledger in {folder} were signed with another key than that in keys_dir",
        f"{folder} 中账本的签名头是用另一把密钥签名的，不是 keys_dir 中的这一把",
        fix_en="restore the signing key (signing.key and signing.pem in keys_dir) from its copy:"
        " what a new key signs does not show that it goes on from before",
        fix_zh="请从副本恢复签名密钥（keys_dir 中的 signing.key 与 signing.pem）："
        "新密钥的签名不能表明账本是延续的",
    )


def no_ledger(folder: Path) -> MingjianError:
    """There is no ledger here, or none that was ever signed."""
    return MingjianError(
        f"there is no signed ledger in {folder}",
        f"{folder} 中没有已签名的存证账本",
        fix_en="check the folder; a ledger appears when the archive has signed for the first time",
        fix_zh="请检查目录；归档首次签名后才会有账本",
    )


def not_ours(folder: Path, count: int, note: Note) -> MingjianError:
    """There are signed heads, and the newest is not one that counts."""
    head = note.checkpoint
    return MingjianError(
        f"the newest of {count:,} signed heads in {folder} ({head.size:,} entries of the ledger"
        f" {head.origin}) is not signed with the key of this installation",
        f"{folder} 中共有 {count:,} 个签名头，最新的一个（账本 {head.origin}，{head.size:,} 条）"
        "不是用本机的密钥签名的",
        fix_en="see whether tenant and keys_dir are right; else the heads were exchanged:"
        " `mingjian ledger verify` names each, restore them from their copy",
        fix_zh="请检查 tenant 与 keys_dir 是否正确；若正确，则签名头被替换："
        "`mingjian ledger verify` 会逐一指出，请从副本恢复",
    )
