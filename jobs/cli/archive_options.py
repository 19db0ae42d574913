"""Options that the commands about the archive share."""

from __future__ import annotations

from typing import Annotated

import typer

WhyOption = Annotated[
    str, typer.Option("--why", "-w", help="事由或工单号，记入保管记录 · reason or ticket")
]
TargetOption = Annotated[
    str, typer.Option("--target", help="归档目标名，默认第一个 · which archive; default: the first")
]
