"""What is taken out of a pack is out everywhere, and can be shown to be what was there."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pack import build_pack
from reports.redaction import FILLERS, NUMBERS, OTHERS, Redacted, Salts, redacted
from reports.signing import Signer
from reports.standalone.redaction_checks import hole_commitment
from reports.standalone.verify import verify
from rules.alert import sm3_raw
from sinks.ledger.canonical import canonical
from tests.support import sample_case
from tests.support.packed import write_pack
from tests.unit.test_reports_pack import resealed

SALTS = Salts(b"k" * 16)
OUTSIDER = "wangwu"


def opened(raw, holes):
    """The record as it was, from what is left of it and the openings."""
    whole = bytearray(raw)
    for hole in holes:
        whole[hole.at : hole.at + hole.length] = hole.value
    return bytes(whole)


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("卡 6222021234567890128 好", "卡 622************0128 好"),
        ("１１０１０５１９４９１２３１００２Ｘ", "１１０＊＊＊＊＊＊＊＊＊＊＊００２Ｘ"),
        ("6222 0212 3456 7890", "622* **** **** 7890"),
        ("138\n0013\n8000", "138\n****\n8000"),
        ("138\n0013", "138\n0013"),
        ("没有号码", "没有号码"),
    ],
)
def test_numbers_go_as_the_readable_part_masks_them(content, left):
    raw = sample_case.said(0, "m1", "li", "text", {"content": content}, 7)
    filled, holes, *_ = redacted(raw, NUMBERS, SALTS, 1)
    assert json.loads(filled)["payload"]["text"]["content"] == left
    assert len(filled) == len(raw)
    assert opened(filled, holes) == raw
    assert all(
        hole.commitment == hole_commitment(hole.salt, 1, hole.at, hole.value) for hole in holes
    )


def test_what_finds_and_places_a_record_is_never_taken_out():
    raw = sample_case.said(0, "12345678901234567890", "13800138000", "text", {"content": "你好"}, 7)
    filled = redacted(raw, OTHERS, SALTS, 1).raw
    before, after = json.loads(raw), json.loads(filled)
    assert after["payload"]["text"]["content"] == "＊＊"
    del before["payload"]["text"], after["payload"]["text"]
    assert before == after
    assert redacted(raw, NUMBERS, SALTS, 1) == Redacted(raw, ())


KEYS = st.sampled_from(["content", "title", "msgid", "from", "tolist", 'a"b', "号"])
VALUES = st.recursive(
    st.text(max_size=30) | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        KEYS, inner, max_size=3
    ),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.booleans(), st.sampled_from([NUMBERS, OTHERS]))
def test_a_record_stays_json_of_the_same_length_and_can_be_made_whole(value, ascii_only, what):
    raw = json.dumps({"payload": value}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = redacted(raw, what, SALTS, 1)
    filled, holes = found.raw, found.holes
    assert len(filled) == len(raw)
    assert opened(filled, holes) == raw
    assert _shape(json.loads(filled.decode("utf-8", "surrogatepass"))) == _shape(
        json.loads(raw.decode("utf-8", "surrogatepass"))
    )
    assert redacted(raw, what, SALTS, 1) == found
    other = redacted(raw, what, Salts(b"q" * 16), 1).holes
    assert not {hole.commitment for hole in holes} & {hole.commitment for hole in other}


def _shape(value):
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return len(value) if isinstance(value, str) else type(value)


def test_fillers_are_as_long_as_what_they_fill():
    assert all(len(filler) == length for length, filler in FILLERS.items())


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_dir(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The sample in which an outsider speaks too, redacted."""
    folder = tmp_path_factory.mktemp("day")
    talk = [*sample_case._TALK, (205, "m99", OUTSIDER, "text", {"content": "我家住在长安街九号"})]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_case, "_TALK", talk)
        patch.setattr(sample_case, "said", _said_in_the_room(sample_case.said))
        return sample_case.bundle(folder, redact=frozenset({NUMBERS, OTHERS}))


def _said_in_the_room(said):
    def in_room(at, msgid, sender, kind, body, seq):
        raw = said(at, msgid, sender, kind, body, seq)
        return raw.replace(b'"roomid":""', b'"roomid":"wrRoom"')

    return in_room


@pytest.fixture(scope="module")
def pack(bundle, signer):
    return build_pack(bundle, signer)


@pytest.fixture(scope="module")
def files(pack):
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def outcome(tmp_path):
    def run(contents, openings=b""):
        path = write_pack(tmp_path / "pack.zip", contents)
        return {one.name: (one.ok, one.en) for one in verify(str(path), "", openings).checks}

    return run


def test_nothing_of_it_is_left_in_any_file_of_the_pack(pack, files):
    reader = pypdf.PdfReader(io.BytesIO(pack.pdf))
    shown = "".join("".join(page.extract_text() for page in reader.pages).split())
    raws = b"".join(
        base64.b64decode(json.loads(line)["raw"]) for line in files["events.jsonl"].splitlines()
    )
    everything = b"".join(files.values()) + raws + shown.encode()
    for secret in (sample_case.CARD, sample_case.RESIDENT_ID, "长安街九号"):
        assert secret.encode() not in everything
        assert base64.b64encode(secret.encode())[2:-4] not in everything
    assert "内容已遮盖" in shown
    assert "发票后面补" in shown  # what the parties of the alert said is still there
    assert OUTSIDER in shown


def test_the_pack_verifies_and_says_what_is_open(files, outcome):
    said = outcome(files)
    assert all(ok is not False for ok, _ in said.values()), said
    assert said["records"][1] == "20 raw, 16 fit, 4 are redacted"
    assert said["redactions"] == (True, "4 places in 4 records are taken out, each committed to")
    assert said["openings"][0] is None


def test_openings_make_the_records_whole_again(pack, files, outcome):
    said = outcome(files, pack.openings)
    assert said["openings"] == (
        True, "4 of 4 places fit; 4 records are whole and have their digests",
    )  # fmt: skip
    told = json.loads(pack.openings)
    one = canonical({**told, "openings": told["openings"][1:2]})
    assert outcome(files, one)["openings"] == (
        True, "1 of 4 places fits; 1 record is whole and has its digest",
    )  # fmt: skip


def with_opening(openings, **changes):
    told = json.loads(openings)
    told["openings"][0] |= changes
    return canonical(told)


def changed_opening(whole, **changes):
    return canonical({**json.loads(whole), **changes})


def moved_boundary(openings):
    """Bytes of what was there, called salt."""
    told = json.loads(openings)
    first = told["openings"][0]
    value = base64.b64decode(first["value"])
    first["salt"] += value[:2].hex()
    first["value"] = base64.b64encode(value[2:]).decode()
    return canonical(told)


def twice(openings):
    told = json.loads(openings)
    told["openings"].append(told["openings"][0])
    return canonical(told)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda o: with_opening(o, value=base64.b64encode(b"1" * 12).decode()), "not what was com"),
        (lambda o: with_opening(o, salt="00" * 32), "not what was committed to"),
        (lambda o: with_opening(o, hole=1), "not what was committed to"),
        (lambda o: with_opening(o, hole=99), "not one of this pack's, or is there twice"),
        (lambda o: with_opening(o, hole=-1), "not one of this pack's, or is there twice"),
        (lambda o: with_opening(o, hole=True), "not one of this pack's, or is there twice"),
        (lambda o: with_opening(o, n=1), "not what was committed to"),
        (moved_boundary, "not what was committed to"),
        (twice, "not one of this pack's, or is there twice"),
        (lambda o: changed_opening(o, openings=[]), "it opens nothing"),
        (lambda o: changed_opening(o, records=[]), "is missing"),
        (lambda o: o.replace(b'"manifest_sm3":"', b'"manifest_sm3":"0'), "of another pack"),
        (lambda o: b"{}", 'the entry "v" is missing'),
        (lambda o: b"no json", "not JSON"),
    ],
)
def test_a_forged_opening_is_named(change, says, pack, files, outcome):
    ok, words = outcome(files, change(pack.openings))["openings"]
    assert ok is False
    assert says in words


def holes_of(files):
    return json.loads(files["redactions.json"])


def changed_holes(files, change):
    told = holes_of(files)
    change(told["holes"])
    return {"redactions.json": canonical(told)}


def other_words_in_the_hole(files):
    """Whoever makes a pack cannot put words of his own where something was taken out."""
    rows = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    hole = next(one for one in holes_of(files)["holes"] if one["what"] == NUMBERS)
    row = next(row for row in rows if row["n"] == hole["n"])
    raw = bytearray(base64.b64decode(row["raw"]))
    raw[hole["at"]] = ord("x")
    row["raw"] = base64.b64encode(raw).decode()
    return {"events.jsonl": b"".join(canonical(row) + b"\n" for row in rows)}


def no_longer_marked(files):
    rows = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    for row in rows:
        row.pop("redacted", None)
    return {"events.jsonl": b"".join(canonical(row) + b"\n" for row in rows)}


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        (lambda f: changed_holes(f, lambda h: h.pop(0)), "redactions", "has no place"),
        (lambda f: changed_holes(f, lambda h: h.append({**h[-1]})), "redactions", "not in order"),
        (lambda f: changed_holes(f, lambda h: h[0].update(n=1)), "redactions", "not a redacted"),
        (lambda f: changed_holes(f, lambda h: h[0].update(length=9**9)), "redactions", "stars"),
        (lambda f: changed_holes(f, lambda h: h[0].update(commitment="")), "redactions", "digest"),
        (other_words_in_the_hole, "redactions", "not stars alone"),
        (no_longer_marked, "records", 'entry "sm3" is missing'),
    ],
)
def test_even_who_holds_the_key_cannot_bend_a_redaction(
    change, check, says, files, signer, outcome
):
    ok, words = outcome(resealed({**files, **change(files)}, signer))[check]
    assert ok is False
    assert says in words


def test_a_pack_without_its_list_of_redactions_fails(files, outcome):
    rest = {name: data for name, data in files.items() if name != "redactions.json"}
    assert outcome(rest)["redactions"] == (False, "redactions.json is missing")


def test_no_digest_of_a_redacted_record_is_anywhere_in_the_pack(bundle, files):
    """All but a few digits can be seen, so with a digest they could be tried out."""
    everything = b"".join(files.values())
    hidden = [item for item in bundle.items if item.redacted]
    assert len(hidden) == 4
    for item in hidden:
        assert sm3_raw(item.record).encode() not in everything
        assert hashlib.sha256(item.record).hexdigest().encode() not in everything
    whole = next(item for item in bundle.items if not item.redacted)
    assert sm3_raw(whole.record).encode() in everything
