"""Days after which a filter, a lexicon or a list is to be looked at again."""

from __future__ import annotations

from datetime import date, timedelta

AHEAD = timedelta(days=30)  # told of so long before


def is_over(expires: date, today: date | None) -> bool:
    """Has the day passed? The day itself belongs to it. Nothing has while no day is given."""
    return today is not None and expires < today


def is_near(expires: date, today: date | None) -> bool:
    """Is the day within the next `AHEAD`?"""
    return today is not None and today <= expires <= today + AHEAD


def days_left(expires: date, today: date | None) -> tuple[str, str]:
    """How long it is until the end of the day, in English and Chinese."""
    days = (expires - today).days if today else 0
    if not days:
        return "today", "今天"
    return f"in {days} day{'s' if days > 1 else ''}", f"还有 {days} 天"
