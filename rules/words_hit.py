"""How often each word of each lexicon was hit: what tells which words work and which never do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rules.conditions import And, AtLeast, InLexicon, Node, Not, Or, Until
from rules.lexicon import Lexicon
from rules.ruleset import RuleSet


def lexicons_in(node: Node) -> dict[str, Lexicon]:
    """The lexicons that a condition looks for, those of a negation too."""
    if isinstance(node, InLexicon):
        return {node.lexicon.name: node.lexicon}
    if isinstance(node, Not | Until):
        return lexicons_in(node.child)
    found: dict[str, Lexicon] = {}
    if isinstance(node, And | Or | AtLeast):
        for child in node.children:
            found |= lexicons_in(child)
    return found


def lexicons_by_rule(ruleset: RuleSet) -> dict[str, dict[str, Lexicon]]:
    """Name of each rule -> the lexicons it looks for, through the base rules it counts."""
    found = {name: lexicons_in(rule.condition) for name, rule in ruleset.detections.items()}
    for name, one in ruleset.correlations.items():
        found[name] = {}
        for base in one.how.sources():
            found[name] |= found.get(base, {})
    return found


def hits_by_word(ruleset: RuleSet, alerts: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Name of each lexicon in use -> word -> in how many alerts it was hit; 0 for those never hit.

    `alerts` are as `rules.alert.Alert` writes them.
    """
    used = lexicons_by_rule(ruleset)
    every: dict[str, Lexicon] = {}
    for lexicons in used.values():
        every |= lexicons
    found = {name: Counter(dict.fromkeys(words_of(one), 0)) for name, one in every.items()}
    for alert in alerts:
        words = {hit["pattern"] for hit in alert.get("hits", ())}
        for name in used.get(alert["rule"]["name"], {}):
            found[name].update(word for word in words if word in found[name])
    return found


def words_of(lexicon: Lexicon) -> list[str]:
    """All words, those of every scene too, without spellings that synonyms make."""
    lists = [lexicon, *lexicon.scenes.values()]
    words = (word for one in lists for word in one.words if word not in one.spelling_of)
    return list(dict.fromkeys(words))
