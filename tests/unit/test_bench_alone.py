"""A part by itself: what it is asked wrongly is told before any server starts."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

import bench.__main__ as command
from bench import alone, goals
from bench.others import keeping_up, latency, memory


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """What `measure` was given."""
    given: dict[str, Any] = {}
    monkeypatch.setattr("sys.argv", ["bench", *words])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    alone.alone(
        "part",
        "About it.",
        lambda folder, **more: given.update(more, folder=folder) or {"figure": 1},
        lambda _: [],
        {"rate": 30.0, "passes": 3},
    )
    return given


def test_options_have_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert run(monkeypatch, f"{folder}") == {"folder": folder, "rate": 30.0, "passes": 3}
    told = run(monkeypatch, f"{folder}", "--passes", "5", "--rate", "0.5")
    assert (told["passes"], told["rate"]) == (5, 0.5)


@pytest.mark.parametrize(
    "words", [[], ["x", "--passes", "0"], ["x", "--rate", "-1"], ["x", "--passes", "many"]]
)
def test_what_cannot_be_measured_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *words)
    assert "error: " in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_emptied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, f"{tmp_path}")
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("option", ["--rounds", "--messages", "--job-messages"])
def test_no_rounds_or_messages_are_refused(option: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.parser().parse_args([option, "0"])


def test_an_interrupt_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def interrupted() -> None:
        raise KeyboardInterrupt

    try:
        with pytest.raises(SystemExit, match="130"):
            alone.stoppable(interrupted)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize(
    ("key", "reached"),
    [
        ("redis", latency.reached({"loads": [{"share": 0.5, "redis": {"missing": 1.0}}]})),
        (
            "elasticsearch",
            keeping_up.reached(
                {"rate": 30_000.0, "missing": 0, "last_after_s": 97.0, "behind_most_s": 96.0}
            ),
        ),
        ("memory", memory.reached({"task_managers": {"1": {"most_mb": 900.0, "growth": 0.1}}})),
    ],
)
def test_what_failed_is_not_reached_and_not_unmeasured(key: str, reached: dict[str, float]) -> None:
    rows = goals.compared(reached)
    assert "Infinity" not in json.dumps(rows)
    assert next(one["said"] for one in rows if one["key"] == key) == goals.NOT
    assert goals.table(rows).row_count == len(goals.GOALS)
