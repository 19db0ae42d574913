"""`mingjian archive keys …`: versions of the tenant's key, for the administrator."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.text import Text

from desk.desk import CHECKED, RESEALED, ROTATED
from desk.roles import KEYS
from jobs.archive import archive_target, desk_of, key_states
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    emit,
    language,
    out,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.words import plural
from jobs.clock import now_ms
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.key_versions import VersionState
from sinks.tenant_keys import open_keystore, tenant_keys

NEW_VARIABLE = "MINGJIAN_ARCHIVE_NEW_PASSPHRASE"
keys_app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    help="归档密钥的版本：列出、核对、轮换、更换口令。\n\n"
    "Versions of the archive's key: list, check, rotate, change the passphrase.\n\n"
    "例 · example:\n\n  mingjian archive keys check",
)


def register(app: typer.Typer) -> None:
    """Add the sub-application."""
    app.add_typer(keys_app)


@keys_app.command(
    "list",
    help="每个版本封装了多少分段与文件，是否仍需要。\n\n"
    "Every version, how many segments and files it wrapped, and whether it is still needed.\n\n"
    "例 · example:\n\n  mingjian archive keys list",
)
def list_keys(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """List the versions."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk_of(settings, archive).allow(KEYS)
    faults = 0
    for state in key_states(settings, archive):
        faults += state.fault is not None
        _print(state, output)
    if faults:
        raise typer.Exit(EXIT_FINDINGS)


@keys_app.command(
    "check",
    help="核对每个需要的版本都在，并能打开其最新的分段与文件。\n\n"
    "Whether every version that is needed is here and opens its newest segment and file.\n\n"
    "例 · example:\n\n  mingjian archive keys check",
)
def check(
    *,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Check each version on a segment and a file."""
    settings = settings_from(profile, config, overrides)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    role = desk.allow(KEYS)
    found = list(key_states(settings, archive))
    faults = [one for one in found if one.fault is not None]
    desk.note(CHECKED, role, keys=[one.version for one in found], faults=len(faults))
    for state in faults:
        _print(state, output)
    if faults:
        raise typer.Exit(EXIT_FINDINGS)
    tried = sum(one.tried for one in found)
    if output is Output.json:
        emit({"faults": 0, "opened": tried})
    else:
        out.print(
            say(
                f"[green]✓[/] {plural(tried, 'version')} opened the newest that each had wrapped",
                f"[green]✓[/] {tried} 个版本各自打开了所封装的最新内容",
            )
        )


@keys_app.command(
    "rotate",
    help="生成新版本；此后的分段用它，以前的不动。\n\n"
    "Make a new version: later segments are wrapped by it, earlier ones stay as they are.\n\n"
    "例 · example:\n\n  mingjian archive keys rotate --why 年度轮换",
)
def rotate(
    *,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Rotate."""
    settings = settings_from(profile, config, overrides)
    desk = desk_of(settings, archive_target(settings, target))
    role = desk.allow(KEYS)
    keys = tenant_keys(settings)
    desk.note(ROTATED, role, " ".join(why.split()), version=keys.current() + 1)
    version = keys.rotate(now_ms())
    out.print(
        say(
            f"[green]✓[/] version {version} is made. Back the keys up now, then start"
            " `mingjian deliver` anew: it wraps with this version from then on.",
            f"[green]✓[/] 已生成第 {version} 版。请立即备份密钥，再重启 `mingjian deliver`，"
            "此后即用该版本封装。",
        )
    )


@keys_app.command(
    "passphrase",
    help="更换封装密钥库的口令：旧口令在 MINGJIAN_ARCHIVE_PASSPHRASE，新口令在 "
    "MINGJIAN_ARCHIVE_NEW_PASSPHRASE。\n\n"
    "Change the passphrase that seals the key store: the old one in MINGJIAN_ARCHIVE_PASSPHRASE, "
    "the new one in MINGJIAN_ARCHIVE_NEW_PASSPHRASE.\n\n例 · example:\n\n"
    "  mingjian archive keys passphrase",
)
def passphrase(
    *,
    none: Annotated[
        bool, typer.Option("--none", help="取消口令 · take the passphrase away")
    ] = False,
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
) -> None:
    """Change it."""
    settings = settings_from(profile, config, overrides)
    desk = desk_of(settings, archive_target(settings, target))
    role = desk.allow(KEYS)
    new = os.environ.get(NEW_VARIABLE, "")
    if bool(new) == none:
        raise MingjianError(
            f"no new passphrase in {NEW_VARIABLE}" if not new else
            f"--none, and a new passphrase in {NEW_VARIABLE}",
            f"{NEW_VARIABLE} 中没有新口令" if not new else
            f"给了 --none，而 {NEW_VARIABLE} 中又有新口令",
            fix_en=f"set {NEW_VARIABLE}, or give --none to leave the file to its rights alone",
            fix_zh=f"请设置 {NEW_VARIABLE}；若只靠文件权限保护，用 --none",
            exit_code=EXIT_USAGE,
        )  # fmt: skip
    keys = open_keystore(settings)
    desk.note(RESEALED, role)
    keys.change_passphrase(new)
    out.print(say("[green]✓[/] the key store is sealed anew; set the new passphrase where"
                  " `mingjian deliver` runs",
                  "[green]✓[/] 密钥库已重新封装；请在运行 `mingjian deliver` 处更新口令"),
              soft_wrap=True)  # fmt: skip


def _print(state: VersionState, output: Output) -> None:
    fault = state.fault
    if output is Output.json:
        emit({"version": state.version, "segments": state.segments, "files": state.files,
              "search_key": state.search, "needed": state.needed, "current": state.current,
              "fault": fault.en if fault else ""})  # fmt: skip
        return
    wraps = [say(plural(state.segments, "segment"), f"{state.segments:,} 个分段")]
    if state.files:
        wraps.append(say(plural(state.files, "file"), f"{state.files:,} 个文件"))
    if state.search:
        wraps.append(say("the search key", "检索密钥"))
    told = say(", ", "、").join(wraps)
    line = Text(say(f"version {state.version}: {told}", f"第 {state.version} 版：{told}"))
    if not (state.needed or state.current):
        line.append(say("  not needed", "  不再需要"), "dim")
    if state.current:
        line.append(say("  wraps now", "  正在使用"), "green")
    if fault is not None:
        line.append("  ✗ " + fault.text(language())[0], "bold red")
    out.print(line, soft_wrap=True)
