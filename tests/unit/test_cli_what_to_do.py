"""What a check says of damage: one place, the right one, and what to do about it."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import base64
import re
import sqlite3

import pytest

from rules.errors import EXIT_ENVIRONMENT, EXIT_FINDINGS
from tests.support.damaged_site import (
    call,  # noqa: F401 - fixtures
    ledger_of,
    made,  # noqa: F401
    site,  # noqa: F401
)


def flip(path, at, bit=1):
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def flip_signature(ledger):
    """One bit of the signature in `checkpoint`, of which every other byte stays."""
    path = ledger / "checkpoint"
    head, _, last = path.read_bytes().rstrip(b"\n").rpartition(b" ")
    body = bytearray(base64.b64decode(last))
    body[len(body) // 2] ^= 1
    path.write_bytes(head + b" " + base64.b64encode(bytes(body)) + b"\n")


def test_a_bit_of_the_newest_head_is_named_once_and_in_its_own_file(call, site):
    flip_signature(ledger_of(site))
    code, told = call("shen", "ledger", "verify")
    assert (code, "1 damaged place" in told, told.count("✗")) == (EXIT_FINDINGS, True, 1), told
    assert "✗ checkpoint: " in told
    assert "cut short" not in told
    code, told = call("guan", "deliver", "--once")
    assert (code, "checkpoint is not" in told, "cut short" in told) == (
        EXIT_ENVIRONMENT, True, False,
    )  # fmt: skip


def test_the_advice_to_mend_is_a_command_that_runs(call, site):
    flip_signature(ledger_of(site))
    _, told = call("shen", "ledger", "verify")
    (advice,) = set(re.findall(r"`mingjian (ledger mend[^`]*)`", told))
    assert "--why" in advice
    code, told = call("guan", *advice.replace("…", "disk").split())
    assert code == 0, told
    assert call("shen", "ledger", "verify")[0] == 0


def test_an_entry_that_was_altered_is_blamed_on_the_ledger(call, site):
    path = ledger_of(site) / "tile" / "entries" / "000"
    flip(path, path.read_bytes().index(b"{") + 1)
    code, told = call("shen", "archive", "check")
    assert code == EXIT_FINDINGS
    (fault,) = re.findall(r"✗ [^✗]*", told)
    assert fault.startswith("✗ ledger entry 0: "), told
    assert "index has a message" not in told
    assert "→" in told.partition("✗")[2]
    assert "`mingjian ledger verify" in told


@pytest.mark.parametrize(
    ("words", "harm", "advice"),
    [
        (("ledger", "verify"), "entries", "restore the folder"),
        (("archive", "check"), "segment", "restore"),
        (("archive", "check"), "index", "`mingjian archive rebuild"),
    ],
    ids=["ledger", "segment", "index"],
)
def test_damage_comes_with_what_to_do(call, site, words, harm, advice):
    if harm == "entries":
        path = ledger_of(site) / "tile" / "entries" / "000"
        flip(path, path.read_bytes().index(b"{") + 1)
    elif harm == "segment":
        path = max((site / "archive" / "segments").glob("*/*"), key=lambda one: one.stat().st_size)
        flip(path, path.stat().st_size // 2)
    else:
        with sqlite3.connect(site / "archive" / "index.db") as db:
            db.execute("DELETE FROM messages WHERE leaf = 7")
        db.close()
    code, told = call("shen", *words)
    assert code == EXIT_FINDINGS
    behind = told.partition("→")[2]
    assert advice in behind, told
