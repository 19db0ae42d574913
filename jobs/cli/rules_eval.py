"""`mingjian rules eval`: plain Sigma rules of any log source against a file of JSON events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from jobs.cli.app import Output, OutputOption, emit, err, out, report, say
from rules.correlation.shapes import UNITS
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.sigma.collection import load_collection
from rules.sigma.contents import Collection
from rules.sigma.evaluate import Evaluation, Hit
from rules.sigma.event import Event, as_text
from rules.sigma.questions import as_millis
from rules.yaml_files import is_yaml


class Arrival(StrEnum):
    """In which order events come."""

    file = "file"
    time = "time"


class Emit(StrEnum):
    """Which rows of a correlation are alerts."""

    first = "first"
    every = "every"


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
    arrival: Annotated[
        Arrival,
        typer.Option(
            "--arrival",
            help="按文件次序还是按事件时间到达 · events come as in the file, or in order of time",
        ),
    ] = Arrival.file,
    lateness: Annotated[
        str,
        typer.Option(
            "--lateness",
            metavar="D",
            help="最多迟到多久，如 30s；缺省一直等 · how late one may come; else no limit",
        ),
    ] = "",
    emit_rows: Annotated[
        Emit,
        typer.Option(
            "--emit",
            help="关联规则：一次过程一条，还是每次成立都报 · one alert an episode, or every row",
        ),
    ] = Emit.first,
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="T",
            help="事件时间的终点，缺省为最后一个事件 · end of event time, else the last event",
        ),
    ] = "",
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
    if found.correlations and not time_field:
        raise MingjianError(
            "there are correlations, which need the time of events",
            "规则里有关联规则，需要知道事件的时间",
            fix_en="say where it stands: --time-field FIELD",
            fix_zh="请用 --time-field 说明时间在哪个字段",
            exit_code=EXIT_USAGE,
        )
    evaluation = Evaluation(
        found,
        every=emit_rows is Emit.every,
        lateness=_duration(lateness),
        until=_until(until),
    )
    broken = len(found.problems)
    sorted_events: list[tuple[int, str, Event]] = []
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
        if arrival is Arrival.time and time is not None:
            sorted_events.append((time, name, event))
        else:
            _print(evaluation.feed(name, event, time), output)
    for time, name, event in sorted(sorted_events, key=lambda one: one[0]):
        _print(evaluation.feed(name, event, time), output)
    _print(evaluation.finish(), output)
    _tell(evaluation.counts)
    if broken:
        raise typer.Exit(EXIT_FINDINGS)


def _print(hits: Iterable[Hit], output: Output) -> None:
    for hit in hits:
        if output is Output.json:
            emit(hit._asdict())
        else:
            group = "".join(f"\t{name}={value}" for name, value in hit.group.items())
            value = "" if hit.value is None else f"\t{hit.value}"
            when = "-" if hit.time is None else _moment(hit.time)
            line = f"{when}\t{','.join(hit.event_ids)}\t{hit.rule}{group}{value}"
            out.print(line, markup=False, soft_wrap=True)


def _moment(ms: int) -> str:
    """A time in ms as ISO 8601 in UTC; of a year that no calendar has, the number."""
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(ms)
    digits = "milliseconds" if ms % 1000 else "seconds"
    return moment.isoformat(timespec=digits).replace("+00:00", "Z")


def _tell(counts: Mapping[str, int]) -> None:
    """What was not judged, on standard error: nothing is swallowed."""
    for name, (en, zh) in _LEFT_OUT.items():
        if number := counts.get(name):
            noun = "event" if number == 1 else "events"
            err.print(say(f"! {number} {noun} {en}", f"! {number} {zh}"), markup=False)


_LEFT_OUT = {
    "late": (
        "later than --lateness allows, left out of correlations",
        "个事件迟到超过 --lateness，未计入关联",
    ),
    "missing_group": (
        "without a field of 'group-by', left out of a correlation",
        "个事件缺少 group-by 的字段，关联时未计入",
    ),
    "repeated": ("with an id that was there already, counted once", "个事件重复出现，只计一次"),
    "conflict": (
        "with the id of another one but other content, left out",
        "个事件与另一事件编号相同而内容不同，未计入",
    ),
    "after": ("later than --until, left out", "个事件晚于 --until，未计入"),
}


def _duration(written: str) -> int | None:
    if not written:
        return None
    match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", written, re.A)
    if match is None:
        raise MingjianError(
            f"--lateness: '{written}' is no duration",
            f"--lateness：“{written}”不是时长",
            fix_en="write 500ms, 30s, 10m, 2h or 1d",
            fix_zh="请写成 500ms、30s、10m、2h、1d 这样",
            exit_code=EXIT_USAGE,
        )
    return int(match[1]) * {"ms": 1, **UNITS}[match[2]]


def _until(written: str) -> int | None:
    if not written:
        return None
    found = as_millis(written)
    if found is None:
        raise MingjianError(
            f"--until: '{written}' is no time",
            f"--until：“{written}”不是时间",
            fix_en="ISO 8601, or seconds or milliseconds since 1970",
            fix_zh="请写 ISO 8601，或 1970 年以来的秒或毫秒",
            exit_code=EXIT_USAGE,
        )
    return found


def _collection(place: Path, placeholders: dict[str, list[str]]) -> Collection:
    if not place.exists():
        raise _missing(place)
    files = [place] if place.is_file() else sorted(filter(is_yaml, place.rglob("*")))
    try:
        texts = [(str(file), file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    except UnicodeDecodeError as error:
        raise MingjianError(
            f"a rule file is not UTF-8: {error.reason}",
            f"规则文件不是 UTF-8：{error.reason}",
            exit_code=EXIT_FINDINGS,
        ) from None
    found = load_collection(texts, placeholders)
    if not found.rules and not found.correlations and not found.problems:
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
