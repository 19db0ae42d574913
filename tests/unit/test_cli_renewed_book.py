"""A damaged custody book of which there is no copy: it is put aside, whole, and a new one tells of
it for as long as it lasts."""
# ruff: noqa: F811 - parameters are fixtures, which are imported

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import load
from jobs.archive import open_index
from jobs.cli import archive_access
from jobs.pack_sources import handled
from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS, EXIT_OK, EXIT_USAGE
from sinks.archive.custody import CustodyBook, chained
from sinks.archive.leaves import CUSTODY, OtherLeaf, read_other
from sinks.ledger.reader import LedgerReader
from tests.support.damaged_site import (
    APP,
    book_of,
    call,  # noqa: F401 - fixtures
    findings,
    ledger_of,
    made,  # noqa: F401
    site,  # noqa: F401
    state,
)
from tests.unit.test_cli_archive import save
from tests.unit.test_cli_damaged_book import BOOKS, _alter, _cut_lines, _write_anew

archive_access.register(APP)
RENEW = ("archive", "renew-custody", "--why", "disk broken, no copy")


def lines_of(site: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in book_of(site).read_bytes().splitlines()]


def asides(site: Path) -> list[Path]:
    return sorted(book_of(site).parent.glob("custody.jsonl.damaged-*"))


def numbers(site: Path) -> list[int]:
    return [line.number for line in CustodyBook(site / "archive").lines()]


@BOOKS
def test_only_the_administrator_begins_it_anew_and_says_why(call, site, harm, line):
    harm(book_of(site))
    before = state(site)
    for who in ("zhao", "fu", "shen"):
        code, told = call(who, *RENEW)
        assert (code, "may not manage the archive's keys" in told) == (EXIT_USAGE, True), who
        assert "was written into the custody book" not in told, "for it was not"
    code, told = call("guan", "archive", "renew-custody")
    assert (code, "a reason is needed" in told) == (EXIT_USAGE, True)
    assert (state(site), asides(site)) == (before, [])


@BOOKS
def test_the_damaged_book_is_kept_whole_and_the_new_one_tells_of_it_for_ever(
    call, site, harm, line
):
    harm(book_of(site))
    damaged = book_of(site).read_bytes() if book_of(site).exists() else b""
    code, told = call("guan", *RENEW)
    assert code == EXIT_OK, told
    (aside,) = asides(site)
    assert (aside.read_bytes(), aside.stat().st_mode & 0o777) == (damaged, 0o600)
    (first,) = lines_of(site)
    assert (first["n"], first["prev"]) == (4, sm3_raw(damaged))
    assert (first["who"], first["role"], first["action"], first["why"]) == (
        "guan", "administrator", "renewed_custody", "disk broken, no copy",
    )  # fmt: skip
    details = first["details"]
    assert (details["aside"], details["aside_sm3"]) == (aside.name, sm3_raw(damaged))
    assert line.partition(":")[0] in "the custody book " + details["wrong"]
    assert (details["entered"], details["by_ledger"]) == (3, True)
    # all goes on, and nobody says that nothing ever happened
    assert call("zhao", "archive", "show", "5")[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    found = findings(call)["custody"]
    assert (found["state"], "lines 4 to 5, an unbroken chain" in found["en"]) == ("ok", True)
    assert "the book before was damaged" in found["en"]
    for _ in range(2):
        code, told = call("shen", "archive", "custody")
        assert code == EXIT_OK, told
        assert "began the custody book anew" in told
        assert "! the custody book before this one " + details["wrong"].partition(":")[0] in told
        assert f"the damaged one is kept as {aside.name}, SM3 {details['aside_sm3']}" in told
        assert call("guan", "deliver", "--once")[0] == EXIT_OK
    ledger = LedgerReader(ledger_of(site))
    entered = [read_other(entry) for _, entry in ledger.entries()]
    raw = book_of(site).read_bytes().splitlines()[0]
    assert OtherLeaf(CUSTODY, "4", sm3_raw(raw)) in entered
    assert call("shen", "archive", "check")[0] == EXIT_OK
    assert call("shen", "ledger", "verify")[0] == EXIT_OK


@pytest.mark.parametrize(
    ("harm", "left"),
    [(_alter, [1, 3]), (_cut_lines, [1, 2]), (_write_anew, []), (Path.unlink, [])],
    ids=["altered", "cut off", "written anew", "gone"],
)
def test_of_the_book_before_just_those_lines_count_that_the_ledger_knows(call, site, harm, left):
    harm(book_of(site))
    told = json.loads(call("guan", *RENEW, "-o", "json")[1])
    assert numbers(site) == [*left, 4]
    lost = [number for first, last in told["lost"] for number in range(first, last + 1)]
    assert sorted([*lost, *left]) == [1, 2, 3]
    code, said = call("shen", "archive", "custody")
    assert (code, "not relied on: " in said) == (EXIT_OK, True)


def test_a_book_that_is_whole_is_not_begun_anew(call, site):
    before = state(site)
    code, told = call("guan", *RENEW)
    assert (code, "nothing is wrong with the custody book" in told) == (EXIT_USAGE, True)
    assert (state(site), asides(site)) == (before, [])


def test_without_an_index_only_what_is_in_front_of_the_damage_counts(call, site):
    _alter(book_of(site))
    for path in (site / "archive").glob("index.db*"):
        path.unlink()
    code, told = call("guan", *RENEW)
    assert (code, "nothing behind the damage is relied on" in told) == (EXIT_OK, True)
    assert numbers(site) == [1, 4]
    assert call("guan", "archive", "rebuild", "--why", "disk")[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    assert call("shen", "archive", "custody")[0] == EXIT_OK


def test_the_book_that_was_put_aside_cannot_be_altered_or_taken_away_unseen(call, site):
    _alter(book_of(site))
    assert call("guan", *RENEW)[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    (aside,) = asides(site)
    there = aside.read_bytes()
    for harm in (there[:-1], bytes([there[0] ^ 1]) + there[1:], None):
        aside.write_bytes(harm) if harm is not None else aside.unlink()
        code, told = call("zhao", "archive", "show", "5")
        assert (code != EXIT_OK, "is not there as it was put aside" in told) == (True, True)
        assert findings(call)["custody"]["state"] == "fail"
    # and there is a way out of that, too, which tells of both
    assert call("guan", *RENEW)[0] == EXIT_OK
    assert numbers(site) == [4, 5]
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    code, told = call("shen", "archive", "custody")
    assert (code, told.count("began the custody book anew")) == (EXIT_OK, 2)


def test_the_new_book_can_be_damaged_and_begun_anew_as_well(call, site):
    _alter(book_of(site))
    assert call("guan", *RENEW)[0] == EXIT_OK
    for which in ("5", "6"):
        assert call("zhao", "archive", "show", which)[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    data = book_of(site).read_bytes()
    book_of(site).write_bytes(data.replace(b'"leaf":5', b'"leaf":4'))
    code, told = call("zhao", "archive", "show", "7")
    assert (code != EXIT_OK, "is damaged at line 5: " in told) == (True, True)
    assert call("guan", *RENEW)[0] == EXIT_OK
    assert numbers(site) == [1, 3, 4, 6, 7], "those of both books before"
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    assert call("shen", "archive", "custody")[0] == EXIT_OK


@pytest.mark.parametrize("number", [2, 3, 4])
def test_nobody_gets_rid_of_lines_by_a_book_that_claims_to_be_begun_anew(call, site, number):
    """Of what the ledger has the first line cannot make less; that it is there is entered."""
    told = {"aside": "custody.jsonl.damaged-1", "aside_sm3": sm3_raw(b""), "lines": 0,
            "relied_on": [], "entered": 0, "by_ledger": True, "wrong": "x"}  # fmt: skip
    fields = {"at": 1, "who": "guan", "role": "administrator", "action": "renewed_custody",
              "why": "x", "details": told}  # fmt: skip
    (site / "archive" / "custody.jsonl.damaged-1").write_bytes(b"")
    book_of(site).write_bytes(chained(number, sm3_raw(b""), fields) + b"\n")
    code, said = call("guan", "deliver", "--once")
    if number < 4:
        assert (code, "custody book" in said) == (EXIT_FINDINGS, True)
        return
    assert code == EXIT_OK
    code, said = call("shen", "archive", "custody")
    assert "! the custody book before this one " in said
    assert "not relied on: 1–3" in said


def test_a_pack_has_the_line_that_tells_of_the_damage_whatever_it_is_about(call, site):
    _alter(book_of(site))
    assert call("guan", *RENEW)[0] == EXIT_OK
    assert call("guan", "deliver", "--once")[0] == EXIT_OK
    settings = load(path=site / "settings.yaml")
    (target,) = settings.targets
    with closing(open_index(settings, target)) as index:
        for leaf, wanted in ((5, [1, 4]), (6, [4]), (250, [4])):  # line 2, of message 6, is lost
            found = handled(CustodyBook(target.path), index, {leaf})
            assert [line.number for line in found] == wanted
            assert all(line.leaf is not None for line in found), "each is entered"


def _with_access_file(site: Path, call: Any) -> bytes:
    """Who may do what is said beside the keys and in two lines of the book."""
    assert call("guan", "archive", "access", "--apply", "--why", "begin")[0] == EXIT_OK
    tree = yaml.safe_load((site / "settings.yaml").read_text())
    people = [one for one in tree.pop("access")["people"] if one["account"] != "both"]
    save(site, tree)
    (site / "people.yaml").write_text(yaml.safe_dump({"people": people}))
    words = ("archive", "access", str(site / "people.yaml"), "--apply", "--why", "both left")
    assert call("guan", *words)[0] == EXIT_OK
    return book_of(site).read_bytes()


def _without_last(data: bytes) -> bytes:
    """The line that says who may do what now cannot be read any more."""
    at = data.rindex(b'{"action"')
    return data[: at + 3] + bytes([data[at + 3] ^ 1]) + data[at + 4 :]


def _other_people(data: bytes) -> bytes:
    at = data.rindex(b'"people"')
    return data[: at + 2] + bytes([data[at + 2] ^ 1]) + data[at + 3 :]


@pytest.mark.parametrize("harm", [_without_last, _other_people], ids=lambda harm: harm.__name__)
def test_the_line_that_says_who_may_is_lost_and_the_file_beside_the_keys_says_it(call, site, harm):
    book_of(site).write_bytes(harm(_with_access_file(site, call)))
    assert call("zhao", *RENEW)[0] == EXIT_USAGE
    assert call("guan", *RENEW)[0] == EXIT_OK
    lines = lines_of(site)
    assert [one["action"] for one in lines] == ["renewed_custody", "set_access"]
    assert [one["account"] for one in lines[1]["details"]["people"]] == [
        "guan", "zhao", "fu", "shen",
    ]  # fmt: skip
    assert call("zhao", "archive", "show", "5")[0] == EXIT_OK
    # and settings that name other keys open no book that was begun anew either
    (site / "other").mkdir(mode=0o700)
    tree = yaml.safe_load((site / "settings.yaml").read_text())
    save(site, {**tree, "keys_dir": str(site / "other"),
                "access": {"people": [{"account": "fu", "roles": ["officer"]}]}})  # fmt: skip
    code, told = call("fu", "archive", "show", "5")
    assert (code, "of the custody book says who may do what" in told) == (EXIT_USAGE, True)


def test_other_keys_begin_no_damaged_book_anew(call, site):
    book_of(site).write_bytes(_without_last(_with_access_file(site, call)))
    other = site / "other"
    other.mkdir(mode=0o700)
    (other / "access.yaml").write_text(
        yaml.safe_dump({"people": [{"account": "fu", "roles": ["administrator"]}]})
    )
    (other / "access.yaml").chmod(0o600)
    (other / "signing.pem").write_bytes((site / "keys" / "signing.pem").read_bytes())
    tree = yaml.safe_load((site / "settings.yaml").read_text())
    save(site, {**tree, "keys_dir": str(other)})
    before = book_of(site).read_bytes()
    assert call("fu", *RENEW)[0] != EXIT_OK
    assert (book_of(site).read_bytes(), asides(site)) == (before, [])
