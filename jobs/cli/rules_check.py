"""`mingjian rules check`: what is wrong in rule files, where, why, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.markup import escape

from jobs.cli.app import emit, language, out, say
from jobs.rule_checks import Checked, Fixed, PlaceOfRules, check_rules, fix_rules
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError, RuleError
from rules.lint.checks_page import page
from rules.lint.excerpt import excerpt
from rules.lint.fixes import FIXABLE, fixed
from rules.lint.registry import SEVERITIES, at_least, registry, severity
from rules.lint.sarif import sarif


class Form(StrEnum):
    """How the findings are printed."""

    text = "text"
    json = "json"
    sarif = "sarif"


class Level(StrEnum):
    """How grave a finding is."""

    error = "error"
    warning = "warning"
    info = "info"


_MARKS = {"error": "[red]✗[/]", "warning": "[yellow]![/]", "info": "[blue]i[/]"}


def check(
    path: Annotated[
        str,
        typer.Argument(
            help="规则目录或文件，缺省为随产品的规则 · rule directory or file,"
            " default: the catalogue"
        ),
    ] = "",
    output: Annotated[
        Form,
        typer.Option(
            "--output",
            "-o",
            help="text 给人看，json 给程序，sarif 给代码平台 · text for people, json for machines,"
            " sarif for code hosts",
        ),
    ] = Form.text,
    level: Annotated[
        Level, typer.Option(help="显示到哪一级；info 连建议一起显示 · lowest severity shown")
    ] = Level.warning,
    fail_level: Annotated[
        Level,
        typer.Option(help="从哪一级起退出码为 1 · exit 1 from this severity on"),
    ] = Level.error,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="改正只有一种改法的问题 · put right what has one right form"),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只显示 --fix 会改什么 · only show what --fix changes")
    ] = False,
    baseline: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="已发布的规则；判断变了而版本没加会警告 · published rules,"
            " to compare versions with",
        ),
    ] = "",
    today: Annotated[
        str,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="按哪一天判断过期，缺省今天 · the day dates are compared with",
        ),
    ] = "",
    explain: Annotated[
        str,
        typer.Option(metavar="MJ…", help="说明一个编号，如 MJ204 · explain one code, e.g. MJ204"),
    ] = "",
) -> None:
    """检查规则文件：指出行列、原因和改法 · check rule files: place, reason, what to write."""
    if explain:
        out.print(_explained(explain), markup=False, soft_wrap=True, end="")
        return
    day = _day(today)
    place = PlaceOfRules(path)
    if fix or dry_run:
        _fix(fix_rules(place, baseline=baseline, today=day, write=not dry_run), dry_run)
        if dry_run:
            return
    found = check_rules(path, baseline=baseline, today=day)
    lowest = max(level, fail_level, key=SEVERITIES.index)
    shown = [one for one in found.problems if at_least(lowest, one)]
    if output is Form.json:
        emit([_as_json(one, place.text_of(one.path)) for one in shown])
    elif output is Form.sarif:
        emit(sarif(shown, version("mingjian"), language(), place.text_of))
    else:
        for one in sorted(shown, key=lambda one: SEVERITIES.index(severity(one))):
            print_problem(one, place.text_of)
        out.print(_verdict(found, with_notes=lowest == Level.info))
        fixable = {one.path for one in shown if one.code in FIXABLE}
        if fixable and not fix:
            _offer(fix_rules(place, baseline=baseline, today=day, write=False, only=fixable))
    if any(at_least(fail_level, one) for one in found.problems):
        raise typer.Exit(EXIT_FINDINGS)


def _day(written: str) -> date:
    if not written:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise MingjianError(
            f"--today: '{written}' is no date",
            f"--today：“{written}”不是日期",
            fix_en="write it as 2026-12-31",
            fix_zh="请写成 2026-12-31 的形式",
            exit_code=EXIT_USAGE,
        ) from None


def _explained(code: str) -> str:
    check = registry().get(code.upper())
    if check is None:
        near = difflib.get_close_matches(code.upper(), registry(), n=3)
        raise MingjianError(
            f"no check {code}",
            f"没有编号为 {code} 的检查",
            fix_en=f"did you mean {', '.join(near)}?" if near else "codes are like MJ204",
            fix_zh=f"是不是 {'、'.join(near)}？" if near else "编号的形式是 MJ204",
            exit_code=EXIT_USAGE,
        )
    return page(check, language())


def _offer(fixes: list[Fixed]) -> None:
    """Says what --fix would do, which may be less than the codes promise: it was tried."""
    many = sum(len(one.fixes) for one in fixes)
    if many:
        en = f"--fix puts {_count(many, 'place')} right (--dry-run shows how)"
        out.print(say(en, f"--fix 可改正 {many} 处（先看改什么：--dry-run）"), style="dim")


def _fix(done: list[Fixed], dry_run: bool) -> None:
    for one in done:
        before, after = one.before.splitlines(), one.after.splitlines()
        for line in difflib.unified_diff(before, after, one.path, one.path, lineterm="", n=1):
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "default")
            out.print(f"[{colour}]{escape(line)}[/]", soft_wrap=True)
    fixes = sum(len(one.fixes) for one in done)
    en = f"{_count(fixes, 'place')} in {_count(len(done), 'file')}"
    zh = f"{len(done)} 个文件的 {fixes} 处"
    if not fixes:
        out.print(say("nothing to put right by itself", "没有可以自动改正的地方"))
    elif dry_run:
        out.print(say(f"--fix would change {en}", f"--fix 会改动 {zh}"))
    else:
        out.print(say(f"changed {en}", f"已改动 {zh}"))


def print_problem(problem: RuleError, text_of: Callable[[str], str]) -> None:
    """What is wrong, the line it stands in, and what to write."""
    what, fix = problem.text(language())
    mark = _MARKS[severity(problem)]
    out.print(f"{mark} {escape(what)} [dim]\\[{problem.code}][/]", soft_wrap=True)
    number = str(problem.line)
    room = max(20, out.width - len(number) - 6)
    if lines := excerpt(text_of(problem.path), problem.line, problem.column, room):
        out.print(f"  [dim]{number} │[/] {escape(lines[0])}", soft_wrap=True)
        out.print(f"  [dim]{' ' * len(number)} │[/] [bold]{lines[1]}[/]", soft_wrap=True)
    if fix:
        out.print(f"  [dim]→[/] {escape(fix)}", soft_wrap=True)


def _verdict(found: Checked, *, with_notes: bool) -> str:
    files, errors, warnings = found.files, len(found.errors), len(found.warnings)
    en = f"{_count(files, 'file')}, {_count(errors, 'error') if errors else 'no error'}"
    zh = f"{files} 个文件，{f'{errors} 个错误' if errors else '没有错误'}"
    if warnings:
        en, zh = f"{en}, {_count(warnings, 'warning')}", f"{zh}，{warnings} 个警告"
    if with_notes and found.notes:
        en, zh = f"{en}, {_count(len(found.notes), 'note')}", f"{zh}，{len(found.notes)} 条建议"
    return say(en, zh)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _as_json(problem: RuleError, text: str) -> dict[str, Any]:
    check = registry().get(problem.code)
    return {
        "code": problem.code,
        "slug": check.slug if check else "",
        "severity": severity(problem),
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.en,
        "fix": problem.fix_en,
        "fixable": fixed(text, problem) is not None,
        "page": f"docs/checks/{problem.code}.md",
    }
