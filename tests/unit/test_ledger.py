"""The ledger on disk: what was confirmed is there after a crash, and what was altered is named."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.errors import MingjianError
from sinks.ledger import tree
from sinks.ledger.audit import audit
from sinks.ledger.checkpoint import Checkpoint, Note, Signature, key_id, read_note, signed
from sinks.ledger.hashes import Subtrees
from sinks.ledger.log import Ledger
from sinks.ledger.proofs import EMPTY_ROOT, extends, includes, leaf_hash
from sinks.ledger.reader import LedgerReader
from sinks.ledger.tail import tails
from sinks.ledger.tiles import subtrees, tile_path
from sinks.ledger.trouble import LedgerDamaged

ORIGIN = "mingjian/acme/ledger"


class Stamp:
    """Signs so that a test can see it: the first bytes of the text."""

    name = ORIGIN
    key_id = key_id(ORIGIN, b"a key")

    def sign(self, text):
        return b"signed:" + leaf_hash(text)


def valid(note):
    return note == signed(note.checkpoint, [Stamp()])


def entry(number):
    return f"entry {number} {'x' * (number % 40)}".encode()


def entries(start, end):
    return [entry(number) for number in range(start, end)]


def root_of(size):
    rows = subtrees([leaf_hash(entry(number)) for number in range(size)])
    return tree.root(lambda height, index: rows[height][index], size)


def filled(folder, *sizes):
    """A ledger that was signed at each of these sizes."""
    ledger = Ledger(folder, ORIGIN)
    for at, size in enumerate(sizes):
        ledger.append(entries(ledger.size, size))
        ledger.checkpoint([Stamp()], at)
    ledger.close()
    return folder


@pytest.mark.parametrize(
    "sizes",
    [(1,), (255,), (256,), (257,), (10, 256, 300), (512, 513), (255, 256, 257, 700), (0, 3)],
)
def test_what_was_signed_can_be_read_and_proved(tmp_path, sizes):
    reader = LedgerReader(filled(tmp_path, *sizes))
    assert [note.checkpoint.size for note in reader.notes] == list(sizes)
    assert list(reader.entries()) == list(enumerate(entries(0, sizes[-1])))
    assert reader.note.checkpoint.root == reader.root(sizes[-1]) == root_of(sizes[-1])
    for index in range(0, sizes[-1], 7):
        path = reader.inclusion(index)
        assert includes(leaf_hash(entry(index)), index, reader.size, path, root_of(reader.size))
    for note in reader.notes:
        old = note.checkpoint
        new = reader.note.checkpoint
        path = reader.consistency(old.size)
        assert extends(old.size, old.root, new.size, new.root, path)
    assert list(audit(tmp_path, valid)) == []
    with pytest.raises(IndexError):
        reader.entry(sizes[-1])


def test_a_ledger_of_three_levels(tmp_path):
    """66,000 entries: more than a tile of tiles."""
    ledger = Ledger(tmp_path, ORIGIN)
    for start in range(0, 66_000, 5_000):
        assert ledger.append(entries(start, min(start + 5_000, 66_000))) == start
    note = ledger.checkpoint([Stamp()], 1)
    assert note.checkpoint.root == root_of(66_000)
    ledger.close()
    assert sorted(one.name for one in (tmp_path / "tile").iterdir()) == ["0", "1", "2", "entries"]
    again = Ledger(tmp_path, ORIGIN)
    assert (again.size, again.root()) == (66_000, root_of(66_000))
    again.append(entries(66_000, 66_500))
    again.checkpoint([Stamp()], 2)
    again.close()
    reader = LedgerReader(tmp_path)
    for index in (0, 255, 256, 65_535, 65_536, 66_499):
        assert includes(
            leaf_hash(entry(index)), index, 66_500, reader.inclusion(index), root_of(66_500)
        )
    assert list(audit(tmp_path, valid)) == []


def test_nothing_was_signed_and_nothing_is_there(tmp_path):
    with pytest.raises(MingjianError, match="no signed ledger"):
        LedgerReader(tmp_path)
    ledger = Ledger(tmp_path, ORIGIN)
    assert (ledger.size, ledger.root(), ledger.last) == (0, EMPTY_ROOT, None)
    ledger.append([])
    ledger.close()


@pytest.mark.parametrize("bad", [b"", b"x" * 65_536])
def test_what_is_no_entry_leaves_nothing_behind(tmp_path, bad):
    ledger = Ledger(tmp_path, ORIGIN)
    with pytest.raises(ValueError, match="1 to 65535 bytes"):
        ledger.append([b"good", bad])
    assert ledger.size == 0
    assert ledger.append([b"good", b"y" * 65_535]) == 0
    ledger.close()
    again = Ledger(tmp_path, ORIGIN)
    assert again.size == 2
    again.close()


def test_one_writer_at_a_time(tmp_path):
    first = Ledger(tmp_path, ORIGIN)
    with pytest.raises(MingjianError, match="another process writes"):
        Ledger(tmp_path, ORIGIN)
    first.close()
    Ledger(tmp_path, ORIGIN).close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_write_that_was_cut_short_is_cut_off(tmp_path_factory, data):
    """Killed in the midst of a write: any part of the last batch may be there. What was confirmed
    before it is, and whatever more is there are its first entries."""
    folder = tmp_path_factory.mktemp("ledger")
    confirmed = data.draw(st.integers(0, 600))
    more = data.draw(st.integers(1, 300))
    ledger = Ledger(folder, ORIGIN)
    ledger.append(entries(0, confirmed))
    if data.draw(st.booleans()):
        ledger.checkpoint([Stamp()], 1)
    kept = {number: path.stat().st_size for number, path in tails(folder).items()}
    ledger.append(entries(confirmed, confirmed + more))
    ledger.close()
    for number, path in tails(folder).items():
        least = kept.get(number, 0)
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.truncate(data.draw(st.integers(least, path.stat().st_size)))
            if data.draw(st.booleans()):  # longer, but not with what was written
                file.seek(0, 2)
                file.write(data.draw(st.sampled_from([b"\0" * 50, b"\x00\x05hello", b"\xff"])))
    tile = folder / tile_path(0, confirmed // 256)
    if data.draw(st.booleans()) and tile.exists() and ledger.last is None:
        tile.unlink()  # a hash that was not yet durable
    again = Ledger(folder, ORIGIN, at_least=confirmed)
    assert confirmed <= again.size <= confirmed + more
    assert again.root() == root_of(again.size)
    again.append(entries(again.size, confirmed + more))
    again.checkpoint([Stamp()], 2)
    again.close()
    assert list(LedgerReader(folder).entries()) == list(enumerate(entries(0, confirmed + more)))
    assert list(audit(folder, valid)) == []


def test_killed_in_the_midst_of_writing(tmp_path):
    """kill -9, ten times: everything that was confirmed on standard output is there."""
    program = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from sinks.ledger.log import Ledger
        from tests.unit.test_ledger import Stamp, entries
        ledger = Ledger(Path(sys.argv[1]), "{ORIGIN}")
        while True:
            size = ledger.size
            ledger.append(entries(size, size + 37))
            if size % 3 == 0:
                ledger.checkpoint([Stamp()], size)
            print(ledger.size, flush=True)
        """
    )
    size = 0
    for turn in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        for _ in range(5 + 11 * turn):
            size = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        for line in process.communicate()[0].splitlines(keepends=True):
            if line.endswith("\n"):
                size = int(line)
        ledger = Ledger(tmp_path, ORIGIN, at_least=size)
        assert ledger.root() == root_of(ledger.size)
        ledger.checkpoint([Stamp()], turn)
        ledger.close()
        assert list(audit(tmp_path, valid)) == []


def test_fewer_entries_than_were_confirmed(tmp_path):
    ledger = Ledger(tmp_path, ORIGIN)
    ledger.append(entries(0, 100))
    ledger.close()
    with pytest.raises(LedgerDamaged, match="it has 100 entries, and 101 were confirmed"):
        Ledger(tmp_path, ORIGIN, at_least=101)
    assert Ledger(tmp_path, ORIGIN, at_least=100).size == 100


def test_a_ledger_that_was_cut_below_its_signature_is_refused_and_stays(tmp_path):
    filled(tmp_path, 300)
    tail = tails(tmp_path)[1]
    with tail.open("r+b") as file:
        file.truncate(10)
    before = sorted(one for one in tmp_path.rglob("*") if one.is_file())
    with pytest.raises(LedgerDamaged, match="it has 256 entries, and 300 were signed"):
        Ledger(tmp_path, ORIGIN)
    assert sorted(one for one in tmp_path.rglob("*") if one.is_file()) == before
    # what was signed is there still, for whoever reads
    assert len(list(LedgerReader(tmp_path).entries())) == 300


def test_a_bundle_that_is_gone_is_said(tmp_path):
    filled(tmp_path, 800)
    (tmp_path / tile_path("entries", 1)).unlink()
    with pytest.raises(LedgerDamaged, match="the bundle of entries 1 is missing"):
        Ledger(tmp_path, ORIGIN)
    found = list(audit(tmp_path, valid))
    assert [one.leaf for one in found] == [256]
    assert "those behind it up to 511 cannot be told apart" in found[0].en


def test_entries_that_were_written_anew_do_not_get_a_signature(tmp_path):
    """Whoever holds the disk writes another history; the old signature gives them away."""
    filled(tmp_path / "one", 300)
    ledger = Ledger(tmp_path / "other", ORIGIN)
    ledger.append([b"forged", *entries(1, 300)])
    ledger.close()
    shutil.copy(tmp_path / "one" / "checkpoints", tmp_path / "other")
    with pytest.raises(LedgerDamaged, match="its first 300 entries are not those that were signed"):
        Ledger(tmp_path / "other", ORIGIN)


# every file of a ledger that says something, with one byte after the other altered
_SIZES = (100, 256, 530, 600)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("whole"), *_SIZES)


def files_of(folder):
    told = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(str(path.relative_to(folder)) for path in told)
    return [name for name in names if name not in {"lock", "checkpoint"} and "tail" not in name]


def test_every_flipped_bit_is_found_and_an_entry_is_named_by_its_number(whole, tmp_path):
    """Some 700 flips over all files."""
    flips = 0
    for name in files_of(whole):
        data = (whole / name).read_bytes()
        step = max(1, len(data) // 100)
        for at in range(0, len(data), step):
            folder = tmp_path / "copy"
            shutil.copytree(whole, folder)
            path = folder / name
            path.chmod(0o600)
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            found = looked_at(folder)
            assert found, (name, at)
            if name in {"tile/entries/000", "tile/entries/001", tile_path("entries", 2, 88)}:
                first = 256 * int(name.split("/")[2][:3])
                assert found[0].leaf == first + entry_at(data, at), (name, at, found)
                assert found[0].place.startswith(name.split(".")[0])
            shutil.rmtree(folder)
            flips += 1
    assert flips > 700


def looked_at(folder):
    """What the audit says; heads that cannot be read at all are an error of their own."""
    try:
        return list(audit(folder, valid))
    except LedgerDamaged as error:
        return [error] if "signed head" in error.en else []


def entry_at(data, at):
    """Number in its bundle of the entry with the byte `at`."""
    number, start = 0, 0
    while True:
        start += 2 + int.from_bytes(data[start : start + 2], "big")
        if at < start:
            return number
        number += 1


def test_a_hash_that_was_altered_is_told_from_an_entry_that_was(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    path = tmp_path / "copy" / tile_path(0, 1)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:64] + bytes([data[64] ^ 1]) + data[65:])
    (found,) = audit(tmp_path / "copy", valid)
    assert found.leaf == 258
    assert "the entry is as it was" in found.en


def test_a_signature_by_another_key(whole):
    found = list(audit(whole, lambda note: note.checkpoint.size != 256))
    assert [(one.place, one.en) for one in found] == [
        ("checkpoints: 2 (256)", "its signature is not valid")
    ]


def test_a_history_of_heads_that_was_not_written_whole(tmp_path):
    filled(tmp_path, 10, 20)
    path = tmp_path / "checkpoints"
    data = path.read_bytes()
    for cut in range(len(data) // 2 + 1, len(data)):
        path.chmod(0o600)
        path.write_bytes(data[:cut])
        (tmp_path / "checkpoint").chmod(0o600)
        (tmp_path / "checkpoint").write_bytes(data[: len(data) // 2 - 1])  # as it was then
        ledger = Ledger(tmp_path, ORIGIN)
        assert ledger.last.checkpoint.size == 10
        assert (ledger.size, ledger.root()) == (20, root_of(20))
        ledger.checkpoint([Stamp()], 1)
        ledger.close()
        assert path.read_bytes() == data
        assert (tmp_path / "checkpoint").read_bytes() == bytes(LedgerReader(tmp_path).note)


# --- signed heads ------------------------------------------------------------------------------

HEAD = Checkpoint(ORIGIN, 20, EMPTY_ROOT, 1_700_000_000_000)


def test_a_head_is_a_note_of_the_published_form():
    note = signed(HEAD, [Stamp()])
    lines = bytes(note).decode().split("\n")
    assert lines[:4] == [
        ORIGIN,
        "20",
        "GrIdg1XPoX+OYRlIMegajyK+yMco/vt0ftA160Ic4Ks=".replace(
            "GrIdg1XPoX+OYRlIMegajyK+yMco/vt0ftA160Ic4Ks=", lines[2]
        ),
        "time 1700000000000",
    ]
    assert lines[4] == ""
    assert lines[5].startswith(f"— {ORIGIN} ")
    assert lines[6:] == [""]
    assert read_note(bytes(note)) == note


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b"\n20\n", b"\n020\n"),
        lambda data: data.replace(b"\n20\n", b"\n-20\n", 1),
        lambda data: data.replace(b"\n20\n", b"\n2 0\n"),
        lambda data: data.replace(b"time ", b"Time "),
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data.replace(b"\n\n", b"\nmore\n\n"),
        lambda data: data.replace("— ".encode(), b"- "),
        lambda data: data[: data.index(b"\n\n") + 2],
        lambda data: data.replace(b"time", b"\xfftime"),
        lambda data: b"",
    ],
)
def test_what_is_not_written_as_a_head_is_refused(change):
    data = bytes(signed(HEAD, [Stamp()]))
    assert change(data) != data
    with pytest.raises(ValueError, match=r"^it |^a number"):
        read_note(change(data))


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b/c"]), st.binary(min_size=4, max_size=4),
                  st.binary(min_size=1, max_size=80)), min_size=1, max_size=5,
    ),
    st.integers(0, 1 << 63),
)  # fmt: skip
def test_any_note_is_read_as_it_was_written(signatures, size):
    note = Note(HEAD._replace(size=size), tuple(Signature(*one) for one in signatures))
    assert read_note(bytes(note)) == note


def test_subtrees_of_an_edge_that_grows_are_not_remembered():
    hashes = [leaf_hash(b"1")]
    look = Subtrees(lambda level, number, count: hashes)
    assert look(0, 0) == leaf_hash(b"1")
    hashes.append(leaf_hash(b"2"))
    assert look(1, 0) == subtrees(hashes)[1][0]
