"""The settings file of a stack: the cluster profile with the addresses of the servers there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jobs import stack_archive

SETTINGS_FILE = "cluster.yaml"
_HEAD = f"""\
# Written by `mingjian stack up`: the cluster profile on the servers of this folder. Whoever can
# read it may look into the archive (access.open): for trying out. Passwords: see
# {stack_archive.SECRETS_FILE}.
"""


def write_settings(folder: Path, addresses: Mapping[str, str], task_managers: int) -> Path:
    """Write the file into the stack's folder.

    Args:
        addresses: of each server by name; without "postgres" the stack has no archive.
        task_managers: how many there are.
    """
    source = Path(__file__).resolve().parents[1] / "config" / SETTINGS_FILE
    values: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    values["kafka"] = {**values.get("kafka", {}), "bootstrap": addresses["kafka"]}
    values["flink"] = {
        **values.get("flink", {}),
        "parallelism": task_managers,
        "rest_url": addresses["flink"],
        "checkpoint_dir": str(folder / "flink" / "checkpoints"),
    }
    values["targets"] = [
        stack_archive.target(target, folder, addresses)
        if target["kind"] == "archive"
        else {**target, "url": addresses[target["kind"]]}
        for target in values["targets"]
        if target["kind"] != "archive" or "postgres" in addresses
    ]
    file = folder / SETTINGS_FILE
    for name in ("data_dir", "keys_dir"):  # the same for everybody, wherever they are started
        values[name] = _said_before(file, name) or str(Path(values[name]).resolve())
    # a machine of one's own, as in the embedded profile; the custody book says so at every line
    values["access"] = {"open": True}
    file.write_text(
        _HEAD + yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return file


def _said_before(file: Path, name: str) -> str:
    """A folder of the file as it was written last: where keys are does not move with whoever calls
    this from somewhere else."""
    try:
        before = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return ""
    said = before.get(name, "") if isinstance(before, dict) else ""
    return said if isinstance(said, str) and Path(said).is_absolute() else ""
