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


def matching(rule: str, events: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> list[str]:
    """Ids of the events a stateless rule selects."""
    (query,) = backend(fulltext_field=TEXT).convert(SigmaCollection.from_yaml(rule))
    rows = table(events, columns).execute(query.replace("*", IDENTITY, 1)).fetchall()
    return sorted(str(row[0]) for row in rows)


Alert = tuple[str, tuple[tuple[str, str], ...], int, Any, tuple[str, ...]]


def correlated(
    rules: str,
    events: Sequence[Mapping[str, Any]],
    columns: Iterable[str],
    *,
    until: int | None = None,
) -> list[Alert]:
    """(rule, group, time in ms, value, event ids) of every row of every correlation with output."""
    end = {} if until is None else {"observation_end": until / 1000}
    converted = backend(**end).convert(SigmaCollection.from_yaml(rules), "zircolite")
    found: list[Alert] = []
    for one in json.loads(converted) if isinstance(converted, str) else converted:
        rule = json.loads(one) if isinstance(one, str) else one
        if "correlation_plan" not in rule:
            continue
        rows, _ = execute_plan(table(events, columns), rule["correlation_plan"])
        for row in rows:
            group = tuple(sorted((k, str(v)) for k, v in row["group_keys"].items()))
            ids = tuple(sorted(identity.partition(":")[2] for identity in row["event_ids"]))
            time = round(row["window_end"] * 1000)
            found.append((rule["title"], group, time, row["metric_value"], ids))
    return sorted(found, key=repr)
