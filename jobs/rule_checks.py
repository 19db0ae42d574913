"""What `mingjian rules check` looks at and changes: the files behind a path on the command line."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from contextlib import suppress
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.lint.fixes import fix_all
from rules.lint.folder import Request, check, check_texts
from rules.lint.layout_said import may_have_unseen, of_text
from rules.lint.registry import severity
from rules.loader import read_rule_text
from rules.ruleset import BESIDE, CATALOG, beside, load_ruleset, rule_files
from rules.yaml_files import yaml_files
from rules.yaml_source import read_text

_SHORT = 20_000  # characters of a file that is fixed only to see what --fix would do


class Checked(NamedTuple):
    """What was found in how many rule files, in order of place."""

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


class Fixed(NamedTuple):
    """A file whose text was put right."""

    path: str
    before: str
    after: str
    fixes: list[RuleError]


class PlaceOfRules:
    """The rule files a path stands for: a directory, one file, or nothing (the catalogue).

    Raises:
        MingjianError: no such directory or file, or no rule in it.
    """

    def __init__(self, path: str) -> None:
        self.place = _there(Path(path) if path else CATALOG)
        self.single = self.place.is_file()
        self.folder = self.place.parent if self.single else self.place
        self.where = beside(self.folder, above=self.single)
        self.files = [self.place] if self.single else rule_files(self.folder)
        if not self.files:
            load_ruleset(self.folder)  # says that there is no rule
        self._texts: dict[str, str] = {}
        meant = self.folder if self.single else meant_folder(self.folder)
        if meant != self.folder:
            rules = {*rule_files(meant)}
            others = next(one for one in self.files if one not in rules)
            raise MingjianError(
                f"{self.folder} is not a directory of rules: it holds other files too, such as"
                f" {others}, and its rules are all in {meant}",
                f"{self.folder} 不是规则目录：里面还有别的文件（如 {others}），规则都在 {meant} 里",
                fix_en=f"mingjian rules check {meant}",
                fix_zh=f"mingjian rules check {meant}",
                exit_code=EXIT_USAGE,
            )

    @cached_property
    def own_words(self) -> bool:
        """Do the lexicons belong to these rules, so that they are checked with them?"""
        own = self.where.lexicons == self.folder / "lexicons" or self.folder.resolve() == CATALOG
        return own and not self.single

    def request(self, *, baseline: str = "", today: date | None = None) -> Request:
        """What the checker has to look at."""
        before = _there(Path(baseline)) if baseline else None
        near = rule_files(self.folder) if self.single else []
        return Request(
            root=self.folder,
            files=self.files,
            where=self.where,
            others=[file for file in near if file != self.place],
            own=self.own_words,
            baseline=rule_files(before) if before else (),
            baseline_root=before or self.folder,
            today=today,
        )

    def text_of(self, path: str) -> str:
        """The text of a file as problems name it; "" when it cannot be read or is too large."""
        if path not in self._texts:
            self._texts[path] = next(self._read(path), "")
        return self._texts[path]

    def _read(self, path: str) -> Iterator[str]:
        for file in (self.folder / path, self.where.lexicons / Path(path).name, Path(path)):
            with suppress(RuleError):
                yield read_text(file, path)


def check_rules(path: str, *, baseline: str = "", today: date | None = None) -> Checked:
    """Everything wrong in the rule files of a directory, or in one file.

    Args:
        baseline: a directory with the rules as they were published, to compare versions with.
        today: the day that dates are compared with; None compares none.

    Raises:
        MingjianError: no such directory or file, or no rule in it.
    """
    place = PlaceOfRules(path)
    return Checked(len(place.files), check(place.request(baseline=baseline, today=today)))


def errors_of_loaded(path: str) -> list[RuleError]:
    """The errors that `check_rules` finds in a directory whose rules all load: in a fraction of the
    time, for most of what it looks at is there to find what is no error.

    Raises:
        MingjianError: see `check_rules`.
    """
    place = PlaceOfRules(path)
    texts = {file: read_rule_text(file, file.name) for file in place.files}
    doubtful = [file for file, text in texts.items() if _may_err(file.name, text)]
    said = "\n".join(texts.pop(file) for file in doubtful)
    named = [file for file, text in texts.items() if any(one in said for one in _CALLED(text))]
    request = place.request()._replace(files=doubtful, others=named)
    return Checked(len(place.files), check(request)).errors


_CALLED = re.compile(r"^[\"']?(?:name|id)[\"']?\s*:\s*[\"']?([^\s\"'#]+)", re.M).findall


def _may_err(name: str, text: str) -> bool:
    """Besides what keeps it from loading: a correlation that orders one rule, or keys with
    characters that nobody sees."""
    if "correlation" in text:
        return True
    return may_have_unseen(text) and any(one.code == "MJ023" for one in of_text(name, text))


def fix_rules(
    place: PlaceOfRules,
    *,
    baseline: str = "",
    today: date | None = None,
    write: bool = True,
    only: Container[str] | None = None,
) -> list[Fixed]:
    """Put right what has one right form, in every file; `write` changes the files.

    `only`: paths of the files to look at; of these none that is long, for every fix is tried.
    """
    request = place.request(baseline=baseline, today=today)
    files = [*place.files]
    if place.own_words and place.where.lexicons.is_relative_to(place.folder):
        files += yaml_files(place.where.lexicons)
    if only is not None:
        paths = {file: str(file.relative_to(place.folder)) for file in files}
        files = [
            file
            for file, path in paths.items()
            if path in only and len(place.text_of(path)) <= _SHORT
        ]
    if not files:
        return []
    problems_of = check_texts(request)
    found = []
    for file in files:
        path = str(file.relative_to(place.folder))
        try:
            before = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            continue  # check says so
        after, fixes = fix_all(before, partial(problems_of, path))
        if fixes:
            found.append(Fixed(path, before, after, fixes))
            if write:
                file.write_bytes(after.encode())
    return found


_OF_RULES = re.compile(
    r"^[\"']?(?:detection|correlation|filter|logsource|level|mingjian|id)[\"']?\s*[:：]", re.M
)


def meant_folder(folder: Path) -> Path:
    """The folder below that holds all the rules, where others hold none of them; else `folder`.

    Lexicons and lists stand beside rules; those of a folder further down are no rules either.
    """
    inside: dict[Path, list[Path]] = {}
    others = False
    for file in rule_files(folder):
        top, *below = file.relative_to(folder).parts
        if below and (below[0] not in BESIDE or not below[1:]):
            inside.setdefault(folder / top, []).append(file)
        elif not below and _looks_like_a_rule(file):
            return folder
        else:
            others = True
    holding = [place for place, files in inside.items() if any(map(_looks_like_a_rule, files))]
    if len(holding) != 1 or not (others or len(inside) > 1):
        return folder
    return meant_folder(holding[0])


def _looks_like_a_rule(file: Path) -> bool:
    """Broken or not."""
    try:
        return _OF_RULES.search(read_rule_text(file, str(file))) is not None
    except RuleError:
        return True


def _there(place: Path) -> Path:
    if not place.exists():
        raise MingjianError(
            f"no rule directory or file {place}",
            f"没有规则目录或文件 {place}",
            exit_code=EXIT_USAGE,
        )
    return place
