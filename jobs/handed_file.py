"""A file that is written for somebody who asked, perhaps as another account than their own.

Whoever may run a command as the account that has the keys must not get to write over what that
account keeps: nothing that is there is replaced, and nothing is put beside keys and archives.
"""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from rules.errors import EXIT_USAGE, MingjianError
from sinks.whole_file import new_file


def write_new(settings: Settings, path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that is not there yet, whole or not at all.

    Raises:
        MingjianError: it would lie where Mingjian keeps its own, there is such a file, or it cannot
            be written.
    """
    _outside(settings, path)
    try:
        with new_file(path, mode=mode) as file:
            file.write(data)
    except FileExistsError:
        raise MingjianError(
            f"{path} is there already",
            f"{path} 已存在",
            fix_en="give another name",
            fix_zh="请另取文件名",
            exit_code=EXIT_USAGE,
        ) from None
    except OSError as error:
        raise MingjianError(
            f"cannot write {path}: {error.strerror}",
            f"无法写入 {path}：{error.strerror}",
            exit_code=EXIT_USAGE,
        ) from None


def _outside(settings: Settings, path: Path) -> None:
    kept = [settings.keys_dir, settings.data_dir, *(one.path for one in settings.targets)]
    place = path.resolve().parent
    for folder in (Path(one).resolve() for one in kept if one):
        if place == folder or folder in place.parents:
            raise MingjianError(
                f"{path} would lie in {folder}, where Mingjian keeps its own files",
                f"{path} 位于明鉴自用的目录 {folder} 之内",
                fix_en="write it to another folder",
                fix_zh="请写到其他目录",
                exit_code=EXIT_USAGE,
            )
