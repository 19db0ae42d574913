"""`mingjian rules eval`: plain Sigma rules of any log source against a file of JSON events."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml

from jobs.cli.app import Output, OutputOption, emit, err, out, printable, report, say
from jobs.cli.eval_events import (
    TIMES_EN,
    TIMES_ZH,
    fields_of,
    identity_of,
    lines,
    named,
    seq_of,
    shown_id,
    time_of,
)
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.sigma.collection import load_collection
from rules.sigma.contents import Collection
from rules.sigma.evaluate import Evaluation, Hit
from rules.sigma.event import Event
from rules.sigma.questions import as_millis
from rules.spans import UNITS
from rules.yaml_files import is_yaml

_ALLOCATIONS = 100_000


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
        typer.Option(
            "--events",
            metavar="FILE",
            help="事件，一行一个 JSON，可以是 .gz；- 读标准输入"
            " · JSON, one a line, also .gz; - for stdin",
        ),
    ],
    time_field: Annotated[
        str, typer.Option("--time-field", help="事件时间的字段 · field with the event's time")
    ] = "",
    id_field: Annotated[
        str,
        typer.Option(
            "--id-field", help="事件编号的字段，缺省为行号 · field with the id, else the line"
        ),
    ] = "",
    seq_field: Annotated[
        str,
        typer.Option(
            "--seq-field",
            help="同一时刻事件的先后次序，整数字段 · field with a whole number that orders those"
            " of one time",
        ),
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
    found = _usable_rules(rules, _placeholders(placeholders), keep_going=keep_going)
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
        unique=not id_field,  # a line is one event
    )
    gc.set_threshold(_ALLOCATIONS)  # what waits for its time is much, and has no cycles
    broken = len(found.problems)
    sorted_events: list[tuple[int, int, str, Event]] = []
    seen = 0
    today = int(datetime.now(UTC).timestamp() * 1000)  # when events have no time, filters need one
    for number, line in lines(events):
        seen += 1
        try:
            fields = fields_of(events, number, line)
            time = time_of(events, number, fields, time_field)
            seq = seq_of(events, number, fields, seq_field)
        except MingjianError as error:
            report(error)
            if not keep_going:
                raise typer.Exit(EXIT_FINDINGS) from None
            broken += 1
            continue
        event = Event(fields, today if time is None else time)
        name = identity_of(event, id_field, number)
        if arrival is Arrival.time and time is not None:
            sorted_events.append((time, seq, name, event))
        else:
            _print(evaluation.feed(name, event, time, seq), output)
    for moment, seq, name, event in sorted(sorted_events, key=lambda one: one[:2]):
        _print(evaluation.feed(name, event, moment, seq), output)
    _print(evaluation.finish(), output)
    _tell(evaluation.counts)
    if not seen:
        place = named(events)
        err.print(say(f"! no event in {place}", f"! {place} 里没有事件"), markup=False)
    if broken:
        raise typer.Exit(EXIT_FINDINGS)


def _print(hits: Iterable[Hit], output: Output) -> None:
    for hit in hits:
        if output is Output.json:
            emit({**hit._asdict(), "event_ids": [shown_id(one) for one in hit.event_ids]})
        else:
            group = "".join(f"\t{name}={value}" for name, value in hit.group.items())
            value = "" if hit.value is None else f"\t{hit.value}"
            when = "-" if hit.time is None else _moment(hit.time)
            line = f"{when}\t{','.join(map(shown_id, hit.event_ids))}\t{hit.rule}{group}{value}"
            out.print(printable(line), markup=False, soft_wrap=True)


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
            fix_en=TIMES_EN,
            fix_zh=TIMES_ZH,
            exit_code=EXIT_USAGE,
        )
    return found


def _texts(place: Path) -> list[tuple[str, str]]:
    """(path, text) of the rule files."""
    if not place.exists():
        raise _missing(place)
    files = [place] if place.is_file() else sorted(filter(is_yaml, place.rglob("*")))
    texts = []
    for file in files:
        if not file.is_file():
            continue
        try:
            texts.append((str(file), file.read_text(encoding="utf-8-sig")))
        except UnicodeDecodeError as error:
            raise MingjianError(
                f"{file} is not UTF-8, at byte {error.start + 1}",
                f"{file} 不是 UTF-8，在第 {error.start + 1} 个字节",
                fix_en="save it as UTF-8",
                fix_zh="请另存为 UTF-8",
                exit_code=EXIT_FINDINGS,
            ) from None
    return texts


def _hint_at_test(place: Path, found: Collection, *, keep_going: bool) -> None:
    """Rules for conversations are judged elsewhere, with lexicons, lists and folded text."""
    en = "these are rules for conversations, which know lexicons, lists and folded text"
    zh = "这些是会话规则，用到词库、名单和归一后的文字"
    fix_en = f"mingjian rules test {place} runs their cases, mingjian detect judges messages"
    fix_zh = f"mingjian rules test {place} 跑其中的测试，mingjian detect 判定消息"
    if not found.problems or keep_going:
        err.print(say(f"! {en}: {fix_en}", f"! {zh}：{fix_zh}"), markup=False, soft_wrap=True)
        return
    first = found.problems[0].error
    raise MingjianError(
        f"{first.en}\n  {en}",
        f"{first.zh}\n  {zh}",
        fix_en=fix_en,
        fix_zh=fix_zh,
        exit_code=EXIT_FINDINGS,
    )


def _usable_rules(place: Path, values: dict[str, list[str]], *, keep_going: bool) -> Collection:
    """The rules at `place`; what is wrong in them is said, and ends the run unless it goes on."""
    found = load_collection(_texts(place), values)
    if not found.rules and not found.correlations and not found.problems:
        raise MingjianError(f"no rule in {place}", f"{place} 里没有规则", exit_code=EXIT_USAGE)
    if found.about_talk:
        _hint_at_test(place, found, keep_going=keep_going)
    for problem in found.problems:
        report(problem.error)
    if found.problems and not keep_going:
        raise typer.Exit(EXIT_FINDINGS)
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
