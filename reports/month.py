"""A regulator's monthly report: what was found, how it was handled, what was kept, as figures that
whoever has the pack can count again."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reports.anchor import Anchors, anchored
from reports.case import MONTH, Request, Subject, case_day, moment
from reports.charts import LEVEL_COLOURS, per_day, ranking
from reports.completeness import not_covered
from reports.custody import Custody
from reports.pack import VERSION, Pack, nothing_there, sealed
from reports.rule_titles import called
from reports.signing import Signer
from reports.standalone.case_checks import ALERTS_FILE
from reports.standalone.figures import alert_figures
from reports.standalone.month_checks import FIGURES
from reports.words import LEVELS, STATE_COUNTS, Words
from rules.zone import SHANGHAI
from sinks.ledger.canonical import canonical

_MOST_RULES = 15
_MOST_ITEMS = 20


class Heads(NamedTuple):
    """The ledger over the month: entries before it and at its end, heads that were signed and
    stamped in it."""

    before: int
    after: int
    signed: int
    stamped: int


@dataclass(frozen=True)
class MonthFacts:
    """What a monthly report is made from. Times are UTC ms.

    Args:
        request, subject: how it is asked for; `subject.id` is the month, "2026-10".
        alerts: every alert of the month, oldest first.
        before: how many alerts that stand the month before had.
        deeds: lines of the custody book of the month: action -> role -> count.
        incidents: kind -> (opened, of them still open), of those noticed in the month.
        late: would have alerted ("true", "changed", "false", "unknown") -> count.
        heads: of the ledger; None: there is none.
        rules, waiting: how many rules judge now, and how many wait for a feed.
        titles: kind of incident, action or role -> (English, Chinese).
        items: class of the taxonomy -> (English, Chinese).
    """

    request: Request
    subject: Subject
    alerts: Sequence[dict[str, Any]]
    before: int
    deeds: Mapping[str, Mapping[str, int]]
    incidents: Mapping[str, tuple[int, int]]
    late: Mapping[str, int]
    heads: Heads | None
    rules: int
    waiting: int
    titles: Mapping[str, tuple[str, str]]
    items: Mapping[str, tuple[str, str]]


def figures(facts: MonthFacts) -> dict[str, Any]:
    """The content of figures.json. What is under "alerts" can be counted again from the pack."""
    return {
        "v": 1,
        "month": facts.subject.id,
        "since": facts.subject.since,
        "until": facts.subject.until,
        "alerts": alert_figures(list(facts.alerts)),
        "alerts_the_month_before": facts.before,
        "custody": {action: dict(sorted(by.items())) for action, by in sorted(facts.deeds.items())},
        "incidents": {
            kind: {"noticed": noticed, "open": still}
            for kind, (noticed, still) in sorted(facts.incidents.items())
        },
        "late": dict(sorted(facts.late.items())),
        "ledger": facts.heads._asdict() if facts.heads else None,
        "rules": facts.rules,
        "rules_waiting": facts.waiting,
    }


def month_pack(
    facts: MonthFacts,
    signer: Signer,
    anchors: Anchors | None,
    taken: Callable[[str], bool] = nothing_there,
) -> Pack:
    """The report and its data as a pack. `taken`: see `reports.pack.build_pack`."""
    request, subject = facts.request, facts.subject
    told = figures(facts)
    custody = Custody(request.created_at, request.created_by, request.tool)
    custody.add("alerts_counted", request.reason, alerts=len(facts.alerts), month=subject.id)
    ledger = None
    if anchors is not None:
        ledger = anchored(anchors, [], facts.alerts)
        size = ledger.note.checkpoint.size
        custody.add("ledger_read", request.reason, entries=ledger.entries, of=size)
    custody.add("pack_created", request.reason, month=subject.id)
    beyond = _not_covered(ledger)
    rows = [canonical({"v": VERSION, "alert": alert}) + b"\n" for alert in facts.alerts]
    inside = {
        ALERTS_FILE: b"".join(rows),
        FIGURES: canonical(told),
        "completeness.json": canonical(
            {"v": VERSION, "alerts": {"count": len(facts.alerts)}, "not_covered": beyond}
        ),
        **(ledger.files if ledger else {}),
    }
    drawn = {
        **month_view(facts, told),
        "custody": custody.lines,
        "ledger": ledger,
        "not_covered": beyond,
        "signer": signer.info(),
    }
    return sealed(
        subject, case_day(subject, request, ()), inside, lambda case: {}, custody.lines, request,
        signer, "month.html.j2", drawn, taken,
    )  # fmt: skip


def _not_covered(ledger: Any) -> list[dict[str, str]]:
    """What such a report cannot show: of a pack's list what concerns figures."""
    of_records = {"media", "lexicons", "handling", "handling_left_out"}
    found = not_covered(Subject(MONTH, ""), ledger)
    return [one for one in found if one["id"] not in of_records] + [
        {
            "id": "left_out",
            "en": "Each alert in the pack is shown to be in the ledger; that none of the month was"
            " left out shows only against the whole ledger.",
            "zh": "包内每条告警均可证明登入账本；本月是否有告警未列入，须与整本账本核对。",
        },
        {
            "id": "counts",
            "en": "Figures about the custody book, incidents and late records are this system's own"
            " statement: what they are counted from is not in the pack.",
            "zh": "保管记录、事件与迟到记录的数字为本系统的陈述，其原始数据不在包内。",
        },
    ]


def month_view(facts: MonthFacts, told: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of templates/month.html.j2 but for the case's number and the pack's name."""
    request, subject = facts.request, facts.subject
    words = Words(request.language)
    counts = told["alerts"]
    running = request.created_at < subject.until
    levels = {key: words.of(LEVELS[int(key)]) for key in LEVEL_COLOURS}
    days = _days(subject)
    used = [key for key in LEVEL_COLOURS if counts["by_response"].get(key)] or [*LEVEL_COLOURS]
    series = {key: [counts["by_day"].get(day, {}).get(key, 0) for day in days] for key in used}
    year, month = subject.id.split("-")
    return {
        "t": words,
        "language": request.language,
        "kind": MONTH,
        "title": words(
            f"Monthly compliance report {subject.id}", f"{year}年{int(month)}月合规月报"
        ),
        "company": request.company,
        "start": subject.since,
        "end": min(subject.until - 1, request.created_at),
        "running": running,
        "counts": counts,
        "before": facts.before,
        "change": None if running else _change(counts["alerts"], facts.before),
        "levels": [(levels[key], counts["by_response"].get(key, 0)) for key in reversed(used)],
        "states": [
            (words.of(STATE_COUNTS.get(key), key), number)
            for key, number in counts["by_state"].items()
        ],
        "days_chart": per_day(words("Alerts by day", "每日告警"), days, series, levels),
        "class_chart": ranking(
            words("Alerts by kind", "按类别的告警"),
            _classes(counts["by_item"], facts.items, words),
        ),
        "rules_table": _rules(facts.alerts, counts["by_rule"], words),
        "rules": facts.rules,
        "waiting": facts.waiting,
        "deeds": [
            (words.of(facts.titles.get(action), action), sum(by.values()),
             words.listed([f"{words.of(facts.titles.get(role), role)} {count}"
                           for role, count in sorted(by.items()) if role]))
            for action, by in sorted(facts.deeds.items(), key=lambda one: -sum(one[1].values()))
        ],
        "incidents": [
            (words.of(facts.titles.get(kind), kind), noticed, still)
            for kind, (noticed, still) in sorted(facts.incidents.items())
        ],
        "late": facts.late,
        "heads": facts.heads,
        "request": request,
        "moment": moment,
        "unmask": False,
    }  # fmt: skip


def _days(subject: Subject) -> list[str]:
    day = dt.timedelta(days=1)
    first = dt.datetime.fromtimestamp(subject.since / 1000, SHANGHAI)
    count = (subject.until - subject.since) // int(day.total_seconds() * 1000)
    return [(first + day * at).strftime("%Y-%m-%d") for at in range(count)]


def _change(now: int, before: int) -> int | None:
    """By how many per cent it changed; None where there was nothing before."""
    return round(100 * (now - before) / before) if before else None


def _classes(
    by_item: Mapping[str, int], names: Mapping[str, tuple[str, str]], words: Words
) -> list[tuple[str, int]]:
    """Counts by class of the taxonomy ("A02" of "A02-03"), the largest first."""
    found = Counter[str]()
    for item, count in by_item.items():
        found[item.partition("-")[0]] += count
    return [
        (f"{key} {words.of(names.get(key))}".strip(), count)
        for key, count in found.most_common(_MOST_ITEMS)
    ]


def _rules(
    alerts: Iterable[dict[str, Any]], by_rule: Mapping[str, int], words: Words
) -> list[dict[str, Any]]:
    """The rules that alerted most often."""
    refs = {one["rule"]["name"]: one["rule"] for one in alerts}
    most = sorted(by_rule.items(), key=lambda one: (-one[1], one[0]))[:_MOST_RULES]
    return [
        {
            "count": count,
            "item": refs[name]["item"],
            "title": called(refs[name], words),
            "name": name,
            "level": int(refs[name]["response"]),
            "level_text": words.of(LEVELS[int(refs[name]["response"])]),
        }
        for name, count in most
    ]
