"""Quoted replies: whose words are whose.

WeCom flattens a reply into one text. Three layouts occur:

    这是一条引用/回复消息：        This is a quote/reply:        「李四：
    “李四：                       "Li Si:                       原话」
    原话”                         words"                        - - - - - - - - - - - - - - -
    ------                        ------                        回复
    回复                          reply

The text must begin with the frame. When the separator occurs more than once, the first one that
can end the outermost frame counts: the sender's own words are never cut short, and a quotation
that itself is a quoted reply is taken as a whole.
"""

from __future__ import annotations

import re

_STARTS = ("这是一条引用/回复消息", "This is a quote/reply", "「")
# Possessive, and never two blanks runs side by side: a hostile text must not cost quadratic time.
_LINE = r"\r?\n-(?: ?-){5,}+[ \t]*+(?:\r?\n|\Z)"
_FRAME = r"(?:这是一条引用/回复消息|This is a quote/reply) ?[：:]"
_HEAD = re.compile(rf"(?P<frame>{_FRAME})(?:\s*[\"“])?|「")
_INNER = re.compile(rf"(?P<frame>{_FRAME})(?:\s*[\"“])?|「(?=[^\n：:「」]{{1,64}}[：:])")
_NAME = re.compile(r"[^\n：:「」“”\"]{0,64}[：:]\s*")
_EMPTY = re.compile(rf"[ \t]*+(?:\r?\n[ \t]*+)?(?:(?:\"\"?|“”)[ \t]*+)?{_LINE}")
_END = {
    True: re.compile(rf"[\"”][ \t]*+{_LINE}"),
    False: re.compile(rf"」[ \t]*+{_LINE}"),
}  # key: framed?
_END_UNQUOTED = re.compile(_LINE)
_MAX_NESTED = 8


def split(text: str) -> tuple[str, str] | None:
    """(quoted, own) of a quoted reply, None when `text` is none.

    `quoted` is what stands inside the quotation marks, the quoted person's name included; it may
    be empty. `own` is everything after the separator line, to the last character.
    """
    if "\n" not in text or not text.startswith(_STARTS):
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    framed = head["frame"] is not None
    if framed and (empty := _EMPTY.match(text, head.end("frame"))):
        return "", text[empty.end() :]
    end = _outer_end(text, head.end(), framed)
    if end is None:
        return None
    quoted = text[head.end() : end.start()]
    if not framed and quoted and "：" not in quoted and ":" not in quoted:
        return None  # a heading in corner brackets over a line; a quotation names the person
    return quoted, text[end.end() :]


def _outer_end(text: str, start: int, framed: bool) -> re.Match[str] | None:
    """The separator that ends the outermost quotation, whose words begin at `start`."""
    position = start
    inner: list[bool] = []  # framed or in corner brackets, outermost first
    while len(inner) < _MAX_NESTED:
        name = _NAME.match(text, position)
        head = _INNER.match(text, name.end() if name else position)
        if head is None:
            break
        inner.append(head["frame"] is not None)
        position = head.end()
    for kind in reversed(inner):
        if end := _END[kind].search(text, position):
            position = end.end()
    return (
        _END[framed].search(text, position)
        or _END[framed].search(text, start)
        or (_END_UNQUOTED.search(text, start) if framed else None)
    )
