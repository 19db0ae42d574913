"""Rules where a person points at them: a directory, one file, or nothing (the catalogue)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

from rules.alert import sm3_hex
from rules.calendar import load_calendar
from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.lint.folder import Request, check
from rules.lint.registry import severity
from rules.loader import load_file
from rules.model import RuleFile
from rules.ruleset import (
    CALENDAR,
    CATALOG,
    RuleSet,
    assemble,
    beside,
    load_ruleset,
    rule_files,
)


class Checked(NamedTuple):
    """What `mingjian rules check` found in how many files, in order of place."""

    files: int
    problems: list[RuleError]

    @property
    def errors(self) -> list[RuleError]:
        """What keeps the rules from being used."""
        return [one for one in self.problems if severity(one) == "error"]

    @property
    def warnings(self) -> list[RuleError]:
        """What is nearly always a mistake."""
        return [one for one in self.problems if severity(one) == "warning"]

    @property
    def notes(self) -> list[RuleError]:
        """What could be better."""
        return [one for one in self.problems if severity(one) == "info"]


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


def needs_others(file: RuleFile) -> bool:
    """Does the file depend on rules that it does not hold?"""
    own = {rule.ref.name for rule in file.detections}
    named = {name for rule in file.correlations for name in rule.rules}
    return bool(named - own) or any(rule.asks_hits for rule in file.detections)


def check_rules(
    path: str,
    *,
    baseline: str = "",
    today: date | None = None,
) -> Checked:
    """Everything wrong in the rule files of a directory, or in one file.

    Args:
        baseline: a directory with the rules as they were published, to compare versions with.
        today: the day that dates are compared with; None compares none.

    Raises:
        MingjianError: no such directory or file, or no rule in it.
    """
    place = _there(Path(path) if path else CATALOG)
    single = place.is_file()
    folder = place.parent if single else place
    where = beside(folder, above=single)
    files = [place] if single else rule_files(folder)
    if not files:
        load_ruleset(folder)  # says that there is no rule
    before = _there(Path(baseline)) if baseline else None
    problems = check(
        Request(
            root=folder,
            files=files,
            where=where,
            others=[file for file in rule_files(folder) if file != place] if single else (),
            own=not single
            and (where.lexicons == folder / "lexicons" or folder.resolve() == CATALOG),
            baseline=rule_files(before) if before else (),
            baseline_root=before or folder,
            today=today,
        )
    )
    return Checked(len(files), problems)


def _there(place: Path) -> Path:
    if not place.exists():
        raise MingjianError(
            f"no rule directory or file {place}",
            f"没有规则目录或文件 {place}",
            exit_code=EXIT_USAGE,
        )
    return place
