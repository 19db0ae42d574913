"""Whether the figures of a monthly report are those of the alerts beside them."""

from __future__ import annotations

import json
from typing import Any

from reports.standalone.case_checks import case_rows
from reports.standalone.figures import alert_figures, month_of
from reports.standalone.words import Check, Damaged, counted, why

FIGURES = "figures.json"
_CHECK = "figures"
_NONE_OF_OURS = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    OverflowError,
    OSError,
)  # fmt: skip; OSError: a time that no calendar has


def month_checks(files: dict[str, bytes], about: dict[str, Any]) -> list[Check]:
    """The figures counted again from the alerts.

    Args:
        about: the manifest, which says what month the pack is about.
    """
    try:
        told = json.loads(files[FIGURES])
        since, until = told["since"], told["until"]
        alerts = [row["alert"] for row in case_rows(files)]
        again = alert_figures(alerts)
        outside = [one["alert_id"] for one in alerts if not since <= one["time"] < until]
        stated: dict[str, Any] = told["alerts"]
        span = told["month"], since, until
        same = span == (about["subject"], about["since"], about["until"])
        if not same or span[1:] != month_of(span[0]):
            raise Damaged("they are of another month", "不是本月的数字")
        if json.loads(files["completeness.json"])["alerts"] != {"count": len(alerts)}:
            raise Damaged("completeness.json counts other alerts", "完整性声明的告警数不符")
    except _NONE_OF_OURS as error:
        en, zh = why(error)
        return [Check(_CHECK, False, f"they are damaged: {en}", f"已损坏：{zh}")]
    if outside:
        return [Check(_CHECK, False, f"alert {outside[0]} is not of this month",
                      f"告警 {outside[0]} 不属于本月")]  # fmt: skip
    wrong = sorted(key for key in {*stated, *again} if stated.get(key) != again.get(key))
    if wrong:
        names = ", ".join(wrong)
        return [Check(_CHECK, False, f"not what the alerts come to: {names}",
                      f"与告警重新计数的结果不符：{names}")]  # fmt: skip
    count = again["alerts"]
    return [Check(_CHECK, True, f"counted again from {counted(count, 'alert')}, the same",
                  f"由 {count} 条告警重新计数，结果一致")]  # fmt: skip
