"""What the command line says and does beside a damaged custody book."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS, EXIT_OK
from sinks.ledger.canonical import canonical
from tests.support.damaged_site import (
    book_of,
    call,  # noqa: F401 - fixtures
    findings,
    made,  # noqa: F401
    site,  # noqa: F401
    state,
)

# --- the custody book --------------------------------------------------------------------------


def _alter(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"at":1', b'"at":2', 1)
    path.write_bytes(b"".join(lines))


def _alter_last(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"leaf":7', b'"leaf":8'))


def _cut_lines(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))


def _write_anew(path: Path) -> None:
    previous, lines = "0" * 64, []
    for row in path.read_bytes().splitlines():
        raw = canonical({**json.loads(row), "prev": previous, "who": "nobody"})
        previous = sm3_raw(raw)
        lines.append(raw + b"\n")
    path.write_bytes(b"".join(lines))


BOOKS = pytest.mark.parametrize(
    ("harm", "line"),
    [
        (_alter, "is damaged at line 2: removed, moved or altered"),
        (_alter_last, "is not the one that was entered in the ledger: its line 3"),
        (_cut_lines, "has 2 lines, and 3 were entered in the ledger: its end is missing from line"),
        (Path.unlink, "has 0 lines, and 3 were entered in the ledger"),
        (_write_anew, "is not the one that was entered in the ledger: its line 3"),
    ],
    ids=["altered", "last altered", "cut off", "gone", "written anew"],
)  # fmt: skip


@BOOKS
def test_who_looks_into_the_archive_beside_a_damaged_book_sees_nothing(call, site, harm, line):
    harm(book_of(site))
    before = state(site)
    for who, words in (
        ("zhao", ("archive", "search", "--text", "保本")),
        ("zhao", ("archive", "show", "5")),
        ("zhao", ("archive", "show", "5", "--unmask", "--why", "T-1")),
        ("guan", ("archive", "keys", "rotate", "--why", "yearly")),
        ("zhao", ("retention", "hold", "place", "case-1", "--person", "lisi", "--why", "T-2")),
        ("guan", ("ledger", "mend", "--why", "disk")),
    ):
        code, told = call(who, *words)
        assert code != EXIT_OK, words
        assert line in told, (words, told)
        assert "保本" not in told
    assert state(site) == before


@BOOKS
def test_messages_go_on_being_archived_and_nobody_says_that_all_is_well(call, site, harm, line):
    harm(book_of(site))
    before = state(site).get(str(book_of(site)))
    code, told = call("guan", "deliver", "--once")
    assert code == EXIT_FINDINGS
    assert "taken, see why" in told
    assert "see `mingjian doctor`" in told
    assert "delivered in" not in told
    assert "custody book" in told
    assert state(site).get(str(book_of(site))) == before
    code, told = call("guan", "deliver", "--once", "-o", "json")
    assert code == EXIT_FINDINGS
    (target,) = json.loads(told)["targets"]
    assert (target["state"], "custody book" in target["why"]) == ("faulty", True)
    found = findings(call)
    book = found["custody"]
    assert (book["state"], line in book["en"]) == ("fail", True), book
    assert "restore it from its copy" in book["fix_en"]
    assert found["ledger"]["state"] == "ok"
    assert "313 entries" in found["archive_index"]["en"], "what is new was archived"


@BOOKS
def test_the_auditor_finds_out_what_is_wrong_and_what_is_not(call, site, harm, line):
    harm(book_of(site))
    before = state(site)
    code, told = call("shen", "archive", "check")
    assert (code, line in told) == (EXIT_FINDINGS, True)
    assert "1 fault" in told
    code, told = call("shen", "retention", "check")
    assert (code, line in told) == (EXIT_FINDINGS, True)
    assert call("shen", "archive", "custody")[0] == EXIT_FINDINGS
    code, told = call("shen", "ledger", "verify")
    assert (code, line in told) == (EXIT_FINDINGS, True), "that it was looked at is nowhere"
    assert state(site) == before


def test_once_the_book_is_restored_all_goes_on(call, site):
    there = book_of(site).read_bytes()
    _alter(book_of(site))
    assert call("guan", "deliver", "--once")[0] == EXIT_FINDINGS
    book_of(site).write_bytes(there)
    assert call("zhao", "archive", "show", "5")[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    found = findings(call)["custody"]
    assert (found["state"], "4 lines, an unbroken chain" in found["en"]) == ("ok", True)
    assert call("shen", "archive", "custody")[0] == EXIT_OK


# --- what keys are needed for ------------------------------------------------------------------


def test_the_doctor_counts_what_keys_list_counts(call, site):
    """A version that no segment needs any more is needed for the search, and its loss is told."""
    assert call("guan", "archive", "keys", "rotate", "--why", "yearly")[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    listed = call("guan", "archive", "keys", "list", "-o", "json")[1]
    told = [json.loads(row) for row in listed.splitlines()]
    segments = sum(one["segments"] for one in told)
    said = findings(call)["tenant_keys"]["en"]
    assert f"versions 1, 2 are here, needed by {segments} segments and the search key" in said
