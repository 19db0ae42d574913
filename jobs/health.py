"""What a running job's counts say that its operator should know and do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from config.settings import Limits
from udfs.open_groups import ALL, OF
from udfs.rule_counts import FAILED, HITS, OUT_OF

_LATE_SHARE = 100  # one of so many messages; fewer that are late are no trouble


class Trouble(NamedTuple):
    """`kind` is the same for as long as the trouble is; English, Chinese."""

    kind: str
    en: str
    zh: str


def troubles(counters: Mapping[str, int], limits: Limits) -> list[Trouble]:
    """The warnings of one look, worst first.

    Args:
        counters: those of `jobs.progress.Snapshot`.
    """
    found = []
    if hot := counters.get("hot_key", 0):
        found.append(
            Trouble(
                "hot_key",
                f"{hot:,} messages were not counted, and set aside: more of one group came than"
                " limits.key_bytes lets wait",
                f"{hot:,} 条消息未计入并已隔离：同一分组等待的消息超过 limits.key_bytes",
            )
        )
    if (groups := counters.get(ALL, 0)) > limits.open_groups:
        by_rule = {n.removeprefix(OF): count for n, count in counters.items() if n.startswith(OF)}
        most, their = max(by_rule.items(), key=lambda one: one[1], default=("", 0))
        found.append(
            Trouble(
                "open_groups",
                f"{groups:,} groups are open, more than limits.open_groups"
                + (f"; most are of the rule {most} ({their:,})" if most else "")
                + ": look at what it groups by, and at its timespan",
                f"未结束的分组有 {groups:,} 个，超过 limits.open_groups"
                + (f"；最多的是规则 {most}（{their:,} 个）" if most else "")
                + "：请检查该规则的 group-by 与 timespan",
            )
        )
    late = counters.get("late", 0)
    answers = _answers(counters)
    if late and late * _LATE_SHARE >= counters.get("records", 0):
        found.append(
            Trouble(
                "late",
                f"{late:,} times a message came too late to be judged in order: {answers[0]}"
                " (mingjian alerts late). Is flink.allowed_lateness_ms too short, or"
                " is this a past day that is read with source.follow?",
                f"有 {late:,} 次消息到得太晚，无法按时间顺序判定：{answers[1]}"
                "（mingjian alerts late）。请检查 flink.allowed_lateness_ms 是否太短，"
                "或是否正以 source.follow 读过去的数据",
            )
        )
    return [*found, *_of_rules(counters, limits)]


def _answers(counters: Mapping[str, int]) -> tuple[str, str]:
    """What the late ones would have done in time, as `rules.late` answers it."""
    fired, changed, nothing, unknown = (
        counters.get(name, 0)
        for name in ("late_would_have_fired", "late_would_have_changed", "late_without_effect",
                     "late_unknown")
    )  # fmt: skip
    return (
        f"{fired:,} would have alerted, {changed:,} would have changed what alerted or its"
        f" evidence, {nothing:,} would have changed nothing, and of {unknown:,} it cannot be told",
        f"其中 {fired:,} 次本会告警，{changed:,} 次会改变告警或其证据，{nothing:,} 次没有影响，"
        f"{unknown:,} 次无从判断",
    )


def _of_rules(counters: Mapping[str, int], limits: Limits) -> list[Trouble]:
    """Of single rules. They go on judging: what to do about them is for people to say."""
    found = []
    for name, count in sorted(counters.items()):
        rule = name.removeprefix(FAILED)
        if rule != name and count >= limits.rule_failures:
            found.append(
                Trouble(
                    f"rule_fails:{rule}",
                    f"the rule {rule} failed on {count:,} messages, which are set aside; it is"
                    " still asked, and so are all others: mend it and publish again"
                    " (mingjian quarantine list shows the messages)",
                    f"规则 {rule} 在 {count:,} 条消息上出错，这些消息已隔离；该规则和其余规则"
                    "仍在判定：请修正后重新发布（mingjian quarantine list 可查看消息）",
                )
            )
        rule = name.removeprefix(HITS)
        out_of = counters.get(OUT_OF + rule, 0) if rule != name else 0
        if out_of and count * 100 > out_of * limits.rule_hits_percent:
            share = 100 * count / out_of
            found.append(
                Trouble(
                    f"rule_hits:{rule}",
                    f"the rule {rule} hits {share:.0f} % of messages, more than"
                    f" limits.rule_hits_percent ({limits.rule_hits_percent}): it goes on alerting;"
                    " narrow it and publish again",
                    f"规则 {rule} 命中 {share:.0f}% 的消息，超过 limits.rule_hits_percent"
                    f"（{limits.rule_hits_percent}）：该规则继续告警，请收窄后重新发布",
                )
            )
    return found
