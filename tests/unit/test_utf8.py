"""Arrow and Python agree on what UTF-8 is, or a record would be taken that others refuse."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.decode import Decoder
from rules.errors import RecordError
from udfs.utf8 import is_utf8

PIECES = st.one_of(
    st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=3),
    st.sampled_from(
        [b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4\xbf", b"\x80", b"\0"]
    ),
)


def plainly(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=1_000, deadline=None)
@given(st.lists(PIECES, max_size=12).map(b"".join))
@example(b"a" * 63 + "保".encode())
@example(b"a" * 63 + "保".encode()[:2])
def test_it_is_utf8_where_python_decodes_it(data: bytes) -> None:
    assert is_utf8(data) is plainly(data)


@pytest.mark.parametrize("told", [plainly, is_utf8])
def test_a_record_that_is_not_utf8_is_refused_among_others(told: object) -> None:
    decoder = Decoder("demo", is_utf8=told)  # type: ignore[arg-type]
    good = b'{"v":1,"kind":"heartbeat","time":1772589600000,"received_at":1772589600000}'
    first, bad, last = decoder.drafts([good, good[:-1] + b"\xff}", good]).found
    assert first is None
    assert last is None
    assert isinstance(bad, RecordError)
    assert bad.reason == "not_utf8"
