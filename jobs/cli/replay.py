"""`mingjian replay`: let the job judge a span again, and bring what is missing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    say,
    settings_from,
)
from jobs.cli.comparison_text import as_json, show
from jobs.cli.detect import interrupts
from jobs.cli.past_span import (
    FromOption,
    LookbackOption,
    MarginOption,
    RulesetOption,
    ToOption,
    span_of,
)
from jobs.cli.reading_line import ReadingLine
from jobs.cli.reconcile import compare
from jobs.cli.words import plural
from jobs.reconcile import judging_by
from jobs.replay import Replayed, replay
from rules.comparison import REASONS
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError

_AS_FAST, _WHOLE = 1.05, 9.95  # below the one nothing is faster, from the other on no tenths


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "replay",
        help="让作业把过去一段时间重新判定一遍，并补上缺失的告警和证据。编号与当时相同，已有的不会再出现。"
        "不能确定的、换了规则才有的，不会补。\n\n"
        "Let the job judge a span of the past again, and bring what is missing. Ids are those of"
        " then, so what is there is not told twice. What cannot be decided, and what only other"
        " rules find, is not brought.\n\n"
        "例 · examples:\n\n"
        "  mingjian replay --from 2026-11-20 --to 2026-11-20 --dry-run\n\n"
        "  mingjian replay --from 2026-11-20T09:00 --to 2026-11-20T18:00 --profile cluster\n\n"
        "  mingjian replay --from 2026-11-20 --to 2026-11-20 --ruleset 3f9a --dry-run",
    )(run)


def run(
    *,
    begin: FromOption,
    end: ToOption,
    ruleset: RulesetOption = "",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="只比较，不补（同 mingjian reconcile，较快）"
            " · only compare (as mingjian reconcile; faster)",
        ),
    ] = False,
    deliver: Annotated[
        bool,
        typer.Option(
            "--deliver",
            help="连换了规则才有的也补 · also bring what only other rules than then find",
        ),
    ] = False,
    lookback: LookbackOption = "49h",
    margin: MarginOption = "24h",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006  Typer wants a list and never changes it
    output: OutputOption = Output.text,
) -> None:
    """Judge a span again."""
    settings = settings_from(profile, config, overrides)
    span = span_of(settings, begin, end, lookback, margin)
    if ruleset:
        settings = judging_by(settings, ruleset)
        if not dry_run and not deliver:
            raise MingjianError(
                "--ruleset asks what other rules would have found: nothing is brought of that",
                "--ruleset 问的是换用其他规则会怎样：结果不会补入",
                fix_en="add --dry-run to compare, or --deliver to bring it all the same",
                fix_zh="请加 --dry-run 只作比较，或加 --deliver 仍要补入",
                exit_code=EXIT_USAGE,
            )
    if dry_run:
        compare(settings, span, output)
        return
    quiet = output is Output.json
    with interrupts() as interrupted, ReadingLine(quiet=quiet) as line:
        done = replay(
            settings,
            span,
            bring_other_rules=deliver,
            on_reading=line.show,
            on_progress=line.show_job,
            interrupted=interrupted,
        )
    if quiet:
        emit(_as_json(done))
    else:
        show(done.reconciled)
        _show(done)
    if done.disputed:
        raise typer.Exit(EXIT_FINDINGS)


def _as_json(done: Replayed) -> dict[str, Any]:
    return as_json(done.reconciled) | {
        "sent": dict(done.sent),
        "brought": sorted(done.alerts),
        "kept_back": dict(done.kept_back),
        "disputed": list(done.disputed),
        "job_records": done.records,
        "job_seconds": round(done.seconds, 3),
        "times_real": round(done.times_real, 1),
    }


def speed(times: float) -> tuple[str, str]:
    """How fast a span was judged beside how fast it happened, to be put behind a sentence; nothing
    where that is no number worth reading."""
    if times < _AS_FAST:  # of a short span the start of the job is most of the time
        return "", ""
    number = f"{times:,.0f}" if times >= _WHOLE else f"{times:.1f}"
    return f"; all in all {number} times as fast as it happened", f"；总体为实际速度的 {number} 倍"


def _show(done: Replayed) -> None:
    pace = speed(done.times_real)
    _line(
        f"the job judged {plural(done.records, 'record')} in {done.seconds:.1f} s" + pace[0],
        f"作业判定 {done.records:,} 条记录，用时 {done.seconds:.1f} 秒" + pace[1],
    )
    if done.disputed:
        ids = ", ".join(one[:12] for one in done.disputed[:5])
        out.print(
            say(
                f"✗ the job and the plain reading of it differ in"
                f" {plural(len(done.disputed), 'alert')} ({ids}): not brought; please report it",
                f"✗ 作业与其直读结果有 {len(done.disputed)} 条告警不一致（{ids}）："
                "未补；请报告给我们",
            ),
            style="bold red",
            soft_wrap=True,
        )
    for why, number in done.kept_back.most_common():
        en, zh = REASONS[why]
        _line(f"  {number:,} kept back: {en}", f"  未补 {number:,} 条：{zh}")
    _line(
        f"brought {plural(len(done.alerts), 'alert')}; sent again"
        f" {done.sent['evidence']:,} evidence and {done.sent['quarantine']:,} quarantined records,"
        " of which targets keep what they lack",
        f"补上告警 {len(done.alerts):,} 条；重发证据 {done.sent['evidence']:,} 条、隔离记录"
        f" {done.sent['quarantine']:,} 条，目标只保留其缺少的",
    )
    if done.sent.total():
        out.print(
            say("to bring them to the index: ", "把结果送入索引：") + "mingjian deliver --once",
            style="dim",
            soft_wrap=True,
        )


def _line(en: str, zh: str) -> None:
    out.print(say(en, zh), soft_wrap=True)
