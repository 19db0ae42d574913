"""Pieces of a `correlation` section that are of one shape: spans, texts, numbers, known words."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from rules.correlation.refusal import WrongCorrelation

UNITS = {
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "M": 2_629_746_000,  # as pySigma has it: a twelfth of a mean Gregorian year
    "y": 31_556_952_000,
}
MAX_SPAN = 10 * UNITS["y"]
_SPAN = re.compile(r"([1-9][0-9]{0,11})([smhdwMy])", re.A)


def as_limit(at: tuple[str, ...], value: Any, *, ours: bool = False) -> Fraction:
    """A number to compare with, exactly as it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongCorrelation(
            at, f"'{at[-1]}' must be a number", f"“{at[-1]}”必须是数", code="MJ307", ours=ours
        )
    return Fraction(str(value))  # 0.1 is a tenth, not the double next to it


def parse_span(written: Any) -> int | None:
    """`30s`, `10m`, `1h`, `2d`, `1w`, `1M`, `1y` in ms; None when it is no such text."""
    match = _SPAN.fullmatch(written) if isinstance(written, str) else None
    return int(match[1]) * UNITS[match[2]] if match else None


def span_text(milliseconds: int) -> str:
    """A length of time as rules write it: 30s, 10m, 1h, 2d."""
    for unit in ("d", "h", "m"):
        if milliseconds and milliseconds % UNITS[unit] == 0:
            return f"{milliseconds // UNITS[unit]}{unit}"
    return f"{milliseconds / 1000:g}s"


def span_of(at: tuple[str, ...], written: Any, *, ours: bool = False) -> int:
    """A span of time in ms."""
    span = parse_span(written)
    if span is None or span > MAX_SPAN:
        raise WrongCorrelation(
            at,
            f"'{at[-1]}' is like 30s, 10m, 1h, 2d, 1w, at most 10y",
            f"{at[-1]} 写成 30s、10m、1h、2d、1w 这样，最长 10y",
            code="MJ310",
            offset=0,
            ours=ours,
        )
    return span


def texts_of(at: tuple[str, ...], written: Any) -> tuple[str, ...]:
    """One text or a list of texts."""
    values = [written] if isinstance(written, str) else written
    if not isinstance(values, list | tuple) or not all(
        isinstance(value, str) and value for value in values
    ):
        raise WrongCorrelation(
            at, f"'{at[-1]}' must be a list of texts", f"“{at[-1]}”必须是文本列表", code="MJ102"
        )
    return tuple(values)


def flag_of(at: tuple[str, ...], written: Any, *, ours: bool = False) -> bool:
    """A truth value."""
    if not isinstance(written, bool):
        raise WrongCorrelation(
            at,
            f"'{at[-1]}' is true or false",
            f"{at[-1]} 只能是 true 或 false",
            code="MJ102",
            ours=ours,
        )
    return written


def known_keys(
    at: tuple[str, ...],
    mapping: Mapping[Any, Any],
    known: Iterable[str],
    code: str = "MJ101",
    *,
    ours: bool = False,
) -> None:
    """Raise WrongCorrelation for the first key that is not known, naming the nearest right word."""
    names = list(known)
    for key in mapping:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, n=1)
            raise WrongCorrelation(
                (*at, str(key)),
                f"unknown key '{key}'",
                f"未知的键“{key}”",
                fix_en=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}",
                fix_zh=f"是不是“{near[0]}”？" if near else f"可用：{'、'.join(names)}",
                code=code,
                ours=ours,
            )


def no_such(
    at: tuple[str, ...],
    en: str,
    zh: str,
    written: Any,
    words: tuple[str, ...],
    *,
    ours: bool = False,
) -> WrongCorrelation:
    """The refusal of a word that is none of `words`."""
    near = difflib.get_close_matches(str(written), words, n=1)
    return WrongCorrelation(
        at,
        f"there is no {en} '{written}'",
        f"没有名为“{written}”的{zh}",
        fix_en=f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(words)}",
        fix_zh=f"是不是“{near[0]}”？" if near else f"现有：{'、'.join(words)}",
        code="MJ335" if ours else "MJ301",
        ours=ours,
    )
