"""What can be measured: one entry for each part, with how it is measured and shown.

A new part is a module with

    measure(setting) -> dict        what JSON keeps
    tables(figures) -> list         what is printed: anything that rich prints
    reached(figures) -> dict        (or none) figures that `bench.goals` has a goal for

and a line in PARTS. A module is imported when its turn comes: what one part needs is nothing to the
others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.setting import Setting

ALWAYS, STANDARD, ASKED = "always", "standard", "asked"


class Part(NamedTuple):
    """One part.

    Args:
        group: parts that are asked for by one name.
        module: where it is, below `bench`.
        when: ALWAYS also with --quick; STANDARD without it; ASKED only by name.
        minutes: about how long it takes.
    """

    name: str
    group: str
    module: str
    when: str
    minutes: float
    about: str

    def measure(self, setting: Setting) -> dict[str, Any]:
        """The figures."""
        found: dict[str, Any] = self._of("measure")(setting)
        return found

    def tables(self, figures: dict[str, Any]) -> list[Any]:
        """What is printed of them."""
        found: list[Any] = self._of("tables")(figures)
        return found

    def reached(self, figures: dict[str, Any]) -> dict[str, float]:
        """Figures by the key of their goal."""
        reached = getattr(importlib.import_module(f"bench.{self.module}"), "reached", None)
        return reached(figures) if reached else {}

    def _of(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(importlib.import_module(f"bench.{self.module}"), name)
        return found


PARTS = (
    Part("catalogue", "core", "core.catalogue", ALWAYS, 1.5,
         "the shipped catalogue, and 10,000 words more"),
    Part("keywords", "core", "core.keywords", ALWAYS, 1,
         "10, 100, 1,000 and 10,000 keyword rules"),
    Part("expressions", "core", "core.expressions", ALWAYS, 0.5,
         "100 regular expressions and detectors"),
    Part("sigma", "core", "core.sigma", ALWAYS, 2,
         "SigmaHQ's rules over their own events (SIGMA=clone)"),
    Part("shares", "core", "core.shares", ALWAYS, 0.5,
         "behaviours at 1 %, 5 % and 100 % of messages"),
    Part("texts", "core", "core.texts", ALWAYS, 1.5,
         "texts of 20, 200 and 2,000 characters, and types"),
    Part("peers", "peers", "peers.part", STANDARD, 4,
         "other tools beside ours, same messages, same rules"),
    Part("correlations", "others", "others.correlations", STANDARD, 1.5,
         "correlations of plain events, memory of a group"),
    Part("sealing", "others", "others.sealing", STANDARD, 1,
         "sealing and the ledger"),
    Part("alerts", "others", "others.alerts", STANDARD, 0.5,
         "what an alert with its evidence costs"),
    Part("streaming", "job", "others.streaming", STANDARD, 3,
         "Kafka → job → Kafka over the workload, CPU by process"),
    Part("reload", "job", "others.reload", STANDARD, 1,
         "10 → 10,000 rules while messages are judged"),
    Part("cold_start", "job", "others.cold_start", ASKED, 4,
         "from the command to the first alert, three times"),
    Part("latency", "job", "others.latency", ASKED, 5,
         "alert latency at 25, 50 and 75 % load, to the topic and to Redis"),
    Part("recovery", "job", "others.recovery", ASKED, 6,
         "how long alerts stand still when a worker or a TaskManager dies"),
    Part("keeping_up", "job", "others.keeping_up", ASKED, 4,
         "Kafka → job → Elasticsearch at 30,000/s, 5 % alerts"),
    Part("delivery", "job", "others.delivery", ASKED, 5,
         "alerts a second to Redis and Elasticsearch"),
    Part("memory", "job", "others.memory", ASKED, 65,
         "memory of the TaskManagers over an hour"),
    Part("kafka", "job", "others.kafka", ASKED, 4,
         "Kafka → job → Kafka, the shipped rules, three passes"),
    Part("archive", "others", "others.archive", ASKED, 4,
         "an archive of 200,000 messages, filled and searched"),
    Part("embedded", "job", "others.embedded", ASKED, 3,
         "Flink in the command's own process, files"),
)  # fmt: skip
NAMES = tuple(dict.fromkeys(name for part in PARTS for name in (part.name, part.group)))


def chosen(only: list[str], *, quick: bool, everything: bool = False) -> list[Part]:
    """The parts that were asked for, by names or groups; if none were, those of the occasion."""
    if only:
        return [part for part in PARTS if part.name in only or part.group in only]
    if everything:
        return list(PARTS)
    return [part for part in PARTS if part.when in ((ALWAYS,) if quick else (ALWAYS, STANDARD))]
