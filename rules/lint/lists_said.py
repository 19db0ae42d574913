"""Reference lists that load and are past their date, or soon will be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from rules.errors import RuleError
from rules.lint.ends import days_left, is_near, is_over
from rules.reference import RefList
from rules.yaml_source import load_documents


def of_list(found: RefList, file: Path, label: str, today: date | None) -> Iterator[RuleError]:
    """Warnings about the list that was read from `file`, called `label`."""
    expires = found.expires
    if expires is None or not (is_over(expires, today) or is_near(expires, today)):
        return
    document = load_documents(label, file.read_text(encoding="utf-8"))[0]
    if is_over(expires, today):
        yield document.error(
            ("expires",),
            f"the list was to be reviewed by {expires}, and today is {today}",
            f"名单应在 {expires} 前复核，今天是 {today}",
            fix_en="review its values and set a later date, or null",
            fix_zh="请复核其中的值，再改成以后的日期或 null",
            code="MJ426",
            offset=0,
        )
    else:
        en, zh = days_left(expires, today)
        yield document.error(
            ("expires",),
            f"the list is to be reviewed by {expires}: {en}",
            f"名单应在 {expires} 前复核：{zh}",
            fix_en="review its values and set a later date, or null",
            fix_zh="请复核其中的值，再改成以后的日期或 null",
            code="MJ427",
            offset=0,
        )
