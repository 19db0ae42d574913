"""Reads the SQLite index: lists, searches and follows alerts while a deliverer may be writing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rules.canary_marks import FLAG_CANARY, MARK
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import NoIndexYet
from sinks.fulltext import match_expression
from sinks.id_prefix import LISTED, not_one
from sinks.read_only import read_only

_POLL_S = 0.2
FROM_NOW = "now"
_WOULD = "json_extract(CAST(body AS TEXT), '$.would_have_fired')"
# the actor first: only of the few rows that canaries may be is the JSON read
_PEOPLE = f"actor GLOB '{MARK}*' OR actor GLOB 'w[mob]{MARK}*'"
_FLAGGED = (
    "EXISTS (SELECT 1 FROM json_each(CAST(body AS TEXT), '$.flags')"  # noqa: S608 - fixed text
    f" WHERE value = '{FLAG_CANARY}')"
)
_CANARY = f"(({_PEOPLE}) AND {_FLAGGED})"
_SAYS = (
    "(n IN (SELECT rowid FROM alerts_text WHERE alerts_text MATCH ?) OR alert_id IN"
    " (SELECT alert_id FROM evidence WHERE n IN"
    " (SELECT rowid FROM evidence_text WHERE evidence_text MATCH ?)))"
)


class SqliteReader:
    """Implements `sinks.base.AlertReader`. Shows one tenant; "" shows all."""

    def __init__(self, path: str | Path, tenant: str = "") -> None:
        self.path, self.tenant = Path(path), tenant
        if not self.path.is_file():
            raise _no_index(self.path)
        try:
            self._db = read_only(self.path)
            self._db.execute("PRAGMA busy_timeout = 5000")
            self._db.execute("SELECT 1 FROM alerts LIMIT 1")
        except sqlite3.Error as error:
            # nothing in it: a deliverer may be about to fill it
            kind = NoIndexYet if self._is_empty() else MingjianError
            raise kind(
                f"{self.path} is not an index of Mingjian: {error}",
                f"{self.path} 不是明鉴的索引：{error}",
            ) from None

    def _is_empty(self) -> bool:
        """Is the file empty, or a database in which nothing has been made yet?"""
        if not self.path.stat().st_size:
            return True
        try:
            return self._db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        except sqlite3.Error:
            return False

    def alerts(
        self,
        *,
        rule: str = "",
        response: int = 0,
        actor: str = "",
        since: int = 0,
        until: int = 0,
        text: str = "",
        canaries: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. `text` is looked for in the alert and in its evidence."""
        conditions: list[tuple[str, Any]] = [
            (f"NOT {_CANARY}", not canaries),
            ("rule = ?", rule),
            ("response >= ?", response),
            ("actor = ?", actor),
            ("time >= ?", since),
            ("time <= ?", until),
        ]
        if text:
            expression = match_expression(text)
            if not expression:  # only punctuation: nothing can hold it
                return [], ""
            conditions.append((_SAYS, expression))
        return self._page("alerts", conditions, limit, cursor)

    def alert(self, alert_id: str) -> dict[str, Any] | None:
        """See `AlertReader`. A prefix that fits several alerts is an error that says so."""
        rows = self._db.execute(
            "SELECT body FROM alerts WHERE alert_id >= ? AND alert_id < ?"
            " AND (? = '' OR tenant = ?) ORDER BY alert_id LIMIT ?",
            (alert_id, alert_id + "\U0010ffff", self.tenant, self.tenant, LISTED + 1),
        ).fetchall()
        found = [_row(body) for (body,) in rows]
        if len(found) > 1:
            raise ambiguous(alert_id, [row["alert_id"] for row in found])
        return found[0] if found else None

    def evidence(self, alert_id: str) -> list[dict[str, Any]]:
        """See `AlertReader`."""
        rows = self._db.execute(
            "SELECT body FROM evidence WHERE alert_id = ?", (alert_id,)
        ).fetchall()
        items = [_row(body) for (body,) in rows]
        return sorted(items, key=lambda item: (item["time"], item["seq"], item["evidence_id"]))

    def quarantine(
        self,
        *,
        reason: str = "",
        source: str = "",
        prefix: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        rows = self._db.execute(
            "SELECT n, body FROM quarantine WHERE (? = '' OR reason = ?) AND (? = '' OR"
            " instr(json_extract(CAST(body AS TEXT), '$.position.source'), ?))"
            " AND quarantine_id >= ? AND quarantine_id < ?"
            " AND (? < 0 OR n < ?) ORDER BY n DESC LIMIT ?",
            (
                *(reason, reason, source, source, prefix, prefix + "\U0010ffff"),
                *[_cursor(cursor, 1)[0] if cursor else -1] * 2,
                limit + 1,
            ),
        ).fetchall()
        page = rows[:limit]
        following = str(page[-1][0]) if page and len(rows) > limit else ""
        return [_row(body) for _, body in page], following

    def handled(self, quarantine_ids: Sequence[str]) -> list[dict[str, Any]]:
        """See `AlertReader`."""
        if not self._has("handled"):
            return []
        rows = self._db.execute(
            "SELECT body FROM handled WHERE quarantine_id IN (SELECT value FROM json_each(?))"
            " AND (? = '' OR tenant = ?) ORDER BY time, n",
            (json.dumps(list(quarantine_ids)), self.tenant, self.tenant),
        )
        return [_row(body) for (body,) in rows]

    def incidents(
        self, *, status: str = "", since: int = 0, until: int = 0, limit: int = 50, cursor: str = ""
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        if not self._has("incidents"):
            return [], ""
        conditions = [("status = ?", status), ("time >= ?", since), ("time <= ?", until)]
        return self._page("incidents", conditions, limit, cursor)

    def late(
        self,
        *,
        rule: str = "",
        would: str = "",
        since: int = 0,
        until: int = 0,
        canaries: bool = False,
        limit: int = 50,
        cursor: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`."""
        conditions = [
            ("rule = ?", rule),
            (f"NOT {_FLAGGED}", not canaries),
            (f"{_WOULD} = ?", would),
            ("time >= ?", since),
            ("time <= ?", until),
        ]
        return self._page("late", conditions, limit, cursor)

    def _page(
        self, table: str, conditions: Sequence[tuple[str, Any]], limit: int, cursor: str
    ) -> tuple[list[dict[str, Any]], str]:
        """Rows, newest first, that fulfil those conditions that have a value."""
        where, values = ["1"], list[Any]()
        for condition, value in (("tenant = ?", self.tenant), *conditions):
            if value:
                where.append(condition)
                values += [value] * condition.count("?")
        if cursor:
            where.append("(time, n) < (?, ?)")
            values += _cursor(cursor, 2)
        rows = self._db.execute(
            # only fixed text is joined here, every value is bound
            f"SELECT time, n, body FROM {table} WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY time DESC, n DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        page = rows[:limit]
        following = f"{page[-1][0]}:{page[-1][1]}" if page and len(rows) > limit else ""
        return [_row(body) for _, _, body in page], following

    def _has(self, table: str) -> bool:
        """A file that an earlier version made, and no deliverer opened since, lacks some tables."""
        found = self._db.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        )
        return found.fetchone() is not None

    def tenants(self) -> dict[str, int]:
        """See `AlertReader`."""
        rows = self._db.execute(
            f"SELECT tenant, count(*) FROM alerts WHERE NOT {_CANARY}"  # noqa: S608
            " GROUP BY tenant ORDER BY 1"
        )
        return dict(rows.fetchall())

    def counts(self) -> dict[str, Any]:
        """See `AlertReader`."""
        mine = (self.tenant, self.tenant)
        only = "WHERE (? = '' OR tenant = ?)"

        ours = f"AND NOT {_CANARY}"
        taken_back = f"AND status = 'retracted' {ours}"
        stands = f"AND status != 'retracted' {ours}"
        planted = f"AND alert_id NOT IN (SELECT alert_id FROM alerts WHERE {_CANARY})"  # noqa: S608
        fired, said = f"AND {_WOULD} = 'true'", f"AND NOT {_FLAGGED}"

        def number(table: str, which: str = "") -> int:
            if not self._has(table):
                return 0
            query = f"SELECT count(*) FROM {table} {only} {which}"  # noqa: S608
            return int(self._db.execute(query, mine).fetchone()[0])

        def grouped(column: str) -> dict[str, int]:
            query = (
                f"SELECT {column}, count(*) FROM alerts {only} {stands}"  # noqa: S608
                f" GROUP BY {column} ORDER BY {column}"
            )
            return {str(key): count for key, count in self._db.execute(query, mine)}

        reasons = self._db.execute(
            "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason"
        )
        return {
            "alerts": number("alerts", stands),
            "evidence": number("evidence", planted),
            "quarantine": dict(reasons.fetchall()),
            "late": number("late", said),
            "late_would_have_fired": number("late", f"{said} {fired}"),
            "retracted": number("alerts", taken_back),
            "by_rule": grouped("rule"),
            "by_response": grouped("response"),
            "incidents": number("incidents"),
            "incidents_open": number("incidents", "AND status = 'open'"),
            "handled": number("handled"),
        }

    def follow(self, after: str = "", timeout: float = 1.0) -> tuple[list[dict[str, Any]], str]:
        """See `AlertReader`. "" starts at the first alert, "now" after the last one stored."""
        if after == FROM_NOW:
            last = self._db.execute("SELECT coalesce(max(n), 0) FROM alerts").fetchone()[0]
            return [], str(last)
        done = _cursor(after, 1)[0] if after else 0
        end = time.monotonic() + timeout
        while True:
            rows = self._db.execute(
                "SELECT n, body FROM alerts WHERE n > ? AND (? = '' OR tenant = ?)"  # noqa: S608
                f" AND NOT {_CANARY} ORDER BY n LIMIT 500",
                (done, self.tenant, self.tenant),
            ).fetchall()
            if rows:
                return [_row(body) for _, body in rows], str(rows[-1][0])
            if time.monotonic() >= end:
                return [], str(done)
            time.sleep(min(_POLL_S, timeout))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _no_index(path: Path) -> NoIndexYet:
    return NoIndexYet(
        f"there is no index at {path}",
        f"{path} 处没有索引",
        fix_en="run `mingjian detect` and `mingjian deliver` first, or name other settings"
        " with --config",
        fix_zh="请先运行 `mingjian detect` 和 `mingjian deliver`，或用 --config 指定其他配置",
    )


def ambiguous(prefix: str, fitting: Sequence[str] = ()) -> MingjianError:
    """The error for an id prefix that fits these alerts, or none."""
    return not_one(
        prefix, fitting, one="alert", many="alerts", zh="告警", see="mingjian alerts list"
    )


def bad_cursor(cursor: str) -> MingjianError:
    """The error for a cursor that this reader never gave out."""
    return MingjianError(
        f"'{cursor}' is not a cursor", f"“{cursor}”不是有效的游标", exit_code=EXIT_USAGE
    )


def _cursor(cursor: str, parts: int) -> list[int]:
    pieces = cursor.split(":")
    if len(pieces) != parts or not all(piece.isdigit() for piece in pieces):
        raise bad_cursor(cursor)
    return [int(piece) for piece in pieces]


def _row(body: bytes) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.json.decode(body)
    return row
