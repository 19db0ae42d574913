"""Who may do what: by the file beside the keys, by the custody book, or by the settings.

The file beside the keys (`config.access_file`) decides where there is one. When it was set by
`mingjian archive access`, the custody book says so too, and both have to agree: so neither settings
that name other keys nor a file that was exchanged gives anybody a right over that book.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from config.access import Access, Person
from config.access_file import FILE, beside_keys, same
from config.settings import Settings
from desk.desk import SET_ACCESS, unusable
from rules.errors import EXIT_USAGE, MingjianError
from sinks.archive.custody import CustodyBook, whole_rows

_MARK = b'"action":"%s"' % SET_ACCESS.encode()


class SetAccess(NamedTuple):
    """What the custody book says of who may do what, and in which line."""

    access: Access
    line: int


class AccessDiffers(MingjianError):
    """The file beside the keys, or that there is none, contradicts the custody book. `entered`:
    what the book says, which rules."""

    def __init__(self, settings: Settings, entered: SetAccess) -> None:
        missing = beside_keys(settings.keys_dir) is None
        how_en = "there is none here" if missing else "it says otherwise now"
        how_zh = "这里没有该文件" if missing else "现在的内容与之不同"
        super().__init__(
            f"line {entered.line} of the custody book says who may do what, as in {FILE} beside the"
            f" keys; in {settings.keys_dir} {how_en}",
            f"保管记录第 {entered.line} 行写明了各人的权限，与密钥旁的 {FILE} 相同；而在"
            f" {settings.keys_dir}，{how_zh}",
            fix_en="name this archive's own keys_dir, or let an administrator of that line put it"
            " right: `mingjian archive access` shows them who stands in it, `mingjian archive"
            " access FILE --apply --why …` puts people in force",
            fix_zh="请指定该归档自己的 keys_dir，或由该行所列的系统管理员更正："
            "`mingjian archive access` 向其显示该行所列人员，"
            "`mingjian archive access 文件 --apply --why …` 启用人员",
            exit_code=EXIT_USAGE,
        )
        self.entered = entered


def access_in_force(settings: Settings) -> Access:
    """Who may do what, as far as settings and keys say it.

    Raises:
        MingjianError: the settings say otherwise than the file beside the keys, or see
            `config.access_file.beside_keys`.
    """
    decided = beside_keys(settings.keys_dir)
    if decided is None:
        return settings.access
    if settings.access != Access() and not same(settings.access, decided):
        raise MingjianError(
            f"access in the settings says otherwise than {settings.keys_dir}/{FILE}, which decides",
            f"配置中的 access 与 {settings.keys_dir}/{FILE} 不一致，以后者为准",
            fix_en="take access out of the settings (with a built-in profile: give --config a file"
            " without it); who may do what is changed with `mingjian archive access`",
            fix_zh="请从配置中删去 access（内置配置档请改用不含它的 --config 文件）；"
            "权限用 `mingjian archive access` 更改",
            exit_code=EXIT_USAGE,
        )
    return decided


def access_at(settings: Settings, book: CustodyBook) -> Access:
    """Who may do what with the archive of this book.

    Raises:
        AccessDiffers: the book says otherwise.
        MingjianError: see `access_in_force`.
    """
    access, entered = access_in_force(settings), access_in(book)
    if entered is not None and not same(access, entered.access):
        raise AccessDiffers(settings, entered)
    return access


def access_in(book: CustodyBook) -> SetAccess | None:
    """What the book says last of who may do what; None: nothing.

    Raises:
        MingjianError: that line is not what was written, or the book cannot be read.
    """
    last, number = dict[str, Any](), 0
    try:
        with book.open() as file:  # a book is long, and seldom says this
            for at, row in enumerate(whole_rows(file), 1):
                if _MARK in row and (said := _deed(row)).get("action") == SET_ACCESS:
                    # a book that was begun anew does not begin with line 1
                    last, number = said, said["n"] if type(said.get("n")) is int else at
    except OSError as error:
        raise unusable(error, "nothing is shown", "不予显示") from None
    if not last:
        return None
    try:
        people = msgspec.convert(last["details"]["people"], tuple[Person, ...])
    except (KeyError, TypeError, msgspec.ValidationError):
        raise book.damaged(number, "", "") from None
    return SetAccess(Access(people=people), number)


def told(people: Iterable[Person]) -> list[dict[str, Any]]:
    """People as the book and the file have them."""
    return [{"account": one.account, "roles": list(one.roles)} for one in people]


def _deed(row: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(row)
    except msgspec.DecodeError:
        return {}
    return said if isinstance(said, dict) else {}
