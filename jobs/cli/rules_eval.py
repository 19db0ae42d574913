"""`mingjian rules eval`: plain Sigma rules of any log source against a file of JSON events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from jobs.cli.app import Output, OutputOption, emit, out, report
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.sigma.collection import Collection, load_collection
from rules.sigma.event import Event, as_text
from rules.sigma.questions import as_millis


def evaluate(
    rules: Annotated[
        Path, typer.Option("--rules", metavar="PATH", help="Sigma 规则文件或目录 · file or folder")
    ],
    events: Annotated[
        Path,
        typer.Option("--events", metavar="FILE", help="事件，一行一个 JSON · JSON, one a line"),
    ],
    time_field: Annotated[
        str, typer.Option("--time-field", help="事件时间的字段 · field with the event's time")
    ] = "",
    id_field: Annotated[
        str, typer.Option("--id-field", help="事件编号的字段，缺省为行号 · id, else the line")
    ] = "",
    placeholders: Annotated[
        Path | None,
        typer.Option(
            "--placeholders",
            metavar="FILE",
            help="|expand 的取值，YAML 名字: [值] · values of %names%, YAML",
        ),
    ] = None,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="跳过不能用的规则和事件 · leave out what cannot be used"),
    ] = False,
    output: OutputOption = Output.text,
) -> None:
    """用普通 Sigma 规则评估任意 JSON 事件 · judge any JSON events by plain Sigma rules."""
    found = _collection(rules, _placeholders(placeholders))
    for problem in found.problems:
        report(problem.error)
    if found.problems and not keep_going:
        raise typer.Exit(EXIT_FINDINGS)
    broken = len(found.problems)
    today = int(datetime.now(UTC).timestamp() * 1000)  # when events have no time, filters need one
    for number, line in _lines(events):
        try:
            fields = _event(events, number, line)
            time = _time(events, number, fields, time_field)
        except MingjianError as error:
            report(error)
            if not keep_going:
                raise typer.Exit(EXIT_FINDINGS) from None
            broken += 1
            continue
        event = Event(fields, today if time is None else time)
        name = next((t for v in event.values(id_field) if (t := as_text(v))), "") or str(number)
        for rule in found.rules:
            if rule.matches(event):
                _print(rule.label, name, time, output)
    if broken:
        raise typer.Exit(EXIT_FINDINGS)


def _print(rule: str, event: str, time: int | None, output: Output) -> None:
    if output is Output.json:
        emit({"rule": rule, "group": {}, "time": time, "event_ids": [event], "value": None})
    else:
        out.print(f"{event}\t{rule}", markup=False, soft_wrap=True)


def _collection(place: Path, placeholders: dict[str, list[str]]) -> Collection:
    if not place.exists():
        raise _missing(place)
    files = [place] if place.is_file() else sorted(place.rglob("*.y*ml"))
    try:
        texts = [(str(file), file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    except UnicodeDecodeError as error:
        raise MingjianError(
            f"a rule file is not UTF-8: {error.reason}",
            f"规则文件不是 UTF-8：{error.reason}",
            exit_code=EXIT_FINDINGS,
        ) from None
    found = load_collection(texts, placeholders)
    if not found.rules and not found.problems:
        raise MingjianError(f"no rule in {place}", f"{place} 里没有规则", exit_code=EXIT_USAGE)
    return found


def _missing(place: Path) -> MingjianError:
    return MingjianError(f"no file {place}", f"没有文件 {place}", exit_code=EXIT_USAGE)


def _placeholders(place: Path | None) -> dict[str, list[str]]:
    if place is None:
        return {}
    if not place.is_file():
        raise _missing(place)
    try:
        found = yaml.safe_load(place.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {
                str(name): [str(one) for one in (value if isinstance(value, list) else [value])]
                for name, value in found.items()
            }
    except (yaml.YAMLError, UnicodeDecodeError):
        pass  # the same sentence says what is expected
    raise MingjianError(
        f"{place} must be YAML: name: [values]",
        f"{place} 必须是 YAML：名字: [取值]",
        exit_code=EXIT_USAGE,
    )


def _lines(place: Path) -> Iterator[tuple[int, str]]:
    if not place.is_file():
        raise _missing(place)
    with place.open(encoding="utf-8", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _event(place: Path, number: int, line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise MingjianError(
            f"{place}:{number}: not a JSON object",
            f"{place}:{number}：不是 JSON 对象",
            fix_en="write one object a line",
            fix_zh="请一行写一个对象",
            exit_code=EXIT_FINDINGS,
        )
    return fields


def _time(place: Path, number: int, fields: dict[str, Any], name: str) -> int | None:
    """The event's time in ms; None when no field was named. Never the clock instead."""
    if not name:
        return None
    found = next((t for v in Event(fields).values(name) if (t := as_millis(v)) is not None), None)
    if found is None:
        raise MingjianError(
            f"{place}:{number}: no time in '{name}'",
            f"{place}:{number}：“{name}”里没有时间",
            fix_en="ISO 8601, or seconds or milliseconds since 1970",
            fix_zh="请写 ISO 8601，或 1970 年以来的秒或毫秒",
            exit_code=EXIT_FINDINGS,
        )
    return found
