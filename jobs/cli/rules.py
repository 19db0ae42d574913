"""`mingjian rules`: list, check, show and test rule files."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, out, say
from jobs.cli.rules_check import check
from jobs.cli.rules_eval import evaluate
from jobs.cli.rules_packs import packs
from jobs.rule_paths import load_rules
from rules.calendar import load_calendar
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from rules.matcher import compile_timeline
from rules.model import CorrelationRule, DetectionRule
from rules.rulecases import Failure, case_places, run_case
from rules.ruleset import RuleSet, RuleTimeline

rules = typer.Typer(
    help="查看、检查、测试规则 · list, check, show and test rules", no_args_is_help=True
)
PathArgument = Annotated[
    str,
    typer.Argument(
        help="规则目录或文件，缺省为随产品的规则 · rule directory or file, default: the catalogue"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules.command("check", epilog="例 · example:  mingjian rules check my-rules/")(check)
    rules.command(
        "eval", epilog="例 · example:  mingjian rules eval --rules r.yml --events e.jsonl"
    )(evaluate)
    rules.command("packs", epilog="例 · example:  mingjian rules packs")(packs)
    app.add_typer(rules, name="rules")


@rules.command("list", epilog="例 · example:  mingjian rules list --output json")
def list_rules(path: PathArgument = "", output: OutputOption = Output.text) -> None:
    """列出规则 · list the rules."""
    ruleset = load_rules(path)
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
    table = Table(title=say(f"{len(rows)} rules", f"共 {len(rows)} 条规则"), box=SIMPLE_HEAD)
    table.add_column(say("item", "条目"), no_wrap=True)
    table.add_column(say("title and name", "标题与规则名"))
    for en, zh in (("level", "级别"), ("resp.", "响应"), ("v", "版本")):
        table.add_column(say(en, zh), no_wrap=True)
    for ref in rows:
        name = f"{escape(ref.title)}\n[dim]{ref.name}[/]"
        table.add_row(escape(ref.item), name, ref.level, str(ref.response), str(ref.version))
    out.print(table)
    out.print(say("ruleset digest ", "规则集摘要 ") + ruleset.digest, style="dim", soft_wrap=True)


@rules.command("show", epilog="例 · example:  mingjian rules show a07_01_guarantee")
def show(
    name: Annotated[str, typer.Argument(help="规则名 · rule name")], path: PathArgument = ""
) -> None:
    """打印一条规则的原文 · print the text of one rule."""
    ruleset = load_rules(path)
    text = ruleset.text_of(name)
    if not text:
        known = [*ruleset.detections, *ruleset.correlations]
        near = ", ".join(get_close_matches(name, known, n=3))
        place = path or say("the shipped catalogue", "随产品的规则")
        raise MingjianError(
            f"no rule '{name}' in {place}",
            f"没有规则“{name}”（查找范围：{place}）",
            fix_en=(f"did you mean {near}? " if near else "")
            + "for your own rules add their directory: mingjian rules show NAME PATH",
            fix_zh=(f"是不是 {near}？" if near else "")
            + "看自己的规则请加上目录：mingjian rules show 规则名 目录",
            exit_code=EXIT_USAGE,
        )
    out.print(text, markup=False, soft_wrap=True, end="")


@rules.command("test", epilog="例 · example:  mingjian rules test")
def run_tests(path: PathArgument = "", output: OutputOption = Output.text) -> None:
    """运行写在规则文件里的测试 · run the tests written in the rule files."""
    ruleset = load_rules(path)
    wanted = Path(path).name if path and Path(path).is_file() else ""
    timeline, calendar = RuleTimeline([(0, ruleset)]), load_calendar()
    compiled = compile_timeline(timeline)
    files = [file for file in ruleset.files if not wanted or file.path == wanted]
    results = [
        Result(
            file=f"{file.path}:{line}",
            case=str(case.get("name", "")),
            failure=run_case(timeline, compiled, calendar, file, case),
        )
        for file in files
        for line, case in zip(case_places(file), file.tests, strict=True)
    ]
    failed = [one for one in results if one.failure]
    untested = [file.path for file in files if not file.tests]
    if output is Output.json:
        emit([one.as_json() for one in results])
    else:
        for one in failed:
            out.print(f"[red]✗[/] {escape(one.sentence())}", soft_wrap=True)
        for name in untested:
            said = say(f"{name} has no test cases", f"{name} 没有测试用例")
            out.print(f"[yellow]![/] {escape(said)}", soft_wrap=True)
        done = len(results) - len(failed)
        out.print(
            say(f"{done} passed, {len(failed)} failed", f"{done} 通过，{len(failed)} 失败")
            if results
            else say("nothing was tested: no test cases", "什么也没有测试：没有测试用例")
        )
    if failed or not results:
        raise typer.Exit(EXIT_FINDINGS)


class Result(NamedTuple):
    """One case that was run; `file` with the line."""

    file: str
    case: str
    failure: Failure | None

    def sentence(self) -> str:
        """What failed, in the reader's language."""
        why = say(self.failure.en, self.failure.zh) if self.failure else ""
        return f"{self.file}: {self.case}: {why}"

    def as_json(self) -> dict[str, Any]:
        """For machines; `problem` is "" for a case that passed."""
        file, _, line = self.file.rpartition(":")
        problem = self.failure.en if self.failure else ""
        return {"file": file, "line": int(line), "case": self.case, "problem": problem}


def _alerting(ruleset: RuleSet) -> list[DetectionRule | CorrelationRule]:
    found = [rule for rule in ruleset.detections.values() if not rule.signal]
    return sorted([*found, *ruleset.correlations.values()], key=lambda rule: rule.ref.name)
