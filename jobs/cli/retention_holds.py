"""`mingjian retention hold …`: place, lift and list legal holds."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from desk.desk import READ_HOLDS
from desk.roles import HOLD, SEE_HOLDS
from jobs.archive import archive_target, desk_of
from jobs.cli.alert_list import milliseconds
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    SinceOption,
    UntilOption,
    emit,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.retention_text import (
    counting,
    print_hold,
    print_lacking,
    print_uncounted,
    scope_words,
)
from jobs.cli.words import plural, visible
from jobs.retention import open_to_count
from rules.errors import MingjianError
from rules.retention.holds import HoldScope, in_force
from sinks.archive.covered import Covered, covered
from sinks.archive.hold_book import holds_of, lift_hold, place_hold
from sinks.archive.known_alerts import KnownAlerts

hold_app = typer.Typer(
    name="hold",
    no_args_is_help=True,
    help="法律保全：设置、解除、列出。生效期间，范围内的消息不会删除。\n\n"
    "Legal holds: place, lift, list. While one is in force nothing in its scope is deleted.\n\n"
    "例 · example:\n\n  mingjian retention hold list",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(hold_app)


@hold_app.command(
    "place",
    help="设置法律保全。写明的各项须同时满足；要表示“或”，请设两个。\n\n"
    'Place a hold. All that it names has to fit; for "this or that" place two.\n\n'
    "例 · examples:\n\n"
    "  mingjian retention hold place 诉讼2026-003 --person zhangsan --since 2026-01-01"
    " --why 法务函2026-17\n\n"
    "  mingjian retention hold place 内审-9 --text 保本 --why 内审2026-9",
)
def place(
    *,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="保全的编号 · its name")],
    person: Annotated[
        str, typer.Option("--person", help="说过或收到的人员 · who said or was told it")
    ] = "",
    customer: Annotated[
        str, typer.Option("--customer", help="说过或收到的客户 · the customer who did")
    ] = "",
    room: Annotated[str, typer.Option("--room", help="群 · room")] = "",
    conversation: Annotated[
        str, typer.Option("--conversation", help="会话编号 · conversation")
    ] = "",
    text: Annotated[
        str, typer.Option("--text", "-t", help="其中的文字，至少两字 · words in it, two or more")
    ] = "",
    alert: Annotated[str, typer.Option("--alert", help="告警编号 · id of an alert")] = "",
    rule: Annotated[
        str, typer.Option("--rule", help="被此规则的告警提及 · named by an alert of this rule")
    ] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Place one."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    end = milliseconds(until, end=True)
    scope = HoldScope(
        alert=alert, conversation=conversation, customer=customer, employee=person, room=room,
        rule=rule, since=milliseconds(since), text=text, until=end + 1 if end else 0,
    )  # fmt: skip
    by = desk.by(HOLD, why, hold=hold)
    with desk.writing():  # it holds first, and is counted then
        line = place_hold(desk.book, hold, scope, by)
    counted: Covered | None = None
    kept = open_to_count(settings, archive)
    if not isinstance(kept, MingjianError):
        with counting(say("messages", "消息"), kept.index.leaves()) as progress:
            counted = covered(kept.source, scope, progress)
    if output is Output.json:
        told = counted._asdict() if counted else {"messages": None, "unreadable": None}
        emit({"hold": hold, "line": line.number, **told})
        return
    out.print(
        say(f"✓ {visible(hold)} is in force: {scope_words(scope)}",
            f"✓ {visible(hold)} 已生效：{scope_words(scope)}"),
        soft_wrap=True, markup=False,
    )  # fmt: skip
    print_lacking(out, KnownAlerts(archive.path).missing({alert} - {""}))
    if isinstance(kept, MingjianError) or counted is None:
        print_uncounted(out, kept)
        return
    out.print(say(f"it covers {plural(counted.messages, 'message')} now",
                  f"现覆盖 {counted.messages:,} 条消息"))  # fmt: skip
    if not counted.messages:
        out.print(
            say("no message is under it: see whether names and times are as meant",
                "目前没有消息受其保全：请核对所写的编号与时间"),
            style="yellow",
        )  # fmt: skip
    if counted.unreadable:
        out.print(
            say(f"{counted.unreadable:,} of these cannot be opened and may be meant",
                f"其中 {counted.unreadable:,} 条打不开，可能在范围内"),
            style="yellow",
        )  # fmt: skip


@hold_app.command(
    "lift",
    help="解除法律保全，需写明事由。\n\nLift a hold; needs --why.\n\n例 · example:\n\n"
    "  mingjian retention hold lift 诉讼2026-003 --why 已结案",
)
def lift(
    *,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="保全的编号 · its name")],
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Lift one."""
    settings = settings_from(profile, config, overrides)
    desk = desk_of(settings, archive_target(settings, target))
    by = desk.by(HOLD, why, hold=hold)
    with desk.writing():
        line = lift_hold(desk.book, hold, by)
    out.print(
        say(f"✓ {visible(hold)} is lifted (line {line.number} of the custody book)",
            f"✓ {visible(hold)} 已解除（保管记录第 {line.number} 行）"),
        markup=False,
    )  # fmt: skip


@hold_app.command(
    "list",
    help="生效中的法律保全；--all 含已解除的。\n\nHolds in force; with --all also those lifted.\n\n"
    "例 · example:\n\n  mingjian retention hold list --all",
)
def list_holds(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="含已解除的 · also those that were lifted")
    ] = False,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """List them."""
    settings = settings_from(profile, config, overrides)
    desk = desk_of(settings, archive_target(settings, target))
    role = desk.allow(SEE_HOLDS)
    found = holds_of(desk.book)
    shown = found if everything else in_force(found)
    desk.note(READ_HOLDS, role, holds=len(shown))
    for hold in shown:
        if output is Output.text:
            print_hold(out, hold)
            continue
        lifted = hold.lifted
        emit({"hold": hold.id, "scope": msgspec.to_builtins(hold.scope),
              "placed_at": hold.placed.at, "placed_by": hold.placed.who, "why": hold.placed.why,
              "lifted_at": lifted.at if lifted else 0, "lifted_by": lifted.who if lifted else "",
              "lifted_why": lifted.why if lifted else ""})  # fmt: skip
    if not shown and output is Output.text:
        out.print(say("no hold is in force", "没有生效中的法律保全"))
