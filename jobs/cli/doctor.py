"""`mingjian doctor`: one page that says whether the system can be trusted right now."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from jobs.cli.alert_list import when
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
from jobs.doctor.findings import CHECKS, FAIL, NONE, OK, UNKNOWN, WARN, Finding
from rules.errors import EXIT_FINDINGS

MARKS = {
    OK: ("✓", "green"),
    NONE: ("–", "dim"),
    WARN: ("!", "yellow"),
    UNKNOWN: ("?", "magenta"),
    FAIL: ("✗", "bold red"),
}
_NAME = 13  # cells
_WIDEST, _PIPED = 100, 80


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        help="一页说明：系统现在是否可信，为什么不可信，该怎么办。不改动任何内容；"
        "不可信时退出码为 1。\n\n"
        "One page: can the system be trusted right now, why not, and what to do. Changes nothing."
        " The exit code is 1 when it cannot.\n\n"
        "例 · examples:\n\n"
        "  mingjian doctor\n\n"
        "  mingjian doctor --profile cluster --output json",
    )(run)


def run(
    *,
    judge: Annotated[
        bool,
        typer.Option(
            "--judge",
            help="另把最近一小时重新判定并核对，可能需要几分钟"
            " · also judge the last hour anew and compare; may take minutes",
        ),
    ] = False,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Examine and print the page. The help is given above."""
    settings = settings_from(profile, config, overrides)
    from jobs.doctor.examine import examine  # noqa: PLC0415  the clients take a while to load

    with err.status(say("looking", "检查中")):
        page = examine(settings, judge=judge)
    if output is Output.json:
        emit(msgspec.to_builtins(page))
    else:
        head = say(page.verdict.en, page.verdict.zh)
        mark, style = MARKS[OK if page.verdict.trusted else FAIL]
        out.print(Text(f"{mark} {head}", "bold green" if page.verdict.trusted else style))
        about = f"{settings.tenant}, {settings.profile}, {when(page.at)}, {page.seconds:.1f} s"
        out.print(Text(f"  {about}", "dim"))
        if not page.verdict.trusted:
            for finding in page.verdict.why:
                out.print(_why(finding), soft_wrap=True)
        out.print()
        print_findings(out, page.findings)
    if not page.verdict.trusted:
        raise typer.Exit(EXIT_FINDINGS)


def _why(finding: Finding) -> Text:
    name = say(CHECKS[finding.check].en, CHECKS[finding.check].zh)
    text = Text(f"  {name}: ", MARKS[finding.state][1])
    return text.append(_clipped(say(finding.en, finding.zh), out.width - cell_len(text.plain)))


def _clipped(words: str, cells: int) -> Text:
    text = Text(words, "default")
    if out.is_terminal:
        text.truncate(max(20, cells), overflow="ellipsis")
    return text


def print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    """A line or more for each check, its name once; what to do below, where there is something."""
    width = min(console.width, _WIDEST) if console.is_terminal else _PIPED
    before = ""
    for finding in findings:
        check = CHECKS[finding.check]
        name = "" if finding.check == before else say(check.en, check.zh)
        before = finding.check
        mark, style = MARKS[finding.state]
        head = Text("  ").append(mark, style).append(f" {name}", "bold" if name else "")
        head.append(" " * max(1, _NAME - cell_len(name)))
        quiet = "dim" if finding.state == NONE else ""
        body = Text(say(finding.en, finding.zh), quiet)
        _print_hanging(console, head, body, width)
        if fix := say(finding.fix_en, finding.fix_zh):
            pad = Text(" " * (head.cell_len - 2) + "→ ", "dim")
            _print_hanging(console, pad, Text(fix, "cyan"), width)


def _print_hanging(console: Console, head: Text, body: Text, width: int) -> None:
    """`body` behind `head`, what does not fit below it."""
    lines = body.wrap(console, max(24, width - head.cell_len))
    for number, line in enumerate(lines):
        line.rstrip()
        start = head if not number else Text(" " * head.cell_len)
        console.print(start + line, soft_wrap=True)
