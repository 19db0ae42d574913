"""What happened in a group of messages, in words: windows, what they came to, clocks that ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rules.correlation.model import TEMPORAL, Clause, Correlation
from rules.expectations import clock
from rules.explain_beyond import SIGNS, asked
from rules.explain_windows import (
    CLOCK,
    CLOSED,
    LONGEST,
    SLIDING,
    Clock,
    Course,
    Measure,
    Stretch,
)
from rules.explain_words import Said
from rules.spans import span_text

_THINGS = {
    "event_count": Said("messages", "条消息"),
    "value_count": Said("different values", "个不同的取值"),
    "temporal": Said("of the rules", "条规则"),
    "temporal_ordered": Said("steps in their order", "步（按次序）"),
}
_ONE = {"messages": "message", "different values": "value", "steps in their order": "step"}


def course_said(how: Correlation, course: Course, *, signal: bool = False) -> Iterator[Said]:
    """One line for each window and each clock of a group. A `signal` raises no alert itself."""
    for measure in course.measures:
        yield _of_group(course.group, usual(how, measure))
    only_clocks = bool(how.clauses) and all(clause.negative for clause in how.clauses)
    if not only_clocks:
        for one in course.stretches:
            if one.messages:
                yield _of_group(course.group, _stretch(how, one, signal))
    for ran in course.clocks:
        yield _of_group(course.group, _clock(ran, signal))
    if only_clocks and course.clocks:
        yield _of_group(course.group, needed(how))


def _of_group(group: Mapping[str, str], said: Said) -> Said:
    if not group:
        return said
    return Said(f"group {pairs(group)}: {said.en}", f"分组 {pairs(group)}：{said.zh}")


def _stretch(how: Correlation, one: Stretch, signal: bool) -> Said:
    came, wanted = _reached(how, one), needed(how)
    ids = ", ".join(one.messages)
    cancelled = Said("", "")
    if one.cancelled:
        cancelled = Said(
            f"; {one.cancelled} ({how.until}) cancels all before it",
            f"；{one.cancelled}（{how.until}）取消此前的一切",
        )
    absent = ", ".join(one.absent)
    lacks = Said("", "")
    if absent and (how.clauses or how.type in TEMPORAL):
        lacks = Said(f"; not seen: {absent}", f"；没有出现：{absent}")
    outcome = _outcome(one, signal)
    if one.cut == SLIDING:
        when = clock(one.time)
        return Said(
            f"at most {came.en} within {span_text(how.span)} (until {when}: {ids}){lacks.en}"
            f"{cancelled.en}; {wanted.en}{outcome.en}",
            f"{span_text(how.span)} 内最多 {came.zh}（到 {when}：{ids}）{lacks.zh}"
            f"{cancelled.zh}；{wanted.zh}{outcome.zh}",
        )
    cut = _cut(how, one)
    return Said(
        f"window {clock(one.start)} to {clock(one.end)} ({cut.en}): {came.en} ({ids}){lacks.en}"
        f"{cancelled.en}; {wanted.en}{outcome.en}",
        f"窗口 {clock(one.start)} 到 {clock(one.end)}（{cut.zh}）：{came.zh}（{ids}）{lacks.zh}"
        f"{cancelled.zh}；{wanted.zh}{outcome.zh}",
    )


def _cut(how: Correlation, one: Stretch) -> Said:
    """How the window was cut."""
    length, gap = span_text(how.span), span_text(how.gap)
    if one.cut == CLOCK:
        return Said(
            f"tumbling: cut every {length} by the clock, in UTC",
            f"滚动窗口：按 UTC 时钟每 {length} 一切",
        )
    if one.cut == CLOSED:
        return Said(
            f"opened by its first message, closed {length} later, when it is judged",
            f"由第一条消息开启，{length} 后关闭并判定",
        )
    if one.cut == LONGEST:
        return Said(
            f"session: cut because it may last {length} at most",
            f"会话窗口：最长 {length}，到此切断",
        )
    return Said(
        f"session: ended by silence, nothing came within {gap} of its last message",
        f"会话窗口：最后一条之后 {gap} 内没有新消息，到此结束",
    )


def _outcome(one: Stretch, signal: bool) -> Said:
    times = ", ".join(map(clock, one.fired))
    if one.fired and signal:
        return Said(f": reached at {times}", f"：{times} 达到")
    if one.fired:
        return Said(f": reached, alert at {times}", f"：达到，{times} 报警")
    if one.held:
        return Said(": reached, part of the alert before", "：达到，并入前一条告警")
    return Said(": not reached", "：没有达到")


def _reached(how: Correlation, one: Stretch) -> Said:
    if one.reached is None:
        return Said("no number", "没有数值")
    number = f"{one.reached:.15g}"
    if (thing := _THINGS.get(how.type)) is not None:
        en = _ONE.get(thing.en, thing.en) if number == "1" else thing.en
        return Said(f"{number} {en}", f"{number} {thing.zh}")
    return Said(f"{how.type} {number}", f"{how.type} {number}")


def _clock(ran: Clock, signal: bool) -> Said:
    start, end, names = clock(ran.start), clock(ran.end), ", ".join(ran.waits_for)
    en = f"{ran.message} starts the clock at {start}, waiting for {names} until {end}: "
    zh = f"{ran.message} 在 {start} 开始计时，等待 {names}，到 {end} 为止："
    if ran.cancelled:
        return Said(
            f"{en}{ran.cancelled} cancels it (until)", f"{zh}被 {ran.cancelled} 取消（until）"
        )
    if ran.came:
        came = ", ".join(f"{rule} ({one}, {clock(time)})" for one, rule, time in ran.came)
        zh_came = "、".join(f"{rule}（{one}，{clock(time)}）" for one, rule, time in ran.came)
        return Said(f"{en}{came} came, no alert", f"{zh}出现了 {zh_came}，不报警")
    if ran.fired and signal:
        return Said(f"{en}nothing came, so it holds at {end}", f"{zh}没有出现，{end} 成立")
    if ran.fired:
        return Said(f"{en}nothing came, alert at {end}", f"{zh}没有出现，{end} 报警")
    if ran.held:
        return Said(f"{en}nothing came, part of the alert before", f"{zh}没有出现，并入前一条告警")
    lacking = ", ".join(ran.lacking)
    return Said(
        f"{en}nothing came, but {lacking or 'the order'} is lacking, no alert",
        f"{zh}没有出现，但缺少 {lacking or '应有的次序'}，不报警",
    )


def needed(how: Correlation) -> Said:
    """What the condition asks of a window, and what is asked besides."""
    said = (_condition(how), *asked(how))
    return Said(", ".join(one.en for one in said), "，".join(one.zh for one in said))


def _condition(how: Correlation) -> Said:
    if how.bounds and not (how.type in TEMPORAL and not how.fields):
        text = ", ".join(f"{SIGNS[one.operator]} {float(one.limit):.15g}" for one in how.bounds)
        field = f" ({', '.join(how.fields)})" if how.fields else ""
        return Said(f"needed: {how.type}{field} {text}", f"需要：{how.type}{field} {text}")
    clauses = how.clauses or (Clause(tuple(range(len(how.rules)))),)
    ways = [_clause(how, clause.positive, clause.negative) for clause in clauses]
    en, zh = " or ".join(one.en for one in ways), "，或者 ".join(one.zh for one in ways)
    return Said(f"needed: {en}", f"需要：{zh}")


def _clause(how: Correlation, positive: Sequence[int], negative: Sequence[int]) -> Said:
    link = (" then ", " 然后 ") if how.ordered else (" and ", " 与 ")
    there = [how.rules[place] for place in positive]
    not_there = [how.rules[place] for place in negative]
    en, zh = link[0].join(there), link[1].join(there)
    if not_there:
        en += f" without {', '.join(not_there)}"
        zh += f"，且没有 {'、'.join(not_there)}"
    return Said(en, zh)


def pairs(group: Mapping[str, str]) -> str:
    """A group as rules write it: {sender: zhangwei}."""
    return "{" + ", ".join(f"{name}: {value}" for name, value in group.items()) + "}"


def usual(how: Correlation, one: Measure) -> Said:
    """What a window came to beside what is usual for its group."""
    ids, when, value = ", ".join(one.messages), clock(one.time), _short(one.value)
    asked = how.baseline
    en, zh = f"{when} {ids}: {value}", f"{when} {ids}：{value}"
    if asked is None:
        return Said(en, zh)
    over, since = span_text(asked.over), clock(one.known)
    if one.mean is None:
        counts = asked.unknown == "alert"
        return Said(
            f"{en}; the mean of the {over} before is not known yet (first message: {since})"
            + (", and that counts (unknown: alert)" if counts else ", so it does not count"),
            f"{zh}；此前 {over} 的平均值还不知道（第一条消息在 {since}）"
            + ("，照样算（unknown: alert）" if counts else "，所以不算"),
        )
    mean, least = _short(one.mean), _short(one.mean * float(asked.ratio))
    return Said(
        f"{en}; the mean of the {over} before is {mean}, {least} or more is wanted: "
        + ("enough" if one.enough else "not enough"),
        f"{zh}；此前 {over} 的平均值是 {mean}，至少要 {least}：" + ("够" if one.enough else "不够"),
    )


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}"
