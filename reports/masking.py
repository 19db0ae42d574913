"""Masks personal data and secrets, keeping every character's place: at the desk and in packs.

What is masked is all that `rules.mask` masks in alerts, however it is disguised, every other run of
eleven digits, and what a detector has hit. The place of each character must stay, because the spans
of a hit count code points of the original text; so each is replaced by a star of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rules.mask import Piece, replaced

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


@lru_cache(maxsize=16)  # a text is masked for its record, for its bubble and for tables
def mask_numbers(text: str) -> str:
    """`text` with the middle of every number and all of every secret replaced by `*`, character by
    character. Masked once more, it stays as it is."""
    while (shown := _masked(text)) != text:  # what is left may look like another number
        text = shown
    return text


def mask_hits(text: str, hits: Iterable[dict[str, Any]]) -> str:
    """`mask_numbers`, and also the span of every detector hit, however it was disguised."""
    characters = list(mask_numbers(text))
    for hit in hits:
        if _SENSITIVE.search(hit["pattern"]):
            start, end = max(0, hit["start"]), min(len(text), hit["end"])
            tail = 0 if _SECRET.search(hit["pattern"]) else TAIL
            characters[start:end] = list(_starred("".join(characters[start:end]), tail))
    return "".join(characters)


def _masked(text: str) -> str:
    characters = list(text)
    for piece in replaced(text):
        characters[piece.start : piece.end] = _as_in_alerts(text[piece.start : piece.end], piece)
    for run in _RUN.finditer(text):
        stars = _starred(run.group())
        for at, star in enumerate(stars, run.start()):
            if star == "*":
                characters[at] = star
    return "".join(characters)


def _as_in_alerts(run: str, piece: Piece) -> list[str]:
    """`run` in stars, with no more of its two ends left than the alert shows."""
    before, stars, after = _parts(piece.shown)
    if not stars or not (before or after):  # a secret: not one sign of it
        return ["*" if not one.isspace() else one for one in run]
    tail = after if "@" in piece.shown else min(TAIL, after)  # where a mail goes is no secret
    places = [at for at, one in enumerate(run) if _tells(one)]
    hidden = set(places[min(HEAD, before) : len(places) - tail])
    return ["*" if at in hidden else one for at, one in enumerate(run)]


def _parts(shown: str) -> tuple[int, int, int]:
    """How many letters and digits are shown in front of the stars, how many stars there are, and
    how many letters and digits behind them."""
    before, _, _ = shown.partition("*")
    _, _, after = shown.rpartition("*")
    return sum(map(str.isalnum, before)), shown.count("*"), sum(map(str.isalnum, after))


def _tells(character: str) -> bool:
    """Is it more than a separator? Symbols may stand for letters and digits."""
    return character.isalnum() or character == "*" or unicodedata.category(character)[0] == "S"


def _starred(run: str, tail: int = TAIL) -> str:
    places = [at for at, character in enumerate(run) if character.isalnum() or character == "*"]
    hidden = set(places[HEAD : len(places) - tail])
    return "".join("*" if at in hidden else character for at, character in enumerate(run))
