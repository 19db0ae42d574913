"""Values of a scope that load and that no message, as far as is known, ever has."""

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


def _known(reference: Reference, kind: str, what: str) -> set[str]:
    """The values of an attribute in the lists of a kind; of 甲部/一组 甲部 too."""
    found: set[str] = set()
    for one in reference.lists.values():
        for entry in one.entries.values() if one.kind == kind else ():
            parts = entry.get(what, "").split("/")
            found |= {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return found - {""}


def _nearest(one: str, known: set[str] | frozenset[str]) -> dict[str, Any]:
    near = nearest(one, sorted(known))
    return {
        "fix_en": f"did you mean '{near}'?" if near else "write it as your lists and records do",
        "fix_zh": f"是不是“{near}”？" if near else "请按名录和记录里的写法书写",
    }
