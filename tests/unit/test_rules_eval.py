"""`mingjian rules eval` with correlations, as it is called: options, lines, what is said beside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from tests.support.command_line import app

RULES = """\
title: refused
name: refused
detection: {s: {user.action: refuse}, condition: s}
---
title: granted
name: granted
detection: {s: {user.action: grant}, condition: s}
---
title: Twice refused
name: twice
correlation:
  type: event_count
  rules: [refused]
  group-by: [user.name]
  timespan: 10s
  condition: {gte: 2}
---
title: Refused and not granted
name: alone
correlation:
  type: temporal_ordered
  group-by: [user.name]
  timespan: 10s
  condition: refused and not granted
"""
EVENTS = [
    ("e1", 100, "refuse", "li"),
    ("e2", 108, "refuse", "li"),
    ("e3", 104, "refuse", "li"),
    ("e4", 112, "grant", "wu"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    (tmp_path / "rules.yml").write_text(RULES)
    lines = [
        {"id": identity, "at": at, "user": {"action": action, "name": name}}
        for identity, at, action, name in EVENTS
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, list[dict[str, object]], str]:
    """(exit code, alerts, what was said beside)."""
    given = ["--rules", str(folder / "rules.yml"), "--events", str(folder / "events.jsonl"),
             "--id-field", "id", "--output", "json"]  # fmt: skip
    done = CliRunner().invoke(app, ["rules", "eval", *given, *words])
    if isinstance(done.exception, MingjianError):
        return done.exception.exit_code, [], " ".join(done.exception.text("en"))
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_line_for_people_says_when(folder: Path) -> None:
    given = ["--rules", str(folder / "rules.yml"), "--events", str(folder / "events.jsonl"),
             "--id-field", "id"]  # fmt: skip
    done = CliRunner().invoke(app, ["rules", "eval", *given, "--time-field", "at"])
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["1970-01-01T00:01:44Z", "e1,e3", "twice", "user.name=li", "2"] in lines
    (folder / "rules.yml").write_text(RULES.split("---", maxsplit=1)[0])
    done = CliRunner().invoke(app, ["rules", "eval", *given])
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [["-", name, "refused"] for name in ("e1", "e2", "e3")]


TWICE = {"rule": "twice", "group": {"user.name": "li"}, "value": 2}
ALONE = {"rule": "alone", "group": {"user.name": "li"}, "value": 1}


@pytest.mark.parametrize(
    ("words", "alerts", "said"),
    [
        # without a lateness every order of the file is the same
        ([], [(TWICE, 104, "e1 e3"), (ALONE, 110, "e1")], ""),
        (["--lateness", "4s"], [(TWICE, 104, "e1 e3"), (ALONE, 110, "e1")], ""),
        (["--arrival", "time", "--lateness", "0s"], [(TWICE, 104, "e1 e3"), (ALONE, 110, "e1")],
         ""),
        # too late: told, and not judged
        (["--lateness", "3999ms"], [(TWICE, 108, "e1 e2"), (ALONE, 110, "e1")], "--lateness"),
        # time ends where it is told to
        (["--until", "109"], [(TWICE, 104, "e1 e3")], "! 1 event later than --until"),
        (["--until", "1970-01-01T00:02:00Z"], [(TWICE, 104, "e1 e3"), (ALONE, 110, "e1")], ""),
    ],
)  # fmt: skip
def test_options(
    folder: Path, words: list[str], alerts: list[tuple[dict[str, object], int, str]], said: str
) -> None:
    code, found, beside = run(folder, "--time-field", "at", *words)
    assert code == 0
    assert found == [
        {**alert, "time": at * 1000, "event_ids": ids.split()} for alert, at, ids in alerts
    ]
    assert said in beside
    assert bool(said) == bool(beside)


def test_every_row(folder: Path) -> None:
    _, found, _ = run(folder, "--time-field", "at", "--emit", "every", "--until", "200")
    assert [(one["rule"], one["time"], one["value"]) for one in found] == [
        ("twice", 104_000, 2), ("twice", 108_000, 3),
        ("alone", 110_000, 1), ("alone", 114_000, 1), ("alone", 118_000, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], EXIT_USAGE, "--time-field"),
        (["--time-field", "at", "--lateness", "soon"], EXIT_USAGE, "'soon' is no duration"),
        (["--time-field", "at", "--until", "soon"], EXIT_USAGE, "'soon' is no time"),
        (["--time-field", "when"], EXIT_FINDINGS, "no time in 'when'"),
    ],
)
def test_what_cannot_be_done_is_said(folder: Path, words: list[str], code: int, says: str) -> None:
    found = run(folder, *words)
    assert found[0] == code
    assert found[1] == []
    assert says in found[2]


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("event_count", "event_cuont", "rules.yml:12:3", "event_count"),
        ("timespan: 10s\n  condition", "timspan: 10s\n  condition", "rules.yml:15:3", "timespan"),
        ("gte: 2", "gte: two", "rules.yml:16:15", "number"),
        ("[refused]", "[refsed]", "rules.yml:13:3", "refsed"),
        ("refused and not granted", "refused and not", "rules.yml:24:26", "condition"),
    ],
)
def test_a_wrong_correlation_is_told_with_its_place(
    folder: Path, old: str, new: str, place: str, says: str
) -> None:
    (folder / "rules.yml").write_text(RULES.replace(old, new, 1))
    code, found, beside = run(folder, "--time-field", "at")
    assert (code, found) == (EXIT_FINDINGS, [])
    assert place in beside.replace("\n", "")
    assert says in beside


ORDER = """\
title: refused
name: refused
detection: {s: {user.action: refuse}, condition: s}
---
title: granted
name: granted
detection: {s: {user.action: grant}, condition: s}
---
title: Refused, then granted
name: then
correlation:
  type: temporal_ordered
  rules: [refused, granted]
  group-by: [user.name]
  timespan: 10s
"""


@pytest.mark.parametrize("arrival", ["file", "time"])
@pytest.mark.parametrize(("first", "then", "alerts"), [(7, 8, 1), ("7", "11", 1), (8, 7, 0)])
def test_events_of_one_time_are_ordered_by_their_number(
    folder: Path, first: object, then: object, alerts: int, arrival: str
) -> None:
    (folder / "rules.yml").write_text(ORDER)
    lines = [
        {"id": "b", "at": 100, "no": {"seq": then}, "user": {"action": "grant", "name": "li"}},
        {"id": "a", "at": 100, "no": {"seq": first}, "user": {"action": "refuse", "name": "li"}},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, found, _ = run(
        folder, "--time-field", "at", "--seq-field", "no.seq", "--arrival", arrival
    )
    assert (code, len(found)) == (0, alerts)
    code, found, _ = run(folder, "--time-field", "at", "--arrival", arrival)
    assert (code, found) == (0, []), "without a number nothing of one time comes before anything"


def test_an_event_without_its_number_is_told(folder: Path) -> None:
    code, found, said = run(folder, "--time-field", "at", "--seq-field", "user.name")
    assert (code, found) == (EXIT_FINDINGS, [])
    assert "events.jsonl:1: no whole number in 'user.name'" in said
