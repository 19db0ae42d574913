"""One cycle: a plan is sent, a fault comes at a moment of the seed's, everything is compared."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.chaos.check import INDEXED_S, Verdict, judge, recovery, worst
from tests.chaos.load import LONGEST_MS, Plan, make_plan
from tests.chaos.sender import Sender
from tests.chaos.system import System
from tests.chaos.watch import Watch, documents, refused, stream_alerts, topic_records

DISORDER_MS = 1500
_SLACK_MS = DISORDER_MS + 500
_PATIENCE_S = 240.0


class Scene(msgspec.Struct):
    """What a fault is given."""

    system: System
    rng: random.Random
    sender: Sender
    plan: Plan
    base: int
    marks: list[tuple[float, str]] = []  # (UTC seconds, what was done)

    def mark(self, what: str) -> None:
        """Note what was done, and when."""
        self.marks.append((time.time(), what))


class Outcome(msgspec.Struct, kw_only=True):
    """A line of the history."""

    row: str
    seed: str
    base: int
    verdict: Verdict
    marks: list[tuple[float, str]]
    restarts: int
    memory: dict[str, int]
    passed: bool
    why: str = ""


Fault = Callable[[Scene], None]


def run_cycle(
    system: System,
    row: str,
    seed: str,
    fault: Fault,
    *,
    seconds: float = 30,
    rate: float = 150,
    within_s: float = 0,
    prepare: Callable[[Plan, random.Random], Plan] | None = None,
) -> Outcome:
    """Send, break, wait, compare.

    Args:
        seconds: length of the load; the fault comes in its first third.
        within_s: how soon alerts have to be live again; 0: however long it takes.
        prepare: what the row does to the plan.
    """
    rng = random.Random(f"fault {row} {seed}")
    plan = make_plan(f"{row}-{seed}", seconds=seconds, rate=rate, disorder_ms=DISORDER_MS)
    if prepare is not None:
        plan = prepare(plan, rng)
    system.wait_until_judging(120)
    settings = system.settings
    base = int(time.time() * 1000) + 500
    sender = Sender(settings.kafka.bootstrap, settings.source.topic, plan, base, _SLACK_MS)
    expected = plan.expected(base)
    watch = Watch(system, expected)
    scene = Scene(system, rng, sender, plan, base)
    began = len(topic_records(system, "late")), len(topic_records(system, "quarantine"))
    sender.start()
    time.sleep(rng.uniform(3.0, max(4.0, seconds / 3)))
    scene.mark("fault")
    fault_at = time.time()
    fault(scene)
    scene.mark("fault over")
    sender.done.wait()
    try:
        _wait_for(system, watch, set(expected))
    finally:
        watch.stop()
        sender.stop()
    ours = _Ours(row, seed)
    told = [one["alert_id"] for one in topic_records(system, "alerts") if ours.alert(one)]
    verdict = judge(
        expected,
        topic=told,
        stream=Counter(one["alert_id"] for one in stream_alerts(system) if ours.alert(one)),
        alerts=[one for one in documents(system, "alerts") if ours.alert(one)],
        evidence=[one for one in documents(system, "evidence") if ours.message(one["msgid"])],
        refused=[(kind, one) for kind, one in refused(system) if ours.either(one)],
        late=len(topic_records(system, "late")) - began[0] - plan.late,
        quarantined=len(topic_records(system, "quarantine")) - began[1],
    )
    verdict.recovery_s = round(recovery(expected, watch.told, base, fault_at), 2)
    verdict.visible_s = round(recovery(expected, watch.seen, base, fault_at), 2)
    verdict.indexed_s = round(recovery(expected, watch.indexed, base, fault_at, INDEXED_S), 2)
    verdict.worst_s = round(worst(expected, watch.told, base), 2)
    why = _wrong(verdict, within_s, plan.quarantined, sender)
    return Outcome(
        row=row,
        seed=seed,
        base=base,
        verdict=verdict,
        marks=scene.marks,
        restarts=system.restarts(),
        memory=system.memory(),
        passed=not why,
        why=why,
    )


class _Ours:
    """Tells the alerts of this cycle from those of the others by the messages they rest on."""

    def __init__(self, row: str, seed: str) -> None:
        self._begin = f"{row}-{seed}-"

    def message(self, msgid: str) -> bool:
        return msgid.startswith(self._begin)

    def alert(self, alert: Mapping[str, Any]) -> bool:
        return any(self.message(one["msgid"]) for one in alert["members"])

    def either(self, record: Mapping[str, Any]) -> bool:
        return self.alert(record) if "members" in record else self.message(record["msgid"])


def _wait_for(system: System, watch: Watch, expected: set[str]) -> None:
    """Until everything expected has been seen everywhere, and a little longer for what should not
    come; or until patience is over."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        if expected <= watch.told.keys() and expected <= {
            one["alert_id"] for one in stream_alerts(system)
        }:
            break
        time.sleep(0.5)
    while time.monotonic() < end:
        there = {one["alert_id"] for one in documents(system, "alerts")}
        if expected <= there | {one.get("alert_id") for _, one in refused(system)}:
            break
        time.sleep(0.5)
    time.sleep(LONGEST_MS / 1000 / 2)


def _wrong(verdict: Verdict, within_s: float, quarantined: int, sender: Sender) -> str:
    """What the cycle fails by; "" when it passes."""
    said = []
    for name in ("lost", "phantom", "twice", "without_evidence"):
        if found := getattr(verdict, name):
            said.append(f"{name} {len(found)}")
    if verdict.late:
        said.append(f"late {verdict.late:+}")
    if verdict.quarantined != quarantined:
        said.append(f"quarantined {verdict.quarantined} of {quarantined}")
    if within_s and verdict.recovery_s > within_s:
        said.append(f"live after {verdict.recovery_s:.1f} s, not {within_s:.0f}")
    if sender.unsent:
        said.append(f"not sent {len(sender.unsent)}")
    return ", ".join(said)
