"""Business scenes of lexicons that nobody and nothing else has: their words never count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rules.errors import RuleError
from rules.lexicon import Lexicon
from rules.lint.source import Source
from rules.nearest import listed, nearest
from rules.reference import Reference
from rules.yaml_source import Document

SHIPPED = ("education", "finance", "general", "insurance", "property", "retail", "sales")
_NAMED = re.compile(r"\bscene:? ([\w-]+)")  # in a rule: "own, scene finance", {scene: finance}


def of_scenes(
    document: Document, others: Sequence[Lexicon], reference: Reference, rules: Sequence[Source]
) -> Iterator[RuleError]:
    """Warnings about the scenes of a lexicon that loads: those that are like a known one, and those
    that no employee has although it is known who has which."""
    value = document.value
    employees = {
        str(one["scene"])
        for found in reference.lists.values()
        for one in found.entries.values()
        if one.get("scene")
    }
    named = {name for source in rules for name in _NAMED.findall(source.text)}
    elsewhere = {name for one in others for name in (one.scene, *one.scenes) if name}
    known = sorted({*SHIPPED, *employees, *elsewhere})
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


def _written(value: dict[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value.get("scene"), str):
        yield ("scene",), str(value["scene"])
    scenes = value.get("scenes")
    for name in scenes if isinstance(scenes, dict) else ():
        yield ("scenes", str(name)), str(name)
