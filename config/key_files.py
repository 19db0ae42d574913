"""Key files are for their owner alone."""

from __future__ import annotations

from pathlib import Path

from rules.errors import MingjianError


def owners_alone(path: Path, en: str, zh: str) -> None:
    """Refuse a key file that others on this machine may read.

    Args:
        en, zh: what kind of key it is ("signing key").

    Raises:
        MingjianError: it can be read by its group or by everybody.
    """
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise MingjianError(
            f"the {en} {path} can be read by other users (mode {mode:04o})",
            f"{zh} {path} 可被其他用户读取（权限 {mode:04o}）",
            fix_en=f"run: chmod 600 {path}",
            fix_zh=f"请执行：chmod 600 {path}",
        )
