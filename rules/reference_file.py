"""List files -> `rules.reference.RefList`: strict, every error with its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rules.cases import customer
from rules.heading import of_end, of_name, of_texts, only_document
from rules.heads import flood_in
from rules.problems import Problems
from rules.reference import CUSTOMERS, KINDS, NORMAL, STAFF, Period, Reference, RefList, day
from rules.refused import UnknownName
from rules.yaml_files import yaml_files
from rules.yaml_source import Document, read_text

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
    text, label = read_text(file, str(file)), str(file)

    def read(part: str, told: Problems) -> RefList:
        return build(read_document(label, part, told), file.stem, told)

    for error in flood_in(text, read):
        raise error
    return read(text, Problems())


def read_document(label: str, text: str, problems: Problems) -> Document:
    """The only document of the text of a list file, called `label` in errors.

    Raises:
        RuleError: it is no YAML, or holds no mapping or several; and see `Problems.tell` for keys
            that are there twice.
    """
    return only_document(label, text, problems, "list", "名单")


def build(document: Document, stem: str, problems: Problems) -> RefList:
    """The list of a document of the file `stem`; without what `problems` was told of.

    Raises:
        RuleError, Enough: see `Problems.tell`.
    """
    problems.tell_all(document.unknown((), KEYS))
    value = document.value
    problems.tell_all(of_name(document, stem, "MJ714"))
    problems.tell_all(of_texts(document, ("title", "owner"), "MJ715"))
    problems.tell_all(of_end(document, "MJ716"))
    kind = value.get("kind", "text")
    if kind not in KINDS:
        problems.tell(
            document.error(
                ("kind",),
                f"no kind of list '{kind}'",
                f"没有“{kind}”这种名单",
                fix_en=f"there are: {', '.join(KINDS)}",
                fix_zh=f"现有：{'、'.join(KINDS)}",
                code="MJ717",
            )
        )
        return RefList(stem)  # what its values should be is not known
    key, other = ("entries", "values") if kind in _ATTRIBUTES else ("values", "entries")
    if other in value:
        problems.tell(
            document.error(
                (other,),
                f"a list of kind {kind} has '{key}', not '{other}'",
                f"{kind} 类名单用 {key}，不用 {other}",
                code="MJ718",
            )
        )
        return RefList(stem, kind)
    return replace(
        contents(document, (key,), stem, kind, value.get(key), problems),
        title=value.get("title", ""),
        owner=value.get("owner", ""),
        expires=value.get("expires"),
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
    document: Document,
    at: tuple[str, ...],
    name: str,
    kind: str,
    written: Any,
    problems: Problems | None = None,
) -> RefList:
    """A list of `kind` from its values or entries, which stand at `at`.

    Raises:
        RuleError, Enough: they do not fit the kind; see `Problems.tell`.
    """
    problems = problems or Problems()
    if kind in _ATTRIBUTES:
        return RefList(name, kind, entries=_entries(document, at, kind, written, problems))
    if not isinstance(written, list):
        problems.tell(
            document.error(at, f"'{at[-1]}' must be a list", f"{at[-1]} 必须是列表", code="MJ719")
        )
        return RefList(name, kind)
    if kind == "period":
        periods = (_period(document, (*at, str(n)), one, problems) for n, one in enumerate(written))
        return RefList(name, kind, periods=tuple(one for one in periods if one))
    compared = NORMAL[kind]
    for index, item in enumerate(written):
        if not isinstance(item, str) or not compared(item):
            problems.tell(
                document.error(
                    (*at, str(index)),
                    f"'{item}' is not a text that can be compared as {kind}",
                    f"“{item}”不是可以按 {kind} 比较的文本",
                    fix_en="put it in quotation marks",
                    fix_zh="请加引号",
                    code="MJ720",
                )
            )
    return RefList(name, kind, values=tuple(written))


def _entries(
    document: Document, at: tuple[str, ...], kind: str, entries: Any, problems: Problems
) -> dict[str, dict[str, str]]:
    if not isinstance(entries, dict):
        problems.tell(
            document.error(at, "'entries' must be a mapping", "entries 必须是映射", code="MJ721")
        )
        return {}
    for key, entry in entries.items():
        here = (*at, str(key))
        if not isinstance(entry, dict):
            problems.tell(
                document.error(
                    here,
                    f"'{key}' must have attributes: {', '.join(_ATTRIBUTES[kind])}",
                    f"“{key}”应写明属性：{'、'.join(_ATTRIBUTES[kind])}",
                    code="MJ722",
                )
            )
            continue
        problems.tell_all(document.unknown(here, _ATTRIBUTES[kind]))
        for name, one in entry.items():
            if not isinstance(one, str) and name in _ATTRIBUTES[kind]:
                problems.tell(
                    document.error(
                        (*here, name),
                        f"'{name}' must be a text (in quotation marks)",
                        f"“{name}”必须是文本（请加引号）",
                        code="MJ723",
                    )
                )
    return {str(key): dict(entry) for key, entry in entries.items() if isinstance(entry, dict)}


def _period(
    document: Document, at: tuple[str, ...], value: Any, problems: Problems
) -> Period | None:
    ends: list[Any] = []
    if isinstance(value, dict):
        problems.tell_all(document.unknown(at, _PERIOD_KEYS))
        ends = [value.get("from"), value.get("to")]
    if len(ends) != 2 or not all(isinstance(one, date) for one in ends):  # noqa: PLR2004
        problems.tell(
            document.error(
                at,
                "a period has 'from' and 'to', two dates",
                "时间段要写 from 和 to 两个日期",
                fix_en="{from: 2026-03-01, to: 2026-03-31, name: …}",
                fix_zh="{from: 2026-03-01, to: 2026-03-31, name: …}",
                code="MJ724",
            )
        )
        return None
    start, end = ends
    name = str(value.get("name", ""))
    whole = day(start, end, name)
    period = Period(_place(start) or whole.start, _place(end) or whole.end, name)
    if period.start >= period.end:
        problems.tell(
            document.error(
                at, "the period ends before it begins", "时间段的结束早于开始", code="MJ725"
            )
        )
    return period


def _place(when: date) -> tuple[int, int] | None:
    """Day and ms of a local date-time, None for a whole day."""
    if not isinstance(when, datetime):
        return None
    since = (when.hour * 3600 + when.minute * 60 + when.second) * 1000
    return when.toordinal(), since
