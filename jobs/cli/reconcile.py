"""`mingjian reconcile`: judge a span again and say what the index lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from config.settings import Settings
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    settings_from,
)
from jobs.cli.comparison_text import as_json, show
from jobs.cli.past_span import (
    FromOption,
    LookbackOption,
    MarginOption,
    RulesetOption,
    ToOption,
    last_span,
    span_of,
)
from jobs.cli.reading_line import ReadingLine
from jobs.reconcile import Span, judging_by, reconcile
from rules.errors import EXIT_FINDINGS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "reconcile",
        help="把一段时间的消息重新判定一遍，与索引核对：缺了哪些告警、多了哪些、为什么。不改动任何内容。"
        "有无故缺失时退出码为 1。\n\n"
        "Judge the messages of a span again and compare with the index: which alerts are missing,"
        " which are too much, and why. Changes nothing. The exit code is 1 when something is"
        " missing without a reason.\n\n"
        "例 · examples:\n\n"
        "  mingjian reconcile --last 1h\n\n"
        "  mingjian reconcile --from 2026-11-20T09:00 --to 2026-11-20T18:00 --output json",
    )(run)


def run(
    *,
    begin: FromOption = "",
    end: ToOption = "",
    last: Annotated[
        str,
        typer.Option(
            "--last", metavar="TIME", help="没有 --from 时：最近多久 · without --from: the last"
        ),
    ] = "1h",
    ruleset: RulesetOption = "",
    lookback: LookbackOption = "49h",
    margin: MarginOption = "24h",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006  Typer wants a list and never changes it
    output: OutputOption = Output.text,
) -> None:
    """Compare what should be in the index with what is."""
    settings = settings_from(profile, config, overrides)
    span = (
        span_of(settings, begin, end, lookback, margin)
        if begin or end
        else last_span(settings, last, lookback, margin)
    )
    if ruleset:
        settings = judging_by(settings, ruleset)
    compare(settings, span, output)


def compare(settings: Settings, span: Span, output: Output) -> None:
    """Judge a span again and show the comparison; ends with 1 when something is missing."""
    with ReadingLine(quiet=output is Output.json) as line:
        found = reconcile(settings, span, on_progress=line.show)
    if output is Output.json:
        emit(as_json(found))
    else:
        show(found)
    if not found.comparison.complete:
        raise typer.Exit(EXIT_FINDINGS)
