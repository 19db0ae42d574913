"""`mingjian report month`: the monthly report that a regulator is given."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    err,
    say,
    settings_from,
)
from jobs.cli.report_make import at_the_desk, wish_of
from jobs.cli.report_options import ByOption, GivenOption, LangOption, OutOption, ReasonOption
from jobs.cli.report_told import same_settings, tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "month",
        help="合规月报：告警、查阅、完整性的统计与图表，附可重新计数的数据。\n\n"
        "The monthly report: figures and charts of alerts, looks and completeness, with the data to"
        " count them again.\n\n"
        "例 · example:\n\n  mingjian report month 2026-10 --reason 月度报送",
    )(month)


def month(
    *,
    which: Annotated[str, typer.Argument(metavar="MONTH", help="月份，如 2026-10 · e.g. 2026-10")],
    folder: OutOption = None,
    reason: ReasonOption = "",
    created_by: ByOption = "",
    given: GivenOption = None,
    lang: LangOption = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - typer reads the default
    output: OutputOption = Output.text,
) -> None:
    """Build and store the report of a month."""
    # Imported here: it takes half a second, which every other command would wait for.
    from jobs.month import make_month  # noqa: PLC0415

    started = time.monotonic()
    settings = settings_from(profile, config, overrides)
    wish = wish_of(settings, folder, reason, created_by, lang)
    wish, before = at_the_desk(settings, wish, which, given)
    made = make_month(settings, which, wish, before)
    if not made.alerts:
        err.print(
            say(
                f"no alert of {which} is in the index: that figure counts only if the messages of"
                " that month were judged and delivered (`mingjian completeness`)",
                f"索引中没有 {which} 的告警：只有当月消息均已判定并投递时该数字才有意义"
                "（`mingjian completeness` 可核对）",
            ),
            style="yellow",
            markup=False,
        )
    tell(
        made._asdict(),
        time.monotonic() - started,
        same_settings(profile, config, overrides),
        output,
    )
