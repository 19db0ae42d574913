"""The custody book for a terminal: a table where there is room, else two lines a deed.

Into a pipe goes one line each, however long, as `grep` wants it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from desk.roles import role_words
from jobs.cli.alert_list import when
from jobs.cli.app import say
from jobs.cli.custody_words import action_words, details_words, is_unmasked, what, why_words
from jobs.cli.words import visible
from rules.zone import SHANGHAI
from sinks.archive.custody import Line
from sinks.archive.renewed_book import RENEWED

_TABLE = 140  # cells that make a table worth it
_AT_ONCE = 500  # rows whose columns are made equally wide
_INDENT = 8
_STYLES = {
    "refused": "bold red",
    "unmasked": "yellow",
    "exported": "yellow",
    "exported_custody": "yellow",
    "hold_lifted": "yellow",
    "disposal_approved": "yellow",
    "messages_deleted": "bold yellow",
    RENEWED: "bold red",
}


class _Cells(NamedTuple):
    """A line of the book in words."""

    number: Text
    time: Text
    who: Text
    role: Text
    action: Text
    what: Text
    details: Text
    why: Text


class CustodyTable:
    """Prints lines of the book in the order given; the headings come with the first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        pipe = not console.is_terminal and not os.environ.get("COLUMNS")
        self._width = 0 if pipe else console.width
        self._waiting: list[_Cells] = []
        self._begun = False

    def add(self, line: Line) -> None:
        """Take a line; it is printed at once, or with those that come after it."""
        self._waiting.append(_cells(line))
        if len(self._waiting) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Print what waits."""
        rows, self._waiting = self._waiting, []
        if not rows:
            return
        if self._width >= _TABLE:
            self._console.print(self._table(rows))
        else:
            self._lines(rows)
        self._begun = True

    def _table(self, rows: Sequence[_Cells]) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False,
                      show_header=not self._begun)  # fmt: skip
        for name, heading in zip(_Cells._fields, _headings(), strict=True):
            free = name in ("what", "details", "why")
            right = "right" if name == "number" else "left"
            table.add_column(heading, justify=right, no_wrap=not free, overflow="fold")
        for row in rows:
            table.add_row(*row)
        return table

    def _lines(self, rows: Sequence[_Cells]) -> None:
        if not self._begun:
            self._console.print(Text("  ".join(_headings()), "dim"), soft_wrap=not self._width)
        for row in rows:
            head = Text("  ").join(part for part in row[:5] if part.plain)
            why = Text(say("because: ", "事由：")) + row.why if row.why.plain else row.why
            rest = [part for part in (row.what, row.details, why) if part.plain]
            if not self._width:
                self._console.print(Text("  ").join([head, *rest]), soft_wrap=True)
                continue
            self._console.print(head)
            if rest:
                self._console.print(Padding(Text("  ").join(rest), (0, 0, 0, _INDENT)))


def _headings() -> tuple[str, ...]:
    zone = SHANGHAI.key
    return (
        say("no.", "序号"), say(f"time ({zone})", f"时间（{zone}）"), say("who", "人员"),
        say("role", "角色"), say("did", "操作"), say("on what", "对象"), say("details", "详情"),
        say("reason", "事由"),
    )  # fmt: skip


def _cells(line: Line) -> _Cells:
    deed = line.deed
    role = say(*role_words(deed.role)) if deed.role else "-"
    style = "bold yellow" if is_unmasked(deed) else _STYLES.get(deed.action, "cyan")
    return _Cells(
        Text(str(line.number), "dim"),
        Text(when(deed.at), "dim"),
        Text(visible(deed.who), "bold"),
        Text(visible(role), "dim"),
        Text(visible(action_words(deed)), style),
        Text(what(deed)),
        Text(details_words(deed)),
        Text(why_words(deed)),
    )
