"""How a file is written, line by line: what a reader or a tool stumbles over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.errors import RuleError

_KEY = re.compile(r"[^:#'\"]*+:")  # up to the first colon; what was taken is not given back
_BEGIN = re.compile(r"[ \-\[{\w.|*\ufeff\u200b\u200d\u00a0\u3000]*+", re.A)
_LETTER = re.compile("[A-Za-z]")
_UNSEEN = {
    "\ufeff": "a byte order mark",
    "\u200b": "a zero-width space",
    "\u200d": "a zero-width joiner",
    "\u00a0": "a no-break space",
    "\u3000": "a full-width blank",
}
_UNSEEN_ZH = {
    "\ufeff": "字节顺序标记（BOM）",
    "\u200b": "零宽空格",
    "\u200d": "零宽连接符",
    "\u00a0": "不换行空格",
    "\u3000": "全角空格",
}


def may_have_unseen(text: str) -> bool:
    """Is there a character that nobody sees, in a key or elsewhere?"""
    return not text.isascii() and any(char in text for char in _UNSEEN)


def of_text(path: str, text: str) -> Iterator[RuleError]:
    """Notes about blanks at line ends, warnings about characters nobody sees outside a text."""
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.rstrip("\r")
        if bare != bare.rstrip(" \t"):
            yield RuleError(
                "blanks at the end of the line",
                "行尾有空格",
                path=path,
                line=number,
                column=len(bare.rstrip(" \t")) + 1,
                fix_en="remove them",
                fix_zh="请删去",
                code="MJ022",
            )
        for char in _key_in(bare):
            if char in _UNSEEN:
                yield RuleError(
                    f"{_UNSEEN[char]} in a key: it is seen by nobody and makes it another key",
                    f"键里有{_UNSEEN_ZH[char]}：看不见，却使它成了另一个键",
                    path=path,
                    line=number,
                    column=bare.index(char) + 1,
                    fix_en="remove it, or retype the line",
                    fix_zh="请删去它，或重新输入这一行",
                    code="MJ023",
                )
                break


def _key_in(line: str) -> str:
    """The key at the beginning of a line, with its colon; "" when there is none."""
    found, begin = _KEY.match(line), _BEGIN.match(line)
    return found[0] if found and begin and _LETTER.search(begin[0]) else ""
