"""In which department somebody is, by the staff lists beside the rules."""

from __future__ import annotations

from pathlib import Path

from rules.beside import CATALOG, beside
from rules.reference import Reference
from rules.reference_file import load_reference
from sinks.archive.facts import Departments


def departments_of(rules_path: str) -> Departments:
    """The department of an employee, by the lists beside the rules of this folder or file ("": the
    shipped ones). They are read when the first one is asked for, which raises RuleError where they
    cannot be."""
    known: list[Reference] = []

    def department(userid: str) -> str | None:
        if not known:
            place = Path(rules_path) if rules_path else CATALOG
            where = beside(place.parent, above=True) if place.is_file() else beside(place)
            known.append(load_reference(where.lists))
        return known[0].staff(userid).get("department") or None

    return department
