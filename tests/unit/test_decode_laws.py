"""Laws of decoding that hold for any bytes."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.decode import FLAG_REPAIRED, Decoder
from rules.draft import plain_drafts
from rules.errors import RecordError
from rules.lenient_json import repair
from rules.message import FLAG_UNKNOWN_TYPE, Message
from rules.plain import LATEST
from rules.quarantine import REASONS

T = 1_603_876_152_141


def is_plain(raw: bytes) -> bool:
    """Does it take the quick road?"""
    return plain_drafts([raw], "demo", LATEST)[0] is not None


DECODER = Decoder("demo", assume_received_at=1_700_000_000_000)
SAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "archive_samples.jsonl").open(
        encoding="utf-8"
    )
]
ENVELOPES = [
    {
        "v": 1,
        "kind": "archive",
        "time": said.get("msgtime", said.get("time")),
        "received_at": 1_700_000_000_000,
        "tenant": "demo",
        "seq": 7,
        "payload": said,
    }
    for said in SAMPLES
] + [
    {
        "v": 1,
        "kind": "event",
        "time": T,
        "received_at": T,
        "seq": 0,
        "id": "cb-1",
        "source": "callback",
        "type": kind,
        "payload": {
            "UserID": "zhangsan",
            "ExternalUserID": "wm1",
            "userid": "zhangsan",
            "operator": "amy",
            "external_userid": "wm1",
            "ChatId": "wr1",
            "FileId": ["a", "b"],
            "operation": {"type": 101},
        },
    }
    for kind in ("customer_deleted", "customer_transferred", "file_operation", "drive_changed")
]
leaf = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["text", "event", "switch", "wmUu0zBgAALV7ZymkcMyxvbTe8YdWxxA", T])
)
value = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)


def outcome(raw, decode=DECODER.decode):
    """The message, or the reason; anything else than RecordError fails the test."""
    try:
        message = decode(raw)
    except RecordError as error:
        return REASONS[error.reason], error.reason, error.detail
    assert type(message) is Message
    return message


def paths(node, prefix=()):
    yield prefix
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        if isinstance(child, (dict, list)):
            yield from paths(child, (*prefix, key))
        else:
            yield (*prefix, key)


@st.composite
def mutated(draw, records=ENVELOPES + SAMPLES):
    """One of `records` with some of its parts changed, dropped or added."""
    record = json.loads(json.dumps(draw(st.sampled_from(records))))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(sorted(paths(record), key=repr)))
        node = record
        for key in path[:-1]:
            node = node[key]
        if not path:
            record[draw(st.text(max_size=8))] = draw(value)
        elif draw(st.booleans()):
            node[path[-1]] = draw(value)
        else:
            del node[path[-1]]
    return record


@given(st.binary(max_size=300))
@example(b'{"v":1,"kind":"archive","payload":{"text":"\\ud800')
def test_any_bytes_decode_or_are_refused(raw):
    outcome(raw)


@given(mutated(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_change_of_a_real_record_decodes_or_is_refused(record, ascii_only):
    raw = json.dumps(record, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    first = outcome(raw)
    assert outcome(raw, Decoder("demo", assume_received_at=1_700_000_000_000).decode) == first
    if isinstance(first, Message):
        again = msgspec.json.decode(msgspec.json.encode(first), type=Message)
        assert again == first


# the published image has no time
TIMED = [
    {**one, "time": T, "payload": {**one["payload"], "msgtime": T}}
    for one in ENVELOPES
    if one["kind"] == "archive"
]
BEYOND = ["1e999", "-1e999", "1" * 400, "9" * 5000]


@pytest.mark.parametrize("number", BEYOND)
@pytest.mark.parametrize("at", ["", "payload", "text"])
def test_a_number_beyond_a_double_does_no_harm_where_nobody_reads_it(number, at):
    record = json.loads(json.dumps(ENVELOPES[0] | {"time": T}))
    record["payload"]["msgtime"] = T
    owner = {"": record, "payload": record["payload"], "text": record["payload"]["text"]}[at]
    owner["unread"] = "@"
    raw = json.dumps(record).replace('"@"', number).encode()
    assert is_plain(raw)
    assert outcome(raw) == outcome(raw, DECODER._careful)
    assert type(outcome(raw)) is Message


@pytest.mark.parametrize("number", BEYOND)
def test_a_number_beyond_a_double_is_refused_where_one_is_wanted(number):
    raw = json.dumps(ENVELOPES[0] | {"seq": "@"}).replace('"@"', number).encode()
    assert outcome(raw)[1] == "wrong_type"


MIXED = [one["payload"].get("msgtype") for one in ENVELOPES].index("mixed")


def test_no_record_is_from_later_than_a_day_from_now():
    decoder = Decoder("demo")
    decoder.at(T)
    for later, refused in ((0, False), (86_400_000, False), (86_400_001, True)):
        for kind in (0, MIXED):  # the quick road and the careful one
            record = json.loads(json.dumps(ENVELOPES[kind]))
            record["time"] = record["payload"]["msgtime"] = T + later
            record["received_at"] = T + later + 5
            found = outcome(json.dumps(record).encode(), decoder.decode)
            assert (type(found) is Message) != refused
            assert not refused or found[1] == "time_out_of_range"


PLAIN = [record for record in TIMED if is_plain(json.dumps(record).encode())]


def test_ordinary_messages_take_the_quick_road():
    assert {record["payload"]["msgtype"] for record in PLAIN} == {
        "text", "image", "voice", "video", "emotion", "file", "link", "weapp", "card", "location",
        "revoke", "redpacket", "docmsg", "voiptext", "meeting", "calendar", "sphfeed", "markdown",
        "agree", "disagree",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["agree", "disagree"])
@pytest.mark.parametrize("other", [None, {}, {"userid": "b"}, 5])
def test_an_answer_with_the_other_answers_key_is_read_alike_on_both_roads(kind, other):
    (record,) = [one for one in TIMED if one["payload"].get("msgtype") == kind]
    both = {"agree", "disagree"} - {kind}
    payload = record["payload"] | dict.fromkeys(both, other)
    raw = json.dumps(record | {"payload": payload}).encode()
    assert outcome(raw) == outcome(raw, DECODER._careful)


@given(mutated(PLAIN), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_the_quick_and_the_careful_road_agree(record, ascii_only):
    raw = json.dumps(record, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    careful = outcome(raw, DECODER._careful)
    if isinstance(careful, Message):
        draft = DECODER.draft(raw)
        for name in ("tenant", "msgid", "time", "type", "text"):
            assert getattr(draft, name) == getattr(careful, name)
        unknown = FLAG_UNKNOWN_TYPE in careful.flags
        assert (FLAG_UNKNOWN_TYPE in draft.flags) == unknown
        assert DECODER.message(draft) == careful
    elif careful[1] != "not_json":  # what is not UTF-8 is found before JSON is read
        assert outcome(raw, DECODER.draft) == careful


@given(
    st.sampled_from(ENVELOPES),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_decode_or_are_refused(record, damage):
    raw = json.dumps(record, ensure_ascii=False).encode()
    for at, patch in damage:
        raw = raw[:at] + patch + raw[at + len(patch) :]
    outcome(raw)


@given(st.text(), st.text(min_size=1, max_size=30))
def test_own_words_come_through_unchanged(words, sender):
    said = {
        "msgid": "1",
        "action": "send",
        "from": sender,
        "tolist": [],
        "msgtime": T,
        "msgtype": "text",
        "text": {"content": words},
    }
    result = outcome(json.dumps(said).encode())
    if sender.strip():
        assert words.endswith(result.text)
        assert result.flags or result.text == words
    else:
        assert result[1:] == ("missing_field", "payload.from")


@given(
    st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_repair_leaves_sound_json_alone(document):
    for ascii_only in (True, False):
        raw = json.dumps(document, ensure_ascii=ascii_only).encode()
        assert repair(raw) == raw


@given(st.text(alphabet=st.characters(codec="utf-8", max_codepoint=0x2FF), max_size=40))
def test_words_of_a_writer_that_escapes_only_quotes_and_backslashes_come_through(words):
    said = {"msgid": "1", "from": "a", "msgtime": T, "msgtype": "text", "text": {"content": "@"}}
    sloppy = words.replace("\\", "\\\\").replace('"', '\\"')
    message = outcome(json.dumps(said).replace("@", sloppy).encode())
    assert message.text == words
    assert (FLAG_REPAIRED in message.flags) == any(char < " " for char in words)


BLANKS = {**SAMPLES[0], "text": {"content": "这是一条引用/回复消息：" + " " * 300_000 + "\n"}}


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b'\\"' * 400_000,
        b'"\x01' * 200_000,
        b"\\u" * 300_000,
        b'{"a":"' + b"\\ud800" * 100_000 + b'"}',
        b"[" * 900_000,
        b'{"' * 400_000,
        json.dumps(BLANKS).encode(),
    ],
    ids=range(7),
)
def test_a_hostile_record_costs_linear_time(raw):
    started = time.perf_counter()
    outcome(raw)
    assert time.perf_counter() - started < 2
