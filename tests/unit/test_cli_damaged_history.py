"""A history of signed heads that is whole by itself and is not what was signed: the archive's index
knows better, and says so."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rules.errors import EXIT_ENVIRONMENT, EXIT_FINDINGS, EXIT_OK, EXIT_USAGE
from sinks.ledger.heads import read_heads
from sinks.ledger.proofs import leaf_hash
from sinks.ledger.tail import frames, read_tail
from tests.support.damaged_site import (
    but_the_book,
    call,  # noqa: F401 - fixtures
    cut,
    findings,
    ledger_of,
    made,  # noqa: F401
    site,  # noqa: F401
    state,
)
from tests.unit.test_cli_archive import save, tree_of


def both_gone(ledger: Path) -> None:
    for name in ("checkpoint", "checkpoints"):
        (ledger / name).unlink()


def rolled_back(ledger: Path) -> None:
    first = bytes(read_heads(ledger).notes[0])
    (ledger / "checkpoints").write_bytes(first + b"\n")
    (ledger / "checkpoint").write_bytes(first)


def rolled_back_without_newest(ledger: Path) -> None:
    rolled_back(ledger)
    (ledger / "checkpoint").unlink()


def altered_tail(ledger: Path) -> None:
    """An entry that was signed, with the frame made anew."""
    path = ledger / "tail-1"
    entries, _ = read_tail(path)
    data = bytearray(entries[40])
    data[-4] ^= 1
    entries[40] = bytes(data)
    path.write_bytes(frames(entries, [leaf_hash(one) for one in entries]))


def without_edges(ledger: Path) -> None:
    for name in ("tile/entries/001.p", "tile/0/001.p"):
        shutil.rmtree(ledger / name)


LOST = [both_gone, rolled_back, rolled_back_without_newest]
KNOWS = "the archive's index knows a signed head of 303 entries"


@pytest.mark.parametrize("harm", LOST, ids=lambda harm: harm.__name__)
def test_heads_that_only_the_index_knows_are_missed_and_nothing_is_signed(call, site, harm):
    harm(ledger_of(site))
    before = but_the_book(site)
    code, told = call("guan", "deliver", "--once")
    assert (code, KNOWS in told, "`mingjian ledger mend --why …`" in told) == (
        EXIT_ENVIRONMENT,
        True,
        True,
    )
    for words in (("archive", "check"), ("ledger", "witness"), ("ledger", "prove", "5")):
        code, told = call("shen", *words)
        assert (code, KNOWS in told) == (EXIT_ENVIRONMENT, True), words
    code, told = call("shen", "ledger", "verify")
    assert (code != EXIT_OK, KNOWS in told, "all is well" in told) == (True, True, False)
    found = findings(call)["ledger"]
    assert (found["state"], KNOWS in found["en"]) == ("fail", True)
    assert but_the_book(site) == before


@pytest.mark.parametrize("harm", LOST, ids=lambda harm: harm.__name__)
def test_lost_heads_are_mended_and_told_and_the_ledger_goes_on(call, site, harm):
    harm(ledger_of(site))
    words = ("ledger", "mend", "--why", "disk")
    if harm is both_gone:
        code, told = call("guan", *words)
        assert (code != EXIT_OK, "--fresh" in told) == (True, True)
        words = (*words, "--fresh")
    code, told = call("guan", *words)
    assert (code, "head of 303 entries that the index knows is lost" in told) == (EXIT_OK, True)
    for again in ("deliver --once", "ledger verify", "archive check"):
        code, told = call("shen" if "deliver" not in again else "guan", *again.split())
        assert code == EXIT_OK, told
    rolled_back(ledger_of(site)) if harm is not both_gone else both_gone(ledger_of(site))
    assert call("guan", "deliver", "--once")[0] == EXIT_ENVIRONMENT, "the index knows the new one"


@pytest.mark.parametrize("harm", LOST, ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("edges", [True, False], ids=["edges", "no edges"])
def test_lost_heads_over_an_altered_entry_are_not_mended(call, site, harm, edges):
    harm(ledger_of(site))
    altered_tail(ledger_of(site))
    if not edges:
        without_edges(ledger_of(site))
    before = state(site)
    code, told = call("guan", "deliver", "--once")
    assert (code, "delivered in" in told) == (EXIT_ENVIRONMENT, False)
    for fresh in ((), ("--fresh",)):
        code, told = call("guan", "ledger", "mend", "--why", "disk", *fresh)
        assert code != EXIT_OK, told
    assert state(site) == before


@pytest.mark.parametrize("harm", LOST, ids=lambda harm: harm.__name__)
def test_a_rebuild_misses_no_head_that_the_index_knows(call, site, harm):
    harm(ledger_of(site))
    before = state(site)
    code, told = call("guan", "archive", "rebuild", "--why", "index slow")
    assert (code, KNOWS in told) == (EXIT_ENVIRONMENT, True)
    assert state(site) == before


def test_an_index_that_was_made_again_knows_the_newest_head(call, site):
    for path in (site / "archive").glob("index.db*"):
        path.unlink()
    assert call("guan", "archive", "rebuild", "--why", "disk of the index")[0] == EXIT_OK
    rolled_back(ledger_of(site))
    code, told = call("shen", "archive", "check")
    assert (code, KNOWS in told) == (EXIT_ENVIRONMENT, True)


def test_an_index_that_does_not_take_the_mended_head_is_told_and_it_can_be_tried_again(call, site):
    rolled_back(ledger_of(site))
    with closing(sqlite3.connect(site / "archive" / "index.db")) as index:
        index.execute(
            "CREATE TRIGGER full BEFORE INSERT ON positions WHEN NEW.name = 'signed' "
            "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
        index.commit()
        code, told = call("guan", "ledger", "mend", "--why", "disk")
        assert code == EXIT_ENVIRONMENT
        assert "the history of signed heads is mended, and the archive's index did not take" in told
        assert "database or disk is full" in told
        assert "run `mingjian ledger mend --why …` once more" in told
        index.execute("DROP TRIGGER full")
        index.commit()
    assert call("guan", "deliver", "--once")[0] == EXIT_ENVIRONMENT, "it is still missed"
    assert call("guan", "ledger", "mend", "--why", "disk")[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK


def test_a_given_head_mends_heads_that_were_lost(call, site):
    given = site / "head.txt"
    shutil.copy(ledger_of(site) / "checkpoint", given)
    both_gone(ledger_of(site))
    code, told = call("guan", "ledger", "mend", "--given", str(given), "--why", "disk")
    assert (code, "is lost" in told) == (EXIT_OK, False)
    assert call("guan", "deliver", "--once")[0] == EXIT_OK


def test_an_installation_that_was_killed_before_its_first_head_goes_on(call, site):
    """The index has entries before anything is signed."""
    shutil.rmtree(site / "archive")
    tree = tree_of(site)
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    both_gone(ledger_of(site))
    forget_heads(site)
    save(site, tree)
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    assert call("shen", "ledger", "verify")[0] == EXIT_OK


def test_an_archive_of_before_learns_its_newest_head_when_it_is_opened(call, site):
    forget_heads(site)
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    rolled_back(ledger_of(site))
    assert call("guan", "deliver", "--once")[0] == EXIT_ENVIRONMENT


def forget_heads(site: Path) -> None:
    from sinks.archive.sqlite_index import SqliteIndex  # noqa: PLC0415

    with closing(SqliteIndex(site / "archive" / "index.db")) as index:
        index.database.execute("DELETE FROM positions WHERE name LIKE 'signed%'")


def test_heads_out_of_order_are_told_and_put_in_order(call, site):
    path = ledger_of(site) / "checkpoints"
    first, second = read_heads(ledger_of(site)).notes
    path.write_bytes(bytes(second) + b"\n" + bytes(first) + b"\n")
    said = "checkpoints is out of order"
    before = but_the_book(site)
    for who, *words in (("guan", "deliver", "--once"), ("shen", "archive", "check")):
        code, told = call(who, *words)
        assert (code, said in told) == (EXIT_ENVIRONMENT, True), words
    code, told = call("shen", "ledger", "verify")
    assert (code, said in told) == (EXIT_FINDINGS, True)
    assert but_the_book(site) == before
    assert call("guan", "ledger", "mend", "--why", "disk")[0] == EXIT_OK
    assert read_heads(ledger_of(site)).notes == [first, second]
    assert call("guan", "deliver", "--once")[0] == EXIT_OK


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (altered_tail, "the entry was altered"),
        (lambda at: cut(at / "tail-1", (at / "tail-1").stat().st_size - 40), "46 of 47 signed"),
        (lambda at: cut(at / "tail-1", 0), "0 of 47 signed"),
        (lambda at: (at / "tail-1").unlink(), "the file of the last entries is gone"),
    ],
    ids=["altered", "cut", "empty", "gone"],
)
def test_a_damaged_tail_is_named(call, site, harm, said):
    harm(ledger_of(site))
    code, told = call("shen", "ledger", "verify", "-o", "json")
    (found,) = (one for one in map(json.loads, told.splitlines()) if "place" in one)
    assert (code, found["place"], said in str(found)) == (EXIT_FINDINGS, "tail-1", True)


def test_a_wrong_key_does_not_begin_a_new_history_over_heads_of_another(call, site):
    save(site, {**tree_of(site), "keys_dir": str(site / "others")})
    shutil.copytree(site / "keys", site / "others")
    for path in (site / "others").glob("signing.*"):
        path.unlink()
    from reports.signing import Signer  # noqa: PLC0415

    Signer.from_dir(str(site / "others"), "")
    cut(ledger_of(site) / "checkpoints", 100)
    before = state(site)
    code, told = call("guan", "ledger", "mend", "--fresh", "--why", "disk")
    assert code != EXIT_OK
    assert "none is signed with the key of this installation" in told
    assert "is signed by mingjian/acme/ledger (" in told
    assert state(site) == before


def test_a_given_head_leaves_signatures_that_nobody_checked_outside(call, site):
    first, second = read_heads(ledger_of(site)).notes
    given = site / "head.txt"
    given.write_bytes(bytes(second) + "— evil/notary AAAAAAAAAAAAAAAA\n".encode())
    cut(ledger_of(site) / "checkpoints", 100)
    words = ("ledger", "mend", "--given", str(given), "--why", "disk")
    assert call("guan", *words, "--given", str(site / "none"))[0] == EXIT_USAGE
    (site / "first.txt").write_bytes(bytes(first))
    assert call("guan", *words, "--given", str(site / "first.txt"))[0] == EXIT_OK
    assert read_heads(ledger_of(site)).notes == [first, second]


def test_heads_are_not_mended_over_entries_that_were_altered_below_whole_hashes(call, site):
    altered_tail(ledger_of(site))
    cut(ledger_of(site) / "checkpoints", 100)
    before = state(site)
    code, told = call("guan", "ledger", "mend", "--why", "disk")
    assert (code, "entry 296, in tail-1: the entry was altered" in told) == (EXIT_ENVIRONMENT, True)
    assert state(site) == before
