"""How long a target has been away, and how long to wait before it is tried again."""

from __future__ import annotations

import random
import time

import structlog

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0
_LONGEST_ASKED_S = 300.0  # a target may ask for more patience, not for a day of it
log = structlog.get_logger("deliver")


class Absence:
    """Says once that the target is away, and once that it is back.

    Attributes:
        since: when it went away (monotonic); 0: it is there.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self.since = 0.0
        self._wait = _FIRST_WAIT_S

    def failed(self, why: str, asked: float) -> float:
        """Note a try that failed; how many seconds to wait, with some chance in them.

        Args:
            asked: seconds for which the target asked, 0 for none.
        """
        if not self.since:
            self.since = time.monotonic()
            log.warning("target_away", target=self._target, why=why)
        wait = self._wait * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        self._wait = min(self._wait * 2, _LONGEST_WAIT_S)
        return max(wait, min(asked, _LONGEST_ASKED_S))

    def back(self) -> None:
        """Note one that worked."""
        if self.since:
            away = round(time.monotonic() - self.since, 1)
            log.info("target_back", target=self._target, away_s=away)
        self.since, self._wait = 0.0, _FIRST_WAIT_S
