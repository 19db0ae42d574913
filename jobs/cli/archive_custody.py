"""`mingjian archive custody`: who searched, saw, unmasked, exported; for the auditor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from desk.desk import EXPORTED_BOOK, UNMASKED, Desk
from desk.roles import READ_CUSTODY, reason_given
from desk.written_files import Place, place_for, write_noted
from jobs.archive import archive_target, desk_of, open_index
from jobs.cli.alert_list import milliseconds, when
from jobs.cli.app import (
    ConfigOption,
    Output,
    OutputOption,
    ProfileOption,
    SetOption,
    SinceOption,
    UntilOption,
    emit,
    err,
    out,
    report,
    say,
    settings_from,
)
from jobs.cli.archive_options import TargetOption, WhyOption
from jobs.cli.custody_table import CustodyTable
from jobs.cli.custody_words import ACTIONS, is_unmasked
from jobs.cli.words import plural, visible
from reports.masking import mask_numbers
from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.custody import BookDamaged, Line, named_leaves
from sinks.archive.disposing import disposals_of
from sinks.archive.leaves import CUSTODY, OtherLeaf
from sinks.archive.renewed_book import Renewal, lost_of
from sinks.archive.rows import ArchiveIndex
from sinks.archive.search import as_leaf, leaf_by_id


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "custody",
        help="保管记录：谁检索、查看、导出过什么，为何；并核对其哈希链与账本。\n\n"
        "The custody book: who searched, saw, unmasked, exported what, and why; its chain and its"
        " entries in the ledger are checked.\n\n例 · examples:\n\n"
        "  mingjian archive custody --who zhangsan --since 2026-11-01\n\n"
        "  mingjian archive custody --message 1042 --output json\n\n"
        "  mingjian archive custody --action unmasked --out custody.jsonl --why 年度审计2026",
    )(custody)


def custody(
    *,
    who: Annotated[str, typer.Option("--who", help="某账号所为 · by this account")] = "",
    action: Annotated[
        str,
        typer.Option(
            "--action",
            help="某类操作，如 unmasked（含未脱敏的证据包） · this deed, e.g. unmasked, which"
            " takes in unmasked packs",
        ),
    ] = "",
    message: Annotated[
        str,
        typer.Option(
            "--message",
            help="涉及此消息：编号或消息编号 · about this message: its number or id",
        ),
    ] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="写入此文件，每行一个 JSON，需写明事由 · write them to this file, a JSON each;"
            " needs --why",
        ),
    ] = None,
    why: WhyOption = "",
    target: TargetOption = "",
    profile: ProfileOption = "embedded",
    config: ConfigOption = "",
    overrides: SetOption = [],  # noqa: B006 - Typer's way of saying "none"
    output: OutputOption = Output.text,
) -> None:
    """Print the book."""
    settings = settings_from(profile, config, overrides)
    first, last = milliseconds(since), milliseconds(until, end=True)
    if action and action not in ACTIONS:
        raise _no_action(action)
    archive = archive_target(settings, target)
    desk = desk_of(settings, archive)
    role = desk.allow(READ_CUSTODY)
    reason = reason_given(why, READ_CUSTODY) if file is not None else " ".join(why.split())
    asked = {"who": who, "action": action, "since": first, "until": last}
    asked = {key: value for key, value in asked.items() if value}
    if message:
        number = as_leaf(message.removeprefix("#"))
        asked["of_message"] = message if number is None else number
    index = open_index(settings, archive)
    wanted_message = _Message(index, message) if message else None
    with desk.book.open() as there:
        renewal = desk.book.renewal(there)
    seen = _Seen(index, index.positions().get(CUSTODY, 0), renewal)
    wanted = (
        (line, entered)
        for line, entered in seen.lines(desk.custody(reason, **asked))
        if _fits(line, who, action, wanted_message, first, last)
    )
    if file is not None:
        count = _copied(desk, wanted, place_for(settings, file), role, reason, asked)
        if output is Output.json:
            emit({"out": str(file), "lines": count})
        else:
            words = say(f"✓ {plural(count, 'line')} in {file}", f"✓ {count:,} 行写入 {file}")
            out.print(words, markup=False, soft_wrap=True)
    elif output is Output.json:
        for line, entered in wanted:
            emit(_told(line, entered=entered))
    else:
        table = CustodyTable(out)
        for line, _ in wanted:
            table.add(line)
        table.flush()
    if seen.damaged is not None:
        report(seen.damaged)
    _sum(seen, quiet=output is Output.json)
    if seen.wrong():
        raise typer.Exit(EXIT_FINDINGS)


class _Seen:
    """Counts the book's lines while they are read, and compares each with the ledger.

    `reached` is how many lines the ledger has; `renewal`: that the book was begun anew.
    """

    def __init__(self, index: ArchiveIndex, reached: int, renewal: Renewal | None) -> None:
        self._index, self.reached, self.renewal = index, reached, renewal
        self.count = self.missing = self.waiting = self.last = self.first_missing = 0
        self.numbers: list[int] = []  # of a book begun anew
        self.damaged: BookDamaged | None = None

    def lines(self, book: Iterator[Line]) -> Iterator[tuple[Line, bool]]:
        """Each line, and whether it is in the ledger; up to where the book is damaged."""
        try:
            for line in book:
                self.count, self.last = self.count + 1, line.number
                if self.renewal is not None:
                    self.numbers.append(line.number)
                leaf = OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw))
                entered = bool(self._index.entered([leaf]))
                if not entered and self._due(line.number):
                    self.missing += 1
                    self.first_missing = self.first_missing or line.number
                self.waiting += not entered and line.number > self.reached
                yield line, entered
        except BookDamaged as error:
            self.damaged = error.sure(
                self.reached,
                lambda number, sm3: bool(
                    self._index.entered([OtherLeaf(CUSTODY, str(number), sm3)])
                ),
            )

    def _due(self, number: int) -> bool:
        """Whether the ledger has to have a line of this number."""
        new = self.renewal
        if new and new.told.entered < number < new.number:
            return False  # it was written behind the damage, where nothing was entered any more
        return number <= self.reached

    def wrong(self) -> bool:
        """Whether the book is not what was written."""
        return self.damaged is not None or bool(self.missing) or self.reached > self.last


class _Message:
    """A message by its number or id, also one that was deleted, or that nobody ever found."""

    def __init__(self, index: ArchiveIndex, given: str) -> None:
        leaf = as_leaf(given.removeprefix("#"))
        self._names = {given.removeprefix("#")}
        self._leaves = {leaf} if leaf is not None else set[int]()
        if leaf is None:
            there = leaf_by_id(index, given)
            self._leaves |= {one.leaf for one in disposals_of(index).buried_as(given)}
            self._leaves |= set() if there is None else {there}
        self._names |= {str(one) for one in self._leaves}

    def named_in(self, details: dict[str, Any]) -> bool:
        """Whether a deed was done with it, or somebody wanted it."""
        spans = named_leaves(details)
        if any(first <= leaf <= last for first, last in spans for leaf in self._leaves):
            return True
        query = details.get("query")
        asked = query.get("msgid") if isinstance(query, dict) else None
        given = (details.get("message"), details.get("msgid"), asked)
        return any(str(one).removeprefix("#") in self._names for one in given if one is not None)


def _fits(
    line: Line, who: str, action: str, message: _Message | None, first: int, last: int
) -> bool:
    deed = line.deed
    if who not in ("", deed.who) or deed.at < first or (last and deed.at > last):
        return False
    if action not in ("", deed.action) and not (action == UNMASKED and is_unmasked(deed)):
        return False
    return message is None or message.named_in(deed.details)


def _told(line: Line, *, entered: bool) -> dict[str, Any]:
    """A line for a machine; `sm3` is the digest of its bytes, which the ledger has."""
    return {"n": line.number, **line.deed._asdict(), "in_ledger": entered,
            "sm3": sm3_raw(line.raw)}  # fmt: skip


def _copied(
    desk: Desk,
    wanted: Iterable[tuple[Line, bool]],
    place: Place,
    role: str,
    why: str,
    asked: dict[str, Any],
) -> int:
    """Write these lines to a file: how many. That they were taken is in the book before."""
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for line, entered in wanted:
            count += 1
            yield json.dumps(_told(line, entered=entered), ensure_ascii=False).encode()

    def noted(sm3: str) -> Callable[[], None]:
        line = desk.note(EXPORTED_BOOK, role, why, lines=count, file_sm3=sm3, **asked)
        return partial(desk.not_taken, line)

    write_noted(place, lines(), noted)
    return count


def _sum(seen: _Seen, *, quiet: bool) -> None:
    """What the chain and the ledger say of the book."""
    missing, lines, reached = seen.missing, seen.count, seen.reached
    if missing:
        err.print(
            say(
                f"✗ {plural(missing, 'line')} {'is' if missing == 1 else 'are'} not what was"
                f" entered in the ledger, the first is line {seen.first_missing:,}",
                f"✗ 有 {missing} 行与账本中登记的不同，最早的是第 {seen.first_missing:,} 行",
            ),
            style="bold red",
        )
    if seen.damaged is None and reached > seen.last:
        err.print(
            say(
                f"✗ the ledger has {plural(reached, 'line')} of this book, and it has {lines}: its"
                " end is missing",
                f"✗ 账本登记了 {reached} 行，而本记录只有 {lines} 行：末尾缺失",
            ),
            style="bold red",
        )
    if seen.renewal is not None and seen.damaged is None:
        _print_renewal(seen.renewal, lost_of(seen.renewal.number, seen.numbers))
    if quiet or seen.wrong():
        return
    words = say(f"{plural(lines, 'line')}, an unbroken chain", f"{lines} 行，链条完整")
    if (new := seen.renewal) is not None:
        words = say(
            f"{plural(lines, 'line')}; an unbroken chain from line {new.number:,} on, and in front"
            " of it what is still relied on",
            f"{lines} 行；自第 {new.number:,} 行起链条完整，之前的为仍可采信的行",
        )
    if seen.waiting:
        words += say(f"; {seen.waiting} not in the ledger yet", f"；{seen.waiting} 行尚未登入账本")
    err.print(words, style="dim")


def _print_renewal(new: Renewal, lost: list[tuple[int, int]]) -> None:
    """That the book before was damaged, for as long as this one lasts."""
    which = ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in lost)
    who, why, told = visible(new.who), visible(mask_numbers(new.why)), new.told
    gone = say(f"; of its lines not relied on: {which}", f"；其中不再采信的行：{which}")
    err.print(
        say(
            f"! the custody book before this one {told.wrong}. It was begun anew at line"
            f" {new.number:,} on {when(new.at)} by {who} (because: {why}); the damaged one is kept"
            f" as {told.aside}, SM3 {told.aside_sm3}",
            f"! 保管记录曾损坏；{who} 于 {when(new.at)} 自第 {new.number:,} 行重新开始"
            f"（事由：{why}）；损坏的一本存为 {told.aside}，SM3 {told.aside_sm3}",
        )
        + (gone if lost else ""),
        style="bold yellow",
        markup=False,
        soft_wrap=True,
    )


def _no_action(given: str) -> MingjianError:
    known = ", ".join(ACTIONS)
    return MingjianError(
        f"no deed of the custody book is called '{given[:64]}'",
        f"保管记录中没有名为“{given[:64]}”的操作",
        fix_en=f"one of: {known}",
        fix_zh=f"可用：{known}",
        exit_code=EXIT_USAGE,
    )
