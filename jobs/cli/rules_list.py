"""`mingjian rules list`: the rules, and which of them wait for a feed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, out, say
from jobs.cli.rules_paths import PathArgument
from jobs.rule_paths import load_rules
from rules.feeds import missing_feeds
from rules.model import RuleFile


def list_rules(
    path: PathArgument = "",
    connected: Annotated[
        list[str],
        typer.Option(
            "--connected",
            metavar="FEED",
            help="视为已接入的数据来源，可重复 · feed that you have connected, may be repeated",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    waiting: Annotated[
        bool, typer.Option("--waiting", help="只列等待数据来源的规则 · only rules that wait")
    ] = False,
    output: OutputOption = Output.text,
) -> None:
    """列出规则；等待数据来源的会注明 · list the rules; those that wait for a feed say so."""
    ruleset = load_rules(path)
    files = sorted((file for file in ruleset.files if file.main), key=_name)
    rows = [_row(file, missing_feeds(file.requires, connected)) for file in files]
    rows = [row for row in rows if row["waiting_for"] or not waiting]
    if output is Output.json:
        emit({"digest": ruleset.digest, "rules": rows})
        return
    idle = sum(1 for row in rows if row["waiting_for"])
    table = Table(
        title=say(
            f"{len(rows)} rules, {idle} of them waiting for a feed",
            f"共 {len(rows)} 条规则，其中 {idle} 条等待数据来源",
        ),
        box=SIMPLE_HEAD,
    )
    table.add_column(say("item", "条目"), no_wrap=True)
    table.add_column(say("title and name", "标题与规则名"), overflow="fold")
    for en, zh in (("level", "级别"), ("resp.", "响应"), ("v", "版本"), ("waits for", "等待")):
        table.add_column(say(en, zh), overflow="fold")
    for row in rows:
        name = f"{escape(row['title'])}\n[dim]{row['name']}[/]"
        waits = f"[yellow]{', '.join(row['waiting_for'])}[/]" if row["waiting_for"] else ""
        version = str(row["version"])
        table.add_row(escape(row["item"]), name, row["level"], str(row["response"]), version, waits)
    out.print(table)
    out.print(say("ruleset digest ", "规则集摘要 ") + ruleset.digest, style="dim", soft_wrap=True)


def _name(file: RuleFile) -> str:
    return file.main.ref.name if file.main else ""


def _row(file: RuleFile, waiting: list[str]) -> dict[str, Any]:
    assert file.main is not None  # noqa: S101 - files of filters were left out
    ref = file.main.ref
    return {
        "name": ref.name,
        "item": ref.item,
        "title": ref.title,
        "level": ref.level,
        "response": ref.response,
        "version": ref.version,
        "digest": ref.digest,
        "requires": list(file.requires),
        "waiting_for": waiting,
    }
