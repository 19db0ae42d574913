"""Business scenes of lexicons that nobody and nothing else has: their words never count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rules.errors import RuleError
from rules.lexicon import Lexicon
from rules.lint.source import Source
from rules.named import Named
from rules.nearest import listed, nearest
from rules.reference import Reference, RefList
from rules.yaml_source import Document, load_documents

SHIPPED = ("education", "finance", "general", "insurance", "property", "retail", "sales")
_NAMED = re.compile(r"\bscene'?:? '?([\w-]+)")  # in a rule: "own, scene finance", {scene: finance}


def of_scenes(
    document: Document, others: Sequence[Lexicon], reference: Reference, rules: Sequence[Source]
) -> Iterator[RuleError]:
    """Warnings about the scenes of a lexicon that loads: those that are like a known one, and those
    that no employee has although it is known who has which."""
    value = document.value
    employees = _of_employees(reference)
    named = {name for source in rules for name in _NAMED.findall(source.text)}
    known = sorted({*SHIPPED, *employees, *_of(others)})
    for at, scene in _written(value):
        if scene in known or scene in named:
            continue
        near = nearest(scene, known)
        if not near and (at == ("scene",) or not employees):
            continue
        yield document.error(
            at,
            f"no employee, no rule and no other lexicon has the scene '{scene}'",
            f"没有员工、规则或其他词库属于场景“{scene}”",
            fix_en=f"did you mean '{near}'?"
            if near
            else f"employees have: {listed(sorted(employees))}",
            fix_zh=f"是不是“{near}”？"
            if near
            else f"员工名录里有：{listed(sorted(employees), '、')}",
            code="MJ428",
            offset=0 if at == ("scene",) else None,
        )


def of_list(
    found: RefList, file: Path, label: str, lexicons: Sequence[Lexicon], rules: Sequence[Source]
) -> Iterator[RuleError]:
    """Warnings about the scenes of the employees of the list that was read from `file`, called
    `label`: those that are like one that words are kept for, and are none."""
    scenes = {str(one["scene"]) for one in found.entries.values() if one.get("scene")}
    named = {name for source in rules for name in _NAMED.findall(source.text)}
    if not scenes - (known := {*SHIPPED, *_of(lexicons)} | named):
        return
    document = load_documents(label, file.read_text(encoding="utf-8"))[0]
    for who, entry in document.value.get("entries", {}).items():
        yield from _of_nobody(document, ("entries", str(who), "scene"), entry.get("scene"), known)


def of_cases(document: Document, named: Named) -> Iterator[RuleError]:
    """The same of employees that the test cases of a rule add."""
    own = set(_NAMED.findall(str(document.value.get("detection", ""))))
    staff = (e for one in named.reference.lists.values() for e in one.entries.values())
    known = {
        *SHIPPED,
        *own,
        *_of(named.lexicons.values()),
        *(e["scene"] for e in staff if "scene" in e),
    }
    for index, case in enumerate(document.value.get("mingjian", {}).get("tests", ())):
        for name, entries in (case.get("lists") or {}).items():
            for who, entry in entries.items() if isinstance(entries, dict) else ():
                if isinstance(entry, dict):
                    at = ("mingjian", "tests", str(index), "lists", str(name), str(who), "scene")
                    yield from _of_nobody(document, at, entry.get("scene"), known)


def _of_nobody(
    document: Document, at: tuple[str, ...], scene: Any, known: set[str]
) -> Iterator[RuleError]:
    near = nearest(scene, sorted(known)) if isinstance(scene, str) and scene not in known else ""
    if near:
        yield document.error(
            at,
            f"no lexicon and no rule has the scene '{scene}'",
            f"没有词库或规则属于场景“{scene}”",
            fix_en=f"did you mean '{near}'?",
            fix_zh=f"是不是“{near}”？",
            code="MJ428",
            offset=0,
        )


def _of_employees(reference: Reference) -> set[str]:
    entries = (one for found in reference.lists.values() for one in found.entries.values())
    return {str(one["scene"]) for one in entries if one.get("scene")}


def _of(lexicons: Iterable[Lexicon]) -> set[str]:
    return {name for one in lexicons for name in (one.scene, *one.scenes) if name}


def _written(value: dict[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value.get("scene"), str):
        yield ("scene",), str(value["scene"])
    scenes = value.get("scenes")
    for name in scenes if isinstance(scenes, dict) else ():
        yield ("scenes", str(name)), str(name)
