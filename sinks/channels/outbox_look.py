"""Looks into a channel's outbox from beside it: the one process that has it goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sinks.channels.policy import Policy, Waiting, overdue
from sinks.read_only import read_only


class Untold(NamedTuple):
    """`records` that stand in the outbox; `since` (UTC seconds) the first waits that could be told
    by now, 0: all of them wait as the policy says."""

    records: int = 0
    since: float = 0.0


def look(path: Path, policy: Policy, now: float) -> Untold:
    """What waits at `now` (UTC seconds); nothing where no outbox was ever made.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    if not path.is_file():
        return Untold()
    with closing(read_only(path)) as db:
        db.execute("BEGIN")  # both as they are at one moment
        rows = db.execute(
            "SELECT about, response, min(came), count(*) FROM waiting GROUP BY about, response"
        ).fetchall()
        sent = db.execute("SELECT at, about FROM sent").fetchall()
    waiting = [Waiting(*row[:3]) for row in rows]
    return Untold(sum(row[3] for row in rows), overdue(policy, waiting, sent, now))
