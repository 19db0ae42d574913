"""`mingjian canary`: plant messages that must become alerts, and look for them in every target."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.text import Text

from jobs.canaries.book import CanaryBook
from jobs.canaries.planting import SOURCE, Canaries, Outcome, allowance
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    say,
    settings_from,
)
from jobs.cli.ingest import stopping, tell
from jobs.cli.words import plural
from jobs.collecting import collector, ends
from jobs.rules_now import rules_now
from rules.calendar import load_calendar
from rules.canary_plans import REASONS, NotPossible, Planner
from rules.compiled import compile_timeline
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.ruleset import RuleTimeline
from udfs.kept import KeptPatterns

_NAMED = 8


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "canary",
        help="植入探测消息：每条规则用自己的用例演一遍，人物均为虚构，从采集一路核对到每个投递目标。"
        "其告警不会通知任何人，也不计入统计。有未出现的告警时退出码为 1。\n\n"
        "Plant messages that must become alerts: a test case of each rule, acted by people who"
        " cannot be real, followed from the collector to every target. Nobody is told of their"
        " alerts, and none is counted. The exit code is 1 when an alert did not come.\n\n"
        "例 · examples:\n\n"
        "  mingjian canary --once --profile cluster\n\n"
        "  mingjian canary --every 300 --profile cluster\n\n"
        "  mingjian canary --which",
    )(run)


def run(
    *,
    once: Annotated[bool, typer.Option("--once", help="一轮 · one round")] = False,
    every: Annotated[
        float,
        typer.Option(
            "--every",
            min=0,
            help="每隔多少秒开始一轮，直到中止 · begin a round every so many seconds",
        ),
    ] = 0.0,
    which: Annotated[
        bool,
        typer.Option(
            "--which",
            help="只列出哪些规则没有探测、为什么 · only say which rules have no canary, and why",
        ),
    ] = False,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            min=1,
            help="作业得知告警到期后，送达目标最多等多少秒 · how many seconds an alert may take"
            " once the job can know that it is due",
        ),
    ] = 60.0,
    delay: Annotated[
        float | None,
        typer.Option(
            "--delay",
            min=0,
            help="心跳比时钟晚多少秒，应与 mingjian heartbeat --delay 一致；在 --patience 之上连同"
            " flink.allowed_lateness_ms 一起等；默认为 60 与 ingest.archive.delay_seconds 中较大"
            "者，文件数据源为 0 · how many seconds heartbeats stay behind the clock, as mingjian"
            " heartbeat --delay; waited for on top of --patience, with flink.allowed_lateness_ms;"
            " by default 60 or ingest.archive.delay_seconds, whichever is more, and 0 for a source"
            " of files",
        ),
    ] = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Plant and look. The help is given above."""
    settings = settings_from(profile, config, overrides)
    if which:
        _which(settings, output)
        return
    if once == bool(every):
        raise MingjianError(
            "say how often: --once or --every SECONDS",
            "请说明次数：--once 或 --every 秒数",
            exit_code=EXIT_USAGE,
        )
    stop = stopping()
    book = CanaryBook(settings)
    outcome: Outcome | None = None
    try:
        with (
            ends(settings, stop, patience=None if every else 30.0, tell=tell) as where,
            collector(settings, SOURCE, where) as intake,
        ):
            canaries = Canaries(settings, intake, book, allowance(settings, patience, delay))
            while not stop.is_set():
                began = time.monotonic()
                with _drawn() as progress:
                    outcome = canaries.round(stop, progress)
                if outcome is not None:
                    _show(outcome, output)
                if once:
                    break
                stop.wait(max(0.0, every - (time.monotonic() - began)))
    finally:
        book.close()
    if once and (outcome is None or any(took is None for took in outcome.seconds.values())):
        raise typer.Exit(EXIT_FINDINGS)


def _which(settings: Any, output: Output) -> None:
    now = time.time_ns() // 1_000_000
    ruleset = rules_now(settings, now)
    compiled = compile_timeline(RuleTimeline([(0, ruleset)]), KeptPatterns())
    planner = Planner(ruleset, compiled, load_calendar(), settings.tenant)
    made = list(planner.all("which", now))
    without = [one for one in made if isinstance(one, NotPossible)]
    waiting = sum(1 for file in ruleset.files if file.main) - len(made)
    if output is Output.json:
        told = {one.rule: one.reason for one in without}
        emit({"with": len(made) - len(without), "without": told, "waiting": waiting})
        return
    out.print(
        say(
            f"{plural(len(made) - len(without), 'rule')} can be probed now, {len(without)} cannot",
            f"现在可探测的规则 {len(made) - len(without)} 条，不可探测 {len(without)} 条",
        )
    )
    _print_without(without, waiting, all_names=True)


def _show(outcome: Outcome, output: Output) -> None:
    by_target: dict[str, dict[str, float | None]] = defaultdict(dict)
    for (rule, target), took in outcome.seconds.items():
        by_target[target][rule] = took
    if output is Output.json:
        emit(
            {
                "round": outcome.name,
                "began": outcome.began,
                "planted": outcome.planted,
                "targets": by_target,
                "away": outcome.away,
                "missed_again": [one._asdict() for one in outcome.missed],
                "without": {one.rule: one.reason for one in outcome.without},
                "waiting": outcome.waiting,
            }
        )
        return
    rules = len({rule for rule, _ in outcome.seconds})
    out.print(
        say(
            f"round {outcome.name}: {plural(outcome.planted, 'message')} planted for"
            f" {plural(rules, 'rule')}",
            f"第 {outcome.name} 轮：为 {rules} 条规则植入 {outcome.planted} 条消息",
        )
    )
    for target, found in by_target.items():
        out.print(_of_target(target, found, outcome.away.get(target, "")), soft_wrap=True)
    _print_without(outcome.without, outcome.waiting)


def _of_target(target: str, found: dict[str, float | None], away: str) -> Text:
    took = sorted(one for one in found.values() if one is not None)
    lost = [rule for rule, one in found.items() if one is None]
    line = Text("  ").append("✗" if lost else "✓", "bold red" if lost else "green")
    line.append(f" {target}  ")
    line.append(say(f"{len(took)} of {len(found)} came", f"出现 {len(took)}/{len(found)}"))
    if took:
        middle, most = took[len(took) // 2], took[-1]
        line.append(
            say(
                f", in {middle:.1f} s, at most {most:.1f} s",
                f"，中位 {middle:.1f} 秒，最长 {most:.1f} 秒",
            ),
            "dim",
        )
    if lost:
        line.append(say(f"; missed: {_names(lost)}", f"；未出现：{_names(lost)}"), "red")
    if away:
        line.append(say(f" (no answer: {away})", f"（无应答：{away}）"), "red")
    return line


def _print_without(
    without: Sequence[NotPossible], waiting: int, *, all_names: bool = False
) -> None:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in without:
        by_reason[one.reason].append(one.rule)
    for reason, rules in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
        names = _names(rules, len(rules) if all_names else 2)
        words = say(*REASONS[reason])
        out.print(
            say(f"  – no canary, {words}: {names}", f"  – 无探测，{words}：{names}"),
            style="dim",
            soft_wrap=True,
        )
    if waiting:
        out.print(
            say(
                f"  – no canary, not switched on or waiting for a feed: {plural(waiting, 'rule')}",
                f"  – 无探测，未启用或等待数据源：{waiting} 条",
            ),
            style="dim",
        )


def _names(rules: Sequence[str], most: int = _NAMED) -> str:
    more = len(rules) - most
    shown = ", ".join(rules[:most])
    return shown + (say(f" and {more} more", f" 等 {len(rules)} 条") if more > 0 else "")


@contextmanager
def _drawn() -> Iterator[Any]:
    """How far the round is, on a terminal."""
    if not err.is_terminal:
        yield lambda *_: None
        return
    with err.status(say("planning", "准备中")) as status:

        def draw(sent: int, total: int, seen: int, wanted: int) -> None:
            status.update(
                say(
                    f"{sent}/{total} planted, {seen}/{wanted} seen",
                    f"已植入 {sent}/{total}，已出现 {seen}/{wanted}",
                )
            )

        yield draw
