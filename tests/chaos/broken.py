"""A deliverer with a promise taken away, so that the checker has something to find.

`python -m tests.chaos.broken HOW deliver …` runs the product's deliverer with one discipline
switched off: `repeats` (targets take what they have once more), `early` (positions are remembered
before the target has confirmed). The rows that use it pass when the checker fails them.
"""

from __future__ import annotations

import sys
import time

import msgspec

from jobs.cli import main
from jobs.delivery import lane
from jobs.delivery.source import Batch, Outputs
from sinks import elasticsearch, redis


def repeats() -> None:
    """No ids in the index, and no look at what Redis has."""

    def action(target: str, _record_id: str, _rank: int) -> bytes:
        return msgspec.json.encode({"create": {"_index": target}})

    elasticsearch._action = action
    shown = redis._SCRIPTS["alerts"].replace("return 0", "old = nil; was = nil")
    redis._SCRIPTS["alerts"] = shown


def early() -> None:
    """Commit first, write two seconds later."""
    store, commit = lane.Lane._store, lane.Lane._commit

    def commit_first(self: lane.Lane, batch: Batch) -> None:
        if self._outputs is not None:
            commit(self, self._outputs, batch)
        time.sleep(2)
        store(self, batch)

    def not_again(_self: lane.Lane, _outputs: Outputs, _batch: Batch) -> None:
        """It was done before."""

    lane.Lane._store = commit_first  # type: ignore[method-assign]
    lane.Lane._commit = not_again  # type: ignore[method-assign]


if __name__ == "__main__":
    {"repeats": repeats, "early": early}[sys.argv[1]]()
    sys.argv[1:] = sys.argv[2:]
    main.main()
