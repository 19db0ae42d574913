"""A ledger that was damaged behind its writer's back: it says so, changes nothing, and appends
nothing; what being killed leaves is mended as ever."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.errors import MingjianError
from sinks.ledger import heads, log
from sinks.ledger.audit import audit
from sinks.ledger.checkpoint import Checkpoint, Note, signed
from sinks.ledger.heads import append_note, read_heads, read_notes
from sinks.ledger.log import Ledger
from sinks.ledger.mending import mending
from sinks.ledger.reader import LedgerReader
from sinks.ledger.tail import tails
from sinks.ledger.tiles import bundle, tile_path
from sinks.ledger.trouble import HeadsDamaged, LedgerDamaged
from tests.unit.test_ledger import ORIGIN, Stamp, entries, filled, root_of, valid

SIZES = (100, 530, 903)
NEWEST = 903


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("whole"), *SIZES)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, all of which may be written."""
    shutil.copytree(whole, tmp_path / "ledger")
    for path in (tmp_path / "ledger").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return tmp_path / "ledger"


def state(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def refused(folder: Path, **given: Any) -> MingjianError:
    """What the writer says, having changed nothing."""
    before = state(folder)
    with pytest.raises(MingjianError) as caught:
        Ledger(folder, ORIGIN, **given).append([b"more"])
    assert state(folder) == before
    assert caught.value.zh
    assert caught.value.fix_en
    assert caught.value.fix_zh
    return caught.value


# --- the history of heads ----------------------------------------------------------------------


def ends_of(data: bytes) -> list[int]:
    """Where each head of a history ends."""
    ends, at = [], 0
    for note in _notes(data):
        at += len(bytes(note)) + 1
        ends.append(at)
    return ends


def _notes(data: bytes) -> list[Note]:
    return heads._parsed(data)[0]


def test_a_history_that_was_cut_anywhere_is_told_with_byte_and_line_and_nothing_is_signed(folder):
    path = folder / "checkpoints"
    data = path.read_bytes()
    ends = ends_of(data)
    assert len(ends) == len(SIZES)
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        told = refused(folder).en
        line = data.count(b"\n", 0, length) + (data[length - 1 : length] not in (b"\n", b""))
        assert f"checkpoints is cut short at byte {length:,} (line {line:,})" in told, length
        assert "the head of 903 entries, which checkpoint has, is not in it" in told
        left = sum(end <= length for end in ends) + 1
        heads_left = "1 signed head can" if left == 1 else f"{left} signed heads can"
        assert f"{heads_left} be read, the newest of 903 entries" in told
        with pytest.raises(HeadsDamaged):
            LedgerReader(folder)
        assert LedgerReader(folder, as_it_is=True).size == NEWEST
        (found,) = audit(folder, valid)
        assert (found.place, f"byte {length:,}" in found.en) == ("checkpoints", True)
    for end in ends[:-1]:  # at a line: whole heads are missing
        path.write_bytes(data[:end])
        assert f"cut short at byte {end:,}" in refused(folder).en


def test_a_history_that_was_cut_within_its_last_line_while_the_newest_head_is_gone_too(folder):
    (folder / "checkpoint").unlink()
    path = folder / "checkpoints"
    data = path.read_bytes()
    start = ends_of(data)[1]
    cut(path, start + 50)
    told = refused(folder).en
    assert f"no signed head from byte {start:,} (line 15) to byte {start + 50:,}" in told
    assert "2 signed heads can be read, the newest of 530 entries" in told


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda at: (at / "checkpoints").unlink(), "checkpoints is gone; 1 signed head can"),
        (lambda at: (at / "checkpoint").unlink(), "checkpoint is gone; 3 signed heads can"),
        (lambda at: cut(at / "checkpoint", 40), "checkpoint is no signed head: it is not a"),
        (lambda at: _swap(at / "checkpoints"), "no signed head from byte"),
        (lambda at: _no_heads(at / "checkpoints"), "checkpoints is empty; no signed head is left"),
    ],
    ids=["history gone", "newest gone", "newest cut", "byte altered", "empty"],
)
def test_other_damage_of_the_heads(folder, harm, said):
    harm(folder)
    assert said in refused(folder).en
    with pytest.raises(HeadsDamaged, match="is damaged"):
        read_notes(folder)
    with pytest.raises(HeadsDamaged, match="is damaged"):
        LedgerReader(folder)


def _swap(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(b"time")] ^= 1
    path.write_bytes(data)


def _no_heads(history: Path) -> None:
    history.with_name("checkpoint").unlink()
    cut(history, 0)


def test_heads_are_gone_altogether_and_were_stamped(folder):
    stamped = folder / "stamps" / "903-2"
    stamped.mkdir(parents=True)
    (stamped / "head").write_bytes((folder / "checkpoint").read_bytes())
    (folder / "checkpoint").unlink()
    (folder / "checkpoints").unlink()
    assert "checkpoints and checkpoint are gone, and heads of it were stamped" in refused(folder).en
    with mending(folder, [], valid, fresh=False) as found:
        found.write(".aside")
    Ledger(folder, ORIGIN).close()
    assert LedgerReader(folder).size == NEWEST


@pytest.mark.parametrize("ends", ["whole", "torn", "published late"])
def test_what_being_killed_while_signing_leaves_is_no_damage(folder, ends):
    path, newest = folder / "checkpoints", folder / "checkpoint"
    data = path.read_bytes()
    start = ends_of(data)[1]
    if ends != "whole":
        newest.write_bytes(data[ends_of(data)[0] : start - 1])  # the head before
    if ends == "torn":
        cut(path, start + 30)
    assert LedgerReader(folder).size == (530 if ends == "torn" else NEWEST)
    assert list(audit(folder, valid)) == [], "an edge that no head has is not one that is damaged"
    ledger = Ledger(folder, ORIGIN)
    assert (ledger.size, ledger.root()) == (NEWEST, root_of(NEWEST))
    ledger.checkpoint([Stamp()], 2)
    ledger.close()
    assert path.read_bytes()[: len(data)] == data
    assert list(audit(folder, valid)) == []


def test_the_first_head_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path, ORIGIN)
    ledger.append(entries(0, 10))
    monkeypatch.setattr(heads, "write_whole", _full)
    with pytest.raises(OSError, match="No space"):
        ledger.checkpoint([Stamp()], 1)
    ledger.close()
    assert not (tmp_path / "checkpoints").exists()
    monkeypatch.undo()
    Ledger(tmp_path, ORIGIN).close()


def test_heads_of_another_ledger(folder, tmp_path):
    other = Ledger(tmp_path / "other", "mingjian/umbrella/ledger")
    other.append(entries(0, 50))
    other.checkpoint([Stamp()], 1)
    other.close()
    for name in ("checkpoints", "checkpoint"):
        shutil.copy(tmp_path / "other" / name, folder / name)
    told = refused(folder).en
    assert "newest signed head is of the ledger mingjian/umbrella/ledger (50 entries)" in told
    assert "and this is mingjian/acme/ledger" in told
    with pytest.raises(MingjianError, match="is not signed with the key of this installation"):
        LedgerReader(folder, lambda note: note.checkpoint.origin == ORIGIN)


def forge(folder: Path) -> Note:
    """The newest head, as it was signed but for one bit of its signature."""
    note = read_notes(folder)[-1]
    (one,) = note.signatures
    value = bytes([one.value[0] ^ 1]) + one.value[1:]
    forged = note._replace(signatures=(one._replace(value=value),))
    for name in ("checkpoints", "checkpoint"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(bytes(note), bytes(forged)))
    return forged


def test_the_writer_goes_on_from_no_head_that_is_not_truly_signed(folder):
    """The id of the key is in the note for everybody to copy; the signature is not."""
    Ledger(folder, ORIGIN, trusts=valid).close()
    forge(folder)
    error = refused(folder, trusts=valid)
    assert "its newest signed head (903 entries) is not truly signed" in error.en
    assert "`mingjian ledger mend --why …`" in error.fix_en
    with mending(folder, [], valid, fresh=False) as found:
        assert [note.checkpoint.size for note in found.notes] == [100, 530]
        assert "is not truly signed" in found.wrong.en
        found.write(".aside")
    ledger = Ledger(folder, ORIGIN, trusts=valid)
    assert ledger.size == NEWEST, "no entry is lost with the head"
    ledger.close()


def test_the_newest_head_does_not_count_and_an_older_one_does_not_stand_in_for_it(folder):
    def trusts(note: Note) -> bool:
        return note.checkpoint.size != NEWEST

    with pytest.raises(MingjianError, match="the newest of 3 signed heads"):
        LedgerReader(folder, trusts)
    assert LedgerReader(folder, trusts, as_it_is=True).size == 530


# --- entries and hashes ------------------------------------------------------------------------


def edge(folder: Path) -> Path:
    return folder / tile_path("entries", 3, 135)


# in the middle only a length that no bundle has is seen at the start: that takes no reading
@pytest.mark.parametrize(
    ("number", "length"), [(0, 0), (0, 1), (0, 767), (2, 0), (2, 1), (2, 768), (2, 5_000)]
)
def test_a_bundle_that_was_cut_short_is_refused_with_both_sizes(folder, number, length):
    cut(folder / tile_path("entries", number), length)
    told = refused(folder).en
    assert f"the bundle of entries {number} is damaged behind entry" in told
    row = 256 * number
    there = int(told.split(": ")[-1].split(" ")[0].replace(",", ""))
    assert row <= there < row + 256
    assert told.endswith(f"{there:,} entries are there in a row, and 903 were signed")


def test_a_bundle_of_others_in_its_place(folder):
    shutil.copy(folder / tile_path("entries", 1), folder / tile_path("entries", 2))
    told = refused(folder).en
    assert "the bundle of entries 2 and its hashes differ at entry 512" in told
    assert "512 entries are there in a row, and 903 were signed" in told


def test_the_edge_that_readers_have_was_cut_short(folder):
    length = edge(folder).stat().st_size
    cut(edge(folder), 500)
    told = refused(folder).en
    assert f"has 500 bytes, and is not what was signed ({length:,} bytes)" in told


def test_an_edge_of_another_width_is_of_no_harm(folder):
    """A crash between writing the next head's edges and signing it leaves them."""
    wider = folder / tile_path("entries", 3, 140)
    wider.write_bytes(bundle([*entries(768, 908)]))
    ledger = Ledger(folder, ORIGIN)
    assert ledger.size == NEWEST
    ledger.close()
    assert list(audit(folder, valid)) == []


@pytest.mark.parametrize(
    ("path", "mends"),
    [(tile_path(0, 3, 135), True), (tile_path(1, 0, 3), True), (tile_path("entries", 3, 135), True),
     (tile_path(0, 2), True)],
    ids=["hashes", "above", "entries", "tile"],
)  # fmt: skip
def test_what_is_gone_and_follows_from_entries_that_are_there_is_worked_out(folder, path, mends):
    there = (folder / path).read_bytes()
    (folder / path).unlink()
    ledger = Ledger(folder, ORIGIN)
    ledger.close()
    assert ((folder / path).read_bytes() == there) is mends
    assert list(audit(folder, valid)) == []


@pytest.mark.parametrize("level", [0, 1])
def test_an_older_edge_in_the_place_of_a_newer(folder, level):
    path = folder / (tile_path(0, 3, 135) if level == 0 else tile_path(1, 0, 3))
    data = path.read_bytes()
    path.write_bytes(data[32:] + data[:32])
    with pytest.raises(LedgerDamaged, match="does not lead from entry 800 to the signed root"):
        LedgerReader(folder).inclusion(800)
    Ledger(folder, ORIGIN).close()
    assert path.read_bytes() == data, "it follows from entries that lead to the signed root"


def test_a_full_tile_of_other_hashes_is_refused(folder):
    shutil.copy(folder / tile_path(0, 0), folder / tile_path(0, 2))
    assert "an entry or a hash was altered" in refused(folder).en


def test_no_proof_comes_out_that_does_not_hold(folder):
    path = folder / tile_path(0, 1)
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    reader = LedgerReader(folder)
    assert len(reader.inclusion(5)) > 0, "the others can still be proved"
    with pytest.raises(LedgerDamaged, match="does not lead from entry 256 to the signed root"):
        reader.inclusion(256)
    with pytest.raises(LedgerDamaged, match="does not lead from the first 300 entries"):
        reader.consistency(300)


def test_a_tail_that_was_cut_below_its_signature_changes_nothing_at_all(folder):
    path = tails(folder)[3]
    cut(path, 500)
    before = state(folder)
    with pytest.raises(LedgerDamaged, match=r"it has 7\d\d entries, and 903 were signed"):
        Ledger(folder, ORIGIN)
    assert state(folder) == before


def test_a_torn_end_behind_the_signature_is_cut_off_as_ever(folder):
    path = tails(folder)[3]
    whole = path.read_bytes()
    path.write_bytes(whole + b"\x00\x40half an entry")
    ledger = Ledger(folder, ORIGIN)
    assert ledger.size == NEWEST
    ledger.append(entries(903, 1_100))
    ledger.checkpoint([Stamp()], 3)
    ledger.close()
    assert list(LedgerReader(folder).entries()) == list(enumerate(entries(0, 1_100)))
    assert list(audit(folder, valid)) == []


def test_an_empty_folder_and_none_at_all(tmp_path):
    gone = tmp_path / "gone"
    with pytest.raises(LedgerDamaged, match="the folder is not there, and 5 entries were confirm"):
        Ledger(gone, ORIGIN, at_least=5)
    assert not gone.exists()
    (tmp_path / "empty").mkdir()
    assert "it has 0 entries, and 5 were confirmed" in refused(tmp_path / "empty", at_least=5).en


@pytest.mark.parametrize(
    "name", ["checkpoints", "checkpoint", "tail-3", "tile/0/002", "tile/entries/002",
             "tile/entries/003.p/135", "tile/0/003.p/135"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(folder, name):
    """A folder in its place is refused to every account, root's too."""
    (folder / name).unlink()
    (folder / name).mkdir()
    told = refused(folder).en
    assert "cannot be read: Is a directory" in told
    assert name in told or "the bundle of entries 2" in told
    if name.startswith("checkpoint"):
        with pytest.raises(MingjianError, match="cannot be read: Is a directory"):
            list(audit(folder, valid))
    else:
        assert list(audit(folder, valid))


# --- a full disk -------------------------------------------------------------------------------


@contextlib.contextmanager
def disk_of(count: int) -> Iterator[FullAt]:
    """A disk that takes so many writes; what goes wrong is that it is full, and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        full = FullAt(patch, count)
        try:
            yield full
        except OSError as error:
            if error.errno != 28:
                raise


def _full(*_args: object, **_given: object) -> None:
    raise OSError(28, "No space left on device")


class FullAt:
    """The disk takes so many writes, and none behind them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.left, self.hit = count, False
        for name, module in (("pwrite", os), ("replace", os), ("fsync", os), ("fdatasync", os)):
            monkeypatch.setattr(module, name, self._counted(getattr(module, name)))

    def _counted(self, really):
        def call(*args):
            if self.left <= 0:
                self.hit = True
                _full()
            self.left -= 1
            return really(*args)

        return call


def test_a_disk_that_is_full_at_any_write_loses_nothing_that_was_confirmed(tmp_path):
    """At the first write, at the second, and so on, until all were taken."""
    count = 0
    while True:
        folder = filled(tmp_path / str(count), 250, 700)
        confirmed, ledger = 700, Ledger(folder, ORIGIN)
        with disk_of(count) as full:
            ledger.append(entries(700, 1_030))
            confirmed = 1_030
            ledger.checkpoint([Stamp()], 3)
        ledger.close()
        assert LedgerReader(folder).size in (700, 1_030), "what was signed can be read meanwhile"
        assert list(audit(folder, valid)) == []
        again = Ledger(folder, ORIGIN, at_least=confirmed)
        assert again.root() == root_of(again.size)
        again.append(entries(again.size, 1_100))
        again.checkpoint([Stamp()], 4)
        again.close()
        assert list(LedgerReader(folder).entries()) == list(enumerate(entries(0, 1_100)))
        assert list(audit(folder, valid)) == []
        if not full.hit:
            break
        shutil.rmtree(folder)
        count += 1
    assert count > 20


def test_a_head_that_was_signed_and_not_published_is_before_the_next_one_is_signed(
    tmp_path, monkeypatch
):
    ledger = Ledger(filled(tmp_path, 10, 20), ORIGIN)
    ledger.append(entries(20, 30))
    monkeypatch.setattr(log, "publish", _full)
    with pytest.raises(OSError, match="No space"):
        ledger.checkpoint([Stamp()], 2)
    monkeypatch.undo()
    ledger.append(entries(30, 40))
    ledger.checkpoint([Stamp()], 3)
    ledger.close()
    assert [note.checkpoint.size for note in LedgerReader(tmp_path).notes][-1] == 40
    assert read_heads(tmp_path).wrong is None


def test_a_disk_that_is_full_while_heads_are_mended_leaves_what_was_there(folder):
    cut(folder / "checkpoints", 300)
    count = 0
    while True:
        with mending(folder, [], valid, fresh=False) as found, disk_of(count) as full:
            found.write(f".aside-{count}")
        if not full.hit:
            break
        assert {note.checkpoint.size for note in read_heads(folder).usable} == {100, 903}
        if read_heads(folder).wrong is None:
            break
        count += 1
    assert count > 3
    Ledger(folder, ORIGIN).close()


def open_mending(folder: Path, given: list[Note], *, fresh: bool) -> None:
    with mending(folder, given, valid, fresh=fresh):
        pass


# --- mending the history -----------------------------------------------------------------------


def test_the_history_is_put_together_from_the_heads_that_are_left(folder):
    given = LedgerReader(folder).notes[1]
    cut(folder / "checkpoints", 300)
    damaged = (folder / "checkpoints").read_bytes()
    with mending(folder, [given], valid, fresh=False) as found:
        assert [note.checkpoint.size for note in found.notes] == list(SIZES)
        found.write(".aside")
    assert (folder / "checkpoints.aside").read_bytes() == damaged
    assert read_heads(folder).wrong is None
    assert list(audit(folder, valid)) == []
    ledger = Ledger(folder, ORIGIN)
    ledger.append(entries(903, 1_000))
    ledger.checkpoint([Stamp()], 3)
    ledger.close()
    assert len(LedgerReader(folder).notes) == 4


def test_a_head_that_does_not_count_is_left_out_and_one_that_does_not_fit_stops_it(folder):
    cut(folder / "checkpoints", 300)
    forged = Note(Checkpoint(ORIGIN, 530, b"r" * 32, 1), ())
    with mending(folder, [forged], valid, fresh=False) as found:
        assert (len(found.notes), found.left_out) == (2, 1)
    longer = signed(Checkpoint(ORIGIN, 1_000, b"r" * 32, 9), [Stamp()])
    before = state(folder)
    with pytest.raises(LedgerDamaged, match="do not lead to the signed head of 1,000 entries"):
        open_mending(folder, [longer], fresh=False)
    assert state(folder) == before


def test_without_any_head_a_new_history_begins_only_when_that_is_asked_for(folder):
    _no_heads(folder / "checkpoints")
    with pytest.raises(MingjianError) as caught, mending(folder, [], valid, fresh=False):
        pass
    assert "no signed head is left" in caught.value.en
    assert "--fresh" in caught.value.fix_en
    refused(folder)
    with mending(folder, [], valid, fresh=True) as found:
        found.write(".aside")
    ledger = Ledger(folder, ORIGIN)
    assert (ledger.size, ledger.last) == (NEWEST, None)
    ledger.close()


def test_a_history_that_is_whole_is_not_mended_nor_one_that_is_written(folder):
    with pytest.raises(MingjianError, match="nothing is wrong"):
        open_mending(folder, [], fresh=True)
    ledger = Ledger(folder, ORIGIN)
    cut(folder / "checkpoints", 300)
    with pytest.raises(MingjianError, match="another process writes"):
        open_mending(folder, [], fresh=False)
    ledger.close()


def test_heads_are_appended_to_a_history_as_they_were(folder):
    data = (folder / "checkpoints").read_bytes()
    note = signed(Checkpoint(ORIGIN, NEWEST, root_of(NEWEST), 77), [Stamp()])
    append_note(folder, note)
    assert (folder / "checkpoints").read_bytes() == data + bytes(note) + b"\n"
