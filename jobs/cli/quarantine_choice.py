"""Which records a command about the quarantine means: its options, and what they must not be."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from config.written import nearest
from jobs.cli.app import say
from jobs.cli.words import plural
from jobs.quarantine.desk import Desk
from jobs.quarantine.shelf import OPEN
from rules.errors import EXIT_USAGE, MingjianError
from rules.quarantine import REASONS
from sinks.base import Rejected

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="编号或其开头 · id or prefix")]
SomeId = Annotated[
    str, typer.Argument(metavar="[ID]", help="编号或其开头；或用 --all · id or prefix; or --all")
]
ReasonOption = Annotated[
    str,
    typer.Option("--reason", help="隔离原因，如 not_json · why it was set aside, e.g. not_json"),
]
TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        help="改为处理这个投递目标拒收的记录 · instead: the records that this target refused",
    ),
]
ByOption = Annotated[
    str, typer.Option("--by", help="谁操作，默认为系统用户 · who does it; default: system user")
]
AllOption = Annotated[bool, typer.Option("--all", help="全部待处理的记录 · all records that wait")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="不再询问 · do not ask")]
DryOption = Annotated[
    bool, typer.Option("--dry-run", help="只说会怎样，不动手 · only say what would be done")
]
_AT_ONCE = 10_000  # records of one --all: their bytes are in memory


def check_reason(reason: str) -> None:
    """Refuse a reason that no record can have."""
    if reason and reason not in REASONS:
        near = nearest(reason, REASONS)
        raise MingjianError(
            f"no reason '{reason}'",
            f"没有“{reason}”这种隔离原因",
            fix_en=near[0] or f"reasons: {', '.join(REASONS)}",
            fix_zh=near[1] or f"可用：{'、'.join(REASONS)}",
            exit_code=EXIT_USAGE,
        )


def one_or_all(quarantine_id: str, *, every: bool, reason: str) -> None:
    """Refuse a call that names no record, or that is not clear."""
    check_reason(reason)
    if bool(quarantine_id) == every:
        raise MingjianError(
            "say either the ID of one record or --all",
            "请给出一条记录的编号，或用 --all",
            fix_en="see `mingjian quarantine list`",
            fix_zh="可用 `mingjian quarantine list` 查看",
            exit_code=EXIT_USAGE,
        )
    if reason and not every:
        raise MingjianError(
            "a choice by reason goes with --all",
            "按原因筛选须与 --all 合用",
            exit_code=EXIT_USAGE,
        )


def chosen(desk: Desk, quarantine_id: str, reason: str) -> list[dict[str, Any]]:
    """One record, or all that wait; those stored first come first."""
    if quarantine_id:
        return [desk.shelf.one(quarantine_id)]
    rows, _ = desk.shelf.page(OPEN, limit=_AT_ONCE, reason=reason)
    return rows[::-1]


def chosen_refusals(desk: Desk, target: str, prefix: str, *, every: bool) -> list[Rejected]:
    """The same, of what a target refused."""
    return desk.refused(target) if every else [desk.refused_one(target, prefix)]


def confirm(number: int, *, every: bool, yes: bool) -> None:
    """Ask before many records are touched; a program has to say --yes."""
    if yes or not every or not number:
        return
    if not sys.stdin.isatty():
        raise MingjianError(
            f"{plural(number, 'record')} are meant, and nobody can be asked; nothing was done",
            f"将涉及 {number:,} 条记录，而此处无法询问；未做任何改动",
            fix_en="say --yes, or --dry-run to see what would be done",
            fix_zh="请加 --yes；或用 --dry-run 先查看",
            exit_code=EXIT_USAGE,
        )
    question = say(f"{plural(number, 'record')}: go on?", f"共 {number:,} 条，继续吗？")
    if not typer.confirm(question):
        raise typer.Abort
