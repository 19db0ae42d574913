"""What became of canaries, in `<data_dir>/canary.db`: every round, every rule, every target."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings
from rules.errors import MingjianError
from sinks.read_only import read_only

KEPT_MS = 90 * 24 * 3_600_000
IN_A_ROW = 2  # so many rounds without it, and it is an incident
_TABLES = """
CREATE TABLE IF NOT EXISTS rounds (
    round TEXT PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER NOT NULL,
    planted INTEGER NOT NULL, rules INTEGER NOT NULL, without INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (
    rule TEXT NOT NULL, target TEXT NOT NULL, began INTEGER NOT NULL, seconds REAL,
    PRIMARY KEY (rule, target, began)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_incidents (target TEXT PRIMARY KEY, key TEXT NOT NULL);
"""


class Round(NamedTuple):
    """One round. Times are UTC ms; `rules` had a canary, `without` had none; `seen` and `missed`
    are counted for each rule and target; `slowest` is in seconds."""

    began: int
    ended: int
    planted: int
    rules: int
    without: int
    seen: int
    missed: int
    slowest: float


class Missed(NamedTuple):
    """A rule that a target has not shown for `rounds` rounds in a row."""

    rule: str
    target: str
    rounds: int


class CanaryBook:
    """Reads and writes the file.

    Raises:
        MingjianError: it cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        path = book_path(settings)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise MingjianError(
                f"cannot use {path}: {error}",
                f"无法使用 {path}：{error}",
                fix_en="check data_dir; a damaged file may be removed",
                fix_zh="请检查 data_dir；损坏的文件可以删除",
            ) from None

    def add(
        self,
        name: str,
        began: int,
        ended: int,
        planted: int,
        without: int,
        results: Mapping[tuple[str, str], float | None],
    ) -> None:
        """Remember a round; `results`: seconds by rule and target, None where it was missed."""
        rules = len({rule for rule, _ in results})
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT OR REPLACE INTO rounds VALUES (?, ?, ?, ?, ?, ?)",
                (name, began, ended, planted, rules, without),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)",
                [(rule, target, began, took) for (rule, target), took in results.items()],
            )
            for table in ("rounds", "results"):
                self._db.execute(f"DELETE FROM {table} WHERE began < ?", (ended - KEPT_MS,))  # noqa: S608

    def missed(self) -> list[Missed]:
        """What its target has not shown since, `IN_A_ROW` rounds or more."""
        return missed_of(self._db)

    def incident(self, target: str) -> str:
        """The key of the incident that is open about a target; "" when there is none."""
        row = self._db.execute(
            "SELECT key FROM open_incidents WHERE target = ?", (target,)
        ).fetchone()
        return str(row[0]) if row else ""

    def incidents(self) -> set[str]:
        """The targets of which one is open."""
        return {row[0] for row in self._db.execute("SELECT target FROM open_incidents")}

    def set_incident(self, target: str, key: str) -> None:
        """Remember it; "" forgets it."""
        self._db.execute("DELETE FROM open_incidents WHERE target = ?", (target,))
        if key:
            self._db.execute("INSERT INTO open_incidents VALUES (?, ?)", (target, key))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def book_path(settings: Settings) -> Path:
    """Where it is kept."""
    return Path(settings.data_dir) / "canary.db"


def last_rounds(settings: Settings, count: int = 1) -> tuple[list[Round], list[Missed]]:
    """The last rounds, newest first, and what is missed now; nothing where none ever ran.

    Raises:
        sqlite3.Error: the file is damaged.
    """
    path = book_path(settings)
    if not path.is_file():
        return [], []
    db = read_only(path)
    try:
        rows = db.execute(
            "SELECT began, ended, planted, rules, without,"
            " (SELECT count(seconds) FROM results WHERE results.began = rounds.began),"
            " (SELECT count(*) - count(seconds) FROM results WHERE results.began = rounds.began),"
            " (SELECT coalesce(max(seconds), 0) FROM results WHERE results.began = rounds.began)"
            " FROM rounds ORDER BY began DESC LIMIT ?",
            (count,),
        ).fetchall()
        return [Round(*row) for row in rows], missed_of(db)
    finally:
        db.close()


def missed_of(db: sqlite3.Connection) -> list[Missed]:
    """For each rule and target the rounds in a row, up to now, in which it was missed."""
    rows: Iterable[tuple[str, str, int]] = db.execute(
        "SELECT rule, target, count(*) FROM results AS r WHERE began > coalesce("
        " (SELECT max(began) FROM results AS s WHERE s.rule = r.rule AND s.target = r.target"
        "  AND s.seconds IS NOT NULL), -1)"
        # a rule that is planted no more (removed, or asleep) is not missed
        " AND EXISTS (SELECT 1 FROM results AS l WHERE l.rule = r.rule AND l.target = r.target"
        "  AND l.began = (SELECT max(began) FROM rounds))"
        " GROUP BY rule, target HAVING count(*) >= ? ORDER BY target, rule",
        (IN_A_ROW,),
    )
    return [Missed(*row) for row in rows]
