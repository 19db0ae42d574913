"""What is fetched around a case, how it is shown, and what of it is masked."""

from __future__ import annotations

import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.context import ContextRecord, Wanted, around, merged, within
from reports.context_files import FileContext
from reports.devices import NOT_AVAILABLE, device_rows
from reports.masking import mask_numbers
from reports.pieces import pieces
from reports.rule_text import rule_text
from rules.alert import Position
from rules.decode import Decoder
from rules.ruleset import load_ruleset
from tests.support import sample_case
from tests.support.sample_case import CONVERSATION, EMPLOYEE, START, said

DECODER = Decoder(sample_case.TENANT)
WHOLE = (START - 86_400_000, START + 86_400_000)


def fetch(folder, **wanted):
    values = {"conversations": {CONVERSATION: (WHOLE,)}, "acts": {EMPLOYEE: (WHOLE,)}}
    return FileContext(folder, DECODER).fetch(Wanted(**{**values, **wanted}))


def ids(records):
    return [record.message.msgid for record in records]


def test_files_give_the_conversation_and_the_acts_with_their_places(tmp_path):
    found = fetch(sample_case.write_day(tmp_path))
    assert ids(found.messages) == [f"m{n:02}" for n in range(1, 16)]
    assert ids(found.events) == ["cb-01", "cb-02", "cb-03"]
    lines = (tmp_path / "messages-p0.jsonl").read_bytes().split(b"\n")
    for record in found.messages + found.events:
        assert lines[record.position.line - 1] == record.raw
        whole = (tmp_path / "messages-p0.jsonl").read_bytes()
        assert whole[record.position.offset :].startswith(record.raw)
    assert found.bad == 1
    assert found.limits == []


def test_packed_files_give_the_same(tmp_path):
    plain = fetch(sample_case.write_day(tmp_path / "plain"))
    (tmp_path / "packed").mkdir()
    data = (tmp_path / "plain" / "messages-p0.jsonl").read_bytes()
    (tmp_path / "packed" / "messages-p0.jsonl.gz").write_bytes(gzip.compress(data))
    packed = fetch(tmp_path / "packed")
    assert ids(packed.messages) == ids(plain.messages)
    assert [r.position.line for r in packed.events] == [r.position.line for r in plain.events]
    assert [r.position.offset for r in packed.events] == [r.position.offset for r in plain.events]


def test_times_and_limits_hold_and_a_cut_is_told(tmp_path):
    folder = sample_case.write_day(tmp_path)
    span = {CONVERSATION: ((START + 236_000, START + 300_000),)}
    assert ids(fetch(folder, conversations=span, acts={}).messages) == ["m05", "m06", "m07"]
    cut = fetch(folder, limit=4)
    assert len(cut.messages) == 4
    assert "more than 4" in cut.limits[0][0]
    assert "超过 4 条" in cut.limits[0][1]


def test_what_a_person_said_and_was_told_is_found_in_its_time(tmp_path):
    folder = sample_case.write_day(tmp_path)
    early, late = (START, START + 95_000), (START + 236_000, START + 262_000)
    found = fetch(folder, conversations={}, acts={}, talk={EMPLOYEE: (early, late)})
    assert ids(found.talk) == ["m01", "m02", "m03", "m05", "m06"]
    assert found.messages == found.events == []
    cut = fetch(folder, conversations={}, talk={EMPLOYEE: (early, late)}, talk_limit=2)
    assert len(cut.talk) == 2
    assert "was told: more than 2" in cut.limits[0][0]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=12))
def test_spans_that_touch_become_one_and_cover_the_same_time(pairs):
    spans = [(start, start + length) for start, length in pairs]
    found = merged(spans)
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(found))
    for moment in range(75):
        assert within(moment, found) == any(start <= moment <= end for start, end in spans)


def test_the_truth_file_and_half_written_files_are_no_messages(tmp_path):
    folder = sample_case.write_day(tmp_path)
    data = (folder / "messages-p0.jsonl").read_bytes()
    for name in ("truth.jsonl", ".messages-p1.jsonl", "messages-p1.jsonl.part"):
        (folder / name).write_bytes(data)
    assert len(fetch(folder).messages) == 15


def test_a_damaged_or_empty_file_is_told_and_the_rest_is_read(tmp_path):
    folder = sample_case.write_day(tmp_path)
    (folder / "messages-p1.jsonl.gz").write_bytes(gzip.compress(b"x" * 9000)[:30])
    (folder / "messages-p2.jsonl").write_bytes(b"")
    found = fetch(folder)
    assert len(found.messages) == 15
    assert all("messages-p1.jsonl.gz" in words for words in found.limits[0])


def test_rooms_escaped_ids_and_a_last_line_without_end_are_found(tmp_path):
    room = "wrRoom0BgAA"
    raw = said(10, "r1", EMPLOYEE, "text", {"content": "群里说"}, 1)
    in_room = raw.replace(b'"roomid":""', f'"roomid":"{room}"'.encode())
    escaped = said(20, "r2", "张三", "text", {"content": "x"}, 2).decode()
    escaped = escaped.replace("张三", "\\u5f20\\u4e09").encode()
    (tmp_path / "messages.jsonl").write_bytes(in_room + b"\r\n" + escaped)
    found = fetch(tmp_path, conversations={room: (WHOLE,), f"{EMPLOYEE}|张三": (WHOLE,)})
    assert ids(found.messages) == ["r1", "r2"]
    assert not found.messages[0].raw.endswith(b"\r")


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=40, unique=True),
    st.sets(st.integers(0, 50), min_size=1, max_size=4),
    st.integers(0, 5),
)
def test_around_takes_so_many_on_each_side_of_every_member(times, members, side):
    records = [sample_case_record(time) for time in sorted({*times, *members})]
    keys = [(START + at * 1000, at, f"m{at}") for at in members]
    taken = [record.message.seq for record in around(records, keys, side)]
    assert taken == sorted(taken)
    assert not set(taken) & members
    others = sorted(set(times) - members)
    for member in members:
        before = [at for at in others if at < member]
        after = [at for at in others if at > member]
        assert set(before[len(before) - min(side, len(before)) :]) <= set(taken)
        assert set(after[:side]) <= set(taken)
    assert len(taken) <= 2 * side * len(members)


def sample_case_record(at):
    raw = said(at, f"m{at}", EMPLOYEE, "text", {"content": "x"}, at)
    return ContextRecord(raw, Position(source="file:x"), DECODER.decode(raw))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("卡 6222021234567890128 好", "卡 622************0128 好"),
        ("6222 0212 3456 7890 128", "622* **** **** ***0 128"),
        ("6222-0212-3456-7890", "622*-****-****-7890"),
        ("１１０１０５１９４９１２３１００２Ｘ", "１１０***********００２Ｘ"),
        ("11010519491231002X", "110***********002X"),
        ("6222\u200b021234567890128", "622*\u200b***********0128"),
        ("手机 13800138000", "手机 138****8000"),
        ("订单 202606011003", "订单 202*****1003"),
        ("日期 2026-06-01 10:03", "日期 2026-06-01 10:03"),
        ("", ""),
    ],
)  # fmt: skip
def test_long_numbers_are_masked_in_place(text, shown):
    assert mask_numbers(text) == shown


@given(st.text(alphabet="0123456789０９ -Xx中a\u200b", max_size=60))
def test_masking_keeps_every_place_and_hides_every_long_number(text):
    shown = mask_numbers(text)
    assert len(shown) == len(text)
    assert mask_numbers(shown) == shown
    runs = "".join(c if c in "0123456789０９" else " " for c in shown).split()
    assert all(len(run) < 13 for run in runs)


@given(
    st.text(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4)
)
def test_pieces_lose_no_visible_text_and_mark_what_hit(text, spans):
    hits = [{"start": a, "end": b, "pattern": f"p{n}"} for n, (a, b) in enumerate(spans)]
    found = pieces(text, hits, unmask=True)
    visible = "".join(piece.text for piece in found if not piece.code)
    assert len(visible) <= len(text)
    if all(not piece.code for piece in found):
        assert visible == text
    inside = "".join(piece.text for piece in found if piece.hit and not piece.code)
    covered = {
        at for h in hits if h["start"] < h["end"] <= len(text) for at in range(h["start"], h["end"])
    }
    assert len(inside) <= len(covered)
    if not covered:
        assert not inside


def test_a_detector_hit_is_masked_however_it_was_written():
    text = "号码 一一零105一九四九12310二X 请收"
    hit = {"start": 3, "end": 21, "pattern": "cn_resident_id"}
    shown = "".join(piece.text for piece in pieces(text, [hit]))
    assert shown.startswith("号码 一一零***")
    assert "一九四九" not in shown
    assert shown.endswith("请收")


def test_device_rows_state_source_and_precision_and_never_fill_in():
    raws = sample_case.records()
    messages = [DECODER.decode(raws[key]) for key in ("cb-01", "cb-02", "cb-03")]
    rows = device_rows(enumerate(messages, 1))
    assert rows[0]["ip"] == rows[0]["device"] == NOT_AVAILABLE
    login, file, screen = rows[2:]
    assert (login["ip"], login["ip_granularity"]) == (
        "183.40.88.*", "network /24, masked by WeCom",
    )  # fmt: skip
    assert login["device"] == NOT_AVAILABLE
    assert (file["ip"], file["device"]) == (NOT_AVAILABLE, "type 1, code owM2ovo")
    assert (screen["device"], screen["device_granularity"]) == (
        "system iOS", "kind of device only",
    )  # fmt: skip
    assert all(row["source"] for row in rows)


def test_the_digest_of_every_shipped_rule_is_the_one_its_alerts_carry():
    for file in load_ruleset().files:
        text = rule_text(file.text, file.path)
        for rule in (*file.detections, *file.correlations):
            assert text.digest == rule.ref.digest, file.path
        assert text.legal == file.legal
