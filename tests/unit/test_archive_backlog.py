"""Messages that are kept unopened, very many of them: they hold up nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.archive.book import Book
from ingest.archive.port import ArchiveError
from tests.support.archive import Company, ids, stored, write_key

MANY = 2_600  # more than are tried in one turn


@pytest.fixture
def keyless(tmp_path: Path) -> Company:
    """A company whose second key was missing over a weekend."""
    company = Company(tmp_path)
    company.archive.add(*(stored(seq, version=2) for seq in range(1, MANY + 1)))
    assert company.pull().shut == {"key_missing": MANY}
    return company


def test_new_messages_are_pulled_while_kept_ones_are_tried(keyless: Company) -> None:
    keyless.archive.add(stored(MANY + 1))
    write_key(keyless.keys, 2)
    pulled = keyless.pull()
    assert (pulled.taken.new, pulled.shut) == (MANY + 1, {})
    assert sorted(keyless.taken) == sorted(ids(*range(1, MANY + 2)))
    assert keyless.taken.index(f"m{MANY + 1}") < keyless.taken.index(f"m{MANY}")
    assert keyless.intake.open() == []


def test_all_are_tried_before_it_sleeps(keyless: Company) -> None:
    keyless.clock.at[1] = lambda: setattr(keyless.clock, "stop", True)
    write_key(keyless.keys, 2)
    assert keyless.pull(once=False).shut == {}


def test_it_ends_when_it_is_told_to_while_kept_ones_are_tried(keyless: Company) -> None:
    real, calls = keyless.archive.decrypt, keyless.archive.calls

    def decrypt(key: bytes, message: str) -> bytes:
        keyless.clock.stop = True
        return real(key, message)

    keyless.archive.decrypt = decrypt  # type: ignore[method-assign]
    write_key(keyless.keys, 2)
    pulled = keyless.pull()
    assert pulled.shut == {"key_missing": MANY - 500}, "one page, and all of it is durable"
    assert keyless.archive.calls == calls, "the archive is not asked any more"
    keyless.clock.stop, keyless.archive.decrypt = False, real  # type: ignore[method-assign]
    assert keyless.pull().shut == {}
    assert len(keyless.taken) == MANY


def test_what_cannot_be_opened_still_costs_no_work_for_each_message(keyless: Company) -> None:
    """Each transaction is a disk's pause, and each count goes through all that is kept."""
    done: list[str] = []

    def book(path: Path) -> Book:
        made = Book(path)
        made._db.set_trace_callback(done.append)
        return made

    keyless.pull(book=book)
    assert sum(one.startswith("BEGIN") for one in done) < 20
    assert sum("GROUP BY" in one for one in done) < 20


def test_it_says_how_far_it_is(keyless: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.archive.backlog._SAY", 1_000)
    write_key(keyless.keys, 2)
    keyless.pull()
    assert keyless.clock.told == [
        ("trying", "1,000 of 2,600 messages that are kept were tried again, 1,000 could be opened"),
        ("trying", "2,000 of 2,600 messages that are kept were tried again, 2,000 could be opened"),
        ("opened", "2,600 messages that were kept could be opened"),
    ]


def test_messages_of_one_number_are_both_tried_wherever_a_page_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.archive.backlog.PAGE", 1)
    company = Company(tmp_path, versions=())
    company.archive._messages = [stored(1), stored(2)._replace(seq=1)]
    assert company.pull().shut == {"key_missing": 2}
    write_key(company.keys, 1)
    assert company.pull().shut == {}
    assert company.taken == ids(1, 2)


def test_messages_refused_as_expired_are_told_once_however_often_they_are_tried(
    tmp_path: Path,
) -> None:
    company = Company(tmp_path)
    company.archive.add(stored(1), stored(2), stored(3))

    def decrypt(key: bytes, message: str) -> bytes:
        raise ArchiveError(10010, "DecryptData")

    company.archive.decrypt = decrypt  # type: ignore[method-assign]
    for _ in range(3):
        company.pull()
        assert [(kind, count) for kind, _, count in company.intake.open()] == [
            ("message_expired", 3)
        ]


def test_a_missing_key_that_comes_and_finds_messages_expired_is_told(tmp_path: Path) -> None:
    company = Company(tmp_path, versions=())
    company.archive.add(stored(1), stored(2))
    company.pull()

    def decrypt(key: bytes, message: str) -> bytes:
        raise ArchiveError(10010, "DecryptData")

    company.archive.decrypt = decrypt  # type: ignore[method-assign]
    write_key(company.keys, 1)
    assert company.pull().shut == {"message_expired": 2}
    assert [(kind, count) for kind, _, count in company.intake.open()] == [("message_expired", 2)]


def test_each_missing_version_is_told_with_the_first_number_of_its_own(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.archive.add(stored(1, version=2), stored(2, version=3), stored(3, version=2))
    company.pull()
    assert [(detail[:39], count) for _, detail, count in company.intake.open()] == [
        ("publickey_ver 2, first at number 1; the", 2),
        ("publickey_ver 3, first at number 2; the", 1),
    ]


def test_an_incident_says_that_more_may_have_come_than_it_counts(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.archive.add(*(stored(seq, version=2) for seq in range(1, 31)))
    assert company.pull(limit=10).shut == {"key_missing": 30}
    ((_, detail, count),) = company.intake.open()
    assert count == 10, "it is told at once, with the first page"
    assert detail.endswith("; at least 10, as counted when this was told")


def test_a_needed_version_whose_file_holds_no_key_is_missing_and_the_incident_says_why(
    tmp_path: Path,
) -> None:
    company = Company(tmp_path)
    (company.keys / "2.pem").touch()
    company.archive.add(stored(1), stored(2, version=2), stored(3, version=3))
    assert company.pull().shut == {"key_missing": 2}
    assert [(word, en.partition(": ")[0]) for word, en in company.clock.told] == [
        ("keys", f"{company.keys / '2.pem'} is passed over")
    ]
    assert ["the file of version 2 holds none" in one for _, one, _ in company.intake.open()] == [
        True,
        False,
    ]
