"""The pure core on one core: decode, fold, match; then with behaviour."""

from __future__ import annotations

import time
from typing import Any

from rules.calendar import load_calendar
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.engine import Engine
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline

ROUNDS = 3


def measure(records: list[bytes]) -> dict[str, Any]:
    """CPU seconds of one core over `records`, best of ROUNDS; hit rate in records."""
    started = time.process_time()
    timeline, calendar = RuleTimeline.load(), load_calendar()
    loaded = time.process_time()
    compiled = compile_timeline(timeline)
    ready = time.process_time()
    match_seconds, engine_seconds, touched = [], [], 0
    for _ in range(ROUNDS):
        matcher = Matcher(timeline, Decoder("demo"), calendar, compiled=compiled)
        begun = time.process_time()
        touched = sum(matcher.match(raw, "bench") is not None for raw in records)
        match_seconds.append(time.process_time() - begun)
        engine = Engine(timeline, Decoder("demo"), calendar, compiled=compiled)
        begun = time.process_time()
        for _output in engine.run(records):
            pass
        engine_seconds.append(time.process_time() - begun)
    ruleset = timeline.rulesets[0]
    return {
        "load_seconds": loaded - started,
        "compile_seconds": ready - loaded,
        "records": len(records),
        "bytes_per_record": sum(map(len, records)) / len(records),
        "rules": len(ruleset.detections) + len(ruleset.correlations),
        "alerting_rules": sum(not rule.signal for rule in ruleset.detections.values())
        + len(ruleset.correlations),
        "touched_share": touched / len(records),
        "match_per_second": len(records) / min(match_seconds),
        "engine_per_second": len(records) / min(engine_seconds),
    }
