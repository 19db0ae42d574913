"""Rules where a person points at them: a directory, one file, or nothing (the catalogue)."""

from __future__ import annotations

from pathlib import Path

from rules.alert import sm3_hex
from rules.calendar import load_calendar
from rules.loader import load_file
from rules.model import RuleFile
from rules.named import Named
from rules.ruleset import CALENDAR, CATALOG, RuleSet, assemble, beside, load_ruleset


def load_rules(path: str) -> RuleSet:
    """The rules of a directory or of one file.

    A file that counts rules of other files, or asks what they hit, is loaded with its directory.

    Raises:
        MingjianError: nothing there.
        RuleError: the first broken rule.
    """
    file = Path(path)
    if not path or not file.is_file():
        return load_ruleset(path)
    where = beside(file.parent, above=True)
    named = where.named()
    loaded = load_file(file, named, root=file.parent)
    if needs_others(loaded):
        return load_ruleset(file.parent, where)
    calendar = None if where.calendar == CALENDAR else load_calendar(where.calendar)
    return assemble([loaded], sm3_hex(loaded.path, loaded.text), named.reference, calendar)


def named_for(path: str) -> Named:
    """What the rules that `load_rules(path)` gives may refer to by name."""
    place = Path(path) if path else CATALOG
    where = beside(place.parent, above=True) if place.is_file() else beside(place)
    return where.named()


def needs_others(file: RuleFile) -> bool:
    """Does the file depend on rules that it does not hold?"""
    own = {rule.ref.name for rule in file.detections}
    named = {name for rule in file.correlations for name in rule.rules}
    return bool(named - own) or any(rule.asks_hits for rule in file.detections)
