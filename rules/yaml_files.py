"""Which files of a folder are YAML: by the ending of their names, in any case of letters."""

from __future__ import annotations

from pathlib import Path

ENDINGS = (".yaml", ".yml")


def is_yaml(path: Path) -> bool:
    """Does the name end as that of a YAML file, `.YML` included?"""
    return path.suffix.lower() in ENDINGS


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files right in a folder, sorted; none when there is no such folder."""
    return sorted(path for path in folder.glob("*") if is_yaml(path))
