"""A worker that gets no more memory ends itself, so that Flink sees it and starts another.

Where an allocation fails in a thread of Beam that reads from or writes to the JVM, the thread is
gone and the process stays: nothing is judged any more, and no part of Flink misses it for minutes.
Where the kernel itself ends the process (a container's limit) nothing of this is needed.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
import time

_WORKER = "pyflink.fn_execution.beam.beam_boot"
_PIECE = 16 << 20  # bytes that must be there to be had; they are not touched
_EVERY_SECONDS = 1.0
EXIT = 71  # EX_OSERR of sysexits.h

_started = threading.Lock()  # held from the first guard on


def guard() -> None:
    """Look from now on, in a worker process; elsewhere the process is not ours to end."""
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if getattr(main, "name", "") == _WORKER and _started.acquire(blocking=False):
        threading.Thread(target=_look, name="mingjian-no-memory", daemon=True).start()


def _look(every: float = _EVERY_SECONDS) -> None:
    said = (
        f"mingjian: worker {os.getpid()} gets no more memory ({_PIECE >> 20} MiB refused twice)"
        " and ends; Flink starts another. Raise the limit (ulimit -d, ulimit -v), or what"
        " taskmanager.memory.process.size leaves to Python\n"
    ).encode()  # made now: later there may be no room for it
    refused = 0
    while refused < 2:  # noqa: PLR2004 - once may be a moment's
        time.sleep(every)
        try:
            mmap.mmap(-1, _PIECE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
            refused = 0
        except (OSError, MemoryError):
            refused += 1
    os.write(2, said)
    os._exit(EXIT)
