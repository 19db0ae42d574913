"""For every test: what is compiled is kept for this run alone, not in the home of whoever tests."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    folder = config.stash[_FOLDER] = tempfile.mkdtemp(prefix="mingjian-cache-")
    os.environ["MINGJIAN_CACHE"] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)
