"""Files that have their name when they are whole, and take nobody else's."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sinks.whole_file import new_file


def _write(path: Path, during: Callable[[], object]) -> None:
    with new_file(path, mode=0o600) as file:
        file.write(b"ours")
        during()


def _no_links(*_given: object, **_named: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_has_its_name_when_it_is_whole(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", _no_links)  # as on the file system of a memory stick
    path = tmp_path / "proof"
    with new_file(path, mode=0o640) as file:
        file.write(b"whole")
        assert not path.exists()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"whole", 0o640)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_what_came_meanwhile_is_left_as_it_is(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    path = tmp_path / "proof"
    with pytest.raises(FileExistsError):
        _write(path, lambda: path.write_bytes(b"theirs"))
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_begun_where_there_is_something(tmp_path):
    path = tmp_path / "proof"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        _write(path, lambda: pytest.fail("it was begun"))
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_nothing(tmp_path: Path):
    with pytest.raises(ValueError, match="nothing"):
        _write(tmp_path / "proof", lambda: int("nothing"))
    assert list(tmp_path.iterdir()) == []
