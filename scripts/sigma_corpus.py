"""Run a checked-out Sigma corpus: which rules compile, and whether its regression events match.

    python scripts/sigma_corpus.py CORPUS [--placeholders FILE] [--show N]

CORPUS is a clone of a repository of rules (bare or with files). Rules are the YAML files below
`rules*`, `deprecated` and `unsupported`; events are the `*.json` files below `regression_data`,
one beside each `info.yml` that names the rule by id. Exit code 1: a case failed, or a rule failed
without a named reason.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rules.sigma.collection import Collection, load_collection
from rules.sigma.event import Event
from rules.sigma.refusal import REASONS

FOLDERS = ("rules", "deprecated", "unsupported")


def read_corpus(place: str) -> dict[str, bytes]:
    """Path -> content of all YAML and JSON files of the newest commit."""
    packed = subprocess.run(
        ["git", "-C", place, "archive", "HEAD"], check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        return {
            member.name: taken.read()
            for member in archive
            if member.isfile() and member.name.endswith((".yml", ".yaml", ".json"))
            if (taken := archive.extractfile(member)) is not None
        }


def flat_windows_event(record: dict[str, Any]) -> dict[str, Any]:
    """A Windows event as Sigma names its fields: System, EventData and UserData side by side;
    attributes of System joined by `_`; no spaces in names."""
    event = record.get("Event", record)
    found: dict[str, Any] = {}
    for name, value in (event.get("System") or {}).items():
        if isinstance(value, dict):
            for key, inner in value.get("#attributes", {}).items():
                found[f"{name}_{key}"] = inner
            value = value.get("#text")  # noqa: PLW2901
        found[name] = value
    for part in ("EventData", "UserData"):
        for name, value in (event.get(part) or {}).items():
            nested = part == "UserData" and isinstance(value, dict)
            found.update(value if nested else {name: value})
    return {name.replace(" ", ""): value for name, value in found.items()}


def records(data: bytes) -> Iterator[dict[str, Any]]:
    """The events of a file: one JSON value after another, or a list of them."""
    text, at = data.decode("utf-8-sig"), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        yield from value if isinstance(value, list) else [value]


def compile_all(files: dict[str, bytes], placeholders: dict[str, list[str]]) -> Collection:
    """Every rule file; prints the counts."""
    chosen = [
        (path, data.decode("utf-8"))
        for path, data in files.items()
        if path.startswith(FOLDERS) and path.endswith((".yml", ".yaml"))
    ]
    started = time.perf_counter()
    found = load_collection(chosen, placeholders)
    seconds = time.perf_counter() - started
    print(f"{len(chosen)} files, {len(found.rules)} rules compiled in {seconds:.1f} s")
    by_reason: dict[str, Counter[str]] = defaultdict(Counter)
    for problem in found.problems:
        by_reason[problem.reason][problem.error.path.split("/")[0]] += 1
    for reason, places in sorted(by_reason.items()):
        where = ", ".join(f"{place} {count}" for place, count in sorted(places.items()))
        print(f"  {reason:12} {places.total():4}  ({where})  {REASONS.get(reason, 'not YAML')}")
    return found


def regression(files: dict[str, bytes], found: Collection, show: int) -> tuple[int, int, int]:
    """(passed, failed, of rules that did not compile or are gone)."""
    rules = {name: rule for rule in found.rules for name in rule.names}
    passed = failed = absent = 0
    for path, data in sorted(files.items()):
        if not path.startswith("regression_data/") or not path.endswith("info.yml"):
            continue
        info = yaml.safe_load(data)
        folder = path.rsplit("/", 1)[0]
        events = [
            flat_windows_event(record)
            for name in sorted(files)
            if name.startswith(folder + "/") and name.endswith(".json")
            for record in records(files[name])
        ]
        if not events:
            continue
        cases = info.get("regression_tests_info") or [{}]
        for told in info["rule_metadata"]:
            rule = rules.get(told["id"])
            if rule is None:
                absent += 1
                print(f"  no such rule: {told['id']} ({path})")
                continue
            hits = sum(rule.matches(Event(event)) for event in events)
            # some files hold fewer records than the count, which is of the original log
            wanted = min(len(events), max(one.get("match_count", 1) for one in cases))
            passed, failed = passed + (hits >= wanted), failed + (hits < wanted)
            if hits < wanted and failed <= show:
                print(f"  failed: {rule.path}: {hits} of {len(events)} events, wanted {wanted}")
    return passed, failed, absent


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("--placeholders", help="YAML file, name: [values]")
    parser.add_argument("--show", type=int, default=20, help="how many problems to print")
    given = parser.parse_args()
    placeholders = (
        yaml.safe_load(Path(given.placeholders).read_text()) if given.placeholders else {}
    )
    files = read_corpus(given.corpus)
    found = compile_all(files, placeholders)
    for problem in found.problems[: given.show]:
        print(f"  {problem.reason}: {problem.error.en}")
    passed, failed, absent = regression(files, found, given.show)
    print(f"regression: {passed} passed, {failed} failed, {absent} without a compiled rule")
    unnamed = [one for one in found.problems if one.reason not in {*REASONS, "yaml"}]
    return 1 if failed or unnamed else 0


if __name__ == "__main__":
    sys.exit(main())
