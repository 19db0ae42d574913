"""A file of SQLite that nobody but this account reads."""

from __future__ import annotations

import os
from pathlib import Path

MODE = 0o600
_BESIDE = ("", "-wal", "-shm")


def keep_private(path: Path) -> None:
    """Make the file where there is none, and take it and what SQLite keeps beside it from others.
    What SQLite makes beside it later has the same rights. A file of another account stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if not path.exists():  # by the rights of its maker it would be everybody's to read
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, MODE))
    for suffix in _BESIDE:
        try:
            handle = os.open(path.with_name(path.name + suffix), os.O_RDONLY)
        except OSError:  # none, or not ours to open
            continue
        try:
            about = os.fstat(handle)
            if about.st_uid == os.geteuid() and about.st_mode & 0o077:
                os.fchmod(handle, MODE)
        finally:
            os.close(handle)
