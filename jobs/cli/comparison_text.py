"""What judging a span again has shown, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from jobs.cli.alert_list import when
from jobs.cli.app import out, say
from jobs.cli.past_span import shown
from jobs.cli.words import plural
from jobs.reconcile import Reconciled
from rules.alert import Alert
from rules.comparison import FAULTS, REASONS, UNEXPLAINED

_MOST_NAMED = 20  # alerts in the table for people
_MOST_RULES = 5
_ID = 12


def as_json(found: Reconciled) -> dict[str, Any]:
    """All of it; times are UTC ms."""
    comparison = found.comparison
    return {
        "from": found.span.begin,
        "to": found.span.end,
        "complete_after": found.complete_after,
        "records": found.records,
        "seconds": round(found.seconds, 3),
        "rulesets": list(found.rulesets),
        "expected": len(found.judged.alerts),
        "other_tenants": found.other_tenants,
        "in_index": found.live,
        "same": len(comparison.same),
        "missing": [
            _named(found.judged.alerts[one], why) for one, why in comparison.missing.items()
        ],
        "surplus": [_named(found.surplus[one], why) for one, why in comparison.surplus.items()],
        "faults": len(comparison.faults),
        "complete": comparison.complete,
        "short_sighted": found.short_sighted,
    }


def _named(alert: Alert, why: str) -> dict[str, Any]:
    return {"alert_id": alert.alert_id, "rule": alert.rule.name, "time": alert.time, "why": why}


def show(found: Reconciled) -> None:
    """Print it for a person."""
    comparison = found.comparison
    rate = f"{found.records / found.seconds:,.0f}" if found.seconds else "–"
    _line(
        f"{shown(found.span)}: {plural(found.records, 'record')} read in {found.seconds:.1f} s"
        f" ({rate}/s)",
        f"{shown(found.span)}：读取 {found.records:,} 条记录，用时 {found.seconds:.1f} 秒"
        f"（{rate}/秒）",
    )
    _line(
        f"should be there {len(found.judged.alerts):,} · in the index {found.live:,}"
        f" · the same {len(comparison.same):,}",
        f"应有告警 {len(found.judged.alerts):,} · 索引中 {found.live:,}"
        f" · 相同 {len(comparison.same):,}",
    )
    if others := found.other_tenants:
        _line(
            f"{plural(others, 'alert')} of other tenants {'was' if others == 1 else 'were'} not"
            " compared",
            f"另有其他租户的告警 {others:,} 条，未作核对",
            dim=True,
        )
    missing, surplus = comparison.counts()
    for counts, bad, en, zh in (
        (missing, FAULTS, "missing", "缺"),
        (surplus, (UNEXPLAINED,), "too much", "多"),
    ):
        for why, number in counts.most_common():
            reason = REASONS[why]
            out.print(
                say(f"  {number:,} {en}: {reason[0]}", f"  {zh} {number:,} 条：{reason[1]}"),
                style="red" if why in bad else "yellow",
                soft_wrap=True,
            )
    _table(
        [
            *((found.judged.alerts[k], why, "−") for k, why in comparison.missing.items()),
            *((found.surplus[k], why, "+") for k, why in comparison.surplus.items()),
        ]
    )
    if found.short_sighted:
        names, more = found.short_sighted[:_MOST_RULES], len(found.short_sighted) - _MOST_RULES
        _line(
            f"{plural(len(found.short_sighted), 'rule')} may reach further back than was read:"
            f" {', '.join(names)}" + (f" and {more} more" if more > 0 else "")
            + "; a longer --lookback decides more",
            f"{len(found.short_sighted)} 条规则的窗口可能早于所读内容：{'、'.join(names)}"
            + (" 等" if more > 0 else "") + "；加大 --lookback 可判断更多",
            dim=True,
        )  # fmt: skip
    if comparison.complete:
        out.print(
            say("✓ nothing is missing without a reason", "✓ 没有无故缺失"), style="bold green"
        )


def _table(rows: Iterable[tuple[Alert, str, str]]) -> None:
    ordered = sorted(rows, key=lambda row: (row[0].time, row[0].alert_id))
    if not ordered:
        return
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title in (
        "",
        say("alert", "告警"),
        say("time", "时间"),
        say("rule", "规则"),
        say("why", "原因"),
    ):
        table.add_column(title, no_wrap=True)
    for alert, why, sign in ordered[:_MOST_NAMED]:
        table.add_row(sign, alert.alert_id[:_ID], when(alert.time)[5:], alert.rule.name, why)
    out.print(table)
    if (more := len(ordered) - _MOST_NAMED) > 0:
        _line(
            f"  … and {more:,} more: --output json names all",
            f"  … 另有 {more:,} 条：--output json 列出全部",
            dim=True,
        )


def _line(en: str, zh: str, *, dim: bool = False) -> None:
    out.print(say(en, zh), soft_wrap=True, style="dim" if dim else "")
