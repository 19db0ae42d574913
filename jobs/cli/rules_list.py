"""`mingjian rules list`: the rules, and which of them wait for a feed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, out, say
from jobs.cli.rules_paths import PathArgument, say_left_out
from jobs.cli.words import plural
from jobs.usable_rules import load_usable
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
    usable = load_usable(path, judged=False)
    say_left_out(usable, path)
    ruleset = usable.ruleset
    files = sorted((file for file in ruleset.files if file.main), key=_name)
    rows = [_row(file, missing_feeds(file.requires, connected)) for file in files]
    idle = sum(1 for row in rows if row["waiting_for"])
    title = say(
        f"{idle} of {plural(len(rows), 'rule')} {'waits' if idle == 1 else 'wait'} for a feed",
        f"{len(rows)} 条规则中有 {idle} 条等待数据来源",
    )
    rows = [row for row in rows if row["waiting_for"] or not waiting]
    if output is Output.json:
        emit({"digest": ruleset.digest, "rules": rows, "left_out": usable.left_out})
        return
    if not rows:
        out.print(title)
        return
    table = Table(title=title, box=SIMPLE_HEAD)
    table.add_column(say("item", "条目"), no_wrap=True)
    table.add_column(say("title and name", "标题与规则名"), overflow="fold")
    for en, zh in (("level", "级别"), ("resp.", "响应"), ("v", "版本")):
        table.add_column(say(en, zh), no_wrap=True)
    for row in rows:
        name = f"{escape(row['title'])}\n[dim]{row['name']}[/]"
        if row["waiting_for"]:
            feeds = ", ".join(row["waiting_for"])
            name += f"\n[yellow]{say(f'waits for: {feeds}', f'等待：{feeds}')}[/]"
        version = str(row["version"])
        table.add_row(escape(row["item"]), name, row["level"], str(row["response"]), version)
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
