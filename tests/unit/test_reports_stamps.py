"""Time stamps in a pack: they are of its ledger, and what is wrong with one is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import zipfile

import pytest

from jobs.ledger_signer import NoteSigner
from jobs.stamping import good_stamps, stamp_newest
from reports.pack import build_pack
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.stamp_checks import stamp_checks
from reports.standalone.verify import verify
from sinks.ledger.canonical import canonical
from sinks.ledger.certificates import pem_certificates
from sinks.ledger.checkpoint import read_note
from sinks.ledger.log import Ledger
from sinks.ledger.sm3 import sm3
from sinks.ledger.stamp_check import query_for
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.support.time_authority import (
    TestCertificates,
    built_reply,
    made_by_kind,
    note_of,
    now,
    reply_of,
    served,
    written,
)
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


# ---- stamps that somebody who holds the signing key makes himself ----

DAY_MS = 86_400_000
GARBAGE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """(certificates of an authority of one's own, who stamps with them)."""
    certificates = TestCertificates(tmp_path_factory.mktemp("own") / "tsa", "ecdsa")
    return certificates, certificates.issue("good")


def stamped(files, stamper, at, **changes):
    """The files with another first stamp: by `stamper`, of the time `at`."""
    head = read_note(json.loads(files["timestamps.json"])["stamps"][0]["head"].encode())
    query = query_for(head.checkpoint.text(), "sha256", 77)
    answer = built_reply(stamper, query, written(at))
    return {**files, "timestamp-1.tsq": bytes(query), "timestamp-1.tsr": answer, **changes}


def begins(certificate):
    return f"SM3 begins {sm3(certificate)[:16]}"


def test_the_root_that_is_named_is_the_one_that_the_stamp_leads_to(made, own, said):
    files, signer = made
    genuine = pem_certificates(files["timestamp-1.pem"])[0]
    assert begins(genuine) in said(files)["time stamp (one)"][1]
    certificates, stamper = own
    for roots in (files["timestamp-1.pem"] + certificates.roots,
                  certificates.roots + files["timestamp-1.pem"]):  # fmt: skip
        forged = stamped(files, stamper, now(), **{"timestamp-1.pem": roots})
        ok, told = said(resealed(forged, signer))["time stamp (one)"]
        assert ok
        assert begins(pem_certificates(certificates.roots)[0]) in told
        assert sm3(genuine)[:16] not in told


@pytest.mark.parametrize("block", [GARBAGE, GARBAGE.replace(b"AAAA", b"!!!!")])
def test_damaged_certificates_fail_a_stamp(made, own, said, block):
    files, signer = made
    for roots in (block + files["timestamp-1.pem"], files["timestamp-1.pem"] + block, block):
        forged = stamped(files, own[1], now(), **{"timestamp-1.pem": roots})
        ok, told = said(resealed(forged, signer))["time stamp (one)"]
        assert ok is False
        assert "openssl" not in told


REAL = "/bin/openssl-3"  # stands for the program that is here
KNOWN, OLD = f'[ "$1" = version ] && exec {REAL} "$@"', "echo Error: unknown option"


def program(folder, says):
    """A folder in which `openssl` is this script."""
    folder.mkdir()
    path = folder / "openssl"
    path.write_text(f"#!/bin/sh\n{says.replace(REAL, shutil.which('openssl'))}\n")
    path.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("says", "ok", "words"),
    [
        (f"{KNOWN}; echo hello", False, "does not say"),
        (f"{KNOWN}; exit 3", False, "it says nothing"),
        (f'[ "$1" = verify ] || exec {REAL} "$@"; read line < ../hold', False, "no answer within"),
        (f'[ "$1" = version ] && echo OpenSSL 1.1.1w || {OLD}', None, "version 3 or later"),
        (f'[ "$1" = version ] && echo LibreSSL 3.3.6 || {OLD}', None, "version 3 or later"),
    ],
)
def test_an_answer_that_is_not_understood_fails_a_stamp(
    made, own, said, tmp_path, monkeypatch, says, ok, words
):
    """Unless the program is one that can check none, which has nothing to do with the stamp."""
    files, signer = made
    sealed = resealed(stamped(files, own[1], now()), signer)
    os.mkfifo(tmp_path / "hold")
    monkeypatch.setattr("sinks.ledger.stamp_chain.OPENSSL_S", 2)
    says = says.replace("../hold", str(tmp_path / "hold"))
    monkeypatch.setenv("PATH", program(tmp_path / "bin", says))
    found = said(sealed)["time stamp (one)"]
    assert found[0] is ok
    assert words in found[1]


def test_openssl_without_sm2_leaves_only_stamps_with_sm2_open(made, tmp_path, said, monkeypatch):
    files, signer = made
    certificates = TestCertificates(tmp_path / "tsa", "sm2")
    stamper = certificates.issue("good")
    changed = stamped(files, stamper, now(), **{"timestamp-1.pem": certificates.roots})
    sealed = resealed(changed, signer)
    assert said(sealed)["time stamp (one)"][0]
    says = f'[ "$1" = ecparam ] && exit 1; exec {REAL} "$@"'
    monkeypatch.setenv("PATH", program(tmp_path / "bin", says))
    checks = said(sealed)
    assert checks["time stamp (one)"][0] is None
    assert "SM2" in checks["time stamp (one)"][1]
    assert checks["time stamp (two)"][0]


@pytest.mark.parametrize(
    ("head_ms", "stamp_ms", "clock_ms", "ok", "words"),
    [
        (0, 20 * DAY_MS, 0, False, "a time that is still to come"),
        (400_000, 0, 0, True, "400 s before the head was signed"),
        (-3 * DAY_MS - 60_000, 0, 0, True, "stamped 3 days after the head was signed"),
        (0, 0, 366 * DAY_MS, True, "its certificate has expired since"),
    ],
)
def test_what_is_remarked_of_a_stamp_is_said(
    own, monkeypatch, head_ms, stamp_ms, clock_ms, ok, words
):
    certificates, stamper = own
    start = now()
    note = note_of(20, start + head_ms)
    query = query_for(note.checkpoint.text(), "sha256", 77)
    row = {"authority": "one", "head": bytes(note).decode(), "path": [], "query": "q",
           "response": "r", "roots": "p"}  # fmt: skip
    parts = {"timestamps.json": canonical({"v": 1, "stamps": [row]}), "q": bytes(query),
             "r": built_reply(stamper, query, written(start + stamp_ms)),
             "p": certificates.roots}  # fmt: skip
    monkeypatch.setattr(time, "time", lambda: (start + clock_ms) / 1000)
    (found,) = stamp_checks(parts, note)
    assert found.ok is ok
    assert words in found.en
    assert "；" in found.zh


LONG = b" " * (1 << 16)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: {"timestamp-1.pem": f["timestamp-1.pem"] + LONG}, "more than 64 KiB"),
        (lambda f: {"timestamp-1.pem": f["timestamp-1.pem"] * 11}, "more than 10 certificates"),
        (lambda f: {"timestamp-1.tsq": f["timestamp-1.tsq"] + LONG}, "more than 64 KiB"),
        (lambda f: {"timestamp-1.tsr": f["timestamp-1.tsr"] + LONG}, "more than 64 KiB"),
    ],
)
def test_parts_of_a_stamp_are_bounded(made, said, change, words):
    files, signer = made
    ok, told = said(resealed({**files, **change(files)}, signer))["time stamp (one)"]
    assert ok is False
    assert words in told


def test_rows_that_say_the_same_are_shown_to_openssl_once(made, tmp_path, said, monkeypatch):
    files, signer = made
    calls = tmp_path / "calls"
    says = f'[ "$1" = ts ] && echo "$1" >> {calls}; exec {REAL} "$@"'
    told = json.loads(files["timestamps.json"])
    told["stamps"] = [{**told["stamps"][0], "authority": f"one-{n}"} for n in range(100)]
    sealed = resealed({**files, "timestamps.json": canonical(told)}, signer)
    monkeypatch.setenv("PATH", program(tmp_path / "bin", says))
    checks = said(sealed)
    assert all(checks[f"time stamp (one-{n})"][0] for n in range(100))
    assert calls.read_text().split() == ["ts"]


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
