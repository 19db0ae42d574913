"""`mingjian rules publish` and `published`: rules that a running job takes up by event time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from config.settings import Settings
from desk.desk import PUBLISHED
from desk.roles import PUBLISH
from jobs import progress
from jobs.account import account
from jobs.archive import desk_of, written_archive
from jobs.cli.alert_list import milliseconds
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    out,
    say,
    settings_from,
)
from jobs.cli.rules_check import print_problem
from jobs.cli.rules_diff import table_of
from jobs.cli.words import plural
from jobs.clock import now_ms
from jobs.publish import Outcome, Wish, publish
from jobs.registry import in_force, registry_of
from jobs.rule_checks import PlaceOfRules
from rules.errors import EXIT_FINDINGS, MingjianError
from rules.published import Kept, published
from rules.zone import SHANGHAI

_AFTER = re.compile(r"\+(\d{1,6})(s|m|h|d)")
_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_COSTLY = 3  # rules whose cost is shown


def publish_rules(
    path: Annotated[
        str,
        typer.Argument(
            help="规则目录，缺省为 rules.path · rule directory, by default that of rules.path"
        ),
    ] = "",
    effective: Annotated[
        str,
        typer.Option(
            "--effective",
            metavar="+30s|TIME",
            help="从哪个事件时间起生效（北京时间），缺省尽快 · event time from which they judge"
            " (Beijing time), by default as soon as is safe",
        ),
    ] = "",
    note: Annotated[
        str, typer.Option("--note", help="为什么发布，写入记录 · why, for the record")
    ] = "",
    by: Annotated[
        str, typer.Option("--by", help="谁发布，缺省为当前用户 · who, by default the user")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只检查和试运行，不发布 · check and try, no more")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="试运行不合格也发布，须有 --note · although a rule hits or costs too much;"
            " needs a --note",
        ),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            help="需要重启作业也发布 · although the job has to be started anew for it",
        ),
    ] = False,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006  Typer wants a list and never changes it
    output: OutputOption = Output.text,
) -> None:
    """检查、试运行并发布规则，运行中的作业按事件时间启用.

    Check rules, try them on messages, and publish them: a running job takes them up by event time.
    """
    settings = settings_from(profile, config, overrides)
    wish = Wish(path, _when(effective), by or account(), note, force, restart, dry_run)
    archive = None if dry_run else written_archive(settings)
    desk = desk_of(settings, archive) if archive is not None else None
    role = desk.allow(PUBLISH, path=path) if desk is not None else ""
    found = publish(settings, wish, now_ms)
    if desk is not None and found.published:  # the deliverer enters it in the ledger
        desk.note(
            PUBLISHED, role, note, digest=found.digest, effective=found.effective,
            rules=found.rules, by=wish.by, forced=force and bool(found.refusals),
        )  # fmt: skip
    if output is Output.json:
        emit(_as_json(found))
    else:
        _print(settings, wish, found)
    if found.problems or (found.refusals and not force):
        raise typer.Exit(EXIT_FINDINGS)


def list_published(
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006  Typer wants a list and never changes it
    output: OutputOption = Output.text,
) -> None:
    """列出已发布的规则集 · list what was published, and what judges now."""
    settings = settings_from(profile, config, overrides)
    sets, now = published(registry_of(settings)), now_ms()
    current = in_force(settings, now + 1)
    loaded = _loaded(settings)
    if output is Output.json:
        emit([_set_json(one, current, now, loaded) for one in sets])
        return
    if not sets:
        out.print(
            say(
                "nothing is published: a job judges by rules.path as it was when it began",
                "尚未发布规则集：作业按启动时的 rules.path 判定",
            )
        )
        return
    table = Table(box=SIMPLE_HEAD)
    for en, zh in (
        ("judges from", "生效时间"),
        ("state", "状态"),
        ("ruleset", "规则集"),
        ("rules", "规则数"),
        ("by", "发布人"),
        ("note", "说明"),
    ):
        table.add_column(say(en, zh), overflow="fold")
    for one in sets:
        told = one.manifest
        state, style = _state(one, current, now)
        has = _tasks(one, loaded)
        table.add_row(
            clock(one.start),
            f"[{style}]{say(*_STATES[state])}[/]" + (f" {has}" if has else ""),
            told.digest[:12],
            str(told.rules),
            escape(told.by),
            escape(told.note),
        )
    out.print(table)


_STATES = {
    "judges": ("judges", "生效中"),
    "waiting": ("waiting", "等待生效"),
    "past": ("past", "已被取代"),
}


def clock(ms: int) -> str:
    """A moment in Beijing time, to the millisecond if there is need."""
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone(SHANGHAI).replace(tzinfo=None)
    return moment.isoformat(" ", "milliseconds" if ms % 1000 else "seconds")


def _when(text: str) -> int:
    if found := _AFTER.fullmatch(text):
        return now_ms() + int(found[1]) * _MS[found[2]]
    try:
        return milliseconds(text)
    except MingjianError as error:
        error.fix_en = "write +30s, +10m, +2h, or 2026-11-20T09:00"
        error.fix_zh = "请写成 +30s、+10m、+2h，或 2026-11-20T09:00"
        raise


def _print(settings: Settings, wish: Wish, found: Outcome) -> None:
    if found.problems:
        place = PlaceOfRules(wish.path or settings.rules.path)
        for problem in found.problems:
            print_problem(problem, place.text_of)
    if found.tried:
        costly = sorted(found.tried.rules, key=lambda one: -one.micros)[:_COSTLY]
        most = ", ".join(f"{one.rule} {one.micros:.1f}" for one in costly)
        out.print(
            say(
                f"tried on {plural(found.tried.messages, 'message')} ({found.where[0]}):"
                f" {found.tried.micros:.0f} µs a message; most take {most}",
                f"已在 {found.tried.messages:,} 条消息上试运行（{found.where[1]}）："
                f"每条 {found.tried.micros:.0f} 微秒；最多的是 {most}",
            ),
            style="dim",
            soft_wrap=True,
        )
    for one in found.refusals:
        mark = "[yellow]![/]" if wish.force else "[red]✗[/]"
        out.print(f"{mark} {escape(one.rule)}: {escape(say(one.en, one.zh))}", soft_wrap=True)
    if found.changes:
        out.print(table_of(found.changes))
    elif found.changes is not None:
        out.print(say("these rules are in force already", "与当时生效的规则相同"))
    for kept in found.later:
        out.print(
            say(
                f"! from {clock(kept.start)} on the set {kept.manifest.digest[:12]} judges, which"
                " was published before",
                f"! 自 {clock(kept.start)} 起由先前发布的规则集 {kept.manifest.digest[:12]} 判定",
            ),
            style="yellow",
            soft_wrap=True,
        )
    out.print(_verdict(wish, found), soft_wrap=True)


def _verdict(wish: Wish, found: Outcome) -> str:
    name, at = found.digest[:12], clock(found.effective)
    if found.published:
        return say(
            f"published: {plural(found.rules, 'rule')}, ruleset {name}, for messages from {at} on",
            f"已发布：{found.rules} 条规则，规则集 {name}，判定 {at} 起的消息",
        )
    if found.problems or (found.refusals and not wish.force):
        return say("[red]refused[/]: nothing has changed", "[red]已拒绝[/]：未做任何改动")
    return say(
        f"--dry-run: {plural(found.rules, 'rule')} could be published, ruleset {name}",
        f"--dry-run：{found.rules} 条规则可以发布，规则集 {name}",
    )


def _as_json(found: Outcome) -> dict[str, Any]:
    tried = found.tried
    return {
        "published": found.published,
        "digest": found.digest,
        "effective": found.effective,
        "rules": found.rules,
        "problems": [
            {"path": one.path, "line": one.line, "column": one.column, "code": one.code,
             "message": one.said_en}
            for one in found.problems
        ],
        "refusals": [{"rule": one.rule, "message": one.en} for one in found.refusals],
        "changes": None if found.changes is None else [one._asdict() for one in found.changes],
        "messages": tried.messages if tried else 0,
        "micros": round(tried.micros, 1) if tried else 0,
        "later": [one.start for one in found.later],
    }  # fmt: skip


def _state(one: Kept, current: Kept | None, now: int) -> tuple[str, str]:
    if one.start > now:
        return "waiting", "yellow"
    return ("judges", "green") if current and one.start == current.start else ("past", "dim")


def _set_json(
    one: Kept, current: Kept | None, now: int, loaded: list[int] | None
) -> dict[str, Any]:
    told = one.manifest
    return {
        "effective": one.start,
        "state": _state(one, current, now)[0],
        "digest": told.digest,
        "rules": told.rules,
        "levels": told.levels,
        "at": told.at,
        "by": told.by,
        "note": told.note,
        "forced": list(told.forced),
        "tasks": None if loaded is None else len(loaded),
        "tasks_ready": None if loaded is None else sum(at >= one.start for at in loaded),
    }


def _loaded(settings: Settings) -> list[int] | None:
    """Of each task of the job's match stage how far it is; None where that is not known."""
    if not settings.flink.rest_url:
        return None
    from jobs.detect import job_name  # noqa: PLC0415 - it takes its time to load

    return progress.rules_from(settings.flink.rest_url, job_name(settings))


def _tasks(one: Kept, loaded: list[int] | None) -> str:
    if not loaded:
        return ""
    ready = sum(at >= one.start for at in loaded)
    return say(
        f"({ready} of {len(loaded)} tasks have it)", f"（{ready}/{len(loaded)} 个任务已就绪）"
    )
