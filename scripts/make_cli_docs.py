"""Write docs/cli.md from the help of the `mingjian` command itself. Called by `make docs`.

`tests/unit/test_docs.py` fails when the page is not what this makes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cli.md"
INTRODUCTION = """\
# The command line

Made from the command's own help by `make docs`; change the help, not this page.

Every command answers `--help`. Exit codes: 0 done; 1 done, and something is wrong (a rule that does
not hold, a pack that does not verify); 2 a wrong call; 3 something needed is missing (a server, a
folder, a program). `--output json` prints one JSON value for programs. The language follows the
locale; `MINGJIAN_LANG=en` or `zh` chooses.
"""


def root_command() -> Any:
    """The assembled command with all its subcommands."""
    from typer.main import get_command  # noqa: PLC0415

    from jobs.cli.every import assembled  # noqa: PLC0415

    return get_command(assembled())


def commands(command: Any, name: str = "mingjian") -> Iterator[tuple[str, Any]]:
    """(full name, command or group) of everything below the root, depth first."""
    if name != "mingjian":
        yield name, command
    for key, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {key}")


def is_option(parameter: Any) -> bool:
    """Whether it is written with dashes."""
    return bool(parameter.param_type_name == "option")


def label(parameter: Any) -> str:
    """How a parameter is written: `--config, -c TEXT` or `ALERT`."""
    if not is_option(parameter):
        return f"`{parameter.metavar or parameter.name.upper()}`"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    takes = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return f"`{names}{takes}`"


def default(parameter: Any) -> str:
    """The default as a reader types it; empty when there is none."""
    value = parameter.default
    if callable(value) or value in (None, "", [], ()) or value is False:
        return ""
    return f"`{getattr(value, 'value', value)}`"


def cell(text: str) -> str:
    """Text fit for a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def body(text: str) -> str:
    """Help text as Markdown: paragraphs, and what is indented or an example as code."""
    lines = [line.strip() for line in text.replace("\b", "").strip().splitlines()]
    shown = []
    for line in lines:
        shown.append(f"    {line}" if line.startswith("mingjian ") else line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(shown))


def section(name: str, command: Any) -> str:
    """One command: help, arguments and options, examples."""
    parts = [f"## {name}", body(command.help or "")]
    rows = [
        f"| {cell(label(one))} | {cell(one.help or '')} | {cell(default(one))} |"
        for one in command.params
        if one.name != "help"
    ]
    if rows:
        parts.append("\n".join(["| option | meaning | default |", "| --- | --- | --- |", *rows]))
    if command.epilog:
        parts.append(body(command.epilog))
    return "\n\n".join(parts)


def page() -> str:
    """The whole page."""
    sections = [section(name, command) for name, command in commands(root_command())]
    return "\n".join([INTRODUCTION, "\n\n".join(sections)]) + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
