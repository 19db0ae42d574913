"""What a check comes to, and the verdict over all of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

OK, NONE, WARN, UNKNOWN, FAIL = "ok", "none", "warn", "unknown", "fail"
STATES = (NONE, OK, WARN, UNKNOWN, FAIL)  # worse and worse


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the page: what was seen, in both languages, and what to do about it.

    `state`: "none" does not apply here, "unknown" could not be looked at.
    """

    check: str
    state: str
    en: str
    zh: str
    fix_en: str = ""
    fix_zh: str = ""


class Check(NamedTuple):
    """What is looked at. `vital`: without knowing it the system cannot be trusted."""

    name: str
    en: str
    zh: str
    vital: bool = True


CHECKS: dict[str, Check] = {
    one.name: one
    for one in (
        Check("keys", "keys", "密钥"),
        Check("rules", "rules", "规则", vital=False),
        Check("disk", "disk", "磁盘"),
        Check("clock", "clock", "时钟", vital=False),
        Check("source", "source", "数据源"),
        Check("job", "job", "作业"),
        Check("progress", "progress", "进度"),
        Check("collectors", "collectors", "采集"),
        Check("incidents", "incidents", "事件"),
        Check("targets", "targets", "投递目标"),
        Check("segments", "segments", "归档分段"),
        Check("archive_index", "index", "归档索引"),
        Check("tenant_keys", "tenant keys", "租户密钥"),
        Check("access", "access", "权限", vital=False),
        Check("ledger", "ledger", "账本"),
        Check("custody", "custody book", "保管记录"),
        Check("delivery", "delivery", "投递进度"),
        Check("refused", "refused", "被拒记录"),
        Check("quarantine", "quarantine", "隔离区", vital=False),
        Check("completeness", "completeness", "完整性"),
        Check("canaries", "canaries", "探测", vital=False),
        Check("judged", "judged anew", "重新判定", vital=False),
    )
}


class Verdict(msgspec.Struct, frozen=True):
    """The first line of the page. `why`: what speaks against trust, the worst first."""

    trusted: bool
    en: str
    zh: str
    why: tuple[Finding, ...]


def verdict(findings: Sequence[Finding]) -> Verdict:
    """Trusted is what was looked at and has nothing that failed; warnings are said."""
    bad = [one for one in findings if one.state == FAIL]
    dark = [one for one in findings if one.state == UNKNOWN and CHECKS[one.check].vital]
    warned = [one for one in findings if one.state == WARN]
    warned += [one for one in findings if one.state == UNKNOWN and not CHECKS[one.check].vital]
    if bad or dark:
        en, zh = [], []
        if bad:
            en.append(f"{len(bad)} {'thing is' if len(bad) == 1 else 'things are'} wrong")
            zh.append(f"{len(bad)} 项有问题")
        if dark:
            en.append(f"{len(dark)} could not be looked at")
            zh.append(f"{len(dark)} 项无法检查")
        return Verdict(
            False,
            f"Not to be trusted now: {', '.join(en)}.",
            f"现在不可信：{'，'.join(zh)}。",
            (*bad, *dark),
        )
    if warned:
        some = "one thing needs" if len(warned) == 1 else f"{len(warned)} things need"
        return Verdict(
            True,
            f"To be trusted; {some} attention.",
            f"可信；有 {len(warned)} 项需要留意。",
            tuple(warned),
        )
    return Verdict(
        True,
        "To be trusted: of what was looked at, nothing speaks against it.",
        "可信：所查各项没有发现问题。",
        (),
    )


_STARTING = re.compile(
    r"(?:\[Error \d+\] )?(?:(?:Group)?CoordinatorNotAvailable|NotCoordinator"
    r"|(?:Group|Coordinator)LoadInProgress|NotLeaderForPartition|LeaderNotAvailable).*",
    re.DOTALL,
)
_WAIT = ("try again in a minute", "请一分钟后再试")


def plain(finding: Finding) -> Finding:
    """A broker that is still starting says so in words of its own insides: in ours."""
    if finding.state != UNKNOWN or not _STARTING.search(finding.en):
        return finding
    en = _STARTING.sub("Kafka is still starting: it does not know its groups yet", finding.en)
    zh = _STARTING.sub("Kafka 仍在启动，尚不知道消费组", finding.zh)
    return Finding(finding.check, UNKNOWN, en, zh, *_WAIT)


def worst(findings: Iterable[Finding]) -> str:
    """The worst state among them."""
    return max((one.state for one in findings), key=STATES.index, default=NONE)


def span_en(ms: float) -> str:
    """A length of time in words: the two largest units."""
    return _span(ms, (" d", " h", " min", " s"), " ")


def span_zh(ms: float) -> str:
    """The same in Chinese."""
    return _span(ms, (" 天", " 小时", " 分", " 秒"), " ")


_SIZES = (86_400_000, 3_600_000, 60_000, 1_000)
_EXACT_MS = 10_000  # below this with tenths of seconds
_UNITS = 2


def _span(ms: float, names: Sequence[str], between: str) -> str:
    rest = max(0, round(ms))
    if rest < _EXACT_MS:
        return f"{rest / 1000:.1f}{names[-1]}"
    parts: list[tuple[int, str]] = []
    for size, name in zip(_SIZES, names, strict=True):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, name))
    return between.join(f"{count}{name}" for count, name in parts[:_UNITS] if count)
