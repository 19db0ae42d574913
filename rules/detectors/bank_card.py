"""Bank card numbers: longest known prefix with its exact length, and the Luhn digit.

Prefixes are data: bins.yaml. Without a known prefix nothing is found: one number in ten passes
Luhn by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from rules.detectors.checks import luhn
from rules.detectors.found import SEPARATED, Detector, Found, is_other_number, near, windows
from rules.variants_digits import CHINESE_NUMBER, digit_view

SHORTEST, LONGEST = 15, 19
_digits = re.compile(r"[0-9]+").fullmatch
_keyword = re.compile(
    r"银行|卡号|账号|帐号|账户|帐户|储蓄卡|借记卡|信用卡|开户|收款|转账|汇款|打款|到账"
    r"|工行|农行|中行|建行|交行|招行|邮储|card|account"
)


class Issuer(NamedTuple):
    """Who issued a card. `type` is "DC" (debit) or "CC" (credit)."""

    bank: str
    name: str
    type: str


def _load() -> dict[tuple[str, int], Issuer]:
    file = Path(__file__).with_name("bins.yaml")
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["bins"]
    return {
        (prefix, entry["length"]): Issuer(entry["bank"], entry["name"], entry["type"])
        for entry in entries
        for prefix in entry["prefixes"]
    }


_BINS = _load()
_PREFIX_LENGTHS = sorted({len(prefix) for prefix, _ in _BINS}, reverse=True)


def issuer(number: str) -> Issuer | None:
    """Issuer of a card number by longest prefix and exact length; None when unknown."""
    for size in _PREFIX_LENGTHS:
        found = _BINS.get((number[:size], len(number)))
        if found:
            return found
    return None


def find(text: str) -> Iterator[Found]:
    """85 prefix, Luhn and keyword; 75 prefix and Luhn; 60 prefix and keyword without Luhn."""
    text = digit_view(text)
    for start, end, value in windows(text, LONGEST):
        if len(value) < SHORTEST or not _digits(value) or issuer(value) is None:
            continue
        if is_other_number(text, start, _keyword):
            continue
        keyword = near(_keyword, text, start, end)
        if luhn(value):
            yield Found(start, end, value, 85 if keyword else 75)
        elif keyword:
            yield Found(start, end, value, 60)


DETECTOR = Detector(
    name="bank_card",
    title_zh="银行卡号",
    title_en="bank card number",
    find=find,
    prefilter="[0-9]" + SEPARATED + "{14}" + "|" + CHINESE_NUMBER,
)
