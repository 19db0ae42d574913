"""Rule packs: parts of a catalogue that are switched on by name (`packs/*.yaml`).

    name: securities
    title: {en: securities firms, zh: 证券业}
    law: ["证券法 第135条", "证券法 第136条"]
    rules: [a07_*, a09_01_inside_info]      # names of alerting rules, or globs

With `rules.packs: [securities, pipl]` in the settings only the rules of these packs judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from rules.heading import first_document
from rules.model import RuleFile
from rules.problems import Problems
from rules.refused import UnknownName
from rules.yaml_files import yaml_files
from rules.yaml_source import (
    Document,
)

PACKS = Path(__file__).parent / "packs"
_KEYS = ("name", "title", "law", "rules")


@dataclass(frozen=True)
class Pack:
    """One pack: `rules` are names of alerting rules, or globs over them."""

    name: str
    title: Mapping[str, str]
    law: tuple[str, ...]
    rules: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Is the rule of that name a part of the pack?"""
        return any(fnmatchcase(name, one) for one in self.rules)


def load_packs(folder: Path = PACKS) -> dict[str, Pack]:
    """The packs of a directory by name; none when there is no such directory.

    Raises:
        RuleError: the first broken file.
    """
    found = {}
    for file in yaml_files(folder):
        pack = load_pack(file)
        found[pack.name] = pack
    return found


def load_pack(file: Path) -> Pack:
    """The pack of a file.

    Raises:
        RuleError: it cannot be read, is not YAML, or lacks a key.
    """
    return read_pack(file, f"packs/{file.name}", Problems())


def read_pack(file: Path, label: str, problems: Problems) -> Pack:
    """The pack of a file, called `label` in errors.

    Raises:
        RuleError: it cannot be read; and see `Problems.tell` for all else.
        Enough: see `Problems.tell`.
    """
    return _pack(first_document(file, label, problems), file.stem, problems)


def chosen(files: Sequence[RuleFile], packs: Iterable[Pack]) -> list[RuleFile]:
    """The files of the rules of these packs, those they count, and all filters."""
    wanted = list(packs)
    kept = {file.path for file in files if file.filters or _named(file, wanted)}
    home = {name: file for file in files for name in file.names()}
    waiting = [file for file in files if file.path in kept]
    while waiting:
        for rule in waiting.pop().correlations:
            for name in rule.how.sources():
                file = home.get(name)
                if file is not None and file.path not in kept:
                    kept.add(file.path)
                    waiting.append(file)
    return [file for file in files if file.path in kept]


def pick(packs: Mapping[str, Pack], names: Iterable[str]) -> list[Pack]:
    """The packs of these names.

    Raises:
        UnknownName: there is none of that name.
    """
    for name in names:
        if name not in packs:
            raise UnknownName("pack", name, sorted(packs))
    return [packs[name] for name in names]


def _named(file: RuleFile, packs: Iterable[Pack]) -> bool:
    main = file.main
    return main is not None and any(pack.has(main.ref.name) for pack in packs)


def _pack(document: Document, stem: str, problems: Problems) -> Pack:
    problems.tell_all(document.unknown((), _KEYS))
    value = document.value
    title = value.get("title")
    fits = {
        "name": value.get("name") == stem,
        "title": isinstance(title, dict) and {"en", "zh"} <= title.keys(),
        "law": isinstance(value.get("law", []), list),
        "rules": isinstance(value.get("rules"), list)
        and bool(value["rules"])
        and all(isinstance(one, str) for one in value["rules"]),
    }
    for key, fit in fits.items():
        if not fit:
            problems.tell(
                document.error(
                    (key,),
                    "a pack has 'name' (as the file), 'title' {en, zh}, 'law' and 'rules', lists",
                    "规则包要写 name（与文件同名）、title {en, zh}，以及列表 law 和 rules",
                    code="MJ740",
                )
            )
    law, rules = (value[key] if fits[key] and key in value else () for key in ("law", "rules"))
    return Pack(stem, title or {}, tuple(map(str, law)), tuple(rules))
