"""Who may do what, as it lies beside the keys: `access.yaml` in `keys_dir`.

Whoever gives settings of their own can name themselves in them. What opens messages and signs lies
in `keys_dir`, so who may use it is said there as well: where the file is, it decides, and settings
that say otherwise are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from config.access import ADMINISTRATOR, Access, check_access
from config.written import check_shape, read, usage
from rules.errors import MingjianError

FILE = "access.yaml"
_WRITABLE = 0o022  # by the group, by everybody
_STICKY = 0o1000


def decides(keys_dir: Any) -> bool:
    """Whether such a file lies there, as far as this account can see."""
    if not isinstance(keys_dir, str):
        return False
    try:
        return (Path(keys_dir) / FILE).exists()
    except (OSError, ValueError):  # for `beside_keys` to tell
        return False


def beside_keys(keys_dir: str | Path) -> Access | None:
    """Who may do what by the file beside the keys; None where there is none.

    Raises:
        MingjianError: whether there is one cannot be seen; others may write it; it is none; or a
            key here is only a link to one that has such a file beside it.
    """
    folder = Path(keys_dir)
    path = folder / FILE
    try:
        found = path.is_file() if path.exists() else None
        if found is None:
            _no_link_to_others(folder)
            return None
        for one in (folder, path):
            _ours_alone(one)
    except OSError as error:
        raise MingjianError(
            f"nobody can tell who may do what: {path}: {error.strerror}",
            f"无法得知各人的权限：{path}：{error.strerror}",
            fix_en="run this as the account that has the keys (keys_dir)",
            fix_zh="请以持有密钥（keys_dir）的账号运行",
        ) from None
    return read_rules(path)


def read_rules(path: Path) -> Access:
    """People and their roles from a file: `people:`, as in the settings below `access`.

    Raises:
        MingjianError: it cannot be read, or names nobody who may change it.
    """
    written = read(path)
    check_shape(written, Access)
    access = msgspec.convert(written.values, Access)
    check_access(access, written, ())
    check_rules(access, str(path))
    return access


def check_rules(access: Access, place: str) -> None:
    """Refuse rules that nobody could change. `place`: where they stand.

    Raises:
        MingjianError: they name no administrator.
    """
    if not any(ADMINISTRATOR in person.roles for person in access.people):
        raise usage(
            f"{place}: names no {ADMINISTRATOR}, so nobody could change it",
            f"{place}：没有 {ADMINISTRATOR}，因此无人能再作更改",
            "name the administrator, and everybody else who may do something, below people",
            "请在 people 下写明系统管理员及其他有权限的人员",
        )


def same(one: Access, other: Access) -> bool:
    """Whether both say the same, in whatever order."""
    return one.open == other.open and _roles(one) == _roles(other)


def _roles(access: Access) -> dict[str, set[str]]:
    return {person.account: set(person.roles) for person in access.people}


def _ours_alone(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & _WRITABLE and not (path.is_dir() and mode & _STICKY):
        raise MingjianError(
            f"{path} can be written by other users (mode {mode & 0o7777:04o}), who could name"
            " themselves in it",
            f"{path} 可被其他用户写入（权限 {mode & 0o7777:04o}），他们可以给自己授权",
            fix_en=f"run: chmod go-w {path}",
            fix_zh=f"请执行：chmod go-w {path}",
        )


def _no_link_to_others(folder: Path) -> None:
    """Refuse a folder of links to keys elsewhere, which would leave the rules behind."""
    own = folder.resolve()
    for entry in folder.iterdir() if folder.is_dir() else ():
        there = entry.resolve().parent
        if entry.is_symlink() and there != own and (there / FILE).exists():
            raise MingjianError(
                f"{entry} is a link to a key in {there}, where {FILE} says who may use it",
                f"{entry} 是指向 {there} 中密钥的链接，而那里的 {FILE} 规定了谁可以使用",
                fix_en=f"name that folder in the settings: keys_dir: {there}",
                fix_zh=f"请在配置中写明该目录：keys_dir: {there}",
            )
