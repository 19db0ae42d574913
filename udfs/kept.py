"""Compiled patterns kept on disk between runs: compiling a catalogue takes seconds, reading 10 ms.

They are kept in the cache folder of the user who runs Mingjian, on each machine by itself:
`$MINGJIAN_CACHE`, else `$XDG_CACHE_HOME/mingjian`, else `~/.cache/mingjian`. Deleting it costs
nothing but time. An empty `MINGJIAN_CACHE` keeps nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import tempfile
from pathlib import Path

KEEP = 8  # files; a ruleset is one
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
    """A folder of compiled patterns, by name (`rules.scan.Keep`)."""

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
            _log.warning("compiled patterns are not kept: %s (%s)", self._folder, error.strerror)

    def _forget(self) -> None:
        assert self._folder is not None  # noqa: S101
        files = list(self._folder.glob("patterns-*.hs"))  # others keep their own things here
        files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[KEEP:]:
            file.unlink(missing_ok=True)
