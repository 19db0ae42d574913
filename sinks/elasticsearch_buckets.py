"""Which index a record belongs in: a function of its content, so that an id has one index for ever.

`create` refuses an id that its index has. It knows nothing of other indices, so an index that is
rolled over by size or age would take an old id again and show it twice: docs/adr/0014. Records that
carry a time are kept by its month; the others, of which there are few, in one index each.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from rules.alert import FINAL
from rules.operations import RANKED, rank
from sinks.base import Record

# the time of an incident is not that of its id: a resolved one has a later time
TIMED = ("alerts", "evidence", "late", "handled")
ALL = "all"
_DAY_MS = 24 * 3600 * 1000
OTHER = "other"  # times that no record of the job can have
_FIRST_YEAR, _LAST_YEAR = 2016, 2100


class _Content(msgspec.Struct):
    time: int = 0
    status: str = FINAL


class Placed(msgspec.Struct, frozen=True):
    """Where a record goes, and its rank among the records of its id (0: there is only one)."""

    bucket: str
    rank: int


_DECODER = msgspec.json.Decoder(_Content)


def placed(record: Record) -> Placed:
    """Raises msgspec.MsgspecError for a body that is no such record."""
    content = _DECODER.decode(record.body)
    bucket = month(content.time) if record.topic in TIMED else ALL
    return Placed(bucket, rank(record.topic, content.status) if record.topic in RANKED else 0)


def month(time: int) -> str:
    """The month of a time in UTC ms, "2026.11"."""
    return _month_of(time // _DAY_MS)


@lru_cache(maxsize=1 << 10)
def _month_of(day: int) -> str:
    try:
        moment = datetime.fromtimestamp(day * _DAY_MS / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return OTHER
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return OTHER
    return f"{moment.year}.{moment.month:02d}"


def month_ends(bucket: str) -> int:
    """When the month of a bucket is over, UTC ms; 0 for a bucket that is no month."""
    year, _, number = bucket.partition(".")
    if not (year.isdigit() and number.isdigit()):
        return 0
    after = int(year) * 12 + int(number)
    return int(datetime(after // 12, after % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)
