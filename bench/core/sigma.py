"""Thousands of plain Sigma rules over their own events, beside rsigma where it is installed.

The rules are those of a clone of SigmaHQ's repository (`rules*/`); the events those of its
`regression_data`, which are Windows events that rules are to find, flattened as Sigma names fields.
There are a few hundred, so they are taken again and again, each time with another record number and
host; nearly every event hits, which real streams do not. Nothing of the corpus is kept here.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson
from rich.table import Table

from bench import corpus as compiling
from bench.core import cases
from bench.peers import rsigma
from bench.peers.metered import Missing, metered
from bench.setting import Setting
from bench.turns import in_turn, rates, ratios
from jobs.cli.event_json import read
from rules.sigma.collection import Collection, load_collection
from rules.sigma.evaluate import Evaluation
from rules.sigma.event import Event
from scripts.sigma_corpus import flat_windows_event, read_corpus, records

FOLDERS = ("rules/", "rules-emerging-threats/", "rules-threat-hunting/")
EVENTS = "regression_data/"
_WARM = 200  # events, after which ours knows all words and shapes
_SHORT = 100  # events of the run that the peer's start is measured with
_TIMES = 3  # rounds of the short run
encoded = msgspec.json.Encoder().encode


class Corpus(NamedTuple):
    """Rules that both read, as files; the compiled ones; lines of JSON."""

    files: list[tuple[str, str]]
    rules: Collection
    lines: list[bytes]
    different: int


def corpus(place: Path, count: int) -> Corpus:
    """The rules and `count` events of a clone.

    Raises:
        SystemExit: there are no rules or no events.
    """
    try:
        known = read_corpus(str(place))
    except subprocess.CalledProcessError:
        raise SystemExit(f"--sigma: {place} is no clone of a repository") from None
    files = [
        (path, data.decode())
        for path, data in known.items()
        if path.startswith(FOLDERS) and path.endswith((".yml", ".yaml"))
    ]
    events = [
        flat_windows_event(one)
        for path, data in sorted(known.items())
        if path.startswith(EVENTS) and path.endswith(".json")
        for one in records(data)
    ]
    if not files or not events:
        raise SystemExit(f"--sigma: no rules, or no events below {EVENTS}, in {place}")
    return Corpus(files, load_collection(files), lines_of(events, count), len(events))


def lines_of(events: list[dict[str, Any]], count: int) -> list[bytes]:
    """`count` lines, the events again and again."""
    found = []
    for number in range(count):
        event = events[number % len(events)]
        again = {"EventRecordID": number, "Computer": f"host-{number:07d}"}
        found.append(orjson.dumps({**event, **again}))
    return found


def fed(evaluation: Evaluation, lines: Iterable[bytes]) -> tuple[int, int]:
    """(alerts, events with one): decoding, every rule, alerts as JSON, as the peer has to write
    them."""
    hits = touched = 0
    for number, line in enumerate(lines):
        found = list(evaluation.feed(str(number), Event(read(line)), None))
        if found:
            encoded(found)
            hits += len(found)
            touched += 1
    return hits, touched


def judged(evaluation: Evaluation, lines: list[bytes]) -> float:
    """CPU seconds of one pass."""
    begun = time.thread_time()
    fed(evaluation, lines)
    return time.thread_time() - begun


class Peer:
    """rsigma over the same rules and events: a process of its own on one core; what a run over few
    events takes, start and rules, is taken off.

    Raises:
        Missing: it is not installed.
    """

    def __init__(self, folder: Path, known: Corpus) -> None:
        self.program = rsigma.TOOLS / f"rsigma-{rsigma.VERSION}" / "bin" / "rsigma"
        if not self.program.exists():
            raise Missing("rsigma is not installed (`python -m bench.peers --only rsigma`)")
        self._rules = folder / "rules"
        refused = {one.error.path for one in known.rules.problems}
        for number, (path, text) in enumerate(known.files):
            if path not in refused:  # both judge by the same
                file = self._rules / f"{number:05d}.yml"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        self._long, self._short = folder / "events.jsonl", folder / "short.jsonl"
        self._long.write_bytes(b"".join(one + b"\n" for one in known.lines))
        self._short.write_bytes(b"".join(one + b"\n" for one in known.lines[:_SHORT]))
        self._share = len(known.lines) / (len(known.lines) - _SHORT)
        self.hits = 0

    def judged(self, options: tuple[str, ...] = ()) -> float:
        """CPU seconds of one pass."""
        short = min(self._run(self._short, options)[0] for _ in range(_TIMES))
        taken, self.hits = self._run(self._long, options)
        return max(taken - short, 1e-6) * self._share

    def _run(self, file: Path, options: tuple[str, ...]) -> tuple[float, int]:
        command = [str(self.program), "engine", "eval", "-r", str(self._rules), "-e", f"@{file}"]
        core = min(os.sched_getaffinity(0))
        done = metered([*command, "-q", *options], core=core, ends=(0, 1))
        return done.cpu, sum(b'"rule_title"' in line for line in done.printed.splitlines())


def measure(setting: Setting) -> dict[str, Any]:
    """Ours, and rsigma both ways; {"missing": why} without a corpus."""
    if setting.sigma is None:
        return {"missing": "no corpus named (--sigma, SIGMA=): a clone of SigmaHQ/sigma"}
    begun = time.process_time()
    known = corpus(setting.sigma, setting.messages)
    loaded = time.process_time() - begun
    begun = time.process_time()
    evaluation = Evaluation(known.rules, unique=True)
    fed(evaluation, known.lines[:_WARM])
    ready = time.process_time() - begun
    hits, touched = fed(evaluation, known.lines)
    runs = {"ours": partial(judged, evaluation, known.lines)}
    told: dict[str, Any] = {"ours": hits}
    missing = ""
    try:
        peer = Peer(setting.folder("sigma"), known)
        for name, options in (("rsigma", ()), ("rsigma --cross-rule-ac", ("--cross-rule-ac",))):
            peer.judged(options)
            told[name] = peer.hits
            runs[name] = partial(peer.judged, options)
    except Missing as why:
        missing = " ".join(str(why).split())
    taken = in_turn(runs, setting.rounds)
    return {
        # with what is deprecated and unsupported, in a process of its own
        "whole_corpus": {} if setting.quick else compiling.measure(str(setting.sigma)),
        "files": len(known.files),
        "rules": len(known.rules.rules),
        "refused": len(known.rules.problems),
        "different_events": known.different,
        "bytes": round(sum(map(len, known.lines)) / len(known.lines), 1),
        "hit_rate": touched / len(known.lines),
        "load_seconds": round(loaded, 2),
        "ready_seconds": round(ready, 2),
        "peer_missing": missing,
        "rows": [
            {
                "name": name,
                "hits": told[name],
                **rates(len(known.lines), seconds),
                "ratio": ratios(seconds, taken["ours"]),
            }
            for name, seconds in taken.items()
        ],
    }


def tables(figures: dict[str, Any]) -> list[Table | str]:
    """A line for each engine; none without a corpus."""
    if "missing" in figures:
        return [f"Sigma corpus: {figures['missing']}"]
    whole = figures["whole_corpus"]
    memory = (
        f"All {whole['rules']:,} of {whole['files']:,} files, deprecated ones too: "
        f"{whole['cpu_seconds']:.1f} s, {whole['memory_mb']:.0f} MB. "
        if whole
        else ""
    )
    shown = Table(
        title=f"{figures['rules']:,} plain Sigma rules ({figures['refused']} refused) over "
        f"{figures['different_events']} events of their own, again and again; "
        f"{figures['bytes']:,.0f} bytes each, {figures['hit_rate']:.0%} hit",
        caption=f"Ours: loading {figures['load_seconds']} s of CPU, compiling "
        f"{figures['ready_seconds']} s. {memory}{figures['peer_missing']}",
        title_justify="left",
        caption_justify="left",
    )
    for head in ("engine", "alerts", "events", "events/s (least–most)", "µs each", "ours ÷ it"):
        shown.add_column(head, justify="left" if head == "engine" else "right", no_wrap=True)
    for one in figures["rows"]:
        shown.add_row(
            one["name"],
            f"{one['hits']:,}",
            f"{one['messages']:,}",
            cases.rate(one),
            f"{one['microseconds']:,.1f}",
            "" if one["name"] == "ours" else cases.times(one["ratio"]),
        )
    return [shown]
