"""`mingjian rules`: list, check, show and test rule files."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, out, say
from jobs.cli.rules_check import check
from jobs.cli.rules_eval import evaluate
from jobs.cli.rules_explain import explain
from jobs.cli.rules_fmt import fmt
from jobs.cli.rules_packs import packs
from jobs.cli.rules_paths import PathArgument, no_rule
from jobs.cli.rules_test import run_tests
from jobs.rule_paths import load_rules
from rules.model import CorrelationRule, DetectionRule
from rules.ruleset import RuleSet

rules = typer.Typer(
    help="查看、检查、测试规则 · list, check, show and test rules", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules.command("check", epilog="例 · example:  mingjian rules check my-rules/")(check)
    rules.command(
        "eval", epilog="例 · example:  mingjian rules eval --rules r.yml --events e.jsonl"
    )(evaluate)
    rules.command("packs", epilog="例 · example:  mingjian rules packs")(packs)
    rules.command("test", epilog="例 · example:  mingjian rules test -k a07 --strict")(run_tests)
    rules.command(
        "explain", epilog="例 · example:  mingjian rules explain a07_01_guarantee 这款保 本"
    )(explain)
    rules.command("fmt", epilog="例 · example:  mingjian rules fmt --check my-rules/")(fmt)
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
        raise no_rule(ruleset, name, path, "show NAME PATH", "show 规则名 目录")
    out.print(text, markup=False, soft_wrap=True, end="")


def _alerting(ruleset: RuleSet) -> list[DetectionRule | CorrelationRule]:
    found = [rule for rule in ruleset.detections.values() if not rule.signal]
    return sorted([*found, *ruleset.correlations.values()], key=lambda rule: rule.ref.name)
