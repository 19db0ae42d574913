"""The `mingjian` command: one Typer app, one module a subcommand, one place for errors.

Exit codes: 0 done, 1 done and something is wrong (lint errors, a pack that does not verify),
2 a wrong call, 3 something needed is missing (a server, a folder, a program).
"""

from __future__ import annotations

import json
import locale
import os
import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from config.settings import Settings, load
from rules.errors import MingjianError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
EXIT_INTERRUPTED = 130  # Ctrl-C


class Output(StrEnum):
    """How a command prints its result."""

    text = "text"
    json = "json"


ProfileOption = Annotated[
    str, typer.Option("--profile", "-p", help="配置档：embedded 或 cluster · embedded or cluster")
]
ConfigOption = Annotated[
    str,
    typer.Option(
        "--config",
        "-c",
        envvar="MINGJIAN_CONFIG",
        show_envvar=False,
        help="配置文件，代替 --profile · settings file instead of --profile",
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="改一项设置，如 flink.parallelism=1 · change one setting, e.g. flink.parallelism=1",
    ),
]
OutputOption = Annotated[
    Output,
    typer.Option(
        "--output", "-o", help="text 给人看，json 给程序 · text for people, json for machines"
    ),
]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, help="最多几条 · at most so many")
]
SinceOption = Annotated[
    str,
    typer.Option(
        "--since",
        help="从何时起（北京时间），如 2026-11-20T09:00"
        " · from (Beijing time), e.g. 2026-11-20T09:00",
    ),
]
UntilOption = Annotated[str, typer.Option("--until", help="到何时止（含） · until, inclusive")]
CursorOption = Annotated[
    str, typer.Option("--cursor", help="上一页给出的游标 · cursor the page before gave")
]
_given: list[str] = []  # the common options of this run, for the commands that hints name
_elsewhere: list[tuple[str, str]] = []  # what to say when its folders may be those of another place
_HINTED = re.compile(
    r"`(mingjian (?!ledger check|report verify|retention presets)"  # which take no settings
    r"(?:alerts|archive|deliver|detect|incidents|ledger|quarantine|report|retention)\b[^`]*)`"
)


def language() -> str:
    """ "zh" or "en": MINGJIAN_LANG, else the locale."""
    chosen = (
        os.environ.get("MINGJIAN_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    )
    chosen = chosen or (locale.getlocale()[0] or "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def say(en: str, zh: str) -> str:
    """The sentence in the reader's language."""
    return zh if language() == "zh" else en


def settings_from(profile: str, config: str, overrides: list[str]) -> Settings:
    """Settings of the common options; what was given is said again in hints."""
    _given[:] = options_given(profile, config, overrides)
    settings = load(profile, config or None, tuple(overrides))
    _elsewhere[:] = _missing_here(config, settings.data_dir)
    return settings


def _missing_here(config: str, data_dir: str) -> list[tuple[str, str]]:
    """That the paths of a settings file lead nowhere from here, as they do from a wrong folder."""
    place = Path(data_dir)
    if not config or place.is_absolute() or place.exists():
        return []
    if Path(config).absolute().parent == Path.cwd():
        return []
    return [
        (
            f"relative paths in {config} count from the current folder; from here data_dir is"
            f" {place.absolute()}, which is not there",
            f"{config} 中的相对路径以当前目录为准；在这里 data_dir 是 {place.absolute()}，并不存在",
        )
    ]


def options_given(profile: str, config: str, overrides: list[str]) -> list[str]:
    """The common options as words of a command line; those left at their default are not there."""
    words = ["--config", config] if config else []
    if profile != "embedded" and not config:
        words += ["--profile", profile]
    for override in overrides:
        words += ["--set", override]
    return words


def with_options(hint: str) -> str:
    """A hint whose commands name the same settings as this run."""
    if not _given:
        return hint
    words = shlex.join(_given)
    return _HINTED.sub(
        lambda found: found[0] if " --config" in found[1] else f"`{found[1]} {words}`", hint
    )


def emit(value: Any) -> None:
    """Print one JSON value for a machine, on one line, to standard output."""
    text = json.dumps(value, ensure_ascii=False)
    if printable(text) != text:  # half of a surrogate pair, which JSON can carry as an escape
        text = json.dumps(value)
    sys.stdout.write(text + "\n")


def printable(text: str) -> str:
    """`text` with a question mark for each half of a surrogate pair, which UTF-8 cannot write."""
    return text.encode("utf-8", "replace").decode("utf-8")


def report(error: MingjianError) -> None:
    """Print an error for a person: what was wrong, then what to do."""
    what, fix = error.text(language())
    err.print(f"[bold red]✗[/] {escape(what)}", soft_wrap=True)
    more = [say(*words) for words in _elsewhere]
    for one in (with_options(fix) if fix else "", *more):
        if one:
            err.print(f"  [dim]→[/] {escape(one)}", soft_wrap=True)
