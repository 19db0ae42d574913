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

from rules.errors import RuleError
from rules.model import RuleFile
from rules.refused import UnknownName
from rules.yaml_files import yaml_files
from rules.yaml_source import Document, load_documents

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
    label = f"packs/{file.name}"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(
            f"cannot read the pack: {error}",
            f"读不了规则包：{error}",
            path=label,
            line=1,
            column=1,
            code="MJ018",
        ) from None
    return _pack(next(iter(load_documents(label, text)), Document(label, {}, {})), file.stem)


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


def _pack(document: Document, stem: str) -> Pack:
    document.only((), _KEYS)
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
            raise document.error(
                (key,),
                "a pack has 'name' (as the file), 'title' {en, zh}, 'law' and 'rules', lists",
                "规则包要写 name（与文件同名）、title {en, zh}，以及列表 law 和 rules",
                code="MJ740",
            )
    return Pack(value["name"], title, tuple(map(str, value.get("law", []))), tuple(value["rules"]))
