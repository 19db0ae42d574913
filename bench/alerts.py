"""What an alert costs the keyed stage: from the item of a hit to JSON and sealed evidence.

CPU time of one core. The hits are those of the messages in the catalogue's own test cases, with ids
of their own: every rule that alerts by itself is among them, as often as it has examples. A part is
its own function over the same hits; the rounds of all parts alternate.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from bench.setting import HOME
from bench.workload import SEED, TENANT
from rules.alert import Alert, Evidence, content_id, sm3_raw
from rules.behave import Behaviour
from rules.calendar import load_calendar
from rules.cases import records
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.findings import Findings, alert_id_of
from rules.items import ALERT, Item, pack, unpack
from rules.mask import excerpt, mask
from rules.matcher import Matcher
from rules.plain import LATEST
from rules.ruleset import RuleTimeline
from rules.summary import shown_text
from sinks.sealing import Sealer

GOAL = 200.0  # µs an alert
ALERTS, ROUNDS = 2_000, 5
WHOLE = "an alert, all of it"
SEALING = "sealed: zlib, HMAC-SM3, SM4-GCM"
PARTS = (
    "item unpacked",
    "record decoded",
    "texts and excerpts masked",
    "ids (SM3)",
    "digests of the record (SM3, SHA-256)",
    SEALING,
    "JSON written",
)
_SEALER = Sealer("bench", {"bench": bytes(range(16))})


def hits(timeline: RuleTimeline, count: int = ALERTS, seed: int = SEED) -> list[bytes]:
    """`count` packed items, each an alert by itself, in an order that a seed gives."""
    compiled, calendar = compile_timeline(timeline), load_calendar()
    found: list[Item] = []
    for file in timeline.rulesets[0].files:
        for case in file.tests:
            matcher = Matcher(timeline, Decoder(TENANT), calendar, compiled=compiled)
            for raw in records(case):
                items = map(unpack, matcher.match(raw, "kafka:messages") or ())
                found += (item for item in items if item.kind == ALERT)
    chosen = Random(seed).choices(found, k=count)
    return [
        pack(item.msgid, msgspec.structs.replace(item, msgid=f"{number:012d}", offset=number))
        for number, item in enumerate(chosen)
    ]


def behaviour(timeline: RuleTimeline) -> Behaviour:
    """The keyed stage as the job has it."""
    decoder = Decoder(TENANT, sys.maxsize, LATEST - 1)
    return Behaviour(timeline, Findings(decoder, _SEALER.seal))


def measure(alerts: int = ALERTS, rounds: int = ROUNDS) -> dict[str, Any]:
    """µs of CPU an alert by part: median, least and most of the rounds."""
    timeline = RuleTimeline.load()
    packed = hits(timeline, alerts)
    parts = _parts(timeline, packed)
    before = psutil.getloadavg()[0]
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, work in parts.items():
            begun = time.process_time()
            work()
            taken[name].append((time.process_time() - begun) / len(packed) * 1e6)
    items = [unpack(one) for one in packed]
    return {
        "alerts": len(packed),
        "rules": len({item.rule for item in items}),
        "bytes_per_record": sum(len(item.raw) for item in items) / len(items),
        "spans_per_alert": sum(len(item.spans) for item in items) / len(items),
        "rounds": rounds,
        "load_before": before,
        "load_after": psutil.getloadavg()[0],
        "goal_microseconds": GOAL,
        "microseconds": {
            name: {"median": statistics.median(took), "least": min(took), "most": max(took)}
            for name, took in taken.items()
        },
    }


def _parts(timeline: RuleTimeline, packed: list[bytes]) -> dict[str, Callable[[], None]]:
    items = [unpack(one) for one in packed]
    decode = Decoder(TENANT, sys.maxsize, LATEST - 1).decode
    known = [(item, decode(item.raw)) for item in items]
    rules = timeline.rulesets[0].detections
    outputs = [body for one in packed for _, body in behaviour(timeline).add(None, one, 0).outputs]
    alerts = [msgspec.json.decode(body, type=Alert) for body in outputs[::2]]
    evidence = [msgspec.json.decode(body, type=Evidence) for body in outputs[1::2]]
    encode = msgspec.json.Encoder().encode
    whole = behaviour(timeline)

    def masked() -> None:
        for item, message in known:
            mask(shown_text(message))
            for span in item.spans:
                excerpt(str(message.field(span.field) or ""), span.start, span.end)

    def ids() -> None:
        for item in items:
            alert_id = alert_id_of(rules[item.rule].ref, TENANT, (), (item,), item.time)
            content_id(alert_id, item.msgid)

    def digests() -> None:
        for item in items:
            sm3_raw(item.raw)
            hashlib.sha256(item.raw).hexdigest()

    return {
        WHOLE: lambda: _each(lambda one: whole.add(None, one, 0), packed),
        "item unpacked": lambda: _each(unpack, packed),
        "record decoded": lambda: _each(lambda item: decode(item.raw), items),
        "texts and excerpts masked": masked,
        "ids (SM3)": ids,
        "digests of the record (SM3, SHA-256)": digests,
        SEALING: lambda: _each(
            lambda one: _SEALER.seal(one[0].raw, f"{TENANT}/{one[1].evidence_id}"),
            list(zip(items, evidence, strict=True)),
        ),
        "JSON written": lambda: _each(encode, [*alerts, *evidence]),
    }


def _each(work: Callable[[Any], object], those: Iterable[Any]) -> None:
    for one in those:
        work(one)


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each part, as a share of the whole."""
    took = figures["microseconds"]
    shown = Table(
        title=f"{figures['alerts']:,} alerts of {figures['rules']} rules,"
        f" {figures['bytes_per_record']:.0f} bytes and {figures['spans_per_alert']:.1f} spans each"
        f" (goal {GOAL:.0f} µs); load {figures['load_before']:.1f} to {figures['load_after']:.1f}",
        title_justify="left",
    )
    for name in ("part", "µs an alert", "least–most", "share"):
        shown.add_column(name, justify="left" if name == "part" else "right")
    whole = took[WHOLE]["median"]
    for name in (WHOLE, *PARTS):
        part = took[name]
        shown.add_row(
            name if name == WHOLE else f"  {name}",
            f"{part['median']:.1f}",
            f"{part['least']:.1f}–{part['most']:.1f}",
            f"{part['median'] / whole:.0%}",
        )
    left = whole - sum(took[name]["median"] for name in PARTS)
    shown.add_row("  what puts these together", f"{left:.1f}", "", f"{left / whole:.0%}")
    return [shown]


def main() -> None:
    """Print the table and store the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.alerts", description=__doc__)
    parser.add_argument("--alerts", type=int, default=ALERTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    figures = measure(options.alerts, options.rounds)
    for shown in tables(figures):
        Console().print(shown)
    HOME.mkdir(parents=True, exist_ok=True)
    target = HOME / "alerts.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"figures: {target}")


if __name__ == "__main__":
    main()
