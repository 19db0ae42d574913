"""`python -m bench` measures what it says: sizes and hit rates of the workloads, facts of the
machine, what is said of a goal. No test looks at a time."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
import re2
from rich.console import Console

import bench.__main__ as command
from bench import goals, machine, workload
from bench.core import cases, expressions, keywords, shares, sigma, texts
from bench.parts import NAMES, PARTS, chosen
from bench.peers.part import reached as reached_peers
from bench.setting import QUICK, Setting
from bench.turns import in_turn, rates, ratios
from rules.fold import fold

MESSAGES = 1_500  # a batch and a half
CORE = [part for part in PARTS if part.group == "core" and part.name != "sigma"]
RULES = ("a02_01_personal_pay_qr", "a02_02_personal_card_sent", "a04_01_personal_wechat_id")


@pytest.fixture(scope="module")
def few_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the catalogue: all of it takes seconds to compile."""
    folder = tmp_path_factory.mktemp("catalogue")
    for name in RULES:
        for file in workload.CATALOG.glob(f"{name}.yaml"):
            (folder / file.name).write_bytes(file.read_bytes())
    assert len(list(folder.iterdir())) > 1
    return folder


@pytest.fixture
def setting(tmp_path: Path, few_rules: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setattr(workload, "CATALOG", few_rules)
    monkeypatch.setattr(texts, "DIFFERENT", 400)
    monkeypatch.setattr(texts, "HITTING", 40)
    return Setting(
        home=tmp_path / "run", messages=MESSAGES, rounds=2, pool=3_000, counts=(2, 20), words=50
    )


def printed(things: list[Any]) -> str:
    console = Console(width=command.WIDTH, file=StringIO())
    for one in things:
        console.print(one)
    return console.file.getvalue()


@pytest.mark.parametrize("part", CORE, ids=lambda part: part.name)
def test_a_part_of_the_core_measures_what_its_table_names(part: Any, setting: Setting) -> None:
    figures = json.loads(json.dumps(part.measure(setting)))
    shown = printed(part.tables(figures))
    assert max(map(len, shown.splitlines())) <= command.WIDTH
    for row in figures["rows"]:
        assert row["name"] in shown
        assert row["least"] <= row["per_second"] <= row["most"]
        assert row["hits"] == round(row["messages"] * row["hit_rate"])
        assert row["bytes"] > 100
        assert sum(row["types"].values()) == row["messages"]
    rates_ = {row["hit_rate"] for row in figures["rows"]}
    assert rates_ == ({*shares.SHARES} if part.name == "shares" else {cases.SHARE})
    assert part.reached(figures).keys() <= {one.key for one in goals.GOALS}


def test_keyword_rules_judge_the_same_messages_but_for_the_words(setting: Setting) -> None:
    few, many = keywords.made(setting)
    assert [len(one.compiled.ruleset.detections) for one in (few, many)] == [2, 20]
    other = sum(a != b for a, b in zip(many.records, few.records, strict=True))
    assert 0 < other <= 2 * few.hits
    with pytest.raises(SystemExit, match="30 messages touched, expected 31"):
        cases.judged(few._replace(hits=31))


def test_what_is_planted_is_said_by_as_many_as_asked() -> None:
    told = {"payload": {"msgtype": "text", "text": {"content": "您好"}}}
    records = [orjson.dumps(told)] * 100
    found, hits = cases.planted(records, ["保本"], 0.07)
    assert (hits, sum("保本" in one.decode() for one in found)) == (7, 7)


def test_every_expression_finds_its_example() -> None:
    made = expressions.expressions(100, 1)
    assert len({one.source for one in made}) > 95
    for one in made:
        assert re2.search(one.source, fold(one.example).text), one


def test_texts_have_exactly_as_many_characters(setting: Setting) -> None:
    *told, hit = (
        {"payload": {"msgtype": "text", "text": {"content": said}}}
        for said in ("一二三", "四", "五六七")
    )
    for length in (3, 20, 200):
        for hits in ((), (hit,)):
            made = texts.of_length(told, length, 10, 1, hits)
            said = [one["payload"]["text"]["content"] for one in made]
            assert [len(one) for one in said] == [length] * 10
            assert all("五六七" in one for one in said) is bool(hits)


def test_types_alike_are_equally_many() -> None:
    told = [{"payload": {"msgtype": kind}} for kind in ("text", "text", "text", "image", "link")]
    counted = Counter(one["payload"]["msgtype"] for one in texts.alike(told, 1))
    assert len(set(counted.values())) == 1
    assert counted.keys() == {"text", "image", "link"}


def test_a_share_of_messages_is_read_by_the_behaviours(setting: Setting) -> None:
    made = shares.made(setting)
    assert [one.hits for one in made] == [0, 15, 75, MESSAGES]
    assert len(made[0].compiled.ruleset.correlations) == len(shares.TYPES)


# ---- Sigma ----


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository of two rules that can be used, one that cannot, and an event."""
    place = tmp_path / "clone"
    rule = {"title": "t", "logsource": {"product": "windows"}}
    for name, fields in {
        "one": {"Image|endswith": "\\evil.exe"},
        "two": {"Image|contains": "good"},
        "wrong": {"Image|nothing": "x"},
    }.items():
        detection = {"s": fields, "condition": "s"}
        file = place / "rules" / f"{name}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**rule, "name": name, "detection": detection}))
    event = {"Event": {"System": {"EventID": 1}, "EventData": {"Image": "C:\\EVIL.exe"}}}
    file = place / "regression_data" / "rules" / "one" / "event.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(event))
    git = ["git", "-C", str(place), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], check=True)
    return place


def test_a_corpus_is_judged_over_its_own_events(
    clone: Path, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sigma.rsigma, "TOOLS", tmp_path / "none")
    figures = json.loads(json.dumps(sigma.measure(setting._replace(sigma=clone))))
    assert (figures["rules"], figures["refused"], figures["different_events"]) == (2, 1, 1)
    (ours,) = figures["rows"]
    assert (ours["messages"], ours["hits"], figures["hit_rate"]) == (MESSAGES, MESSAGES, 1.0)
    shown = printed(sigma.tables(figures))
    assert "2 plain Sigma rules (1 refused)" in shown
    assert "rsigma is not installed" in shown


def test_the_peer_reads_the_same_rules_and_events(
    clone: Path, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / f"rsigma-{sigma.rsigma.VERSION}" / "bin" / "rsigma"
    program.parent.mkdir(parents=True)
    # stands in for a program that may not be installed: it says how many rules and lines it got
    program.write_text(
        "#!/bin/sh\nwhile read -r line; do for rule in $4/*; do echo '\"rule_title\"'; done; done"
        ' < "${6#@}"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sigma.rsigma, "TOOLS", tmp_path)
    figures = sigma.measure(setting._replace(sigma=clone, messages=200, rounds=1))
    assert {one["name"]: one["hits"] for one in figures["rows"]} == {
        "ours": 200, "rsigma": 400, "rsigma --cross-rule-ac": 400,
    }  # fmt: skip


def test_without_a_corpus_it_says_so(setting: Setting, tmp_path: Path) -> None:
    assert "no corpus named" in printed(sigma.tables(sigma.measure(setting)))
    with pytest.raises(SystemExit, match="is no clone"):
        sigma.measure(setting._replace(sigma=tmp_path / "nowhere"))


# ---- the whole ----


def test_the_figures_say_on_what_and_how_they_were_measured(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(command, "HOME", tmp_path)
    monkeypatch.setattr(command, "QUICK", setting._replace(quick=True))
    command.main(["--quick", "--only", "keywords", "--rounds", "1", "--messages", "1000"])
    figures = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))
    assert figures["machine"]["processor"]
    assert {"cores", "memory_gb", "python", "measured_at"} <= figures["machine"].keys()
    assert {"hyperscan", "google-re2", "pyarrow"} <= figures["machine"]["packages"].keys()
    assert (figures["setting"]["seed"], figures["setting"]["rounds"]) == (workload.SEED, 1)
    part = figures["parts"]["keywords"]
    assert {"load_before", "load_after", "reference_before", "reference_after"} <= part.keys()
    assert [row["messages"] for row in part["rows"]] == [1_000, 1_000]
    said = {one["key"]: one["said"] for one in figures["goals"]}
    assert said.pop("keywords") in (goals.REACHED, goals.MUST, goals.NOT)
    assert set(said.values()) == {goals.NONE}
    shown = capsys.readouterr().out
    for expected in (figures["machine"]["processor"], "Keyword rules", "too short to tell"):
        assert expected in shown


def test_parts_are_chosen_by_name_group_or_occasion() -> None:
    assert [part.name for part in chosen(["texts"], quick=False)] == ["texts"]
    assert [part.name for part in chosen(["job"], quick=True)] == [
        "streaming", "reload", "cold_start", "latency", "recovery", "keeping_up", "delivery",
        "memory", "kafka", "embedded",
    ]  # fmt: skip
    quick, usual, every = (
        {part.name for part in chosen([], quick=is_quick, everything=everything)}
        for is_quick, everything in ((True, False), (False, False), (False, True))
    )
    assert quick < usual < every == {part.name for part in PARTS}
    assert "peers" in usual - quick
    assert sum(part.minutes for part in chosen([], quick=False)) <= 18
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_can_be_measured_and_shown(part: Any) -> None:
    assert callable(part._of("measure"))
    assert callable(part._of("tables"))


def test_the_list_of_parts_names_them_all(capsys: Any) -> None:
    command.main(["--list"])
    shown = capsys.readouterr().out
    assert all(part.name in shown for part in PARTS)


@pytest.mark.parametrize(
    ("key", "figure", "said"),
    [
        ("core", 300_000, goals.REACHED),
        ("core", 299_999, goals.MUST),
        ("core", 149_999, goals.NOT),
        ("keywords", 1.3, goals.REACHED),
        ("keywords", 1.31, goals.MUST),
        ("keywords", 2.01, goals.NOT),
        ("cold", None, goals.NONE),
    ],
)
def test_what_is_said_of_a_goal(key: str, figure: float | None, said: str) -> None:
    rows = goals.compared({} if figure is None else {key: figure})
    assert next(one["said"] for one in rows if one["key"] == key) == said
    assert said in printed([goals.table(rows)])


def test_a_figure_without_a_goal_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="speed"):
        goals.compared({"speed": 1.0})


def test_of_peers_the_best_way_of_using_them_counts() -> None:
    peers = [
        {"name": "rsigma", "ratio": 1.4},
        {"name": "rsigma --cross-rule-ac", "ratio": 1.1},
        {"name": "Hyperscan bare, joined texts", "ratio": 0.5},
        {"name": "Hyperscan bare, text by text", "ratio": 0.6},
        {"name": "naive PyFlink job", "missing": "no Java"},
    ]
    assert reached_peers({"peers": peers}) == {"rsigma": 1.1, "bare": 0.5}


def test_rounds_go_there_and_back() -> None:
    order = list[str]()
    taken = in_turn({name: lambda name=name: order.append(name) or 1.0 for name in "abc"}, 3)
    assert "".join(order) == "abccbaabc"
    assert taken == {name: [1.0] * 3 for name in "abc"}


def test_rates_and_ratios_are_medians_with_least_and_most() -> None:
    told = rates(100, [1.0, 2.0, 4.0])
    assert (told["least"], told["per_second"], told["most"]) == (25, 50, 100)
    assert told["microseconds"] == 20_000
    assert ratios([2.0, 6.0, 4.0], [1.0, 2.0, 1.0]) == {"median": 3.0, "least": 2.0, "most": 4.0}


def test_the_reference_is_counted_before_and_after() -> None:
    with machine.watched(steps=1_000) as around:
        assert "reference_after" not in around
    assert min(around["reference_before"], around["reference_after"]) > 0


def test_a_quick_run_is_smaller() -> None:
    assert QUICK.messages < Setting().messages
    assert QUICK.quick
