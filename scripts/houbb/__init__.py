"""Runs houbb/sensitive-word (Apache-2.0) on the same strings; see scripts/measure_variants.py."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jobs.servers import jars

VERSION = "0.25.0"  # the newest in Maven Central
_SOURCE = Path(__file__).with_name("Houbb.java")


def find(words: Sequence[str], texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """(start, end) in code points of every word that it finds in each text, with all its foldings
    on: case, width, digit style, traditional, letter style, repeats, and its set of symbols."""
    jars.SETS["sensitive-word"] = ((f"com.github.houbb:sensitive-word:{VERSION}",), True)
    folder = jars.jar_folder("sensitive-word")
    lines = b"".join(base64.b64encode(text.encode("utf-8", "replace")) + b"\n" for text in texts)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(words))
        file.flush()
        command = ["java", "-cp", f"{folder}/*", str(_SOURCE), file.name]
        done = subprocess.run(command, input=lines, capture_output=True, check=True)
    rows = done.stdout.decode("ascii").split("\n")[: len(texts)]
    return [
        [_points(text, *map(int, span.split("-"))) for span in row.split()]
        for text, row in zip(texts, rows, strict=True)
    ]


def _points(text: str, start: int, end: int) -> tuple[int, int]:
    """Code points of a span given in UTF-16."""
    units = text.encode("utf-16-le", "surrogatepass")
    at = [len(units[: 2 * one].decode("utf-16-le", "replace")) for one in (start, end)]
    return at[0], at[1]
