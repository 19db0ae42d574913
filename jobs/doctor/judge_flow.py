"""Judgements of what goes out: incidents, targets, what is set aside. Pure. How far delivery is:
`jobs.doctor.judge_delivery`; collectors and canaries: `jobs.doctor.judge_intake`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.completeness.lines import DIFFERS, ON_THE_WAY, why_zh
from jobs.doctor.findings import FAIL, NONE, OK, UNKNOWN, WARN, Finding, span_en, span_zh
from jobs.doctor.judge_delivery import records
from jobs.doctor.observed import (
    STALE_MS,
    Answer,
    Complete,
    Judged,
    Refused,
    Shelved,
)
from rules.operations import INCIDENTS

_NAMED = 3


def incidents(open_: Mapping[str, int]) -> list[Finding]:
    """Those that are open, by kind."""
    found = []
    for kind, count in sorted(open_.items()):
        known = INCIDENTS.get(kind)
        en, zh = (known.en, known.zh) if known else ("", "")
        critical = known is None or known.severity == "critical"
        found.append(
            Finding(
                "incidents",
                FAIL if critical else WARN,
                f"{count:,} open {kind}: {en}",
                f"{kind} {count:,} 条未结束：{zh}",
                "mingjian incidents list --open",
                "mingjian incidents list --open",
            )
        )
    return found or [Finding("incidents", OK, "none is open", "没有未结束的")]


def targets(seen: Sequence[Answer]) -> list[Finding]:
    """Each answers, and takes writes."""
    found = []
    for one in seen:
        if one.problem or one.blocked:
            what = one.problem or one.blocked
            en = f"{one.target}: {'no answer' if one.problem else 'takes no writes'}: {what}"
            zh = f"{one.target}：{'无应答' if one.problem else '不接受写入'}：{what}"
            if one.problem_zh:  # it says itself which target, and where
                en, zh = one.problem, one.problem_zh
            safe = "nothing is lost meanwhile: what was judged waits to be delivered"
            safe_zh = "期间不会丢失：判定结果在等待投递"
            fix = f"{one.fix[0]}; {safe}" if one.fix[0] else safe
            fix_zh = f"{one.fix[1]}；{safe_zh}" if one.fix[1] else safe_zh
            found.append(Finding("targets", FAIL, en, zh, fix, fix_zh))
    fine = [one for one in seen if not (one.problem or one.blocked)]
    if fine:
        words = ", ".join(f"{one.target} ({one.detail or one.kind})" for one in fine)
        found.append(Finding("targets", OK, words, words))
    nothing = Finding("targets", FAIL, "the settings name no target", "配置中没有投递目标")
    return found or [nothing]


def refused(seen: Sequence[Refused]) -> list[Finding]:
    """What a target refused is in no index; of what a channel refused nobody was told."""
    found = [
        Finding(
            "refused",
            FAIL,
            f"{one.target} refused {records(one.records)}: {one.reason}",
            f"{one.target} 拒收 {one.records:,} 条：{one.reason}",
            f"mingjian quarantine list --target {one.target}",
            f"mingjian quarantine list --target {one.target}",
        )
        for one in seen
        if one.records
    ]
    return found or [Finding("refused", OK, "none", "没有")]


def quarantine(seen: Shelved) -> list[Finding]:
    """Records that nobody has dealt with."""
    count = sum(seen.by_reason.values())
    if not count:
        return [Finding("quarantine", OK, "nothing waits for somebody", "没有待处理的")]
    most = sorted(seen.by_reason.items(), key=lambda one: (-one[1], one[0]))[:_NAMED]
    named = ", ".join(f"{reason} {number:,}" for reason, number in most)
    named += f", … ({len(seen.by_reason)})" if len(seen.by_reason) > _NAMED else ""
    at_least = ("at least ", "至少 ") if seen.more else ("", "")
    return [
        Finding(
            "quarantine",
            WARN,
            f"{at_least[0]}{count:,} records wait for somebody: {named}",
            f"{at_least[1]}{count:,} 条待处理：{named}",
            "mingjian quarantine list",
            "mingjian quarantine list",
        )
    ]


def completeness(seen: Complete, now: int) -> list[Finding]:
    """The last check of a whole hour: what was lost between steps."""
    fix = "mingjian completeness --every 3600"
    if seen.found is None:
        words = ("it was never checked", "从未核对")
        return [Finding("completeness", UNKNOWN, *words, fix, fix)]
    found, ago = seen.found, now - seen.found.end
    en, zh = f"the hour that ended {span_en(ago)} ago", f"{span_zh(ago)}前结束的那一小时"
    wrong = [line for line in found.lines if line.state == DIFFERS]
    if wrong:
        lost = sum(line.missing for line in wrong)
        places = ", ".join(dict.fromkeys(line.of for line in wrong))
        return [
            Finding(
                "completeness",
                FAIL,
                f"{en}: {lost:,} are missing ({places})",
                f"{zh}：缺 {lost:,} 条（{places}）",
                "mingjian completeness",
                "mingjian completeness",
            )
        ]
    if found.state == UNKNOWN:
        dark = [(f"{line.step} {line.of}", line.why) for line in found.lines if line.why]
        step, why = next(iter([*found.unreadable.items(), *dark]), ("", ""))
        when = now - found.at
        words = (
            f"{en}, looked at {span_en(when)} ago: {step}: {why}",
            f"{zh}，{span_zh(when)}前核对：{step}：{why_zh(why)}",
        )
        look = ("to look again: mingjian completeness", "再次核对：mingjian completeness")
        return [Finding("completeness", UNKNOWN, *words, *look)]
    if ago > STALE_MS:
        words = (f"last checked for {en}", f"最近核对的是{zh}")
        return [Finding("completeness", WARN, *words, fix, fix)]
    taken = sum(line.before for line in found.lines if line.step == "collected")
    held = sum(line.after for line in found.lines if line.step == "delivered")
    to_come = [one for one in found.lines if one.step == "delivered" and one.state == ON_THE_WAY]
    wait = sum(line.on_the_way for line in to_come)
    more = (f", {wait:,} to come", f"，待处理 {wait:,}") if wait else ("", "")
    return [
        Finding(
            "completeness",
            OK,
            f"{en}: {taken:,} records collected, {held:,} results in targets,"
            f" none missing{more[0]}",
            f"{zh}：采集 {taken:,} 条，目标中有 {held:,} 条结果，无缺失{more[1]}",
        )
    ]


def judged(seen: Judged) -> list[Finding]:
    """The last hour judged anew, against the index."""
    if seen.why is not None:
        return [Finding("judged", NONE, *seen.why)]
    if seen.missing or seen.surplus:
        return [
            Finding(
                "judged",
                FAIL if seen.missing else WARN,
                f"{seen.missing:,} alerts are missing, {seen.surplus:,} are too much",
                f"缺 {seen.missing:,} 条告警，多 {seen.surplus:,} 条",
                "mingjian reconcile --last 1h",
                "mingjian reconcile --last 1h",
            )
        ]
    words = (
        f"all {seen.same:,} alerts of the last hour are there",
        f"最近一小时的 {seen.same:,} 条告警都在",
    )
    return [Finding("judged", OK, *words)]
