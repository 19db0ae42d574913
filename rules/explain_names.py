"""The names that the author of a rule gave to parts of its condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.conditions import Node
from rules.explain import Selection
from rules.extension import scope, zone
from rules.filters import GlobalFilter
from rules.model import RuleFile
from rules.named import Named
from rules.refused import Refused, UnknownName
from rules.ruleset import RuleSet
from rules.sigma_parse import parse_detection
from rules.yaml_source import load_documents
from rules.zone import Zone

CONDITION, SCOPE = "condition", "scope"


def selections(rules: RuleSet, rule: str, named: Named) -> list[Selection]:
    """The parts of a detection rule that have names: its selections, and where more was joined to
    its condition that as a whole, the scope and the filters. Such a tree is equal to the part of
    the rule's condition that it became."""
    file = rules.file_of(rule)
    if file is None:
        return []
    documents = load_documents(file.path, file.text)
    own = next((one for one in documents if one.value.get("name") == rule), None)
    if own is None or not isinstance(own.value.get("detection"), dict):
        return []
    section, clock = own.value["detection"], zone(own, own.value.get("mingjian") or {})
    found = _named(section, named, clock)
    whole = _whole(section, named, clock)
    if whole is None or whole == rules.detections[rule].condition:
        return found
    found = [Selection(CONDITION, whole, joined=True, inside=tuple(found))]
    for one in documents:  # of a correlation it is joined to its base rules
        tree = scope(one, one.value.get("mingjian") or {})
        found += [Selection(SCOPE, tree, joined=True)] if tree is not None else []
    found += [
        Selection(
            one.name,
            one.condition,
            joined=True,
            inside=tuple(_of_filter(one, named)),
            exception=True,
            until=str(one.expires or ""),
        )
        for each in rules.files
        for one in each.filters
    ]
    return found


def condition_text(file: RuleFile, rule: str) -> str:
    """The condition as written; "" where the rule has none."""
    for document in load_documents(file.path, file.text):
        if document.value.get("name") == rule:
            return str(document.value.get("detection", {}).get("condition", ""))
    return ""


def _of_filter(one: GlobalFilter, named: Named) -> list[Selection]:
    value = one.document.value
    section = {key: part for key, part in value["filter"].items() if key != "rules"}
    return _named(section, named, zone(one.document, value.get("mingjian") or {}))


def _named(section: Mapping[str, Any], named: Named, clock: Zone | None) -> list[Selection]:
    return [
        Selection(name, tree)
        for name, selection in section.items()
        if name != CONDITION and (tree := _tree(selection, named, clock)) is not None
    ]


def _tree(selection: object, named: Named, clock: Zone | None) -> Node | None:
    return _whole({"it": selection, CONDITION: "it"}, named, clock)


def _whole(section: Mapping[str, Any], named: Named, clock: Zone | None) -> Node | None:
    try:
        return parse_detection(section, named, zone=clock)
    except (Refused, UnknownName):  # told by `rules check`; a part without a name is no mistake
        return None
