"""Why a rule hit, for people: the words that were found, and the condition that they meet. How an
expression is written is for the rule's own part of the report, where each has its number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from reports.case import Finding, Item
from reports.pieces import Piece, pieces
from reports.rule_text import RuleText
from reports.words import Words
from rules.detectors import DETECTORS
from rules.yaml_source import load_documents

_SYNTAX = re.compile(r"[\\\[\](){}|?*+^$]")
_LISTS = ("lexicon", "expand")  # what stands behind these names is not in the rule
_MOST_FOUND = 80  # characters


class _Part(NamedTuple):
    """One line of a condition: the condition's name, what its values are, the values."""

    selection: str
    kinds: tuple[str, ...]
    values: tuple[str, ...]


class Matches:
    """Words for the hits of a pack.

    Args:
        findings: its alerts, in the order in which they are shown; expressions are numbered so.
        words: of the report's language.
    """

    def __init__(self, findings: Sequence[Finding], words: Words) -> None:
        self._words = words
        self._parts: dict[str, list[_Part]] = {}
        self._numbers: dict[str, int] = {}
        self._of: dict[str, list[str]] = {}  # expressions by the rule's digest
        for one in findings:
            digest = one.alert["rule"]["digest"]
            if digest not in self._parts:
                self._parts[digest] = list(_parts(one.rule))
            own = self._of.setdefault(digest, [])
            for hit in one.alert.get("hits") or ():
                pattern = hit["pattern"]
                if self._is_expression(digest, pattern):
                    self._numbers.setdefault(pattern, len(self._numbers) + 1)
                    if pattern not in own:
                        own.append(pattern)

    def condition(self, digest: str, pattern: str) -> str:
        """Which condition of the rule with this digest a hit meets."""
        say, part = self._words, self._part(digest, pattern)
        name = say(f'the condition "{part.selection}"', f"条件“{part.selection}”") if part else ""
        within = (
            say(f' (condition "{part.selection}")', f"（条件“{part.selection}”）") if part else ""
        )
        if pattern in self._numbers:
            of = name or say("the rule", "规则")
            number = self._numbers[pattern]
            return say(f"expression P{number} of {of}", f"{of}的表达式 P{number}")
        if detector := DETECTORS.get(pattern):
            return say(detector.title_en, detector.title_zh) + within
        if part is None:
            lists = [one for one in self._parts.get(digest, ()) if _lists(one)]
            names = dict.fromkeys(value.strip("%") for one in lists for value in one.values)
            if not names:
                return say("words listed by the rule", "规则所列词语")
            if len(lists) == 1:
                selection = lists[0].selection
                within = say(f' (condition "{selection}")', f"（条件“{selection}”）")
            listed = say.listed(list(names))
            return say(f"word list {listed}", f"词库 {listed}") + within
        return say(f"words listed by {name}", f"{name}所列词语")

    def short(self, pattern: str) -> str:
        """The same in a few words, below what was said."""
        say = self._words
        if number := self._numbers.get(pattern):
            return say(f"expression P{number}", f"表达式 P{number}")
        if detector := DETECTORS.get(pattern):
            return say(detector.title_en, detector.title_zh)
        return say(f'"{pattern}"', f"“{pattern}”")

    def expressions(self, digest: str) -> list[tuple[str, str, str]]:
        """(number, condition, how it is written) of each expression of a rule that hit."""
        return [
            (f"P{self._numbers[one]}", part.selection if (part := self._part(digest, one)) else "",
             one)
            for one in self._of.get(digest, ())
        ]  # fmt: skip

    def _part(self, digest: str, pattern: str) -> _Part | None:
        parts = self._parts.get(digest, ())
        return next((one for one in parts if pattern in one.values and not _lists(one)), None)

    def _is_expression(self, digest: str, pattern: str) -> bool:
        if part := self._part(digest, pattern):
            return "re" in part.kinds
        if any(_lists(one) for one in self._parts.get(digest, ())):
            return False
        return pattern not in DETECTORS and bool(_SYNTAX.search(pattern))


def found_words(item: Item, hit: dict[str, Any], *, unmask: bool) -> list[Piece]:
    """The words of a record that a hit is about, masked; nothing where the record no longer has
    them."""
    name, message = hit["field"], item.message
    text = {"text": message.text, "quoted": message.quoted}.get(name)
    if text is None:
        text = str(message.field(name) or "")
    shown = [piece for piece in pieces(text, [hit], unmask=unmask) if piece.hit]
    length = sum(len(piece.text) for piece in shown)
    if length > _MOST_FOUND and len(shown) == 1:
        return [shown[0]._replace(text=shown[0].text[:_MOST_FOUND] + "…")]
    return shown


def _lists(part: _Part) -> bool:
    return any(kind in _LISTS for kind in part.kinds)


def _parts(rule: RuleText) -> Iterator[_Part]:
    """The conditions of a rule, line by line, from its text."""
    try:
        documents = load_documents("rule.yaml", rule.text)
    except (ValueError, yaml.YAMLError):
        return
    for document in documents:
        detection = document.value.get("detection")
        for name, body in (detection or {}).items() if isinstance(detection, dict) else ():
            for one in body if isinstance(body, list) else [body]:
                if not isinstance(one, dict):
                    continue
                for key, value in one.items():
                    values = value if isinstance(value, list) else [value]
                    yield _Part(name, tuple(str(key).split("|")[1:]), tuple(map(str, values)))
