"""The names that the author of a rule gave to parts of its condition."""

from __future__ import annotations

from rules.conditions import Node
from rules.model import RuleFile
from rules.refused import Refused, UnknownName
from rules.sigma_parse import Named, parse_detection
from rules.yaml_source import load_documents


def selections(file: RuleFile, rule: str, named: Named) -> list[tuple[str, Node]]:
    """(selection, its tree) of a detection rule of the file; such a tree is equal to the part of
    the rule's condition that the selection became."""
    for document in load_documents(file.path, file.text):
        section = document.value.get("detection")
        if document.value.get("name") == rule and isinstance(section, dict):
            return [
                (name, tree)
                for name, selection in section.items()
                if name != "condition" and (tree := _tree(selection, named)) is not None
            ]
    return []


def condition_text(file: RuleFile, rule: str) -> str:
    """The condition as written; "" where the rule has none."""
    for document in load_documents(file.path, file.text):
        if document.value.get("name") == rule:
            return str(document.value.get("detection", {}).get("condition", ""))
    return ""


def _tree(selection: object, named: Named) -> Node | None:
    try:
        return parse_detection({"it": selection, "condition": "it"}, named)
    except (Refused, UnknownName):  # told by `rules check`; a part without a name is no mistake
        return None
