"""Planted violations and decoys of one day, and the truth about them.

Each case stands in a conversation or a log of its own among the ordinary ones. `speech` plants
what is said, `behaviours` what is done.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from ingest.simulate.chat import Talk, Turn
from ingest.simulate.clock import OFFICE, midnight
from ingest.simulate.events import Acts
from ingest.simulate.mint import Item, Setting
from ingest.simulate.talk import Line, parse_line, pick
from ingest.simulate.world import Employee, World

_DATA = Path(__file__).with_name("plants.yaml")
RESPONSES = {
    "a01_01_bypass_company_deal": 2,
    "a02_03_transfer_to_individual": 2,
    "a03_13_same_file_multi_external": 2,
    "a04_01_personal_wechat_id": 2,
    "a05_01_recall_burst": 2,
    "a05_02_recall_after_hit": 3,
    "a05_11_bulk_delete_customer": 3,
    "a06_01_offhour_transfer": 3,
    "a07_01_guarantee": 2,
    "a08_01_resident_id": 1,
    "a08_02_bank_card": 1,
    "a09_09_credential": 2,
    "a10_01_kickback": 2,
    "a11_01_same_link": 2,
    "a12_05_offhour_login": 2,
}


class Truth(NamedTuple):
    """One line of truth.jsonl, without its number (docs/data-formats.md)."""

    rule: str
    actor: str
    conversation: str
    msgids: tuple[str, ...]
    time: int
    alert: bool
    note: str


class Plan(NamedTuple):
    """The planted records of one day by time, and who must do nothing else of a kind that day."""

    items: list[Item]
    truth: list[Truth]
    messages: int
    no_recall: frozenset[str]
    no_delete: frozenset[str]


@lru_cache(maxsize=1)
def phrases() -> dict[str, Any]:
    """plants.yaml as it stands."""
    data: dict[str, Any] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return data


class Stage:
    """What planters work with: the world, makers of records, and who is still free.

    Every planter draws actors with `actor`: one employee plays in one case of a behaviour a day.
    """

    def __init__(self, world: World, talk: Talk, acts: Acts, rng: Random, day: date) -> None:
        self.world, self.talk, self.acts, self.rng = world, talk, acts, rng
        self.day, self.begin = day, midnight(day)
        self.items: list[Item] = []
        self.truth: list[Truth] = []
        self._free: dict[str, list[Employee]] = {}

    def actor(self, behaviour: str) -> Employee:
        """An employee who has not yet played in this behaviour today."""
        free = self._free.get(behaviour)
        if not free:
            free = self._free[behaviour] = self.rng.sample(self.world.front, len(self.world.front))
        return free.pop()

    def played(self, behaviour: str) -> frozenset[str]:
        """Who played in this behaviour."""
        free = self._free.get(behaviour)
        if free is None:
            return frozenset()
        return frozenset({e.userid for e in self.world.front} - {e.userid for e in free})

    def office_time(self) -> int:
        """A time in office hours, early enough for an hour's sequence to end inside them."""
        return self.begin + OFFICE.at(self.rng.random() * 0.85)

    def lines(self, part: str) -> list[Line]:
        """A lead-in or an ending of a conversation."""
        return [parse_line(text) for text in pick(self.rng, phrases()[part])]

    def perform(self, setting: Setting, script: list[Line], start: int) -> list[Turn]:
        """Have the lines said, with nothing added, and say what became of them."""
        items, turns = self.talk.converse(setting, script, start, self.day, extras=False)
        self.items += items
        return turns

    def record(
        self,
        rule: str,
        actor: str,
        ids: list[str],
        time: int,
        note: str,
        *,
        alert: bool = True,
        place: str = "",
    ) -> None:
        """Note the truth of one case."""
        self.truth.append(Truth(rule, actor, place, tuple(ids), time, alert, note))

    def plan(self) -> Plan:
        """What has been planted, by time."""
        self.items.sort()
        return Plan(
            self.items,
            sorted(self.truth, key=lambda t: (t.time, t.rule)),
            sum(not item[5] for item in self.items),
            self.played("recall"),
            self.played("delete"),
        )
