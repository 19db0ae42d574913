"""The puller's memory while its disk is full, its file locked or damaged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import waiting
from ingest.archive.book import Book
from ingest.archive.opening import Shut
from ingest.archive.page import Encrypted
from ingest.waiting import NotNow, Stopped, Told, Wait
from rules.errors import MingjianError
from tests.support.archive import Company, ids, stored


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST_S", 0.01)
    monkeypatch.setattr("ingest.archive.book._BUSY_S", 0.01)


class FullDisk:
    """A disk with no room for what the book wants to write until that was said."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.book: Book | None = None

    def tell(self, told: Told) -> None:
        self.told.append(told)
        if told.state == "away":
            self._room(1_000)

    def __call__(self, path: Path) -> Book:
        self.book = Book(path, lambda: Wait(None, threading.Event(), self.tell))
        self._room(1)  # SQLite takes the pages there are now for the least
        return self.book

    def _room(self, pages: int) -> None:
        assert self.book is not None
        self.book._db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_said_and_waited_for_and_loses_nothing(tmp_path: Path) -> None:
    company, disk = Company(tmp_path), FullDisk()
    company.archive.add(*(stored(seq, version=seq % 2 + 1) for seq in range(1, 41)))
    pulled = company.pull(book=disk)
    assert [one.state for one in disk.told] == ["away", "back"]
    assert "archive.db: database or disk is full" in disk.told[0].reason
    assert pulled.shut == {"key_missing": 20}
    assert company.taken == ids(*range(2, 41, 2))
    assert [(kind, count) for kind, _, count in company.intake.open()] == [("key_missing", 20)]


def message(seq: int) -> Shut:
    return Shut(Encrypted(seq, f"m{seq}", 1, "key", "text" * 500), "key_missing")


@pytest.mark.parametrize(
    "write",
    [
        lambda book: book.keep([message(1)], 0),
        lambda book: book.forget([message(0).message]),
        lambda book: book.gap(5, 6, 0),
        lambda book: book.left_of_gap(1, [(2, 3)], 0),
        lambda book: book.opening("collector_lag", "", "key"),
        lambda book: book.told("key_missing", "1"),
        lambda book: book.ended("key_missing", "1"),
        lambda book: book.note("upto", 7),
    ],
)
def test_a_locked_file_is_waited_for_by_whatever_writes(
    tmp_path: Path, write: Callable[[Book], object]
) -> None:
    told: list[str] = []
    with sqlite3.connect(tmp_path / "kept.db", isolation_level=None) as other:

        def tell(news: Told) -> None:
            told.append(news.state)
            if news.state == "away":
                other.execute("ROLLBACK")

        book = Book(tmp_path / "kept.db", lambda: Wait(None, threading.Event(), tell))
        book.keep([message(0)], 0)
        book.opening("key_missing", "1", "key")
        other.execute("BEGIN IMMEDIATE")
        write(book)
        assert told == ["away", "back"]
        book.close()


def test_waiting_ends_when_the_collector_is_to_end(tmp_path: Path) -> None:
    stop = threading.Event()
    book = Book(tmp_path / "kept.db", lambda: Wait(None, stop, lambda _: stop.set()))
    with sqlite3.connect(tmp_path / "kept.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Stopped, match="database is locked"):
            book.note("upto", 7)
    book.close()


def test_who_does_not_wait_is_told_at_once(tmp_path: Path) -> None:
    book = Book(tmp_path / "kept.db")
    with sqlite3.connect(tmp_path / "kept.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotNow):
            book.note("upto", 7)
        other.execute("ROLLBACK")
    book.note("upto", 7)
    assert book.mark("upto") == 7
    book.close()


def test_a_damaged_file_is_an_error_for_people_and_no_reason_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    book = Book(path)
    book.keep([message(seq) for seq in range(50)], 0)
    book.close()
    data = bytearray(path.read_bytes())
    data[3 * 4096 :] = b"\xff" * (len(data) - 3 * 4096)
    path.write_bytes(data)
    book = Book(path)
    with pytest.raises(MingjianError, match="cannot be used") as raised:
        book.shut()
    assert "无法使用" in raised.value.zh
    book.close()
