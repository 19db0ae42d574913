"""Groups kept together in a bucket are judged as each would be by itself, whatever is forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.batches import MOST_BYTES, NAMES, batched, batches, bucket_of, items_of
from rules.behave import Behaviour
from rules.bucket import Bucket, state_of
from rules.engine import FOREVER
from rules.items import MAX_KEY_BYTES, Item, key_of, pack, unpack
from rules.journal import MAX_AGE, Journal
from rules.ruleset import RuleSet
from rules.telling import Output
from tests.support.rule_files import COUNTING, ruleset
from tests.unit.test_behave import CHAIN, VALUES, Drive, behaviour, packed, talk
from tests.unit.test_behave_types import ABSENT, AROUND, BETWEEN, correlation, messages

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


class Memory(dict[str, bytes]):
    put = dict.__setitem__
    remove = dict.__delitem__


class Task:
    """A bucket with its journal, as a task of the job keeps them. What a failure leaves is what
    `kept` and `records` hold."""

    def __init__(self, judge: Behaviour, most: int) -> None:
        self.judge, self.most = judge, most
        self.kept, self.records = Memory(), list[bytes]()
        self.found: list[Output] = []
        self.restart()

    def restart(self) -> None:
        self.kept = Memory(self.kept)
        bucket = Bucket(self.judge, self.kept, self.kept.items(), self.most)
        self.journal = Journal(bucket, reversed(self.records))

    def take(self, told: tuple[bytes, Any], *, write: bool = False) -> None:
        record, found = told
        self.found += found.outputs
        self.records.append(record)
        if write or self.journal.full:
            self.records = self.journal.write()


def scene(kind: str, chance: random.Random) -> list[dict[str, Any]]:
    people = ["zhangwei", "lina", "wanglei"]
    if kind in ("count", "values", "order", "new values"):
        return talk([(n // 2, chance.choice(people), chance.random() < 0.7) for n in range(80)])
    return [
        one | {"id": f"{one['id']}-{n}", "from": chance.choice(people)}
        for n, one in enumerate(messages("ab-aaa-b-(ab)a-----aba" * 2))
    ]


def steps(items: list[bytes], chance: random.Random) -> Iterator[tuple[list[bytes], int]]:
    """Items with the event time that is told after them; some come late."""
    at = 0
    while at < len(items):
        many = chance.randint(1, 9)
        yield items[at : at + many], unpack(items[at]).time + chance.randint(-90_000, 60_000)
        at += many


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [64 * 1024 * 1024, 12_000])
@pytest.mark.parametrize("seed", range(3))
def test_a_bucket_judges_as_each_group_would_be(
    kind: str, most: int, seed: int, tmp_path: Path
) -> None:
    """Beside what reads the bytes of a group anew each time: with little memory, with failures in
    between, and groups that are stored now and then."""
    rules = ruleset(tmp_path, KINDS[kind])
    chance = random.Random(f"{kind}{seed}")
    plain, task = Drive(rules), Task(behaviour(rules), most)
    watermark = -1
    for items, time in steps(packed(rules, scene(kind, chance)), chance):
        for one in items:
            plain.send(one)
        (batch,) = of_one_bucket(items)
        task.take(task.journal.items(batch, watermark), write=chance.random() < 0.2)
        if chance.random() < 0.3:
            task.restart()
        if time > watermark:
            watermark = time
            plain.advance(time)
            task.take(task.journal.time(time), write=chance.random() < 0.2)
        if chance.random() < 0.3:
            task.restart()
    plain.advance(FOREVER)
    task.take(task.journal.time(FOREVER))
    assert sorted(task.found) == sorted(plain.found)
    assert plain.found
    assert (task.kept, task.records) == ({}, [])
    assert task.journal.bucket.due is None


def of_one_bucket(items: list[bytes]) -> list[bytes]:
    return [NAMES[0].encode() + b"".join(len(one).to_bytes(4, "big") + one for one in items)]


def test_what_is_stored_is_what_the_group_would_be(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, COUNTING)
    items = packed(rules, talk([(n, "zhangwei", 1) for n in range(2)]))
    plain, task = Drive(rules), Task(behaviour(rules), 0)
    for one in items:
        plain.send(one)
        task.take(task.journal.items(of_one_bucket([one])[0], -1))
        plain.advance(unpack(one).time)
        task.take(task.journal.time(unpack(one).time), write=True)
        assert {key: state_of(value) for key, value in task.kept.items()} == plain.states


def many(rules: RuleSet, people: int, each: int) -> list[bytes]:
    return packed(rules, [
        {"at": f"10:00:{n:02d}", "from": f"p{who}", "to": "c1", "recall": "z", "id": f"m{who}-{n}"}
        for n in range(each)
        for who in range(people)
    ])  # fmt: skip


def test_groups_in_memory_are_bounded_by_their_bytes(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, COUNTING.replace("{gte: 3}", "{gte: 900}"))
    task = Task(behaviour(rules), 100_000)
    for one in many(rules, 40, 20):
        task.take(task.journal.items(of_one_bucket([one])[0], -1))
    assert 1 < len(task.journal.bucket._open) < len(task.journal.bucket) == 40
    assert task.journal.bucket._weight <= 100_000
    assert len(task.kept) >= 40 - len(task.journal.bucket._open)


def test_records_are_forgotten_in_time(tmp_path: Path) -> None:
    """A message must not stay in them long after its group has forgotten it."""
    rules = ruleset(tmp_path, COUNTING)
    task = Task(behaviour(rules), 1 << 20)
    first, second = many(rules, 2, 1)
    time = unpack(first).time
    for one in (first, second):
        task.take(task.journal.items(of_one_bucket([one])[0], time - 1))
    task.take(task.journal.time(time))
    assert len(task.records) == 3
    task.take(task.journal.time(time + MAX_AGE + 1))
    assert task.records == []


def test_of_the_records_stays_how_far_event_time_was(tmp_path: Path) -> None:
    """After a restart Flink knows no event time: what was late is late all the same."""
    rules = ruleset(tmp_path, COUNTING)
    first, second, third = many(rules, 1, 3)
    task, plain = Task(behaviour(rules), 1 << 20), Drive(rules)
    task.take(task.journal.items(of_one_bucket([third])[0], -1))
    task.take(task.journal.time(unpack(third).time), write=True)
    assert [len(one) for one in task.records] == [17]  # nothing of a message
    for one in (first, second):
        task.restart()
        task.take(task.journal.items(of_one_bucket([one])[0], -(2**63)))
    plain.send(third)
    plain.advance(unpack(third).time)
    for one in (first, second):
        plain.send(one)
    assert [name for name, _ in plain.found] == ["late", "late"]
    assert task.found == plain.found


@given(st.lists(st.lists(st.integers(0, 300), max_size=4)))
def test_batches_hold_each_item_once_and_each_key_in_order(rows: list[list[int]]) -> None:
    found = [[pack(f"c|rule|{n % 7}", item(n)) for n in row] or None for row in rows]
    given_rows = batched(found)
    assert len(given_rows) == len(found)
    came = [one for row in given_rows for batch in row or () for one in items_of(batch)]
    sent = [one for row in found for one in row or ()]
    assert sorted(came) == sorted(sent)
    for key in {key_of(one) for one in sent}:
        assert [o for o in came if key_of(o) == key] == [o for o in sent if key_of(o) == key]
    for row in given_rows:
        for batch in row or ():
            assert {NAMES[bucket_of(one)] for one in items_of(batch)} == {batch[:2].decode()}


def test_a_batch_is_no_larger_than_a_record_of_the_network_should_be() -> None:
    large = [pack("c|rule|1", item(n, b"z" * 100_000)) for n in range(10)]
    found = list(batches(large))
    assert [one for batch in found for one in items_of(batch)] == large
    assert max(map(len, found)) < MOST_BYTES + 1_000
    alone = pack("c|rule|1", item(1, b"z" * 2 * MOST_BYTES))
    assert [list(items_of(batch)) for batch in batches([alone])] == [[alone]]


@given(st.lists(st.text(max_size=90), min_size=1, max_size=6), st.integers(0, 2))
def test_any_key_finds_its_bucket_and_comes_back(keys: list[str], more: int) -> None:
    """Also where its UTF-8 is just as long as a key may be, or a byte longer."""
    keys = [key.encode("utf-8", "ignore").decode() for key in keys]
    keys += ["名" * 42 + "k" * more]  # 126, 127 and 128 bytes
    packed_items = [pack(key, item(n)) for n, key in enumerate(keys)]
    for batch in batches(packed_items):
        for one in items_of(batch):
            assert NAMES[bucket_of(one)] == batch[:2].decode()
            assert len(key_of(one).encode()) <= MAX_KEY_BYTES
    came = [one for batch in batches(packed_items) for one in items_of(batch)]
    assert sorted(came) == sorted(packed_items)
    assert list(batches([])) == []


def test_records_of_a_megabyte_are_stored_at_once(tmp_path: Path) -> None:
    """So they do not fill the journal."""
    rules = ruleset(tmp_path, COUNTING)
    task = Task(behaviour(rules), 1 << 20)
    (one,) = many(rules, 1, 1)
    known = unpack(one)
    large = pack(key_of(one), msgspec.structs.replace(known, raw=known.raw + b" " * 1_200_000))
    task.take(task.journal.items(of_one_bucket([large])[0], known.time - 1))
    assert [len(record) for record in task.records] == [17]
    assert len(task.kept) == 1
    task.take(task.journal.time(FOREVER))
    assert (task.kept, task.records) == ({}, [])


def item(number: int, raw: bytes = b"{}") -> Item:
    return Item(1, "d", "rule", 0, "base", ("t",), "", number, number, f"m{number}", "s", 0, 0, raw)
