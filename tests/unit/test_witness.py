"""A head in print and in an auditor's papers: what was typed wrongly is named by its line, and a
ledger that is no longer what it was gives itself away."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import MingjianError
from sinks.ledger.checkpoint import Checkpoint, Note, Signature
from sinks.ledger.handed import check_handed, hand_over, read_handed
from sinks.ledger.log import Ledger
from sinks.ledger.proofs import EMPTY_ROOT, leaf_hash
from sinks.ledger.reader import LedgerReader
from sinks.ledger.unproven import Unproven
from sinks.ledger.witness import compare, read_witness, witness_text

ORIGIN = "mingjian/acme/ledger"
ROOT = bytes.fromhex("1ac21d835cf5e8df8e51194831e81a8f2bbac8f72ca3fefb7ed1f035eb421ce2")
HEAD = Checkpoint(ORIGIN, 1_234_567, ROOT, 1_785_310_200_123)
PRINTED = """\
明鉴见证 Mingjian witness
账本 Ledger: mingjian/acme/ledger  校验 check 29a2
条数 Entries: 1,234,567  校验 check 0d96
时间 Time: 2026-07-29 15:30:00 Asia/Shanghai = 2026-07-29 07:30:00 UTC  校验 check 5ec3
根 Root, SM3:
R1  1ac2 1d83 5cf5 e8df  c4fc
R2  8e51 1948 31e8 1a8f  6956
R3  2bba c8f7 2ca3 fefb  54d8
R4  7ed1 f035 eb42 1ce2  173b
"""
heads = st.builds(
    Checkpoint,
    st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=20).map(
        lambda tenant: f"mingjian/{tenant}/ledger"
    ),
    st.integers(0, 1 << 60),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 4_000_000_000_000),
)


class Key:
    name, key_id = ORIGIN, b"abcd"

    def sign(self, text):
        return b"signed" + leaf_hash(text)


def valid(note):
    return [one.value for one in note.signatures] == [Key().sign(note.checkpoint.text())]


def ledger_of(folder, *sizes, altered=-1):
    """A ledger that was signed at each of these sizes; the entry `altered` is another."""
    ledger = Ledger(folder, ORIGIN)
    for at, size in enumerate(sizes):
        numbers = range(ledger.size, size)
        ledger.append([b"altered" if n == altered else b"entry %d" % n for n in numbers])
        ledger.checkpoint([Key()], at)
    ledger.close()
    return LedgerReader(folder)


# ---- print ----


def test_a_witness_as_it_is_printed():
    assert witness_text(HEAD) == PRINTED


@given(heads)
def test_what_is_printed_is_read_back(head):
    read = read_witness(witness_text(head))
    assert (read.size, read.root, read.at) == (head.size, head.root, head.at // 1000 * 1000)
    folded = unicodedata.normalize("NFKC", head.origin).lower()
    assert read.origin == "".join(folded.split())


@pytest.mark.parametrize(
    "typed",
    [
        PRINTED,
        PRINTED.upper(),
        PRINTED.replace("\n", " "),
        PRINTED.replace(" ", "").replace("\n", ""),
        re.sub(r"(.{7})", r"\1\n", PRINTED),  # a narrow column
        PRINTED.translate({one: one + 0xFEE0 for one in range(0x21, 0x7F)}),  # full width
        PRINTED.replace(" ", "\u3000"),
        PRINTED.replace("1,234,567", "1234567").replace(":", "："),
        PRINTED.replace("1,234,567", "1 234 567"),
        PRINTED.replace("账本 ", "").replace("条数 ", "").replace("时间 ", "").replace("根 ", "")
        .replace("校验 ", ""),
        PRINTED.replace("Ledger: ", "").replace("Entries: ", "").replace("Time: ", "")
        .replace("Root, SM3:", "").replace("check ", ""),
        PRINTED.replace("R1  1ac2 1d83", "Rl  lac2 Id83").replace("0d96", "Od96"),
        "昨日公告如下\n" + PRINTED,
        PRINTED.replace("\n", "\r\n"),
        PRINTED.replace("R2", "(R2)").replace("8f  6956", "8f / 6956."),
    ],
    ids=[
        "as printed", "capitals", "one line", "no spaces", "narrow", "full width", "wide spaces",
        "no commas", "spaces for commas", "English", "Chinese", "letters for digits",
        "words before", "line ends of Windows", "other marks",
    ],
)  # fmt: skip
def test_what_people_type_from_paper(typed):
    read = read_witness(typed)
    assert (read.origin, read.size, read.root) == (ORIGIN, HEAD.size, ROOT)


HEX = "0123456789abcdef"
# (line as people know it, number of the line, where digits that are checked begin)
CHECKED = [("Entries", 2, 13), ("Time", 3, 9), *((f"R{n}", n + 4, 4) for n in range(1, 5))]


def slips():
    """(line, text with one digit wrong, or two neighbours swapped)."""
    lines = PRINTED.splitlines()
    for name, number, start in CHECKED:
        line = lines[number]
        for at in range(start, len(line)):
            known = HEX if name[0] == "R" else "0123456789"
            if line[at] not in known or "Shanghai" in line[at - 8 : at + 8]:
                continue
            changed = known[(known.index(line[at]) + 1 + at % 7) % len(known)]
            yield name, number, line[:at] + changed + line[at + 1 :]
            after = line[at + 1 : at + 2]
            if after and after in known and after != line[at]:
                yield name, number, line[:at] + after + line[at] + line[at + 2 :]


SLIPS = list(slips())


def test_every_single_slip_is_found_and_named_by_its_line():
    assert len(SLIPS) > 180
    for name, number, line in SLIPS:
        lines = PRINTED.splitlines()
        lines[number] = line
        with pytest.raises(MingjianError) as found:
            read_witness("\n".join(lines))
        assert found.value.en.endswith(f": {name}"), line


@given(heads, st.data())
def test_one_wrong_digit_of_any_witness_is_found_and_named(head, data):
    lines = witness_text(head).splitlines()
    number = data.draw(st.integers(5, 8))
    digits = [at for at, char in enumerate(lines[number]) if char in HEX and at > 1]
    at = data.draw(st.sampled_from(digits))
    other = data.draw(st.sampled_from([one for one in HEX if one != lines[number][at]]))
    lines[number] = lines[number][:at] + other + lines[number][at + 1 :]
    with pytest.raises(MingjianError, match=f": R{number - 4}$"):
        read_witness("\n".join(lines))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: text.replace("acme", "acne"), "Ledger"),
        (lambda text: text.replace("R1  1ac2", "R1  1ac"), "R1"),
        (lambda text: text.replace("R3  2bba", "R3  2bbaa"), "R3"),
        (lambda text: text.replace("R4  7ed1 f035 eb42 1ce2  173b", ""), "R4"),
        (lambda text: text.replace("1,234,567", "12,345,567"), "Entries"),
        (lambda text: text.replace("07:30:00", "08:30:00"), "Time"),
        (lambda text: text.replace("15:30:00", "25:30:00"), "Time"),
        (
            lambda text: text.replace("R2", "RX").replace("R3", "R2").replace("RX", "R3"),
            "R2, R3",
        ),
        (lambda text: text.replace("1ac2", "1ac3").replace("7ed1", "7ed2"), "R1, R4"),
    ],
    ids=["name", "short", "long", "missing", "number", "time", "hour", "swapped", "two"],
)
def test_more_than_a_slip_is_named_too(change, named):
    assert change(PRINTED) != PRINTED
    with pytest.raises(MingjianError) as found:
        read_witness(change(PRINTED))
    assert found.value.en.endswith(f"check group: {named}")
    assert "校验组" in found.value.zh


@pytest.mark.parametrize("text", ["", "hello", PRINTED[: PRINTED.index("根")], PRINTED * 9][:3])
def test_what_is_no_witness(text):
    with pytest.raises(MingjianError, match="not a whole witness"):
        read_witness(text)


@given(st.text(max_size=300))
def test_whatever_is_typed_is_refused_in_words(text):
    with pytest.raises(MingjianError):
        read_witness(text)


# ---- against the ledger ----


@pytest.mark.parametrize("size", [0, 1, 255, 256, 300, 600])
def test_a_ledger_that_is_what_was_printed(tmp_path, size):
    reader = ledger_of(tmp_path, size, 600) if size < 600 else ledger_of(tmp_path, size)
    printed = read_witness(witness_text(reader.notes[0].checkpoint))
    found = compare(printed, reader)
    assert (found.outcome, f"{size:,}" in found.en, f"{size:,}" in found.zh) == ("same", True, True)


@pytest.mark.parametrize(
    ("sizes", "altered", "outcome"),
    [((300, 600), 299, "differs"), ((300, 600), 300, "same"), ((299,), -1, "shorter")],
)
def test_a_ledger_that_was_written_anew(tmp_path, sizes, altered, outcome):
    true = ledger_of(tmp_path / "true", 300)
    printed = read_witness(witness_text(true.note.checkpoint))
    found = compare(printed, ledger_of(tmp_path / "new", *sizes, altered=altered))
    assert found.outcome == outcome
    if outcome == "shorter":
        assert "300 entries were printed, and the ledger has 299" in found.en


def test_the_witness_of_another_ledger(tmp_path):
    other = read_witness(witness_text(HEAD._replace(origin="mingjian/other/ledger", size=1)))
    assert compare(other, ledger_of(tmp_path, 10)).outcome == "other"


# ---- handed to an auditor ----

SIZES = (0, 1, 7, 256, 300, 513)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return ledger_of(tmp_path_factory.mktemp("ledger"), *SIZES)


@pytest.mark.parametrize("number", range(len(SIZES)))
def test_what_was_handed_over_is_a_part_of_the_newest(reader, number):
    mine = reader.notes[number]
    handed = read_handed(bytes(hand_over(mine, reader)))
    assert (handed.old, handed.new) == (mine, reader.note)
    check_handed(handed, mine, valid)


@given(data=st.data())
def test_nothing_of_it_can_be_altered(reader, data):
    handed = hand_over(reader.notes[data.draw(st.integers(1, len(SIZES) - 2))], reader)
    mine = handed.old
    part = data.draw(st.sampled_from(["old", "new", "proof", "less", "more"]))
    if part == "proof":
        at = data.draw(st.integers(0, len(handed.proof) - 1))
        proof = list(handed.proof)
        proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        handed = handed._replace(proof=tuple(proof))
    elif part in {"less", "more"}:
        changed = handed.proof[:-1] if part == "less" else (*handed.proof, EMPTY_ROOT)
        handed = handed._replace(proof=changed)
    else:
        note = getattr(handed, part)
        head = note.checkpoint
        change = data.draw(st.sampled_from([{"size": head.size + 1}, {"root": EMPTY_ROOT}]))
        handed = handed._replace(**{part: Note(head._replace(**change), note.signatures)})
    with pytest.raises(Unproven) as found:
        check_handed(read_handed(bytes(handed)), mine, valid)
    wanted = {"old": "not_mine", "new": "signature"}.get(part, "differs")
    assert found.value.code == wanted


@pytest.mark.parametrize(
    ("sizes", "altered", "code"),
    [((600,), 299, "differs"), ((600,), 300, None), ((299,), -1, "shorter")],
)
def test_a_ledger_that_does_not_extend_what_was_handed(tmp_path, sizes, altered, code):
    mine = ledger_of(tmp_path / "true", 300).note
    other = ledger_of(tmp_path / "new", *sizes, altered=altered)
    if code is None:
        check_handed(hand_over(mine, other), mine)
        return
    with pytest.raises(Unproven) as found:
        hand_over(mine, other)
    assert found.value.code == code
    assert not found.value.zh.isascii()


def test_the_head_of_another_ledger(reader):
    head = reader.note.checkpoint._replace(origin="mingjian/other/ledger", size=1)
    with pytest.raises(Unproven, match="two ledgers"):
        hand_over(Note(head, reader.note.signatures), reader)


def test_a_signature_by_another_key(reader):
    handed = hand_over(reader.notes[1], reader)
    forged = handed._replace(
        new=Note(handed.new.checkpoint, (Signature(ORIGIN, b"abcd", b"forged"),))
    )
    with pytest.raises(Unproven, match="513 entries is not signed by the expected key"):
        check_handed(forged, signature=valid)


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields | {"v": 2},
        lambda fields: fields | {"more": 1},
        lambda fields: {name: fields[name] for name in fields if name != "proof"},
        lambda fields: fields | {"proof": ["00"]},
        lambda fields: fields | {"proof": ["xx" * 32]},
        lambda fields: fields | {"proof": ["00" * 32] * 129},
        lambda fields: fields | {"proof": [1]},
        lambda fields: fields | {"old": 5},
        lambda fields: fields | {"new": fields["new"][:-1]},
        lambda fields: [fields],
        lambda fields: None,
    ],
)
def test_a_file_that_is_no_such_file(reader, change):
    fields = json.loads(bytes(hand_over(reader.notes[1], reader)))
    with pytest.raises(Unproven, match="not a file with two heads"):
        read_handed(json.dumps(change(fields)).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b'"'])
def test_bytes_that_are_no_json(data):
    with pytest.raises(Unproven, match="not a file with two heads"):
        read_handed(data)
