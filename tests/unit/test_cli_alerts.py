"""What people and programs see of alerts and quarantined records on the command line."""

from __future__ import annotations

import json
import re

import pytest
import typer
import yaml
from typer.testing import CliRunner

from jobs.cli import alerts, deliver, quarantine, stack
from rules.canary_marks import FLAG_CANARY
from rules.errors import EXIT_ENVIRONMENT, EXIT_USAGE, MingjianError
from tests.support.records import T0, alert, evidence, hit, late, quarantined, rule, write_part

ALERT = alert(1)


@pytest.fixture
def app():
    application = typer.Typer()
    for module in (alerts, deliver, quarantine, stack):
        module.register(application)
    return application


@pytest.fixture
def config(tmp_path):
    """Settings with outputs that wait to be delivered."""
    write_part(
        tmp_path / "outputs",
        [
            ALERT,
            evidence(1),
            alert(
                2,
                rule=rule("a09_09_credential", 3, "口令外发"),
                actor="lisi",
                summary="李四 外发口令",
            ),
            alert(3, rule=rule("a08_01_resident_id", 1), hits=(hit("m3", "[red]x[/red]", "[b]y"),)),
            quarantined(b"{", "file:/data/day.jsonl"),
            late(1),
        ],
    )
    file = tmp_path / "settings.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "profile": "embedded",
                "tenant": "demo",
                "data_dir": str(tmp_path / "var"),
                "source": {"kind": "files", "path": str(tmp_path / "messages")},
                "outputs": {"kind": "files", "path": str(tmp_path / "outputs")},
                "targets": [
                    {"kind": "sqlite", "name": "sqlite", "path": str(tmp_path / "index.db")}
                ],
            }
        )
    )
    return str(file)


@pytest.fixture
def call(app, config, monkeypatch):
    """Runs a command with the settings; returns its exit code and standard output."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--config", config])
        if isinstance(done.exception, MingjianError):
            raise done.exception
        return done.exit_code, done.stdout

    return run


@pytest.fixture
def delivered(call):
    code, text = call("deliver", "--once", "--output", "json")
    report = json.loads(text)
    assert (code, report["targets"][0]["written"]) == (0, 6)
    return call


def rows(text: str) -> list[dict]:
    return json.loads(text)["alerts"]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [3, 2, 1]),
        (("--response", "2"), [2, 1]),
        (("--rule", "a09_09_credential"), [2]),
        (("--actor", "lisi"), [2]),
        (("--text", "保息"), [1]),
        (("--since", "2026-09-21T22:13:22", "--until", "2026-09-21T22:13:22"), [2]),
        (("--until", "2026-09-21"), [3, 2, 1]),
        (("--until", "2026-09-20"), []),
        (("--limit", "1"), [3]),
    ],
)
def test_list_for_machines_is_filtered(delivered, options, numbers):
    code, text = delivered("alerts", "list", *options, "--output", "json")
    assert code == 0
    assert [row["alert_id"] for row in rows(text)] == [alert(n).id for n in numbers]


def test_list_for_people_names_level_rule_and_actor(delivered):
    _, text = delivered("alerts", "list", "--limit", "2")
    line = next(line for line in text.splitlines() if "lisi" in line)
    for part in (alert(2).id[:12], "2026-09-21 22:13:22", "3 emergency", "a09_09_credential"):
        assert part in line
    assert "--cursor" in text, "how to see more"


def test_show_says_who_what_why(delivered):
    _, text = delivered("alerts", "show", ALERT.id[:8])
    for part in ("zhangsan", "wm1", "承诺保本", "a07_01_guarantee v1 A07-01", "保本保息", "m1"):
        assert part in text
    assert "seen after it was delivered" in text
    _, text = delivered("alerts", "show", ALERT.id, "--output", "json")
    assert json.loads(text)["evidence"][0]["position"]["source"] == "kafka:messages"


def test_what_a_rule_or_message_says_is_never_taken_for_markup(delivered):
    _, text = delivered("alerts", "show", alert(3).id)
    assert "[red]x[/red]" in text
    assert "[b]y" in text
    assert "not delivered yet" in text, "its evidence has not come"


def test_tail_shows_the_last_ones_and_ends_when_told(delivered):
    code, text = delivered("alerts", "tail", "--for", "0.2", "-n", "2")
    assert code == 0
    assert re.findall(r"a\d\d_\d\d_\w+", text) == ["a09_09_credential", "a08_01_resident_id"]


def test_stats_count_by_level_rule_and_reason(delivered):
    _, text = delivered("alerts", "stats", "--output", "json")
    assert json.loads(text) == {
        "alerts": 3,
        "evidence": 1,
        "quarantine": {"not_json": 1},
        "late": 1,
        "late_would_have_fired": 0,
        "retracted": 0,
        "by_rule": {"a07_01_guarantee": 1, "a08_01_resident_id": 1, "a09_09_credential": 1},
        "by_response": {"1": 1, "2": 1, "3": 1},
        "incidents": 0,
        "incidents_open": 0,
        "handled": 0,
    }
    assert "not valid JSON" in delivered("alerts", "stats")[1]


def test_what_is_not_settled_or_was_taken_back_is_shown_so(delivered, tmp_path):
    back = alert(6, status="retracted", retraction="replaced", replaced_by=ALERT.id)
    told = [alert(5, status="speculative"), alert(6, status="speculative"), back]
    write_part(tmp_path / "outputs", told, "part-0-1")
    delivered("deliver", "--once")
    lines = delivered("alerts", "list")[1].splitlines()
    assert [re.findall(r"\[(\w+)\]", line) for line in lines[:2]] == [
        ["retracted"],
        ["speculative"],
    ]
    page = delivered("alerts", "show", back.id)[1]
    assert f"another alert has these messages; see {ALERT.id[:12]}" in page
    stats = json.loads(delivered("alerts", "stats", "--output", "json")[1])
    assert (stats["alerts"], stats["retracted"]) == (4, 1)
    assert "taken back" in delivered("alerts", "stats")[1]


@pytest.fixture
def with_late(delivered, tmp_path):
    """Late records, each a second newer than the one before; `late(1)` was there already, and
    `late(6)` is a canary's."""
    group = {"tenant": "demo", "sender": "zhangsan"}
    told = [
        late(n, time=T0 + n * 1000, watermark=T0 + n * 1000 + behind, group=group,
             rule=name, would_have_fired=would)
        for n, (behind, name, would) in enumerate([
            (65_000, "a05_01_recall_burst", "true"),
            (90_061_000, "own_burst", "changed"),
            (0, "own_burst", "false"),
            (400, "own_burst", "unknown"),
        ], start=2)
    ]  # fmt: skip
    told.append(late(6, time=T0 + 6000, would_have_fired="true", flags=(FLAG_CANARY,)))
    write_part(tmp_path / "outputs", [*told, late(9, tenant="other")], "part-0-2")
    delivered("deliver", "--once")
    return delivered


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [5, 4, 3, 2, 1]),
        (("--would", "true"), [2]),
        (("--would", "changed"), [3]),
        (("--rule", "own_burst"), [5, 4, 3]),
        (("--rule", "own_burst", "--would", "unknown"), [5]),
        (("--since", "2026-09-21T22:13:24"), [5, 4]),
        (("--until", "2026-09-21T22:13:22"), [2, 1]),
        (("--limit", "2"), [5, 4]),
        (("--canaries",), [6, 5, 4, 3, 2, 1]),
        (("--canaries", "--would", "true"), [6, 2]),
    ],
)
def test_late_records_for_machines_are_filtered(with_late, options, numbers):
    code, text = with_late("alerts", "late", *options, "--output", "json")
    found = json.loads(text)
    assert code == 0
    assert [row["late_id"] for row in found["late"]] == [late(n).id for n in numbers]
    stats = json.loads(with_late("alerts", "stats", "--output", "json")[1])
    assert (stats["late"], stats["late_would_have_fired"]) == (5, 1)
    assert all(row["late_ms"] == row["watermark"] - row["time"] for row in found["late"])


def test_late_records_come_page_by_page(with_late):
    seen, cursor = [], ()
    while True:
        _, text = with_late("alerts", "late", "--limit", "2", *cursor, "--output", "json")
        page = json.loads(text)
        seen += [row["late_id"] for row in page["late"]]
        if not page["cursor"]:
            break
        cursor = ("--cursor", page["cursor"])
    assert seen == [late(n).id for n in (5, 4, 3, 2, 1)]


@pytest.mark.parametrize(
    ("tongue", "lines", "note"),
    [
        (
            "en",
            {
                2: "1m 5s late  would have fired  a05_01_recall_burst",
                3: "1d 1h late  would have changed alerts  own_burst",
                4: "0s late  no difference  own_burst",
                5: "0.4s late  cannot be told  own_burst",
                1: "1m late  not asked then  a05_01_recall_burst  m1",
            },
            "beyond flink.allowed_lateness_ms",
        ),
        (
            "zh",
            {
                2: "迟 1 分 5 秒  准时则会告警  a05_01_recall_burst",
                3: "迟 1 天 1 小时  会改变告警  own_burst",
                4: "迟 0 秒  无影响  own_burst",
                5: "迟 0.4 秒  无从判断  own_burst",
                1: "迟 1 分  当时未判断  a05_01_recall_burst  m1",
            },
            "超出 flink.allowed_lateness_ms",
        ),
    ],
)
def test_late_records_say_how_late_and_what_they_would_have_done(
    with_late, monkeypatch, tongue, lines, note
):
    monkeypatch.setenv("MINGJIAN_LANG", tongue)
    _, text = with_late("alerts", "late")
    shown = {line[:12]: re.sub("  +", "  ", line) for line in text.splitlines()}
    for number, part in lines.items():
        line = shown[late(number).id[:12]]
        assert part in line, text
        assert f"m{number}" in line
        assert f"kafka:messages[0]@{number}" in line
    assert "{tenant: demo, sender: zhangsan}" in shown[late(2).id[:12]]
    assert note in text
    assert "mingjian alerts late" in with_late("alerts", "stats")[1]


def test_late_records_stay_readable_where_there_is_little_room(with_late, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    _, text = with_late("alerts", "late")
    assert all(len(line) <= 60 for line in text.splitlines()), text
    for part in ("would have fired", "a05_01_recall_burst", "{tenant: demo, sender: zhangsan}"):
        assert part in text


@pytest.mark.parametrize(
    ("tongue", "options", "said"),
    [
        ("en", ("--set", "tenant=quiet"), "nothing that rules count over time came too late"),
        ("zh", ("--set", "tenant=quiet"), "没有迟到的记录"),
        ("en", ("--would", "true"), "1 late record, none of which fits these options"),
        ("zh", ("--rule", "own_burst"), "共有 1 条迟到记录，没有一条符合所给的条件"),
    ],
)
def test_no_late_record_is_said_in_words(delivered, monkeypatch, tongue, options, said):
    monkeypatch.setenv("MINGJIAN_LANG", tongue)
    code, text = delivered("alerts", "late", *options)
    assert (code, said in text) == (0, True), text
    assert json.loads(delivered("alerts", "late", *options, "--output", "json")[1])["late"] == []


def test_quarantine_list_and_show(delivered):
    _, text = delivered("quarantine", "list")
    assert "/data/day.jsonl" in text
    _, text = delivered("quarantine", "show", quarantined(b"{").id[:6])
    assert "not valid JSON (not_json, not judged)" in text


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (("alerts", "show", "ffff0000ffff"), "no alert begins with 'ffff0000ffff'", EXIT_USAGE),
        (("alerts", "list", "--since", "yesterday"), "'yesterday' is not a time", EXIT_USAGE),
        (("alerts", "list", "--cursor", "x"), "'x' is not a cursor", EXIT_USAGE),
        (("alerts", "late", "--cursor", "x"), "'x' is not a cursor", EXIT_USAGE),
        (("alerts", "late", "--since", "yesterday"), "'yesterday' is not a time", EXIT_USAGE),
        (("quarantine", "show", "ffff"), "no quarantined record begins", EXIT_USAGE),
    ],
)
def test_mistakes_are_told_in_one_line(delivered, words, message, code):
    with pytest.raises(MingjianError, match=message) as caught:
        delivered(*words)
    assert caught.value.exit_code == code


def test_before_anything_was_delivered_the_way_there_is_told(call):
    with pytest.raises(MingjianError, match="there is no index") as caught:
        call("alerts", "list")
    assert caught.value.exit_code == EXIT_ENVIRONMENT


def test_an_unreachable_server_is_one_line_and_exit_3(call):
    cluster = "targets=[{kind: elasticsearch, name: es, url: 'http://127.0.0.1:1'}]"
    for words in (("alerts", "list"), ("alerts", "tail"), ("alerts", "stats"), ("alerts", "late")):
        with pytest.raises(MingjianError, match="cannot use Elasticsearch") as caught:
            call(*words, "--set", cluster)
        assert caught.value.exit_code == EXIT_ENVIRONMENT


@pytest.mark.parametrize(
    "words", [("deliver",), ("alerts",), ("quarantine",), ("stack",), ("stack", "up")]
)
def test_help_has_both_languages_and_an_example(app, words):
    text = CliRunner().invoke(app, [*words, "--help"]).stdout
    assert re.search("[一-鿿]", text)
    assert re.search("mingjian (deliver|alerts|quarantine|stack)", text)


def test_status_of_a_stack_that_never_was_is_a_finding(app, tmp_path):
    done = CliRunner().invoke(app, ["stack", "status", "--dir", str(tmp_path), "--output", "json"])
    assert (done.exit_code, json.loads(done.stdout)) == (1, {"parts": []})
    assert CliRunner().invoke(app, ["stack", "down", "--dir", str(tmp_path)]).exit_code == 0
