"""Filters that load and take away too little, too much, or nothing any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from rules.errors import RuleError
from rules.lint.ends import days_left, is_near, is_over
from rules.lint.logic import shape
from rules.yaml_source import Document


def of_filter(document: Document, today: date | None) -> Iterator[RuleError]:
    """Warnings about a filter that loads; `today` is the day its end is compared with."""
    ours: dict[str, Any] = document.value.get("mingjian") or {}
    expires = ours.get("expires")
    if expires is None:
        yield document.error(
            ("mingjian",),
            "the filter has no end: an exception nobody looks at again",
            "过滤器没有到期日：例外情形不会再有人复核",
            fix_en="add mingjian.expires, for example 2027-06-30",
            fix_zh="请补上 mingjian.expires，例如 2027-06-30",
            code="MJ432",
        )
    elif is_near(expires, today):
        en, zh = days_left(expires, today)
        yield document.error(
            ("mingjian", "expires"),
            f"the filter ends on {expires}, {en}: then the alerts it takes away are raised again",
            f"过滤器将于 {expires} 到期（{zh}）：到期后它排除的告警会重新出现",
            fix_en="look at it before: set a later date, or let it end",
            fix_zh="请提前复核：改成以后的日期，或任其到期",
            code="MJ434",
            offset=0,
        )
    elif is_over(expires, today):
        yield document.error(
            ("mingjian", "expires"),
            f"the filter ended on {expires}, and today is {today}: it takes nothing away any more",
            f"过滤器已于 {expires} 到期，今天是 {today}：它不再起作用",
            fix_en="look at it again: set a later date, or remove it",
            fix_zh="请复核：改成以后的日期，或删去它",
            code="MJ431",
            offset=0,
        )
    form = shape(document.value["filter"], ("rules",))
    if form is not None and not form.holds(dict.fromkeys(form.names, False)):
        yield document.error(
            ("filter", "condition"),
            "the filter keeps only the alerts it names, instead of taking them away",
            "过滤器只保留它写明的告警，而不是排除它们",
            fix_en="write condition: not …",
            fix_zh="请写 condition: not …",
            code="MJ433",
            offset=0,
        )
