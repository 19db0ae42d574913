"""The figures of a month, counted from its alerts: what a report shows, and what whoever checks it
counts again."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

_BEIJING = timezone(timedelta(hours=8))
RETRACTED_STATE = "retracted"


def alert_figures(alerts: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts of alerts, each alert once; those that were taken back are counted apart.

    Args:
        alerts: as they stand in the index (`rules.alert.Alert`).
    """
    stand = [one for one in alerts if one["status"] != RETRACTED_STATE]
    days: dict[str, Counter[str]] = {}
    for one in stand:
        days.setdefault(_day(one["time"]), Counter())[str(one["rule"]["response"])] += 1
    return {
        "alerts": len(stand),
        "retracted": len(alerts) - len(stand),
        "people": len({one["actor"] for one in stand if one["actor"]}),
        "conversations": len({one.get("conversation", "") for one in stand} - {""}),
        "messages": sum(one["count"] for one in stand),
        "by_response": _counted_by(str(one["rule"]["response"]) for one in stand),
        "by_level": _counted_by(one["rule"]["level"] for one in stand),
        "by_item": _counted_by(one["rule"]["item"] for one in stand),
        "by_rule": _counted_by(one["rule"]["name"] for one in stand),
        "by_state": _counted_by(one["response_state"] for one in stand),
        "by_day": {day: dict(sorted(found.items())) for day, found in sorted(days.items())},
    }


def month_of(name: str) -> tuple[int, int]:
    """[since, until) in UTC ms of a month in Beijing after 1991, "2026-11"."""
    first = datetime.strptime(name, "%Y-%m").replace(tzinfo=_BEIJING)
    following = (first + timedelta(days=32)).replace(day=1)
    return int(first.timestamp() * 1000), int(following.timestamp() * 1000)


def _counted_by(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _day(time: int) -> str:
    """The day in Beijing of UTC ms, "2026-11-27"."""
    return datetime.fromtimestamp(time / 1000, _BEIJING).strftime("%Y-%m-%d")
