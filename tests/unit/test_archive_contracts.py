"""Files and SQLite keep what is asked of the archive's ends; the others do in tests/integration."""

from __future__ import annotations

import pytest

from sinks.archive.objects import LocalObjects
from sinks.archive.sqlite_index import SqliteIndex
from tests.archive_contract import index, objects


@pytest.mark.parametrize("case", objects.CASES, ids=lambda case: case.__name__)
def test_files(tmp_path, case):
    case(LocalObjects(tmp_path / "segments"))


@pytest.mark.parametrize("case", index.CASES, ids=lambda case: case.__name__)
def test_sqlite(tmp_path, case):
    opened = []

    def open_index():
        opened.append(SqliteIndex(tmp_path / "index.db"))
        return opened[-1]

    case(open_index)
    for one in opened:
        one.close()
