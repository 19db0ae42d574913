"""Judgements of what comes in: collectors' books, and canaries that went the whole way. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from jobs.completeness.lines import HOUR_MS
from jobs.doctor.findings import FAIL, NONE, OK, WARN, Finding, span_en, span_zh
from jobs.doctor.judge_delivery import records
from jobs.doctor.observed import Canaried, Collector
from rules.zone import SHANGHAI

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
        until = _last(one)
        age = now - until
        en, zh = _when(one, until, now)
        if one.new:
            en, zh = f"{en}; {records(one.new)}", f"{zh}；共 {one.new:,} 条"
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


def _last(one: Collector) -> int:
    """When it took something at the latest; of one that took nothing, when its book was written."""
    return min(one.written, one.hour + HOUR_MS) if one.hour else one.written


def _when(one: Collector, until: int, now: int) -> tuple[str, str]:
    """What the book can tell of when a record was taken last: the hour. It was written at its
    start, too, so its own time is only the latest that it can have been."""
    if not one.hour:
        aside = one.new or one.set_aside or one.undecoded or one.conflicts
        en, zh = ("took no record yet", "尚无可计入的记录") if aside else (
            "took nothing yet", "尚未采集到任何记录"
        )  # fmt: skip
        return f"{one.name}: {en}", f"{one.name}：{zh}"
    day = "%m-%d %H:%M" if now - one.hour >= _DAY_MS // 2 else "%H:%M"
    first, last = (
        dt.datetime.fromtimestamp(at / 1000, SHANGHAI).strftime(form)
        for at, form in ((one.hour, day), (max(until, one.hour), "%H:%M"))
    )
    ago = now - max(until, one.hour)
    return (
        f"{one.name}: took something last between {first} and {last}, {span_en(ago)} ago or more",
        f"{one.name}：最近一次采集在 {first} 至 {last} 之间，距今至少 {span_zh(ago)}",
    )


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
        pairs = [(one.rule, one.target) for one in seen.missed]
        count, en, zh = _by_rule(pairs)
        return [
            Finding(
                "canaries",
                FAIL,
                f"{_rules(count)} missed twice or more: {en}",
                f"{count} 条规则连续未出现：{zh}",
                "mingjian canary --once",
                "mingjian canary --once",
            )
        ]
    count, names, names_zh = _by_rule(seen.absent)
    fine = last.rules - count
    en = f"{span_en(ago)} ago: {_rules(last.rules)}, {fine} seen, at most {last.slowest:.1f} s"
    zh = f"{span_zh(ago)}前：{last.rules} 条规则，出现 {fine}，最长 {last.slowest:.1f} 秒"
    if ago > _DAY_MS:
        return [Finding("canaries", WARN, en, zh, fix, fix)]
    if count:
        return [
            Finding(
                "canaries",
                WARN,
                f"{en}; {count} missed: {names}",
                f"{zh}；未出现 {count}：{names_zh}",
                "once is no incident: the next round tells; to see now: mingjian canary --once",
                "一次不算事件，下一轮即可分晓；要立即再试：mingjian canary --once",
            )
        ]
    return [Finding("canaries", OK, en, zh)]


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"


def _by_rule(pairs: Sequence[tuple[str, str]]) -> tuple[int, str, str]:
    """How many rules, and some of them by name with the targets that lack them."""
    found: dict[str, list[str]] = {}
    for rule, target in pairs:
        found.setdefault(rule, []).append(target)
    some = list(found.items())[:_NAMED]
    more = " …" if len(found) > _NAMED else ""
    en = ", ".join(f"{rule} ({', '.join(where)})" for rule, where in some) + more
    zh = "，".join(f"{rule}（{'、'.join(where)}）" for rule, where in some) + more
    return len(found), en, zh
