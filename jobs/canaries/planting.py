"""One round of canaries: planted the way real records come, then looked for in every target."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from config.settings import Settings
from ingest.collector import Collector
from jobs.canaries.book import CanaryBook, Missed
from jobs.canaries.telling import Teller
from jobs.clock import now_ms
from jobs.held_ids import Holder, holder
from jobs.rules_now import rules_now
from rules.calendar import load_calendar
from rules.canary_plans import NotPossible, Plan, Planner
from rules.compiled import CompiledRules, compile_timeline
from rules.ruleset import RuleTimeline
from sinks.base import NoAnswer
from udfs.kept import KeptPatterns

SOURCE = "canary"  # the collector's name
_TICK_S, _LOOK_S = 0.2, 1.0
_LEAD_MS = 2_000  # from the plan to the first message, and as much more as planning takes
_LEAD_OF_RULE_MS = 60
HEARTBEAT_DELAY_S = 60.0  # `mingjian heartbeat --delay` where it is not given
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
Progress = Callable[[int, int, int, int], None]  # sent, of how many, seen, of how many


class Outcome(NamedTuple):
    """What one round showed. `seconds` by rule and target, from the moment the alert was due, None:
    missed; `away`: targets that did not answer at the end, and why; `without`: rules that have no
    canary; `waiting`: how many rules wait for a feed."""

    name: str
    began: int
    planted: int
    seconds: dict[tuple[str, str], float | None]
    away: dict[str, str]
    without: tuple[NotPossible, ...]
    waiting: int
    missed: tuple[Missed, ...]


class Canaries:
    """Rounds of one installation.

    Args:
        intake: the collector `SOURCE`.
        patience_s: how long after it is due an alert may take in all (`allowance`).
    """

    def __init__(
        self, settings: Settings, intake: Collector, book: CanaryBook, patience_s: float
    ) -> None:
        self._settings, self._intake, self._book = settings, intake, book
        self._teller = Teller(settings, intake, book, SOURCE)
        self._patience_ms = round(patience_s * 1000)
        self._compiled: dict[str, CompiledRules] = {}

    def round(
        self, stop: threading.Event, on_progress: Progress = lambda *_: None
    ) -> Outcome | None:
        """Plant, look, remember, tell. None when it was stopped: half a round says nothing.

        Raises:
            MingjianError: no rules, or records cannot be written.
        """
        settings = self._settings
        ruleset = rules_now(settings, now_ms())
        began = now_ms()
        if ruleset.digest not in self._compiled:
            only = RuleTimeline([(0, ruleset)])
            self._compiled = compile_timeline(only, KeptPatterns())
            began = now_ms()
        name = _name(began)
        planner = Planner(ruleset, self._compiled, load_calendar(), settings.tenant)
        start = began + _LEAD_MS + _LEAD_OF_RULE_MS * len(ruleset.files)
        made = list(planner.all(name, start))
        plans = [one for one in made if isinstance(one, Plan)]
        without = tuple(one for one in made if isinstance(one, NotPossible))
        holders = {one.name: holder(settings, one) for one in settings.targets}
        watch = _Watch(plans, holders)
        try:
            if not self._plant(plans, watch, stop, on_progress):
                return None
        finally:
            for one in holders.values():
                one.close()
        planted = sum(len(plan.records) for plan in plans)
        seconds = watch.seconds()
        self._book.add(name, began, now_ms(), planted, len(without), seconds)
        missed = self._book.missed()
        self._teller.tell(began, now_ms(), missed, seconds)
        waiting = sum(1 for file in ruleset.files if file.main) - len(made)
        return Outcome(name, began, planted, seconds, watch.away, without, waiting, tuple(missed))

    def _plant(
        self, plans: list[Plan], watch: _Watch, stop: threading.Event, on_progress: Progress
    ) -> bool:
        queue = sorted(record for plan in plans for record in plan.records)
        total, sent, looked = len(queue), 0, 0.0
        last = max((plan.due for plan in plans), default=0)
        while not stop.is_set():
            now = now_ms()
            end = sent
            while end < total and queue[end][0] <= now:
                end += 1
            if end > sent:
                self._intake.take([raw for _, raw in queue[sent:end]])
                sent = end
            if time.monotonic() - looked >= _LOOK_S:
                watch.look(now_ms())
                looked = time.monotonic()
                on_progress(sent, total, watch.seen, watch.wanted)
            if sent == total and (watch.done or now > last + self._patience_ms):
                return True
            stop.wait(_TICK_S)
        return False


class _Watch:
    """Which alerts which target has shown, and when."""

    def __init__(self, plans: list[Plan], holders: dict[str, Holder]) -> None:
        self._holders = holders
        self._rules = {plan.rule: plan for plan in plans}
        self._open = {(plan.rule, target): set(plan.alerts) for plan in plans for target in holders}
        self._seen: dict[tuple[str, str], float] = {}
        self.wanted = len(self._open)
        self.away: dict[str, str] = {}

    @property
    def seen(self) -> int:
        """How many rules have been seen, summed over targets."""
        return len(self._seen)

    @property
    def done(self) -> bool:
        """Whether nothing is left to be looked for."""
        return len(self._seen) == self.wanted

    def look(self, now: int) -> None:
        """Ask every target for what is due (UTC ms)."""
        for target, holds in self._holders.items():
            due = [
                key
                for key in self._open
                if key[1] == target
                and key not in self._seen
                # told ahead it is there before it is due
                and self._rules[key[0]].records[-1][0] <= now
            ]
            ids = sorted({one for key in due for one in self._open[key]})
            if not ids:
                continue
            try:
                there = holds.of("alerts", ids)
            except NoAnswer as error:
                self.away[target] = str(error)
                continue
            self.away.pop(target, None)
            for key in due:
                self._open[key] -= there
                if not self._open[key]:
                    self._seen[key] = max(0, now - self._rules[key[0]].due) / 1000

    def seconds(self) -> dict[tuple[str, str], float | None]:
        """By rule and target; None where something is missing."""
        return {key: self._seen.get(key) for key in self._open}


def allowance(settings: Settings, patience: float, delay: float | None = None) -> float:
    """Seconds that an alert may take after it is due: `patience` for the way to the targets, and
    before it the time until the job can know that it is due. In a quiet source that is told by
    heartbeats, which stay behind the clock, and the job waits for late messages on top.

    Args:
        delay: how far heartbeats stay behind, in seconds; None: as far as both who send them do
            by default or by the settings, and not at all for a source that has none.
    """
    if delay is None:
        usual = max(HEARTBEAT_DELAY_S, settings.ingest.archive.delay_seconds)
        delay = usual if settings.source.kind == "kafka" else 0.0
    return patience + delay + settings.flink.allowed_lateness_ms / 1000


def _name(now: int) -> str:
    """A round's name: its time in letters and digits."""
    rest, text = now // 1000, ""
    while rest:
        rest, digit = divmod(rest, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
