"""Pieces of a `correlation` section that are of one shape: spans, texts, numbers, known words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from rules.correlation.model import OPERATORS
from rules.correlation.refusal import WrongCorrelation
from rules.nearest import nearest
from rules.spans import UNITS, parse_span
from rules.spoken_numbers import amount_meant
from rules.value_hints import word_meant

MAX_SPAN = 10 * UNITS["y"]


def as_limit(at: tuple[str, ...], value: Any, *, ours: bool = False) -> Fraction:
    """A number to compare with, exactly as it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        operator, number = amount_meant(value)
        key = operator if operator and at[-1] in OPERATORS else at[-1]
        raise WrongCorrelation(
            at,
            f"'{at[-1]}' must be a number",
            f"“{at[-1]}”必须是数",
            fix_en=f"write {key}: {number}"
            if number
            else f"write a number, without quotation marks: {at[-1]}: 3",
            fix_zh=f"请写 {key}: {number}" if number else f"请写数字，不加引号，如 {at[-1]}: 3",
            code="MJ307",
            ours=ours,
        )
    return Fraction(str(value))  # 0.1 is a tenth, not the double next to it


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
            near = nearest(str(key), names)
            raise WrongCorrelation(
                (*at, str(key)),
                f"unknown key '{key}'",
                f"未知的键“{key}”",
                fix_en=f"did you mean '{near}'?" if near else f"known: {', '.join(names)}",
                fix_zh=f"是不是“{near}”？" if near else f"可用：{'、'.join(names)}",
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
    near = word_meant(written, words)
    return WrongCorrelation(
        at,
        f"there is no {en} '{written}'",
        f"没有名为“{written}”的{zh}",
        fix_en=f"did you mean '{near}'?" if near else f"there are: {', '.join(words)}",
        fix_zh=f"是不是“{near}”？" if near else f"现有：{'、'.join(words)}",
        code="MJ335" if ours else "MJ301",
        ours=ours,
    )
