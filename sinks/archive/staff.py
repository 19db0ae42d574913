"""In which department somebody is, by the staff lists beside the rules."""

from __future__ import annotations

from pathlib import Path

from rules.beside import CATALOG, beside
from rules.reference import Reference
from rules.reference_file import load_reference
from sinks.archive.facts import Departments, with_above


def departments_of(rules_path: str) -> Departments:
    """The department of an employee, by the lists beside the rules of this folder or file ("": the
    shipped ones). They are read when the first one is asked for, which raises RuleError where they
    cannot be."""
    known: list[Reference] = []

    def department(userid: str) -> str | None:
        if not known:
            known.append(_lists(rules_path))
        return known[0].staff(userid).get("department") or None

    return department


def known_departments(rules_path: str) -> set[str]:
    """Every department of the staff lists, and those above it; none where there is no such list.
    Raises RuleError: see `departments_of`."""
    staff = (one for one in _lists(rules_path).lists.values() if one.kind == "staff")
    named = {entry.get("department", "") for one in staff for entry in one.entries.values()}
    return {above for one in named if one for above in with_above(one)}


def _lists(rules_path: str) -> Reference:
    place = Path(rules_path) if rules_path else CATALOG
    where = beside(place.parent, above=True) if place.is_file() else beside(place)
    return load_reference(where.lists)
