"""What a verifier and a report say: which line, which file, which condition, whose fault."""

from __future__ import annotations

import ast
import dataclasses
import html
import inspect
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from desk import desk
from jobs.cli import report
from jobs.cli.app import Output
from jobs.cli.custody_words import ACTIONS
from jobs.cli.report_told import tell
from jobs.month import DEEDS
from jobs.packs import Made
from reports.case import Finding
from reports.month import month_view
from reports.pack import build_pack
from reports.pages import page
from reports.reasons import why_of
from reports.rule_text import rule_text
from reports.signing import Signer
from reports.standalone import single_file
from reports.standalone.custody_checks import custody_check
from reports.standalone.verify import verify
from reports.standalone.words import counted
from reports.view import view
from reports.words import STATE_COUNTS, STATES, Words
from rules.alert import sm3_raw
from rules.errors import MingjianError
from rules.ruleset import CATALOG
from sinks.archive import hold_book
from sinks.archive.custody import GENESIS, chained
from sinks.archive.renewed_book import RENEWED
from sinks.archive.requests import ANSWERED, RESTRICTED
from sinks.sealing import Sealer, binding
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.unit.test_reports_month import facts

HAN = re.compile("[一-鿿]")
SIGNER = dict.fromkeys(("signer_id", "key_sm3", "statement_en", "statement_zh"), "x")


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def pack(signer, tmp_path_factory):
    return build_pack(sample_case.bundle(tmp_path_factory.mktemp("day")), signer)


@pytest.fixture(scope="module")
def redacted(signer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    return build_pack(sample_case.bundle(folder, redact=frozenset({"numbers"})), signer)


def files_of(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# the custody chain


def chain(count):
    lines, before = [], GENESIS
    for number in range(1, count + 1):
        lines.append(chained(number, before, {"action": "did", "why": f"case {number}"}))
        before = sm3_raw(lines[-1])
    return lines, {"lines": count, "head_sm3": before}


@pytest.mark.parametrize("count", [1, 3, 5])
def test_of_a_chain_the_very_line_that_was_altered_is_named(count):
    """Whichever byte of it is another: its number, what it says of the one before, its reason."""
    lines, end = chain(count)
    assert custody_check(lines, end, ()).ok
    for at, line in enumerate(lines):
        for place in range(len(line)):
            altered = bytes([*line[:place], line[place] ^ 1, *line[place + 1 :]])
            changed = [*lines[:at], altered, *lines[at + 1 :]]
            said = custody_check(changed, end, ["inner-manifest.json"])
            assert said.ok is False
            assert re.findall(r"line (\d+)", said.en) == [str(at + 1)], said.en
            assert re.findall(r"第 (\d+) ", said.zh) == [str(at + 1)], said.zh


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        (["inner-manifest.json"], "line 3, the last, was altered"),
        (["custody.jsonl"], "inner-manifest.json was altered, the lines were not"),
        (["custody.jsonl", "inner-manifest.json"],
         "line 3, the last, or inner-manifest.json was altered"),
        ([], "line 3, the last, or inner-manifest.json was altered"),
    ],
)  # fmt: skip
def test_of_the_last_line_and_what_states_the_end_it_is_said_which(listed, says):
    lines, end = chain(3)
    lines[2] = lines[2].replace(b"case 3", b"case 4")
    assert says in custody_check(lines, end, listed).en


def test_lines_that_were_taken_out_moved_or_cut_off_are_told_as_that():
    lines, end = chain(5)
    assert "removed or moved" in custody_check(lines[:2] + lines[3:], end, ()).en
    moved = [lines[0], lines[2], lines[1], *lines[3:]]
    assert custody_check(moved, end, ()).en.startswith("broken at line 2")
    assert "there are 4 lines, not 5" in custody_check(lines[:4], end, ()).en
    assert custody_check(lines[:4], None, ()).ok is False
    lines[3] = lines[3].replace(b"case 4", b"case 5")
    assert custody_check(lines, None, ()).en == "line 4 or line 5 was altered"


def test_in_a_pack_too_the_line_itself_is_named(pack, tmp_path):
    files = files_of(pack)
    lines = files["custody.jsonl"].splitlines(keepends=True)
    for at in range(len(lines)):
        altered = [*lines]
        altered[at] = altered[at].replace(b"2026-017", b"2026-018")
        path = write_pack(tmp_path / "pack.zip", {**files, "custody.jsonl": b"".join(altered)})
        (said,) = [one.en for one in verify(str(path)).checks if one.name == "custody chain"]
        assert re.findall(r"line (\d+)", said) == [str(at + 1)], said


# a file that is damaged


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("name", ["report.pdf", "events.jsonl", "signer.pem", "manifest.json"])
def test_a_damaged_file_is_not_said_to_be_missing(pack, name, share, tmp_path):
    archive = bytearray(pack.archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as whole:
        info = whole.getinfo(name)
    archive[info.header_offset + 30 + len(name) + int(info.compress_size * share)] ^= 1
    path, program = tmp_path / "pack.zip", tmp_path / "verify.py"
    path.write_bytes(archive)
    program.write_bytes(single_file())
    done = subprocess.run([sys.executable, "-I", "-S", str(program), str(path), "--json"],
                          check=False, capture_output=True)  # fmt: skip
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == 1
    told = [one for one in checks if one["ok"] is False]
    assert any(name in one["name"] + one["en"] for one in told)
    for one in told:
        assert "missing" not in one["en"] or name not in one["name"] + one["en"], one
        assert "缺" not in one["zh"] or name not in one["name"] + one["zh"], one


def test_a_file_that_is_not_there_is_said_to_be_missing(pack, tmp_path):
    files = files_of(pack)
    del files["report.pdf"]
    said = {one.name: one.en for one in verify(str(write_pack(tmp_path / "p.zip", files))).checks}
    assert said["report.pdf"] == "missing from the pack"


# what is given beside a pack


@pytest.fixture
def beside(redacted, tmp_path, monkeypatch):
    """Both verifiers with an option: (exit code, what each says)."""
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    path, program = tmp_path / "pack.zip", tmp_path / "verify.py"
    path.write_bytes(redacted.archive)
    program.write_bytes(single_file())
    app = typer.Typer()
    report.register(app)

    def run(*options):
        alone = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(path), "--lang", "en", *options],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        ours = (
            CliRunner()
            .invoke(
                app, ["report", "verify", str(path), *options, "--set", f"keys_dir={tmp_path}/none"]
            )
            .exception
        )
        assert isinstance(ours, MingjianError)
        return (alone.returncode, alone.stdout + alone.stderr), (ours.exit_code, ours)

    return run


def test_the_sealed_file_is_known_and_the_pack_is_not_blamed(beside, redacted, tmp_path):
    sealer = Sealer.generate()
    sealed = tmp_path / "p.openings"
    sealed.write_text(sealer.seal(redacted.openings, binding("demo", redacted.manifest_sm3)))
    (code, text), (ours, error) = beside("--openings", str(sealed))
    assert (code, ours) == (2, 2)
    for said in (text, error.en):
        assert "is the sealed file" in said
        assert "mingjian report open" in said
        assert "FAILED" not in said
        assert "damaged" not in said
    assert "封存" in error.zh


@pytest.mark.parametrize(("option", "advice"), [("--openings", "report open"),
                                                ("--given", "signed head")])  # fmt: skip
def test_a_file_beside_that_is_not_there_is_named_as_what_it_is(beside, option, advice, tmp_path):
    (code, text), (ours, error) = beside(option, str(tmp_path / "nofile"))
    assert (code, ours) == (2, 2)
    for said in (text, error.en):
        assert "there is no file" in said
        assert option in said
    assert advice in error.fix_en
    assert "signature" not in error.fix_en
    assert HAN.search(error.fix_zh)


# why


def rule_of(name):
    return rule_text((CATALOG / f"{name}.yaml").read_text(encoding="utf-8"))


def why(name, items=(), hits=None, language="en"):
    alert = {"rule": {"name": name}, "members": [1]}
    finding = Finding(alert, (), rule_of(name))
    return why_of(finding, items, hits or {}, Words(language), unmask=False)


COUNTS = {"en": "the number or the order of acts", "zh": "行为的次数或顺序"}


@pytest.mark.parametrize("path", sorted(CATALOG.rglob("*.yaml")), ids=lambda path: path.stem)
def test_only_of_a_correlation_number_and_order_are_said_to_decide(path):
    documents = path.read_text(encoding="utf-8").split("\n---\n")
    own = next((one for one in documents if re.search(rf"^name: {path.stem}$", one, re.M)), None)
    if own is None:
        own = documents[-1]
    counts = re.search("^correlation:", own, re.M) is not None
    text = rule_text(path.read_text(encoding="utf-8"))
    name = re.search(r"^name: (\S+)$", own, re.M)[1]
    for language, said in COUNTS.items():
        found = why_of(Finding({"rule": {"name": name}, "members": [1]}, (), text), (), {},
                       Words(language), unmask=False).said  # fmt: skip
        assert (said in found) == counts, found
        assert found.strip()


def test_of_a_rule_about_an_event_its_condition_is_told_in_words():
    assert why("a12_02_secondary_device").said == (
        'the record meets the condition "login" of the rule: the type of the record is login on a'
        " second device"
    )
    assert why("a12_02_secondary_device", language="zh").said == (
        "该记录符合规则的条件“login”：记录类型为副设备登录"
    )
    assert "outside office hours" in why("a12_05_offhour_login").said


def test_of_disguised_words_the_words_and_the_disguise_are_told_where_the_pack_has_them(tmp_path):
    bundle = sample_case.bundle(tmp_path, language="en")
    items = [one for one in bundle.items if one.message.msgid in ("m05", "m06")]
    hits = {one["msgid"]: [one] for one in bundle.alerts[0]["hits"]}
    found = why("a05_08_obfuscation", items, hits)
    (only,) = found.found  # that of m05 is as it should be written
    assert "".join(one.text for one in only.found if not one.code) == "转我卡上"
    assert only.variant == "invisible characters"
    assert "not in this pack" not in found.said
    assert "the disguise of words that another rule found is one of: invisible" in found.said
    without = why("a05_08_obfuscation", items)
    assert without.found == []
    assert "not in this pack" in without.said
    assert "不在本包内" in why("a05_08_obfuscation", items, language="zh").said


def shown(bundle):
    values = view(bundle, SIGNER)
    text = page(
        "report.html.j2", {**values, "inner_sm3": "", "case": "", "name": "", "created_iso": ""}
    )
    return " ".join(html.unescape(re.sub("<[^>]*>", "", text)).split())


def test_the_report_tells_why_of_an_alert_without_matches(tmp_path):
    bundle = sample_case.bundle(tmp_path, language="en")
    (finding,) = bundle.findings
    rule = rule_of("a12_02_secondary_device")
    ref = {**finding.alert["rule"], "name": "a12_02_secondary_device"}
    alert = {**finding.alert, "hits": [], "rule": ref}
    other = dataclasses.replace(bundle, findings=(finding._replace(alert=alert, rule=rule),))
    assert 'each record meets the condition "login" of the rule' in shown(other)
    assert COUNTS["en"] not in shown(other)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_redacted_report_does_not_send_readers_to_originals_that_are_not_there(
    tmp_path_factory, language
):
    alone = {"en": "originals are in events.jsonl alone", "zh": "原文只在附件 events.jsonl 中"}
    plain = sample_case.bundle(tmp_path_factory.mktemp("day"), language=language)
    assert alone[language] in shown(plain)
    out = sample_case.bundle(
        tmp_path_factory.mktemp("day"), language=language, redact=frozenset({"numbers"})
    )
    assert alone[language] not in shown(out)
    only = {"en": "originals only of what was not taken out", "zh": "只有未遮盖内容的原文"}
    assert only[language] in shown(out)


# the month


def deeds():
    """Every action that is written into the custody book."""
    names = {RENEWED, ANSWERED, RESTRICTED, *ACTIONS}
    for node in ast.parse(inspect.getsource(desk)).body:  # deeds of the desk
        if isinstance(node, ast.Assign) and node.lineno < 60:
            names |= {one.value for one in ast.walk(node.value)
                      if isinstance(one, ast.Constant) and isinstance(one.value, str)}  # fmt: skip
    own = Path(inspect.getsourcefile(hold_book)).read_text(encoding="utf-8")
    for name in ("SCHEDULED", "PLANNED", "APPROVED", "DELETED", "FINISHED"):
        assert name in own
        names.add(getattr(hold_book, name))
    return sorted(names)


@pytest.mark.parametrize("action", deeds())
def test_every_deed_has_words_in_both_languages(action):
    en, zh = DEEDS[action]
    assert action not in (en, zh)
    assert "_" not in en
    assert HAN.search(zh)


def test_every_state_of_a_response_has_words_in_both_languages():
    assert STATE_COUNTS.keys() == STATES.keys()
    assert all(not HAN.search(en) and HAN.search(zh) for en, zh in STATE_COUNTS.values())
    told = {"alerts": {"alerts": 4, "by_response": {}, "by_state": {"post_hoc": 4}, "by_day": {},
                       "by_item": {}, "by_rule": {}}}  # fmt: skip
    for language, words in (("en", "nothing could be stopped"), ("zh", "已无从拦截")):
        (row,) = month_view(facts([], language), told)["states"]
        assert words in row[0]
        assert row[1] == 4


@pytest.mark.parametrize("number", [0, 1, 2, 1000])
def test_things_are_counted_in_english(number):
    many = {0: "0 places", 1: "1 place", 2: "2 places", 1000: "1,000 places"}
    assert counted(number, "place") == many[number]


@pytest.mark.parametrize(
    ("counts", "taken", "says"),
    [((1, 3, 1), 1, ("1 member, 3 context, 1 act", "1 place")),
     ((2, 3, 0), 2, ("2 members, 3 context, 0 acts", "2 places"))],
)  # fmt: skip
def test_what_was_made_is_counted_in_english(counts, taken, says, monkeypatch, capsys):
    monkeypatch.setenv("MINGJIAN_LANG", "en")
    found = dict(zip(("member", "context", "event"), counts, strict=True))
    made = Made("n", "c", Path("n.zip"), Path("n.pdf"), None, "f", "m", 1, found, True, taken)
    tell(made._asdict(), 0.1, "", Output.text)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert all(re.search(rf"{one}$", printed, re.M) for one in says), printed
