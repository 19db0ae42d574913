"""What `mingjian simulate` says when it is done."""

from __future__ import annotations

import json
import re

import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner

from jobs.cli import simulate


@pytest.fixture
def say(monkeypatch):
    """Runs the command at 80 columns; returns what it says to people."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    monkeypatch.setenv("COLUMNS", "80")
    app = typer.Typer()
    simulate.register(app)
    return lambda *words: CliRunner().invoke(app, ["-n", "300", "--violations", "0", *words]).stderr


def test_numbers_of_types_are_never_parted_from_their_names(say, tmp_path):
    text = say("--out", str(tmp_path))
    lines = text[: text.index(" messages, ")].splitlines()
    types = [line for line in lines if re.match(r"[a-z_]+ [\d,]+\b", line)][:-1]
    assert types
    for line in types:
        assert cell_len(line) <= 80
        assert re.fullmatch(r"([a-z_0-9]+ [\d,]+\s*)+", line)
    assert "not written" not in text


def test_where_no_truth_file_goes_that_is_said(say, tmp_path):
    assert "--truth FILE writes it" in say("--format", "stdout")
    text = say("--format", "stdout", "--truth", str(tmp_path / "truth.jsonl"))
    assert "not written" not in text
    assert str(tmp_path / "truth.jsonl") in text


def test_the_records_are_of_the_company_of_the_settings(say, tmp_path):
    (tmp_path / "s.yaml").write_text("tenant: huaxin\n")
    say("--out", str(tmp_path / "day"), "--config", str(tmp_path / "s.yaml"))
    lines = (tmp_path / "day" / "messages-p0.jsonl").read_text().splitlines()
    assert {json.loads(line)["tenant"] for line in lines} == {"huaxin"}
