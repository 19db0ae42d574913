"""No more calls a minute than were agreed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MINUTE_S = 60.0


class Pace:
    """Counts calls of the last minute.

    Args:
        calls_per_minute: at most so many.
        steady: seconds of a clock that nobody sets.
        sleep: takes seconds; may come back early when it is time to end.
    """

    def __init__(
        self, calls_per_minute: int, steady: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        # when the last calls were: as many as one minute may have
        self._calls: deque[float] = deque(maxlen=calls_per_minute)
        self._steady, self._sleep = steady, sleep

    def keep(self) -> bool:
        """Wait until a call may be made. Whether it was waited for."""
        waited = False
        if len(self._calls) == self._calls.maxlen:
            left = self._calls[0] + _MINUTE_S - self._steady()
            if left > 0:
                self._sleep(left)
                waited = True
        return waited

    def called(self) -> None:
        """A call is made now."""
        self._calls.append(self._steady())
