"""`mingjian` with all its commands, or with the one that is called.

A command brings the clients of its servers along, and together they take a second to load, which
nobody who asks for one of them should wait for.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from jobs.cli.app import out

# each command, in the order of the help, and what of this package registers it
COMMANDS = {
    "simulate": ("simulate",),
    "ingest": ("ingest", "ingest_archive", "ingest_media"),
    "detect": ("detect",),
    "heartbeat": ("heartbeat",),
    "deliver": ("deliver",),
    "replay": ("replay",),
    "reconcile": ("reconcile",),
    "rules": ("rules",),
    "lexicons": ("lexicons",),
    "alerts": ("alerts",),
    "quarantine": ("quarantine",),
    "incidents": ("incidents",),
    "canary": ("canary",),
    "completeness": ("completeness",),
    "doctor": ("doctor",),
    "archive": ("archive", "archive_access"),
    "ledger": ("ledger",),
    "retention": ("retention",),
    "report": ("report",),
    "stack": ("stack",),
}


def assembled(called: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with these commands, by default all."""
    app = typer.Typer(
        name="mingjian",
        help="明鉴：读企业微信会话，按规则判定，告警，并给出能自证的证据包。\n\n"
        "Mingjian: judges live WeCom conversations by rules and produces evidence that proves"
        " itself.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for command in called:
        for module in COMMANDS[command]:
            import_module(f"jobs.cli.{module}").register(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"mingjian {version('mingjian')}")
        raise typer.Exit


def _root(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="显示版本并退出 · show the version and exit",
        ),
    ] = False,
) -> None:
    """Options of `mingjian` itself."""
