"""Runs the test cases of rule files through the pure engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from rules.calendar import OfficeCalendar
from rules.cases import WrongMessage, records
from rules.decode import Decoder
from rules.engine import Engine
from rules.matcher import CompiledRules
from rules.model import RuleFile
from rules.ruleset import RuleTimeline
from rules.yaml_source import load_documents


def main_name(file: RuleFile) -> str:
    """Name of the alerting rule of a file."""
    if file.correlations:
        return file.correlations[0].ref.name
    return next(rule.ref.name for rule in file.detections if not rule.signal)


class Failure(NamedTuple):
    """Why a case failed, in both languages."""

    en: str
    zh: str


def case_places(file: RuleFile) -> list[int]:
    """The line (from 1) of each test case of a file."""
    for document in load_documents(file.path, file.text):
        if not document.value.get("mingjian", {}).get("signal"):
            tests = range(len(file.tests))
            return [document.marks["mingjian", "tests", str(n)][0] for n in tests]
    return []


def run_case(
    timeline: RuleTimeline,
    compiled: Mapping[str, CompiledRules],
    calendar: OfficeCalendar,
    file: RuleFile,
    case: Mapping[str, Any],
) -> Failure | None:
    """What is wrong with the case, None when it passes. Only the file's own rule is looked at."""
    if lists := file.lists_of(case):
        compiled = {digest: one.with_lists(lists) for digest, one in compiled.items()}
    engine = Engine(timeline, Decoder("demo"), calendar, compiled=compiled)
    try:
        raws = records(case)
    except WrongMessage as error:
        return Failure(f"{error.en}; {error.fix_en}", f"{error.zh}；{error.fix_zh}")
    outputs = [(kind, json.loads(body)) for kind, body in engine.run(raws)]
    held = [body for kind, body in outputs if kind == "quarantine" and body.get("held", True)]
    if held:
        reason, detail = held[0]["reason"], held[0].get("detail", "")
        return Failure(
            f"a record was quarantined: {reason} {detail}".rstrip(),
            f"有一条记录被隔离：{reason} {detail}".rstrip(),
        )
    name = main_name(file)
    found = [b for kind, b in outputs if kind == "alerts" and b["rule"]["name"] == name]
    wanted = case["alerts"]
    if len(found) != wanted:
        return Failure(
            f"expected {wanted} alert{'' if wanted == 1 else 's'}, got {len(found)}",
            f"应有 {wanted} 条告警，实际 {len(found)} 条",
        )
    return None
