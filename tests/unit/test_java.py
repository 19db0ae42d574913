"""Which Java is taken, on machines that are laid out as real ones are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import java
from rules.errors import EXIT_ENVIRONMENT, MingjianError

ROOT = Path(__file__).resolve().parents[2]


def make_java(home: Path, version: str, *, release: bool = True) -> Path:
    """A folder like a Java's: bin/java that answers -version, and the release file."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    if release:
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.mark.parametrize(
    ("version", "major"),
    [("17.0.15", 17), ("21.0.8", 21), ("21", 21), ("1.8.0_412", 8), ("11.0.2", 11), ("25-ea", 25)],
)
@pytest.mark.parametrize("release", [True, False], ids=["release-file", "asked"])
def test_the_major_version_is_read(tmp_path: Path, version: str, major: int, release: bool) -> None:
    assert java.major_version(make_java(tmp_path / "j", version, release=release)) == major


def test_a_folder_without_the_program_is_no_java(tmp_path: Path) -> None:
    home = make_java(tmp_path / "j", "17.0.1")
    (home / "bin" / "java").unlink()
    assert java.major_version(home) == 0
    assert java.major_version(tmp_path / "nothing") == 0


def test_java_home_is_a_wish_that_comes_first(tmp_path: Path) -> None:
    wished = make_java(tmp_path / "wished", "21.0.1")
    other = make_java(tmp_path / "other", "17.0.1")
    env = {"JAVA_HOME": str(wished), "PATH": str(other / "bin")}
    assert java.java_home(env) == wished


@pytest.mark.parametrize("version", ["11.0.2", "25.0.1", ""])
def test_a_wish_that_cannot_be_met_is_said_not_passed_over(tmp_path: Path, version: str) -> None:
    wished = tmp_path / "wished"
    if version:
        make_java(wished, version)
    good = make_java(tmp_path / "good", "17.0.1")
    with pytest.raises(MingjianError) as caught:
        java.java_home({"JAVA_HOME": str(wished), "PATH": str(good / "bin")})
    for language in ("en", "zh"):
        what, fix = caught.value.text(language)
        assert str(wished) in what
        assert "17" in fix
        assert "21" in fix
    assert caught.value.exit_code == EXIT_ENVIRONMENT


def test_the_java_on_path_is_found_through_its_links(tmp_path: Path) -> None:
    home = make_java(tmp_path / "lib" / "jvm" / "java-17", "17.0.15")
    links = tmp_path / "bin"
    links.mkdir()
    (tmp_path / "alternatives").symlink_to(home / "bin" / "java")
    (links / "java").symlink_to(tmp_path / "alternatives")
    assert java.java_home({"PATH": str(links)}) == home


@pytest.mark.parametrize("on_path", ["", "11.0.2", "8"])
def test_without_a_usable_one_the_package_serves_and_runs(tmp_path: Path, on_path: str) -> None:
    env = {"PATH": ""}
    if on_path:
        env["PATH"] = str(make_java(tmp_path / "old", on_path) / "bin")
    home = java.java_home(env)
    answer = subprocess.run(
        [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, check=True
    )
    assert re.search(r'version "21\.', answer.stderr)


def test_shell_scripts_get_one_line(tmp_path: Path) -> None:
    wished = make_java(tmp_path / "wished", "17.0.1")
    run = [sys.executable, "-m", "config.java"]
    env = {**os.environ, "JAVA_HOME": str(wished)}
    good = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, f"{wished}\n")
    shutil.rmtree(wished)
    bad = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert bad.returncode == EXIT_ENVIRONMENT
    assert bad.stdout == ""
    assert "Traceback" not in bad.stderr
    assert str(wished) in bad.stderr


def test_when_there_is_none_at_all_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The package is part of the lock; only somebody who removed it gets here.
    monkeypatch.setattr(java, "find_spec", lambda _name: None)
    with pytest.raises(MingjianError, match="no Java 17 or 21") as caught:
        java.java_home({"PATH": ""})
    assert "openjdk-17-jre-headless" in caught.value.fix_en
    assert "openjdk-17-jre-headless" in caught.value.fix_zh
