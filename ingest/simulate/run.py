"""A whole run: which days, how many messages, and every record of them in order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

import orjson

from ingest.simulate.behaviours import plan_day
from ingest.simulate.chat import Talk
from ingest.simulate.clock import OFF_DAY_SHARE, days_from, is_working
from ingest.simulate.events import Acts
from ingest.simulate.limits import Limits
from ingest.simulate.mint import Item, in_order
from ingest.simulate.plants import RESPONSES, Plan, Stage, Truth
from ingest.simulate.world import TENANT, World
from rules.errors import EXIT_USAGE, MingjianError

FIRST_SEQ = 48_213_006
MAX_VIOLATIONS = 40  # more would need an employee to play twice in one behaviour a day


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What decides the records of a run; equal parameters give equal bytes.

    Args:
        messages: archive messages of a working day, exactly; a day off has 5 % of them.
        violations: planted cases for each rule and working day.
        tenant: whose records they are.
    """

    seed: int = 20260304
    messages: int = 100_000
    first_day: date = date(2026, 3, 4)
    days: int = 1
    violations: int = 3
    tenant: str = TENANT

    def check(self) -> None:
        """Raise MingjianError for values that cannot be simulated."""
        for name, value, low, high in (
            ("--messages", self.messages, 0, 10**9),
            ("--days", self.days, 1, 3660),
            ("--violations", self.violations, 0, MAX_VIOLATIONS),
        ):
            if not low <= value <= high:
                raise MingjianError(
                    f"{name} must be between {low} and {high}, not {value}",
                    f"{name} 须在 {low} 与 {high} 之间，而不是 {value}",
                    exit_code=EXIT_USAGE,
                )
        for day in days_from(self.first_day, self.days):
            is_working(day)

    def volume(self, day: date) -> int:
        """Archive messages of that day."""
        return self.messages if is_working(day) else round(self.messages * OFF_DAY_SHARE)

    @property
    def total(self) -> int:
        """Archive messages of the run."""
        return sum(self.volume(day) for day in days_from(self.first_day, self.days))


class Run:
    """The records of a run, made while they are read.

    `truth` is complete once `records` is exhausted. Memory holds the conversations that are open
    and the planted cases of two days, whatever the volume.
    """

    def __init__(self, parameters: Parameters) -> None:
        parameters.check()
        self.parameters = parameters
        self.days = days_from(parameters.first_day, parameters.days)
        self.world = World(parameters.seed, parameters.tenant)
        self.tenant = self.world.tenant
        self.truth: list[Truth] = []
        limits = Limits()
        seed = parameters.seed
        self._limits = limits
        self._talk = Talk(self.world, seed, 0, limits)
        self._acts = Acts(self.world, seed, 1, limits)
        self._planted_talk = Talk(self.world, seed, 2, Limits())
        self._planted_acts = Acts(self.world, seed, 3, Limits())
        self._plans: dict[date, Plan] = {}
        self._plan(self.days[0])  # says at once when the volume is too small

    def records(self) -> Iterator[Item]:
        """Every record by event time."""
        return heapq.merge(
            in_order(self._talk_groups()), in_order(self._event_groups()), self._planted()
        )

    def truth_lines(self) -> Iterator[bytes]:
        """truth.jsonl, by time."""
        for number, case in enumerate(self.truth, start=1):
            yield (
                orjson.dumps(
                    {
                        "plant_id": f"p{number:04d}",
                        "rule": case.rule,
                        "response": RESPONSES[case.rule],
                        **case._asdict(),
                    }
                )
                + b"\n"
            )

    def _plan(self, day: date) -> Plan:
        plan = self._plans.get(day)
        if plan is None:
            rng = Random(f"plants:{self.parameters.seed}:{day.isoformat()}")
            self._planted_talk.rng = self._planted_acts.rng = rng
            stage = Stage(self.world, self._planted_talk, self._planted_acts, rng, day)
            plan = plan_day(stage, self.parameters.violations, is_working(day))
            volume = self.parameters.volume(day)
            if plan.messages > volume:
                raise MingjianError(
                    f"{volume} messages cannot hold the planted cases of {day}, "
                    f"which need {plan.messages}",
                    f"{volume} 条消息容不下 {day} 的预埋案例（需要 {plan.messages} 条）",
                    fix_en="raise --messages or lower --violations",
                    fix_zh="请增大 --messages 或减小 --violations",
                    exit_code=EXIT_USAGE,
                )
            self._plans = {d: p for d, p in self._plans.items() if (day - d).days <= 1}
            self._plans[day] = plan
            self.truth += plan.truth
        return plan

    def _talk_groups(self) -> Iterator[tuple[int, list[Item]]]:
        for day in self.days:
            plan = self._plan(day)
            self._limits.keep_from_recalling = set(plan.no_recall)
            yield from self._talk.groups(day, self.parameters.volume(day) - plan.messages)

    def _event_groups(self) -> Iterator[tuple[int, list[Item]]]:
        for day in self.days:
            self._limits.keep_from_deleting = set(self._plan(day).no_delete)
            yield from self._acts.groups(day, self.parameters.volume(day))

    def _planted(self) -> Iterator[Item]:
        for day in self.days:
            yield from self._plan(day).items
