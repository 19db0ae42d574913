"""The rules of a place that can be used, beside files that are broken: for who looks at rules.

A job loads all or nothing (`rules.ruleset.load_ruleset`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from jobs.rule_paths import (
    HOLDS_FILTER,
    filters_on,
    holds_filter,
    load_rules,
    named_for,
    needs_others,
)
from rules.alert import sm3_hex
from rules.calendar import load_calendar
from rules.errors import RuleError
from rules.lexicon import Lexicon
from rules.lexicon_file import lexicon_files, load_lexicon
from rules.loader import load_file
from rules.model import RuleFile
from rules.named import Named
from rules.reference import Reference, RefList
from rules.reference_file import list_files, load_list
from rules.ruleset import CALENDAR, CATALOG, Beside, RuleSet, assemble, beside, rule_files
from rules.yaml_source import MAX_RULE

T = TypeVar("T")
_NAME = re.compile(r"^name\s*[:：]\s*[\"'“]?([\w.-]+)", re.MULTILINE)
_UNSEEN = ("\ue000\ue000",)  # a word that no text holds


class Usable(NamedTuple):
    """Rules, what they may name, and the first error of each file that is left out; `root` is the
    directory that the paths of these files start from."""

    ruleset: RuleSet
    named: Named
    problems: list[RuleError]
    root: Path = Path()

    @property
    def left_out(self) -> list[str]:
        """The files that cannot be used."""
        return list(dict.fromkeys(one.path for one in self.problems))

    def concerning(self, is_asked: Callable[[str], bool]) -> list[RuleError]:
        """The problems that may change how the asked rules judge: all but those of other rules,
        as far as the text of a broken file tells their names."""
        files = rule_files(self.root)
        return [
            one
            for one in self.problems
            if self.root / one.path not in files
            or HOLDS_FILTER.search(_text_of(self.root / one.path))
            or any(map(is_asked, _names_in(self.root / one.path)))
        ]

    def holding(self, is_asked: Callable[[str], bool]) -> list[RuleError]:
        """The problems of files that seem to hold the asked rules."""
        return [one for one in self.problems if any(map(is_asked, _names_in(self.root / one.path)))]


def load_usable(path: str, *, judged: bool = True) -> Usable:
    """The rules of a directory or file as `load_rules` gives them, without broken files.

    `judged`: rules that name a broken lexicon or list are left out too; else only their text is
    asked for, and they stay.

    Raises:
        MingjianError: nothing there.
        RuleError: nothing is left, or the one file that is asked for is broken.
    """
    try:
        return Usable(load_rules(path), named_for(path), [])
    except RuleError as error:
        found = _beside_broken(Path(path) if path else CATALOG, judged)
        if found is None:
            raise error from None
        return found


def _beside_broken(place: Path, judged: bool) -> Usable | None:
    """None when nothing is left."""
    single = place.is_file()
    folder = place.parent if single else place
    where = beside(folder, above=single)
    problems: list[RuleError] = []
    named = _named(where, judged, problems)
    loaded = _usable(rule_files(folder), lambda file: load_file(file, named, root=folder), problems)
    kept = list(loaded.values())
    if single:
        asked = [one for one in kept if one.path == place.name]
        if not asked:
            own = [one for one in problems if one.path == place.name]
            raise own[0] if own else problems[0]
        if not needs_others(asked[0]):
            kept = [asked[0], *filters_on(asked[0], kept)]
            problems = [one for one in problems if _concerns(folder, one)]
    calendar = None
    if where.calendar != CALENDAR:  # else the shipped one
        calendar = next(iter(_usable([where.calendar], load_calendar, problems).values()), None)
    digest = sm3_hex(*(part for one in kept for part in (one.path, one.text)))
    while kept:
        try:
            ruleset = assemble(_narrowed(kept), digest, named.reference, calendar)
        except RuleError as error:  # two of one name, or what counts a rule that is left out
            problems.append(error)
            fewer = [one for one in kept if one.path != error.path]
            kept = fewer if len(fewer) < len(kept) else []
        else:
            missing = single and place.name not in (one.path for one in kept)
            return None if missing else Usable(ruleset, named, problems, folder)
    return None


def _names_in(file: Path) -> list[str]:
    """Names of rules in the text of a file that may be broken."""
    return _NAME.findall(_text_of(file))


def _text_of(file: Path) -> str:
    """As much of a file as can be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(4 * MAX_RULE).decode(errors="replace")
    except OSError:
        return ""


def _concerns(folder: Path, problem: RuleError) -> bool:
    """Does a broken file concern the rules of another: as a list, or as filters on them?"""
    file = folder / problem.path
    if file not in rule_files(folder):
        return True
    try:
        return holds_filter(file, problem.path)
    except RuleError:
        return True


def _named(where: Beside, judged: bool, problems: list[RuleError]) -> Named:
    files = lexicon_files(where.lexicons)
    lexicons = {one.stem: book for one, book in _usable(files, load_lexicon, problems).items()}
    lists = {
        one.stem: found
        for one, found in _usable(list_files(where.lists), load_list, problems).items()
    }
    broken = {Path(one.path).stem for one in problems}
    if not judged:
        for name in broken:
            lexicons.setdefault(name, Lexicon(name, words=_UNSEEN, values=_UNSEEN))
            lists.setdefault(name, RefList(name))
    return Named(lexicons, Reference(lists), frozenset(broken))


def _usable(
    files: Iterable[Path], load: Callable[[Path], T], problems: list[RuleError]
) -> dict[Path, T]:
    """What can be loaded; the first error of each other file goes to `problems`."""
    found = {}
    for file in files:
        try:
            found[file] = load(file)
        except RuleError as error:
            problems.append(error)
    return found


def _narrowed(files: list[RuleFile]) -> list[RuleFile]:
    """The files, their filters on rules that are there only."""
    known = set().union(*(one.called() for one in files))
    return [
        replace(
            file,
            filters=tuple(
                one
                if one.rules is None
                else replace(one, rules=tuple(name for name in one.rules if name in known))
                for one in file.filters
            ),
        )
        for file in files
    ]
