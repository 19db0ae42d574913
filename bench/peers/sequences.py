"""One sequence of two: a sender says a word of one rule, and then, within some seconds, of another.

Ours judges it with the whole engine, from bytes to alerts, in batches and in order of time.
"""

from __future__ import annotations

import time
from pathlib import Path

import orjson

from bench.peers.work import BATCH, EACH, Round, Work, planted
from bench.workload import TENANT, compiled_of, made_up_words, rule_text
from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline

WITHIN = 60  # seconds of event time
_SEQUENCE = f"""\
title: bench_sequence
id: 00000000-0000-4000-8000-000000000002
name: bench_sequence
status: experimental
date: 2026-11-27
description: bench
correlation:
  type: temporal_ordered
  rules: [bench_first, bench_second]
  group-by: [sender]
  timespan: {WITHIN}s
level: low
mingjian: {{version: 1, item: A02-03, response: 1}}
"""


def make(folder: Path, quiet: list[bytes]) -> Work:
    """The messages, of which some say a word of the first or of the second rule."""
    folder.mkdir(parents=True)
    words = made_up_words(2 * EACH)
    rules = [tuple(words[:EACH]), tuple(words[EACH:])]
    documents = [
        rule_text(name, f"words: {{text|contains: [{', '.join(said)}]}}").replace(
            "mingjian:\n  version: 1\n  item: A02-03\n  response: 1\n",
            "mingjian: {signal: true}\n",
        )
        for name, said in zip(("bench_first", "bench_second"), rules, strict=True)
    ]
    (folder / "bench_sequence.yaml").write_text(
        "---\n".join([*documents, _SEQUENCE]), encoding="utf-8"
    )
    timeline = RuleTimeline.load(str(folder))
    return Work(quiet, planted(quiet, words), rules, timeline, compiled_of(timeline))


def going_on(records: list[bytes], count: int) -> list[bytes]:
    """`count` records, of which those after the first are the same messages said again later."""
    told = [orjson.loads(one) for one in records]
    span = told[-1]["time"] - told[0]["time"] + 1_000
    found = list[bytes]()
    for number in range(count):
        one, again = told[number % len(told)], number // len(told)
        later = again * span
        said = {**one["payload"], "msgid": f"{number:012d}"}
        said["msgtime"] += later
        new = {**one, "payload": said, "time": one["time"] + later, "seq": one["seq"] + later}
        found.append(orjson.dumps({**new, "received_at": one["received_at"] + later}))
    return found


def ours(work: Work) -> Round:
    """CPU seconds of this thread, and alerts."""
    engine = Engine(
        work.timeline,
        Decoder(TENANT),
        load_calendar(),
        compiled={work.compiled.ruleset.digest: work.compiled},
    )
    records, outputs = work.records, list[tuple[str, bytes]]()
    places = [("bench", 0, at) for at in range(len(records))]
    times = [orjson.loads(one)["time"] for one in records]
    begun, clock = time.thread_time(), time.perf_counter()
    for at in range(0, len(records), BATCH):
        found = engine.matcher.match_many(records[at : at + BATCH], places[at : at + BATCH])
        for number, packed in enumerate(found, at):
            if packed:
                outputs += engine.take(packed, times[number])
    outputs += engine.finish()
    taken, wall = time.thread_time() - begun, time.perf_counter() - clock
    return Round(taken, sum(kind == "alerts" for kind, _ in outputs), wall)
