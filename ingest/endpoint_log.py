"""What the HTTP server and the event loop say of themselves, as lines of our own log.

Anybody who reaches the port can make them speak, without a token. So what they say is one line of
the log's format, without what it was about, and each kind is told once a minute at most.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()
_LOGGERS = ("uvicorn", "asyncio")
_EVERY_S = 60.0
_KINDS = 100  # of lines that are told apart; the others count as one kind
_LETTERS = 200


class _Ours(logging.Handler):
    """Tells each kind of line when it first comes, and then how often it came, once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}  # by kind: when, and how many since

    def emit(self, record: logging.LogRecord) -> None:
        """Only the pattern of a message is told: what is filled in may be what a client sent."""
        said = (str(record.msg).splitlines() or [""])[0][:_LETTERS]
        if said not in self._told and len(self._told) >= _KINDS:
            said = "other"
        now = self._clock()
        when, since = self._told.get(said, (float("-inf"), 0))
        if now - when < _EVERY_S:
            self._told[said] = (when, since + 1)
            return
        self._told[said] = (now, 0)
        error = record.exc_info[0] if record.exc_info else None
        log.warning(
            "server_said",
            said=said,
            by=record.name,
            **({"type": error.__name__} if error else {}),
            **({"times_before": since} if since else {}),
        )


@contextmanager
def our_lines() -> Iterator[None]:
    """Within this, what the server logs goes into our log and nowhere else."""
    ours = _Ours()
    before = {}
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        before[logger] = logger.propagate
        logger.addHandler(ours)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagated in before.items():
            logger.removeHandler(ours)
            logger.propagate = propagated
