"""Simple disguises of words, as people try them against word lists."""

from __future__ import annotations

import re
from random import Random

_ZERO_WIDTH = ("\u200b", "\u200c", "\u2060", "\ufeff")
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_MARKED = re.compile(r"\[\[(.+?)\]\]")


def plain(text: str) -> str:
    """The text without its [[ ]] marks."""
    return _MARKED.sub(r"\1", text)


def disguised(rng: Random, text: str) -> tuple[str, str]:
    """(text with its marked words disguised, name of the disguise)."""
    words = _MARKED.findall(text)
    joined = "".join(words)
    styles = ["zero_width"]
    if joined.isdigit():
        styles += ["circled", "fullwidth"]
    elif any(c.isascii() and c.isalnum() for c in joined):
        styles.append("fullwidth")
    else:
        styles.append("gap")
    style = rng.choice(styles)
    return _MARKED.sub(lambda match: _apply(rng, style, match[1]), text), style


def _apply(rng: Random, style: str, word: str) -> str:
    if style == "circled":
        return word.translate(_CIRCLED)
    if style == "fullwidth":
        return word.translate(_FULL_WIDTH)
    if style == "gap":
        return " ".join(word)
    at = rng.randrange(1, len(word))
    return word[:at] + rng.choice(_ZERO_WIDTH) + word[at:]
