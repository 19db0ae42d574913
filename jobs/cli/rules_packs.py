"""`mingjian rules packs`: the parts of the catalogue that can be switched on by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, language, out, say
from jobs.rule_paths import load_rules
from rules.packs import load_packs
from rules.ruleset import CATALOG, beside


def packs(
    path: Annotated[
        str,
        typer.Argument(help="规则目录，缺省为随产品的规则 · rule directory, default: catalogue"),
    ] = "",
    output: OutputOption = Output.text,
) -> None:
    """列出规则包 · list the packs that `rules.packs` can switch on."""
    found = load_packs(beside(Path(path) if path else CATALOG).packs)
    mains = [file.main for file in load_rules(path).files if file.main]
    held = {
        name: [m.ref.name for m in mains if pack.has(m.ref.name)] for name, pack in found.items()
    }
    if output is Output.json:
        emit(
            [
                {"name": one.name, "title": one.title, "law": one.law, "rules": held[one.name]}
                for one in found.values()
            ]
        )
        return
    table = Table(box=SIMPLE_HEAD)
    for en, zh in (("name", "名称"), ("title", "标题"), ("rules", "规则数"), ("law", "法规")):
        table.add_column(say(en, zh), no_wrap=en == "name", overflow="fold")
    for one in found.values():
        title = one.title[language()]
        table.add_row(one.name, escape(title), str(len(held[one.name])), escape("；".join(one.law)))
    out.print(table)
    out.print(
        say(
            "switch on: mingjian detect --set rules.packs=[pipl,securities]",
            "启用：mingjian detect --set rules.packs=[pipl,securities]",
        ),
        style="dim",
        markup=False,
    )
