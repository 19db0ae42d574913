"""Sigma rules run as SQL by pySigma's SQLite backend: an independent answer to compare with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import re2
from sigma.backends.sqlite import sqliteBackend
from sigma.backends.sqlite.runtime import execute_plan
from sigma.collection import SigmaCollection

TIME, IDENTITY, TEXT = "ts", "eid", "words"


def table(events: Sequence[Mapping[str, Any]], columns: Iterable[str] = ()) -> sqlite3.Connection:
    """A table `logs` of the events, with the columns rules may name."""
    names = sorted({name for event in events for name in event} | {TIME, IDENTITY, *columns})
    connection = sqlite3.connect(":memory:")
    connection.create_function("regexp", 2, _regexp)
    connection.execute(
        "CREATE TABLE logs (" + ", ".join(f"`{name}` COLLATE NOCASE" for name in names) + ")"
    )
    places = ", ".join("?" * len(names))
    connection.executemany(
        f"INSERT INTO logs VALUES ({places})",  # noqa: S608 - question marks only
        [[event.get(name) for name in names] for event in events],
    )
    return connection


def _regexp(pattern: str, value: object) -> bool:
    return value is not None and bool(re2.search(pattern, str(value)))


def backend(**options: Any) -> sqliteBackend:
    """The backend for `table`; times are milliseconds."""
    return sqliteBackend(
        timestamp_field=TIME, timestamp_format="unix_ms", event_id_field=IDENTITY, **options
    )


class Selector:
    """Some events, ready to be selected by stateless rules.

    Args:
        columns: all fields that rules may name; `TEXT` holds what keywords are searched in.
    """

    def __init__(self, events: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> None:
        self._logs = table(events, columns)

    def ids(self, rule: dict[str, Any]) -> list[str]:
        """Ids of the events the rule selects, sorted."""
        (query,) = backend(fulltext_field=TEXT).convert(SigmaCollection.from_dicts([rule]))
        rows = self._logs.execute(query.replace("*", IDENTITY, 1))
        return sorted(str(row[0]) for row in rows)


Row = tuple[str, tuple[tuple[str, str], ...], int, float | None, tuple[str, ...]]


class Plans:
    """The correlations of some rule documents that raise alerts, ready to be run.

    Args:
        columns: all fields that events may have.
    """

    def __init__(self, documents: list[dict[str, Any]], columns: Iterable[str]) -> None:
        self._columns = sorted(columns)
        converted = backend().convert(SigmaCollection.from_dicts(documents), "zircolite")
        rules = json.loads(converted) if isinstance(converted, str) else converted
        rules = [json.loads(rule) if isinstance(rule, str) else rule for rule in rules]
        self._plans = [
            (rule["title"], rule["correlation_plan"])
            for rule in rules
            if "correlation_plan" in rule
        ]

    def rows(self, events: Sequence[Mapping[str, Any]]) -> list[Row]:
        """(title, group, time in ms, value, event ids) of every row, sorted."""
        found: list[Row] = []
        logs = table(events, self._columns)
        for title, plan in self._plans:
            for row in execute_plan(logs, plan, include_events=False)[0]:
                group = tuple(sorted((k, str(v)) for k, v in row["group_keys"].items()))
                ids = tuple(sorted(identity.partition(":")[2] for identity in row["event_ids"]))
                time, value = round(row["window_end"] * 1000), row["metric_value"]
                shown = None if value is None else round(float(value), 9)
                found.append((title, group, time, shown, ids))
        return sorted(found, key=repr)
