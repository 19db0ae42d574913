"""Bodies of the HTTP endpoint: what is mended is taken, what costs too much is not."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.endpoint_body import JSON, NDJSON, read, split
from ingest.endpoint_errors import Refusal
from rules.lenient_json import parse
from tests.support.collecting import bare

FAULTS = [
    b'{"a":"\x01\n\t"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\uDC00\\\\ud800"}',
    b'{"a":"\\\\\\udfff"}',
    b'{"\x00":{"b":["\r\\\\"]}}',
    b'{"a":"\\ud83d\\ude00"}',
    b'{"a":1e999}',
    b'"\\ud800\x1f"',
]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_element_that_the_job_mends_does_not_refuse_its_batch(fault: bytes) -> None:
    assert parse(fault)
    good = bare(1)
    for body, wanted in (
        (b"[" + fault + b"]", [fault]),
        (b" [ " + fault + b" ,\r\n\t" + good + b" ] ", [fault, good]),
        (b"[" + good + b"," + fault + b",7,[],null]", [good, fault, b"7", b"[]", b"null"]),
    ):
        assert split(body, JSON, 5) == wanted


@given(
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from(["\\ud800", "\n", "\t", "\x00", "\\\\", '\\"', "u", "d", "]", ","]),
                max_size=6,
            ).map(lambda parts: b'{"a":"' + "".join(parts).encode() + b'"}'),
            st.text(" \t\r\n", max_size=3).map(str.encode),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_an_array_is_taken_as_its_elements_would_be_alone(made: list[tuple[bytes, bytes]]) -> None:
    body = b"[" + b",".join(gap + one + gap for one, gap in made) + b"]"
    assert split(body, JSON, 5) == [split(one, JSON, 1)[0] for one, _ in made]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'[{"a":"\n"},x]', "not_json"),
        (b'[{"a":"\n"}', "not_json"),
        (b'[{"a":"\n"},]', "not_json"),
        (b'[{"a":"\n"},\x01{"a":1}]', "not_json"),
        (b'["\n","\n","\n","\n","\n","\n"]', "too_many_records"),
    ],
)
def test_what_no_mending_helps_is_refused(body: bytes, wanted: str) -> None:
    with pytest.raises(Refusal) as told:
        split(body, JSON, 5)
    assert told.value.code == wanted


def unpacked(body: bytes, piece: int = 65536) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), piece):
            yield body[at : at + piece]

    return asyncio.run(read(pieces(), packed=True, most=1 << 24, most_unpacked=1 << 26))


def test_a_body_of_many_empty_members_is_refused_at_once() -> None:
    """Each costs time on the event loop, and none adds a byte that another limit would see."""
    body = gzip.compress(b"") * 419_400
    began = time.process_time()
    with pytest.raises(Refusal) as told:
        unpacked(body)
    assert told.value.code == "too_many_members"
    assert told.value.status == 413
    assert time.process_time() - began < 1


@pytest.mark.parametrize("piece", [7, 65536])
def test_a_body_of_as_many_members_as_anybody_makes_is_unpacked(piece: int) -> None:
    lines = [json.dumps(number).encode() + b"\n" for number in range(1000)]
    body = unpacked(b"".join(map(gzip.compress, lines)), piece)
    assert split(body, NDJSON[0], 1000) == [line.strip() for line in lines]
    with pytest.raises(Refusal):
        unpacked(b"".join(map(gzip.compress, [*lines, b"1\n"])), piece)
