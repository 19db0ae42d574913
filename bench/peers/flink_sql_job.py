"""Flink SQL over a file of records, no Python in it: see `flink_sql`.

Runs in a process of its own: `python -m bench.peers.flink_sql_job KIND MESSAGES RULES OUTPUTS`, of
which RULES is JSON, a list of words for each rule. Of what it finds it writes the ids.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

_MESSAGES = """
CREATE TABLE messages (
    payload ROW<msgid STRING, `from` STRING, msgtime BIGINT, text ROW<content STRING>>,
    said_at AS TO_TIMESTAMP_LTZ(payload.msgtime, 3),
    WATERMARK FOR said_at AS said_at
) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'json')
"""
_FOUND = """
CREATE TABLE found (msgid STRING)
WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv')
"""
_SEQUENCE = """
INSERT INTO found SELECT last_id FROM (
    SELECT payload.msgid AS msgid, payload.`from` AS sender, payload.text.content AS said, said_at
    FROM messages WHERE {first} OR {second}
) MATCH_RECOGNIZE (
    PARTITION BY sender ORDER BY said_at
    MEASURES B.msgid AS last_id
    ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
    PATTERN (A+ B) WITHIN INTERVAL '60' SECOND
    DEFINE A AS {first_said}, B AS {second_said}
)
"""
_CONTENT = "payload.text.content"


def statement(kind: str, rules: Sequence[Sequence[str]]) -> str:
    """The one statement that the job runs."""
    if kind == "sequence":
        first, second = rules
        return _SEQUENCE.format(
            first=_like(first, _CONTENT),
            second=_like(second, _CONTENT),
            first_said=_like(first, "said"),
            second_said=_like(second, "said"),
        )
    if kind == "like":
        asked = any_of([f"{_CONTENT} LIKE '%{word}%'" for rule in rules for word in rule])
    elif kind == "regexp":  # one for each rule
        asked = any_of([f"REGEXP({_CONTENT}, '{'|'.join(rule)}')" for rule in rules])
    else:  # "pattern": one for all
        words = "|".join(word for rule in rules for word in rule)
        asked = f"REGEXP({_CONTENT}, '{words}')"
    return f"INSERT INTO found SELECT payload.msgid FROM messages WHERE {asked}"  # noqa: S608


def any_of(asked: Sequence[str]) -> str:
    """One of these holds, in brackets that halve: Calcite parses a long row of them too deep."""
    if len(asked) == 1:
        return asked[0]
    half = len(asked) // 2
    return f"({any_of(asked[:half])} OR {any_of(asked[half:])})"


def _like(words: Sequence[str], field: str) -> str:
    return any_of([f"{field} LIKE '%{word}%'" for word in words])


def main(kind: str, messages: str, rules: str, outputs: str) -> None:
    """Run the job to the end of the file."""
    options = Configuration()
    for key, value in {
        "parallelism.default": "1",
        "pipeline.object-reuse": "true",
        "python.executable": sys.executable,
    }.items():
        options.set_string(key, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(options)
    tables = TableEnvironment.create(settings.build())
    tables.execute_sql(_MESSAGES.format(path=messages))
    tables.execute_sql(_FOUND.format(path=outputs))
    asked = json.loads(Path(rules).read_text(encoding="utf-8"))
    tables.execute_sql(statement(kind, asked)).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
