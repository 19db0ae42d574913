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
from rules.packs import PACKS, load_packs
from rules.ruleset import CATALOG, beside


def packs(
    path: Annotated[
        str,
        typer.Argument(help="规则目录，缺省为随产品的规则 · rule directory, default: catalogue"),
    ] = "",
    output: OutputOption = Output.text,
) -> None:
    """列出规则包 · list the packs that `rules.packs` can switch on."""
    folder = beside(Path(path) if path else CATALOG).packs
    found = load_packs(folder)
    mains = [file.main for file in load_rules(path).files if file.main]
    held = {
        name: [m.ref.name for m in mains if pack.has(m.ref.name)] for name, pack in found.items()
    }
    # a pack of the catalogue is none of a company's own rules; one of its own is shown all the same
    shown = [one for one in found.values() if held[one.name] or folder != PACKS]
    if output is Output.json:
        emit(
            [
                {"name": one.name, "title": one.title, "law": one.law, "rules": held[one.name]}
                for one in shown
            ]
        )
        return
    if not shown:
        out.print(
            say(
                f"no pack has a rule of {path}: put packs of your own into {path}/packs"
                " (docs/rule-language.md)",
                f"没有规则包包含 {path} 里的规则：自己的规则包请放在 {path}/packs"
                "（见 docs/rule-language.zh-CN.md）",
            ),
            markup=False,
            soft_wrap=True,
        )
        return
    table = Table(box=SIMPLE_HEAD)
    for en, zh in (("name", "名称"), ("title", "标题"), ("rules", "规则数"), ("law", "法规")):
        table.add_column(say(en, zh), no_wrap=en == "name", overflow="fold")
    for one in shown:
        title = one.title[language()]
        count = say(f"{len(held[one.name])} of {len(mains)}", f"{len(held[one.name])}/{len(mains)}")
        table.add_row(one.name, escape(title), count, escape("；".join(one.law)))
    out.print(table)
    options = [f"--set rules.path={path}"] if path else []
    names = ",".join(one.name for one in shown[:2]) if path else "pipl,securities"
    command = " ".join(["mingjian detect", *options, f"--set rules.packs=[{names}]"])
    out.print(
        say(f"switch on: {command}", f"启用：{command}"),
        style="dim",
        markup=False,
    )
