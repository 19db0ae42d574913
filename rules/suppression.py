"""Suppression: after an alert, further hits of its group add evidence for a while, and no alert.

The time counts from the alert that opened it, so a stream of hits is reported once in each such
time and not once for ever. Hits are taken in event order: any order of arrival gives the same.
"""

from __future__ import annotations

import msgspec


class Quiet(msgspec.Struct, array_like=True, frozen=True):
    """The alert that further hits belong to; from and until when (ms of event time, closed)."""

    alert_id: str
    since: int
    until: int

    def covers(self, time: int) -> bool:
        """Is a hit at `time` a part of that alert?"""
        return self.since <= time <= self.until
