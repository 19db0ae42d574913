"""The direction of imports, as docs/architecture.md draws it, read from the source text."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from config.channels import Channel
from rules.zone import SHANGHAI

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 350

# package -> our own modules it may import, by prefix (its own package always)
MAY_IMPORT = {
    "rules": (),
    "config": ("rules.bounds", "rules.errors", "rules.yaml_source"),
    "ingest": ("rules", "config"),
    "sinks": ("rules", "config"),
    "reports": ("rules", "config", "sinks"),
    "desk": ("rules", "config", "sinks", "reports"),
    # records are sealed before they leave the worker, so the adapters need that one module
    "udfs": ("rules", "sinks.sealing"),
    "jobs": ("rules", "config", "ingest", "sinks", "reports", "desk", "udfs"),
}
FLINK = {"pyflink", "pemja", "py4j", "apache_beam"}
MAY_USE_FLINK = {"udfs", "jobs"}
# The pure core reads values, never the world: a message judged again gives the same result.
PURE_THIRD_PARTY = {"msgspec", "yaml", "sigma", "hyperscan", "re2", "opencc", "chinese_calendar"}
IMPURE_STDLIB = {
    "asyncio", "http", "multiprocessing", "random", "secrets", "socket", "sqlite3", "subprocess",
    "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
CLOCK_CALLS = {"now", "utcnow", "today"}
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}

MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> list[tuple[int, str]]:
    """(line, dotted name) of every import, also those inside functions."""
    names: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return names


def within(name: str, prefixes: tuple[str, ...] | set[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def problems(source: str, package: str) -> list[str]:
    """What the module of `package` with this text does that its layer must not do."""
    tree = ast.parse(source)
    found = []
    for line, name in imported(tree):
        top = name.partition(".")[0]
        if top in MAY_IMPORT and top != package and not within(name, MAY_IMPORT[package]):
            found.append(f"{line}: {package} may not import {name}")
        elif top in FLINK and package not in MAY_USE_FLINK:
            found.append(f"{line}: {package} may not import Flink ({name})")
        elif package == "rules" and (
            within(name, IMPURE_STDLIB)
            or top not in {*sys.stdlib_module_names, *PURE_THIRD_PARTY, *MAY_IMPORT}
        ):
            found.append(f"{line}: the pure core may not import {name}")
    if package == "rules":
        found += [
            f"{node.lineno}: the pure core may not read the clock"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCK_CALLS
        ]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_in_its_layer_and_readable(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert problems(source, path.relative_to(ROOT).parts[0]) == []
    assert len(source.splitlines()) <= MAX_LINES, f"{path.name} has grown too long to read at once"
    assert path.stem not in VAGUE_NAMES, "name a module after what it holds"


@pytest.mark.parametrize(
    ("package", "source", "allowed"),
    [
        ("rules", "import json\nfrom rules.message import Message\nimport msgspec", True),
        ("rules", "from sinks.base import Sink", False),
        ("rules", "def f():\n    import pyflink.table", False),
        ("rules", "import redis", False),
        ("rules", "from time import monotonic", False),
        ("rules", "import datetime as d\nd.datetime.now(d.UTC)", False),
        ("rules", "import urllib.parse", True),
        ("rules", "from urllib.request import urlopen", False),
        ("config", "from rules.errors import MingjianError", True),
        ("config", "from rules.message import Message", False),
        ("sinks", "import pyflink", False),
        ("sinks", "from reports.pack import build", False),
        ("udfs", "from pyflink.table import udf\nfrom sinks.sealing import seal", True),
        ("udfs", "from sinks.redis import RedisSink", False),
        ("reports", "from sinks.base import AlertReader", True),
        ("reports", "from jobs.cli.app import out", False),
        ("jobs", "import pyflink\nfrom udfs.match import match", True),
    ],
)
def test_the_check_tells_right_from_wrong(package: str, source: str, allowed: bool) -> None:
    assert (problems(source, package) == []) is allowed


def test_the_zone_of_shanghai_has_one_home() -> None:
    """And the default of a setting, which may import little."""
    # the verifier of a pack has no other module to ask
    homes = {"rules/zone.py", "config/channels.py", "reports/standalone/figures.py"}
    made = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Constant) and node.value == "Asia/Shanghai"
            if named or (isinstance(node, ast.Call) and "timedelta(hours=8)" in ast.unparse(node)):
                made.append(str(path.relative_to(ROOT)))
    assert set(made) == homes
    assert Channel(kind="webhook", name="x").zone == SHANGHAI.key


def test_every_package_that_ships_is_checked() -> None:
    top = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert top - {"tests", "bench", "scripts"} == set(MAY_IMPORT)
