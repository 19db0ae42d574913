"""`python -m ingest.simulate`: the same command as `mingjian simulate`."""

from __future__ import annotations

import typer

from jobs.cli.simulate import simulate
from rules.errors import MingjianError

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(simulate)
    try:
        app()
    except MingjianError as error:
        raise SystemExit(f"{error.en}\n{error.fix_en}") from None
