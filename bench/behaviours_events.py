"""What the behaviours are measured on: one rule of each type, and its events as packed items."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import msgspec
import yaml

from rules.calendar import load_calendar
from rules.cases import record
from rules.decode import Decoder
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline

TENANT = "demo"
START = 1_772_600_000_000  # UTC ms
STEP = 10  # ms between two events
LATENESS = 5_000  # ms that the watermark stays behind, as shipped
WORDS = {"a": "这只产品保本，您今天就可以买入", "b": "刚才那条不算，请以合同为准"}
RARE = 2_000  # one event in so many is the second step of an order


class Case(msgspec.Struct, frozen=True):
    """What one run is about.

    Args:
        type: one of TYPES. groups, events: how many of each.
        window: events of a group that its window holds, on average.
        backend: where Flink keeps state.
        displaced: percent of events that come up to LATENESS behind their time.
        rules: how many equal rules every event counts for.
    """

    type: str
    groups: int = 100
    window: int = 100
    displaced: int = 0
    events: int = 60_000
    backend: str = "hashmap"
    rules: int = 1

    @property
    def span(self) -> int:
        """Length of the window, seconds."""
        return max(1, self.window * self.groups * STEP // 1000)

    @property
    def bound(self) -> int:
        """The least count that raises an alert; a few windows reach it. 1000 is the most."""
        most = self.window + 3 * int(self.window**0.5) if self.groups > 1 else self.window + 2
        return min(1_000, most)


# type -> (share of "b" among the events, correlation section beside group-by and timespan)
TYPES = ("event_count", "value_count", "temporal_ordered", "absence")
Row = tuple[int, str, str, str, str, str]  # time, group, word, value, msgid, packed item (base64)


def share_of_b(case: Case, chance: random.Random) -> bool:
    """Is the next event a "b"?"""
    if case.type == "temporal_ordered":
        return chance.random() < 1 / RARE
    return case.type == "absence" and chance.random() < 0.1  # noqa: PLR2004


def rule_text(case: Case) -> str:
    """The rule file of a case."""
    signals = [
        {
            "name": f"b0_{word}",
            "detection": {"it": {"type": "text", "text|contains": text[:4]}, "condition": "it"},
            "mingjian": {"signal": True},
        }
        for word, text in WORDS.items()
    ]
    found: list[dict[str, object]] = [*signals]
    for number in range(case.rules):
        how: dict[str, object] = {
            "type": case.type,
            "rules": ["b0_a"],
            "group-by": ["sender"],
            "timespan": f"{case.span}s",
        }
        if case.type == "event_count":
            how["condition"] = {"gte": case.bound}
        elif case.type == "value_count":
            how["condition"] = {"gte": case.bound, "field": "conversation"}
        elif case.type == "temporal_ordered":
            how["rules"] = ["b0_a", "b0_b"]
        else:
            how |= {"type": "temporal_ordered", "rules": ["b0_a", "b0_b"]}
            how["condition"] = "b0_a and not b0_b"
        found.append(
            {
                "title": f"{case.type} {number}",
                "id": f"00000000-0000-4000-8000-{number:012d}",
                "name": f"b1_{number}",
                "correlation": how,
                "level": "low",
                "mingjian": {"version": 1, "item": "A00-00", "response": 0},
            }
        )
    return "---\n".join(yaml.safe_dump(one, allow_unicode=True, sort_keys=False) for one in found)


def prepare(case: Case, folder: Path, seed: int = 1) -> None:
    """Writes `rules/` and `events/messages.csv`, the events as they arrive, in `folder`."""
    (folder / "rules").mkdir(parents=True)
    (folder / "events").mkdir()
    (folder / "rules" / "rules.yaml").write_text(rule_text(case), encoding="utf-8")
    timeline = RuleTimeline.load(str(folder / "rules"))
    matcher = Matcher(timeline, Decoder(TENANT), load_calendar())
    chance = random.Random(seed)
    rows: list[tuple[int, Row]] = []
    for number in range(case.events):
        time = START + number * STEP
        who = number % case.groups if case.groups > case.events // 10 else None
        group = f"emp{chance.randrange(case.groups) if who is None else who:07d}"
        word = "b" if share_of_b(case, chance) else "a"
        to = f"wmKq7ZBwAA{chance.randrange(10 * case.window):06d}"
        msgid = f"{chance.getrandbits(63):019d}_{time // 1000}"
        raw = record(
            {"from": group, "to": to, "text": f"{WORDS[word]}{number}"}, msgid, number, time=time
        )
        displaced = chance.randrange(100) < case.displaced
        arrival = time + (chance.randrange(LATENESS) if displaced else 0)
        for packed in matcher.match(raw, "bench", 0, number) or ():
            item = base64.b64encode(packed).decode()
            rows.append((arrival, (time, group, word, to, msgid, item)))
    rows.sort(key=lambda row: row[0])
    with (folder / "events" / "messages.csv").open("w", encoding="utf-8") as out:
        out.writelines(",".join(map(str, row)) + "\n" for _, row in rows)
