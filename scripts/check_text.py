"""Check text files before a commit: one final newline, no trailing spaces, YAML that parses.

Usage: python scripts/check_text.py FILE...   exit code 1 when anything was found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

TRAILING_SPACES_MEAN_SOMETHING = {".md", ".diff", ".patch"}


def problems(path: Path) -> list[str]:
    """What is wrong with one file, each as "path:line: what"."""
    data = path.read_bytes()
    if not data or b"\0" in data:
        return []
    found = []
    lines = data.split(b"\n")
    if lines[-1]:
        found.append(f"{path}:{len(lines)}: no newline at the end")
    elif len(lines) > 1 and not lines[-2]:
        found.append(f"{path}:{len(lines) - 1}: empty lines at the end")
    if b"\r\n" in data:
        found.append(f"{path}: Windows line ends")
    if path.suffix not in TRAILING_SPACES_MEAN_SOMETHING:
        for number, line in enumerate(lines, 1):
            if line != line.rstrip(b" \t"):
                found.append(f"{path}:{number}: spaces at the end of the line")
    if path.suffix in {".yaml", ".yml"}:
        try:
            list(yaml.compose_all(data.decode(), Loader=yaml.SafeLoader))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            found.append(f"{path}: not valid YAML: {' '.join(str(error).split())}")
    return found


def main(names: list[str]) -> int:
    """Print every problem of the named files; 1 when there is one."""
    found = [problem for name in names for problem in problems(Path(name))]
    for problem in found:
        sys.stdout.write(problem + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
