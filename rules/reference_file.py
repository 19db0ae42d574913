"""List files -> `rules.reference.RefList`: strict, every error with its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rules.cases import customer
from rules.reference import CUSTOMERS, KINDS, NORMAL, STAFF, Period, Reference, RefList, day
from rules.refused import UnknownName
from rules.yaml_files import yaml_files
from rules.yaml_source import Document, load_documents

KEYS = ("name", "title", "owner", "expires", "kind", "values", "entries")
_PERIOD_KEYS = ("from", "to", "name")
_ATTRIBUTES = {"staff": STAFF, "customers": CUSTOMERS}


def load_reference(folder: Path) -> Reference:
    """All lists of a directory; none when there is no such directory.

    Raises:
        RuleError: the first broken file.
    """
    lists = [load_list(file) for file in list_files(folder)]
    return Reference({one.name: one for one in lists})


def list_files(folder: Path) -> list[Path]:
    """The list files of a directory, sorted."""
    return yaml_files(folder)


def load_list(file: Path) -> RefList:
    """One list file.

    Raises:
        RuleError: says where and what to do.
    """
    document = load_documents(str(file), file.read_text(encoding="utf-8"))[0]
    document.only((), KEYS)
    value = document.value
    if value.get("name") != file.stem:
        raise document.error(
            ("name",),
            f"the name '{value.get('name')}' is not the file's",
            f"名称“{value.get('name')}”与文件名不一致",
            fix_en=f"write '{file.stem}', or rename the file",
            fix_zh=f"写成“{file.stem}”，或改文件名",
            code="MJ714",
        )
    for key in ("title", "owner"):
        if not isinstance(value.get(key), str) or not value[key].strip():
            raise document.error(
                (key,), f"'{key}' must be a text", f"“{key}”必须是非空文本", code="MJ715"
            )
    expires = value.get("expires")
    if expires is not None and type(expires) is not date:
        raise document.error(
            ("expires",),
            "'expires' must be a date or null",
            "“expires”必须是日期或 null",
            fix_en="write it as 2026-12-31",
            fix_zh="写成 2026-12-31 的形式",
            code="MJ716",
        )
    kind = value.get("kind", "text")
    if kind not in KINDS:
        raise document.error(
            ("kind",),
            f"no kind of list '{kind}'",
            f"没有“{kind}”这种名单",
            fix_en=f"there are: {', '.join(KINDS)}",
            fix_zh=f"现有：{'、'.join(KINDS)}",
            code="MJ717",
        )
    key, other = ("entries", "values") if kind in _ATTRIBUTES else ("values", "entries")
    if other in value:
        raise document.error(
            (other,),
            f"a list of kind {kind} has '{key}', not '{other}'",
            f"{kind} 类名单用 {key}，不用 {other}",
            code="MJ718",
        )
    return replace(
        contents(document, (key,), value["name"], kind, value.get(key)),
        title=value["title"],
        owner=value["owner"],
        expires=expires,
    )


def check_case_lists(
    document: Document, at: tuple[str, ...], reference: Reference
) -> list[RefList]:
    """The `lists` of a test case: name of a list -> values or entries for this case.

    Raises:
        RuleError: a list that is not there, or contents that do not fit it.
    """
    found = []
    for name, value in _at(document.value, at).items():
        here = (*at, str(name))
        if name not in reference.lists:
            known = sorted(reference.lists)
            raise document.explained(here, UnknownName("list", str(name), known))
        kind = reference.lists[name].kind
        if kind == "customers" and isinstance(value, dict):  # c1 is short here as in messages
            entries = contents(document, here, name, kind, value).entries
            found.append(RefList(name, kind, entries={customer(k): v for k, v in entries.items()}))
            continue
        found.append(contents(document, here, name, kind, value))
    return found


def _at(value: Any, place: tuple[str, ...]) -> Any:
    for step in place:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def contents(
    document: Document, at: tuple[str, ...], name: str, kind: str, written: Any
) -> RefList:
    """A list of `kind` from its values or entries, which stand at `at`.

    Raises:
        RuleError: they do not fit the kind.
    """
    if kind in _ATTRIBUTES:
        return RefList(name, kind, entries=_entries(document, at, kind, written))
    if not isinstance(written, list):
        raise document.error(at, f"'{at[-1]}' must be a list", f"{at[-1]} 必须是列表", code="MJ719")
    if kind == "period":
        periods = [_period(document, (*at, str(n)), one) for n, one in enumerate(written)]
        return RefList(name, kind, periods=tuple(periods))
    for index, item in enumerate(written):
        if not isinstance(item, str) or not NORMAL[kind](item):
            raise document.error(
                (*at, str(index)),
                f"'{item}' is not a text that can be compared as {kind}",
                f"“{item}”不是可以按 {kind} 比较的文本",
                fix_en="put it in quotation marks",
                fix_zh="请加引号",
                code="MJ720",
            )
    return RefList(name, kind, values=tuple(written))


def _entries(
    document: Document, at: tuple[str, ...], kind: str, entries: Any
) -> dict[str, dict[str, str]]:
    if not isinstance(entries, dict):
        raise document.error(at, "'entries' must be a mapping", "entries 必须是映射", code="MJ721")
    for key, entry in entries.items():
        here = (*at, str(key))
        if not isinstance(entry, dict):
            raise document.error(
                here,
                f"'{key}' must have attributes: {', '.join(_ATTRIBUTES[kind])}",
                f"“{key}”应写明属性：{'、'.join(_ATTRIBUTES[kind])}",
                code="MJ722",
            )
        document.only(here, _ATTRIBUTES[kind])
        for name, one in entry.items():
            if not isinstance(one, str):
                raise document.error(
                    (*here, name),
                    f"'{name}' must be a text (in quotation marks)",
                    f"“{name}”必须是文本（请加引号）",
                    code="MJ723",
                )
    return {str(key): dict(entry) for key, entry in entries.items()}


def _period(document: Document, at: tuple[str, ...], value: Any) -> Period:
    ends: list[Any] = []
    if isinstance(value, dict):
        document.only(at, _PERIOD_KEYS)
        ends = [value.get("from"), value.get("to")]
    if len(ends) != 2 or not all(isinstance(one, date) for one in ends):  # noqa: PLR2004
        raise document.error(
            at,
            "a period has 'from' and 'to', two dates",
            "时间段要写 from 和 to 两个日期",
            fix_en="{from: 2026-03-01, to: 2026-03-31, name: …}",
            fix_zh="{from: 2026-03-01, to: 2026-03-31, name: …}",
            code="MJ724",
        )
    start, end = ends
    name = str(value.get("name", ""))
    whole = day(start, end, name)
    period = Period(_place(start) or whole.start, _place(end) or whole.end, name)
    if period.start >= period.end:
        raise document.error(
            at, "the period ends before it begins", "时间段的结束早于开始", code="MJ725"
        )
    return period


def _place(when: date) -> tuple[int, int] | None:
    """Day and ms of a local date-time, None for a whole day."""
    if not isinstance(when, datetime):
        return None
    since = (when.hour * 3600 + when.minute * 60 + when.second) * 1000
    return when.toordinal(), since
