"""A page of the archive, as `GetChatData` answers it, and the envelope a message goes on in."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from ingest.archive.port import PARSING, ArchiveError
from rules.errors import RecordError
from rules.lenient_json import parse

UINT64 = 2**64
_DOING = "GetChatData"


class Encrypted(NamedTuple):
    """One message of a page. What is missing in it is empty, or -1."""

    seq: int
    msgid: str
    version: int  # of the public key it was encrypted for
    random_key: str
    chat_msg: str


def read_page(data: bytes, after: int) -> list[Encrypted]:
    """The messages of a page in the order of their numbers; none is the end of the archive.

    Args:
        after: the number that was asked for; what is not behind it was not asked for.

    Raises:
        ArchiveError: WeCom refused (its own code), or this is no page (10002).
    """
    try:
        page = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ArchiveError(PARSING, _DOING, "no JSON") from None
    if type(page) is not dict or type(page.get("errcode")) is not int:
        raise ArchiveError(PARSING, _DOING, "no errcode")
    if page["errcode"]:
        # only the head of it: the rest names addresses and request numbers
        said = str(page.get("errmsg", "")).partition(",")[0][:80]
        raise ArchiveError(page["errcode"], _DOING, said)
    listed = page.get("chatdata")
    listed = [] if listed is None else listed
    if type(listed) is not list:
        raise ArchiveError(PARSING, _DOING, "chatdata is no list")
    # one number under two ids would be odd, but neither may be lost
    found = sorted({*map(_entry, listed)})
    messages = [one for one in found if one.seq > after]
    if found and not messages:
        highest = found[-1].seq
        raise ArchiveError(PARSING, _DOING, f"only numbers up to {highest}, asked after {after}")
    return messages


def _entry(given: Any) -> Encrypted:
    if type(given) is not dict or type(given.get("seq")) is not int:
        raise ArchiveError(PARSING, _DOING, "a message without seq")
    if not 0 <= given["seq"] < UINT64:
        raise ArchiveError(PARSING, _DOING, "seq beyond 64 bits")
    version = given.get("publickey_ver")
    return Encrypted(
        given["seq"],
        _text(given, "msgid"),
        version if type(version) is int else -1,
        _text(given, "encrypt_random_key"),
        _text(given, "encrypt_chat_msg"),
    )


def _text(given: dict[str, Any], key: str) -> str:
    value = given.get(key)
    return value if type(value) is str else ""


def looks_like_a_message(plaintext: bytes) -> bool:
    """Whether decryption came to a message: wrong keys give noise, which may unpad by chance."""
    said = plaintext.strip()
    return said.startswith(b"{") and said.endswith(b"}") and b'"msgid"' in said


class Body(NamedTuple):
    """What is handed on of a message, and when it was sent (UTC ms; 0: it does not say)."""

    data: bytes
    sent: int


def envelope(plaintext: bytes, *, seq: int, received_at: int, tenant: str) -> Body:
    """A plaintext, byte for byte, in the envelope of docs/data-formats.md.

    One that is no sound JSON object goes on without an envelope: the job sets it aside with the
    reason.
    """
    payload = plaintext.strip()
    try:
        message, _ = parse(payload)
    except RecordError:
        return Body(payload, 0)
    if type(message) is not dict:
        return Body(payload, 0)
    sent = _sent(message)
    head = f'{{"v":1,"kind":"archive","time":{sent},"received_at":{received_at},'
    rest = f'"tenant":{msgspec.json.encode(tenant).decode()},"seq":{seq},"payload":'
    return Body(b"%b%b%b}" % (head.encode(), rest.encode(), payload), sent)


def _sent(message: dict[str, Any]) -> int:
    switch = message.get("action") == "switch" and "msgtime" not in message
    value = message.get("time" if switch else "msgtime")
    return value if type(value) is int else 0
