"""`mingjian rules fmt`: rule files and lexicons in one form, with their comments."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from jobs.cli.app import err, out, report, say
from jobs.cli.words import plural
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError, RuleError
from rules.layout import formatted
from rules.ruleset import rule_files
from rules.yaml_files import yaml_files


def fmt(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="规则文件或目录；- 读标准输入 · rule files or directories; - for stdin",
        ),
    ],
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="只检查，不改；列出要改的文件 · change nothing, name the files"
        ),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="显示会改什么，不改 · show the changes, make none")
    ] = False,
) -> None:
    """把规则文件和词库整理成统一格式，保留注释 · bring rule files and lexicons into one form.

    含义不变：整理后会重新读取并比较。不符合 YAML 的文件不动，并指出问题。

    The meaning never changes: the result is read again and compared. Comments are kept. A file that
    is not YAML is left alone and told.
    """
    if paths == ["-"]:
        sys.stdout.write(formatted("-", sys.stdin.read()))
        return
    changed = broken = 0
    files = list(_files(paths))
    for file in files:
        try:
            text = _read(file)
            better = formatted(str(file), text, lexicon=file.parent.name == "lexicons")
        except RuleError as error:
            report(error)
            broken += 1
            continue
        if better == text:
            continue
        changed += 1
        if diff:
            _show(file, text, better)
        elif check:
            out.print(escape(str(file)), soft_wrap=True)
        else:
            _replace(file, better)
            out.print(escape(str(file)), soft_wrap=True)
    if not diff:
        _sum(len(files), changed, check=check)
    if broken or (changed and (check or diff)):
        raise typer.Exit(EXIT_FINDINGS)


def _sum(files: int, changed: int, *, check: bool) -> None:
    were = "would be" if check else "was" if changed == 1 else "were"
    en = f"{changed} of {plural(files, 'file')} {were} changed"
    zh = f"{files} 个文件，{'要改' if check else '改了'} {changed} 个"
    err.print(say(en, zh))


def _files(paths: list[str]) -> Iterator[Path]:
    for path in paths:
        place = Path(path)
        if place.is_dir():
            yield from rule_files(place)
            yield from yaml_files(place / "lexicons")
        elif place.is_file():
            yield place
        else:
            raise MingjianError(
                f"no file or directory {place}", f"没有文件或目录 {place}", exit_code=EXIT_USAGE
            )


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise MingjianError(
            f"cannot read {file}: {error}", f"读不了 {file}", exit_code=EXIT_USAGE
        ) from None


def _show(file: Path, text: str, better: str) -> None:
    lines = unified_diff(
        text.splitlines(), better.splitlines(), str(file), str(file), n=2, lineterm=""
    )
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in lines:
        colour = colours.get(line[:1], "")
        shown = escape(line)
        out.print(f"[{colour}]{shown}[/]" if colour else shown, soft_wrap=True)


def _replace(file: Path, text: str) -> None:
    """All of it or nothing: written beside it, then put in its place."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        beside = Path(name)
        beside.chmod(file.stat().st_mode & 0o777)
        beside.replace(file)
    except OSError as error:
        raise MingjianError(
            f"cannot write {file}: {error.strerror}", f"无法写入 {file}：{error.strerror}"
        ) from None
