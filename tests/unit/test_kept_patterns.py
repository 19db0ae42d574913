"""What is compiled is kept, and never trusted blindly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rules.scan import HyperscanScanner, scanner
from tests.support.rule_files import detection_rule, write
from udfs.kept import KEEP, KeptPatterns, cache_folder

PATTERNS = ["保本", "转.{0,3}我"]
TEXT = "保本，转给我".encode()


def answers(folder: Path) -> list[int]:
    return sorted(scanner(PATTERNS, KeptPatterns(folder)).scan([TEXT])[0])


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("patterns-*.hs"))


def test_what_was_compiled_once_is_read_the_next_time(tmp_path, monkeypatch):
    first = answers(tmp_path)
    assert first == sorted(HyperscanScanner(PATTERNS).scan([TEXT])[0]) == [0, 1]
    assert len(kept(tmp_path)) == 1
    monkeypatch.setattr("rules.scan._compiled", lambda *_: pytest.fail("compiled again"))
    assert answers(tmp_path) == first


def test_another_process_finds_what_was_compiled(tmp_path):
    """Sets of words have another order in each process; what is kept must not."""
    write(
        tmp_path / "rules",
        detection_rule("t_one", {"it": {"text|contains": list("甲乙丙丁戊己庚")}}),
    )
    compiling = (
        "import sys; from pathlib import Path; from udfs.kept import KeptPatterns;"
        "from rules.compiled import CompiledRules; from rules.ruleset import load_ruleset;"
        "CompiledRules(load_ruleset(sys.argv[1]), KeptPatterns(Path(sys.argv[2])))"
    )
    for seed in ("1", "2", "3"):
        subprocess.run(
            [sys.executable, "-c", compiling, tmp_path / "rules", tmp_path / "kept"],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert len(kept(tmp_path / "kept")) == 1


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_compiled_anew_and_replaced(tmp_path, damage):
    answers(tmp_path)
    (file,) = kept(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert answers(tmp_path) == [0, 1]
    assert file.read_bytes() == whole


def test_other_patterns_have_a_file_of_their_own(tmp_path):
    keep = KeptPatterns(tmp_path)
    for patterns in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"]):
        scanner(patterns, keep)
    assert len(kept(tmp_path)) == 4


def test_a_file_that_others_may_write_is_not_read(tmp_path, caplog):
    keep = KeptPatterns(tmp_path)
    keep.put("one", b"data")
    (tmp_path / "one").chmod(0o666)
    assert keep.get("one") is None
    assert "may be written by others" in caplog.text


def test_a_folder_that_cannot_be_written_is_told_and_does_not_matter(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert answers(blocked) == [0, 1]
    assert "are not kept" in caplog.text


def test_the_oldest_are_forgotten_and_nothing_half_is_left(tmp_path, caplog):
    (tmp_path / "jars").mkdir()
    keep = KeptPatterns(tmp_path)
    for number in range(KEEP + 3):
        keep.put(f"patterns-{number}.hs", b"x")
    assert len(kept(tmp_path)) == KEEP
    assert len(list(tmp_path.iterdir())) == KEEP + 1
    assert caplog.text == ""


def test_where_they_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("MINGJIAN_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.setenv("MINGJIAN_CACHE", "")
    assert cache_folder() is None
    assert KeptPatterns().get("anything") is None
    monkeypatch.delenv("MINGJIAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mingjian"
