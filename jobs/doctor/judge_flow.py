"""Judgements of what comes in and goes out: collectors, targets, what is set aside. Pure. How far
delivery is: `jobs.doctor.judge_delivery`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.completeness.lines import DIFFERS, HOUR_MS, ON_THE_WAY
from jobs.doctor.findings import FAIL, NONE, OK, UNKNOWN, WARN, Finding, span_en, span_zh
from jobs.doctor.judge_delivery import records
from jobs.doctor.observed import (
    STALE_MS,
    Answer,
    Canaried,
    Collector,
    Complete,
    Judged,
    Refused,
    Shelved,
)
from rules.operations import INCIDENTS

_DAY_MS = 24 * HOUR_MS
_NAMED = 3


def collectors(seen: Sequence[Collector], now: int) -> list[Finding]:
    """When each took something last, and what came with it."""
    if not seen:
        return [
            Finding(
                "collectors",
                NONE,
                "none has a book in data_dir: records come another way",
                "data_dir 中没有采集器账本：记录由其他途径写入",
            )
        ]
    found = []
    for one in seen:
        age = now - one.written
        en = f"{one.name}: took something {span_en(age)} ago; {one.new:,} records"
        zh = f"{one.name}：{span_zh(age)}前有采集；共 {one.new:,} 条"
        notes = (
            (one.set_aside, "set aside", "隔离"),
            (one.conflicts, "conflicts of ids", "编号冲突"),
            (one.undecoded, "unreadable", "无法识别"),
        )
        for count, word, word_zh in notes:
            if count:
                en, zh = f"{en}, {count:,} {word}", f"{zh}，{word_zh} {count:,}"
        old = age > _DAY_MS
        fix = (
            "is it running, and does its source still give?",
            "它是否在运行，数据源是否仍在提供？",
        )
        found.append(
            Finding("collectors", WARN if old else OK, en, zh, *(fix if old else ("", "")))
        )
    return found


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
            found.append(
                Finding(
                    "targets",
                    FAIL,
                    f"{one.target}: {'no answer' if one.problem else 'takes no writes'}: {what}",
                    f"{one.target}：{'无应答' if one.problem else '不接受写入'}：{what}",
                    "nothing is lost meanwhile: what was judged waits to be delivered",
                    "期间不会丢失：判定结果在等待投递",
                )
            )
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
        words = (f"{en}: {step}: {why}", f"{zh}：{step}：{why}")
        return [Finding("completeness", UNKNOWN, *words, fix, fix)]
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


def canaries(seen: Canaried, now: int) -> list[Finding]:
    """The last round, and what is missed again and again."""
    last, fix = seen.last, "mingjian canary --every 300"
    if last is None:
        words = (
            "none was ever planted: nobody has tried the whole way",
            "从未植入：整条链路没有实测过",
        )
        return [Finding("canaries", WARN, *words, fix, fix)]
    ago = now - last.ended
    if seen.missed:
        names = list(dict.fromkeys(one.rule for one in seen.missed))
        named = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        return [
            Finding(
                "canaries",
                FAIL,
                f"{len(names)} rules missed twice or more: {named}",
                f"{len(names)} 条规则连续未出现：{named}",
                "mingjian canary --once",
                "mingjian canary --once",
            )
        ]
    en = f"{span_en(ago)} ago: {last.rules} rules, {last.seen} seen, at most {last.slowest:.1f} s"
    zh = f"{span_zh(ago)}前：{last.rules} 条规则，出现 {last.seen}，最长 {last.slowest:.1f} 秒"
    if last.missed:
        words = (f"{en}; {last.missed} missed", f"{zh}；未出现 {last.missed}")
        return [Finding("canaries", WARN, *words, fix, fix)]
    return [Finding("canaries", WARN if ago > _DAY_MS else OK, en, zh)]


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
