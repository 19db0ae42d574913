"""Lists of words and of rules on the command line: what is used, what was hit, what waits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jobs.cli import alerts, archive, lexicons, retention
from rules.alert import ID_FIELDS
from rules.calendar import load_calendar
from rules.cases import records
from rules.decode import Decoder
from rules.engine import Engine
from rules.errors import EXIT_OK, EXIT_USAGE, MingjianError
from rules.ruleset import RuleTimeline, load_ruleset
from sinks.base import Record
from sinks.sqlite import SqliteSink
from tests.support.command_line import app
from tests.unit import test_cli_alert_roles as roles
from tests.unit.test_cli_alert_roles import book, delivered  # noqa: F401 - a fixture
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


# ---- who may count ------------------------------------------------------------------------------

AT_DESK = typer.Typer()
for one in (alerts, archive, lexicons, retention):  # once: what is registered again comes on top
    one.register(AT_DESK)


@pytest.fixture
def desk(delivered, tmp_path, monkeypatch):  # noqa: F811
    """A folder with two alerts whose messages are archived, and how to count there as somebody."""
    shutil.copytree(delivered, tmp_path, dirs_exist_ok=True)
    roles.save(tmp_path, roles.tree_of(tmp_path))
    monkeypatch.setenv("MINGJIAN_LANG", "en")

    def call(who: str, *words: str) -> tuple[int, str]:
        for place in ("jobs.archive.account", "jobs.alert_desk.account"):
            monkeypatch.setattr(place, lambda: who)
        config = ["--config", str(tmp_path / "settings.yaml")]
        done = CliRunner().invoke(AT_DESK, [*words, *config], env={"COLUMNS": "140"})
        error = done.exception
        if isinstance(error, MingjianError):
            return error.exit_code, done.output + error.en
        assert error is None or isinstance(error, SystemExit), error
        return done.exit_code, done.output

    return tmp_path, call


COUNT = ("lexicons", "hits", "--since", "2026-09-01")


def hit(told: str) -> int:
    return sum(sum(one["hits"].values()) for one in json.loads(told))


@pytest.mark.parametrize("who", [*sorted(roles.PEOPLE), "nobody"])
def test_whoever_may_see_alerts_counts_their_words_and_it_is_written_down(desk, who) -> None:
    folder_, call = desk
    code, told = call(who, *COUNT, "-o", "json")
    (line,) = book(folder_)
    if who not in ("zhao", "fu"):
        assert (code, "may not see alerts" in told) == (EXIT_USAGE, True)
        assert (line["who"], line["action"]) == (who, "refused")
        return
    assert (code, hit(told) > 0) == (EXIT_OK, True)
    assert (line["who"], line["action"]) == (who, "saw_alerts")
    assert line["details"]["counted"] == "hits"
    assert list(line["details"]["query"]) == ["since"]
    assert "counted the words that were hit" in call("shen", "archive", "custody")[1]


def test_what_may_only_be_stored_is_not_counted(desk) -> None:
    folder_, call = desk
    before = hit(call("fu", *COUNT, "-o", "json")[1])
    (folder_ / "duty.yaml").write_text(
        "policies:\n  - {name: all, keep: 99 years, because: 某法第9条, duty: true}\n"
    )
    call("zhao", "retention", "policies", str(folder_ / "duty.yaml"), "--apply", "--why", "合规会")
    assert call("zhao", "retention", "erase", "wm1", "--why", "申请 7", "--keep")[0] == EXIT_OK
    assert hit(call("fu", *COUNT, "-o", "json")[1]) < before


def test_nothing_is_counted_when_the_book_cannot_be_written(desk) -> None:
    folder_, call = desk
    (folder_ / "archive" / "custody.jsonl").mkdir()
    code, told = call("zhao", *COUNT)
    assert (code != EXIT_OK, "never hit" in told) == (True, False)
