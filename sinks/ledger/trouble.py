"""What can be wrong with a ledger, for people."""

from __future__ import annotations

from pathlib import Path

from rules.errors import MingjianError


class LedgerDamaged(MingjianError):
    """Something the ledger has confirmed is not there, or is not what it was. Nothing is mended by
    itself: what is left may be evidence."""

    def __init__(self, folder: Path, en: str, zh: str) -> None:
        super().__init__(
            f"the ledger in {folder} is damaged: {en}",
            f"{folder} 中的存证账本已损坏：{zh}",
            fix_en="run `mingjian ledger verify` to see every damaged place, and restore the "
            "folder from its copy; nothing was changed",
            fix_zh="请运行 `mingjian ledger verify` 查看所有损坏之处，"
            "并从备份恢复该目录；未作任何改动",
        )


def in_use(folder: Path) -> MingjianError:
    """Another process writes this ledger."""
    return MingjianError(
        f"another process writes the ledger in {folder}",
        f"另一个进程正在写 {folder} 中的存证账本",
        fix_en="there is one writer of a ledger; end the other one, or name another folder",
        fix_zh="一个账本只能有一个写入者；请先结束另一个进程，或指定其他目录",
    )


def no_ledger(folder: Path) -> MingjianError:
    """There is no ledger here, or none that was ever signed."""
    return MingjianError(
        f"there is no signed ledger in {folder}",
        f"{folder} 中没有已签名的存证账本",
        fix_en="check the folder; a ledger appears when the archive has signed for the first time",
        fix_zh="请检查目录；归档首次签名后才会有账本",
    )
