"""houbb/sensitive-word, a Java library for Chinese words and what disguises them.

Its archive comes from Maven Central, `SensitiveWords.java` is compiled beside it. It is given the
texts, already taken out of their records, and its JVM has compiled all before the clock starts.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from bench.peers.metered import Missing, metered
from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.rsigma import TOOLS
from bench.peers.work import Round, Work
from config.java import java_home
from jobs.servers.jars import find_maven
from rules.errors import MingjianError

NAME = "houbb/sensitive-word"
VERSION = "0.25.0"
EXPRESSES = (
    "words, in other cases, widths, characters traditional or simplified, styles of digits; no "
    "conditions, no fields but one text; here texts that are decoded already"
)
_HARNESS = Path(__file__).parent / "SensitiveWords.java"
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>bench</groupId><artifactId>peer</artifactId><version>1</version><dependencies><dependency>
<groupId>com.github.houbb</groupId><artifactId>sensitive-word</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>
"""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """All words as one list, with its own defaults for disguises."""
    try:
        java, path = installed()
        with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as name:
            words, texts = Path(name) / "words", Path(name) / "texts"
            listed = (
                f"{number}\t{word}" for number, rule in enumerate(work.rules) for word in rule
            )
            words.write_text("\n".join(listed), encoding="utf-8")
            told = "\n".join(" ".join(text.split()) or "-" for text in work.texts())
            texts.write_text(told, encoding="utf-8")
            command = [java, "-cp", path, "SensitiveWords", str(words), str(texts)]
            return [
                in_turn(
                    work,
                    partial(_once, command),
                    name=NAME,
                    version=VERSION,
                    expresses=EXPRESSES,
                    rounds=rounds,
                )
            ]
    except (Missing, MingjianError) as why:
        return [missing(NAME, why)]


def installed() -> tuple[str, str]:
    """(the program java, its class path).

    Raises:
        Missing: no compiler, or the archive is not to be had.
        MingjianError: no Java, or no Maven.
    """
    home = java_home()
    folder = TOOLS / f"sensitive-word-{VERSION}"
    if not folder.is_dir():
        compiler = home / "bin" / "javac"
        if not compiler.exists():
            raise Missing(f"{home} has no compiler (javac)")
        work = folder.with_name(folder.name + ".part")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / "pom.xml").write_text(_POM, encoding="utf-8")
        _run([find_maven(), "-B", "-q", _COPY, f"-DoutputDirectory={work}"], work)
        work.rename(folder)
    path = f"{folder}/*:{folder}"
    if not (folder / _HARNESS.with_suffix(".class").name).exists() or _newer(folder):
        _run([str(home / "bin" / "javac"), "-cp", path, "-d", str(folder), str(_HARNESS)], folder)
    return str(home / "bin" / "java"), path


def _newer(folder: Path) -> bool:
    compiled = folder / _HARNESS.with_suffix(".class").name
    return _HARNESS.stat().st_mtime > compiled.stat().st_mtime


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stdout + done.stderr).strip().splitlines()
        raise Missing(f"{Path(command[0]).name}: {' '.join(why[:1])}")


def _once(command: list[str]) -> Round:
    hits, seconds = metered(command).printed.split()[-2:]
    return Round(float(seconds), int(hits))
