"""Records on standard input, or any other stream: taken as they come, or not read at all."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable

from ingest.intake import Body, Intake, Taken
from ingest.lines import Lines
from ingest.one_file import BATCH_BYTES, BATCH_RECORDS

_PIECE = 1 << 18
_PAUSE_S = 0.2  # without more of it for so long, what is there is taken


def take_stream(
    descriptor: int,
    intake: Intake,
    most_bytes: int,
    stop: threading.Event,
    progress: Callable[[Taken], None] = lambda _: None,
) -> Taken:
    """Take the lines of a stream until it ends or `stop` is set.

    Nothing is read while a batch is being written, so that whoever writes the stream has to wait.
    When it is stopped, what was read is taken first, half a line as well: it will not come again.

    Raises:
        MingjianError: as `Intake.take`; the lines of that batch were read and not written.
    """
    lines, taken = Lines(most_bytes), Taken()
    bodies: list[Body] = []
    size, since = 0, 0.0
    ended = False
    while not ended and not stop.is_set():
        if select.select([descriptor], [], [], _PAUSE_S)[0]:
            piece = os.read(descriptor, _PIECE)
            ended = not piece
            if not bodies:
                since = time.monotonic()
            bodies += lines.feed(piece)
            size += len(piece)
            full = len(bodies) >= BATCH_RECORDS or size >= BATCH_BYTES
            if not full and time.monotonic() - since < _PAUSE_S:
                continue
        if bodies:
            taken = taken.plus(intake.take(bodies))
            bodies, size = [], 0
            progress(taken)
    if bodies := bodies + lines.end():
        taken = taken.plus(intake.take(bodies))
        progress(taken)
    return taken
