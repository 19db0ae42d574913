"""Whether the figures of a monthly report are those of the alerts beside them."""

from __future__ import annotations

import json
from typing import Any

from reports.standalone.case_checks import case_rows
from reports.standalone.figures import alert_figures
from reports.standalone.words import Check, why

FIGURES = "figures.json"
_CHECK = "figures"
_NONE_OF_OURS = (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)


def month_checks(files: dict[str, bytes]) -> list[Check]:
    """The figures counted again from the alerts; none where the pack is about something else."""
    if FIGURES not in files:
        return []
    try:
        told = json.loads(files[FIGURES])
        since, until = told["since"], told["until"]
        alerts = [row["alert"] for row in case_rows(files)]
        counted = alert_figures(alerts)
        outside = [one["alert_id"] for one in alerts if not since <= one["time"] < until]
        ids = [one["alert_id"] for one in alerts]
        stated: dict[str, Any] = told["alerts"]
    except _NONE_OF_OURS as error:
        en, zh = why(error)
        return [Check(_CHECK, False, f"they are damaged: {en}", f"已损坏：{zh}")]
    if outside:
        return [Check(_CHECK, False, f"alert {outside[0]} is not of this month",
                      f"告警 {outside[0]} 不属于本月")]  # fmt: skip
    if len(set(ids)) != len(ids):
        return [Check(_CHECK, False, "an alert is there twice", "有告警重复")]
    wrong = sorted(key for key in {*stated, *counted} if stated.get(key) != counted.get(key))
    if wrong:
        names = ", ".join(wrong)
        return [Check(_CHECK, False, f"not what the alerts come to: {names}",
                      f"与告警重新计数的结果不符：{names}")]  # fmt: skip
    count = counted["alerts"]
    return [Check(_CHECK, True, f"counted again from {count} alerts, the same",
                  f"由 {count} 条告警重新计数，结果一致")]  # fmt: skip
