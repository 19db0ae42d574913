"""`mingjian rules diff`: what a change of rules does to a running job's open windows."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from jobs.cli.app import Output, OutputOption, emit, out, say
from jobs.cli.rules_paths import PathArgument
from rules import changes as changed
from rules.changes import Change
from rules.ruleset import load_ruleset

_WHAT = {
    changed.NEW: ("new", "新增"),
    changed.REMOVED: ("removed", "已删除"),
    changed.JUDGES: ("judges otherwise", "判断有变"),
    changed.WORDS: ("other words or exceptions", "词库或例外有变"),
    changed.LEVEL: ("other level or response", "级别或响应有变"),
    changed.TEXT: ("texts only", "只改文字"),
}
_STATE = {
    changed.KEPT: ("kept", "保留"),
    changed.ANEW: ("starts anew", "重新开始"),
    changed.DROPPED: ("dropped", "丢弃"),
    changed.NONE: ("–", "–"),
}
_STYLE = {changed.ANEW: "yellow", changed.DROPPED: "red"}


def diff(
    path: PathArgument = "",
    baseline: Annotated[
        str,
        typer.Option(
            "--baseline",
            metavar="DIR",
            help="运行中的规则；默认是随附目录 · the rules that run; by default the shipped ones",
        ),
    ] = "",
    output: OutputOption = Output.text,
) -> None:
    """比较两套规则，并说明运行中作业未关闭的窗口会怎样.

    Compare two sets of rules, and say what becomes of the open windows of a running job.
    """
    found = list(changed.changes(load_ruleset(baseline), load_ruleset(path)))
    if output is Output.json:
        emit([one._asdict() for one in found])
        return
    if not found:
        out.print(say("the rules are the same", "两套规则相同"))
        return
    out.print(table_of(found))
    if any(one.state == changed.ANEW for one in found):
        out.print(
            say(
                "starts anew: what was counted before the change is not added to what comes after;"
                " windows that are open are still judged to their end.",
                "重新开始：变更前的计数不会并入之后的计数；已打开的窗口仍判断到结束。",
            ),
            style="dim",
        )


def table_of(found: list[Change]) -> Table:
    """What changes, and what becomes of open windows."""
    table = Table(box=SIMPLE_HEAD)
    for en, zh in (("rule", "规则"), ("change", "变化"), ("open windows", "未关闭的窗口")):
        table.add_column(say(en, zh), overflow="fold")
    for one in found:
        state = say(*_STATE[one.state])
        style = _STYLE.get(one.state, "")
        table.add_row(
            escape(one.rule),
            say(*_WHAT[one.what]) + _why(one),
            f"[{style}]{state}[/]" if style else state,
        )
    return table


def _why(one: Change) -> str:
    if not one.because:
        return ""
    names = ", ".join(dict.fromkeys(one.because))
    return say(f" (it reads {names})", f"（引用了 {names}）")
