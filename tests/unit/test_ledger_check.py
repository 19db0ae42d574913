"""`mingjian ledger check`: which kind of proof a file is, and whether it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import yaml
from typer.testing import CliRunner

from config.settings import load
from jobs.cli import ledger as ledger_commands
from jobs.ledger_proofs import proof_of
from jobs.ledger_signer import note_signer
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.sink import origin_of
from sinks.ledger.checkpoint import Note
from sinks.ledger.handed import hand_over
from sinks.ledger.log import Ledger
from sinks.ledger.reader import LedgerReader
from sinks.ledger.witness import witness_text

APP = typer.Typer()
ledger_commands.register(APP)
AT = 1_790_000_000_000


class Site(NamedTuple):
    """Settings, heads of 3, 5 and 9 entries, and proofs made of the last one."""

    config: Path
    heads: dict[int, Note]
    inclusion: dict[str, Any]
    handed: dict[str, Any]
    witness: str
    key: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("ledger")
    tree = {"tenant": "acme", "data_dir": str(folder), "keys_dir": str(folder / "keys")}
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(tree))
    signer = note_signer(load(path=config))
    heads = {}
    log = Ledger(folder / "ledger", origin_of("acme"))
    for size in (3, 5, 9):
        log.append([f"entry {number}".encode() for number in range(log.size, size)])
        heads[size] = log.checkpoint([signer], AT + size * 1_500)
    log.close()
    reader = LedgerReader(folder / "ledger", lambda note: True)
    return Site(
        config,
        heads,
        json.loads(proof_of(reader, 6, "6")),
        json.loads(bytes(hand_over(heads[5], reader))),
        witness_text(heads[9].checkpoint),
        folder / "keys" / "signing.pem",
    )


@pytest.fixture
def check(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command on a file with this content; (exit code, what is said)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")

    def called(content: Any, *more: str, mine: Any = None) -> tuple[int, str]:
        file = tmp_path / "given"
        if content is not None:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
        if mine is not None:
            (tmp_path / "mine").write_text(mine if isinstance(mine, str) else json.dumps(mine))
            more = ("--mine", str(tmp_path / "mine"), *more)
        words = ("ledger", "check", str(file), "--config", str(site.config), *more)
        found = CliRunner().invoke(APP, words)
        if isinstance(found.exception, MingjianError):
            return found.exception.exit_code, found.exception.en
        return found.exit_code, " ".join(found.output.split())

    return called


def text(note: Note) -> str:
    return bytes(note).decode()


def test_it_says_which_kind_of_proof_it_was_and_that_it_holds(check, site: Site) -> None:
    code, told = check(site.inclusion)
    assert code == 0
    assert "✓ entry 6 is in the ledger of 9 entries that was signed" in told
    code, told = check(site.handed)
    assert code == 0
    assert "✓ the ledger of 9 entries, signed" in told
    assert "keeps every entry of the earlier one: 5 entries" in told
    assert "--mine HEAD" in told, "that the earlier head is theirs nobody has looked at yet"
    code, told = check(site.handed, mine=text(site.heads[5]))
    assert code == 0
    assert "keeps every entry of the earlier one given to you: 5 entries" in told
    assert "--mine" not in told
    code, told = check(site.witness)
    assert code == 0
    assert "a witness of 9 entries, typed without a misprint" in told
    assert "✓" not in told, "without a head it shows nothing"
    code, told = check(site.witness, mine=text(site.heads[9]))
    assert (code, "✓ what was printed is the head given to you: 9 entries" in told) == (0, True)


def test_programs_are_told_the_kind_too(check, site: Site) -> None:
    def told(content: Any, **more: Any) -> dict[str, Any]:
        return json.loads(check(content, "--output", "json", **more)[1])

    assert told(site.inclusion) == {
        "kind": "inclusion", "index": 6, "size": 9, "compared": False, "wrong": "",
    }  # fmt: skip
    assert told(site.handed, mine=text(site.heads[5])) == {
        "kind": "continuation", "old_size": 5, "size": 9, "compared": True, "wrong": "",
    }  # fmt: skip
    assert told(site.witness) == {
        "kind": "witness", "size": 9, "root": site.heads[9].checkpoint.root.hex(),
        "compared": False, "wrong": "",
    }  # fmt: skip
    other = told(site.handed, mine=text(site.heads[3]))
    assert (other["kind"], "is not the one that was given to you" in other["wrong"]) == (
        "continuation", True,
    )  # fmt: skip


def test_who_comes_a_third_time_gives_the_proof_of_the_second(check, site: Site) -> None:
    """`--mine` takes a proof as well: its newer head is the one that was given."""
    earlier = {"v": 1, "old": text(site.heads[3]), "new": text(site.heads[5]), "proof": []}
    assert check(site.handed, mine=earlier)[0] == 0
    assert check(site.handed, mine=site.handed)[0] == EXIT_FINDINGS


@pytest.mark.parametrize(
    ("kind", "mine", "said"),
    [
        ("handed", 3, "proof that the ledger goes on: the earlier head in it (5 entries) is not"),
        ("handed", 9, "proof that the ledger goes on: the earlier head in it (5 entries) is not"),
        ("inclusion", 5, "proof of an entry: it leads to a head of 9 entries, which is not"),
        ("witness", 5, "witness: what was printed (9 entries) is not the head that was given"),
    ],
)
def test_a_proof_that_is_not_about_the_head_of_whoever_asks(
    check, site: Site, kind: str, mine: int, said: str
) -> None:
    code, told = check(getattr(site, kind), mine=text(site.heads[mine]))
    assert (code, f"✗ {said}" in told) == (EXIT_FINDINGS, True), told
    right = site.heads[5 if kind == "handed" else 9]
    assert check(getattr(site, kind), mine=text(right))[0] == 0


@pytest.mark.parametrize("kind", ["inclusion", "handed"])
def test_every_change_of_a_proof_shows(check, site: Site, kind: str) -> None:
    whole = getattr(site, kind)
    hashes = "path" if kind == "inclusion" else "proof"
    heads = ("checkpoint",) if kind == "inclusion" else ("old", "new")
    changes: list[dict[str, Any]] = [
        {hashes: whole[hashes][:-1]},
        {hashes: [*whole[hashes], whole[hashes][0]]},
        {hashes: [one[::-1] for one in whole[hashes]]},
        {hashes: 7},
        {"v": 2},
        *({name: whole[name].replace("acme", "acne")} for name in heads),
        *({name: whole[name].replace("time ", "time 1")} for name in heads),
        *({name: None} for name in heads),
    ]
    if kind == "inclusion":
        changes += [{"index": 5}, {"entry": "entry 7"}, {"entry": None}, {"kind": "other"}]
    else:
        changes += [{"old": whole["new"], "new": whole["old"]}, {"old": text(site.heads[3])}]
        changes += [{"more": 1}]
    for change in changes:
        code, told = check({**whole, **change})
        assert code in (EXIT_FINDINGS, EXIT_USAGE), change
        assert "✓" not in told


def test_a_misprint_in_a_witness_is_named_by_its_line(check, site: Site) -> None:
    line = next(one for one in site.witness.splitlines() if one.startswith("R3"))
    digit = line[4]
    other = "7" if digit != "7" else "8"
    code, told = check(site.witness.replace(line, line[:4] + other + line[5:]))
    assert (code, told) == (
        EXIT_FINDINGS,
        "these lines of the witness do not fit their check group: R3",
    )


@pytest.mark.parametrize(
    "content",
    ["", "x", "[]", "7", "null", "{}", '{"kind": "mingjian inclusion proof"}', "[" * 100_000,
     '{"v": 1, "old": 7, "new": 7, "proof": []}'],
    ids=["empty", "word", "list", "number", "null", "object", "kind", "deep", "no heads"],
)  # fmt: skip
def test_what_is_no_proof_is_told_so(check, content: str) -> None:
    code, told = check(content)
    assert code == EXIT_USAGE
    assert "is not a proof, or was altered" in told


def test_files_that_cannot_be_read_are_named(check, site: Site, tmp_path: Path) -> None:
    for words, name in (
        ((), "given"), (("--key", str(tmp_path / "no.pem")), "no.pem"),
        (("--mine", str(tmp_path / "no.txt")), "no.txt"),
    ):  # fmt: skip
        code, told = check(site.handed if words else None, *words)
        assert code == EXIT_USAGE
        assert told.startswith("cannot read")
        assert name in told


def test_another_key_and_another_tenant(check, site: Site, tmp_path: Path) -> None:
    tree = {**yaml.safe_load(site.config.read_text()), "keys_dir": str(tmp_path / "keys")}
    config = tmp_path / "other.yaml"
    config.write_text(yaml.safe_dump(tree))
    note_signer(load(path=config))
    for content in (site.inclusion, site.handed):
        code, told = check(content, "--key", str(tmp_path / "keys" / "signing.pem"))
        assert (code, "is not signed with this key" in told) == (EXIT_FINDINGS, True)
        code, told = check(content, "--set", "tenant=other")
        assert (code, "it is of the ledger mingjian/acme/ledger" in told) == (EXIT_FINDINGS, True)


def test_a_proof_may_come_from_standard_input(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINGJIAN_LANG", "zh")
    words = ("ledger", "check", "-", "--config", str(site.config))
    found = CliRunner().invoke(APP, words, input=json.dumps(site.inclusion))
    assert found.exit_code == 0
    assert "✓ 第 6 条在" in found.output
