"""What a pack shows of the ledger: every record and the alert are in it, or that is named."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from jobs.ledger_signer import NoteSigner
from reports.anchor import Anchors
from reports.case import Raised, Subject
from reports.context_files import FileContext
from reports.evidence import build_bundle
from reports.pack import build_pack
from reports.redaction import NUMBERS
from reports.signing import Signer
from reports.standalone.verify import verify
from rules.alert import sm3_raw
from rules.decode import Decoder
from rules.errors import MingjianError
from sinks.archive.leaves import ALERT, MessageLeaf, OtherLeaf, message_entry, other_entry
from sinks.ledger.canonical import canonical
from sinks.ledger.checkpoint import read_note
from sinks.ledger.log import Ledger
from sinks.ledger.reader import LedgerReader
from sinks.sealing import Sealer
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.unit.test_reports_pack import resealed

ORIGIN = "mingjian/demo/ledger"


class Entered:
    """A ledger of the sample's records and its alert, with others around them."""

    def __init__(self, folder, signer, *, without=(), sign_each=False):
        self.signers = [NoteSigner(signer, ORIGIN)]
        decoder = Decoder("demo")
        self.records, self.alerts = {}, {}
        self.ledger = Ledger(folder, ORIGIN)
        self.ledger.append([other_entry(OtherLeaf("custody", "1", "0" * 64))] * 3)
        self.given = self.ledger.checkpoint(self.signers, 1)
        self.heads = []  # after each record, where each is signed
        for raw in sample_case.records().values():
            message = decoder.decode(raw)
            if message.msgid in without:
                continue
            leaf = MessageLeaf(message.msgid, message.seq, message.time, sm3_raw(raw), "segment", 1)
            (at,) = [self.ledger.append([message_entry(leaf)])]
            self.records[message.time, message.msgid] = at
            if sign_each:
                self.heads.append(self.ledger.checkpoint(self.signers, 1))

    def enter(self, alert):
        leaf = OtherLeaf(ALERT, alert["alert_id"], sm3_raw(canonical(alert)))
        self.alerts[leaf.id, leaf.sm3] = self.ledger.append([other_entry(leaf)])

    def anchors(self, folder, given=None):
        self.ledger.checkpoint(self.signers, 2)
        return Anchors(
            LedgerReader(folder),
            lambda time, msgid: self.records.get((time, msgid)),
            lambda which, digest: self.alerts.get((which, digest)),
            given,
        )


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


def packed(home, signer, *, without=(), enter=True, given=False):
    entered = Entered(home / "ledger", signer, without=without)
    if enter:
        entered.enter(sample_case.bundle(home / "first").alerts[0])
    anchors = entered.anchors(home / "ledger", entered.given if given else None)
    bundle = sample_case.bundle(home / "day", anchors=anchors)
    entered.ledger.close()
    with zipfile.ZipFile(io.BytesIO(build_pack(bundle, signer).archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, bundle


@pytest.fixture(scope="module")
def files(tmp_path_factory, signer):
    return packed(tmp_path_factory.mktemp("packed"), signer, given=True)[0]


@pytest.fixture
def outcome(tmp_path):
    def run(contents):
        path = write_pack(tmp_path / "pack.zip", contents)
        return {one.name: (one.ok, one.en) for one in verify(str(path)).checks}

    return run


def test_each_record_and_the_alert_lead_to_the_signed_root(files, outcome):
    said = outcome(files)
    assert all(ok is not False for ok, _ in said.values()), said
    assert said["ledger entries"] == (True, "19, each leads to the signed root")
    assert said["ledger head"][1].startswith("22 entries")
    ok, words = said["ledger extends"]
    assert ok
    assert words.startswith("the ledger of 3 entries given earlier, unchanged; compare its root")
    stated = json.loads(files["completeness.json"])["not_covered"]
    assert "ledger_inclusion" not in [one["id"] for one in stated]


def test_what_was_never_entered_is_said_and_the_rest_is_shown(tmp_path, signer, outcome):
    contents, bundle = packed(tmp_path, signer, without=("m02",), enter=False)
    assert bundle.ledger.missing == 2
    said = outcome(contents)
    ok, words = said["ledger gaps"]
    assert ok is None
    assert words.startswith("2 not in the ledger: record 3 (m02), alert ")
    assert said["ledger entries"][0]
    stated = json.loads(contents["completeness.json"])["not_covered"]
    assert "ledger_inclusion" in [one["id"] for one in stated]


def test_a_head_that_is_not_of_this_ledger_stops_the_pack(tmp_path, signer):
    other = Ledger(tmp_path / "other", "mingjian/acme/ledger")
    other.append([b"x"])
    given = other.checkpoint([NoteSigner(signer, other.origin)], 1)
    entered = Entered(tmp_path / "ledger", signer)
    anchors = entered.anchors(tmp_path / "ledger", given)
    with pytest.raises(MingjianError, match="is not one that the ledger goes on from"):
        sample_case.bundle(tmp_path / "day", anchors=anchors)


def told(files):
    return json.loads(files["ledger.json"])


def with_entry(files, number, **changes):
    value = told(files)
    value["entries"][number] = {**value["entries"][number], **changes}
    return {"ledger.json": canonical(value)}


def dropped(files):
    value = told(files)
    del value["entries"][4]
    return {"ledger.json": canonical(value)}


def dropped_and_called_missing(files):
    value = told(files)
    del value["entries"][4]
    value["missing"].append({"of": "record", "id": 5})
    return {"ledger.json": canonical(value)}


def swapped(files):
    value = told(files)
    one, other = value["entries"][1]["id"], value["entries"][2]["id"]
    value["entries"][1]["id"], value["entries"][2]["id"] = other, one
    return {"ledger.json": canonical(value)}


def hash_altered(files):
    value = told(files)
    value["hashes"][0] = value["hashes"][0][::-1]
    return {"ledger.json": canonical(value)}


def one_more(files):
    value = told(files)
    value["entries"].append({**value["entries"][0], "id": 99})
    return {"ledger.json": canonical(value)}


def other_words(files):
    """A record with other words, its row mended to fit."""
    rows = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    raw = base64.b64decode(rows[1]["raw"]).replace(b"28000", b"18000")
    rows[1] |= {"raw": base64.b64encode(raw).decode(), "sm3": sm3_raw(raw), "size": len(raw),
                "sha256": hashlib.sha256(raw).hexdigest()}  # fmt: skip
    return {"events.jsonl": b"".join(canonical(row) + b"\n" for row in rows)}


def other_alert(files):
    case = json.loads(files["alert.json"])
    case["alert"]["summary"] = "nothing happened"
    return {"alert.json": canonical(case)}


def older_head(files):
    return {"checkpoint.txt": json.loads(files["consistency.json"])["old"].encode()}


def other_given(files):
    value = json.loads(files["consistency.json"])
    value["proof"] = [one[::-1] for one in value["proof"]]
    return {"consistency.json": canonical(value)}


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (dropped, "ledger entries", "record 5 (cb-02) has no entry"),
        (swapped, "ledger entries", "record 2 (m01): the ledger has another there"),
        (hash_altered, "ledger entries", "does not lead to the signed root"),
        (one_more, "ledger entries", "an entry of record 99 that the pack does not hold"),
        (other_words, "ledger entries", "record 2 (m01): the ledger has another there"),
        (other_alert, "ledger entries", "the ledger has another there"),
        (older_head, "ledger entries", "does not lead to the signed root"),
        (other_given, "ledger extends", "does not go on from the ledger of 3 entries"),
        (lambda f: with_entry(f, 3, leaf=3), "ledger entries", "record 4"),
        (lambda f: with_entry(f, 3, path=[10**6]), "ledger entries", "its proof is damaged"),
        (lambda f: with_entry(f, 3, path=None), "ledger entries", "its proof is damaged"),
        (lambda f: with_entry(f, 3, entry=7), "ledger entries", "its proof is damaged"),
        (lambda f: {"ledger.json": b"{}"}, "ledger entries", "ledger.json is damaged"),
        (lambda f: {"ledger.json": b"[" * 9000}, "ledger entries", "ledger.json is damaged"),
        (lambda f: {"checkpoint.txt": b""}, "ledger head", "checkpoint.txt is damaged"),
        (
            lambda f: {"checkpoint.txt": f["checkpoint.txt"].replace(b"\n22\n", b"\n23\n")},
            "ledger head",
            "its signature is not of the pack's key",
        ),
        (lambda f: {"consistency.json": b"[]"}, "ledger extends", "consistency.json is damaged"),
    ],
)
def test_who_holds_the_key_can_sign_a_pack_anew_and_not_what_the_ledger_says(
    files, signer, outcome, change, name, words
):
    """Both manifests are mended and signed again; what was signed as the ledger's head stays."""
    contents = {**files, **change(files)}
    said = outcome(resealed(contents, signer))
    assert said[name][0] is False
    assert words in said[name][1]


def test_a_record_called_missing_is_said_to_be(files, signer, outcome):
    said = outcome(resealed({**files, **dropped_and_called_missing(files)}, signer))
    assert said["ledger gaps"] == (None, "1 not in the ledger: record 5 (cb-02)")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["ledger.json", "checkpoint.txt", "consistency.json"]), st.data())
def test_no_byte_of_the_ledgers_files_can_be_another(files, signer, outcome, name, data):
    """Even with manifests that fit, so that no digest of a file tells of it."""
    at = data.draw(st.integers(0, len(files[name]) - 1))
    bit = data.draw(st.integers(0, 7))
    altered = bytearray(files[name])
    altered[at] ^= 1 << bit
    try:  # the same value written otherwise is no change: ABC and abc are one hash
        same = json.loads(altered.decode().lower()) == json.loads(files[name].decode().lower())
    except ValueError:
        same = False
    assume(not same)
    said = outcome(resealed({**files, name: bytes(altered)}, signer))
    assert any(ok is False for ok, _ in said.values())


def test_the_head_in_the_pack_is_the_ledgers(files):
    assert read_note(files["checkpoint.txt"]).checkpoint.origin == ORIGIN


def test_a_head_one_was_given_is_not_passed_over_where_a_pack_has_no_ledger(
    signer, files, tmp_path
):
    bundle = sample_case.bundle(tmp_path / "day")
    path = tmp_path / "pack.zip"
    path.write_bytes(build_pack(bundle, signer).archive)
    assert verify(str(path)).whole
    found = verify(str(path), given=files["checkpoint.txt"])
    said = {one.name: one for one in found.checks}
    assert not found.whole
    assert said["ledger extends"].en == "the pack does not show that it goes on from yours"


class Redacted:
    """A pack with numbers taken out, in a ledger where the earlier head ends in the midst of its
    records: what shows that it was gone on from could tell of them."""

    def __init__(self, home, signer):
        sealer = Sealer("sample", {"sample": bytes(range(16))})
        alert, evidence = sample_case.alert_and_evidence(sealer)
        entered = Entered(home / "ledger", signer, sign_each=True)
        entered.enter(alert)
        context = FileContext(sample_case.write_day(home / "day"), Decoder("demo"))
        for self.head in map(bytes, entered.heads):
            bundle = build_bundle(
                Subject("alert", alert["alert_id"]),
                [Raised(alert, evidence, sample_case.rule())],
                context=context,
                sealer=sealer,
                decoder=Decoder("demo"),
                request=sample_case.request(redact=frozenset({NUMBERS})),
                anchors=entered.anchors(home / "ledger", read_note(self.head)),
            )
            if bundle.ledger.extends:
                break
        entered.ledger.close()
        self.size = read_note(self.head).checkpoint.size
        self.pack, self.path = build_pack(bundle, signer), home / "pack.zip"
        self.path.write_bytes(self.pack.archive)

    def said(self, **more):
        found = verify(str(self.path), **more)
        (one,) = [one for one in found.checks if one.name == "ledger extends"]
        return found.whole, one.ok, one.en


@pytest.fixture(scope="module")
def redacted(tmp_path_factory, signer):
    return Redacted(tmp_path_factory.mktemp("redacted"), signer)


def test_what_could_tell_of_redacted_records_comes_with_the_openings(redacted):
    with zipfile.ZipFile(redacted.path) as archive:
        assert "consistency.json" not in archive.namelist()
    later = "that it goes on from an earlier head is shown when all is opened (--openings)"
    assert redacted.said(given=redacted.head) == (True, None, later)
    whole, ok, words = redacted.said(openings=redacted.pack.openings, given=redacted.head)
    assert (whole, ok) == (True, True)
    assert words == f"the ledger of {redacted.size} entries given earlier, unchanged"


def test_another_head_than_the_one_that_was_gone_on_from_fails(redacted, tmp_path, signer):
    other = bytes(Entered(tmp_path / "other", signer).given)
    words = "the earlier head in it is not the one you gave"
    opened = redacted.said(openings=redacted.pack.openings, given=other)
    assert opened == (False, False, words)


def test_a_forged_continuation_in_the_openings_fails(redacted):
    told = json.loads(redacted.pack.openings)
    told["extends"]["proof"] = [one[::-1] for one in told["extends"]["proof"]]
    whole, ok, words = redacted.said(openings=canonical(told), given=redacted.head)
    assert (whole, ok) == (False, False)
    assert words.startswith(f"it does not go on from the ledger of {redacted.size} entries")
