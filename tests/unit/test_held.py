"""The bytes of one key: what is added, what is read, what earlier versions wrote."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rules.held import ALWAYS, State, due_of, fresh, items_in, opened, read, with_item, written
from rules.items import MEMBER, Item, body_of, pack
from tests.support.rule_files import COUNTING, ruleset
from tests.unit.test_behave import FOREVER, Drive, packed, talk

TIMES = st.lists(st.integers(-5, 10**13), min_size=1, max_size=8)


# written by the second version: one message in the window, one that waits
SECOND = base64.b64decode(
    "VwAAAZy2k7dgAAABhJgCkJHcABIBomQxqHQyX2J1cnN0AKd0Ml9iYXNlkqRkZW1vqHpoYW5nd2VpoM8AAAGctpLN"
    "AAGibTCmbWVtb3J5AADFARJ7InYiOjEsImtpbmQiOiJhcmNoaXZlIiwidGltZSI6MTc3MjU4OTYwMDAwMCwicmVj"
    "ZWl2ZWRfYXQiOjE3NzI1ODk2MDEwMDAsInRlbmFudCI6ImRlbW8iLCJzZXEiOjEsInBheWxvYWQiOnsibXNnaWQi"
    "OiJtMCIsImFjdGlvbiI6InJlY2FsbCIsImZyb20iOiJ6aGFuZ3dlaSIsInRvbGlzdCI6WyJ3bURlbW9DdXN0b21l"
    "cjAwMDAwMCJdLCJyb29taWQiOiIiLCJtc2d0aW1lIjoxNzcyNTg5NjAwMDAwLCJtc2d0eXBlIjoicmV2b2tlIiwi"
    "cmV2b2tlIjp7InByZV9tc2dpZCI6InoifX19kACgoKDCmJHCkdPAAAAAAAAAAJCR08AAAAAAAAAA/88AAAGctpLN"
    "AMLAwMAAAAFY3AASAaJkMah0Ml9idXJzdACndDJfYmFzZZKkZGVtb6h6aGFuZ3dlaaDPAAABnLaTt2ACom0xpm1l"
    "bW9yeQABxQESeyJ2IjoxLCJraW5kIjoiYXJjaGl2ZSIsInRpbWUiOjE3NzI1ODk2NjAwMDAsInJlY2VpdmVkX2F0"
    "IjoxNzcyNTg5NjYxMDAwLCJ0ZW5hbnQiOiJkZW1vIiwic2VxIjoyLCJwYXlsb2FkIjp7Im1zZ2lkIjoibTEiLCJh"
    "Y3Rpb24iOiJyZWNhbGwiLCJmcm9tIjoiemhhbmd3ZWkiLCJ0b2xpc3QiOlsid21EZW1vQ3VzdG9tZXIwMDAwMDEi"
    "XSwicm9vbWlkIjoiIiwibXNndGltZSI6MTc3MjU4OTY2MDAwMCwibXNndHlwZSI6InJldm9rZSIsInJldm9rZSI6"
    "eyJwcmVfbXNnaWQiOiJ6In19fZAAoKA="
)


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
        assert items_in(state) == number + 1
        if before is not None:  # copied, not written anew
            assert state[13 : len(before)] == before[13:]
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
        assert due_of(then.states[key]) == ALWAYS
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


def test_state_of_the_second_version_goes_on(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, COUNTING)
    items = packed(rules, talk([(minute, "zhangwei", 1) for minute in range(3)]))
    now, then = Drive(rules), Drive(rules)
    now.send(items[0])
    now.advance(1_772_589_630_000)
    now.send(items[1])
    ((key, state),) = now.states.items()
    assert read(SECOND) == msgspec.structs.replace(read(state), version=2)
    then.states, then.waiting = {key: SECOND}, [[(due_of(SECOND), key)]]
    for drive in (now, then):
        drive.send(items[2])
        drive.advance(FOREVER)
        assert drive.states == {}
    assert then.found == now.found
    assert len(now.found) == 4  # an alert and three messages


@given(st.lists(st.binary(max_size=3_000), min_size=1, max_size=5))
def test_a_message_comes_back_byte_for_byte(raws: list[bytes]) -> None:
    """Longer than the dictionary, of any bytes, the first and the others."""
    given_items = [msgspec.structs.replace(item(n), raw=raw) for n, raw in enumerate(raws)]
    state: bytes | None = None
    for one in given_items:
        state, _ = with_item(state, pack("key", one), one.time)
    assert state is not None
    assert read(state).pending == given_items
    moved = State(3, [], given_items, last=given_items[0])
    assert read(written(moved, 1)) == moved


def test_an_open_count_is_small(tmp_path: Path) -> None:
    """The first message brings the rule, the group and its whole record; the next only what is
    new of it."""
    rules = ruleset(tmp_path, COUNTING)
    drive, sizes = Drive(rules), []
    for number, one in enumerate(packed(rules, talk([(n, "zhangwei", 1) for n in range(2)]))):
        drive.send(one)
        drive.advance(1_772_589_600_000 + number * 60_000)
        (state,) = drive.states.values()
        assert opened(state).waiting == []
        sizes.append(len(state))
    assert len(body_of(one)) > 340
    assert sizes[0] < 300
    assert sizes[1] - sizes[0] < 60


@given(st.integers(0, 20_000), st.sampled_from("rz1"))
def test_what_is_large_is_not_much_larger_than_it_stands(length: int, letter: str) -> None:
    """A key is bounded by what it keeps: a thousand megabytes of one letter would be a few
    kilobytes."""
    first, second = item(1), msgspec.structs.replace(item(2), raw=letter.encode() * length)
    state, _ = with_item(None, pack("key", first), 1)
    longer, _ = with_item(state, pack("key", second), 2)
    assert read(longer).pending == [first, second]
    assert len(longer) - len(state) >= len(body_of(pack("key", second))) // 16 or length < 1_024
