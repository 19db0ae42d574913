"""A ruleset with more on its reference lists, which test cases and explanations add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rules.loader import build
from rules.model import RuleFile
from rules.named import Named
from rules.reference import Reference, RefList
from rules.ruleset import RuleSet, assemble
from rules.yaml_source import load_documents


def with_more(ruleset: RuleSet, lists: Sequence[RefList], named: Named) -> RuleSet:
    """The same rules, digest included, where `lists` are joined to the lists of their names.

    Conditions ask the lists when they judge, except those that spell the values out (`expand`):
    their files are read anew, with the lexicons of `named`.

    Raises:
        RuleError: a file that is read anew names a lexicon that `named` does not have, or spells
            out a value that is no word.
    """
    reference = ruleset.reference.extended(lists)
    spelled = [f"%{one.name}%" for one in lists]
    files = tuple(
        _read_anew(file, named, reference) if any(one in file.text for one in spelled) else file
        for file in ruleset.files
    )
    if files == ruleset.files:
        return replace(ruleset, reference=reference)
    again = assemble(files, ruleset.digest, reference, ruleset.calendar)
    detections = {name: again.detections[name] for name in ruleset.detections}
    return replace(ruleset, files=files, detections=detections, reference=reference)


def _read_anew(file: RuleFile, named: Named, reference: Reference) -> RuleFile:
    documents = load_documents(file.path, file.text)
    found = build(file.path, file.text, documents, Named(named.lexicons, reference))
    kept = {one.name: one.rules for one in file.filters}  # perhaps only some, on some rules
    filters = [replace(one, rules=kept[one.name]) for one in found.filters if one.name in kept]
    return replace(
        file,
        detections=found.detections if file.detections else (),
        filters=tuple(filters),
    )
