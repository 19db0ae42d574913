"""Judgement of how far each target and channel is behind. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.doctor.findings import FAIL, NONE, OK, UNKNOWN, WARN, Finding, span_en, span_zh
from jobs.doctor.observed import Lag

_SLOW_MS, _STUCK_MS = 60_000, 600_000


def records(count: int) -> str:
    """A number of records, in English."""
    return f"{count:,} record{'' if count == 1 else 's'}"


def delivery(seen: Sequence[Lag], now: int) -> list[Finding]:
    """How far each target and channel is behind, in records and time."""
    found, done = [], []
    for one in seen:
        if one.problem:
            found.append(
                Finding(
                    "delivery",
                    UNKNOWN,
                    f"{one.target}: {one.problem}",
                    f"{one.target}：{one.problem}",
                )
            )
            continue
        if one.lost:
            found.append(_lost(one))
        behind = _behind(one, now)
        if behind is None:
            done.append(f"{one.target} {one.left:,}")
        else:
            found.append(behind)
    if done:
        words = ", ".join(done)
        found.append(Finding("delivery", OK, f"records behind: {words}", f"落后条数：{words}"))
    return found or [Finding("delivery", NONE, "no target", "没有投递目标")]


def _lost(one: Lag) -> Finding:
    """What nobody can deliver any more."""
    return Finding(
        "delivery",
        FAIL,
        f"{one.target}: {records(one.lost)} were removed from the topics undelivered",
        f"{one.target}：{one.lost:,} 条尚未投递便已被主题清除",
        "raise kafka.retention_ms; what is gone can be judged anew while its messages are kept:"
        " mingjian replay",
        "请调大 kafka.retention_ms；只要消息仍在，可用 mingjian replay 重新判定",
    )


def _behind(one: Lag, now: int) -> Finding | None:
    """None: it is not, or not for long."""
    age = max(0, now - one.oldest) if one.left and one.oldest else 0
    fix = "mingjian deliver --once" if one.reader is None else "mingjian deliver --follow"
    if one.reader is False:
        state = FAIL if one.left else WARN
        why = ("nobody delivers to it", "没有投递进程")
    elif age > _SLOW_MS:
        state = FAIL if age > _STUCK_MS else WARN
        why = (f"waiting for {span_en(age)}", f"已等待 {span_zh(age)}")
        if one.untold:
            fix = f"mingjian alerts send-test --channel {one.target}"
    else:
        return None
    untold = ("", "")
    if one.untold:
        count = f"{one.untold:,}"
        untold = (f", {count} of them not told to people", f"，其中 {count} 条未通知到人")
    return Finding(
        "delivery",
        state,
        f"{one.target}: {records(one.left)} behind{untold[0]}, {why[0]}",
        f"{one.target}：落后 {one.left:,} 条{untold[1]}，{why[1]}",
        fix,
        fix,
    )
