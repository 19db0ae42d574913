"""Where a follower of several indices is: how far it has read each of them.

The order of storing is the shard's own sequence number, and every index has its own. A cursor names
them all, "2026.11-000001:57,2026.12-000001:3"; "-1" is before the first record of all.
"""

from __future__ import annotations

import re
from typing import Any

from sinks.sqlite_reader import bad_cursor

NOTHING = "-1"
_PART = re.compile(r"([a-z0-9.]+-[0-9]+):([0-9]+)")
Query = dict[str, Any]


def read_cursor(cursor: str) -> dict[str, int]:
    """How far each index was read, by the end of its name. Raises MingjianError."""
    if cursor in ("", NOTHING):
        return {}
    parts = [_PART.fullmatch(part) for part in cursor.split(",")]
    if not all(parts):
        raise bad_cursor(cursor)
    return {part[1]: int(part[2]) for part in parts if part}


def written(done: dict[str, int]) -> str:
    """The cursor of these places."""
    return ",".join(f"{name}:{number}" for name, number in sorted(done.items())) or NOTHING


def newer(done: dict[str, int], base: str) -> Query:
    """The query for what was stored since; `base` goes before the names, "mingjian-alerts-"."""
    if not done:
        return {"match_all": {}}
    known: list[Query] = [
        {"bool": {"filter": [_in(base + name), {"range": {"_seq_no": {"gt": number}}}]}}
        for name, number in done.items()
    ]
    others: Query = {"bool": {"must_not": [_in(base + name) for name in done]}}
    return {"bool": {"should": [*known, others], "minimum_should_match": 1}}


def _in(index: str) -> Query:
    return {"term": {"_index": index}}
