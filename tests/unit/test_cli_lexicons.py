"""Lists of words and of rules on the command line: what is used, what was hit, what waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rules.alert import ID_FIELDS
from rules.calendar import load_calendar
from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.ruleset import RuleTimeline, load_ruleset
from sinks.base import Record
from sinks.sqlite import SqliteSink
from tests.support.command_line import app
from tests.unit.test_rule_extension import LEXICON, folder, rule


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.chdir(tmp_path)
    text = rule("{text|lexicon: topic}", "requires: [crm]")
    return folder(tmp_path, text, lexicons__topic=LEXICON)


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    return done.output


def test_lexicons_are_listed_with_owner_scenes_and_the_rules_that_use_them(words: Path) -> None:
    (row,) = json.loads(run("lexicons", "list", words, "--output", "json"))
    assert row["name"] == "topic"
    assert (row["owner"], row["scenes"], row["rules"]) == (
        "合规", ["finance", "retail"], ["own_rule"],
    )  # fmt: skip
    assert row["words"] == 4  # of all scenes, without what synonyms make
    assert "topic" in run("lexicons", "list", words)


def test_words_that_were_hit_are_counted_and_the_others_named(words: Path) -> None:
    engine = Engine(RuleTimeline([(0, load_ruleset(words))]), Decoder("demo"), load_calendar())
    said = [
        {"at": "10:00", "from": "zhangwei", "to": "c1", "text": "包赚"},
        {"at": "10:01", "from": "zhangwei", "to": "c1", "text": "加绿泡泡，包赚"},
    ]
    sink = SqliteSink("s", "index.db")
    sink.open()
    outputs = engine.run(records({"messages": said}))
    sink.write([Record(kind, json.loads(body)[ID_FIELDS[kind]], body) for kind, body in outputs])
    sink.close()
    target = 'targets=[{"kind": "sqlite", "name": "s", "path": "index.db"}]'
    found = json.loads(run("lexicons", "hits", words, "--set", target, "--output", "json"))
    assert found == [{"lexicon": "topic", "hits": {"包赚": 2, "加微信": 1, "刚兑": 0, "包退": 0}}]
    seen = run("lexicons", "hits", words, "--set", target)
    assert "包赚 2" in seen
    assert "2 of 4" in seen


def test_a_rule_says_which_feed_it_waits_for(words: Path) -> None:
    (row,) = json.loads(run("rules", "list", words, "--output", "json"))["rules"]
    assert (row["requires"], row["waiting_for"]) == (["crm"], ["crm"])
    assert "1 of 1 rule waits" in run("rules", "list", words)
    other = json.loads(run("rules", "list", words, "--connected", "crm", "--output", "json"))
    assert other["rules"][0]["waiting_for"] == []
    assert "0 of 1 rule wait" in run("rules", "list", words, "--connected", "crm", "--waiting")
