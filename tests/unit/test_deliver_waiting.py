"""Delivery while targets are away: who waits for whom and how long is said, and who failed."""

from __future__ import annotations

import contextlib
import functools
import io
import threading

import pytest
import typer
from typer.testing import CliRunner

from config.settings import Outputs, Settings, Source, Target
from jobs import deliver
from jobs.cli import deliver as command
from jobs.delivery.lane import LaneState
from jobs.delivery.patience import Absence
from rules.errors import MingjianError
from sinks.sqlite_reader import SqliteReader
from tests.support.records import alert, evidence, write_part

# nobody listens on these ports of this machine: they need a privilege and stand for old services
AWAY = (
    "{kind: redis, name: cache, url: 'redis://127.0.0.1:1/0'}",
    "{kind: elasticsearch, name: search, url: 'http://127.0.0.1:2'}",
)


@pytest.fixture
def delivered(tmp_path, monkeypatch):
    """`mingjian deliver` over one alert and its evidence, with a short patience."""
    write_part(tmp_path / "outputs", [alert(1), evidence(1)])
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setattr(command, "_REMIND_S", 0.2)
    monkeypatch.setattr(deliver, "run", functools.partial(deliver.run, patience_s=1.5))

    def run(*away: str):
        app = typer.Typer()
        app.callback()(lambda: None)
        command.register(app)
        here = f"{{kind: sqlite, name: index, path: {tmp_path}/index.db}}"
        settings = [
            f"data_dir={tmp_path}/var", f"outputs={{kind: files, path: {tmp_path}/outputs}}",
            f"targets=[{', '.join([*away, here])}]",
        ]  # fmt: skip
        overrides = [part for setting in settings for part in ("--set", setting)]
        return CliRunner().invoke(app, ["deliver", "--once", *overrides])

    return run


def test_who_is_waited_for_and_how_long_yet_is_said_and_in_the_end_who_failed(delivered, tmp_path):
    done = delivered(*AWAY)
    waiting = [line for line in done.stderr.splitlines() if line.startswith("waiting for ")]
    assert any("cache (" in line and "search (" in line and " s left)" in line for line in waiting)
    assert isinstance(done.exception, MingjianError)
    assert done.exception.en.startswith("2 targets failed. ")
    for name in ("cache: ", "search: "):
        assert name in done.exception.en
        assert name.replace(": ", "：") in done.exception.zh
    assert "delivery_broke" not in done.stderr  # the error itself follows
    table = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert "failed" in table["cache"]
    assert "done" in table["index"]
    assert SqliteReader(tmp_path / "index.db", "demo").counts()["alerts"] == 1


def test_one_target_that_failed_is_told_as_it_is(delivered):
    done = delivered(AWAY[0])
    assert isinstance(done.exception, MingjianError)
    assert done.exception.en.startswith("cannot reach Redis (cache)")


def test_repeated_records_are_explained_and_only_where_there_are_any(delivered, tmp_path):
    first = delivered()
    assert first.exit_code == 0, first.output
    assert "already there:" not in first.stdout
    write_part(tmp_path / "outputs", [alert(1), alert(2)], "part-1-0")  # the job ran again
    second = delivered()
    assert "already there: records that the outputs repeat" in " ".join(second.stdout.split())


def waiting_for_redis(folder):
    return Settings(
        profile="embedded", tenant="demo", data_dir=str(folder / "var"),
        source=Source(kind="files", path=str(folder / "messages")),
        outputs=Outputs(kind="files", path=str(folder / "outputs")),
        targets=(Target(kind="redis", name="cache", url="redis://127.0.0.1:1/0"),),
    )  # fmt: skip


def test_the_time_left_goes_down_and_never_outlives_the_waiting(tmp_path):
    write_part(tmp_path / "outputs", [alert(1)])
    left: list[int] = []
    with pytest.raises(MingjianError):
        deliver.run(waiting_for_redis(tmp_path), once=True, patience_s=2.2,
                    on_progress=lambda states: left.append(states[0].left_s))  # fmt: skip
    told = [seconds for seconds in left if seconds]
    assert max(told) == 2
    assert told == sorted(told, reverse=True)
    assert left[-1] == 0


def test_ended_while_waiting_is_not_called_done(tmp_path, monkeypatch):
    write_part(tmp_path / "outputs", [alert(1)])
    stop = threading.Event()

    def end(states):
        if states[0].state == "waiting":
            stop.set()

    report = deliver.run(waiting_for_redis(tmp_path), once=True, on_progress=end, stop=stop)
    assert (report.targets[0].state, report.targets[0].left_s) == ("stopped", 0)
    # what the command says of it
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    with contextlib.redirect_stdout(io.StringIO()) as said, pytest.raises(typer.Exit) as ended:
        command.conclude(report)
    assert ended.value.exit_code == 1
    assert "stopped while waiting for cache" in said.getvalue()


@pytest.mark.parametrize(("asked", "least", "most"), [(0, 0.2, 0.5), (60, 60, 60), (9e9, 300, 300)])
def test_a_target_that_asks_for_patience_gets_it_within_bounds(
    asked: float, least: float, most: float
) -> None:
    assert least <= Absence("redis").failed("not now", asked) <= most


def test_the_wait_grows_to_ten_seconds_and_begins_anew_when_the_target_was_back() -> None:
    away = Absence("redis")
    waits = [away.failed("not now", 0) for _ in range(50)]
    assert max(waits) <= 10
    assert min(waits[10:]) >= 5
    assert len(set(waits)) == 50, "some chance in them"
    away.back()
    assert away.failed("not now", 0) <= 0.5


@pytest.mark.parametrize("stays", [False, True])
def test_while_it_stays_the_log_alone_says_who_is_waited_for(monkeypatch, stays):
    away = LaneState(target="cache", state="waiting", why="refused")

    def run(_settings, *, once, on_progress, stop):
        assert once != stays
        on_progress((away,))
        return deliver.DeliverReport(targets=(away,), seconds=1.0)

    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setattr(command, "_REMIND_S", -1.0)
    monkeypatch.setattr(deliver, "run", run)
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    done = CliRunner().invoke(app, ["deliver", "--follow" if stays else "--once"])
    assert ("waiting for cache" in done.stderr) != stays
    assert "cache   waiting" in done.stdout
