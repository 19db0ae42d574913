"""`mingjian rules`: list, check, show and test rule files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, language, out, say
from rules.calendar import load_calendar
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError, RuleError
from rules.lexicon import load_lexicons
from rules.loader import load_file
from rules.matcher import compile_timeline
from rules.model import CorrelationRule, DetectionRule
from rules.rulecases import run_case
from rules.ruleset import CATALOG, LEXICONS, RuleSet, RuleTimeline, load_ruleset, rule_files
from rules.sigma_parse import Named

rules = typer.Typer(
    help="查看、检查、测试规则 · list, check, show and test rules", no_args_is_help=True
)
PathArgument = Annotated[
    str,
    typer.Argument(help="规则目录，缺省为随产品的目录 · rule directory, default: the catalogue"),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(rules, name="rules")


@rules.command("list", epilog="例 · example:  mingjian rules list --output json")
def list_rules(path: PathArgument = "", output: OutputOption = Output.text) -> None:
    """列出规则 · list the rules."""
    ruleset = load_ruleset(path)
    rows = [rule.ref for rule in _alerting(ruleset)]
    if output is Output.json:
        emit(
            {
                "digest": ruleset.digest,
                "rules": [
                    {
                        "name": ref.name,
                        "item": ref.item,
                        "title": ref.title,
                        "level": ref.level,
                        "response": ref.response,
                        "version": ref.version,
                        "digest": ref.digest,
                    }
                    for ref in rows
                ],
            }
        )
        return
    table = Table(title=say(f"{len(rows)} rules", f"共 {len(rows)} 条规则"))
    names = (("item", "条目"), ("name", "规则名"), ("title", "标题"), ("level", "级别"))
    for en, zh in (*names, ("resp.", "响应"), ("v", "版本")):
        table.add_column(say(en, zh), no_wrap=en != "title")
    for ref in rows:
        table.add_row(ref.item, ref.name, ref.title, ref.level, str(ref.response), str(ref.version))
    out.print(table)
    out.print(say("ruleset digest ", "规则集摘要 ") + ruleset.digest, style="dim", soft_wrap=True)


@rules.command("show", epilog="例 · example:  mingjian rules show a07_01_guarantee")
def show(
    name: Annotated[str, typer.Argument(help="规则名 · rule name")], path: PathArgument = ""
) -> None:
    """打印一条规则的原文 · print the text of one rule."""
    text = load_ruleset(path).text_of(name)
    if not text:
        raise MingjianError(f"no rule '{name}'", f"没有规则“{name}”", exit_code=EXIT_USAGE)
    out.print(text, markup=False, soft_wrap=True, end="")


@rules.command("check", epilog="例 · example:  mingjian rules check my-rules/")
def check(path: PathArgument = "", output: OutputOption = Output.text) -> None:
    """检查所有规则文件，指出行列 · check every rule file; says line and column."""
    folder = Path(path) if path else CATALOG
    if not folder.is_dir():
        raise MingjianError(
            f"no rule directory {folder}", f"没有规则目录 {folder}", exit_code=EXIT_USAGE
        )
    own = folder / "lexicons"
    problems: list[RuleError] = []
    try:
        named = Named(load_lexicons(own if own.is_dir() else LEXICONS))
        files = rule_files(folder)
        for file in files:
            try:
                load_file(file, named, root=folder)
            except RuleError as error:
                problems.append(error)
        if not problems:
            load_ruleset(path)
    except RuleError as error:
        problems.append(error)
    if output is Output.json:
        emit([_as_json(problem) for problem in problems])
    else:
        for problem in problems:
            what, fix = problem.text(language())
            out.print(f"[red]✗[/] {what}", soft_wrap=True)
            if fix:
                out.print(f"  [dim]→[/] {fix}", soft_wrap=True)
        if not problems:
            out.print(say(f"{len(files)} files, no error", f"{len(files)} 个文件，没有错误"))
    if problems:
        raise typer.Exit(EXIT_FINDINGS)


@rules.command("test", epilog="例 · example:  mingjian rules test")
def run_tests(path: PathArgument = "", output: OutputOption = Output.text) -> None:
    """运行写在规则文件里的测试 · run the tests written in the rule files."""
    ruleset = load_ruleset(path)
    timeline, calendar = RuleTimeline([(0, ruleset)]), load_calendar()
    compiled = compile_timeline(timeline)
    results = [
        (file.path, str(case.get("name", "")), run_case(timeline, compiled, calendar, file, case))
        for file in ruleset.files
        for case in file.tests
    ]
    failed = [result for result in results if result[2]]
    if output is Output.json:
        emit([{"file": f, "case": c, "problem": p} for f, c, p in results])
    else:
        for file_name, case_name, problem in failed:
            out.print(f"[red]✗[/] {file_name}: {case_name}: {problem}", soft_wrap=True)
        done = len(results) - len(failed)
        out.print(say(f"{done} passed, {len(failed)} failed", f"{done} 通过，{len(failed)} 失败"))
    if failed:
        raise typer.Exit(EXIT_FINDINGS)


def _as_json(problem: RuleError) -> dict[str, Any]:
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.en,
        "fix": problem.fix_en,
    }


def _alerting(ruleset: RuleSet) -> list[DetectionRule | CorrelationRule]:
    found = [rule for rule in ruleset.detections.values() if not rule.signal]
    return sorted([*found, *ruleset.correlations.values()], key=lambda rule: rule.ref.name)
