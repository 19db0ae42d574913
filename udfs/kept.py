"""Compiled patterns, and rules that were read, kept on disk between runs: to compile a catalogue
takes seconds, to read what was compiled 10 ms.

They are kept in the cache folder of the user who runs Mingjian, on each machine by itself:
`$MINGJIAN_CACHE`, else `$XDG_CACHE_HOME/mingjian`, else `~/.cache/mingjian`. Deleting it costs
nothing but time. An empty `MINGJIAN_CACHE` keeps nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

KEEP = 8  # files of each kind; a ruleset is one of each
_KINDS = ("patterns-*.hs", "rules-*.kept")  # others keep their own things here
_LONGEST_S = 60.0  # that anybody waits for another process, which may hang
_AGAIN_S = 0.05
_log = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """Where to keep; None when nothing is to be kept."""
    told = os.environ.get("MINGJIAN_CACHE")
    if told is not None:
        return Path(told) if told else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "mingjian"
    except RuntimeError:  # a user without a home
        return None


class KeptPatterns:
    """A folder of what was compiled or read, by name (`rules.scan.Keep`)."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or cache_folder()

    def get(self, name: str) -> bytes | None:
        """What was kept under the name. What others may have written is not trusted."""
        if self._folder is None:
            return None
        file = self._folder / name
        try:
            with file.open("rb") as opened:
                about = os.fstat(opened.fileno())
                if about.st_uid != os.geteuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    _log.warning("%s may be written by others; not read", file)
                    return None
                found = opened.read()
            with contextlib.suppress(OSError):
                os.utime(file)  # used last
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("%s cannot be read (%s); compiling anew", file, error.strerror)
            return None
        return found

    def put(self, name: str, data: bytes) -> None:
        """Keep it, whole or not at all, and forget what has not been used for longest."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, half = tempfile.mkstemp(dir=self._folder, prefix=".half-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(half).replace(self._folder / name)
            except OSError:
                Path(half).unlink(missing_ok=True)
                raise
            self._forget()
        except OSError as error:
            # nothing is wrong but that the next start takes as long as this one
            said = "compiled patterns and rules are not kept: %s (%s)"
            _log.warning(said, self._folder, error.strerror)

    @contextlib.contextmanager
    def first(self, name: str) -> Iterator[None]:
        """Of processes that want the same at the same time one makes it, and the others wait until
        it is kept. Nobody waits for long, nor where nothing can be kept."""
        with contextlib.ExitStack() as held:
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    file = held.enter_context((self._folder / f".making-{name}").open("ab"))
                    _lock(file.fileno())
                    held.callback(fcntl.flock, file.fileno(), fcntl.LOCK_UN)
            yield

    def _forget(self) -> None:
        assert self._folder is not None  # noqa: S101
        for kind in (*_KINDS, ".making-*"):
            files = list(self._folder.glob(kind))
            files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
            for file in files[KEEP:]:
                file.unlink(missing_ok=True)


def _lock(file: int) -> None:
    """Wait for the lock, which the end of its process lets go."""
    end = time.monotonic() + _LONGEST_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return
            time.sleep(_AGAIN_S)
        else:
            return
