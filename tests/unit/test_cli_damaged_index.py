"""The index in a file: nobody else may read it, and damage in it is told as damage."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import os
import stat

import pytest

from rules.errors import EXIT_ENVIRONMENT, EXIT_OK
from sinks.archive.sqlite_index import SqliteIndex
from sinks.sqlite import SqliteSink
from tests.support.damaged_site import (
    but_the_book,
    call,  # noqa: F401 - fixtures
    findings,
    made,  # noqa: F401
    site,  # noqa: F401
)

PAGE = 4096


ALL_PRIVATE = dict.fromkeys(["index.db", "index.db-wal", "index.db-shm"], 0o600)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder):
    found = (one for one in folder.glob("index.db*") if one.suffix != ".lock")
    return {one.name: mode(one) for one in found}


@pytest.fixture
def loose():
    """As most accounts are set up."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def opened_index(path):
    return SqliteIndex(path)


def opened_sink(path):
    sink = SqliteSink("index", path)
    sink.open()
    return sink


@pytest.mark.parametrize("opened", [opened_index, opened_sink])
def test_nobody_else_may_read_who_talks_with_whom(loose, tmp_path, opened):
    folder = tmp_path / "archive"
    using = opened(folder / "index.db")
    assert modes(folder) == ALL_PRIVATE
    using.close()
    if opened is opened_index:
        assert mode(folder) == 0o700


@pytest.mark.parametrize("opened", [opened_index, opened_sink])
def test_a_file_of_before_is_taken_from_others(loose, tmp_path, opened):
    folder = tmp_path / "archive"
    opened(folder / "index.db").close()
    for suffix in ("", "-wal", "-shm"):
        path = folder / f"index.db{suffix}"
        path.touch()
        path.chmod(0o644)
    using = opened(folder / "index.db")
    assert modes(folder) == ALL_PRIVATE
    using.close()


def header(data):
    data[3] ^= 0xFF


def pages(data):
    for at in range(PAGE, len(data), PAGE):
        data[at] ^= 0xFF


HARMS = [header, pages]


@pytest.fixture(params=HARMS, ids=lambda harm: harm.__name__)
def damaged(request, site):
    path = site / "archive" / "index.db"
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    data = bytearray(path.read_bytes())
    request.param(data)
    path.write_bytes(data)
    return site


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("zhao", ("archive", "search", "--text", "保本")),
        ("zhao", ("archive", "show", "5")),
        ("shen", ("archive", "check")),
        ("guan", ("deliver", "--once")),
    ],
    ids=lambda one: one if isinstance(one, str) else one[1],
)
def test_a_damaged_index_is_called_so_and_what_makes_it_again_is_named(call, damaged, who, words):
    before = but_the_book(damaged)
    code, told = call(who, *words)
    assert code == EXIT_ENVIRONMENT, told
    assert "archive/index.db is damaged" in told
    assert "`mingjian archive rebuild" in told
    for never in ("defect", "run it again", "when the target is back"):
        assert never not in told
    assert but_the_book(damaged) == before


def test_the_doctor_names_what_makes_it_again(call, damaged):
    found = findings(call)["archive_index"]
    assert (found["state"], "index.db is damaged" in found["en"]) == ("fail", True)
    assert "`mingjian archive rebuild" in found["fix_en"]


def test_what_was_named_makes_it_again(call, damaged):
    code, told = call("guan", "archive", "rebuild", "--why", "disk")
    assert code == EXIT_OK, told
    code, told = call("zhao", "archive", "show", "5")
    assert (code, "第5条保本" in told) == (EXIT_OK, True)
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    assert call("shen", "archive", "check")[0] == EXIT_OK
