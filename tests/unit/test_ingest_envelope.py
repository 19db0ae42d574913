"""What a collector makes of what it is given."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.envelope import Envelopes, one_line
from rules.decode import Decoder, heartbeat
from rules.errors import RecordError
from rules.lenient_json import parse
from tests.support.collecting import T0, bare, enveloped, event

NOW = T0 + 60_000
SWITCH = b'{"msgid":"s1","action":"switch","time":1603876152141,"user":"zhangsan"}'


def of(body: bytes, now: int = NOW):
    return Envelopes("demo", 1 << 20).of(body, now)


def decoded(value: bytes, now: int = NOW):
    decoder = Decoder("demo")
    decoder.at(now)
    return decoder.decode(value)


@pytest.mark.parametrize(
    ("body", "key", "actor", "kind"),
    [
        (enveloped(1), "wmAAAAAAAAAAAA|zhangsan", "zhangsan", "archive"),
        (bare(1), "wmAAAAAAAAAAAA|zhangsan", "zhangsan", "archive"),
        (bare(1, roomid=" wrROOM "), "wrROOM", "zhangsan", "archive"),
        (enveloped(1, roomid="wrROOM"), "wrROOM", "zhangsan", "archive"),
        (bare(1, msgtype="link", link={"title": "t"}), "wmAAAAAAAAAAAA|zhangsan", "zhangsan",
         "archive"),
        (event(1), "lisi", "lisi", "event"),
        (SWITCH, "zhangsan", "zhangsan", "archive"),
    ],
)  # fmt: skip
def test_a_record_has_the_key_of_its_conversation_and_the_time_of_its_event(
    body: bytes, key: str, actor: str, kind: str
) -> None:
    made = of(body)
    assert (made.key, made.actor, made.kind, made.time) == (key, actor, kind, T0)


@pytest.mark.parametrize("body", [enveloped(1), event(1), enveloped(2, content='"payload":{}')])
def test_an_envelope_in_order_is_written_as_it_came(body: bytes) -> None:
    assert of(body).value == body


@pytest.mark.parametrize("body", [bare(1), SWITCH, bare(2, msgtime=0), bare(3, msgtype="新类型")])
def test_a_bare_record_becomes_an_envelope_that_says_the_same(body: bytes) -> None:
    made = of(b" \n" + body + b"\n")
    assert json.loads(made.value)["payload"] == json.loads(body)
    assert body in made.value, "the source's own bytes are not touched"
    assert decoded(made.value) == decoded(body)


def test_raw_control_characters_of_the_archive_stay_as_they_are() -> None:
    body = bare(1, "a\x01b").replace(b"\\u0001", b"\x01")
    made = of(body)
    assert body in made.value
    assert decoded(made.value).text == "a\x01b"


def test_a_time_that_is_not_known_is_written_so_and_placed_at_receipt() -> None:
    made = of(bare(1, msgtime=0))
    assert json.loads(made.value)["time"] == 0
    assert made.time == 0


def test_an_envelope_in_another_order_is_put_in_order_and_keeps_what_nobody_knows() -> None:
    parts = json.loads(event(1))
    random.Random(3).shuffle(names := list(parts))
    body = json.dumps({name: parts[name] for name in names} | {"extra": {"a": [1]}}).encode()
    made = of(body)
    assert list(json.loads(made.value)) == [
        "v", "kind", "time", "received_at", "tenant", "seq", "id", "source", "type", "extra",
        "payload",
    ]  # fmt: skip
    assert json.loads(made.value) == json.loads(body)
    assert made.identity == of(event(1)).identity


@pytest.mark.parametrize("lacking", ["received_at", "tenant"])
@pytest.mark.parametrize("null", [True, False])
def test_what_only_the_collector_knows_is_filled_in(lacking: str, null: bool) -> None:
    parts = json.loads(enveloped(1))
    del parts[lacking]
    if null:
        parts[lacking] = None
    filled = json.loads(of(json.dumps(parts).encode()).value)
    assert filled[lacking] == {"received_at": NOW, "tenant": "demo"}[lacking]
    decoded(of(json.dumps(parts).encode()).value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"v":1,"kind":"archive","time":1,"received_at":2,"tenant":"demo","seq":1,"payload":{}}',
        b'{"v":2,"kind":"archive","payload":{}}',
        b'{"msgid":"x"}',
        b"[1]",
        b"x" * (2 << 20),
        bare(1, msgtime=T0 + 10**12),
    ],
)
def test_what_cannot_be_decoded_is_written_as_it_came_for_the_job_to_set_aside(body: bytes) -> None:
    made = of(body)
    assert (made.value, made.kind, made.key, made.time) == (body, "undecoded", "", 0)
    assert of(body, NOW + 1).identity == made.identity
    with pytest.raises(RecordError):
        decoded(made.value)


def test_a_heartbeat_is_told_on_with_its_time_but_never_one_that_is_to_come() -> None:
    assert of(heartbeat("demo", T0, T0)).time == T0
    assert of(heartbeat("demo", NOW + 1, T0)).time == NOW
    assert of(heartbeat("demo", T0, T0)).kind == "heartbeat"


@pytest.mark.parametrize(
    "time", ["1e999", '"x"', "null", "-1", "0", "5", "true", "1e12", "[]", "9999999999999"]
)
def test_a_heartbeat_without_a_time_that_can_be_does_not_move_event_time(time: str) -> None:
    """It counted as one of now, in every partition: whatever came from the past was late then."""
    body = f'{{"v":1,"kind":"heartbeat","time":{time},"tenant":"demo"}}'.encode()
    made = of(body)
    assert (made.kind, made.time, made.value) == ("undecoded", 0, body)
    assert of(b'{"v":1,"kind":"heartbeat"}').kind == "undecoded"


@pytest.mark.parametrize(
    ("one", "other", "same_id", "same_content"),
    [
        (enveloped(1), enveloped(1, received_at=T0 + 9, seq=99), True, True),
        (enveloped(1), bare(1), True, True),
        (enveloped(1), enveloped(1, content="别的"), True, False),
        (enveloped(1), enveloped(2), False, False),
        (event(1), event(1, actor="wangwu"), True, False),
        (event(1), event(1, time=T0 + 1), True, False),
    ],
)
def test_what_makes_two_records_the_same(
    one: bytes, other: bytes, same_id: bool, same_content: bool
) -> None:
    first, second = of(one), of(other)
    assert (first.identity == second.identity) is same_id
    assert (first.mark == second.mark) is same_content


def test_the_same_id_of_another_company_is_another_record() -> None:
    assert of(enveloped(1)).identity != of(enveloped(1).replace(b'"demo"', b'"other"')).identity


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(TEXTS, st.lists(st.text("wmabz_|", max_size=4), max_size=3), st.booleans(), st.randoms())
def test_envelopes_of_any_message_decode_to_the_message(
    content: str, tolist: list[str], spaced: bool, rng: random.Random
) -> None:
    body = bare(1, content, tolist=tolist)
    assert decoded(of(body).value) == decoded(body)
    parts = json.loads(enveloped(1, content=content, tolist=tolist))
    rng.shuffle(names := list(parts))
    mixed = json.dumps({name: parts[name] for name in names}, indent=2 if spaced else None)
    assert decoded(of(mixed.encode()).value) == decoded(mixed.encode())
    assert of(mixed.encode()).key == decoded(body).conversation


JSON_LIKE = st.text('{}[]":,\\ \n\rab1', max_size=30).map(str.encode)


@given(JSON_LIKE | st.binary(max_size=20))
def test_on_one_line_a_record_says_the_same_or_is_not_written_so(value: bytes) -> None:
    line = one_line(value)
    if line is not None and line != value:
        assert b"\n" not in line
        assert b"\r" not in line
        assert parse(line)[0] == parse(value)[0]


def test_a_record_over_several_lines_fits_on_one() -> None:
    body = json.dumps(json.loads(bare(1)), indent=1).encode()
    line = one_line(body)
    assert line is not None
    assert json.loads(line) == json.loads(body)
    assert one_line(b'{"a":"x\ny"}') == b'{"a":"x\\ny"}'
    assert one_line(b"no\njson") is None


@given(st.binary(max_size=60))
def test_any_bytes_have_an_envelope(body: bytes) -> None:
    assert of(body).value == body


@pytest.mark.parametrize("body", [b"[" + b"10," * (1 << 21), b'{"a":[' + b"[]," * (1 << 21)])
def test_a_record_that_is_too_large_is_written_and_not_looked_into(body: bytes) -> None:
    """Looked into, a broken one of 6 MB takes a hundred or more."""
    tracemalloc.start()
    try:
        made = of(body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (made.value, made.kind) == (body, "undecoded")
    assert most < 2 * len(body)
