"""Small inputs for the real job, and its outputs read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings, load
from rules.alert import OUTPUTS
from rules.cases import moment, record
from rules.ruleset import load_ruleset

LAST_DAY = 1_777_564_800_000  # 2026-05-01
LONGEST_WINDOW = 200 * 86_400_000  # ms: longer than any window of the catalogue


def embedded(folder: Path, *overrides: str) -> Settings:
    """Settings of the embedded profile with everything under `folder`."""
    return load(
        "embedded",
        None,
        (
            f"data_dir={folder}",
            f"keys_dir={folder}/keys",
            f"source.path={folder}/messages",
            f"outputs.path={folder}/outputs",
            f"rules.registry={folder}/rulesets",
            f"targets=[{{kind: sqlite, name: sqlite, path: {folder}/index.db}}]",
            *overrides,
        ),
    )


def changed(
    settings: Settings,
    *,
    source: dict[str, Any] | None = None,
    flink: dict[str, Any] | None = None,
    **more: Any,
) -> Settings:
    """These settings with some others; `source` and `flink` are keys of those sections."""
    return msgspec.structs.replace(
        settings,
        source=msgspec.structs.replace(settings.source, **(source or {})),
        flink=msgspec.structs.replace(settings.flink, **(flink or {})),
        **more,
    )


def write_files(folder: Path, partitions: Sequence[Iterable[bytes]]) -> None:
    """One partition file for each sequence of raw records."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, records in enumerate(partitions):
        (folder / f"messages-p{number}.jsonl").write_bytes(b"".join(r + b"\n" for r in records))


def read_outputs(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """What the job wrote, by output."""
    return {
        name: [
            json.loads(line)
            for file in sorted((Path(settings.outputs.path) / name).rglob("part-*.jsonl"))
            for line in file.read_text(encoding="utf-8").splitlines()
        ]
        for name in OUTPUTS
    }


def catalogue_records() -> list[bytes]:
    """The messages of every test case in the catalogue, in event-time order.

    Every case is a company of its own, so cases cannot touch each other.
    """
    found: list[tuple[int, bytes]] = []
    for file in load_ruleset().files:
        for number, case in enumerate(file.tests):
            tenant = f"{Path(file.path).stem}-{number}"
            for index, message in enumerate(case["messages"], start=1):  # type: ignore[arg-type]
                raw = record(message, f"m{index}", index, tenant)
                found.append((moment(message["at"]), raw))
    return [raw for _, raw in sorted(found, key=lambda pair: pair[0])]


def records_of_behaviours(before: int = LAST_DAY) -> list[bytes]:
    """Of these the messages of the catalogue's correlations; those from `before` (UTC ms) on are
    left out, so that a heartbeat after all windows need not come from the future."""
    names = {Path(file.path).stem for file in load_ruleset().files if file.correlations}
    return [
        raw
        for raw in catalogue_records()
        if json.loads(raw)["tenant"].rpartition("-")[0] in names
        and json.loads(raw)["time"] < before
    ]


def comparable(outputs: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    """Outputs as sets of canonical JSON, without what depends on the place and the key."""
    return {
        name: {
            json.dumps(
                {k: v for k, v in body.items() if k not in ("sealed", "position")}, sort_keys=True
            )
            for body in bodies
        }
        for name, bodies in outputs.items()
    }
