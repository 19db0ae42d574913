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
from rules.errors import EXIT_USAGE, MingjianError

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
        MingjianError: as `Intake.take`; the lines of that batch were read and not written. Or the
            stream cannot be read; what was read before is taken.
    """
    lines, taken = Lines(most_bytes), Taken()
    bodies: list[Body] = []
    size, since = 0, 0.0
    ended = False
    failed: OSError | None = None
    while not ended and not stop.is_set():
        if select.select([descriptor], [], [], _PAUSE_S)[0]:
            try:
                piece = os.read(descriptor, _PIECE)
            except OSError as error:  # a folder, or open for writing only
                piece, failed = b"", error
            ended = not piece
            if not bodies:
                since = time.monotonic()
            bodies += lines.feed(piece)
            size += len(piece)
            full = len(bodies) >= BATCH_RECORDS or size >= BATCH_BYTES
            if not full and time.monotonic() - since < _PAUSE_S:
                continue
        if bodies:
            taken = taken.plus(_take(intake, bodies))
            bodies, size = [], 0
            progress(taken)
    if bodies := bodies + lines.end():
        taken = taken.plus(_take(intake, bodies))
        progress(taken)
    if failed is not None:
        raise MingjianError(
            f"cannot read the stream: {failed.strerror}",
            f"读不了输入流：{failed.strerror}",
            fix_en="pipe records into it, one a line",
            fix_zh="请用管道送入记录，一行一条",
            exit_code=EXIT_USAGE,
        )
    return taken


def _take(intake: Intake, bodies: list[Body]) -> Taken:
    """Take them; an error says how many are gone from the stream without being written."""
    try:
        return intake.take(bodies)
    except MingjianError as error:
        lines = len(bodies)
        raise MingjianError(
            f"{error.en}; the last lines that were read, {lines:,}, may not have been written",
            f"{error.zh}；最后读入的 {lines:,} 行可能没有写入",
            fix_en="send the stream again: what is there already is not taken twice",
            fix_zh="请重新发送这些数据：已写入的不会重复计入",
            exit_code=error.exit_code,
        ) from None
