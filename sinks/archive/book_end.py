"""The end of a file of rows."""

from __future__ import annotations

import os

_TAIL_BYTES = 1 << 16


def last_row(handle: int) -> tuple[int, bytes]:
    """(where the whole rows of an open file end, the last of them without its line feed)."""
    size = os.fstat(handle).st_size
    span = _TAIL_BYTES
    while True:
        start = max(0, size - span)
        data = os.pread(handle, size - start, start)
        end = data.rfind(b"\n") + 1
        begin = data.rfind(b"\n", 0, end - 1) + 1 if end else 0
        if begin or not start:
            return start + end, data[begin : max(0, end - 1)]
        span *= 4
