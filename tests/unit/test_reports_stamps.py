"""Time stamps in a pack: they are of its ledger, and what is wrong with one is named."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile

import pytest

from jobs.ledger_signer import NoteSigner
from jobs.stamping import good_stamps, stamp_newest
from reports.pack import build_pack
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.verify import verify
from sinks.ledger.canonical import canonical
from sinks.ledger.log import Ledger
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.support.time_authority import made_by_kind, now, reply_of, served
from tests.unit.test_reports_anchor import ORIGIN, Entered
from tests.unit.test_reports_pack import resealed
from tests.unit.test_stamps_taken import authority, settings_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(files of a pack with two stamps, the signer): one stamp is of an earlier head."""
    home = tmp_path_factory.mktemp("stamped")
    signer = Signer.from_dir(home / "keys")
    kinds = made_by_kind(home / "tsa")
    (first, first_signer), (second, second_signer) = list(kinds.values())[:2]
    folder = home / "archive" / "ledger"
    entered = Entered(folder, signer)
    with served(reply_of(first_signer)) as one, served(reply_of(second_signer)) as other:
        early = settings_of(home, authority("one", url=one.url, ca_file=first.roots_file))
        assert [asked.en for asked in stamp_newest(early, now=now())] == [""]
        entered.enter(sample_case.bundle(home / "first").alerts[0])
        anchors = entered.anchors(folder)
        names = [
            authority("one", url=one.url, ca_file=first.roots_file),
            authority("two", url=other.url, ca_file=second.roots_file),
        ]
        both, late = settings_of(home, *names), settings_of(home, names[1])
        assert [asked.en for asked in stamp_newest(late, now=now())] == [""]
        stamps = good_stamps(both, folder, anchors.ledger.size, now=now())
    entered.ledger.close()
    bundle = sample_case.bundle(home / "day", anchors=anchors._replace(stamps=stamps))
    path = home / "pack.zip"
    path.write_bytes(build_pack(bundle, signer).archive)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, signer


@pytest.fixture
def said(tmp_path):
    def run(contents):
        path = write_pack(tmp_path / "pack.zip", contents)
        return {one.name: (one.ok, one.en) for one in verify(str(path)).checks}

    return run


def test_stamps_of_this_head_and_of_an_earlier_one_hold(made, said):
    files, _ = made
    checks = said(files)
    assert all(ok is not False for ok, _ in checks.values()), checks
    assert checks["time stamp (one)"][1].startswith("3 entries were there at 20")
    assert checks["time stamp (two)"][1].startswith("22 entries were there at 20")
    stated = json.loads(files["completeness.json"])["not_covered"]
    assert "timestamp" not in [one["id"] for one in stated]
    assert {"timestamp-1.tsr", "timestamp-1.tsq", "timestamp-1.pem"} < set(files)


def row(files, number, **changes):
    told = json.loads(files["timestamps.json"])
    told["stamps"][number] |= changes
    return {"timestamps.json": canonical(told)}


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda f: row(f, 0, path=[]), "time stamp (one)", "does not go on from"),
        (
            lambda f: row(f, 1, head=f["checkpoint.txt"].decode().replace("\n22\n", "\n21\n")),
            "time stamp (two)",
            "does not go on from",
        ),
        (lambda f: row(f, 1, response="timestamp-1.tsr"), "time stamp (two)", ""),
        (lambda f: row(f, 1, query="timestamp-1.tsq"), "time stamp (two)", ""),
        (lambda f: row(f, 1, roots="timestamp-1.pem"), "time stamp (two)", ""),
        (lambda f: row(f, 1, response="none"), "time stamp (two)", '"none" is missing'),
        (lambda f: row(f, 0, head=7), "time stamp (one)", ""),
        (lambda f: {"timestamps.json": b"{}"}, "time stamp", "timestamps.json is damaged"),
        (lambda f: {"timestamps.json": b'{"v":1,"stamps":[]}'}, "time stamp", "or empty"),
        (lambda f: {"timestamps.json": b'{"v":1,"stamps":[7]}'}, "time stamp", ""),
        (lambda f: {"timestamp-1.pem": b""}, "time stamp (one)", ""),
        *(
            (
                lambda f, at=at: {"timestamp-2.tsr": _flipped(f["timestamp-2.tsr"], at)},
                "time stamp (two)",
                "",
            )
            for at in (5, -5, -40)
        ),
    ],
)
def test_what_is_wrong_with_a_stamp_is_named(made, said, change, name, words):
    """Both manifests are mended and signed again, so only the stamp itself can tell."""
    files, signer = made
    ok, told = said(resealed({**files, **change(files)}, signer))[name]
    assert ok is False
    assert words in told


def _flipped(data, at):
    altered = bytearray(data)
    altered[at] ^= 1
    return bytes(altered)


def test_without_openssl_a_stamp_is_left_open_and_said_so(made, tmp_path):
    files, _ = made
    program, path = tmp_path / "verify.py", tmp_path / "pack.zip"
    program.write_bytes(single_file())
    write_pack(path, files)
    python = os.path.realpath("/proc/self/exe")
    done = subprocess.run(
        [python, "-I", "-S", str(program), str(path), "--json"],
        check=False, capture_output=True, env={"PATH": "/nowhere"},
    )  # fmt: skip
    assert done.stderr == b""
    rows = {one["name"]: one["ok"] for one in json.loads(done.stdout)["checks"]}
    assert rows["time stamp (one)"] is rows["time stamp (two)"] is None
    assert rows["ledger entries"] is True


def test_a_stamp_of_a_head_that_the_ledger_does_not_have_is_not_taken_into_a_pack(made, tmp_path):
    _, signer = made
    folder = tmp_path / "archive" / "ledger"
    ledger = Ledger(folder, ORIGIN)
    ledger.append([b"x"])
    ledger.checkpoint([NoteSigner(signer, ORIGIN)], now())
    (certificates, stamper) = next(iter(made_by_kind(tmp_path / "tsa").values()))
    with served(reply_of(stamper)) as one:
        known = settings_of(
            tmp_path, authority("one", url=one.url, ca_file=certificates.roots_file)
        )
        stamp_newest(known, now=now())
    assert len(good_stamps(known, folder, 1, now=now())) == 1
    assert good_stamps(known, folder, 0, now=now()) == []
    (folder / "checkpoints").unlink()
    assert good_stamps(known, folder, 1, now=now()) == []
