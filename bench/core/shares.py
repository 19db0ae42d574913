"""Behaviours at a share of the messages: from bytes through the keyed stage to alerts, in process.

The rules are those of `bench.behaviours` that seldom come to an alert (a count in a window,
distinct values, an order), three at once, which all read every message that says a sentence of
theirs. What the same stage takes in Flink, with its state, is `python -m bench.behaviours`.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import orjson
import yaml
from rich.table import Table

from bench.behaviours_events import RARE, WORDS, rule_text
from bench.behaviours_events import Case as Kind
from bench.core import cases
from bench.core.cases import Case
from bench.setting import Setting
from bench.turns import in_turn, rates
from bench.workload import TENANT, compiled_of, stream
from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline

TYPES = ("event_count", "value_count", "temporal_ordered")
SHARES = (0.0, 0.01, 0.05, 1.0)
BOUND = 200  # of a window of 100 s, which has 143 of a group where every message counts
LATENESS = 5_000  # ms that event time stays behind, as shipped
SENDERS = 100  # groups


def written(folder: Path) -> RuleTimeline:
    """Both signals, and one behaviour of each type over them."""
    for number, kind in enumerate(TYPES):
        several = list(yaml.safe_load_all(rule_text(Kind(kind, groups=SENDERS))))
        signals = [one for one in several if "correlation" not in one and number == 0]
        (behaviour,) = (one for one in several if "correlation" in one)
        if "condition" in behaviour["correlation"]:
            behaviour["correlation"]["condition"]["gte"] = BOUND
        identity = f"00000000-0000-4000-8000-{number:012d}"
        documents = [*signals, {**behaviour, "name": f"b1_{number}", "id": identity}]
        text = "---\n".join(yaml.safe_dump(one, allow_unicode=True) for one in documents)
        (folder / f"{kind}.yaml").write_text(text, encoding="utf-8")
    return RuleTimeline.load(str(folder))


def saying(quiet: list[bytes], share: float, seed: int) -> tuple[list[bytes], int]:
    """Text messages, of which a share says a sentence of a behaviour, from one of SENDERS."""
    chance, found = Random(seed), list(quiet)
    hits = round(len(quiet) * share)
    for at in sorted(chance.sample(range(len(quiet)), hits)):
        told = orjson.loads(quiet[at])
        word = WORDS["b" if chance.random() < 1 / RARE else "a"]
        told["payload"]["from"] = f"emp{chance.randrange(SENDERS):07d}"
        told["payload"]["tolist"] = [f"wmKq7ZBwAA{chance.randrange(1_000):06d}"]
        told["payload"]["text"]["content"] = f"{word}{at}"
        found[at] = orjson.dumps(told)
    return found, hits


def made(setting: Setting) -> list[Case]:
    """A case for each share."""
    timeline = written(setting.folder("shares"))
    compiled = compiled_of(timeline)
    quiet = stream(
        setting.messages, compiled, timeline, share=0, seed=setting.seed, pool=setting.pool,
        fits=lambda told: bool(told["payload"]["msgtype"] == "text"),
    )  # fmt: skip
    found = []
    for share in SHARES:
        records, hits = saying(quiet.records, share, setting.seed)
        found.append(Case(f"{share:.0%} of messages", timeline, compiled, records, hits))
    return found


def judged(case: Case) -> tuple[float, int]:
    """CPU seconds of the matcher and the keyed stage, and how many outputs there were."""
    known = {case.compiled.ruleset.digest: case.compiled}
    engine = Engine(
        case.timeline, Decoder(TENANT), load_calendar(), compiled=known, lateness=LATENESS
    )
    given = [
        (records, places, [orjson.loads(one)["time"] for one in records])
        for records, places in cases.batches(case.records)
    ]
    outputs = 0
    begun = time.thread_time()
    for records, places, moments in given:
        found = engine.matcher.match_many(records, places)
        for packed, moment in zip(found, moments, strict=True):
            if packed:
                outputs += len(engine.take(packed, moment))
    outputs += len(engine.finish())
    return time.thread_time() - begun, outputs


def measure(setting: Setting) -> dict[str, Any]:
    """Each share, and what a message that a behaviour reads takes beyond one that none does."""
    known, outputs = made(setting), dict[str, int]()

    def once(case: Case) -> float:
        taken, outputs[case.name] = judged(case)
        return taken

    taken = in_turn({one.name: partial(once, one) for one in known}, setting.rounds)
    rows = []
    for one in known:
        row = {**one.facts(), **rates(len(one.records), taken[one.name])}
        row["outputs"] = outputs[one.name]
        if one.hits:
            beyond = row["microseconds"] - rows[0]["microseconds"]
            row["signal_microseconds"] = round(beyond * len(one.records) / one.hits, 1)
        rows.append(row)
    return {"behaviours": len(TYPES), "rows": rows}


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each share."""
    shown = Table(
        title=f"Behaviours, {figures['behaviours']} types at once, by share of messages that they "
        f"read; {SENDERS} groups, in process",
        title_justify="left",
    )
    for head in ("case", "bytes", "read", "messages/s (least–most)", "µs each", "µs a signal",
                 "outputs"):  # fmt: skip
        shown.add_column(head, justify="left" if head == "case" else "right", no_wrap=True)
    for one in figures["rows"]:
        shown.add_row(
            one["name"],
            f"{one['bytes']:,.0f}",
            f"{one['hit_rate']:.1%}",
            cases.rate(one),
            f"{one['microseconds']:.2f}",
            f"{one['signal_microseconds']:,.1f}" if "signal_microseconds" in one else "",
            f"{one['outputs']:,}",
        )
    return [shown]
