"""Rules where a person points at them: a directory, one file, or nothing (the catalogue)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rules.advice import of_lexicon, of_rules
from rules.alert import sm3_hex
from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.lexicon_file import load_lexicons
from rules.loader import load_file
from rules.model import RuleFile
from rules.ruleset import CATALOG, LEXICONS, RuleSet, assemble, load_ruleset, rule_files
from rules.sigma_parse import Named
from rules.yaml_source import load_documents


class Checked(NamedTuple):
    """What `mingjian rules check` found in how many files."""

    files: int
    errors: list[RuleError]
    warnings: list[RuleError]


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
    loaded = load_file(file, Named(load_lexicons(lexicons_for(file.parent))), root=file.parent)
    if needs_others(loaded):
        return load_ruleset(file.parent, lexicons_for(file.parent))
    return assemble([loaded], sm3_hex(loaded.path, loaded.text))


def needs_others(file: RuleFile) -> bool:
    """Does the file depend on rules that it does not hold?"""
    own = {rule.ref.name for rule in file.detections}
    named = {name for rule in file.correlations for name in rule.rules}
    return bool(named - own) or any(rule.asks_hits for rule in file.detections)


def lexicons_for(folder: Path) -> Path:
    """`lexicons` of the folder or of the nearest one above it, else the shipped ones."""
    here = folder.resolve()
    own = (parent / "lexicons" for parent in (here, *here.parents))
    return next((path for path in own if path.is_dir()), LEXICONS)


def check_rules(path: str) -> Checked:
    """Everything wrong in the rule files of a directory, or in one file.

    Raises:
        MingjianError: no such directory or file, or no rule in it.
    """
    place = Path(path) if path else CATALOG
    if not place.exists():
        raise MingjianError(
            f"no rule directory or file {place}",
            f"没有规则目录或文件 {place}",
            exit_code=EXIT_USAGE,
        )
    single = place.is_file()
    folder = place.parent if single else place
    own = folder / "lexicons"
    words = lexicons_for(folder) if single else own if own.is_dir() else LEXICONS
    files = [place] if single else rule_files(folder)
    errors: list[RuleError] = []
    warnings: list[RuleError] = []
    try:
        named = Named(load_lexicons(words))
    except RuleError as error:
        return Checked(len(files), [error], [])
    for file in sorted(words.glob("*.y*ml")) if not single else ():
        (document,) = load_documents(str(file), file.read_text(encoding="utf-8"))
        warnings += of_lexicon(document)
    for file in files:
        try:
            loaded = load_file(file, named, root=folder)
            warnings += of_rules(load_documents(loaded.path, loaded.text))
        except RuleError as error:
            errors.append(error)
    if not errors:
        try:
            load_rules(path)
        except RuleError as error:
            errors.append(error)
    return Checked(len(files), errors, warnings)
