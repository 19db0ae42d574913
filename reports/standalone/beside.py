"""Files that are given together with a pack: what was taken out of it, opened, and a head of the
ledger that was given out earlier. Neither is signed, so neither is read without a bound."""

from __future__ import annotations

import re

from reports.standalone.contents import MAX_PROOFS, TOO_MANY, too_long, too_many_parts
from reports.standalone.words import Damaged
from sinks.ledger.checkpoint import read_note

_SEALED = re.compile(rb"s1\.[0-9A-Za-z]{1,64}\.[0-9A-Za-z_-]")  # see `sinks.sealing`
_SEALED_HEAD = 128  # bytes
_MAX_HEAD = 1 << 16  # bytes; one with two signatures has some 400


def openings_at(path: str) -> bytes:
    """What was taken out of a pack, as `mingjian report open` writes it.

    Raises:
        Damaged: it is larger than what is taken out of any pack, or is still sealed.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        if _SEALED.match(file.read(_SEALED_HEAD)):
            raise Damaged(
                f"{path} is the sealed file with what was taken out; `mingjian report open`, where"
                " the pack was made, opens it: give the file that it writes. The pack was not"
                " checked, and this says nothing against it",
                f"{path} 是封存的遮盖内容；须由制作单位用 `mingjian report open` 打开，"
                "请给出该命令写出的文件。本次未校验证据包，证据包本身并无不符",
            )
    data = _bounded(path, MAX_PROOFS)
    if too_many_parts(data):
        raise _refused(path, TOO_MANY)
    return data


def head_at(path: str) -> bytes:
    """A signed head of a ledger.

    Raises:
        Damaged: it is none.
        OSError: it cannot be read.
    """
    data = _bounded(path, _MAX_HEAD)
    try:
        read_note(data)
    except ValueError:
        raise Damaged(
            f"{path} is no signed head of a ledger; give the checkpoint.txt of an earlier pack, or"
            " the file that was handed out",
            f"{path} 不是账本的签名头；请给出较早证据包中的 checkpoint.txt 或当时取得的签名头文件",
        ) from None
    return data


def _bounded(path: str, most: int) -> bytes:
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _refused(path, too_long(most))
    return data


def _refused(path: str, why_so: tuple[str, str]) -> Damaged:
    en, zh = why_so
    return Damaged(f"{path} is {en}", f"{path} {zh}")
