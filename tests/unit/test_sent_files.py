"""Every file a message carries is found, wherever it stands, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.archive import TYPES, content
from rules.sent_files import WITHOUT, SentFile, sent_files

FILE = {"sdkfileid": "id1", "md5sum": "AB" * 16, "filename": "合同.pdf", "filesize": 7}
TOLD = SentFile("id1", "file", "合同.pdf", "ab" * 16, 7)


def raw(payload):
    return json.dumps({"v": 1, "kind": "archive", "payload": payload}).encode()


def item(kind, body):
    return {"type": kind, "msgtime": 1, "content": json.dumps(body)}


def forwarded(depth, inner):
    for _ in range(depth):
        inner = item("chatrecord", {"title": "t", "item": [inner]})
    return raw({"msgtype": "chatrecord", "chatrecord": json.loads(inner["content"])})


CASES = {
    "file": (raw({"msgtype": "file", "file": FILE}), [TOLD]),
    "image": (raw({"msgtype": "image", "image": {"sdkfileid": " i ", "filesize": "12"}}),
              [SentFile("i", "image", "", "", 12)]),
    "voice": (raw({"msgtype": "voice", "voice": {"sdkfileid": "v", "voice_size": 3}}),
              [SentFile("v", "voice", "", "", 3)]),
    "emotion": (raw({"msgtype": "emotion", "emotion": {"sdkfileid": "e", "type": 1,
                                                       "imagesize": 4}}),
                [SentFile("e", "emotion", "", "", 4)]),
    "the recording of a call": (raw({"msgtype": "meeting_voice_call",
                                     "meeting_voice_call": {"sdkfileid": "r"}}),
                                [SentFile("r", "meeting_voice_call", "", "", 0)]),
    "items": (raw({"msgtype": "mixed", "mixed": {"item": [
        item("text", {"content": "看"}), item("image", {"sdkfileid": "a"}),
        item("file", FILE), item("image", {"sdkfileid": "a"})]}}),
        [SentFile("a", "image", "", "", 0), TOLD]),
    "forwarded": (raw({"msgtype": "chatrecord", "chatrecord": {"title": "t", "item": [
        item("ChatRecordVideo", {"sdkfileid": "w"})]}}), [SentFile("w", "video", "", "", 0)]),
    "forwarded nine times": (forwarded(9, item("ChatRecordFile", FILE)), [TOLD]),
    "a type nobody knows": (raw({"msgtype": "hologram", "hologram": {"parts": [FILE]}}),
                            [TOLD._replace(type="hologram")]),
    "a record the decoder refuses": (b'{"payload":{"msgtype":7,"file":' + json.dumps(FILE).encode()
                                     + b"}}", [TOLD._replace(type="")]),
    "raw line breaks": (raw({"msgtype": "file", "file": FILE, "x": "\n"}).replace(b"\\n", b"\n"),
                        [TOLD]),
    "an empty id": (raw({"msgtype": "file", "file": {"sdkfileid": "  "}}), []),
    "an id that is none": (raw({"msgtype": "file", "file": {"sdkfileid": 5}}), []),
    "words about it": (raw({"msgtype": "text", "text": {"content": "the sdkfileid is lost"}}), []),
    "a size that cannot be": (raw({"msgtype": "file", "file": {"sdkfileid": "x", "filesize": -5}}),
                              [SentFile("x", "file", "", "", 0)]),
    "no JSON": (b'{"sdkfileid": "x"', []),
    "not UTF-8": (b'{"sdkfileid": "\xff"}', []),
    "nothing": (b"", []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_files_are_found(name):
    record, wanted = CASES[name]
    assert sent_files(record) == wanted


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_break_it(noise, at):
    whole = CASES["items"][0]
    assert isinstance(sent_files(whole[:at] + noise + whole[at:]), list)


@pytest.mark.parametrize("kind", sorted(WITHOUT))
def test_a_type_that_is_passed_over_has_no_file_in_any_field_of_ours(kind):
    """The decoder gives `media.id` for none of them."""
    assert kind in TYPES
    body = {"sdkfileid": "x", "content": "c", "pre_msgid": "p", "title": "t"}
    found = content(kind, {"msgtype": kind, "info": body, "doc": body, kind: body})
    assert "media.id" not in found.fields
