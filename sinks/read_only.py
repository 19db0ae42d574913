"""A file of SQLite that another process writes, opened to be looked at."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def read_only(path: Path) -> sqlite3.Connection:
    """Nothing is changed, and no file is made. Raises sqlite3.Error: it cannot be read."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
