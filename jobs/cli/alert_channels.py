"""`mingjian alerts send-test`: whether people would be told."""

from __future__ import annotations

from typing import Annotated

import typer

from config.channels import Channel, check_channels
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
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import SinkBusy
from sinks.channels.made import sender_of
from sinks.channels.message import TEST, Refused, message_of


def register(alerts_app: typer.Typer) -> None:
    """Add the command."""
    alerts_app.command(
        "send-test",
        help="向每个通知渠道发送一条测试消息。\n\nSend a test message to every channel.\n\n"
        "例 · example:\n\n  mingjian alerts send-test soc",
    )(send_test)


def send_test(
    *,
    name: Annotated[
        str, typer.Argument(help="渠道名，省略则全部 · name of a channel, all without one")
    ] = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Send test messages. Its help is given above."""
    settings = settings_from(profile, config, overrides)
    check_channels(settings.channels, (target.name for target in settings.targets))
    channels = [one for one in settings.channels if name in ("", one.name)]
    if not channels:
        raise _none(name, [one.name for one in settings.channels])
    answers = {one.name: _sent(one, settings.tenant) for one in channels}
    if output is Output.json:
        emit(
            {
                "channels": [
                    {"name": key, "why": why, "sent": not why} for key, why in answers.items()
                ]
            }
        )
    else:
        for key, why in answers.items():
            if why:
                out.print(say(f"✗ {key}: {why}", f"✗ {key}：{why}"), style="red")
            else:
                out.print(say(f"✓ {key}: sent", f"✓ {key}：已发送"), style="green")
    if any(answers.values()):
        raise typer.Exit(1)


def _sent(channel: Channel, tenant: str) -> str:
    """Why it was not sent, "" when it was."""
    sender = sender_of(channel)
    try:
        sender.send(message_of(TEST, tenant, (), channel.language))
    except SinkBusy as error:
        return error.why
    except Refused as error:
        return str(error)
    finally:
        sender.close()
    return ""


def _none(name: str, known: list[str]) -> MingjianError:
    if not known:
        return MingjianError(
            "the settings name no channel",
            "配置中没有通知渠道",
            fix_en="add one under channels; see docs/channels.md",
            fix_zh="请在 channels 下增加一个，见 docs/channels.zh-CN.md",
            exit_code=EXIT_USAGE,
        )
    return MingjianError(
        f"there is no channel '{name}'",
        f"没有名为“{name}”的通知渠道",
        fix_en=f"one of: {', '.join(known)}",
        fix_zh=f"可用：{'、'.join(known)}",
        exit_code=EXIT_USAGE,
    )
