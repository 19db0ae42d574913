"""Lists of alerts and quarantined records at the widths people have, and what they say besides."""

from __future__ import annotations

import threading
import time

import pytest
import typer
import yaml
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from config.settings import load
from jobs import deliver as delivery
from jobs.cli import alerts, app, deliver, quarantine
from jobs.cli.words import plural, visible
from rules.errors import MingjianError
from tests.support.records import alert, evidence, quarantined, rule, write_part

LONG = rule("a03_13_same_file_multi_external", 3, "同一文件发给多个外部会话")
SUMMARY = "maming 在 60 分钟内把同一文件发到 3 个外部会话，其中两个是竞争对手公司的采购负责人"
ALERTS = [
    alert(1, rule=LONG, actor="maming", summary=SUMMARY),
    alert(2, rule=rule(response=3), actor="zhanghaoran01"),
    alert(3, tenant="other"),
    alert(4, tenant="third"),
]
REASON = "time_out_of_range"
RECORDS = [
    quarantined(b"a", "file:/data/of/a/long/path/messages-2026-11-20.jsonl", reason=REASON),
    quarantined(b"b", reason=REASON, detail=""),
    quarantined(b"c", "file:day.jsonl"),
]


@pytest.fixture
def folder(tmp_path):
    """Outputs to deliver and the settings that name them."""
    write_part(tmp_path / "outputs", [*ALERTS, *RECORDS])
    values = {
        "profile": "embedded",
        "tenant": "demo",
        "data_dir": str(tmp_path / "var"),
        "source": {"kind": "files", "path": str(tmp_path / "messages")},
        "outputs": {"kind": "files", "path": str(tmp_path / "outputs")},
        "targets": [{"kind": "sqlite", "name": "sqlite", "path": str(tmp_path / "index.db")}],
    }
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch):
    """Runs a command."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    application = typer.Typer()
    for module in (alerts, deliver, quarantine):
        module.register(application)

    def run(*words: str) -> Result:
        done = CliRunner().invoke(application, [*words, "--config", str(folder / "settings.yaml")])
        if isinstance(done.exception, MingjianError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return run


@pytest.fixture
def call(run):
    """Runs a command; returns its standard output."""
    return lambda *words: run(*words).stdout


@pytest.fixture
def delivered(call):
    call("deliver", "--once", "--output", "json")
    return call


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_every_alert_is_readable_at_every_width(delivered, monkeypatch, columns, language):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("MINGJIAN_LANG", language)
    lines = delivered("alerts", "list").splitlines()
    assert max(map(cell_len, lines)) <= columns
    flat = "".join(line.strip() for line in lines)
    level = {"en": "3 emergency", "zh": "3 紧急"}[language]
    for number, name, actor, what in (
        (1, LONG.name, "maming", SUMMARY),
        (2, "a07_01_guarantee", "zhanghaoran01", "张三 向客户 wm1 承诺「保本」"),
    ):
        at = next(n for n, line in enumerate(lines) if line.startswith(alert(number).id[:12]))
        end = next(
            (n for n in range(at + 1, len(lines)) if not lines[n].startswith(" ")), len(lines)
        )
        assert end - at <= (3 if columns >= 80 else 4), "an alert is two or three lines"
        assert level in lines[at]
        assert actor in lines[at]
        block = "".join(line.strip() for line in lines[at:end])
        assert name in block
        assert what.replace(" ", "") in block.replace(" ", "")
    assert "2026-09-21" in flat


def test_a_wide_terminal_has_one_line_an_alert(delivered, monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")
    lines = [line for line in delivered("alerts", "list").splitlines() if "a0" in line]
    assert len(lines) == 2
    assert all("2026-09-21 22:13" in line for line in lines)
    assert lines[0].index("a07_01") == lines[1].index("a03_13"), "columns stand below each other"


def test_into_a_pipe_goes_one_line_an_alert(delivered, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    lines = delivered("alerts", "list", "--rule", LONG.name).splitlines()
    assert lines[0].endswith(SUMMARY)
    assert lines[0].startswith(alert(1).id[:12])


def test_tail_names_the_day_once_and_looks_like_the_list(delivered):
    text = delivered("alerts", "tail", "--for", "0.1")
    assert text.count("2026-09-21") == 1
    assert max(map(cell_len, text.splitlines())) <= 80


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_quarantine_says_a_reason_once_and_every_record_in_full(delivered, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    text = delivered("quarantine", "list")
    assert max(map(cell_len, text.splitlines())) <= int(columns)
    assert text.count(REASON) == 1
    flat = text.replace("\n", "").replace(" ", "")
    for part in ("/data/of/a/long/path/messages-2026-11-20.jsonl", "kafka:messages[0]@0", "byte3"):
        assert part in flat
    for record in RECORDS:
        assert record.id[:12] in text


def test_alerts_of_other_tenants_are_mentioned(delivered):
    text = delivered("alerts", "list")
    assert "2 alerts of other tenants (other, third) are not shown" in " ".join(text.split())
    assert "--set tenant=NAME" in " ".join(text.split())
    assert "other tenants" in delivered("alerts", "stats")
    shown = delivered("alerts", "list", "--set", "tenant=other")
    assert alert(3).id[:12] in shown
    assert "3 alerts of other tenants (demo, third)" in shown


def test_a_rule_without_alerts_is_answered_with_those_that_have_some(delivered):
    text = " ".join(delivered("alerts", "list", "--rule", "nosuch").split())
    assert "no alert of rule 'nosuch'" in text
    assert LONG.name in text
    text = delivered("alerts", "list", "--rule", LONG.name, "--actor", "nobody")
    assert text.splitlines()[0] == "no alerts"


def test_show_lists_the_conversations_and_what_joined_later(call, folder):
    members = [
        evidence(
            n,
            alert_id=alert(9).id,
            conversation=f"wm{n}|zhangsan",
            text=f"别走平\u200b台 {n}",
        )
        for n in range(9, 14)
    ]
    write_part(folder / "outputs", [alert(9), *members], "part-0-9")
    call("deliver", "--once", "--output", "json")
    text = call("alerts", "show", alert(9).id[:12])
    where = text[text.index("where") : text.index("when")].split()
    assert where[1:] == ["wm9|zhangsan", "wm10|zhangsan", "wm11|zhangsan", "+2"]
    assert "1, 4 more since" in text
    assert "别走平⟨U+200B⟩台 13" in text, "evidence beyond the members of the alert"


def test_tail_waits_for_the_first_alert_and_says_so_once(run, folder, monkeypatch):
    settings = load(path=folder / "settings.yaml")
    said = threading.Event()
    prints = alerts.err.print

    def saying(*words: object, **options: object) -> None:
        prints(*words, **options)
        said.set()

    def delivers() -> None:
        assert said.wait(60)
        delivery.run(settings, once=True)

    monkeypatch.setattr(alerts.err, "print", saying)
    later = threading.Thread(target=delivers)
    later.start()
    try:
        done = run("alerts", "tail", "-n", "0", "--for", "10")  # for slow machines, too
    finally:
        later.join()
    assert done.stderr.count("waiting for it") == 1
    assert alert(1).id[:12] in done.stdout
    assert alert(2).id[:12] in done.stdout


def test_tail_ends_in_time_when_nothing_ever_comes(call, folder):
    began = time.monotonic()
    assert call("alerts", "tail", "-n", "0", "--for", "0.3") == ""
    assert time.monotonic() - began < 10


def test_tail_of_none_shows_only_what_comes(delivered):
    assert delivered("alerts", "tail", "-n", "0", "--for", "0.1") == ""


def test_hints_carry_the_settings_the_user_gave():
    app.settings_from("embedded", "", ["tenant=other co"])
    hint = "see `mingjian alerts list`, then `make stack`"
    assert app.with_options(hint) == (
        "see `mingjian alerts list --set 'tenant=other co'`, then `make stack`"
    )
    app.settings_from("cluster", "", [])
    assert app.with_options("`mingjian deliver`") == "`mingjian deliver --profile cluster`"
    app.settings_from("embedded", "", [])
    assert app.with_options("`mingjian deliver`") == "`mingjian deliver`"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("别走平\u200b台", "别走平⟨U+200B⟩台"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\u3164", "⟨U+3164⟩"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("x\u200dy", "x⟨U+200D⟩y"),
        ("a\r\nb\tc", "a↵b c"),
        ("普通 text", "普通 text"),
    ],
)
def test_what_cannot_be_seen_is_shown(text, shown):
    assert visible(text) == shown


def test_english_counts_one_and_many():
    assert [plural(n, "alert") for n in (0, 1, 1200)] == ["0 alerts", "1 alert", "1,200 alerts"]
    assert plural(2, "entry", "entries") == "2 entries"
