"""Retention for a terminal: schedules, holds, plans, and what is kept of somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from jobs.cli.alert_list import when
from jobs.cli.app import err, language, out, say
from jobs.cli.words import plural, visible
from rules.errors import MingjianError
from rules.retention.holds import Hold, HoldScope
from rules.retention.periods import FOREVER, Period, day_of
from rules.retention.policies import Policy
from sinks.archive.disposable import Spans
from sinks.archive.disposal_plan import Plan
from sinks.archive.plan_states import APPROVED, DONE, LOST, MADE, STALE, WORKING, PlanState
from sinks.archive.requests import Earlier
from sinks.archive.standings import HELD, HELD_ALONE, KEPT, OVER, PROPOSED, TO_GO

STATES = {
    MADE: ("waits for approval", "待批准", "yellow"),
    APPROVED: ("approved, waits for `mingjian deliver`", "已批准，待投递进程执行", "cyan"),
    WORKING: ("being carried out", "执行中", "cyan"),
    DONE: ("carried out", "已执行", "green"),
    STALE: ("void: a schedule was put in force since", "已失效：其后启用过留存策略", "dim"),
    LOST: (
        "its file is missing or was altered: not carried out",
        "计划文件缺失或被改动：不会执行",
        "red",
    ),
}
STAYED = {
    "held": ("held", "受法律保全"),
    "changed": ("changed since it was planned", "计划之后情况有变"),
    "not_due": ("not due", "尚未到期"),
    "void": ("not deleted when it became void", "失效时尚未删除"),
    "stuck": ("beside one that cannot be opened", "同一分段中有打不开的消息"),
}
_STANDS = {
    KEPT: ("", ""),
    HELD: ("held besides, no day known", "另受保全，截止日未定"),
    HELD_ALONE: ("period over, held, no day known", "期限已满，受保全，截止日未定"),
    OVER: ("period over, in no plan", "期限已满，未列入计划"),
    PROPOSED: ("proposed, not approved", "已提出删除，待批准"),
    TO_GO: ("approved, not deleted yet", "已批准删除，尚未执行"),
}
_SCOPE = {
    "employee": ("person", "人员"),
    "customer": ("customer", "客户"),
    "room": ("room", "群"),
    "conversation": ("conversation", "会话"),
    "since": ("from", "自"),
    "until": ("before", "早于"),
    "text": ("words", "文字"),
    "alert": ("alert", "告警"),
    "rule": ("rule", "规则"),
}
_LISTS = {
    "departments": ("departments", "部门"),
    "people": ("people", "人员"),
    "rooms": ("rooms", "群"),
    "types": ("types", "类型"),
    "kinds": ("kinds", "类别"),
}
SHORT = 16
_NUMBERS = 8


@contextmanager
def counting(words: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar while messages are looked at; told the number of the last one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(words, total=total)
        yield lambda leaf: bar.update(task, completed=leaf + 1)


def period(one: Period) -> str:
    """A period in the reader's language."""
    return say(str(one), one.zh())


def print_policies(console: Console, policies: Sequence[Policy]) -> None:
    """One policy a line: how long, for what, by which law."""
    table = _table()
    for one in policies:
        keep = period(one.keep)
        if one.business != Period():
            ends = period(one.business)
            keep += say(f" after {ends} of business", f"（业务最迟在消息后 {ends}结束）")
        duty = say("duty", "法定义务") if one.duty else ""
        table.add_row(Text(visible(one.name), "bold"), keep, _for(one), _cell(one.law), duty)
    console.print(table)


def scope_words(scope: HoldScope) -> str:
    """What a hold is for."""
    told = []
    for name, words in _SCOPE.items():
        value = getattr(scope, name)
        if value:
            shown = when(value) if isinstance(value, int) else visible(value)
            told.append(f"{say(*words)} {shown}")
    return say(", ", "、").join(told)


def print_hold(console: Console, hold: Hold) -> None:
    """A hold on one line, and who placed and lifted it on others."""
    line = Text(visible(hold.id), "bold")
    state = say("lifted", "已解除") if hold.lifted else say("in force", "生效中")
    line.append(f"  {state}", "dim" if hold.lifted else "green")
    line.append(f"  {scope_words(hold.scope)}")
    console.print(line, soft_wrap=True)
    for deed, en, zh in ((hold.placed, "placed", "设置"), (hold.lifted, "lifted", "解除")):
        if deed is not None:
            why = say(f"because: {visible(deed.why)}", f"事由：{visible(deed.why)}")
            console.print(
                f"    {when(deed.at)}  {say(en, zh)}  {visible(deed.who)}  {why}",
                style="dim", soft_wrap=True, markup=False,
            )  # fmt: skip


def print_plan(console: Console, plan: Plan) -> None:
    """What a plan lets go and what is due but held."""
    held = sum(count.held for count in plan.by_month.values())
    going = len(plan.messages)
    console.print(
        say(
            f"{plural(going, 'message')} may go; {held:,} more are due but held",
            f"{going:,} 条可以删除；另有 {held:,} 条到期但受法律保全",
        ),
        style="bold",
    )
    for title, counts in (
        (say("by policy", "按策略"), plan.by_policy),
        (say("by month", "按月份"), plan.by_month),
    ):
        if counts:
            table = _table(title, say("may go", "可删除"), say("held", "受保全"))
            for name, count in sorted(counts.items()):
                shown = _cell(name) or say("no policy", "无策略")
                table.add_row(shown, f"{count.going:,}", f"{count.held:,}")
            console.print(table)
    if plan.by_hold:
        table = _table(say("held by", "法律保全"), say("messages", "消息"))
        for name, number in sorted(plan.by_hold.items()):
            table.add_row(_cell(name), f"{number:,}")
        console.print(table)
    if plan.unreadable:
        console.print(
            say(
                f"{plural(plan.unreadable, 'message')} of these cannot be opened; what cannot be"
                " known counts as held or as covered by a longer policy",
                f"其中 {plan.unreadable:,} 条打不开；无从得知的，视为受保全或适用更长的策略",
            ),
            style="yellow", soft_wrap=True,
        )  # fmt: skip
    if plan.more:
        console.print(
            say("there is more than one plan takes: make another after this one",
                "超出一个计划的上限：执行后请再制定一个"),
            style="yellow",
        )  # fmt: skip


def print_state(console: Console, state: PlanState) -> None:
    """A plan on one line."""
    en, zh, style = STATES[state.state]
    line = Text(state.plan[:SHORT], "bold")
    line.append(f"  {when(state.made.at)}  {visible(state.made.who)}  ", "dim")
    line.append(say(en, zh), style)
    line.append(say(f"  {state.gone:,} of {plural(state.messages, 'message')} gone",
                    f"  已删除 {state.gone:,} / {state.messages:,} 条"))  # fmt: skip
    if state.before:
        line.append(say(f"  {state.before:,} had gone by another plan",
                        f"  {state.before:,} 条此前已按其他计划删除"))  # fmt: skip
    if state.stayed:
        line.append("  " + stayed_words(state.stayed), "yellow")
    if state.damaged:
        line.append(say("  what was done by it is not there as it was written down",
                        "  其执行记录缺失或与登记不符"), "red")  # fmt: skip
    line.append(say(f"  because: {visible(state.made.why)}", f"  事由：{visible(state.made.why)}"))
    console.print(line, soft_wrap=True)


def print_lacking(console: Console, lacking: Iterable[str]) -> None:
    """Alerts that holds are on, and that the archive does not know."""
    for alert in sorted(lacking):
        shown = visible(alert)
        console.print(
            say(f"! a hold is on the alert {shown}, which the archive has not taken: until it has,"
                " nothing is deleted that the hold may be for",
                f"! 有法律保全针对告警 {shown}，归档尚未收到：在此之前，可能受保全的消息不会删除"),
            style="yellow", soft_wrap=True, markup=False,
        )  # fmt: skip


def stayed_words(stayed: Mapping[str, int]) -> str:
    """How many stayed, and why."""
    parts = [f"{say(*STAYED.get(why, (why, why)))} {count:,}" for why, count in stayed.items()]
    return say("stayed: ", "保留：") + say(", ", "、").join(parts)


def print_uncounted(console: Console, why: MingjianError) -> None:
    """That it is in force and was not counted."""
    words = say(f"not counted: {why.en}", f"未统计：{why.zh}")
    console.print(words, style="yellow", soft_wrap=True, markup=False)


def print_counts(console: Console, title: str, counts: Mapping[str, int]) -> None:
    """Names with numbers."""
    if counts:
        table = _table(title, "")
        for name, number in counts.items():
            table.add_row(_cell(name) or "-", f"{number:,}")
        console.print(table)


def print_kept(console: Console, kept: Sequence[Mapping[str, Any]]) -> None:
    """By which policy, on what law, until when its period runs, and how that stands."""
    period_ends = say("period until", "期限最迟至")
    table = _table(say("kept by", "保存依据"), say("messages", "消息"), period_ends, "", "")
    for one in kept:
        title = one["title_zh"] if language() == "zh" else one["title_en"]
        name = title or one["policy"] or say("no policy", "无策略")
        last = one["last"]
        until = say("no end", "无期限") if last is None else last_day(last)
        stands = say(*_STANDS[one["standing"]])
        table.add_row(_cell(name), f"{one['messages']:,}", until, stands, _cell(one["law"]))
    if kept:
        console.print(table)


def print_holding(console: Console, held: Mapping[str, int], holds: Sequence[Hold]) -> None:
    """Which holds hold how many of them, since when, by whom and why; for the officer alone."""
    by_id = {hold.id: hold for hold in holds}
    for name, number in held.items():
        line = Text(say("held by ", "法律保全 "))
        line.append(visible(name), "bold")
        line.append(say(f"  {plural(number, 'message')}", f"  {number:,} 条"))
        if (hold := by_id.get(name)) is not None:
            at, who, why = hold.placed.at, visible(hold.placed.who), visible(hold.placed.why)
            line.append(
                say(f"  since {when(at)} by {who}, because: {why}",
                    f"  自 {when(at)} 起，由 {who} 设置，事由：{why}"),
                "dim",
            )  # fmt: skip
        console.print(line, soft_wrap=True)


def print_requests(console: Console, requests: Sequence[Earlier]) -> None:
    """Requests for erasure that were answered before, and what became of them."""
    for one in requests:
        line = Text(say("request ", "删除请求 "))
        line.append(f"{when(one.at)}  ", "dim")
        line.append(visible(one.why), "bold")
        if one.state in STATES:
            en, zh, style = STATES[one.state]
            line.append(say(f"  plan {one.plan[:SHORT]} ", f"  计划 {one.plan[:SHORT]} "))
            line.append(say(en, zh), style)
            line.append(say(f"  {one.gone():,} of {plural(one.goes, 'message')} gone",
                            f"  已删除 {one.gone():,} / {one.goes:,} 条"))  # fmt: skip
        if one.deleted:
            line.append(say("  tombstones: ", "  墓碑：") + _numbers(one.deleted))
        if one.stayed:
            line.append("  " + stayed_words(one.stayed), "yellow")
        if one.stays:
            line.append(say(f"  {one.stays:,} had to stay", f"  {one.stays:,} 条须保留"))
        console.print(line, soft_wrap=True)


def _numbers(found: Spans) -> str:
    """The first of some numbers of messages, as `mingjian archive show` takes them."""
    told = [f"#{first}" if first == last else f"#{first}–#{last}" for first, last in found]
    more = say(f", and {len(told) - _NUMBERS:,} more", f" 等 {len(told):,} 段")
    return say(", ", "、").join(told[:_NUMBERS]) + more * (len(told) > _NUMBERS)


def last_day(until: int) -> str:
    """The last day before a moment (UTC ms)."""
    return f"{day_of(min(until, FOREVER) - 1):%Y-%m-%d}"


def print_letter(letters: Mapping[str, str]) -> None:
    """The letter in both languages."""
    for name, title in (("zh", "中文"), ("en", "English")):
        out.print(f"── {title} ──", style="dim")
        out.print(letters[name], markup=False, soft_wrap=True)


def _for(policy: Policy) -> str:
    told = []
    for name, words in _LISTS.items():
        values = getattr(policy.scope, name)
        if values:
            told.append(f"{say(*words)}: {', '.join(map(_cell, values))}")
    return "; ".join(told) or say("everything", "全部")


def _cell(text: str) -> str:
    """What somebody wrote, as it is safe to show and no markup."""
    return escape(visible(text))


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=bool(headings), header_style="dim")
    for number, heading in enumerate(headings or [""] * 5):
        right = bool(headings) and number > 0 and bool(heading)
        table.add_column(heading, overflow="fold", justify="right" if right else "left")
    return table
