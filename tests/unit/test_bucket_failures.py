"""A bucket that failed after any call tells what it would have told without failing."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rules.behave import Behaviour
from rules.bounds import KEY_BYTES
from rules.bucket import Bucket
from rules.decode import Decoder
from rules.engine import FOREVER, unsealed
from rules.findings import Findings
from rules.items import unpack
from rules.journal import MAX_AGE, NO_TIME, Journal
from rules.live import Live
from rules.ruleset import RuleSet, RuleTimeline
from rules.telling import Output
from tests.support.rule_files import COUNTING, TENANT, ruleset
from tests.unit.test_behave import packed, talk
from tests.unit.test_behave_types import ABSENT, THRICE, correlation, messages
from tests.unit.test_bucket import Memory, many, of_one_bucket
from tests.unit.test_chains import AGAIN, SILENT, THEN, TWICE, chain
from tests.unit.test_split import RULE as PIECES
from tests.unit.test_split import said
from tests.unit.test_suppression import COUNT as QUIET_COUNT
from tests.unit.test_suppression import HOUR as QUIET

MIB = 1 << 20


class Stages:
    """The keyed stages of a job, one bucket each, as its tasks keep them."""

    def __init__(self, rules: RuleSet, most: int, key_bytes: int = KEY_BYTES) -> None:
        self.timeline, self.most, self.key_bytes = RuleTimeline([(0, rules)]), most, key_bytes
        depth = self.timeline.depth
        self.kept = [Memory() for _ in range(depth)]
        self.records = [list[bytes]() for _ in range(depth)]
        self.found: list[Output] = []
        self.restart()

    def restart(self, *, memory: bool = False) -> None:
        """All that was in memory is gone, and what event time it is."""
        self.watermarks = [NO_TIME for _ in self.kept]
        if memory:
            return
        self.journals = []
        for level, (kept, records) in enumerate(zip(self.kept, self.records, strict=True), 1):
            findings = Findings(Decoder(TENANT), unsealed)
            judge = Behaviour(self.timeline, findings, level=level, key_bytes=self.key_bytes)
            bucket = Bucket(judge, kept, list(kept.items()), self.most)
            self.journals.append(Journal(bucket, reversed(records)))

    def send(self, items: list[bytes], level: int = 0, *, write: bool = False) -> None:
        journal = self.journals[level]
        told = journal.items(of_one_bucket(items)[0], self.watermarks[level])
        self._settle(level, told, write=write)

    def advance(self, time: int, *, write: bool = False) -> None:
        for level, journal in enumerate(self.journals):
            due = journal.due
            if due is not None and due <= time:
                self._settle(level, journal.time(time), write=write)
            assert journal.bucket.due is None or journal.bucket.due > time
            self.watermarks[level] = time  # after what the stage below found up to it

    def _settle(self, level: int, told: tuple[bytes, Any], *, write: bool) -> None:
        record, found = told
        self.found += found.outputs
        if write or self.journals[level].full:
            self.records[level] = self.journals[level].write()
        else:
            self.records[level].append(record)
        weighed(self.journals[level].bucket)
        if found.up:
            self.send(found.up, level + 1, write=write)


def weighed(bucket: Bucket) -> None:
    """What it believes to hold is what it holds."""
    assert bucket._weight == sum(place.weight for place in bucket._open.values())
    for place in bucket._open.values():
        assert place.weight == place.group.weight + len(place.asked or b"")
        assert isinstance(place.group, Live) or place.weight >= len(place.group.state)
    assert set(bucket._unwritten) <= set(bucket._open) <= set(bucket._due)


KINDS = {
    "count": COUNTING,
    "quiet": QUIET,
    "quiet count": QUIET_COUNT,
    "pieces": PIECES,
    "then": chain(TWICE, THEN),
    "silent": chain(SILENT, AGAIN),
    "baseline": correlation(
        "type: event_count, rules: [t_a], condition: {gte: 1}", "baseline: {over: 10m, ratio: 2}"
    ),
    "ahead": correlation(THRICE, "alerts: speculative"),
    "absent ahead": correlation(ABSENT, "alerts: speculative"),
}
PEOPLE = ["zhangwei", "lina", "wanglei"]


def scene(kind: str, chance: random.Random) -> list[dict[str, Any]]:
    if kind == "count":
        return talk([(n // 2, chance.choice(PEOPLE), chance.random() < 0.7) for n in range(80)])
    if kind.startswith("quiet"):
        return [
            {"at": f"{10 + n // 20}:{n % 20:02d}:{chance.randint(0, 59):02d}", "id": f"m{n}",
             "from": chance.choice(PEOPLE), "to": "c1", "text": f"有内幕 {n}"}
            for n in range(60)
        ]  # fmt: skip
    if kind == "pieces":
        texts = [chance.choice(["138", "0013", "8000", "好"]) for _ in range(80)]
        return [one for who in PEOPLE for one in said(*texts, step=7, sender=who)]
    line = "aabab-aac--a(ab)a-cabca-" if kind != "baseline" else "a-aaa--a-a-aaaa---aa"
    return [
        one | {"id": f"{one['id']}-{n}", "from": chance.choice(PEOPLE)}
        for n, one in enumerate(messages(line * 2))
    ]


def script(
    items: list[bytes], chance: random.Random, *, late: bool = True
) -> Iterator[tuple[list[bytes], int | None]]:
    """Items of one call, and the event time that is told after them; some items come `late`."""
    items = sorted(items, key=lambda one: unpack(one).time + chance.randint(0, 90_000))
    at, most = 0, NO_TIME
    while at < len(items):
        many = chance.randint(1, 7)
        time = unpack(items[at]).time + chance.randint(-90_000, 60_000 if late else -90_000)
        yield items[at : at + many], time if time > most and chance.random() < 0.7 else None
        most = max(most, time)
        at += many


def run(rules: RuleSet, kind: str, seed: int, most: int, key_bytes: int, *, memory: bool) -> Stages:
    """With failures; `memory`: it stays nevertheless."""
    chance, stored = random.Random(f"{kind}{seed}"), random.Random(seed)
    stages = Stages(rules, most, key_bytes)
    for items, time in script(packed(rules, scene(kind, chance)), chance):
        stages.send(items, write=not memory and stored.random() < 0.1)
        if chance.random() < 0.3:
            stages.restart(memory=memory)
        if time is not None:
            stages.advance(time, write=not memory and stored.random() < 0.1)
            if chance.random() < 0.3:
                stages.restart(memory=memory)
    stages.advance(FOREVER)
    assert (any(stages.kept), any(stages.records)) == (False, False)
    return stages


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("key_bytes", "most"),
    [(KEY_BYTES, 64 * MIB), (KEY_BYTES, 12_000), (KEY_BYTES, 0), (600, 64 * MIB), (450, 0)],
)
def test_a_failure_after_any_call_changes_nothing(
    kind: str, key_bytes: int, most: int, tmp_path: Path
) -> None:
    rules = ruleset(tmp_path, KINDS[kind])
    told = 0
    for seed in range(3):
        plain = run(rules, kind, seed, 64 * MIB, key_bytes, memory=True)
        other = run(rules, kind, seed, most, key_bytes, memory=False)
        if "ahead" in kind:
            ends_once(other.found)
            assert settled(other.found) == settled(plain.found)
        else:
            assert sorted(other.found) == sorted(plain.found)
        told += sum(name in ("alerts", "quarantine") for name, _ in plain.found)
    assert told


def settled(found: list[Output]) -> list[Output]:
    """What event time has settled."""
    return sorted(
        (name, body)
        for name, body in found
        if name == "late" or json.loads(body).get("status") == "final"
    )


def ends_once(found: list[Output]) -> None:
    """Every alert that was told ahead has one end, and nothing is taken back that was not told."""
    seen: dict[str, Counter[str]] = {}
    for name, body in found:
        if name == "alerts":
            one = json.loads(body)
            seen.setdefault(one["alert_id"], Counter())[one["status"]] += 1
    for statuses in seen.values():
        assert statuses["final"] + statuses["retracted"] == 1
        assert statuses["speculative"] == 1 or not statuses["retracted"]


def test_of_what_is_told_again_nothing_is_told_ahead(tmp_path: Path) -> None:
    """It would not go out: its end would take back what nobody has heard of. Here the rule tells
    ahead only since the restart."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    text = correlation(ABSENT)
    old, new = ruleset(tmp_path / "old", text), ruleset(tmp_path / "new", KINDS["absent ahead"])
    assert old.correlations["t_rule"].state_version == new.correlations["t_rule"].state_version
    stages = Stages(old, 64 * MIB)
    one, later, answer = packed(old, messages("ab----a"))[::2] + packed(old, messages("ab"))[1:]
    stages.send([one])
    stages.send([later])
    assert stages.found == []
    stages.timeline = RuleTimeline([(0, new)])
    stages.restart()
    stages.send([answer])
    stages.advance(FOREVER)
    ends_once(stages.found)


def test_memory_is_bounded_while_a_batch_is_judged(tmp_path: Path) -> None:
    """Many groups that were only stored may be asked for in one call."""
    rules = ruleset(tmp_path, COUNTING.replace("{gte: 3}", "{gte: 900}"))
    items = many(rules, 60, 3)
    most, peak = 30_000, 0
    stages = Stages(rules, most)

    class Watched(Memory):
        def get(self, key: str, default: Any = None) -> Any:
            nonlocal peak
            peak = max(peak, stages.journals[0].bucket._weight)
            return super().get(key, default)

    stages.kept[0] = Watched()
    stages.restart()
    for one in items:
        stages.send([one])
    assert len(stages.journals[0].bucket._open) < 10
    peak = 0
    stages.send(items)
    assert most < peak < 2 * most + 10_000


def test_what_says_when_groups_are_due_does_not_grow_with_their_items(tmp_path: Path) -> None:
    """One group is due soon, another is due later with each of its items."""
    rules = ruleset(tmp_path, COUNTING.replace("10m", "24h").replace("{gte: 3}", "{gte: 900}"))
    rows = [
        {"at": f"10:{n // 60:02d}:{n % 60:02d}", "from": "b" if n else "a", "to": "c1",
         "recall": "z", "id": f"m{n}"}
        for n in range(2_500)
    ]  # fmt: skip
    stages = Stages(rules, 64 * MIB)
    bucket, most = stages.journals[0].bucket, 0
    for one in packed(rules, rows):
        stages.send([one])
        stages.advance(unpack(one).time)
        most = max(most, len(bucket._heap))
    assert len(bucket) == 2
    assert most < 1_100
    first = unpack(packed(rules, rows[:1])[0]).time
    assert bucket.due == first + 24 * 3_600_000 + 1


def test_records_are_due_to_be_forgotten_though_no_group_is(tmp_path: Path) -> None:
    """A bucket to which nothing comes any more must be told of event time."""
    rules = ruleset(tmp_path, COUNTING.replace("10m", "24h"))
    (one,) = many(rules, 1, 1)
    time = unpack(one).time
    stages = Stages(rules, 64 * MIB)
    journal = stages.journals[0]
    stages.send([one])
    assert journal.due == time  # nobody knows how old the record is
    stages.advance(time)
    assert journal.due == time + MAX_AGE + 1
    stages.restart()
    assert stages.journals[0].due == time + MAX_AGE + 1
    stages.advance(time + MAX_AGE)
    assert len(stages.records[0]) == 2
    stages.advance(time + MAX_AGE + 1)
    assert [len(record) for record in stages.records[0]] == [17]
    assert stages.journals[0].due == time + 24 * 3_600_000 + 1


def test_where_a_ruleset_is_gone_time_says_which_rules_look_ahead(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = ruleset(tmp_path / "old", correlation(THRICE))
    new = ruleset(tmp_path / "new", KINDS["ahead"])
    items = packed(old, messages("aaa---------aaa"))
    since = unpack(items[3]).time
    stages = Stages(old, 64 * MIB)
    stages.timeline = RuleTimeline(
        [(0, replace(old, digest="0" * 64)), (since, replace(new, digest="1" * 64))]
    )
    stages.restart()
    for one in items:
        stages.send([one])
        stages.advance(unpack(one).time)
    statuses = [json.loads(body)["status"] for name, body in stages.found if name == "alerts"]
    assert statuses == ["final", "speculative", "final"]


def test_what_finds_no_room_is_told_by_itself_and_quiets_nothing(tmp_path: Path) -> None:
    """The first of a group always has room. What waits before another belongs to no alert that was
    told out of order."""
    rules = ruleset(tmp_path, KINDS["quiet"])
    first, second, third = packed(rules, [
        {"at": f"10:{minute}", "from": "zhangwei", "to": "c1", "text": "有内幕", "id": f"m{minute}"}
        for minute in ("00", "20", "40")
    ])  # fmt: skip
    stages = Stages(rules, 64 * MIB, key_bytes=100)
    stages.send([first])
    assert stages.found == []
    stages.send([second])
    stages.advance(unpack(second).time)
    told = [json.loads(body) for _, body in stages.found]
    assert [one["msgid"] for one in told if "msgid" in one] == ["m20", "m00"]
    ids = [one["alert_id"] for one in told if "members" in one]
    stages.send([third])
    stages.advance(FOREVER)
    ((name, body),) = stages.found[len(told) :]
    assert (name, json.loads(body)["alert_id"]) == ("evidence", ids[1])


def test_a_bucket_that_is_read_goes_on_with_its_numbers(tmp_path: Path) -> None:
    """Lower ones would be taken for what its groups know already."""
    rules = ruleset(tmp_path, COUNTING)
    stages = Stages(rules, 64 * MIB)
    for one in many(rules, 1, 3):
        stages.send([one], write=True)
    stages.records[0].clear()
    stages.restart()
    assert stages.journals[0].bucket.number == 3
