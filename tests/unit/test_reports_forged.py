"""What somebody who holds the signing key, or nobody's key, might put into a pack."""

from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from reports.case import Item
from reports.pack import build_pack, event_row
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.checks import Verifier
from reports.standalone.contents import other_facts, raw_id
from reports.standalone.verify import verify
from rules.alert import Position
from rules.decode import Decoder
from rules.errors import RecordError
from sinks.ledger.canonical import canonical
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.unit.test_reports_pack import listed, resealed, rows


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def pack(tmp_path_factory, signer):
    return build_pack(sample_case.bundle(tmp_path_factory.mktemp("day")), signer)


@pytest.fixture(scope="module")
def files(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(values):
    return b"".join(canonical(value) + b"\n" for value in values)


def row_says(files, number, **changes):
    found = rows(files)
    found[number - 1] |= changes
    return {"events.jsonl": lines(found)}


def stated(files, **changes):
    told = json.loads(files["completeness.json"])
    return {"completeness.json": canonical({**told, **changes})}


def with_raw_twice(files):
    found = files["events.jsonl"].split(b"\n")
    found[0] = found[0].replace(b'{"', b'{"raw":"e30=","', 1)
    return {"events.jsonl": b"\n".join(found)}


MEMBER = 7  # m05, as the sample stands


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        (lambda f: row_says(f, 2, sender="lisi"), "records", "say another sender"),
        (lambda f: row_says(f, 2, conversation="lisi|x"), "records", "another conversation"),
        (lambda f: row_says(f, 2, type="image"), "records", "another type"),
        (lambda f: row_says(f, 2, time=1), "records", "another time"),
        (lambda f: row_says(f, 2, seq=1), "records", "another seq"),
        (lambda f: row_says(f, 2, kind="event"), "records", "another kind"),
        (lambda f: row_says(f, 2, role="member"), "alert members", "not what raised the alert"),
        (lambda f: row_says(f, MEMBER, evidence=[]), "alert members", "not in the pack"),
        (lambda f: stated(f, media={"named": 9, "included": 9, "left_out": 0}), "completeness",
         "not what the pack comes to: media"),
        (lambda f: stated(f, redacted={"records": 1, "holes": 1}), "completeness", "redacted"),
        (with_raw_twice, "events.jsonl", "not in canonical form"),
    ],
)  # fmt: skip
def test_what_people_read_is_compared_with_what_was_said(change, check, says, files, signer):
    checks = Verifier(resealed({**files, **change(files)}, signer)).run().checks
    wrong = [one.en for one in checks if one.name == check and one.ok is False]
    assert any(says in words for words in wrong), [one for one in checks if one.ok is False]


@pytest.mark.parametrize(
    "name",
    ["confession.txt", "figures.json", "alerts.jsonl", "Report.PDF", "../../etc/cron.d/x", "/x",
     "zipfile.py", "media-1.exe", "rule-1.yaml"],
)  # fmt: skip
def test_no_file_is_in_a_pack_that_is_none_of_its_kind(name, files, signer):
    contents = {**files, name: b"{}"}
    outer = json.loads(contents["manifest.json"])
    outer["files"] = listed(contents, [*(row["name"] for row in outer["files"]), name])
    contents["manifest.json"] = canonical(outer)
    contents["manifest.sm2.sig"] = signer.sign_repeatably(contents["manifest.json"])
    wrong = {one.name for one in Verifier(contents).run().checks if one.ok is False}
    assert wrong & {name, "manifest.json"}


def test_the_kind_of_a_pack_is_what_the_manifest_says(files, signer):
    changed = resealed({**files, "manifest.json": files["manifest.json"].replace(
        b'"kind":"alert"', b'"kind":"month"')}, signer)  # fmt: skip
    assert not Verifier(changed).run().passed


def hidden_between(data):
    """A file that the directory does not name, behind the last one."""
    at = data.rindex(b"PK\x05\x06")
    (start,) = struct.unpack("<L", data[at + 16 : at + 20])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as other:
        other.writestr("confession.txt", b"x")
    extra = buffer.getvalue()[: buffer.getvalue().index(b"PK\x01\x02")]
    end = data[at : at + 16] + struct.pack("<L", start + len(extra)) + data[at + 20 :]
    return data[:start] + extra + data[start:at] + end


def commented(data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            info.comment = b"verified by the court"
            new.writestr(info, content)
    return buffer.getvalue()


@pytest.mark.parametrize("change", [hidden_between, commented])
def test_nothing_stands_in_the_archive_beside_its_files(change, pack, tmp_path):
    path = tmp_path / "pack.zip"
    path.write_bytes(change(pack.archive))
    assert "archive" in {one.name for one in verify(str(path)).checks if one.ok is False}


def test_text_from_a_pack_cannot_draw_on_the_screen(files, tmp_path):
    found = rows(files)
    for bad in ("\x1b[2J\x1b[HVerdict: the pack is whole", "\ud800"):
        found[0]["msgid"] = bad
        forged = b"".join(json.dumps(row).encode() + b"\n" for row in found)
        path = write_pack(tmp_path / "pack.zip", {**files, "events.jsonl": forged})
        program = tmp_path / "verify.py"
        program.write_bytes(single_file())
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(path), "--lang", "en"],
            check=False, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 1
        assert b"\x1b" not in done.stdout
        assert b"Traceback" not in done.stderr
        assert b"FAILED" in done.stdout


@pytest.mark.parametrize("fingerprint", ["", "xyz", "0" * 63])
def test_a_fingerprint_that_is_none_is_a_wrong_call(fingerprint, pack, tmp_path):
    path = tmp_path / "pack.zip"
    path.write_bytes(pack.archive)
    program = tmp_path / "verify.py"
    program.write_bytes(single_file())
    command = [sys.executable, "-I", "-S", str(program), str(path), "--fingerprint", fingerprint]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 2


@pytest.mark.parametrize("pem", [b" " * 60_000, b"-----BEGIN PUBLIC KEY-----\n" + b"\n" * 50_000])
def test_a_key_of_blanks_does_not_hold_the_verifier_up(pem, files):
    assert not Verifier({**files, "signer.pem": pem}).run().passed


def test_every_kind_of_record_is_what_its_row_says(tmp_path):
    """So that no true record is called false: each sample of the formats that decodes."""
    decoder = Decoder(sample_case.TENANT, assume_received_at=1_780_000_000_000)
    samples = Path(__file__).parents[1] / "data" / "archive_samples.jsonl"
    raws = [*sample_case.records().values(), *samples.read_bytes().splitlines()]
    decoded = 0
    for raw in raws:
        try:
            message = decoder.decode(raw)
        except RecordError:
            continue
        decoded += 1
        item = Item(1, "context", raw, Position(source="x"), message)
        row = event_row(item)
        assert other_facts(raw, row) == []
        assert raw_id(base64.b64decode(row["raw"])) == row["msgid"]
    assert decoded > len(sample_case.records())
