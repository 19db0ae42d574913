"""The bytes of one key: what is added, what is read, what earlier versions wrote."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import live
from rules.behave import Step
from rules.held import State, due_of, fresh, items_in, opened, read, with_item, written
from rules.items import MEMBER, Item, body_of, key_of, pack
from tests.support.rule_files import COUNTING, ruleset
from tests.unit.test_behave import CHAIN, FOREVER, VALUES, Drive, behaviour, packed, talk
from tests.unit.test_behave_types import ABSENT, AROUND, BETWEEN, correlation, messages

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


def test_state_of_the_second_version_goes_on(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, COUNTING)
    items = packed(rules, talk([(minute, "zhangwei", 1) for minute in range(3)]))
    now, then = Drive(rules), Drive(rules)
    now.send(items[0])
    now.advance(1_772_589_630_000)
    now.send(items[1])
    ((key, state),) = now.states.items()
    assert read(SECOND) == msgspec.structs.replace(read(state), version=2)
    then.states, then.waiting = {key: SECOND}, [[(due_of(SECOND) or 0, key)]]
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


KINDS = {
    "count": COUNTING,
    "values": VALUES,
    "order": CHAIN,
    "new values": VALUES.replace("{gte: 3, field", "{gte: 1, field").replace(
        "mingjian: {version: 1", "mingjian: {first_seen: true, version: 1"
    ),
    **{name: correlation(text) for name, text in
       {"absent": ABSENT, "around": AROUND, "upper": BETWEEN}.items()},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [live.MAX_ENTRIES, 12])
def test_what_is_remembered_changes_nothing(
    kind: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs, timers and state are those of a stage that reads everything anew."""
    monkeypatch.setattr(live, "LEAST", 1)
    rules = ruleset(tmp_path, KINDS[kind])
    chance = random.Random(kind)
    people = ["zhangwei", "lina", "wanglei"]
    said = talk(
        [(n // 2, chance.choice(people), chance.random() < 0.7) for n in range(80)]
        if kind in ("count", "values", "order", "new values")
        else []
    ) or [one | {"id": f"{one['id']}-{n}", "from": chance.choice(people)}
          for n, one in enumerate(messages("ab-aaa-b-(ab)a-----aba" * 2))]  # fmt: skip
    kept = behaviour(rules)
    kept._lives._most = most
    states: dict[str, bytes] = {}
    timers: list[tuple[int, str]] = []
    reopened = 0
    for number, one in enumerate(packed(rules, said)):
        key, before = key_of(one), states.get(key_of(one))
        compare(states, timers, key, [
            judge.add(before, one, -1) for judge in (kept, behaviour(rules))
        ])  # fmt: skip
        if number % 3:
            continue
        now = read(states[key]).pending[-1].time + 1
        for due, found in sorted(set(timers)):
            if due <= now:
                timers.remove((due, found))
                before = states.get(found)
                reopened += before is not None and live.seed_in(before) in kept._lives._lives
                compare(states, timers, found, [
                    judge.advance(before, now) for judge in (kept, behaviour(rules))
                ])  # fmt: skip
    assert reopened


def compare(
    states: dict[str, bytes], timers: list[tuple[int, str]], key: str, steps: list[Step]
) -> None:
    assert steps[0] == steps[1]
    states.pop(key, None)
    if steps[0].state is not None:
        states[key] = steps[0].state
    timers += [(due, key) for due in steps[0].timers if (due, key) not in timers]


@given(st.integers(0, 20_000), st.sampled_from("rz1"))
def test_what_is_large_is_not_much_larger_than_it_stands(length: int, letter: str) -> None:
    """A key is bounded by what it keeps: a thousand megabytes of one letter would be a few
    kilobytes."""
    first, second = item(1), msgspec.structs.replace(item(2), raw=letter.encode() * length)
    state, _ = with_item(None, pack("key", first), 1)
    longer, _ = with_item(state, pack("key", second), 2)
    assert read(longer).pending == [first, second]
    assert len(longer) - len(state) >= len(body_of(pack("key", second))) // 16 or length < 1_024


def test_groups_that_stay_open_in_memory_are_bounded_by_their_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live, "MAX_BYTES", 20_000)
    rules = ruleset(tmp_path, COUNTING.replace("{gte: 3}", "{gte: 900}"))
    stage, states = behaviour(rules), {}
    talking = [
        {"at": f"10:00:{n:02d}", "from": f"p{who}", "to": "c1", "recall": "z", "id": f"m{who}-{n}"}
        for n in range(20)
        for who in range(40)
    ]
    for one in packed(rules, talking):
        states[key_of(one)] = stage.add(states.get(key_of(one)), one, 0).state
    for key, state in states.items():
        states[key] = stage.advance(state, 1_772_589_660_000).state
    remembered = stage._lives._lives.values()
    assert 1 < len(remembered) < len(states) == 40
    assert sum(one.bytes for one in remembered) <= 20_000
