"""Fields that are worked out of a message when a rule asks for them; no record carries them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rules.fold import fold
from rules.message import Message

_HOST = re.compile(r"https?://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]+)", re.IGNORECASE)
_PAUSE = re.compile(r"[，,。.！!？?：:；;、~～\s]+")
_SALUTATION = 8  # letters; 尊敬的客户您好 has 7
_BODY = 8  # letters that must be left behind a salutation: of less, what stands in front is a part
_SHORTEST = 4  # letters


def link_domain(message: Message) -> str | None:
    """Host of the first link, without `www.`; None when there is none."""
    found = _HOST.match(str(message.field("link.canonical") or ""))
    return found[1].removeprefix("www.") if found else None


def text_gist(message: Message) -> str | None:
    """What is alike in copies of one text: folded, without up to two short parts in front (whom it
    greets), digits, punctuation and emoji. None when fewer than four letters are left."""
    parts = [_letters(fold(part).text) for part in _PAUSE.split(message.text)]
    parts = [part for part in parts if part]
    for _ in range(2):
        if parts and len(parts[0]) <= _SALUTATION and len("".join(parts[1:])) >= _BODY:
            del parts[0]
    gist = "".join(parts)
    return gist if len(gist) >= _SHORTEST else None


def _letters(part: str) -> str:
    return "".join(char for char in part if char.isalpha())


DERIVED: Mapping[str, Callable[[Message], Any]] = {
    "link.domain": link_domain,
    "text.gist": text_gist,
}
