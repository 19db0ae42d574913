"""A pack proves itself: it verifies as built, and every kind of tampering is named."""

from __future__ import annotations

import ast
import base64
import copy
import dataclasses
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile

import pikepdf
import pypdf
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reports.case import ALERT, Raised, Subject
from reports.evidence import build_bundle
from reports.pack import build_pack, save
from reports.pages import page
from reports.pieces import pieces, plain
from reports.signing import Signer, openssl_program
from reports.standalone import single_file
from reports.standalone.checks import Verifier, canonical
from reports.standalone.name_checks import case_mark
from reports.standalone.verify import verify
from reports.view import view
from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.support.packed import write_pack


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return sample_case.bundle(tmp_path_factory.mktemp("day"))


@pytest.fixture(scope="module")
def pack(bundle, signer):
    return build_pack(bundle, signer)


@pytest.fixture(scope="module")
def files(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def text(pack):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pack.pdf)).pages)


@pytest.fixture
def failures(tmp_path):
    """What the standalone verifier says is wrong, run as an auditor would run it."""
    program = tmp_path / "verify.py"
    program.write_bytes(single_file())

    def run(contents: dict[str, bytes], *options: str) -> dict[str, str]:
        path = write_pack(tmp_path / "pack.zip", contents)
        command = [sys.executable, "-I", "-S", str(program), str(path), "--json", *options]
        done = subprocess.run(
            command, check=False, capture_output=True, cwd="/", env={"PATH": "/usr/bin:/bin"}
        )
        assert done.stderr == b""
        said = json.loads(done.stdout)
        assert done.returncode == (0 if said["ok"] else 1)
        wrong = {row["name"]: row["en"] for row in said["checks"] if row["ok"] is False}
        assert said["ok"] == (not wrong)
        return wrong

    return run


def listed(contents, names):
    return [
        {"name": n, "size": len(contents[n]), "sm3": sm3_raw(contents[n]),
         "sha256": hashlib.sha256(contents[n]).hexdigest()}
        for n in sorted(names)
    ]  # fmt: skip


def resealed(files, signer, **changed: bytes):
    """What somebody who holds the signing key can do: change data, mend both manifests, sign."""
    contents = {**files, **{name.replace("__", "."): data for name, data in changed.items()}}
    inner = json.loads(contents["inner-manifest.json"])
    inner["files"] = listed(contents, [row["name"] for row in inner["files"]])
    outer = json.loads(contents["manifest.json"])
    if inner["case"] == outer["case"]:
        inner["case"] = outer["case"] = f"MJ-20260601-{case_mark(inner)}"
    contents["inner-manifest.json"] = canonical(inner)
    outer["files"] = listed(contents, [row["name"] for row in outer["files"]])
    contents["manifest.json"] = canonical(outer)
    contents["manifest.sm2.sig"] = signer.sign_repeatably(contents["manifest.json"])
    return contents


def test_a_case_number_is_that_of_what_one_pack_says(bundle, pack, signer):
    assert build_pack(bundle, signer).case == pack.case
    numbers = {pack.case}
    for change in (
        {"language": "en"},
        {"unmask": True},
        {"created_at": sample_case.CREATED_AT + 1},
    ):
        changed = dataclasses.replace(bundle.request, **change)
        numbers.add(build_pack(dataclasses.replace(bundle, request=changed), signer).case)
    fewer = dataclasses.replace(bundle, custody=bundle.custody[:-1])
    numbers.add(build_pack(fewer, signer).case)
    assert len(numbers) == 5
    assert all(re.fullmatch("MJ-20260601-[0-9A-F]{8}", one) for one in numbers)


def test_the_number_of_another_pack_is_found_whoever_holds_the_key(files, signer, failures):
    outer, inner = (json.loads(files[name]) for name in ("manifest.json", "inner-manifest.json"))
    for one in (outer, inner):
        one["case"] = one["case"][:-1] + ("0" if one["case"][-1] != "0" else "1")
    contents = {**files, "inner-manifest.json": canonical(inner)}
    outer["files"] = listed(contents, [row["name"] for row in outer["files"]])
    contents["manifest.json"] = canonical(outer)
    contents["manifest.sm2.sig"] = signer.sign_repeatably(contents["manifest.json"])
    assert failures(contents)["inner-manifest.json"] == "its case number is that of another pack"


def test_no_pack_takes_the_place_of_another(bundle, signer):
    there = {bundle.subject.id, f"{bundle.subject.id}-2"}
    made = build_pack(bundle, signer, there.__contains__)
    assert made.name == f"{bundle.subject.id}-3"
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made.pdf)).pages)
    assert f"{made.name}.zip" in "".join(text.split())


def test_the_pack_verifies_apart_from_everything(files, failures, signer):
    assert failures(files) == {}
    assert failures(files, "--fingerprint", signer.fingerprint) == {}
    assert files["verify.py"] == single_file()


def test_it_holds_what_the_list_of_a_pack_asks_for(files):
    assert set(files) == {
        "report.pdf", "manifest.json", "manifest.sm2.sig", "signer.pem", "signer.json",
        "inner-manifest.json", "events.jsonl", "alert.json", "rule.yaml", "rule.canonical",
        "device.json", "custody.jsonl", "completeness.json", "VERIFY.md", "verify.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "最终"),
        ({"status": "speculative"}, "暂定"),
        (
            {"status": "retracted", "retraction": "replaced", "replaced_by": "ab12"},
            "已撤回：后到的消息排在它前面：这些消息归入另一条告警（ab12）",
        ),
    ],
)
def test_the_report_says_whether_the_alert_stands(bundle, signer, changes, said):
    (finding,) = bundle.findings
    changed = dataclasses.replace(
        bundle, findings=(finding._replace(alert={**finding.alert, **changes}),)
    )
    html = page("report.html.j2", {**view(changed, signer.info()), "inner_sm3": "0" * 64,
                                   "case": "", "name": "",
                                   "created_iso": ""})  # fmt: skip
    assert said in html
    assert ("本告警已撤回" in html) == (changes.get("status") == "retracted")


def test_a_flipped_byte_in_any_file_is_named(files, failures):
    for name in files:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        wrong = failures({**files, name: bytes(data)})
        told = "signature" if name in ("manifest.json", "manifest.sm2.sig") else name
        assert told in wrong, f"{name}: {wrong}"


def test_a_missing_an_extra_and_a_doubled_file_are_named(files, failures, tmp_path):
    for name in files:
        rest = {key: data for key, data in files.items() if key != name}
        told = {"manifest.sm2.sig": "signature"}.get(name, name)
        assert told in failures(rest), name
    assert failures({**files, "extra.txt": b"x"}) == {"extra.txt": "is not in the manifest"}
    path = write_pack(tmp_path / "twice.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        again = copy.copy(archive.getinfo("alert.json"))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(again, b"{}")
    assert [c.name for c in verify(str(path)).checks if c.ok is False] == ["archive"]


def rows(files):
    return [json.loads(line) for line in files["events.jsonl"].splitlines()]


def lines(values):
    return b"".join(canonical(value) + b"\n" for value in values)


def drop_one(files):
    return {"events__jsonl": lines(row for row in rows(files) if row["n"] != 4)}


def drop_one_and_renumber(files):
    kept = [row for row in rows(files) if row["n"] != 4]
    return {"events__jsonl": lines({**row, "n": n} for n, row in enumerate(kept, 1))}


def drop_a_member(files):
    kept = [row for row in rows(files) if row["msgid"] != "m05"]
    return {"events__jsonl": lines({**row, "n": n} for n, row in enumerate(kept, 1))}


def swap_two(files):
    found = rows(files)
    found[2], found[3] = found[3], found[2]
    return {"events__jsonl": lines(found)}


def other_words(files):
    """Rewrite what a member said, with fitting digests in its row."""
    found = rows(files)
    row = next(row for row in found if row["msgid"] == "m05")
    raw = base64.b64decode(row["raw"]).replace("我个人账户".encode(), "公司的账户".encode())
    row.update(raw=base64.b64encode(raw).decode(), size=len(raw), sm3=sm3_raw(raw),
               sha256=hashlib.sha256(raw).hexdigest())  # fmt: skip
    return {"events__jsonl": lines(found)}


def other_id(files):
    found = rows(files)
    found[3]["msgid"] = "m99"
    return {"events__jsonl": lines(found)}


def wrong_digest(files):
    found = rows(files)
    found[3]["sm3"] = "0" * 64
    return {"events__jsonl": lines(found)}


def custody_reordered(files):
    found = files["custody.jsonl"].splitlines(keepends=True)
    return {"custody__jsonl": found[1] + found[0] + found[2]}


def custody_shortened(files):
    return {"custody__jsonl": b"".join(files["custody.jsonl"].splitlines(keepends=True)[:-1])}


def custody_other_reason(files):
    return {"custody__jsonl": files["custody.jsonl"].replace(b"2026-017", b"2026-018")}


def rule_replaced(files):
    return {"rule__canonical": files["rule.canonical"].replace(b"high", b"low")}


def rule_text_replaced(files):
    return {"rule__yaml": files["rule.yaml"].replace(b"high", b"low")}


def signer_id_replaced(files):
    return {"signer__json": files["signer.json"].replace(b"1234567812345678", b"ALICE")}


@pytest.mark.parametrize(
    ("tamper", "check", "says"),
    [
        (drop_one, "records", "out of sequence"),
        (
            drop_one_and_renumber,
            "completeness",
            "members 2, context 13, acts 3, period 0; the pack holds",
        ),
        (drop_a_member, "alert members", "not in the pack: m05"),
        (swap_two, "records", "out of sequence"),
        (other_words, "alert members", "not what raised the alert: m05"),
        (other_id, "records", "another id"),
        (wrong_digest, "records", "digest differs"),
        (custody_reordered, "custody chain", "line 1"),
        (custody_shortened, "custody chain", "its end"),
        (custody_other_reason, "custody chain", "line 2"),
        (rule_replaced, "rule", "did not raise the alert"),
        (rule_text_replaced, "rule", "another text"),
        (signer_id_replaced, "signer.json", "another SM2 signer id"),
    ],
)
def test_even_who_holds_the_key_cannot_change_one_part(
    tamper, check, says, files, signer, failures
):
    wrong = failures(resealed(files, signer, **tamper(files)))
    assert says in wrong[check]
    assert "PDF attachments" in wrong  # the data inside the report still tells
    assert "signature" not in wrong


def test_a_pack_signed_again_with_another_key_is_named(files, signer, failures, tmp_path):
    other = Signer.from_dir(tmp_path / "other")
    again = resealed({**files, "signer.pem": other.public_pem}, other)
    assert failures(again) == {"signer.pem": "not the key that the report names"}
    wrong = failures(again, "--fingerprint", signer.fingerprint)
    assert wrong["key trust"] == "not the key you expect"


def test_a_pack_rebuilt_whole_with_another_key_needs_the_fingerprint(
    bundle, signer, failures, tmp_path
):
    other = Signer.from_dir(tmp_path / "other")
    with zipfile.ZipFile(io.BytesIO(build_pack(bundle, other).archive)) as archive:
        again = {name: archive.read(name) for name in archive.namelist()}
    assert failures(again) == {}
    assert set(failures(again, "--fingerprint", signer.fingerprint)) == {"key trust"}


@pytest.mark.parametrize(
    ("options", "says"),
    [([], "empty SM2 signer id"), (["-sigopt", "distid:ALICE"], "signer id 1234567812345678")],
)
def test_a_signature_with_another_signer_id_is_named(
    options, says, files, signer, failures, tmp_path
):
    command = [openssl_program(), "dgst", "-sm3", *options, "-sign", str(signer.path)]
    done = subprocess.run(command, input=files["manifest.json"], capture_output=True, check=True)
    wrong = failures({**files, "manifest.sm2.sig": done.stdout})
    assert says in wrong["signature"]
    assert set(wrong) == {"signature"}


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"%PDF-1.7"])
def test_what_is_no_pack_is_told_without_a_traceback(data, tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert [check.ok for check in verify(str(path)).checks] == [False]


@pytest.mark.parametrize("name", ["manifest.json", "inner-manifest.json", "alert.json",
                                  "completeness.json", "signer.json", "signer.pem"])  # fmt: skip
@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{}", b'{"files":[1]}', b"\xff", b"[" * 9999]
)
def test_nonsense_in_a_file_is_a_failed_check_and_no_traceback(name, data, files, failures):
    assert name in failures({**files, name: data})


@pytest.fixture
def auditor(tmp_path):
    """verify.py as an auditor runs it who reads what it prints: (exit code, lines, complaints)."""
    program = tmp_path / "verify.py"
    program.write_bytes(single_file())

    def run(contents: dict[str, bytes] | None, *options: str, **environ: str):
        path = tmp_path / "pack.zip"
        if contents is not None:
            write_pack(path, contents)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(path), *options],
            check=False, capture_output=True, text=True, encoding="utf-8",
            env={"PATH": "/usr/bin:/bin", **environ},
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


def test_the_verdict_says_whether_anybody_knows_the_key(files, signer, auditor):
    code, lines, _ = auditor(files, "--lang", "en")
    assert code == 0
    assert "signed by a key that is not known here" in lines[-1]
    assert signer.fingerprint in lines[-1]
    code, lines, _ = auditor(files, "--lang", "zh")
    assert "签名公钥在此未知" in lines[-1]
    assert signer.fingerprint in lines[-1]
    code, lines, _ = auditor(files, "--lang", "en", "--fingerprint", signer.fingerprint)
    assert (code, "the key you expect" in lines[-1]) == (0, True)
    code, lines, _ = auditor(files, "--lang", "en", "--fingerprint", "0" * 64)
    assert (code, "ANOTHER key" in lines[-1]) == (1, True)


@pytest.mark.parametrize(
    ("environ", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANGUAGE": "zh_CN:en"}, True),
        ({"LANG": "C.UTF-8"}, False),
        ({"MINGJIAN_LANG": "en", "LANG": "zh_CN.UTF-8"}, False),
    ],
)
def test_the_language_is_the_environments_even_without_that_locale(
    environ, chinese, files, auditor
):
    _, lines, _ = auditor(files, **environ)
    assert lines[-1].startswith("结论：" if chinese else "Verdict: ")


def test_chinese_output_names_the_checks_in_chinese(files, auditor):
    _, lines, _ = auditor(files, "--lang", "zh")
    names = [line.split("] ", 1)[1].split(":")[0] for line in lines[:-1]]
    assert {"签名", "公钥核对", "保管链", "原始记录", "告警记录", "完整性声明"} <= set(names)
    assert {name for name in names if name not in files} == {
        "签名", "OpenSSL 复核", "公钥核对", "PDF 附件", "保管链", "原始记录", "告警记录",
        "完整性声明", "检索范围", "规则", "账本条目",
    }  # fmt: skip


PYTHON_WORDS = re.compile(r"Error\b|Expecting|Errno|Traceback|[{}]|codec|b'")


def test_nothing_of_python_is_shown_for_a_damaged_pack(files, signer, tmp_path):
    broken = [{k: v for k, v in files.items() if k != name} for name in files]
    broken += [
        {**files, name: data}
        for name in files
        for data in (b"", b"\xff\xfe", files[name][: len(files[name]) // 2], b'{"files":{}}')
    ]
    broken.append(resealed(files, signer, **drop_one_and_renumber(files)))
    for contents in broken:
        path = write_pack(tmp_path / "broken.zip", contents)
        found = verify(str(path))
        assert not found.passed
        shown = "\n".join(f"{check.en}\n{check.zh}" for check in found.checks)
        assert not PYTHON_WORDS.search(shown), shown
        assert not re.search(r"[a-z] [a-z]", "".join(check.zh for check in found.checks))


def test_a_file_that_is_not_there_is_a_wrong_call(auditor):
    for lang, says in (("en", "there is no file"), ("zh", "没有文件")):
        code, lines, complaints = auditor(None, "--lang", lang)
        assert (code, lines) == (2, [])
        assert says in complaints


def test_a_damaged_key_does_not_keep_the_other_checks_from_being_made(files, auditor):
    data = bytearray(files["signer.pem"])
    data[60] ^= 1
    code, lines, _ = auditor({**files, "signer.pem": bytes(data)}, "--lang", "en")
    assert code == 1
    said = [line.split("] ", 1)[1].split(":")[0] for line in lines[:-1]]
    assert {"signature", "PDF attachments", "custody chain", "records", "alert members",
            "completeness", "rule"} <= set(said)  # fmt: skip
    assert "[note] signature: cannot be judged without the key" in lines
    assert "FAILED" in lines[-1]


def test_equal_inputs_give_equal_bytes_but_for_the_signature(pack, files, signer, tmp_path):
    again = build_pack(sample_case.bundle(tmp_path), signer)
    with zipfile.ZipFile(io.BytesIO(again.archive)) as archive:
        other = {name: archive.read(name) for name in archive.namelist()}
    same_place = {"completeness.json", "custody.jsonl", "events.jsonl"}  # name the folder read
    assert {name for name in files if files[name] != other[name]} <= {
        *same_place, "inner-manifest.json", "report.pdf", "manifest.json", "manifest.sm2.sig",
    }  # fmt: skip


def test_the_same_bundle_gives_the_same_bytes(bundle, pack, signer):
    again = build_pack(bundle, signer)
    assert again.pdf == pack.pdf
    assert again.archive == pack.archive


@pytest.mark.parametrize(
    "fact",
    [
        "MJ-20260601-", "明鉴示范咨询有限公司", "张伟", "zhangwei", "王总",
        "要求客户向个人账户付款", "A02-03", "2026-06-01 10:03:56", "2026-06-01 13:00:00",
        "内审 2026-017", "审计员 li.na", "事后发现", "无法事先拦截", "打到我个人账户",
        "王总：付款还是走你们公司对公账户吧", "撤回了一条消息", "已于 10:07:35 被撤回",
        "咨询服务合同（2026版）.docx", "法务说只能付对公账户", "88.00 元", "北京市东城区长安街",
        "<b>发票</b>{{ 7 * 7 }}怎么开",
        "第一百六十三条", "text|contains", "183.40.88.*", "不可得", "owM2ovo", "RFC 3161",
        "制作人 Maker 审计员 li.na", "制作事由 Reason 内审 2026-017", "级别 高（high）",
        "转我卡‹U+200B›上就行", "新设备登录，新设备登录", "文件操作，下载，文件 客户名单.xlsx",
        "截屏/录屏，聊天", "文件操作 下载 #5 张伟 2026-06-01 10:02:10", "类别 1，编号 owM2ovo",
        "未经电子认证机构", "1234567812345678", "取证人", "复核人", "机密", "U+200B", "U+1F60A",
    ],
)  # fmt: skip
def test_the_report_says_the_facts(text, fact):
    squeezed = "".join(text.split())
    assert "".join(fact.split()) in squeezed


def test_the_command_in_the_report_can_be_pasted(text, pack, signer):
    shown = [line.strip() for line in text.splitlines()]
    at = shown.index(f"python3 verify.py {pack.name}.zip \\")
    assert shown[at + 1] == f"--fingerprint {signer.fingerprint}"


def test_the_report_does_not_talk_of_versions_to_an_auditor(text):
    assert "本版本" not in text


@pytest.mark.parametrize("hidden", ["\u200b", "\u200c", "\u2060", "\ufeff", "\u3164", "\ufe01"])
def test_what_cannot_be_seen_inside_a_matched_word_is_shown_and_marked(hidden):
    found = pieces(f"我的个{hidden}人账户", [{"start": 2, "end": 5, "pattern": "个人"}])
    assert [(p.text, p.hit, p.code) for p in found] == [
        ("我的", "", False), ("个", "个人", False), (f"U+{ord(hidden):04X}", "个人", True),
        ("人", "个人", False), ("账户", "", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("😊\ufe0f", ["U+1F60A"]),
        ("👩\u200d👧", ["U+1F469", "U+1F467"]),
        ("\u200b\u200d", ["U+200B", "U+200D"]),  # no emoji: nothing may hide behind another
        ("账\u200d户", ["账", "U+200D", "户"]),
    ],
)
def test_only_an_emojis_own_joiners_are_left_out(text, shown):
    assert [piece.text for piece in plain(text)] == shown


def test_the_report_masks_numbers_and_the_data_keeps_them(text, files, tmp_path, signer):
    squeezed = "".join(text.split())
    assert sample_case.CARD not in squeezed
    assert sample_case.RESIDENT_ID not in squeezed
    assert "622************0128" in squeezed
    raw = b"".join(base64.b64decode(row["raw"]) for row in rows(files))
    assert sample_case.CARD.encode() in raw
    shown = build_pack(sample_case.bundle(tmp_path, unmask=True), signer)
    reader = pypdf.PdfReader(io.BytesIO(shown.pdf))
    assert sample_case.CARD in "".join("".join(p.extract_text() for p in reader.pages).split())


def test_the_pdf_is_pdf_a_3a_with_the_data_attached(pack, files):
    with pikepdf.open(io.BytesIO(pack.pdf)) as pdf:
        with pdf.open_metadata() as metadata:
            assert metadata["pdfaid:part"] == "3"
            assert metadata["pdfaid:conformance"] == "A"
        inner = json.loads(files["inner-manifest.json"])
        names = {row["name"] for row in inner["files"]} | {"inner-manifest.json"}
        assert set(pdf.attachments) == names
        for name in names:
            spec = pdf.attachments[name]
            assert spec.get_file().read_bytes() == files[name]
            assert spec.obj["/AFRelationship"] == "/Data"
        assert str(pdf.docinfo["/CreationDate"]).startswith("D:20260601050000")
        fonts = [font for page in pdf.pages for font in page.resources.get("/Font", {}).values()]
        assert fonts
        for font in fonts:
            inside = font["/DescendantFonts"][0]["/FontDescriptor"]
            assert any(key in inside for key in ("/FontFile2", "/FontFile3"))


def test_context_is_from_both_sides_and_bounded(tmp_path):
    bundle = sample_case.bundle(tmp_path, each_side=2)
    context = [item for item in bundle.items if item.role == "context"]
    assert [item.message.msgid for item in context] == ["m03", "m04", "m07", "m08"]
    assert {item.message.sender for item in context} == {sample_case.EMPLOYEE, sample_case.CUSTOMER}
    assert bundle.completeness["counts"] == {
        "member": 2, "context": 4, "event": 3, "period": 0,
    }  # fmt: skip
    assert bundle.completeness["source"]["undecodable"] == 1


def build(alert, evidence, sealer, folder, rule=None, **changes):
    decoder = Decoder(sample_case.TENANT)
    values = {
        "context": sample_case.FileContext(sample_case.write_day(folder), decoder),
        "sealer": sealer, "decoder": decoder, "request": sample_case.request(),
    }  # fmt: skip
    raised = Raised(alert, evidence, rule or sample_case.rule())
    return build_bundle(Subject(ALERT, alert["alert_id"]), [raised], **{**values, **changes})


def test_what_would_make_a_false_pack_stops_it(tmp_path):
    sealer = Sealer.generate()
    alert, evidence = sample_case.alert_and_evidence(sealer)
    other_rule = sample_case.rule_text(sample_case.RULE.replace("level: high", "level: low"))
    moved = [{**row, "sealed": evidence[0]["sealed"]} for row in evidence]
    forged = [{**row, "raw_sm3": "0" * 64} for row in evidence]
    for changed, says in (
        ({"evidence": evidence[:1]}, "is not in the index"),
        ({"evidence": moved}, "belongs to another record"),
        ({"evidence": forged}, "not the one its digest names"),
        ({"sealer": Sealer.generate()}, "sealed with the key"),
        ({"rule": other_rule}, "is not the one that raised the alert"),
        ({"context": sample_case.FileContext(tmp_path / "none", Decoder("demo"))}, "no directory"),
    ):
        values = {"evidence": evidence, "sealer": sealer, **changed}
        with pytest.raises(MingjianError) as caught:
            build(alert, folder=tmp_path / "day", **values)
        assert says in caught.value.en
        assert caught.value.fix_en


def test_a_pack_is_stored_whole_for_its_owner_only(pack, tmp_path):
    archive, pdf = save(pack, tmp_path / "packs")
    assert archive.read_bytes() == pack.archive
    assert pdf.read_bytes() == pack.pdf
    assert sorted(path.name for path in archive.parent.iterdir()) == [pdf.name, archive.name]
    assert archive.stat().st_mode & 0o077 == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(MingjianError, match="cannot write the pack"):
        save(pack, tmp_path / "file")


VALUES = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | st.just([]) | st.just({})
)


@st.composite
def forged(draw, files):
    """The files with one value of one JSON text changed, in canonical form as ours are."""
    name = draw(st.sampled_from(sorted(n for n in files if n.endswith((".json", ".jsonl")))))
    lines = files[name].split(b"\n") if name.endswith(".jsonl") else [files[name]]
    number = draw(st.integers(0, len(lines) - 1))
    if not lines[number]:
        return name, files[name]
    owner = whole = json.loads(lines[number])
    while True:
        key = draw(st.sampled_from(sorted(owner) if isinstance(owner, dict) else range(len(owner))))
        if isinstance(owner[key], dict | list) and owner[key] and draw(st.integers(0, 3)):
            owner = owner[key]
            continue
        owner[key] = draw(VALUES)
        break
    lines[number] = canonical(whole)
    return name, b"\n".join(lines)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_forged_fails_a_check_and_raises_nothing(files, data):
    name, content = data.draw(forged(files))
    assume(content != files[name])
    assert not Verifier({**files, name: content}).run().passed


@pytest.mark.parametrize(
    "entry", [["name", "size", "sm3", "sha256"], {"name": [], "sha256": 1, "size": 2, "sm3": 3}]
)
@pytest.mark.parametrize("name", ["manifest.json", "inner-manifest.json"])
def test_a_manifest_of_the_wrong_kind_of_entries_is_named(files, name, entry):
    forged_files = {**files, name: canonical({"files": [entry]})}
    outcome = Verifier(forged_files).run()
    assert name in {check.name for check in outcome.checks if check.ok is False}


def test_of_a_very_long_text_the_ends_and_what_matched_are_shown():
    text = "甲" * 500_000 + "保本" + "乙" * 400_000
    found = pieces(text, [{"pattern": "保本", "start": 500_000, "end": 500_002}])
    assert [piece.text for piece in found if piece.hit] == ["保本"]
    assert sum(len(piece.text) for piece in found) < 3_000
    assert [piece.cut for piece in found if piece.cut] == [498_800, 398_800]


def test_a_long_number_is_masked_before_the_text_is_cut():
    text = "x" * 899 + "110105194912310021" + "y" * 5_000
    assert "11010519" not in "".join(piece.text for piece in pieces(text, []))


def test_the_longest_id_does_not_hold_the_report_up(tmp_path, signer, monkeypatch):
    monkeypatch.setattr(sample_case, "EMPLOYEE", "z" * 512)
    found = build_pack(sample_case.bundle(tmp_path), signer)
    shown = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(found.pdf)).pages)
    assert "z" * 20 in shown


@pytest.mark.parametrize("change", ["before", "after", "comment"])
def test_bytes_outside_the_files_of_the_archive_are_named(pack, tmp_path, change):
    path = tmp_path / "pack.zip"
    path.write_bytes(b"x" * (change == "before") + pack.archive + b"y" * (change == "after"))
    if change == "comment":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = b"trust me"
    assert "archive" in {check.name for check in verify(str(path)).checks if check.ok is False}
    path.write_bytes(pack.archive)
    assert verify(str(path)).passed


def test_no_two_parts_of_the_verifier_give_a_name_to_different_things():
    """They are joined into one file, where the later one would win unseen."""
    given: dict[str, int] = {}
    for node in ast.parse(single_file()).body:
        names = [getattr(node, "name", "")]
        if isinstance(node, ast.Assign):
            names = [one.id for target in node.targets for one in ast.walk(target)
                     if isinstance(one, ast.Name)]  # fmt: skip
        elif isinstance(node, ast.AnnAssign):
            names = [node.target.id]
        for name in filter(None, names):
            given[name] = given.get(name, 0) + 1
    assert [name for name, times in given.items() if times > 1] == []


# what came after Python 3.9 and is easily written without a thought
NEWER = {"UTC", "StrEnum", "Self", "TypeAlias", "batched", "pairwise", "tomllib", "ExceptionGroup"}


def test_the_verifier_needs_nothing_newer_than_python_3_9():
    tree = ast.parse(single_file(), feature_version=(3, 9))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            used.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Call):
            given = {one.arg for one in node.keywords}
            assert not {"slots", "kw_only"} & given
            assert getattr(node.func, "id", "") != "zip" or "strict" not in given
    assert used & NEWER == set()
    modules = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    assert modules <= set(sys.stdlib_module_names)
