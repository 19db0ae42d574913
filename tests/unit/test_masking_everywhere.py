"""What alerts mask is masked at the desk and in packs too, and goes from a pack's raw records."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from desk.shown import _masked
from reports.case import CONTEXT, Item, Subject
from reports.masking import mask_hits, mask_numbers
from reports.redacting import without_what_is_to_go
from reports.redaction import NUMBERS, OTHERS, Salts, redacted
from rules.alert import Position
from rules.decode import Decoder
from rules.mask import replaced
from tests.support import sample_case

SALTS = Salts(b"k" * 16)
POSITION = Position(source="file:x")
DECODER = Decoder(sample_case.TENANT)
SOFT, JOINER, SELECTOR, GRAPHEME = "\u00ad", "\u2060", "\ufe0f", "\u034f"
REPLY = '这是一条引用/回复消息：\n"王总：\n好"\n------\n'

DISGUISED = [
    (f"138{SOFT}0013{SOFT}8000", f"138{SOFT}****{SOFT}8000"),
    (f"138{JOINER}0013{JOINER}8000", f"138{JOINER}****{JOINER}8000"),
    (f"138{SELECTOR}0013{SELECTOR}8000", f"138{SELECTOR}****{SELECTOR}8000"),
    (f"138{GRAPHEME}0013{GRAPHEME}8000", f"138{GRAPHEME}****{GRAPHEME}8000"),
    ("138、0013、8000", "138、****、8000"),
    ("138/0013/8000", "138/****/8000"),
    ("138\n0013\n8000", "138\n****\n8000"),
    ("一三八零零一三八零零零", "一三八****八零零零"),
    ("①③⑧⓪⓪①③⑧⓪⓪⓪", "①③⑧****⑧⓪⓪⓪"),
    ("𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎", "𝟏𝟑𝟖****𝟖𝟎𝟎𝟎"),
    ("١٣٨٠٠١٣٨٠٠٠", "١٣٨****٨٠٠٠"),
    ("护照 E12345678", "护照 E1*****78"),
    ("微信 wxid_ab12cd34ef56gh", "微信 wxi*_**************"),
    ("邮箱 wang.li@example.com", "邮箱 w***.**@example.com"),
    ("密码：Hunter2secret!", "密码：**************"),
    ("6222021234567890128", "622************0128"),
    ("110105 19491231 002X", "110*** ******** 002X"),
]
AROUND = [
    "{}",
    '他说"好"，{}',
    "C:\\new {} \\",
    "{} \b\f/",
    "{}\n下一行",
    "😀{}😀",
]


@pytest.mark.parametrize(("text", "shown"), DISGUISED, ids=range(len(DISGUISED)))
def test_what_alerts_mask_is_starred_in_its_place(text, shown):
    assert mask_numbers(text) == shown
    assert mask_hits(text, ()) == shown


@pytest.mark.parametrize(
    "text",
    ["年化1.8%，共10000元，2024-06-03 10:00", "三张票，一共二百", "密码忘了", "* ***"],
)
def test_what_is_no_number_stays(text):
    assert mask_numbers(text) == text


def as_text(text, **dumps):
    payload = {"msgtype": "text", "text": {"content": text}}
    return _record(payload, **dumps), lambda told: told["text"]["content"]


def as_reply(text, **dumps):
    raw, _ = as_text(REPLY + text, **dumps)
    return raw, lambda told: told["text"]["content"][len(REPLY) :]


def as_json_in_a_text(text, **dumps):
    """As mixed messages and forwarded conversations have it."""
    item = {"type": "text", "content": json.dumps({"content": text}, **dumps)}
    raw = _record({"msgtype": "mixed", "mixed": {"item": [item]}}, **dumps)
    return raw, lambda told: json.loads(told["mixed"]["item"][0]["content"])["content"]


def as_a_key(text, **dumps):
    """Of a kind that is not known."""
    return _record({"msgtype": "new", "new": {text: 1}}, **dumps), lambda told: next(
        iter(told["new"])
    )


FORMS = [as_text, as_reply, as_json_in_a_text, as_a_key]


def _record(payload, **dumps):
    head = {
        "msgid": "m1", "action": "send", "from": sample_case.EMPLOYEE, "tolist": ["li"],
        "roomid": "", "msgtime": sample_case.START,
    }  # fmt: skip
    envelope = {
        "v": 1, "kind": "archive", "time": sample_case.START, "received_at": sample_case.START,
        "tenant": sample_case.TENANT, "seq": 1, "payload": head | payload,
    }  # fmt: skip
    return json.dumps(envelope, **dumps).encode()


def in_a_pack(raw):
    """The record as a pack has it that is made with `--redact numbers`."""
    item = Item(raw=raw, position=POSITION, message=DECODER.decode(raw), number=1, role=CONTEXT)
    subject = Subject(kind="person", id=sample_case.EMPLOYEE)
    (made,) = without_what_is_to_go([item], subject, [], {NUMBERS}, SALTS, DECODER)
    return made


def no_more_than_an_alert_shows(text, shown):
    assert len(shown) == len(text)
    for start, end, told in replaced(text):
        same = [
            one for one, other in zip(text[start:end], shown[start:end], strict=True)
            if one == other and one.isalnum()
        ]  # fmt: skip
        allowed = sum(one.isalnum() for one in told.replace("*", ""))
        assert len(same) <= allowed, (text[start:end], shown[start:end], told)


PIECES = st.one_of(
    st.sampled_from([text for text, _ in DISGUISED]),
    st.sampled_from(['"', "\\", "/", "\n", "\t", " ", "，", "好", "😀", "{", "}", "[", ":", "*"]),
    st.text(alphabet='0123456789０９一二三零①⓪ -/、\u00ad\u200bXxEe@."\\', max_size=24),
    st.text(max_size=6),
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)


@given(TEXTS)
def test_the_desk_and_packs_show_no_more_than_an_alert(text):
    shown = mask_numbers(text)
    no_more_than_an_alert_shows(text, shown)
    assert mask_numbers(shown) == shown


@pytest.mark.parametrize("form", FORMS)
@given(text=TEXTS, ascii_only=st.booleans())
@example(text='"电话"一三八零零一三八零零零', ascii_only=False)
@example(text='{"a":138,"b":"00138000"}', ascii_only=False)
@example(text="138/0013/8000\\", ascii_only=True)
@example(text="𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎", ascii_only=True)
def test_raw_records_have_no_more_of_it_either(form, text, ascii_only):
    raw, said = form(text, ensure_ascii=ascii_only)
    found = redacted(raw, NUMBERS, SALTS, 1)
    assert len(found.raw) == len(raw)
    told = json.loads(found.raw)["payload"]
    no_more_than_an_alert_shows(text, said(told))


@pytest.mark.parametrize("around", AROUND, ids=range(len(AROUND)))
@pytest.mark.parametrize("form", FORMS[:3])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_context_message_of_a_pack_is_left_without_it(form, around, ascii_only):
    for secret, shown in DISGUISED:
        text, left = around.format(secret), around.format(shown)
        raw, said = form(text, ensure_ascii=ascii_only)
        made = in_a_pack(raw)
        assert made.redacted.holes
        found = said(json.loads(made.raw)["payload"])
        assert _as_stars(found) == left
        whole = bytearray(made.raw)
        for hole in made.redacted.holes:
            whole[hole.at : hole.at + hole.length] = hole.value
        assert bytes(whole) == raw


def _as_stars(text):
    return text.translate(dict.fromkeys(map(ord, "·＊𐄂\U00036799"), "*"))


def test_slashes_that_are_escaped_hide_nothing():
    raw, said = as_text("XX")
    raw = raw.replace(b"XX", rb"138\/0013\/8000 \u597d \u0031\u0033\u0038\u0030\u0030138000")
    told = json.loads(redacted(raw, NUMBERS, SALTS, 1).raw)["payload"]
    assert said(told) == "138/****/8000 好 138****8000"


def test_a_number_that_only_its_surroundings_tell_goes_where_it_stands_in_a_reply():
    raw, said = as_reply('"证" 61012')
    message = DECODER.decode(raw)
    assert message.text == '"证" 61012'
    hit = {"field": "text", "msgid": "m1", "pattern": "credential", "start": 4, "end": 9}
    told = json.loads(redacted(raw, NUMBERS, SALTS, 1, message.text, [hit]).raw)["payload"]
    assert said(told) == '"证" 610**'


def test_a_number_over_several_texts_of_a_message_goes_from_each():
    items = [
        {"type": "text", "content": json.dumps({"content": one})} for one in ("138", "0013", "8000")
    ]
    made = in_a_pack(_record({"msgtype": "mixed", "mixed": {"item": items}}))
    assert made.message.text == "138\n****\n8000"
    assert b"0013" not in made.raw


def test_words_that_are_escaped_too_deep_to_be_found_go_altogether():
    inner = json.dumps({"content": f"138{SOFT}0013{SOFT}8000"})
    forwarded = {"item": [{"type": "ChatRecordText", "content": inner}]}
    for depth in range(3):
        raw = _record({"msgtype": "chatrecord", "chatrecord": forwarded})
        made = in_a_pack(raw)
        assert "0013" not in made.message.quoted + made.message.text, depth
        assert b"0013" not in made.raw or "138" not in DECODER.decode(raw).quoted
        item = {"type": "ChatRecordMixed", "content": json.dumps(forwarded)}
        forwarded = {"item": [item]}


def test_a_number_that_an_address_hides_in_codes_goes_with_it():
    raw, _ = as_text("看 https://example.com/%31%33%38%30%30%31%33%38%30%30%30")
    assert "13800138000" in DECODER.decode(raw).field("link.canonical")
    made = in_a_pack(raw)
    assert b"%31" not in made.raw


def test_the_digest_of_a_file_is_shown():
    digest = "0123456789abcdef0123456789abcdef"
    assert _masked({"file.md5": digest, "file.name": digest}) == {
        "file.md5": digest, "file.name": mask_numbers(digest),
    }  # fmt: skip


@pytest.mark.parametrize("what", [NUMBERS, OTHERS])
def test_keys_that_are_numbers_go_and_the_record_stays_json(what):
    raw = _record({"msgtype": "new", "13800138000": "x", "ext": {"13900139000": 1}})
    found = redacted(raw, what, SALTS, 1).raw
    assert {"138****8000", "ext"} < set(json.loads(found)["payload"])
    assert b"13900139000" not in found


def test_ids_by_which_a_record_is_found_stay():
    raw = _record({"msgtype": "text", "from": "13800138000", "text": {"content": "好"}})
    assert redacted(raw, NUMBERS, SALTS, 1).holes == ()


def test_a_password_of_signs_is_not_left():
    assert mask_numbers("密码：!!@@##$$") == "密码：********"
