"""The peers of `bench.peers`: what they find where nothing has to be installed, and what is said of
one that cannot be had."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import orjson
import pytest

from bench.peers import bare, loop, rsigma, sequences
from bench.peers.flink_sql_job import statement
from bench.peers.metered import Missing, metered
from bench.peers.rounds import in_turn, missing
from bench.peers.work import Round, Work, judged_by, ours

RULES = 20


def record(number: int) -> bytes:
    at = 1_790_000_000_000 + number * 1_000
    payload = {
        "msgid": f"{number:012d}",
        "action": "send",
        "from": f"user{number % 7}",
        "tolist": ["wm1"],
        "roomid": "",
        "msgtime": at,
        "msgtype": "text",
        "text": {"content": f"第{number}号客户您好，\n资料已经收到"},
    }
    told = {"v": 1, "kind": "archive", "time": at, "received_at": at + 400, "seq": number}
    return orjson.dumps({**told, "payload": payload})


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    quiet = [record(number) for number in range(2_500)]  # two batches and a half
    return judged_by(quiet, tmp_path_factory.mktemp("peers") / "rules", RULES)


def test_a_share_of_the_messages_says_a_word(work: Work) -> None:
    said = [any(word in text for rule in work.rules for word in rule) for text in work.texts()]
    found = ours(work)
    assert found.touched == sum(said)
    assert 0 < sum(said) < len(said) / 10
    assert ours(work._replace(records=work.quiet)).hits == 0


def test_bare_hyperscan_and_the_loop_find_what_ours_finds(work: Work) -> None:
    expected = ours(work).hits
    database = bare.database_of(work.rules)
    found = {
        "joined": bare.by_batches(work, database).hits,
        "text by text": bare.one_by_one(work, database).hits,
        "in": loop.memory(work, loop.by_words(work.rules)).hits,
        "re": loop.memory(work, loop.by_patterns(work.rules)).hits,
    }
    assert found == dict.fromkeys(found, expected)


def test_two_words_of_a_rule_in_one_text_are_one_hit_and_of_two_rules_two(work: Work) -> None:
    told = orjson.loads(work.quiet[0])
    (first, second, *_), (other, *_) = work.rules[:2]
    told["payload"]["text"]["content"] = f"{first}{second}\n{other}"
    one = work._replace(records=[orjson.dumps(told)])
    database = bare.database_of(one.rules)
    assert ours(one).hits == 2
    assert bare.by_batches(one, database).hits == 2
    assert bare.one_by_one(one, database).hits == 2
    assert loop.memory(one, loop.by_words(one.rules)).hits == 2
    assert loop.memory(one, loop.by_patterns(one.rules)).hits == 2


def test_a_sequence_is_found_where_one_looks_for_it_by_hand(tmp_path: Path) -> None:
    quiet = sequences.going_on([record(number) for number in range(1_000)], 3_000)
    work = sequences.make(tmp_path / "rules", quiet)
    expected, first = 0, dict[str, int]()
    for raw in work.records:
        told = orjson.loads(raw)
        sender, said = told["payload"]["from"], told["payload"]["text"]["content"]
        soon = told["time"] - first.get(sender, 0) <= sequences.WITHIN * 1_000
        if soon and any(word in said for word in work.rules[1]):
            expected += 1
            del first[sender]
        if any(word in said for word in work.rules[0]):
            first[sender] = told["time"]
    assert expected > 0
    assert sequences.ours(work).hits == expected
    assert len({orjson.loads(raw)["payload"]["msgid"] for raw in work.records}) == 3_000


def test_rounds_go_in_turn_and_the_ratio_is_of_each_pair(work: Work) -> None:
    order = list[str]()
    given = {"ours": iter([1.0, 2.0, 1.0]), "peer": iter([2.0, 8.0, 3.0])}

    def one(who: str) -> Round:
        order.append(who)
        return Round(next(given[who]), 5)

    told = in_turn(
        work,
        lambda: one("peer"),
        name="p",
        version="1",
        expresses="nothing",
        beside=lambda _: one("ours"),
    )
    assert order == ["ours", "peer"] * 3
    assert told["ratios"] == [2.0, 3.0, 4.0]
    assert (told["ratio"], told["same_hits"]) == (3.0, True)
    assert told["per_second"] == len(work.records) / 3.0
    json.dumps(told)


def test_other_hits_are_told(work: Work) -> None:
    told = in_turn(
        work,
        lambda: Round(1.0, 4),
        name="p",
        version="1",
        expresses="nothing",
        beside=lambda _: Round(1.0, 5),
    )
    assert (told["same_hits"], told["hits"], told["ours_hits"]) == (False, 4, 5)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["no-such-program-here"], "no-such-program-here: No such file or directory"),
        ([sys.executable, "-c", "raise SystemExit('out of luck')"], "out of luck"),
        (
            [sys.executable, "-c", "raise SystemExit('error: no such option\\n\\ntry --help')"],
            "1: error: no such option$",
        ),
    ],
    ids=["not there", "fails", "fails with a hint"],
)
def test_a_program_that_does_not_run_is_missing(command: list[str], why: str) -> None:
    with pytest.raises(Missing, match=why):
        metered(command)


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Missing, match="not done within 1 seconds of CPU"):
        metered([sys.executable, "-c", "while True: pass"], limit=1)


def test_a_tool_that_is_not_installed_is_told_and_nothing_fails(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rsigma, "TOOLS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert rsigma.measure(work) == [
        missing("rsigma", "cargo is not installed, and rsigma is built from source")
    ]


def test_a_way_that_a_tool_does_not_have_says_nothing_of_the_other(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be one that somebody built without that."""
    program = tmp_path / f"rsigma-{rsigma.VERSION}" / "bin" / "rsigma"
    program.parent.mkdir(parents=True)
    program.write_text(
        '#!/bin/sh\ncase "$*" in *cross*) echo "error: unexpected argument" >&2; exit 2;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(rsigma, "TOOLS", tmp_path)
    plain, crossed = rsigma.measure(work, rounds=1)
    assert plain["hits"] == 0
    assert crossed == missing(
        "rsigma --cross-rule-ac", "rsigma ended with 2: error: unexpected argument"
    )


def test_what_orphans_took_is_counted(tmp_path: Path) -> None:
    """The child outlives the program that started it, as Flink's workers may."""
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"
    assert metered([sys.executable, "-c", start]).cpu >= 0.5


def test_rules_as_sql_ask_for_every_word(work: Work) -> None:
    asked = {kind: statement(kind, work.rules[:3]) for kind in ("like", "regexp", "pattern")}
    words = [word for rule in work.rules[:3] for word in rule]
    assert all(word in one for one in asked.values() for word in words)
    assert [asked["like"].count("LIKE"), asked["regexp"].count("REGEXP")] == [15, 3]
    assert asked["pattern"].count("REGEXP") == 1
