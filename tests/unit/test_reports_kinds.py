"""Packs about more than one alert, in both languages, with files and the looks of the desk."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile

import pypdf
import pytest

from reports.case import ALERT, CASE, PERSON, Raised, Subject
from reports.context_files import FileContext
from reports.evidence import build_bundle
from reports.media import LEFT_OUT, STORED, Content
from reports.pack import build_pack
from reports.rule_text import rule_text, without_tests
from reports.signing import Signer
from reports.standalone.checks import PDF
from reports.standalone.verify import verify
from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.ledger.canonical import canonical
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.unit.test_reports_pack import resealed

SEALER = Sealer("sample", {"sample": bytes(range(16))})
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
HAN = re.compile("[一-鿿]")


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


def second():
    """Another alert on the same conversation, by another rule; one of its messages is the first
    one's too."""
    alert, evidence = sample_case.alert_and_evidence(SEALER)
    rule = rule_text(
        sample_case.RULE.replace("level: high", "level: low").replace("02_03", "02_04")
    )
    row = {**evidence[1], "evidence_id": hashlib.sha256(b"second").hexdigest()[:32]}
    raw = sample_case.records()["m06"]
    row["sealed"] = SEALER.seal(raw, f"{sample_case.TENANT}/{row['evidence_id']}")
    member = {**alert["members"][1], "evidence_id": row["evidence_id"]}
    other = {
        **alert, "alert_id": "77b0" + "e" * 28, "members": [member], "count": 4, "hits": [],
        "first_time": member["time"],
        "rule": {**alert["rule"], "digest": rule.digest, "response": 3, "name": "a02_04_x",
                 "title": "另一条规则"},
    }  # fmt: skip
    return Raised(other, [row], rule)


def built(folder, subject, raised=None, media=None, **changes):
    if raised is None:
        raised = [Raised(*sample_case.alert_and_evidence(SEALER), sample_case.rule()), second()]
    decoder = Decoder(sample_case.TENANT)
    return build_bundle(
        subject,
        raised,
        context=FileContext(sample_case.write_day(folder), decoder),
        sealer=SEALER,
        decoder=decoder,
        request=sample_case.request(**changes),
        media=media,
    )


def unpacked(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def shown(pack):
    reader = pypdf.PdfReader(io.BytesIO(pack.pdf))
    return "".join("".join(page.extract_text() for page in reader.pages).split())


@pytest.fixture
def outcome(tmp_path):
    def run(contents):
        path = write_pack(tmp_path / "pack.zip", contents)
        return {one.name: (one.ok, one.en) for one in verify(str(path)).checks}

    return run


@pytest.fixture(scope="module")
def case(tmp_path_factory, signer):
    return build_pack(built(tmp_path_factory.mktemp("day"), Subject(CASE, "内审2026-017")), signer)


def test_a_case_of_two_alerts_holds_each_record_once_and_both_rules(case, outcome):
    files = unpacked(case)
    said = outcome(files)
    assert all(ok is not False for ok, _ in said.values()), said
    assert said["alert members"] == (True, "all 3 of 2 alerts are here")
    assert said["records"][1] == "18 raw, all fit"
    assert len([name for name in said if name.startswith("rule (")]) == 2
    assert "alert.json" not in files
    alerts = [json.loads(line) for line in files["alerts.jsonl"].splitlines()]
    assert {name for one in alerts for name in one["rule_files"]} <= set(files)
    assert json.loads(files["manifest.json"])["subject"] == "内审2026-017"
    counts = json.loads(files["completeness.json"])["alerts"]
    assert counts == {"count": 2, "contributing": 6, "listed": 3, "beyond_the_cap": 3}
    assert case.name == case.case.lower()


def test_the_report_of_a_case_lists_its_alerts_the_heaviest_first(case):
    text = shown(case)
    assert "共2条告警" in text
    assert text.index("另一条规则") < text.index("A02-03要求客户向个人账户付款")
    assert "告警1另一条规则" in text
    assert "三级" in text


def rows_of(files):
    return [json.loads(line) for line in files["alerts.jsonl"].splitlines()]


def lines(rows):
    return b"".join(canonical(row) + b"\n" for row in rows)


def a_rule_swapped(files):
    rows = rows_of(files)
    rows[0]["rule_files"], rows[1]["rule_files"] = rows[1]["rule_files"], rows[0]["rule_files"]
    return {"alerts.jsonl": lines(rows)}


def an_alert_dropped(files):
    return {"alerts.jsonl": lines(rows_of(files)[:1])}


def other_subject(files):
    return {"manifest.json": files["manifest.json"].replace("内审2026-017".encode(), b"x")}


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        (a_rule_swapped, "rule (", "did not raise the alert"),
        (an_alert_dropped, "alert members", "not what raised the alert: m06"),
        (other_subject, "inner-manifest.json", "of another case than the manifest"),
        (lambda f: {"alerts.jsonl": b"[]\n"}, "alert members", "the case is damaged"),
    ],
)
def test_even_who_holds_the_key_cannot_bend_a_case(change, check, says, case, signer, outcome):
    files = unpacked(case)
    said = outcome(resealed({**files, **change(files)}, signer))
    wrong = [words for name, (ok, words) in said.items() if name.startswith(check) and ok is False]
    assert any(says in words for words in wrong), said


PERIOD = sample_case.START - 86_400_000, sample_case.START + 86_400_000


def test_a_person_over_a_period_is_all_they_said_and_were_told(tmp_path, signer, outcome):
    subject = Subject(PERSON, sample_case.EMPLOYEE, *PERIOD)
    bundle = built(tmp_path, subject, each_side=0)
    counts = bundle.completeness["counts"]
    assert counts == {"member": 2, "context": 0, "event": 3, "period": 14}
    pack = build_pack(bundle, signer)
    said = outcome(unpacked(pack))
    assert all(ok is not False for ok, _ in said.values()), said
    assert "张伟（zhangwei）的会话与告警" in shown(pack)
    nobody = built(tmp_path, Subject(PERSON, sample_case.CUSTOMER, *PERIOD), [], each_side=0)
    assert nobody.completeness["counts"] == {"member": 0, "context": 0, "event": 0, "period": 15}
    assert all(ok is not False for ok, _ in outcome(unpacked(build_pack(nobody, signer))).values())


def test_what_is_beyond_the_limit_of_a_period_is_told(tmp_path):
    subject = Subject(PERSON, sample_case.EMPLOYEE, *PERIOD)
    bundle = built(tmp_path, subject, [], limit=4)
    assert bundle.completeness["counts"]["period"] == 4
    (limit,) = bundle.completeness["source"]["limits"]
    assert "more than 4" in limit["en"]


def test_a_large_pack_draws_what_matters_and_holds_a_page_with_all(tmp_path, signer, monkeypatch):
    monkeypatch.setattr("reports.view.MOST_DRAWN", 5)
    subject = Subject(PERSON, sample_case.EMPLOYEE, *PERIOD)
    pack = build_pack(built(tmp_path, subject, each_side=0), signer)
    text, files = shown(pack), unpacked(pack)
    assert "本包共19条记录，本报告载明5条" in text
    assert "打到我个人账户" in text
    page = files["records.html"].decode()
    assert "法务说只能付对公账户" in page
    assert "&lt;b&gt;发票&lt;/b&gt;" in page
    assert sample_case.CARD not in page
    assert "records.html" in [row["name"] for row in json.loads(files["manifest.json"])["files"]]


def test_the_english_report_is_english(tmp_path, signer):
    bundle = sample_case.bundle(tmp_path, language="en", names={})
    text = shown(build_pack(bundle, signer))
    for fact in (
        "Factsofthecase", "Beijingtime", "Level2", "Foundafterwards", "recalledamessage",
        "notavailable", "Howtoverify", "page2of", "CONFIDENTIAL", "loginonanewdevice",
        "matched:", "customerwmJk", "self-generated",
    ):  # fmt: skip
        assert fact in text, fact
    request = sample_case.request()
    quoted = set(
        sample_case.RULE + str(sample_case._TALK) + str(sample_case._DEEDS) + request.company
        + request.created_by + request.reason + bundle.alerts[0]["summary"] + "明鉴合规证据包"
    )  # fmt: skip
    own = [one for one in HAN.findall(text) if one not in quoted]
    assert own == []


class Files:
    """Contents of two of the files that the sample's messages carry."""

    def __init__(self, contents):
        self.contents = contents

    def known(self, file_id):
        data = self.contents.get(file_id)
        return Content(STORED, len(data), sm3_raw(data)) if data else Content("lost")

    def read(self, file_id):
        if self.contents[file_id] is PNG:
            return PNG
        raise MingjianError("damaged", "损坏")


PICTURE = {"md5sum": hashlib.md5(PNG, usedforsecurity=False).hexdigest(), "filesize": len(PNG),
           "sdkfileid": "Cpng"}  # fmt: skip


@pytest.fixture
def with_file(monkeypatch):
    """The sample's second member carries a picture, and only the first one has a hit."""
    alert, evidence = sample_case.alert_and_evidence(SEALER)
    talk = [
        (at, key, who, "image", PICTURE) if key == "m06" else (at, key, who, kind, body)
        for at, key, who, kind, body in sample_case._TALK
    ]
    monkeypatch.setattr(sample_case, "_TALK", talk)
    raw, row = sample_case.records()["m06"], evidence[1]
    row |= {"raw_sm3": sm3_raw(raw), "raw_sha256": hashlib.sha256(raw).hexdigest(),
            "sealed": SEALER.seal(raw, f"{sample_case.TENANT}/{row['evidence_id']}")}  # fmt: skip
    return Raised({**alert, "hits": alert["hits"][:1]}, evidence, sample_case.rule())


def packed_with(raised, tmp_path, signer, contents, **changes):
    subject = Subject(ALERT, raised.alert["alert_id"])
    bundle = built(tmp_path / "day", subject, [raised], media=Files(contents), **changes)
    return build_pack(bundle, signer)


def test_what_members_carry_is_in_the_pack_and_fits_their_md5(with_file, tmp_path, signer, outcome):
    pack = packed_with(with_file, tmp_path, signer, {"Cpng": PNG})
    files = unpacked(pack)
    (name,) = [name for name in files if name.startswith("media-")]
    assert files[name] == PNG
    said = outcome(files)
    assert said["media"] == (True, "1 file fits the md5 in its message")
    assert all(ok is not False for ok, _ in said.values()), said
    assert name in shown(pack)
    stated = json.loads(files["completeness.json"])
    assert stated["media"] == {"named": 1, "included": 1, "left_out": 0}
    assert "media" not in [one["id"] for one in stated["not_covered"]]


def other_content(files, name):
    return {name: PNG[::-1]}


def other_content_listed(files, name):
    told = json.loads(files["media.json"])
    told["files"][0]["sm3"] = sm3_raw(PNG[::-1])
    return {name: PNG[::-1], "media.json": canonical(told)}


def of_another_message(files, name):
    told = json.loads(files["media.json"])
    told["files"][0]["n"] = 1
    return {"media.json": canonical(told)}


def not_listed(files, name):
    return {"media.json": canonical({"v": 1, "files": []})}


@pytest.mark.parametrize(
    ("change", "ok", "says"),
    [
        (other_content, False, "not the content that was stored"),
        (other_content_listed, None, "not what the md5 of WeCom says"),
        (of_another_message, False, "record 1 does not carry"),
        (not_listed, False, "does not name the files that are here"),
    ],
)
def test_a_file_that_is_not_what_was_sent_is_named(
    change, ok, says, with_file, tmp_path, signer, outcome
):
    files = unpacked(packed_with(with_file, tmp_path, signer, {"Cpng": PNG}))
    (name,) = [name for name in files if name.startswith("media-")]
    found = outcome(resealed({**files, **change(files, name)}, signer))["media"]
    assert found[0] is ok
    assert says in found[1]


def test_a_file_that_is_not_to_be_had_is_told(with_file, tmp_path, signer, outcome):
    files = unpacked(packed_with(with_file, tmp_path, signer, {}))
    assert json.loads(files["media.json"])["files"][0]["state"] == "lost"
    assert not [name for name in files if name.startswith("media-")]
    assert outcome(files)["media"][0]
    large = packed_with(with_file, tmp_path, signer, {"Cpng": PNG}, media_bytes=10)
    (row,) = json.loads(unpacked(large)["media.json"])["files"]
    assert (row["state"], row["file"]) == (LEFT_OUT, "")
    with pytest.raises(MingjianError, match="damaged"):
        packed_with(with_file, tmp_path, signer, {"Cpng": b"x" * 20})


@pytest.mark.parametrize(
    ("rule", "left", "count"),
    [
        ("title: a\nmingjian:\n  tests:\n    - {name: x}\n    - {name: y}\n  item: 1\n",
         "title: a\nmingjian:\n  item: 1\n", 2),
        ("title: a\nmingjian:\n  item: 1\n  tests:\n  - name: x\n    text: y",
         "title: a\nmingjian:\n  item: 1\n", 1),
        ("a: 1\nmingjian:\n  tests:\n    - {n: 1}\n---\nb: 2\nmingjian:\n  tests:\n    - {n: 2}\n",
         "a: 1\nmingjian:\n---\nb: 2\nmingjian:\n", 2),
        ("a: 1\nmingjian: {tests: [{n: 1}]}\n", "a: 1\nmingjian: {tests: [{n: 1}]}\n", 0),
        ("tests: [1]\ndetection: {tests: [2]}\n", "tests: [1]\ndetection: {tests: [2]}\n", 0),
    ],
)  # fmt: skip
def test_a_rule_is_drawn_without_its_tests(rule, left, count):
    assert without_tests(rule) == (left, count)


def test_no_digest_of_a_redacted_record_is_anywhere_to_be_read(tmp_path, signer):
    """With it, what was taken out of a record of which all else is known could be guessed."""
    bundle = sample_case.bundle(tmp_path, redact=frozenset({"numbers"}))
    pack = build_pack(bundle, signer)
    files = unpacked(pack)
    text = shown(pack).encode() + b"".join(files[name] for name in sorted(files) if name != PDF)
    taken = [item for item in bundle.items if item.holes]
    assert taken
    for item in taken:
        for digest in (sm3_raw(item.record), hashlib.sha256(item.record).hexdigest()):
            assert digest.encode() not in text
            assert digest[:16].encode() not in text
    whole = next(item for item in bundle.items if not item.holes)
    assert sm3_raw(whole.record).encode() in text
    assert "不收录与消息有关的保管记录" in shown(pack)
