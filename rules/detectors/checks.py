"""Check digits of identifiers. Arguments hold digits and lower-case letters, no separators."""

from __future__ import annotations

from datetime import date

_RIC_CHECK = "10x98765432"
_USCC_ALPHABET = "0123456789abcdefghjklmnpqrtuwxy"
_USCC_VALUE = {char: value for value, char in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def resident_id_check(first17: str) -> str:
    """Check character of a resident id's first 17 digits (GB 11643-1999, ISO 7064 MOD 11-2)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return _RIC_CHECK[sum(int(d) * w for d, w in zip(first17, weights, strict=True)) % 11]


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    values = [int(d) for d in digits]
    total = sum(values[-1::-2]) + sum(_DOUBLED[v] for v in values[-2::-2])
    return total % 10 == 0


def uscc_check(first17: str) -> str:
    """Check character of a unified social credit code (GB 32100-2015)."""
    total = sum(_USCC_VALUE[c] * w for c, w in zip(first17, _USCC_WEIGHTS, strict=True))
    return _USCC_ALPHABET[-total % 31]


def organisation_check(first8: str) -> str:
    """Check character of an organisation code (GB 11714-1997)."""
    total = sum(int(c, 36) * w for c, w in zip(first8, _ORG_WEIGHTS, strict=True))
    return "0123456789x0"[11 - total % 11]


def is_date(digits: str) -> bool:
    """Eight digits that are a day of the 20th or 21st century."""
    if digits[:2] not in ("19", "20"):
        return False
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
