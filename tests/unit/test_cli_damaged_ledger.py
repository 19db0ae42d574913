"""What the command line says and does beside a damaged ledger: no command claims that all is well,
none makes it worse, and what is not damaged can be used."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import json
import shutil

import pytest

from rules.errors import EXIT_ENVIRONMENT, EXIT_FINDINGS, EXIT_OK, EXIT_USAGE
from sinks.ledger.heads import read_heads
from tests.support.damaged_site import (
    book_of,
    but_the_book,
    call,  # noqa: F401 - fixtures
    cut,
    findings,
    ledger_of,
    made,  # noqa: F401
    run,
    site,  # noqa: F401
    state,
)
from tests.unit.test_cli_archive import save, tree_of

# --- the signed heads --------------------------------------------------------------------------

PROVING = (
    ("ledger", "witness"),
    ("ledger", "prove", "5"),
    ("archive", "check"),
    ("retention", "check"),
)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: data[:100], "checkpoints is cut short at byte 100 (line 6)"),
        (lambda data: data[: len(data) // 2 + 90], "checkpoints is cut short at byte"),
        (lambda data: data[: data.rindex(b"mingjian/acme/ledger\n303")], "(line 7)"),
        (lambda data: b"", "checkpoints is cut short at byte 0"),
    ],
    ids=["in the first", "in the last", "at a line", "empty"],
)
def test_heads_that_were_cut_short_are_told_and_nothing_is_signed_over_them(call, site, harm, said):
    path = ledger_of(site) / "checkpoints"
    path.write_bytes(harm(path.read_bytes()))
    before = but_the_book(site)
    for words in PROVING:
        code, told = call("shen", *words)
        assert (code, said in told) == (EXIT_ENVIRONMENT, True), words
        assert "no signed ledger" not in told
        assert "`mingjian ledger mend --why …`" in told
        assert "restore the file from its copy" in told
    code, told = call("shen", "ledger", "show")
    assert (code, "303 entries" in told, said in told) == (EXIT_ENVIRONMENT, True, True)
    code, told = call("shen", "ledger", "verify")
    assert (code, "✗ checkpoints: " in told, said in told) == (EXIT_FINDINGS, True, True)
    code, told = call("shen", "ledger", "stamps")
    assert (code, said in told) == (EXIT_ENVIRONMENT, True)
    code, told = call("guan", "deliver", "--once")
    assert (code, said in told) == (EXIT_ENVIRONMENT, True)
    assert "delivered in" not in told
    assert but_the_book(site) == before
    assert said in findings(call)["ledger"]["en"]
    assert call("zhao", "archive", "show", "5")[0] == EXIT_OK, "the messages can be seen"


def test_the_heads_are_mended_when_somebody_says_so_and_why(call, site):
    path = ledger_of(site) / "checkpoints"
    first = path.read_bytes()[: path.read_bytes().index(b"\n\n", 110) + 1]
    (site / "head.txt").write_bytes(first)
    cut(path, 100)
    before = state(site)
    words = ("ledger", "mend", "--given", str(site / "head.txt"))
    code, told = call("zhao", *words, "--why", "disk")
    assert (code, "may not" in told) == (EXIT_USAGE, True), "that is for the administrator"
    code, told = call("guan", *words)
    assert (code, "a reason is needed" in told) == (EXIT_USAGE, True)
    assert {**state(site), str(book_of(site)): b""} == {**before, str(book_of(site)): b""}
    code, told = call("guan", *words, "--why", "disk broken")
    assert code == EXIT_OK
    assert "the history has 2 signed heads, the newest of 303 entries" in told
    line = json.loads(book_of(site).read_bytes().splitlines()[-1])
    assert (line["who"], line["action"], line["why"]) == ("guan", "mended_heads", "disk broken")
    assert line["details"] == {"heads": 2, "size": 303}
    (aside,) = ledger_of(site).glob("checkpoints.damaged-*")
    assert len(aside.read_bytes()) == 100
    assert call("shen", "ledger", "verify")[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    assert call("shen", "archive", "check")[0] == EXIT_OK
    code, told = call("guan", *words, "--why", "again")
    assert (code, "nothing is wrong with the history" in told) == (EXIT_USAGE, True)


def test_a_head_of_somebody_else_is_not_taken_for_the_history(call, site):
    path = ledger_of(site) / "checkpoint"
    (site / "head.txt").write_bytes(path.read_bytes().replace(b"acme", b"acne"))
    cut(ledger_of(site) / "checkpoints", 100)
    words = ("ledger", "mend", "--given", str(site / "head.txt"), "--why", "disk")
    code, told = call("guan", *words)
    assert (code, "is not one of this ledger" in told) == (EXIT_USAGE, True)


def test_heads_that_another_key_signed_are_not_no_ledger(call, site, tmp_path_factory):
    """And the deliverer signs with no other key than before."""
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(site, other, dirs_exist_ok=True)
    save(other, tree_of(other))
    for path in [*(other / "archive").iterdir(), *(other / "keys").glob("signing.*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run(other, "deliver", "--once")[0] == EXIT_OK
    for path in (other / "keys").glob("signing.*"):
        shutil.copy(path, site / "keys")
    before = state(site)
    code, told = call("shen", "ledger", "show")
    assert code == EXIT_ENVIRONMENT
    assert "is not signed with the key of this installation" in told
    code, told = call("guan", "deliver", "--once")
    assert (code, "were signed with another key" in told) == (EXIT_ENVIRONMENT, True)
    assert state(site) == before


def test_after_a_key_was_stolen_the_archive_is_closed_and_another_begun(call, site, monkeypatch):
    """Point 4 of docs/ledger.md, "The signing key": the old one is read, and nothing is signed."""
    tree, old = tree_of(site), site / "old"
    shutil.copytree(site / "keys", site / "keys-old")
    (site / "keys-old" / "signing.key").unlink()
    old.mkdir()
    save(old, {**tree, "keys_dir": str(site / "keys-old")})
    for name in ("signing.key", "signing.pem"):
        (site / "keys" / name).unlink()
    (target,) = tree["targets"]
    save(site, {**tree, "targets": [{**target, "path": str(site / "archive-2")}]})
    heads = read_heads(ledger_of(site)).notes
    code, told = call("guan", "deliver", "--once")
    assert (code, "archive done 310" in told) == (EXIT_OK, True)
    for who, *words in (
        ("shen", "ledger", "verify"),
        ("shen", "archive", "check"),
        ("zhao", "archive", "show", "5"),
    ):
        assert call(who, *words)[0] == EXIT_OK, words
        monkeypatch.setattr("jobs.archive.account", lambda who=who: who)
        assert run(old, *words)[0] == EXIT_OK, words
    for words in (
        ("ledger", "witness"),
        ("ledger", "hand", "--given", f"{ledger_of(site)}/checkpoint"),
    ):
        assert run(old, *words)[0] == EXIT_OK, words
    code, told = run(old, "deliver", "--once")
    assert (code, "the key it was signed with" in told) == (EXIT_ENVIRONMENT, True)
    assert read_heads(ledger_of(site)).notes == heads


def test_a_signing_key_that_is_gone_is_not_replaced_by_a_new_one(call, site):
    (site / "keys" / "signing.key").unlink()
    before = state(site)
    code, told = call("guan", "deliver", "--once")
    assert code == EXIT_ENVIRONMENT
    assert "the key it was signed with" in told
    assert "restore it from its copy" in told
    assert state(site) == before


def test_a_head_that_was_not_signed_by_our_key_is_gone_on_from_by_nobody(call, site):
    """Whoever can write to the folder can copy the id of the key, and not its signature."""
    note = read_heads(ledger_of(site)).notes[-1]
    (one,) = note.signatures
    value = one.value[:-1] + bytes([one.value[-1] ^ 1])
    forged = note._replace(signatures=(one._replace(value=value),))
    for name in ("checkpoints", "checkpoint"):
        path = ledger_of(site) / name
        path.write_bytes(path.read_bytes().replace(bytes(note), bytes(forged)))
    before = state(site)
    said = "its newest signed head (303 entries) is not truly signed"
    for words in (("deliver", "--once"), ("archive", "rebuild", "--why", "disk")):
        code, told = call("guan", *words)
        assert (code, said in told, "`mingjian ledger mend --why …`" in told) == (
            EXIT_ENVIRONMENT, True, True,
        ), words  # fmt: skip
    assert state(site) == before
    code, told = call("guan", "ledger", "mend", "--why", "forged head")
    assert (code, "the newest of 100 entries" in told) == (EXIT_OK, True)
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    assert call("shen", "ledger", "verify")[0] == EXIT_OK


# --- entries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "length", "said"),
    [
        ("tile/entries/000", 4_000, "entries are there in a row, and 303 were signed"),
        ("tile/entries/000", 0, "0 entries are there in a row, and 303 were signed"),
        ("tile/entries/001.p/47", 99, "has 99 bytes, and is not what was signed"),
        ("tail-1", 700, "entries, and 303 were signed"),
    ],
)
def test_entries_that_were_cut_off_are_told_and_nothing_is_appended(call, site, file, length, said):
    cut(ledger_of(site) / file, length)
    before = state(site)
    code, told = call("guan", "deliver", "--once")
    assert (code, said in told, "delivered in" in told) == (EXIT_ENVIRONMENT, True, False)
    assert state(site) == before
    assert call("zhao", "archive", "show", "5")[0] == EXIT_OK


def test_an_older_tile_does_not_give_a_proof_that_proves_nothing(call, site):
    path = ledger_of(site) / "tile/1/000.p/1"
    data = bytearray(path.read_bytes())
    data[3] ^= 4
    path.write_bytes(data)
    code, told = call("shen", "ledger", "prove", "290")
    assert (code, "does not lead from entry 290 to the signed root" in told) == (
        EXIT_ENVIRONMENT, True,
    )  # fmt: skip


def test_a_folder_in_the_place_of_a_file_is_no_defect_of_ours(call, site):
    for name in ("checkpoints", "tile/0/000"):
        (ledger_of(site) / name).rename(site / "aside")
        (ledger_of(site) / name).mkdir()
        for words in (("ledger", "show"), ("ledger", "verify"), ("ledger", "prove", "5")):
            code, told = call("shen", *words)
            assert (code != EXIT_OK) or (words[1], name) == ("show", "tile/0/000"), (words, told)
        (ledger_of(site) / name).rmdir()
        (site / "aside").rename(ledger_of(site) / name)
