"""Bytes an open group takes: live in the pure engine, and written down as a stream job keeps it.

Live objects are what tracemalloc counts between an engine without events and one with all of them;
`without` the evidence leaves out what is kept of each event to show and to tell apart: its entry,
its id, its place among the known ids.
"""

from __future__ import annotations

import gc
import json
import random
import tracemalloc
from collections.abc import Iterator
from typing import Any

from bench.correlation_load import correlation_of
from rules.correlation.entry import Entry
from rules.correlation.graph import Correlator
from rules.correlation.group import Group, advance
from rules.correlation.nodes import Node
from rules.correlation.plan import Plan
from rules.correlation.sliding import quick
from rules.held import State, written
from rules.items import MEMBER, Item

EACH = (1, 10)
WINDOW = 10**7  # seconds: nothing leaves
RAW = 441  # bytes of a simulated message (docs/performance.md)


def memory(groups: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Of each type, with one and with ten events a group."""
    return [
        _of(name, groups if each == 1 else groups // 5, each) for name in names for each in EACH
    ]


def _of(name: str, groups: int, each: int) -> dict[str, Any]:
    with_, without = _live(name, groups, each), _bare(name, groups, each)
    state, message = _written(name, each)
    return {
        "type": name,
        "events": each,
        "groups": groups,
        "live": round(with_),
        "live_without_evidence": round(without),
        "state": state,
        "state_without_messages": message,
    }


def _live(name: str, groups: int, each: int) -> float:
    """Bytes a group of the whole engine, with ids and evidence."""
    how = correlation_of(name, WINDOW)
    rules = [[rule] for rule in how.rules]
    correlator = Correlator({"c": how})
    begun = _traced()
    for number in range(groups * each):
        group = f"host-{number % groups:07d}"
        correlator.observe(
            f"event-{number:09d}",
            number * 1000,
            {"h0": group, "v": str(number % 1000)}.get,
            rules[-(number // groups) % len(rules)],
        )
        if number % 1000 == 0:
            correlator.advance(number * 1000)
    correlator.advance(groups * each * 1000)
    assert correlator.open_groups() == groups  # noqa: S101
    return (_traced(stop=True) - begun) / groups


def _bare(name: str, groups: int, each: int) -> float:
    """The same of the groups and their keys alone; the entries were there before."""
    plan = Plan(correlation_of(name, WINDOW), every=False)
    node = Node("c", 0, plan, loud=True)
    entries = list(_entries(plan, groups * each))
    begun = _traced()
    for number, entry in enumerate(entries):
        key = f"host-{number % groups:07d}"
        group = node.groups.get(key)
        if group is None:
            group = node.groups[key] = (quick(plan) or Group)(plan)
        else:
            node.groups.move_to_end(key)
        group.one(entry)
    return (_traced(stop=True) - begun) / groups


def _entries(plan: Plan, count: int) -> Iterator[Entry]:
    rules = len(plan.correlation.rules)
    for number in range(count):
        placed = plan.placed((-number % rules,), (str(number % 1000),))
        yield Entry(number * 1000, 0, f"event-{number:09d}", *placed)


def _written(name: str, each: int) -> tuple[int, int]:
    """Bytes that a stream job keeps of a key, with the messages and without."""
    plan = Plan(correlation_of(name, WINDOW), every=False)
    group = Group(plan)
    entries = list(_entries(plan, each))
    advance(group, entries, each * 1000)
    sizes = []
    for whole in (True, False):
        window = [_item(entry, _message(number) if whole else b"") for number, entry in
                  enumerate(entries)]  # fmt: skip
        sizes.append(len(written(State(2, [], window, marks=group.marks), 0)))
    return sizes[0], sizes[1]


def _message(number: int) -> bytes:
    """A record of RAW bytes. What differs from one to the next does so as in a real one: ids, a
    time and some words, which take their place however they are packed."""
    rng = random.Random(number)
    one = {
        "msgid": f"{rng.getrandbits(64)}_{1_760_000_000 + number}_external",
        "from": "wang_xiaoming",
        "tolist": [f"wm{rng.getrandbits(120):030x}"],
        "msgtime": 1_760_000_000_000 + rng.randrange(10**7),
        "msgtype": "text",
        "text": {"content": "".join(rng.choices("您好请问这只产品今天还能不能买入谢谢", k=80))},
    }
    raw = json.dumps(one, ensure_ascii=False).encode()
    return raw + b" " * (RAW - len(raw))


def _item(entry: Entry, raw: bytes) -> Item:
    return Item(
        kind=MEMBER,
        ruleset="0123456789abcdef",
        rule="bulk_sending",
        step=entry.slots[0],
        base="sent_a_file",
        group=("demo", "host-0000001"),
        value=entry.values[0] if entry.values else "",
        time=1_760_000_000_000 + entry.time,
        seq=entry.time,
        msgid=entry.id,
        source="messages.jsonl",
        partition=0,
        offset=entry.time,
        raw=raw,
    )


def _traced(*, stop: bool = False) -> int:
    gc.collect()
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    found = tracemalloc.get_traced_memory()[0]
    if stop:
        tracemalloc.stop()
    return found
