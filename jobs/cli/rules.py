"""`mingjian rules`: list, check, show and test rule files."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.cli.app import out
from jobs.cli.rules_check import check
from jobs.cli.rules_diff import diff
from jobs.cli.rules_docs import docs
from jobs.cli.rules_eval import evaluate
from jobs.cli.rules_explain import explain
from jobs.cli.rules_fmt import fmt
from jobs.cli.rules_list import list_rules
from jobs.cli.rules_new import new
from jobs.cli.rules_packs import packs
from jobs.cli.rules_paths import PathArgument, no_rule, say_left_out
from jobs.cli.rules_publish import list_published, publish_rules
from jobs.cli.rules_test import run_tests
from jobs.usable_rules import load_usable

rules = typer.Typer(
    help="查看、检查、测试规则 · list, check, show and test rules", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rules.command("list", epilog="例 · example:  mingjian rules list --waiting")(list_rules)
    rules.command("check", epilog="例 · example:  mingjian rules check my-rules/")(check)
    rules.command(
        "eval", epilog="例 · example:  mingjian rules eval --rules r.yml --events e.jsonl"
    )(evaluate)
    rules.command(
        "diff", epilog="例 · example:  mingjian rules diff my-rules --baseline published"
    )(diff)
    rules.command("packs", epilog="例 · example:  mingjian rules packs")(packs)
    rules.command("test", epilog="例 · example:  mingjian rules test -k a07 --strict")(run_tests)
    rules.command(
        "explain", epilog="例 · example:  mingjian rules explain a07_01_guarantee '这款保 本'"
    )(explain)
    rules.command("fmt", epilog="例 · example:  mingjian rules fmt --check my-rules/")(fmt)
    rules.command(
        "new", epilog="例 · example:  mingjian rules new own_insider --kind words --word 内幕"
    )(new)
    rules.command(
        "publish",
        epilog="例 · examples:  mingjian rules publish my-rules --dry-run  |  "
        "mingjian rules publish my-rules --effective +10m --note '新增内幕信息规则'",
    )(publish_rules)
    rules.command("published", epilog="例 · example:  mingjian rules published")(list_published)
    rules.command("docs", epilog="例 · example:  mingjian rules docs --html --out rules.html")(docs)
    app.add_typer(rules, name="rules")


@rules.command("show", epilog="例 · example:  mingjian rules show a07_01_guarantee")
def show(
    name: Annotated[str, typer.Argument(help="规则名 · rule name")], path: PathArgument = ""
) -> None:
    """打印一条规则的原文 · print the text of one rule."""
    usable = load_usable(path, judged=False)
    say_left_out(usable, path)
    ruleset = usable.ruleset
    text = ruleset.text_of(name)
    if not text:
        raise no_rule(ruleset, name, path, "show NAME PATH", "show 规则名 目录")
    out.print(text, markup=False, soft_wrap=True, end="")
