"""What a person sees when Mingjian itself is wrong."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import load
from jobs.cli import main as entry
from jobs.cli.app import language
from jobs.cli.detect import after_interrupt


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", f"unexpected ZeroDivisionError in {__name__}:"),
        ("zh", f"意外错误 ZeroDivisionError（{__name__}:"),
    ],
)
def test_a_defect_names_its_place_and_quotes_nothing(monkeypatch, capsys, lang, says):
    def defect(*_: object) -> None:
        def hook(_: object) -> None:
            raise ZeroDivisionError("他的身份证是 11010519491231002X")

        json.loads("{}", object_hook=hook)

    monkeypatch.setenv("MINGJIAN_LANG", lang)
    monkeypatch.delenv("MINGJIAN_DEBUG", raising=False)
    monkeypatch.setattr(entry, "translate", defect)
    assert language() == lang
    with pytest.raises(SystemExit) as ended:
        entry.main()
    said = capsys.readouterr().err
    assert ended.value.code == 3
    assert says in said
    assert "jobs.cli.main:" in said
    assert "MINGJIAN_DEBUG=1" in said
    assert "11010519491231002X" not in said


RULE = "title: a\nname: a\nlogsource: {category: t}\ndetection: {s: {e: x}, condition: s}\n"


def test_ctrl_c_ends_a_command_with_a_word_and_130(tmp_path: Path) -> None:
    rules = tmp_path / "r.yml"
    rules.write_text(RULE)
    # as a terminal's child: a shell's background job would ignore the signal
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    code += "from jobs.cli.main import main; main()"
    command = [sys.executable, "-c", code, "rules", "eval", "--rules", str(rules), "--events", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MINGJIAN_LANG": "en"},
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write(b'{"e": "x"}\n')
        running.stdin.flush()
        assert running.stdout.readline().split() == [b"-", b"1", b"a"]  # at work, waiting for more
        running.send_signal(signal.SIGINT)
        said = running.stderr.read().decode()
        assert running.wait() == 130
    assert said.strip() == "stopped"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ((), ""),
        (("source.follow=true",), "set flink.checkpoint_dir"),
        (("source.follow=true", "flink.checkpoint_dir=kept"), "same command with --from latest"),
    ],
)
def test_who_stops_a_job_is_told_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    said = after_interrupt(load(overrides=overrides))
    assert says in said
    assert bool(says) == bool(said)


def collected(folder: Path, *words: str, stdin: int | None = subprocess.DEVNULL):
    """What `mingjian ingest` with these words says; `stdin` None: it is closed."""
    chosen = {"data_dir": "d", "keys_dir": "k", "source.path": "m", "outputs.path": "o"}
    options = [f"--set={key}={folder / name}" for key, name in chosen.items()]
    closed = [] if stdin is not None else ["sh", "-c", 'exec "$@" <&-', "sh"]
    return subprocess.run(
        [*closed, sys.executable, "-m", "jobs.cli.main", "ingest", *words, *options],
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "MINGJIAN_LANG": "en"},
    )


def test_a_damaged_file_is_named_whatever_its_name_looks_like(tmp_path: Path) -> None:
    file = tmp_path / "a[" / "b].jsonl.gz"
    file.parent.mkdir()
    file.write_bytes(gzip.compress(b"{}\n")[:-4])
    os.mkfifo(file.parent / "[red].jsonl")
    done = collected(tmp_path, "files", str(file.parent))
    assert done.returncode == 1
    assert f"{file} is damaged behind byte" in done.stderr
    assert done.stderr.count("[red].jsonl is passed over: it is no regular file") == 1


def test_a_closed_standard_input_is_a_wrong_call(tmp_path: Path) -> None:
    done = collected(tmp_path, "stdin", stdin=None)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        "✗ standard input is closed, so there is nothing to take",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("files", ".", "--set", os.fsdecode(b"tenant=\xff")),
        ("files", os.fsdecode(b"b\xfcro")),
        (os.fsdecode(b"\xff"),),
    ],
    ids=["a setting", "a file", "a command"],
)
def test_what_is_no_utf8_is_a_wrong_call(words: tuple[str, ...], tmp_path: Path) -> None:
    done = collected(tmp_path, *words)
    assert done.returncode == 2
    first, *_ = done.stderr.splitlines()
    assert re.fullmatch(r"✗ \S*\\udcf\S+ is not UTF-8 text", first)
