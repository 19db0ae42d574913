"""Identity and card numbers for planted cases: well formed, and nobody's.

Resident id: GB 11643-1999, check digit ISO 7064 MOD 11-2. Cards: BIN of a known bank, its
length, Luhn check digit (ISO/IEC 7812-1). Written apart from `rules/detectors`, so that each
checks the other.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

# districts that existed in every birth year used here
_REGIONS = (
    "110105",
    "110108",
    "310104",
    "310110",
    "440103",
    "440104",
    "330106",
    "320106",
    "420106",
    "350203",
    "610113",
    "370202",
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
# (BIN, length, bank)
_BINS = (
    ("622202", 19, "工商银行"),
    ("622848", 19, "农业银行"),
    ("621700", 19, "建设银行"),
    ("621660", 19, "中国银行"),
    ("622188", 19, "邮储银行"),
    ("622588", 16, "招商银行"),
    ("621483", 16, "招商银行"),
    ("622622", 16, "民生银行"),
)


def _ric_check(body: str) -> str:
    return _CHECKS[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


def resident_id(rng: Random, *, valid: bool = True) -> str:
    """An 18-character resident id; with `valid=False` only its check digit is wrong."""
    born = date(1984, 6, 1) + timedelta(days=rng.randrange(7_000))
    body = f"{rng.choice(_REGIONS)}{born:%Y%m%d}{rng.randrange(1, 1000):03d}"
    check = _ric_check(body)
    if not valid:
        check = rng.choice([c for c in "0123456789" if c != check])
    return body + check


def luhn_digit(body: str) -> str:
    """The digit that makes `body` plus it pass Luhn."""
    total = 0
    for place, char in enumerate(reversed(body)):
        digit = int(char)
        if place % 2 == 0:
            digit = digit * 2 - 9 if digit > 4 else digit * 2  # noqa: PLR2004 - Luhn's own
        total += digit
    return str(-total % 10)


def bank_card(rng: Random, *, valid: bool = True) -> tuple[str, str]:
    """(number, bank's name); with `valid=False` only the Luhn digit is wrong."""
    head, length, bank = rng.choice(_BINS)
    body = head + "".join(str(rng.randrange(10)) for _ in range(length - len(head) - 1))
    check = luhn_digit(body)
    if not valid:
        check = rng.choice([c for c in "0123456789" if c != check])
    return body + check, bank


def grouped(number: str) -> str:
    """The number as people type it: groups of four."""
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
