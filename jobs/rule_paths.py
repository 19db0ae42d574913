"""Rules where a person points at them: a directory, one file, or nothing (the catalogue)."""

from __future__ import annotations

from pathlib import Path

from rules.alert import sm3_hex
from rules.lexicon_file import load_lexicons
from rules.loader import load_file
from rules.model import RuleFile
from rules.ruleset import LEXICONS, RuleSet, assemble, load_ruleset
from rules.sigma_parse import Named


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
