"""Packs written as Mingjian writes them, of whatever files a test has changed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from reports.zipped import zipped
from tests.support.sample_case import CREATED_AT


def write_pack(path: Path, contents: Mapping[str, bytes]) -> Path:
    """A ZIP of these files at `path`, in the one form that packs have."""
    path.write_bytes(zipped(contents, CREATED_AT))
    return path


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files of a pack by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as pack:
        return {name: pack.read(name) for name in pack.namelist()}
