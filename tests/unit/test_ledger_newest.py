"""The newest part of a ledger, looked at without the rest: what is said of it, and what is not."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from sinks.ledger.audit import audit, audit_newest, newest_from
from sinks.ledger.checkpoint import Note
from sinks.ledger.reader import LedgerReader
from sinks.ledger.tiles import WIDTH
from tests.unit.test_ledger import filled, valid

# 300 full bundles: two tiles above them, the second not full; and a tail
SIZE = 300 * WIDTH + 77


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("whole"), 40_000, SIZE)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "ledger")
    for path in (tmp_path / "ledger").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return tmp_path / "ledger"


def found(folder: Path, most: int) -> list[tuple[str, int]]:
    told = audit_newest(folder, LedgerReader(folder, valid), most)
    return [(one.place, one.leaf) for one in told]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("most", [1, 77, 78, 5_000, 40 * WIDTH, 45 * WIDTH, SIZE, 10 * SIZE])
def test_a_whole_ledger_has_no_fault_however_much_of_it_is_looked_at(folder, most):
    assert found(folder, most) == []
    first = newest_from(SIZE, most)
    assert min(most, SIZE) <= SIZE - first <= SIZE
    assert first % WIDTH == 0


@pytest.mark.parametrize("number", [250, 256, 270, 299])
def test_an_altered_entry_within_the_part_is_named_and_one_in_front_of_it_is_not(folder, number):
    """The bundle 256 is the first of the second tile above."""
    flip(next((folder / "tile/entries").rglob(f"{number:03}")), 40)
    inside = SIZE - number * WIDTH
    ((place, leaf),) = found(folder, inside)
    assert (place, leaf // WIDTH) == (f"tile/entries/{number:03}", number)
    assert found(folder, inside - WIDTH) == []
    assert [one.leaf for one in audit(folder, valid)] == [leaf]


@pytest.mark.parametrize("path", ["tile/0/299", "tile/1/001.p/44", "tile/2/000.p/1"])
def test_a_hash_that_does_not_lead_to_the_signed_root_is_named(folder, path):
    flip(folder / path, 31)  # of the first hash in it
    told = found(folder, 40 * WIDTH)
    assert told, "of a hash that is not worked out anew the root tells"
    (folder / path).unlink()
    assert found(folder, 40 * WIDTH), path


def test_the_hashes_above_other_entries_are_not_looked_at(folder):
    flip(folder / "tile/1/000", 31)
    assert found(folder, 40 * WIDTH) == []
    assert found(folder, 45 * WIDTH) == [("tile/1/000", -1)]


def test_altered_bytes_are_found_where_the_whole_ledger_is_asked_for(folder):
    """As much is found as by the audit of everything, heads before the newest apart."""
    draw = random.Random(7)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "tile" in str(path))
    for path in draw.sample(files, 12):
        if not (data := path.read_bytes()):
            continue
        flip(path, draw.randrange(len(data)))
        said = {(one.place, one.leaf) for one in audit(folder, valid)}
        assert set(found(folder, SIZE)) == said
        path.write_bytes(data)


def test_only_heads_that_are_asked_for_are_tried_since_a_signature_takes_milliseconds(folder):
    tried: list[int] = []

    def trusts(note: Note) -> bool:
        tried.append(note.checkpoint.size)
        return valid(note)

    ledger = LedgerReader(folder, trusts)
    assert (ledger.size, tried) == (SIZE, [SIZE])
    assert [note.checkpoint.size for note in ledger.newest(1)] == [SIZE]
    assert 40_000 not in tried
    assert [note.checkpoint.size for note in ledger.notes] == [40_000, SIZE]
