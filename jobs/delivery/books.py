"""What the deliverer remembers for a target that cannot remember it itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from rules.errors import MingjianError
from sinks import rejected_table
from sinks.base import Rejected


class Books:
    """One small SQLite file: how far the target got, and what it refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS positions (name TEXT PRIMARY KEY, done INTEGER)"
            )
            self._db.execute(rejected_table.TABLE)
        except (OSError, sqlite3.Error) as error:
            raise MingjianError(
                f"cannot write the deliverer's positions to {path}: {error}",
                f"无法把投递进度写入 {path}：{error}",
                fix_en="check data_dir in the settings",
                fix_zh="请检查配置中的 data_dir",
            ) from None

    def positions(self) -> dict[str, int]:
        """Everything saved so far."""
        return dict(self._db.execute("SELECT name, done FROM positions").fetchall())

    def save(self, positions: Mapping[str, int]) -> None:
        """Remember positions."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO positions VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET done = excluded.done",
            list(positions.items()),
        )
        self._db.execute("COMMIT")

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Keep what the target refused, each id once."""
        self._db.execute("BEGIN")
        rejected_table.put(self._db, rejected)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
