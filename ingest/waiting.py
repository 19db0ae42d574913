"""Waiting for a broker or a disk that is away: visibly, with an end where the caller has one."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from rules.errors import MingjianError

_FIRST_S, _LONGEST_S = 0.5, 10.0
_REMIND_S = 15.0
_LOOK_S = 1.0
_T = TypeVar("_T")


class Away(Exception):
    """What is written to cannot be written to now. The text is the reason, without content."""


class NotNow(MingjianError):
    """It stayed away for longer than this caller waits; nothing is lost, try again."""


class Stopped(MingjianError):
    """The collector was told to end while it waited."""


class Told(NamedTuple):
    """News for whoever runs the collector: `state` is "away", "waiting" or "back"; `seconds` is
    for how long it has been away."""

    state: str
    reason: str
    seconds: float


Tell = Callable[[Told], None]


def silent(told: Told) -> None:
    """A `Tell` that says nothing."""


class Wait:
    """The waiting of one write.

    Args:
        patience: seconds until `NotNow`; None waits for ever.
        stop: set when the collector is to end.
    """

    def __init__(self, patience: float | None, stop: threading.Event, tell: Tell = silent) -> None:
        self._patience, self._stop, self._tell = patience, stop, tell
        self._began = time.monotonic()
        self._since = 0.0  # when it went away; 0: it did not
        self._said = 0.0
        self._pause = _FIRST_S

    def left(self, most: float) -> float:
        """Seconds that one attempt may take."""
        if self._patience is None:
            return most
        return max(0.0, min(most, self._began + self._patience - time.monotonic()))

    def through(self, step: Callable[[], _T]) -> _T:
        """Do a step, again and again while it raises Away.

        Raises:
            NotNow, Stopped
        """
        while True:
            try:
                done = step()
            except Away as away:
                self.away(str(away))
            else:
                self.back()
                return done

    def away(self, reason: str, *, pause: bool = True) -> None:
        """It is away: say so, and come back when another attempt is due.

        Raises:
            NotNow, Stopped
        """
        now = time.monotonic()
        if not self._since:
            self._since = self._said = now
            self._tell(Told("away", reason, 0.0))
        elif now - self._said >= _REMIND_S:
            self._said = now
            self._tell(Told("waiting", reason, now - self._since))
        self._go_on(reason)
        if pause:
            wanted = self._pause * random.uniform(0.75, 1.25)  # noqa: S311 - only spreads attempts
            self._pause = min(_LONGEST_S, self._pause * 2)
            self._stop.wait(self.left(wanted))

    @contextmanager
    def turn(self, lock: threading.Lock) -> Iterator[None]:
        """Hold the lock; the time until it is free counts as waiting.

        Raises:
            NotNow, Stopped
        """
        while not lock.acquire(timeout=max(self.left(_LOOK_S), 0.01)):
            self._go_on("other records are being written")
        try:
            yield
        finally:
            lock.release()

    def _go_on(self, reason: str) -> None:
        if self._stop.is_set():
            raise Stopped(
                f"stopped while waiting: {reason}",
                f"在等待时被中止：{reason}",
                fix_en="run it again: it goes on where it stopped",
                fix_zh="再次运行即可从中断处继续",
            )
        if self._patience is not None and not self.left(1.0):
            raise NotNow(
                f"cannot write now: {reason}",
                f"暂时无法写入：{reason}",
                fix_en="send the same again in a while; what is there already is not taken twice",
                fix_zh="请稍后原样重发；已写入的不会重复计入",
            )

    def back(self) -> None:
        """It is there again, if it was away."""
        if self._since:
            self._tell(Told("back", "", time.monotonic() - self._since))
            self._since = 0.0
