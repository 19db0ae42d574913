"""Runs the test cases of rule files through the pure engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rules.calendar import OfficeCalendar
from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.matcher import CompiledRules
from rules.model import RuleFile
from rules.ruleset import RuleTimeline


def main_name(file: RuleFile) -> str:
    """Name of the alerting rule of a file."""
    if file.correlations:
        return file.correlations[0].ref.name
    return next(rule.ref.name for rule in file.detections if not rule.signal)


def run_case(
    timeline: RuleTimeline,
    compiled: Mapping[str, CompiledRules],
    calendar: OfficeCalendar,
    file: RuleFile,
    case: Mapping[str, Any],
) -> str:
    """What is wrong with the case, "" when it passes. Only the file's own rule is looked at."""
    engine = Engine(timeline, Decoder("demo"), calendar, compiled=compiled)
    try:
        raws = records(case)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        return f"not a usable case: {error}"
    outputs = [(kind, json.loads(body)) for kind, body in engine.run(raws)]
    held = [body for kind, body in outputs if kind == "quarantine" and body.get("held", True)]
    if held:
        return f"a record was quarantined: {held[0]['reason']} {held[0].get('detail', '')}"
    name = main_name(file)
    found = [b for kind, b in outputs if kind == "alerts" and b["rule"]["name"] == name]
    if len(found) != case["alerts"]:
        return f"expected {case['alerts']} alerts, got {len(found)}"
    return ""
