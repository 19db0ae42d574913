"""Values of a scope, and attributes of people asked for, that load and that nobody, as far as is
known, ever has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.errors import RuleError
from rules.lint.emitted import ALL
from rules.nearest import nearest
from rules.reference import Reference
from rules.yaml_source import Document

TYPES = ALL - {"*"}
# key of the scope -> kind of reference list, attribute, what it is called in Chinese
_LISTED = {
    "departments": ("staff", "department", "部门"),
    "except_departments": ("staff", "department", "部门"),
    "roles": ("staff", "role", "角色"),
    "except_roles": ("staff", "role", "角色"),
    "customer_segments": ("customers", "segment", "客户分层"),
}


def of_scope(document: Document, reference: Reference) -> Iterator[RuleError]:
    """Warnings about the `scope` of a rule that loads."""
    written: dict[str, Any] = document.value.get("mingjian", {}).get("scope") or {}
    for key, values in written.items():
        for index, one in enumerate(values if isinstance(values, list) else ()):
            at = ("mingjian", "scope", key, str(index))
            if key == "types" and one.casefold() not in TYPES:
                yield document.error(
                    at,
                    f"no message or event of the type '{one}' is known",
                    f"没有已知的消息或事件类型“{one}”",
                    **_nearest(one, TYPES),
                    code="MJ742",
                )
            elif key in _LISTED:
                kind, what, zh = _LISTED[key]
                known = _known(reference, kind, what)
                if known and one.casefold() not in {name.casefold() for name in known}:
                    yield document.error(
                        at,
                        f"no list of {kind} knows the {what} '{one}'",
                        f"名录里没有{zh}“{one}”",
                        **_nearest(one, known),
                        code="MJ743",
                    )


# field -> kind of reference list, attribute, what it is called in Chinese
_FIELDS = {
    "sender.department": ("staff", "department", "部门"),
    "sender.role": ("staff", "role", "角色"),
    "sender.scene": ("staff", "scene", "场景"),
    "customer.segment": ("customers", "segment", "客户分层"),
}


def of_attributes(document: Document, reference: Reference) -> Iterator[RuleError]:
    """Warnings about attributes of people that the selections of a rule that loads ask for."""
    cases = document.value.get("mingjian", {}).get("tests", ())
    for path, field, one in _asked(document.value["detection"]):
        kind, what, zh = _FIELDS[field]
        known = {e[what] for e in _entries(reference, kind) if e.get(what)}
        added = {e.get(what) for case in cases for e in _added(case)}
        if not known or one.casefold() in {str(name).casefold() for name in known | added}:
            continue
        below = what == "department" and any(name.startswith(f"{one}/") for name in known)
        fix = _nearest(one, known)
        if below:
            right = f"{field}|startswith: {one}"
            fix = {"fix_en": f"write {right}", "fix_zh": f"请写 {right}"}
        yield document.error(
            ("detection", *path),
            f"no list of {kind} knows the {what} '{one}'"
            + (", only parts of it, which are other values" if below else ""),
            f"名录里没有{zh}“{one}”" + ("，只有它的下级，而下级是另外的值" if below else ""),
            **fix,
            code="MJ743",
        )


def _asked(section: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(path below the section, field, value) of plain comparisons with attributes of people."""
    for name, selection in section.items():
        parts = selection if isinstance(selection, list) else [selection]
        for index, part in enumerate(parts):
            above = (str(name), str(index)) if isinstance(selection, list) else (str(name),)
            for key, value in part.items() if isinstance(part, dict) else ():
                field, _, modifier = str(key).partition("|")
                if field not in _FIELDS or modifier not in ("", "neq", "cased"):
                    continue
                values = value if isinstance(value, list) else [value]
                for place, one in enumerate(values):
                    if isinstance(one, str) and one and not set("*?\\") & set(one):
                        below = (str(place),) if isinstance(value, list) else ()
                        yield (*above, str(key), *below), field, one


def _entries(reference: Reference, kind: str) -> Iterator[Any]:
    return (e for one in reference.lists.values() if one.kind == kind for e in one.entries.values())


def _added(case: Any) -> Iterator[dict[str, Any]]:
    """Attributes that a test case adds to lists of people."""
    for entries in (case.get("lists") or {}).values():
        for entry in entries.values() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                yield entry


def _known(reference: Reference, kind: str, what: str) -> set[str]:
    """The values of an attribute in the lists of a kind; of 甲部/一组 甲部 too."""
    found: set[str] = set()
    for entry in _entries(reference, kind):
        parts = entry.get(what, "").split("/")
        found |= {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return found - {""}


def _nearest(one: str, known: set[str] | frozenset[str]) -> dict[str, Any]:
    near = nearest(one, sorted(known))
    return {
        "fix_en": f"did you mean '{near}'?" if near else "write it as your lists and records do",
        "fix_zh": f"是不是“{near}”？" if near else "请按名录和记录里的写法书写",
    }
