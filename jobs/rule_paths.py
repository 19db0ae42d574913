"""Rules where a person points at them: a directory, one file, or nothing (the catalogue)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rules.alert import sm3_hex
from rules.calendar import load_calendar
from rules.filters import GlobalFilter
from rules.loader import load_file, read_rule_text
from rules.model import RuleFile
from rules.named import Named
from rules.ruleset import CALENDAR, CATALOG, RuleSet, assemble, beside, load_ruleset, rule_files

HOLDS_FILTER = re.compile(r"^[\"']?filter[\"']?\s*:", re.MULTILINE)


def load_rules(path: str) -> RuleSet:
    """The rules of a directory or of one file.

    One file is judged as in its directory: with the filters there that name its rules or `any`. A
    file that counts rules of other files, asks what they hit, or filters them, is loaded with its
    directory.

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
    files = [loaded, *filters_on(loaded, _beside(file, named))]
    digest = sm3_hex(*(part for one in files for part in (one.path, one.text)))
    return assemble(files, digest, named.reference, calendar)


def named_for(path: str) -> Named:
    """What the rules that `load_rules(path)` gives may refer to by name."""
    place = Path(path) if path else CATALOG
    where = beside(place.parent, above=True) if place.is_file() else beside(place)
    return where.named()


def needs_others(file: RuleFile) -> bool:
    """Does the file depend on rules that it does not hold?"""
    own = {rule.ref.name for rule in file.detections}
    named = {name for rule in file.correlations for name in rule.rules}
    filtered = {name for one in file.filters for name in one.rules or ()}
    return (
        bool(named - own)
        or bool(filtered - file.called())
        or file.main is None
        or any(rule.asks_hits for rule in file.detections)
    )


def holds_filter(file: Path, label: str) -> bool:
    """Does a rule file, called `label` in errors, seem to hold filters?"""
    return bool(HOLDS_FILTER.search(read_rule_text(file, label)))


def filters_on(chosen: RuleFile, others: Iterable[RuleFile]) -> Iterator[RuleFile]:
    """The files among `others` that filter the chosen one, with only these filters."""
    known = chosen.called()
    for other in others:
        kept = tuple(
            narrow for one in other.filters if (narrow := _narrowed(one, known)) is not None
        )
        if kept and other.path != chosen.path:
            yield RuleFile(other.path, other.text, (), (), filters=kept)


def _beside(place: Path, named: Named) -> Iterator[RuleFile]:
    """The other files of the directory that hold filters. The rest is not looked at: what is wrong
    in it does not concern the rules of `place`."""
    for other in rule_files(place.parent):
        if other != place and holds_filter(other, str(other.relative_to(place.parent))):
            yield load_file(other, named, root=place.parent)


def _narrowed(one: GlobalFilter, known: set[str]) -> GlobalFilter | None:
    """The filter on these rules alone; None when it is on others."""
    if one.rules is None:
        return one
    rules = tuple(name for name in one.rules if name in known)
    return replace(one, rules=rules) if rules else None
