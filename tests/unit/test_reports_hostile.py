"""Packs that nobody signed, made to make the verifier fall over, hang or take all the memory."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import random
import re
import resource
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest
import typer
from typer.testing import CliRunner

from jobs.cli import report
from reports.pack import build_pack
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.contents import MAX_PARTS, MAX_TEXT, pdf_attachments, too_much
from reports.standalone.redaction_checks import hole_commitment, record_commitment, redaction_checks
from reports.standalone.stamp_checks import MOST_STAMPS, stamp_checks
from reports.standalone.verify import read_zip
from reports.standalone.zip_checks import around
from reports.zipped import zipped
from sinks.ledger.canonical import canonical
from sinks.ledger.sm3 import sm3
from tests.support import sample_case

UNFIT = "it is not built as such a file is"
MEMORY, SECONDS = 1_500 << 20, 60


def listed(files):
    return [
        {"name": name, "size": len(data), "sm3": sm3(data),
         "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]  # fmt: skip


def unsigned(files, kind="alert", inner=()):
    """A pack of these files with manifests that fit them."""
    about = {"v": 2, "case": "c", "kind": kind, "subject": "s", "since": 0, "until": 1,
             "created_at": 0, "unmasked": False, "redacted": []}  # fmt: skip
    if inner:
        rows = listed({name: files[name] for name in inner})
        files = {**files, "inner-manifest.json": canonical({**about, "files": rows})}
    manifest = canonical({**about, "files": listed(files)})
    return zipped({"manifest.json": manifest, **files}, 1_790_000_000_000), manifest


@pytest.fixture
def wrong(tmp_path):
    """What the verifier says is wrong, run with little memory: (names, whole output)."""
    program, path = tmp_path / "verify.py", tmp_path / "pack.zip"
    program.write_bytes(single_file())

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def run(archive, *options):
        path.write_bytes(archive)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(path), "--json", *options],
            check=False, capture_output=True, timeout=SECONDS, preexec_fn=limited,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (1, b"")
        said = json.loads(done.stdout)["checks"]
        return {row["name"]: row["en"] for row in said if row["ok"] is False}

    return run


def redacted(number, stars):
    """(files of a pack with one record that is redacted, where its hole is)."""
    raw = b'{"msgid":"m","x":"' + b"*" * stars + b'"}'
    row = {"n": number, "raw": base64.b64encode(raw).decode(), "msgid": "m", "redacted": True,
           "size": len(raw), "digest": "d", "evidence": [], "sender": "s", "conversation": "c",
           "kind": "archive", "type": "", "time": 0, "seq": 0, "role": "context"}  # fmt: skip
    hole = {"n": number, "at": 18, "length": stars, "commitment": "0" * 64}
    files = {"events.jsonl": canonical(row) + b"\n",
             "redactions.json": canonical({"v": 2, "holes": [hole]})}  # fmt: skip
    return files, row


def named_often(count):
    """A pack whose manifest names one file very often."""
    ledger = canonical({"x": ["a" * 80] * 60_000})
    row = {"name": "ledger.json", "sha256": "", "size": 0, "sm3": ""}
    about = {"v": 2, "case": "c", "kind": "alert", "subject": "s", "since": 0, "until": 1,
             "created_at": 0, "unmasked": False, "redacted": [],
             "files": [row] * count}  # fmt: skip
    return zipped({"manifest.json": canonical(about), "ledger.json": ledger}, 1_790_000_000_000)


def plain_row(**more):
    return {"n": 1, "raw": base64.b64encode(b'{"msgid":"m"}').decode(), "msgid": "m", "size": 13,
            "sm3": "", "sha256": "", "evidence": [], "sender": "s", "conversation": "c",
            "kind": "archive", "type": "", "time": 0, "seq": 0, "role": "context",
            **more}  # fmt: skip


def of_one_file(count):
    """A pack whose messages all carry one large file."""
    content = bytes(20 << 20)
    digest = sm3(content)
    rows = [{"n": 1, "file": "media-1-1.bin", "md5": "0" * 32, "sm3": digest, "i": number}
            for number in range(count)]  # fmt: skip
    files = {"media-1-1.bin": content, "media.json": canonical({"files": rows}),
             "events.jsonl": canonical(plain_row()) + b"\n"}  # fmt: skip
    return unsigned(files)[0]


def of_many_files(count):
    """A pack in which one long message carries many files."""
    raw = b'{"msgid":"m","x":"' + b"a" * (4 << 20) + b'"}'
    row = plain_row(raw=base64.b64encode(raw).decode(), size=len(raw))
    files = {f"media-1-{number}.bin": b"%d" % number for number in range(count)}
    rows = [{"n": 1, "file": name, "md5": "0" * 32, "sm3": sm3(content), "i": 1}
            for name, content in files.items()]  # fmt: skip
    files |= {"media.json": canonical({"files": rows}), "events.jsonl": canonical(row) + b"\n"}
    return unsigned(files)[0]


def of_one_rule(count):
    """A pack whose alerts are all of one large rule, each time with another digest."""
    names = ["rule-0000000000000000.yaml", "rule-0000000000000000.canonical"]
    rows = b"".join(
        canonical({"alert": {"alert_id": str(one), "members": [], "count": 0,
                             "rule": {"digest": str(one)}},
                   "evidence": [], "rule_files": names, "rule_text_sm3": ""}) + b"\n"
        for one in range(count)
    )  # fmt: skip
    told = {"counts": dict.fromkeys(("member", "context", "event", "period"), 0),
            "alerts": {"count": count, "contributing": 0, "listed": 0, "beyond_the_cap": 0},
            "media": {"named": 0, "included": 0, "left_out": 0},
            "redacted": {"records": 0, "holes": 0}}  # fmt: skip
    files = {"alerts.jsonl": rows, "completeness.json": canonical(told), "events.jsonl": b"",
             names[1]: bytes(20 << 20)}  # fmt: skip
    return unsigned(files, "case")[0]


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (lambda: named_often(20_000), "manifest.json"),
        (lambda: of_one_file(20_000), "media"),
        (lambda: of_many_files(4_000), "media"),
        (lambda: of_one_rule(10_000), "rule (rule-0000000000000000.yaml)"),
    ],
    ids=["a name", "a file", "a message", "a rule"],
)
def test_what_is_named_very_often_is_read_once(archive, said, wrong):
    assert said in wrong(archive())


@pytest.mark.parametrize("wide", ["\U0001f600", "\\ud83d\\ude00"], ids=["as it is", "escaped"])
def test_texts_that_take_four_times_their_bytes_are_not_read(wide, wrong):
    line = canonical(plain_row(x="#" + "a" * (MAX_TEXT - 4_000)))
    line = line.replace(b"#", wide.encode()) + b"\n"
    said = wrong(unsigned({"events.jsonl": line * 26})[0])
    assert said == {"events.jsonl": "too large to be read: its texts take too much memory"}


def test_more_time_stamps_than_any_pack_has_are_not_given_to_openssl(tmp_path):
    told = canonical({"v": 1, "stamps": [{}] * (MOST_STAMPS + 1)})
    (said,) = stamp_checks({"timestamps.json": told}, None)
    assert (said.ok, "more than 100 time stamps" in said.en) == (False, True)


def test_a_time_that_no_calendar_has_is_a_failed_check(wrong):
    alert = {"status": "x", "time": 10**20, "actor": "", "conversation": "", "count": 1,
             "rule": {"response": 1, "level": "l", "item": "i", "name": "n"},
             "response_state": "r", "alert_id": "a"}  # fmt: skip
    files = {
        "alerts.jsonl": canonical({"alert": alert}) + b"\n",
        "figures.json": canonical({"month": "2026-01", "since": 0, "until": 1, "alerts": {}}),
        "completeness.json": canonical({"alerts": {"count": 1}}),
    }
    assert "figures" in wrong(unsigned(files, "month")[0])


def test_a_number_beyond_all_numbers_is_a_failed_check(wrong, tmp_path):
    files, row = redacted(2**70, 5)
    archive, manifest = unsigned(files)
    opening = {"hole": 0, "n": row["n"], "salt": "00" * 32,
               "value": base64.b64encode(b"12345").decode()}  # fmt: skip
    beside = tmp_path / "openings.json"
    beside.write_bytes(canonical({"v": 2, "manifest_sm3": sm3(manifest), "openings": [opening],
                                  "records": [], "proofs": []}))  # fmt: skip
    assert "openings" in wrong(archive, "--openings", str(beside))


@pytest.mark.parametrize("word", [b"/EmbeddedFile ", b"/EmbeddedFile endobj 1 obj ", b" obj"])
def test_a_pdf_of_nothing_but_beginnings_is_gone_through_once(word, wrong):
    pdf = b"%PDF 1 obj " + word * 300_000
    assert "PDF attachments" in wrong(unsigned({"report.pdf": pdf}, inner=["report.pdf"])[0])


def test_what_is_attached_is_found_packed_and_not():
    big = bytes(range(256)) * 2_000
    pdf = (b"1 0 obj <</Type /EmbeddedFile /Filter /FlateDecode>> stream\n" + zlib.compress(big)
           + b"\nendstream\nendobj\n2 0 obj <</Type /EmbeddedFile>> stream\r\nplain"
           b"\nendstream\nendobj\n3 0 obj <</Is /EmbeddedFile>> endobj 4 0 obj <<>> stream\nx"
           b"\nendstream\nendobj")  # fmt: skip
    assert pdf_attachments(pdf) == [big, b"plain"]
    with pytest.raises(ValueError, match="more is attached"):
        pdf_attachments(pdf, len(big) - 1)


@pytest.mark.parametrize("size", [3 << 30, 10])
def test_an_archive_is_never_unpacked_beyond_what_a_pack_may_be(size, wrong):
    """Whether it owns up to its size or not."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    data, crc = block * (3 << 10) + packer.flush(), 0
    name, fields = b"manifest.json", (0, 8, 0, 0x21, crc, len(data), size, 13)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, *fields, 0) + name + data
    marks = (0, 0, 0, 0, 0o100644 << 16, 0)
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 3 << 8 | 20, 20, *fields, *marks) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    assert "archive" in wrong(local + central + end)


def test_a_hole_of_millions_of_stars_is_judged():
    """Each star of the first kind the verifier used cost it hundreds of bytes."""
    for filler in (
        b"*" * (20 << 20),
        "·＊𐄂".encode() * 9,
        b"\\u002a*\\\\u002a\\ud800\\udd02",
        b"99",
    ):
        for end, good in ((b"", True), (b"x", False), (b"*9", False)):
            files, row = redacted(1, 1)
            raw = b'{"msgid":"m","x":"' + filler + end + b'"}'
            hole = {"n": 1, "at": 18, "length": len(filler + end), "commitment": "0" * 64}
            files["redactions.json"] = canonical({"v": 2, "holes": [hole]})
            rows = [{**row, "raw": base64.b64encode(raw).decode()}]
            assert redaction_checks(files, rows)[0][0].ok is good


def test_stars_without_end_fit_into_memory(wrong):
    assert "manifest.json" not in wrong(unsigned(redacted(1, 8 << 20)[0])[0])


def test_json_that_unpacks_to_all_the_memory_is_not_read(wrong):
    bomb = b"[" + b"[]," * (30 << 20) + b"[]]"
    assert "too large" in wrong(unsigned({"completeness.json": bomb})[0])["completeness.json"]


@pytest.mark.parametrize(
    ("name", "data", "refused"),
    [
        ("device.json", b" " * MAX_TEXT, False),
        ("device.json", b" " * (MAX_TEXT + 1), True),
        ("events.jsonl", (b" " * MAX_TEXT + b"\n") * 2, False),
        ("events.jsonl", b" " * (MAX_TEXT + 1), True),
        ("ledger.json", b" " * (MAX_TEXT * 7), False),
        ("ledger.json", b"," * (MAX_PARTS + 1), True),
        ("events.jsonl", (b"," * 100 + b"\n") * (MAX_PARTS // 100 + 1), True),
        ("records.html", b"," * (MAX_PARTS + 1), False),
    ],
    ids=["file", "large file", "lines", "large line", "proofs", "parts", "parts of lines", "html"],
)
def test_how_large_a_file_may_be(name, data, refused):
    assert [one[0] for one in too_much({name: data})] == [name] * refused


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory, signer):
    return build_pack(sample_case.bundle(tmp_path_factory.mktemp("day")), signer).archive


def trouble(data):
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        return around(data, pack.infolist())


def packed_again(
    archive, name=str, attributes=0o100644 << 16, seconds=0, method=zipfile.ZIP_DEFLATED
):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(buffer, "w") as new:
        for number, one in enumerate(old.infolist()):
            moment = (2026, 1, 1, 1, 0, number * seconds)
            info = zipfile.ZipInfo("x" * len(name(one.filename)), moment)
            info.filename = name(one.filename)
            info.compress_type, info.external_attr = method, attributes
            new.writestr(info, old.read(one))
    return buffer.getvalue()


def test_packed_again_as_it_was_it_is_still_a_pack(archive):
    assert trouble(archive) == trouble(packed_again(archive)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": lambda name: name + "\0hidden" * (name == "VERIFY.md")},
        {"attributes": 0o120777 << 16},
        {"attributes": 0o600 << 16},
        {"attributes": 0o600 << 16, "method": zipfile.ZIP_STORED},  # as `writestr` packs
        {"method": zipfile.ZIP_STORED},
        {"seconds": 2},
    ],
    ids=["name", "link", "attributes", "as Python packs", "not packed", "times"],
)
def test_no_part_of_an_archive_is_free_to_say_something(change, archive):
    assert trouble(packed_again(archive, **change))


def test_no_bit_of_a_header_can_be_another(archive, tmp_path):
    with zipfile.ZipFile(io.BytesIO(archive)) as pack:
        places = [*range(pack.start_dir, len(archive))]
        for info in pack.infolist():
            places += range(info.header_offset, info.header_offset + 30 + len(info.filename))
    dice, path, passed = random.Random(9), tmp_path / "pack.zip", []
    for at in dice.sample(places, 600):
        altered = bytearray(archive)
        altered[at] ^= 1 << dice.randrange(8)
        path.write_bytes(altered)
        if not read_zip(str(path))[1]:
            passed.append(at)
    assert passed == []


@pytest.fixture
def verified(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    path = tmp_path / "pack.zip"
    path.write_bytes(archive)
    app = typer.Typer()
    report.register(app)

    def run(*options):
        keys = ["--set", f"keys_dir={tmp_path}/none"]
        return CliRunner().invoke(app, ["report", "verify", str(path), *options, *keys])

    return run


@pytest.mark.parametrize("fingerprint", ["", " ", "xyz", "0" * 63])
def test_a_fingerprint_that_is_none_is_refused(fingerprint, verified):
    refused = verified("--fingerprint", fingerprint)
    assert getattr(refused.exception, "exit_code", None) == 2
    assert "64 digits" in str(refused.exception)


def test_a_fingerprint_in_groups_is_one(signer, verified):
    groups = ":".join(signer.fingerprint[at : at + 4] for at in range(0, 64, 4)).upper()
    assert verified("--fingerprint", groups).exit_code == 0


@pytest.fixture
def told_of(tmp_path, archive):
    """What verify.py says of a pack with a file beside it: (exit code, what it complains of)."""
    program, path = tmp_path / "verify.py", tmp_path / "pack.zip"
    program.write_bytes(single_file())
    path.write_bytes(archive)

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def run(option, beside):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(path), "--lang", "en", option,
             str(beside)],
            check=False, capture_output=True, timeout=SECONDS, preexec_fn=limited,
        )  # fmt: skip
        return done.returncode, done.stderr.decode()

    return run


@pytest.mark.parametrize(
    ("option", "size", "start", "says"),
    [
        ("--openings", 2 << 30, b"", "too large to be read: more than 256 MiB"),
        ("--openings", 0, b"[" + b"[]," * (30 << 20) + b"[]]", "it has too many parts"),
        ("--given", 2 << 30, b"", "too large to be read: more than 64 KiB"),
        ("--given", 0, b"[" * 60_000, "is no signed head of a ledger"),
    ],
    ids=["large openings", "openings of many parts", "large head", "no head"],
)
def test_what_is_given_beside_a_pack_is_never_read_without_end(
    option, size, start, says, told_of, verified, tmp_path
):
    beside = tmp_path / "beside"
    beside.write_bytes(start)
    if size:
        os.truncate(beside, size)
    code, complaint = told_of(option, beside)
    assert (code, says in complaint, complaint.count("\n")) == (2, True, 1), complaint
    refused = verified(option, str(beside)).exception
    assert (refused.exit_code, says in refused.en) == (2, True)
    assert re.search("[一-鿿]", refused.zh)


def test_openings_nested_to_no_end_do_not_fit(wrong, tmp_path):
    beside = tmp_path / "openings.json"
    beside.write_bytes(b"[" * (5 << 20))
    said = wrong(unsigned(redacted(1, 5)[0])[0], "--openings", str(beside))
    assert said["openings"] == "it is nested without end"


def test_proofs_in_openings_that_are_none_are_the_openings_fault(wrong, tmp_path):
    files, row = redacted(1, 5)
    salt, value = bytes(32), b"12345"
    whole = base64.b64decode(row["raw"]).replace(b"*" * 5, value)
    sha256 = hashlib.sha256(whole).hexdigest()
    row = {**row, "digest": record_commitment(salt, 1, sm3(whole), sha256)}
    files["events.jsonl"] = canonical(row) + b"\n"
    files["redactions.json"] = canonical(
        {
            "v": 2,
            "holes": [
                {"n": 1, "at": 18, "length": 5, "commitment": hole_commitment(salt, 1, 18, value)}
            ],
        }
    )
    archive, manifest = unsigned(files)
    opening = {"hole": 0, "n": 1, "salt": salt.hex(), "value": base64.b64encode(value).decode()}
    beside = tmp_path / "openings.json"
    beside.write_bytes(
        canonical(
            {
                "v": 2,
                "manifest_sm3": sm3(manifest),
                "openings": [opening],
                "records": [{"n": 1, "salt": salt.hex()}],
                "proofs": [{"of": [], "id": 1}],
            }
        )
    )
    assert wrong(archive, "--openings", str(beside))["openings"] == UNFIT


def test_the_head_one_was_given_is_asked_for(verified, tmp_path):
    missing = verified("--given", str(tmp_path / "head.txt"))
    assert getattr(missing.exception, "exit_code", None) == 2
    assert "there is no file" in str(missing.exception)
