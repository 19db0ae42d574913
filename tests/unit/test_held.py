"""The bytes of one key: what is added, what is read, what earlier versions wrote."""

from __future__ import annotations

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rules.held import due_of, fresh, read, with_item, written
from rules.items import MEMBER, Item, pack
from tests.support.rule_files import COUNTING, ruleset
from tests.unit.test_behave import FOREVER, Drive, packed, talk

TIMES = st.lists(st.integers(-5, 10**13), min_size=1, max_size=8)


def item(time: int, number: int = 0) -> Item:
    raw = b"r" * number
    return Item(MEMBER, "d", "rule", 0, "b", ("t", "g"), "", time, 0, f"m{number}", "s", 0, 0, raw)


@given(TIMES)
def test_what_is_added_is_read_in_its_order_and_the_earliest_is_due(times: list[int]) -> None:
    state: bytes | None = None
    timers: list[int] = []
    for number, time in enumerate(times):
        before = state
        state, first = with_item(before, pack("key", item(time, number)), time)
        if first or before is None:
            timers.append(time)
        if before is not None:  # copied, not written anew
            assert state[9 : len(before)] == before[9:]
    assert state is not None
    assert read(state).pending == [item(time, number) for number, time in enumerate(times)]
    assert due_of(state) == min(times) == timers[-1]


@given(TIMES, TIMES)
def test_what_is_written_is_read(waiting: list[int], inside: list[int]) -> None:
    held = fresh()
    held.pending = [item(time) for time in waiting]
    held.window = [item(time) for time in inside]
    state = written(held, 7)
    assert read(state) == held
    assert due_of(state) == 7
    assert [one.time for one in held.pending] == waiting  # left as it was


def test_state_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """It was one array of MessagePack, with a timer for each item."""
    rules = ruleset(tmp_path, COUNTING)
    items = packed(rules, talk([(0, "zhangwei", 1), (1, "zhangwei", 1), (2, "zhangwei", 1)]))
    now, then = Drive(rules), Drive(rules)
    for one in items[:2]:
        now.send(one)
        then.send(one)
    for key, state in then.states.items():
        then.states[key] = msgspec.msgpack.encode(read(state))
        assert due_of(then.states[key]) is None
    now.send(items[2])
    then.send(items[2])
    for drive in (now, then):
        drive.advance(FOREVER)
        assert drive.states == {}
    assert then.found == now.found
    assert len(now.found) == 4  # an alert and three messages


def test_many_that_wait_have_one_timer(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, COUNTING)
    drive = Drive(rules)
    for one in packed(rules, talk([(minute, "zhangwei", 1) for minute in range(30)])):
        drive.send(one)
    assert len(drive.timers) == 1
    drive.advance(FOREVER)
    assert drive.timers == []
    assert drive.states == {}
