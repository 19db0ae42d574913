"""What real archives get wrong or odd, and what a bad record is refused for."""

import json

import pytest

from rules.decode import FLAG_REPAIRED, Decoder
from rules.errors import RecordError
from rules.message import (
    FLAG_INNER_JSON,
    FLAG_QUOTED,
    FLAG_TIME_UNKNOWN,
    FLAG_UNKNOWN_TYPE,
)
from rules.parties import party_kind
from rules.quarantine import REASONS

T = 1_603_876_152_141
DAY = 24 * 3600 * 1000
CUSTOMER = "wmUu0zBgAALV7ZymkcMyxvbTe8YdWxxA"
DECODER = Decoder("demo", assume_received_at=T + 5)


def payload(kind="text", body=None, **changes):
    made = {
        "msgid": "m1",
        "action": "send",
        "from": "zhangsan",
        "tolist": [CUSTOMER],
        "roomid": "",
        "msgtime": T,
        "msgtype": kind,
    }
    if kind == "text":
        made["text"] = {"content": "你好"} if body is None else body
    elif body is not None:
        made[kind] = body
    return {k: v for k, v in {**made, **changes}.items() if v is not ...}


def envelope(said=None, **changes):
    made = {
        "v": 1,
        "kind": "archive",
        "time": T,
        "received_at": T + 5,
        "tenant": "demo",
        "seq": 7,
        "payload": payload() if said is None else said,
    }
    return {k: v for k, v in {**made, **changes}.items() if v is not ...}


def decode(record):
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    return DECODER.decode(raw)


def decode_payload(kind="text", body=None, **changes):
    said = payload(kind, body, **changes)
    return decode(envelope(said, time=said.get("msgtime", T)))


REFUSED = [
    # record, reason, detail
    (b"", "not_json", None),
    (b"\xff\xfe", "not_utf8", "byte 0"),
    (b'{"v":1,"x":"\xed\xa0\x80"}', "not_utf8", "byte 12"),  # a surrogate in UTF-8
    (b'{"v":1', "not_json", None),
    (b"\xef\xbb\xbf{}", "not_json", None),
    (b'{"v":NaN}', "not_json", None),
    (b'{"v":Infinity}', "not_json", None),
    (b'{"v":1e999}', "unknown_envelope", None),
    (b'{"v":' + b"9" * 5000 + b"}", "unknown_envelope", None),
    (b'{"v":1e999,"w":NaN}', "not_json", None),
    (b"[" * 100_000, "not_json", "nested too deeply"),
    (b'{"a":' * 100_000, "not_json", "nested too deeply"),
    (b'{"payload":{"text":' + b"[" * 100_000, "not_json", "nested too deeply"),
    (b"[]", "not_an_object", ""),
    (b"null", "not_an_object", ""),
    (b"7", "not_an_object", ""),
    (b"{}", "unknown_envelope", None),
    ({"msgid": "1"}, "unknown_envelope", None),
    (envelope(v=2), "unknown_envelope", "v is not 1"),
    (envelope(v=True), "unknown_envelope", "v is not 1"),
    (envelope(v=...), "unknown_envelope", "v is not 1"),
    (envelope(kind="chat"), "unknown_envelope", "kind is neither archive nor event"),
    (envelope(kind=["archive"]), "unknown_envelope", "kind is neither archive nor event"),
    (envelope(payload=None), "missing_field", "payload"),
    (envelope(payload=[]), "wrong_type", "payload: expected object, got array"),
    (envelope(time=...), "missing_field", "time"),
    (envelope(time=float(T)), "wrong_type", "time: expected int, got float"),
    (envelope(time=str(T)), "wrong_type", "time: expected int, got str"),
    (envelope(received_at=...), "missing_field", "received_at"),
    (envelope(seq=...), "missing_field", "seq"),
    (envelope(seq=-1), "wrong_type", "seq: expected int from 0 to 2^64-1"),
    (envelope(seq=2**64), "wrong_type", "seq: expected int from 0 to 2^64-1"),
    (envelope(seq=1.5), "wrong_type", "seq: expected int, got float"),
    (envelope(tenant=3), "wrong_type", "tenant: expected str, got int"),
    (envelope(time=T + 1), "wrong_type", "time differs from payload.msgtime"),
    (envelope(payload(msgid=...)), "missing_field", "payload.msgid"),
    (envelope(payload(msgid="  ")), "missing_field", "payload.msgid"),
    (envelope(payload(msgid=12)), "wrong_type", "payload.msgid: expected str, got int"),
    (envelope(payload(**{"from": ...})), "missing_field", "payload.from"),
    (envelope(payload(**{"from": " "})), "missing_field", "payload.from"),
    (envelope(payload(**{"from": None})), "missing_field", "payload.from"),
    (envelope(payload(tolist="lisi")), "wrong_type", "payload.tolist: expected array, got str"),
    (
        envelope(payload(tolist=["a", None])),
        "wrong_type",
        "payload.tolist[1]: expected str, got null",
    ),
    (envelope(payload(roomid={})), "wrong_type", "payload.roomid: expected str, got object"),
    (envelope(payload(msgtime=...)), "missing_field", "payload.msgtime"),
    (envelope(payload(msgtime=True)), "wrong_type", "payload.msgtime: expected int, got bool"),
    (
        envelope(payload(msgtime=float(T))),
        "wrong_type",
        "payload.msgtime: expected int, got float",
    ),
    (envelope(payload(msgtype=...)), "missing_field", "payload.msgtype"),
    (envelope(payload(msgtype=1)), "wrong_type", "payload.msgtype: expected str, got int"),
    (envelope(payload(text=...)), "missing_field", "payload.text"),
    (envelope(payload(text=None)), "missing_field", "payload.text"),
    (envelope(payload(text="hi")), "wrong_type", "payload.text: expected object, got str"),
    (envelope(payload(text={})), "missing_field", "payload.text.content"),
    (
        envelope(payload(text={"content": 5})),
        "wrong_type",
        "payload.text.content: expected str, got int",
    ),
    (envelope(payload("docmsg")), "missing_field", "payload.doc"),
    (envelope(payload("markdown")), "missing_field", "payload.info"),
    (envelope(payload("revoke", {})), "missing_field", "payload.revoke.pre_msgid"),
    (
        envelope(payload("image", {"filesize": "big"})),
        "wrong_type",
        "payload.image.filesize: expected int, got str",
    ),
    (
        envelope(payload("image", {"filesize": 2**64})),
        "wrong_type",
        "payload.image.filesize: expected int from 0 to 2^64-1",
    ),
    (
        envelope(payload("location", {"latitude": []})),
        "wrong_type",
        "payload.location.latitude: expected float, got array",
    ),
    (
        envelope(payload("news", info={"item": [{}, 3]})),
        "wrong_type",
        "payload.info.item[1]: expected object, got int",
    ),
    (
        envelope(payload("mixed", {"item": [{"type": "text", "content": 5}]})),
        "wrong_type",
        "payload.mixed.item[0].content: expected str, got int",
    ),
    (
        envelope(payload(msgtime=1_451_606_399_999), time=1_451_606_399_999),
        "time_out_of_range",
        "time is before 2016",
    ),
    (envelope(payload(msgtime=-1), time=-1), "time_out_of_range", "time is before 2016"),
    (envelope(payload(msgtime=T // 1000), time=T // 1000), "time_out_of_range", None),  # seconds
    (
        envelope(received_at=T - DAY - 1),
        "time_out_of_range",
        "time is more than a day after received_at",
    ),
    (envelope(received_at=0), "time_out_of_range", "received_at"),
    (envelope(received_at=10**30), "time_out_of_range", "received_at"),
    (envelope(payload(msgtime=10**30), time=10**30), "time_out_of_range", None),
]


@pytest.mark.parametrize(("record", "reason", "detail"), REFUSED)
def test_refused(record, reason, detail):
    with pytest.raises(RecordError) as caught:
        decode(record)
    assert caught.value.reason == reason
    assert reason in REASONS
    if detail is not None:
        assert caught.value.detail == detail


def test_details_never_carry_what_somebody_wrote():
    secret = "6222020200112233445"
    for said in (payload(text={"content": [secret]}), payload("vote", {"voteitem": [secret, 3]})):
        with pytest.raises(RecordError) as caught:
            decode(envelope(said))
        assert secret not in str(caught.value)


def test_size_is_checked_before_anything_else():
    limited = Decoder("demo", record_bytes=10, assume_received_at=T)
    with pytest.raises(RecordError) as caught:
        limited.decode(b"\xff" * 11)
    assert (caught.value.reason, caught.value.detail) == (
        "too_large",
        "11 bytes, allowed are 10",
    )
    with pytest.raises(RecordError, match="not_utf8"):
        limited.decode(b"\xff" * 10)


@pytest.mark.parametrize("time", [1_451_606_400_000, T, T + 5 + DAY])
def test_times_at_the_edges_are_taken(time):
    assert decode(envelope(payload(msgtime=time), time=time)).time == time


def test_time_zero_is_unknown_and_placed_at_the_receipt():
    message = decode_payload(msgtime=0)
    assert (message.time, message.flags) == (T + 5, (FLAG_TIME_UNKNOWN,))
    assert (message.seq, message.text) == (7, "你好")


def test_missing_tenant_is_the_streams_own():
    for record in (envelope(tenant=...), envelope(tenant=None), envelope(tenant="")):
        assert decode(record).tenant == "demo"
    assert decode(envelope(tenant="acme")).tenant == "acme"


def test_key_order_and_unknown_keys_do_not_matter():
    turned = dict(reversed(envelope().items())) | {"trace": {"x": [1.5, None]}}
    assert decode(turned) == decode(envelope())


def test_of_a_key_written_twice_the_last_counts():
    raw = json.dumps(envelope()).encode()
    twice = raw.replace(b'"text": {', b'"text": {"content": "first", ')
    assert decode(twice) == decode(envelope())


@pytest.mark.parametrize("control", range(0x20))
def test_raw_control_characters_inside_strings_are_kept_as_text(control):
    raw = json.dumps(envelope(payload(text={"content": "a@b"}))).encode()
    message = decode(raw.replace(b"a@b", b"a" + bytes([control]) + b"b"))
    assert message.text == f"a{chr(control)}b"
    assert message.flags == (FLAG_REPAIRED,)


def test_control_characters_between_values_are_not_tolerated():
    with pytest.raises(RecordError, match="not_json"):
        decode(json.dumps(envelope()).encode().replace(b", ", b",\x01", 1))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"a\ud800b", "a\ufffdb"),
        (rb"a\udc00b", "a\ufffdb"),
        (rb"\ud83d", "\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd😀"),
        (rb"\\ud800", "\\ud800"),  # an escaped backslash, no surrogate
        (rb"\ud83d\ude00", "😀"),
    ],
)
def test_lone_surrogates_become_replacement_characters(written, text):
    raw = json.dumps(envelope(payload(text={"content": "a@b"}))).encode()
    message = decode(raw.replace(b"a@b", written))
    assert message.text == text
    assert (FLAG_REPAIRED in message.flags) == ("\ufffd" in text)
    message.text.encode()


def test_ids_lose_blanks_around_them():
    message = decode_payload(
        msgid=" m1 ", **{"from": "zhangsan "}, tolist=[f"{CUSTOMER} "], roomid="wr1 "
    )
    assert (message.msgid, message.sender, message.recipients) == ("m1", "zhangsan", (CUSTOMER,))
    assert (message.room, message.conversation) == ("wr1", "wr1")
    image = decode_payload("revoke", {"pre_msgid": "m0 "}, **{"from": "zhangsan\t"})
    assert (image.sender, image.fields["revoke.pre_msgid"]) == ("zhangsan", "m0")


@pytest.mark.parametrize(
    ("tolist", "conversation", "recipients"),
    [
        ([], "zhangsan", ()),
        (None, "zhangsan", ()),
        (..., "zhangsan", ()),
        (["15108264797"], "15108264797|zhangsan", ("15108264797",)),
        (["lisi", "amy"], "amy|lisi|zhangsan", ("lisi", "amy")),
        (["zhangsan", "amy"], "amy|zhangsan", ("zhangsan", "amy")),
    ],
)
def test_recipients_and_conversation(tolist, conversation, recipients):
    message = decode_payload(tolist=tolist)
    assert (message.conversation, message.recipients) == (conversation, recipients)
    assert message.direction == "internal"


def test_both_sides_of_a_single_chat_share_one_conversation():
    there = decode_payload()
    back = decode_payload(**{"from": CUSTOMER}, tolist=["zhangsan"])
    assert there.conversation == back.conversation
    assert (there.direction, back.direction) == ("outbound", "inbound")


@pytest.mark.parametrize(
    ("party", "kind"),
    [
        (CUSTOMER, "customer"),
        ("woJ7ijBwAAmqwojT8r_DaNMbr_NAvaag", "customer"),
        ("wmGAgeDQAAdBjb8CK4ieMPRm7Cqm-9VA", "customer"),
        ("wm0123456789", "customer"),
        ("wm012345678", "employee"),
        ("wowo", "employee"),
        ("wmSYN", "employee"),
        ("wo.zhang.san.li", "employee"),
        ("wo王小明王小明王小明王", "employee"),
        ("wbJ7ijBwAAmqwojT8r", "bot"),
        ("wbei", "employee"),
        ("WmUu0zBgAALV7ZymkcMyxvbTe8YdWxxA", "employee"),
        ("zhangsan", "employee"),
        ("15108264797", "employee"),
        ("", "system"),
    ],
)
def test_kind_of_party(party, kind):
    assert party_kind(party) == kind


def test_a_msgid_ending_external_makes_the_conversation_outbound():
    assert decode_payload(tolist=["lisi"], msgid="5_external").direction == "outbound"
    assert decode_payload(tolist=["lisi"], msgid="5").direction == "internal"
    assert decode_payload(**{"from": CUSTOMER}, msgid="5_external").direction == "inbound"
    assert decode_payload(tolist=["lisi", CUSTOMER], roomid="wr1").direction == "outbound"


@pytest.mark.parametrize("kind", ["hologram", "接龙", "TEXT", "event"])
def test_unknown_types_are_kept_with_a_flag(kind):
    message = decode_payload(kind, {"content": "x"})
    assert (message.type, message.text, message.flags) == (kind, "", (FLAG_UNKNOWN_TYPE,))
    assert message.sender == "zhangsan"


def test_null_content_is_an_empty_text():
    assert decode_payload(body={"content": None}).text == ""
    assert decode_payload(body={"content": ""}).text == ""
    assert decode_payload("link", {"title": None, "link_url": None}).fields == {}


def test_unsigned_64_bit_numbers_survive():
    big = 11101571002822706744
    assert decode_payload("meeting", {"meetingid": big}).fields["meeting.id"] == str(big)
    assert decode_payload("image", {"filesize": big}).fields["media.size"] == big
    details = {"title": "t", "details": [{"id": big, "ques": "q"}]}
    assert decode_payload("collect", details).text == "t\nq"


def test_numbers_written_as_digits_or_as_whole_floats_count():
    body = {"filesize": "70961", "play_length": 10.0}
    fields = decode_payload("video", body).fields
    assert (fields["media.size"], fields["media.seconds"]) == (70961, 10)


@pytest.mark.parametrize(
    ("kind", "changes", "fields"),
    [
        ("card", {"card": {"Userid": CUSTOMER}}, {"card.userid": CUSTOMER}),
        (
            "meetingvoicecall",
            {"meetingvoicecall": {"endtime": T // 1000 + 9, "sdkfileid": "f"}, "voiceid": "v"},
            {"call.id": "v", "call.seconds": 8, "media.id": "f"},
        ),
        (
            "voipdocshare",
            {"voipdocshare": {"filename": "A.PDF"}, "voipid": "v"},
            {"call.id": "v", "file.name": "A.PDF", "file.ext": "pdf"},
        ),
        (
            "external_redpacket",
            {"external_redpacket": {"totalamount": 20}},
            {"redpacket.amount": 20},
        ),
        ("vote", {"vote": {"voteid": 18446744073709551615}}, {"vote.id": "18446744073709551615"}),
        ("vote", {"voteid": "V1", "votetype": 102}, {"vote.id": "V1", "vote.type": 102}),
        ("qydiskfile", {"info": {"filename": "README"}}, {"file.name": "README"}),
        (
            "file",
            {"file": {"md5sum": "AB ", "fileext": "DOCX"}},
            {"file.md5": "ab", "file.ext": "docx"},
        ),
    ],
)
def test_other_spellings_and_places(kind, changes, fields):
    message = decode_payload(kind, **changes)
    assert message.fields == fields
    assert message.flags == ()


def test_spellings_of_one_type_have_one_name():
    assert decode_payload("meetingvoicecall", {}).type == "meeting_voice_call"
    assert decode_payload("voipdocshare", {}).type == "voip_doc_share"


@pytest.mark.parametrize("kind", ["solitaire", "note"])
def test_types_without_a_published_layout_give_all_their_words(kind):
    items = [{"type": "text", "content": "我报名"}, {"name": "李四", "sdkfileid": "x"}]
    message = decode_payload(kind, info={"title": "周末活动", "items": items})
    assert message.text == "周末活动\n我报名\n李四"
    assert message.flags == ()


def test_switch_without_type_and_sender():
    said = {"msgid": "1", "action": "switch", "time": T, "user": "amy"}
    for record in (said, envelope(said)):
        message = decode(record)
        assert (message.type, message.action, message.sender) == ("switch", "switch", "amy")
        assert (message.conversation, message.direction) == ("", "internal")
    with pytest.raises(RecordError) as caught:
        decode(envelope(said, time=T + 1))
    assert caught.value.detail == "time differs from payload.time"


def item(kind, content, **more):
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return {"type": kind, "content": text, **more}


def test_items_of_mixed_are_the_senders_words():
    message = decode_payload(
        "mixed",
        {
            "item": [
                item("text", {"content": "一 https://a.com/?utm_source=x"}),
                item("image", {"md5sum": "m"}),
                item("text", {"content": "二"}),
            ]
        },
    )
    assert message.text == "一 https://a.com/?utm_source=x\n二"
    assert message.fields["link.urls"] == ["https://a.com/"]
    assert [one["type"] for one in message.fields["items"]] == ["text", "image", "text"]
    assert message.fields["items"][1]["media.md5"] == "m"


def test_a_quoted_reply_inside_mixed_is_split():
    words = "这是一条引用/回复消息：\n“李四：\n转我卡上”\n------\n不行"
    message = decode_payload("mixed", {"item": [item("text", {"content": words})]})
    assert (message.text, message.quoted) == ("不行", "李四：\n转我卡上")
    assert message.flags == (FLAG_QUOTED,)


def test_forwarded_records_are_others_words_with_times_in_milliseconds():
    message = decode_payload(
        "chatrecord",
        {
            "title": "群聊",
            "item": [
                item("ChatRecordText", {"content": "转我卡上"}, msgtime=1603875610),
                item("ChatRecordText", {"content": "好"}, msgtime=1603875610123),
                item("ChatRecordLink", {"title": "标题", "link_url": "HTTP://A.com"}, msgtime=0),
                item("ChatRecordMixed", {"item": [item("text", {"content": "深"})]}),
            ],
        },
    )
    assert (message.text, message.quoted) == ("", "转我卡上\n好\n标题\n深")
    items = message.fields["items"]
    assert [one.get("time") for one in items] == [1603875610000, 1603875610123, 0, None]
    assert items[2]["link.canonical"] == "http://a.com/"
    assert items[3]["items"] == [{"type": "text", "text": "深"}]


@pytest.mark.parametrize("broken", ["{not json", "[1]", '{"content":5}', "", "{" * 5000, "null"])
def test_broken_inner_json_is_kept_as_words(broken):
    mixed = decode_payload("mixed", {"item": [item("text", broken)]})
    record = decode_payload("chatrecord", {"item": [item("ChatRecordText", broken)]})
    assert (mixed.text, mixed.flags) == (broken, (FLAG_INNER_JSON,))
    assert (record.quoted, record.flags) == (broken, (FLAG_INNER_JSON,))


def test_inner_json_with_a_raw_line_break_is_read():
    mixed = decode_payload("mixed", {"item": [item("text", '{"content":"a\nb"}')]})
    assert (mixed.text, mixed.flags) == ("a\nb", ())


def test_items_of_an_unknown_type_are_kept_and_flagged():
    mixed = decode_payload("mixed", {"item": [item("hologram", {"content": "x"})]})
    assert mixed.text == '{"content": "x"}'
    assert mixed.flags == (FLAG_UNKNOWN_TYPE,)


def test_records_inside_records_end_somewhere():
    inner = item("ChatRecordText", {"content": "最里"})
    for _ in range(12):
        inner = item("chatrecord", {"item": [inner]})
    message = decode_payload("chatrecord", {"item": [inner]})
    assert "最里" in message.quoted
    assert FLAG_INNER_JSON in message.flags


def test_two_messages_never_share_their_fields():
    one, two = decode_payload("switch"), decode_payload("switch")
    assert one.fields == {}
    assert one.fields is not two.fields
