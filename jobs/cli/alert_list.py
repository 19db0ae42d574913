"""Lists for a terminal: one line an alert where there is room, else a few lines that stay readable.

A narrow terminal gets a heading for each day, a line that says which alert, and below it what
happened. Into a pipe goes one line each, however long, as `grep` wants it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from jobs.cli.app import say
from jobs.cli.words import action, colour, how_long, level, status, visible, would
from rules.alert import FINAL, RETRACTED
from rules.errors import EXIT_USAGE, MingjianError
from rules.quarantine import REASONS
from rules.zone import SHANGHAI

SHORT_ID = 12
_GAP = 2
_INDENT = 4
_ROOM = 60  # cells for what happened that make one line worth it
_WIDEST_ACTOR = 16

Row = dict[str, Any]


def when(milliseconds: int) -> str:
    """Local time of an event; "-" for 0 = unknown."""
    if not milliseconds:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def milliseconds(text: str, *, end: bool = False) -> int:
    """UTC milliseconds of a local date or time; a date alone as `end` means its last moment."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MingjianError(
            f"'{text}' is not a time",
            f"“{text}”不是有效的时间",
            fix_en="write 2026-11-20 or 2026-11-20T09:00",
            fix_zh="请写成 2026-11-20 或 2026-11-20T09:00",
            exit_code=EXIT_USAGE,
        ) from None
    if end and len(text) == len("2026-11-20"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_000)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return int(moment.timestamp() * 1000)


class AlertList:
    """Prints alerts, also some at a time: columns keep their width, a day is named once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = 0 if _into_a_pipe(console) else console.width
        self._levels = self._actors = self._rules = 0
        self._day = ""

    def print(self, rows: Sequence[Row]) -> None:
        """Print the rows in the order given."""
        for row in rows:
            self._levels = max(self._levels, level(row["rule"]["response"]).cell_len)
            self._actors = max(self._actors, cell_len(visible(row["actor"])))
            self._rules = max(self._rules, cell_len(row["rule"]["name"]))
        for row in rows:
            if self._width:
                self._print_fitting(row)
            else:
                self._console.print(self._line(row), soft_wrap=True)

    def _print_fitting(self, row: Row) -> None:
        head = self._line(row, what=False)
        if head.cell_len + _GAP + _ROOM <= self._width:
            self._console.print(
                _hanging(self._console, head + Text(" " * _GAP), _what(row), self._width),
                soft_wrap=True,
            )
            return
        day, _, clock = when(row["time"]).partition(" ")
        if day != self._day:
            self._day = day
            self._console.print(Text(day, "bold"))
        for line in self._block(row, clock or "-"):
            self._console.print(line, soft_wrap=True)

    def _block(self, row: Row, clock: str) -> Iterator[Text]:
        """Which alert, and what happened; the rule moves down when the line is full."""
        cells = [_id(row), Text(clock), _padded(level(row["rule"]["response"]), self._levels)]
        actor, rule = _actor(row), Text(row["rule"]["name"], "blue")
        head = _joined([*cells, _padded(actor, min(self._actors, _WIDEST_ACTOR)), rule])
        if head.cell_len > self._width:
            head = _joined([*cells, actor, rule])
        below = [_what(row)]
        if head.cell_len > self._width:
            head = _joined([*cells, actor])
            below.insert(0, rule)
        head.truncate(self._width, overflow="ellipsis")
        yield head
        for text in below:
            yield _hanging(self._console, Text(" " * _INDENT), text, self._width)

    def _line(self, row: Row, *, what: bool = True) -> Text:
        cells = [
            _id(row),
            Text(when(row["time"]), "dim"),
            _padded(level(row["rule"]["response"]), self._levels),
            _padded(_actor(row), min(self._actors, _WIDEST_ACTOR)),
            _padded(Text(row["rule"]["name"], "blue"), self._rules),
        ]
        return _joined([*cells, _what(row)] if what else cells)


def print_quarantine(console: Console, rows: Sequence[Row]) -> None:
    """Print quarantined records under their reasons, newest first under each."""
    by_reason: dict[str, list[Row]] = {}
    for row in rows:
        by_reason.setdefault(row["reason"], []).append(row)
    sizes = max(len(f"{row['raw_size']:,}") for row in rows)
    pipe = _into_a_pipe(console)
    for key, members in by_reason.items():
        title = Text(reason(key), "bold")
        title.append(f"  {key} · {len(members):,}", "dim")
        console.print(title, soft_wrap=pipe)
        for row in members:
            head = _joined(
                [
                    Text("  " + row["quarantine_id"][:SHORT_ID], "dim"),
                    Text(
                        say(f"{row['raw_size']:>{sizes},} B", f"{row['raw_size']:>{sizes},} 字节")
                    ),
                ]
            )
            place = Text(visible(position(row)), "blue", overflow="fold")
            detail = Text(visible(row.get("detail", "")), overflow="fold")
            if done := last_deed(row):
                detail.append(("  " if detail.plain else "") + done, "green")
            whole = _joined([cell for cell in (head, place, detail) if cell.plain])
            if pipe or whole.cell_len <= console.width:
                console.print(whole, soft_wrap=True)
                continue
            if head.cell_len + _GAP + place.cell_len <= console.width:
                head, below = _joined([head, place]), [detail]
            else:
                below = [place, detail]
            console.print(head, soft_wrap=True)
            for text in below:
                if text.plain:
                    line = _hanging(console, Text(" " * _INDENT), text, console.width)
                    console.print(line, soft_wrap=True)


def print_late(console: Console, rows: Sequence[Row]) -> None:
    """Print late records: how late each was and what it would have done, then what it was."""
    spans = [how_long(row["watermark"] - row["time"]) for row in rows]
    delays = [Text(say(f"{span} late", f"迟 {span}")) for span in spans]
    answers = [would(row.get("would_have_fired", "")) for row in rows]
    late, said = (max(text.cell_len for text in column) for column in (delays, answers))
    named = max(cell_len(row["rule"]) for row in rows)
    pipe = _into_a_pipe(console)
    for row, delay, answer in zip(rows, delays, answers, strict=True):
        cells = [
            Text(row["late_id"][:SHORT_ID], "dim"),
            Text(when(row["time"]), "dim"),
            _padded(delay, late),
        ]
        rule, group = Text(visible(row["rule"]), "blue"), Text(_pairs(row.get("group", {})))
        which = Text(f"{visible(row['msgid'])}  {visible(position(row))}", "dim")
        what = [cell for cell in (group, which) if cell.plain]
        whole = _joined([*cells, _padded(answer, said), _padded(rule, named), *what])
        if pipe or whole.cell_len <= console.width:
            console.print(whole, soft_wrap=True)
            continue
        for start, text in (
            ("", _joined(cells)),
            (" " * _INDENT, _joined([answer, rule])),
            (" " * _INDENT, _joined(what)),
        ):
            console.print(_hanging(console, Text(start), text, console.width), soft_wrap=True)


def position(row: Row) -> str:
    """Where a record stands, for a person."""
    place = row["position"]
    if place["source"].startswith("kafka:"):
        return f"{place['source']}[{place.get('partition', 0)}]@{place.get('offset', 0)}"
    name: str = place["source"].removeprefix("file:")
    return f"{name}:{place['line']}" if place.get("line") else name


def last_deed(row: Row) -> str:
    """What was last done with a quarantined record, and by whom; "" for nothing."""
    deeds = row.get("handled")
    if not deeds:
        return ""
    deed = deeds[-1]
    what, by, at = action(deed["action"]), visible(deed["by"]), when(deed["time"])
    return say(f"{what} by {by} {at}", f"{by} {at} {what}")


def reason(key: str) -> str:
    """A quarantine reason in the reader's language."""
    known = REASONS.get(key)
    return say(known.en, known.zh) if known else key


def _pairs(group: Mapping[str, str]) -> str:
    """A group as rules write it, masked when it was written: {sender: zhangwei}; "" for none."""
    if not group:
        return ""
    return "{" + ", ".join(f"{key}: {visible(value)}" for key, value in group.items()) + "}"


def _into_a_pipe(console: Console) -> bool:
    return not console.is_terminal and not os.environ.get("COLUMNS")


def _id(row: Row) -> Text:
    return Text(row["alert_id"][:SHORT_ID], "dim")


def _actor(row: Row) -> Text:
    return Text(visible(row["actor"]) or "-", "bold")


def _what(row: Row) -> Text:
    """What happened; before it, unless it is settled, how sure that is."""
    how_sure = row.get("status", FINAL)
    if how_sure == FINAL:
        return Text(visible(row["summary"]), colour(row["rule"]["response"]))
    style = "dim strike" if how_sure == RETRACTED else colour(row["rule"]["response"])
    return Text(f"[{status(how_sure)}] ", "dim") + Text(visible(row["summary"]), style)


def _hanging(console: Console, start: Text, text: Text, width: int) -> Text:
    """`text` after `start`, its further lines below its first, nothing behind their ends."""
    lines = text.wrap(console, width - start.cell_len, overflow="fold")
    for line in lines:
        line.rstrip()
    return start + Text("\n" + " " * start.cell_len).join(lines)


def _padded(text: Text, width: int) -> Text:
    return text + Text(" " * max(0, width - text.cell_len))


def _joined(cells: Sequence[Text]) -> Text:
    return Text(" " * _GAP).join(cells)
