"""The head of a file that a company keeps beside its rules: its name, its owner, its last day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from rules.errors import RuleError
from rules.yaml_document import Document


def of_name(document: Document, stem: str, code: str) -> Iterator[RuleError]:
    """The name is that of the file, `stem`."""
    name = document.value.get("name")
    if name != stem:
        yield document.error(
            ("name",),
            f"the name '{name}' is not the file's",
            f"名称“{name}”与文件名不一致",
            fix_en=f"write '{stem}', or rename the file",
            fix_zh=f"写成“{stem}”，或改文件名",
            code=code,
        )


def of_texts(document: Document, keys: Iterable[str], code: str) -> Iterator[RuleError]:
    """Each of these keys has a text that says something."""
    for key in keys:
        value = document.value.get(key)
        if not isinstance(value, str) or not value.strip():
            yield document.error(
                (key,), f"'{key}' must be a text", f"“{key}”必须是非空文本", code=code
            )


def of_end(
    document: Document, code: str, at: tuple[str, ...] = ("expires",)
) -> Iterator[RuleError]:
    """`expires`, at this place, is a day or null."""
    expires = document.value
    for key in at:
        expires = expires.get(key)
    if expires is not None and type(expires) is not date:
        yield document.error(
            at,
            "'expires' must be a date or null",
            "“expires”必须是日期或 null",
            fix_en="write it as 2026-12-31",
            fix_zh="写成 2026-12-31 的形式",
            code=code,
        )
