"""Explanations for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rules.explain import LEAF, LEAST, Part, Verdict
from rules.explain_behaviour import reached, reads_correlations
from rules.explain_chains import Level
from rules.explain_course import needed
from rules.explain_entries import Counted
from rules.explain_refused import Occurrence
from rules.explain_text import conclusion
from rules.explain_windows import Clock, Measure, Stretch, courses
from rules.explain_words import REFUSALS, Said
from rules.model import CorrelationRule


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """One detection rule and one message."""
    message = verdict.message
    return {
        "rule": verdict.rule.ref.name,
        "message": message.msgid,
        "time": message.time,
        "fires": verdict.held and not verdict.rule.signal,
        "holds": verdict.held,
        "conclusion": _both(conclusion(verdict)),
        "condition": _part(verdict.part),
    }


def counted_json(
    rule: CorrelationRule, found: Sequence[Counted], alerts: int, below: Sequence[Level] = ()
) -> dict[str, Any]:
    """A correlation and some messages; `below` are the levels of one that reads correlations."""
    chained = reads_correlations(rule, found)
    ran = list(below[-1].courses) if below else [] if chained else courses(rule.how, found)
    return {
        "rule": rule.ref.name,
        "fires": alerts > 0,
        "alerts": alerts,
        "needed": _both(needed(rule.how)),
        "timespan_ms": rule.timespan,
        "reads_correlations": chained,
        "groups": [_group(best) for best in reached(ran)],
        "windows": [_window(one) for course in ran for one in course.stretches],
        "clocks": [_clock(one) for course in ran for one in course.clocks],
        "levels": [_level(one) for one in below],
        "usual": [_measure(one) for course in ran for one in course.measures],
        "messages": [
            {
                "base_rule": one.verdict.rule.ref.name,
                "counts": one.counts,
                "group": dict(one.group),
                "value": one.value,
                "missing": list(one.missing),
            }
            | verdict_json(one.verdict)
            for one in found
        ],
    }


def _group(best: Stretch) -> dict[str, Any]:
    return {
        "group": dict(best.group),
        "reached": best.reached,
        "messages": list(best.messages),
        "time": best.time,
        "absent": list(best.absent),
    }


def _window(one: Stretch) -> dict[str, Any]:
    return {
        "group": dict(one.group),
        "start": one.start,
        "end": one.end,
        "cut": one.cut,
        "cancelled_by": one.cancelled or None,
        "reached": one.reached,
        "messages": list(one.messages),
        "holds": one.held,
        "alerts_at": list(one.fired),
    }


def _level(one: Level) -> dict[str, Any]:
    return {
        "rule": one.rule.ref.name,
        "rows": [
            {
                "row": row.label,
                "rule": row.rule,
                "time": row.time,
                "group": dict(row.group),
                "messages": list(row.messages),
                "completed_by": row.by[0] or None,
                "sender": row.by[1] or None,
            }
            for row in one.rows
        ],
        "windows": [_window(each) for of in one.courses for each in of.stretches],
        "clocks": [_clock(each) for of in one.courses for each in of.clocks],
    }


def _measure(one: Measure) -> dict[str, Any]:
    return {
        "time": one.time,
        "messages": list(one.messages),
        "value": one.value,
        "mean": one.mean,
        "known_since": one.known,
        "enough": one.enough,
    }


def _clock(one: Clock) -> dict[str, Any]:
    return {
        "group": dict(one.group),
        "message": one.message,
        "start": one.start,
        "end": one.end,
        "waits_for": list(one.waits_for),
        "came": [{"message": who, "rule": name, "time": time} for who, name, time in one.came],
        "lacking": list(one.lacking),
        "cancelled_by": one.cancelled or None,
        "alerts": one.fired,
    }


def _part(part: Part) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": part.kind, "holds": part.held}
    if part.name:
        found["name"] = part.name
    if part.exception:
        found |= {"exception": True, "until": part.until}
    if part.kind == LEAST:
        found["least"] = part.least
    if part.kind != LEAF:
        return found | {"parts": [_part(one) for one in part.parts]}
    found |= {"asks": _both(part.asked), "saw": part.saw}
    found["found"] = [_occurrence(one) for one in part.occurrences]
    return found | ({"stands_in_quoted": True} if part.elsewhere else {})


def _occurrence(one: Occurrence) -> dict[str, Any]:
    found: dict[str, Any] = {
        "field": one.field,
        "start": one.start,
        "end": one.end,
        "text": one.text,
        "pattern": one.pattern,
        "variant": list(one.variant),
        "counts": not one.refused,
    }
    if one.confidence:
        found["confidence"] = one.confidence
    if one.refused:
        found |= {"refused": one.refused, "why": _both(REFUSALS[one.refused])}
    if one.because:
        found["because"] = one.because
    return found


def _both(said: Said) -> dict[str, str]:
    return {"en": said.en, "zh": said.zh}
