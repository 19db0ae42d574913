"""Masks identity and card numbers in the readable part, keeping every character's place.

The place must stay, because the spans of a hit count code points of the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

HEAD, TAIL = 3, 4
_LEAST = 11  # a mobile number; dates and amounts are shorter
_SEPARATOR = r"[ \t\-·.．－—–‑/()（）_\u200b-\u200f\u2060\ufeff]{0,2}"
_DIGIT = r"[0-9０-９]"
_RUN = re.compile(rf"{_DIGIT}(?:{_SEPARATOR}{_DIGIT}){{{_LEAST - 1},}}(?:{_SEPARATOR}[XxＸｘ])?")
_SENSITIVE = re.compile(
    r"resident_id|bank_card|uscc|credential|secret|身份证|银行卡"
    r"|cn_passport|cn_travel_permit|cn_plate|hk_id|tw_id|wallet_address|wechat_id|cn_mobile",
    re.I,
)
_SECRET = re.compile(r"credential|secret|wechat_id|wallet_address", re.I)  # no end is shown


def mask_numbers(text: str) -> str:
    """`text` with the middle of every long digit run replaced by `*`, character by character."""
    return _RUN.sub(lambda run: _starred(run.group()), text)


def mask_hits(text: str, hits: Iterable[dict[str, Any]]) -> str:
    """`mask_numbers`, and also the span of every detector hit, however it was disguised."""
    characters = list(mask_numbers(text))
    for hit in hits:
        if _SENSITIVE.search(hit["pattern"]):
            start, end = max(0, hit["start"]), min(len(text), hit["end"])
            tail = 0 if _SECRET.search(hit["pattern"]) else TAIL
            characters[start:end] = list(_starred("".join(characters[start:end]), tail))
    return "".join(characters)


def _starred(run: str, tail: int = TAIL) -> str:
    places = [at for at, character in enumerate(run) if character.isalnum() or character == "*"]
    hidden = set(places[HEAD : len(places) - tail])
    return "".join("*" if at in hidden else character for at, character in enumerate(run))
