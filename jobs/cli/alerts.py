"""`mingjian alerts …`: what was found."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any

import typer
from rich.table import Table

from config.settings import Settings
from jobs.alert_desk import listing, may_see, show_one
from jobs.cli import alert_channels, alert_late
from jobs.cli.alert_list import AlertList, milliseconds, reason
from jobs.cli.alert_view import alert_page
from jobs.cli.app import (
    ConfigOption,
    CursorOption,
    LimitOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    SinceOption,
    UntilOption,
    emit,
    err,
    language,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import WhyOption
from jobs.cli.words import level, plural, visible
from rules.alert import RETRACTED, SPECULATIVE
from sinks.base import AlertReader, NoIndexYet
from sinks.readers import open_reader
from sinks.sqlite_reader import ambiguous

alerts_app = typer.Typer(
    name="alerts",
    no_args_is_help=True,
    help="查看告警：列表、详情、实时跟踪、统计，以及迟到的记录。\n\n"
    "Alerts: list, show, follow live, count; and what came too late.\n\n"
    "例 · examples:\n\n  mingjian alerts list --text 保本 --response 2\n\n"
    "  mingjian alerts show 3f2a9c41\n\n  mingjian alerts tail",
)
_RETRY_S = 0.5
_TENANTS_NAMED = 3


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    alert_late.register(alerts_app)
    alert_channels.register(alerts_app)
    app.add_typer(alerts_app)


@alerts_app.command(
    "list",
    help="最新的告警在前。\n\nAlerts, newest first.\n\n例 · example:\n\n"
    "  mingjian alerts list --actor zhangsan --since 2026-11-20 --output json",
)
def list_alerts(
    *,
    rule: Annotated[str, typer.Option("--rule", help="规则名 · rule name")] = "",
    response: Annotated[
        int,
        typer.Option(
            "--response",
            min=0,
            max=3,
            help="最低响应级别：1 记录，2 实时告警，3 紧急"
            " · at least this level: 1 log, 2 alert, 3 emergency",
        ),
    ] = 0,
    actor: Annotated[str, typer.Option("--actor", help="当事人账号 · account of the actor")] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    text: Annotated[
        str, typer.Option("--text", "-t", help="摘要或证据中的文字 · words in summary or evidence")
    ] = "",
    canaries: Annotated[
        bool,
        typer.Option(
            "--canaries",
            help="也列出探测消息的告警（mingjian canary） · also those of planted messages",
        ),
    ] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """List alerts. Its help is given above."""
    settings = settings_from(profile, config, overrides)
    asked: dict[str, Any] = {
        "rule": rule, "response": response, "actor": actor, "since": milliseconds(since),
        "until": milliseconds(until, end=True), "text": text,
    }  # fmt: skip
    note = listing(settings, **asked)
    reader = open_reader(settings)
    rows, following = reader.alerts(**asked, canaries=canaries, limit=limit, cursor=cursor)
    rows = note(rows)
    if output is Output.json:
        emit({"alerts": rows, "cursor": following})
        return
    AlertList(out).print(rows)
    if not rows:
        out.print(_nothing(reader, rule))
    if following:
        out.print(
            say(f"more: --cursor {following}", f"还有更多：--cursor {following}"), style="dim"
        )
    _say_others(reader, settings.tenant)


@alerts_app.command(
    "show",
    help="一条告警的全部：谁、做了什么、依据和证据。编号可只写开头几位。\n\n"
    "One alert in full: who, what, why. The first digits of the id are enough.",
)
def show_alert(
    *,
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="告警编号 · alert id")],
    why: WhyOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Show one alert."""
    settings = settings_from(profile, config, overrides)
    may_see(settings, alert_id)
    reader = open_reader(settings)
    row = reader.alert(alert_id)
    if row is None:
        raise ambiguous(alert_id)
    evidence = show_one(settings, row, lambda: reader.evidence(row["alert_id"]), why)
    if output is Output.json:
        emit({"alert": row, "evidence": list(evidence)})
        return
    out.print(alert_page(row, evidence))


@alerts_app.command(
    "tail",
    help="先显示最近几条，然后实时跟踪；Ctrl-C 结束。\n\n"
    "Show the last ones, then follow live; end with Ctrl-C.\n\n例 · example:\n\n"
    "  mingjian alerts tail -n 20 --config var/stack/cluster.yaml",
)
def tail(
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="先显示几条 · how many to begin with")
    ] = 10,
    for_seconds: Annotated[
        float, typer.Option("--for", min=0, help="跟踪多少秒，0 为一直 · seconds, 0 = for ever")
    ] = 0,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Follow alerts."""
    settings = settings_from(profile, config, overrides)
    note = listing(settings)
    end = time.monotonic() + for_seconds if for_seconds else math.inf
    reader, cursor, rows = _first(settings, limit, end)
    shown = {row["alert_id"] for row in rows}
    waiting: set[str] = set()  # shown, not settled: told again only when taken back
    table = AlertList(out)
    while True:
        if rows:
            rows = note(rows)
        if output is Output.json:
            for row in rows:
                emit(row)
        else:
            table.print(rows)
        left = end - time.monotonic()
        if left <= 0 or reader is None:
            return
        waiting |= {row["alert_id"] for row in rows if row["status"] == SPECULATIVE}
        fresh, cursor = reader.follow(cursor, timeout=min(1.0, left))
        known = shown | waiting
        rows = [r for r in fresh if r["status"] == RETRACTED or r["alert_id"] not in known]
        waiting -= {row["alert_id"] for row in fresh if row["status"] != SPECULATIVE}


@alerts_app.command("stats", help="按规则和级别统计。\n\nCounts by rule and level.")
def stats(
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006
    output: OutputOption = Output.text,
) -> None:
    """Count."""
    settings = settings_from(profile, config, overrides)
    reader = open_reader(settings)
    counts = reader.counts()
    if output is Output.json:
        emit(counts)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row(f"[bold]{say('alerts', '告警')}[/]", str(counts["alerts"]))
    for key, number in counts["by_response"].items():
        table.add_row(level(int(key)), str(number))
    for key, number in sorted(counts["by_rule"].items(), key=lambda item: -item[1]):
        table.add_row(f"  {key}", str(number))
    table.add_row(f"[bold]{say('taken back', '已撤回')}[/]", str(counts["retracted"]))
    table.add_row(f"[bold]{say('evidence', '证据')}[/]", str(counts["evidence"]))
    table.add_row(f"[bold]{say('late', '迟到')}[/]", str(counts["late"]))
    if fired := counts["late_would_have_fired"]:
        table.add_row(say("  would have fired", "  准时则会告警"), str(fired))
    table.add_row(f"[bold]{say('quarantined', '隔离')}[/]", str(sum(counts["quarantine"].values())))
    for key, number in counts["quarantine"].items():
        table.add_row(f"  {reason(key)}", str(number))
    if counts["incidents"]:
        table.add_row(f"[bold]{say('incidents', '事件')}[/]", str(counts["incidents"]))
        style = "bold red" if counts["incidents_open"] else "dim"
        table.add_row(
            f"  [{style}]{say('not over', '未结束')}[/]", f"[{style}]{counts['incidents_open']}[/]"
        )
    out.print(table)
    if counts["late"]:
        out.print(
            say("what came late: mingjian alerts late", "迟到的记录：mingjian alerts late"),
            style="dim",
        )
    _say_others(reader, settings.tenant)


def _first(
    settings: Settings, limit: int, end: float
) -> tuple[AlertReader | None, str, list[dict[str, Any]]]:
    """(reader, cursor, the last alerts), as soon as there is something to read.

    The reader is None when that did not happen before `end`.
    """
    reader, waiting = None, False
    while True:
        try:
            reader = reader or open_reader(settings)
            _, cursor = reader.follow("now", timeout=0)  # first, so that nothing falls between
            rows = reader.alerts(limit=max(limit, 1))[0][:limit]
            return (reader, "", []) if waiting else (reader, cursor, rows[::-1])
        except NoIndexYet as error:
            if not waiting:
                what = error.text(language())[0]
                err.print(
                    say(f"{what}; waiting for it …", f"{what}，等待中 …"),
                    style="dim",
                    markup=False,
                    soft_wrap=True,
                )
            waiting = True  # then whatever is there came meanwhile, and is shown
        left = end - time.monotonic()
        if left <= 0:
            return None, "", []
        time.sleep(min(_RETRY_S, left))


def _nothing(reader: AlertReader, rule: str) -> str:
    """What to say when the list is empty: a rule name nobody hit may be a slip."""
    known = reader.counts()["by_rule"] if rule else {}
    if not known or rule in known:
        return say("no alerts", "没有告警")
    names = ", ".join(known)
    return say(
        f"no alert of rule '{rule}'; rules that have alerts: {names}",
        f"规则“{rule}”没有告警；有告警的规则：{names}",
    )


def _say_others(reader: AlertReader, tenant: str) -> None:
    """One line when the index holds alerts that these settings do not show."""
    others = {name: number for name, number in reader.tenants().items() if name != tenant}
    if not tenant or not others:
        return
    number = sum(others.values())
    names = ", ".join(visible(name) or '""' for name in list(others)[:_TENANTS_NAMED])
    names += ", …" * (len(others) > _TENANTS_NAMED)
    verb = "is" if number == 1 else "are"
    out.print(
        say(
            f"{plural(number, 'alert')} of other tenants ({names}) {verb} not shown;"
            " --set tenant=NAME shows theirs",
            f"另有 {number:,} 条其他租户（{names}）的告警未显示；可用 --set tenant=名称 查看",
        ),
        style="dim",
        markup=False,
    )
