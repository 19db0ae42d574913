"""`mingjian alerts send-test`: whether people would be told."""

from __future__ import annotations

import time
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape

from config.channels import Channel
from jobs.alert_desk import before_testing
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    err,
    out,
    say,
    settings_from,
)
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.channels.made import sender_of
from sinks.channels.message import Away, Refused, trial


def register(alerts_app: typer.Typer) -> None:
    """Add the command."""
    alerts_app.command(
        "send-test",
        help="向每个通知渠道发送一条测试消息，并说明各渠道的答复。有渠道失败时退出码为 1。\n\n"
        "Send a test message to every channel, and say what each one answered. The exit code is 1"
        " when one failed.\n\n"
        "例 · examples:\n\n  mingjian alerts send-test --config my.yaml\n\n"
        "  mingjian alerts send-test --channel soc --config my.yaml",
    )(send_test)


class _Answer(NamedTuple):
    """What came of one message: why it was not sent ("" when it was), what the sender has seen."""

    why: tuple[str, str]
    proof: tuple[str, str]
    seconds: float


def send_test(
    *,
    names: Annotated[
        list[str],
        typer.Option(
            "--channel", help="渠道名，可多次给出，省略则全部 · name of a channel; all without"
        ),
    ] = [],  # noqa: B006 - Typer copies it
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer copies it
    output: OutputOption = Output.text,
) -> None:
    """Send test messages. Its help is given above."""
    settings = settings_from(profile, config, overrides)
    known = [one.name for one in settings.channels]
    for name in names or [""] * (not known):
        if name not in known:
            raise _none(name, known)
    channels = [one for one in settings.channels if not names or one.name in names]
    before_testing(settings, [one.name for one in channels])
    answers: list[tuple[Channel, _Answer]] = []
    for channel in channels:
        if output is Output.text:
            err.print(say(f"asking {channel.name} …", f"正在发送到 {channel.name} …"), style="dim")
        answers.append((channel, _sent(channel, settings.tenant)))
    if output is Output.json:
        emit({"channels": [_row(*one) for one in answers]})
    else:
        for channel, answer in answers:
            _tell(channel, answer)
    if any(answer.why[0] for _, answer in answers):
        raise typer.Exit(EXIT_FINDINGS)


def _row(channel: Channel, answer: _Answer) -> dict[str, Any]:
    return {
        "channel": channel.name,
        "kind": channel.kind,
        "sent": not answer.why[0],
        "why": answer.why[0],
        "seconds": round(answer.seconds, 3),
    }


def _tell(channel: Channel, answer: _Answer) -> None:
    what = f"{channel.name} ({channel.kind})"
    if answer.why[0]:
        text = say(f"✗ {what}: {answer.why[0]}", f"✗ {what}：{answer.why[1]}")
        out.print(escape(text), style="red", soft_wrap=True)
        return
    en, zh = answer.proof
    took = f"{answer.seconds:.2f}"
    text = say(f"✓ {what}: {en}, {took} s", f"✓ {what}：{zh}，{took} 秒")
    out.print(escape(text), style="green", soft_wrap=True)


def _sent(channel: Channel, tenant: str) -> _Answer:
    began, why, stamp = time.monotonic(), ("", ""), time.time_ns()
    sender = sender_of(channel)
    try:
        sender.send(trial(tenant, channel.language, channel.zone, stamp))
    except Away as error:
        why = error.why, error.zh
    except Refused as error:
        why = f"refused: {error}", f"被拒：{error}"
    finally:
        sender.close()
    return _Answer(why, sender.proof, time.monotonic() - began)


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
