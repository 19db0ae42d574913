"""What a message can be found by: opaque terms, the same for storing and for asking.

Words of a message are cut into overlapping pairs of characters, and each pair is replaced by a
keyed hash (HMAC-SM3 under a key of the tenant's): the index holds nothing that can be read without
that key. What it does give away, to somebody who has the index and not the key, is how often a pair
occurs and which messages share it; so the index is for the operator's own disks, and never leaves
with a pack. People, rooms and types stand in the row of the message anyway and are terms in the
clear.

There are only a hundred pairs of digits, and each is in one message of twenty: the seventeen of a
resident id are as many long lists. So numbers are cut into overlapping fours as well, and who looks
for four digits or more is answered from these.

Pairs alone do not say in which order they come: whoever searches opens what was found and looks
(`sinks.archive.search`).
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterator

from rules.message import Message
from sinks.archive.keys import TenantKeys, Wrapped
from sinks.archive.rows import ArchiveIndex
from sinks.sm4 import KEY_BYTES

_SEARCH_KEY = b"search key"
_TERM_DIGITS = 10  # 40 bits: of 10 million different pairs, 45 share a term with another
_MAX_REMEMBERED = 500_000
_ID_DIGITS = 4  # of a message id's hash: so many share a term that the vocabulary stays small


def search_key(
    index: ArchiveIndex, keys: TenantKeys, random: Callable[[int], bytes] = secrets.token_bytes
) -> bytes:
    """The tenant's search key, kept in the index under the tenant's key; made on first use.

    Raises:
        KeyMissing, KeyRefused: it does not open.
    """
    wrapped = index.secret()
    if wrapped is not None:
        return open_search_key(wrapped, keys)
    key = random(KEY_BYTES)
    index.keep_secret(keys.wrap(key, _SEARCH_KEY))
    return key


def open_search_key(wrapped: Wrapped, keys: TenantKeys) -> bytes:
    """The search key. Raises KeyMissing, KeyRefused: see `search_key`."""
    return keys.unwrap(wrapped, _SEARCH_KEY)


class Terms:
    """Makes terms under the search key of one tenant (16 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}

    def of(self, message: Message) -> str:
        """All terms of a message, for the index, with blanks between."""
        parts: set[str] = set()
        for text in texts(message):
            for run in runs(text):
                parts.update(_pairs(run))
                parts.update(_fours(run))
        found = set(map(self._term, parts))
        found.update(_known_by(message))
        return " ".join(sorted(found))

    def asked(self, text: str) -> list[str]:
        """Terms that every message holding `text` has; empty where no two letters or digits stand
        together in it."""
        wanted = {
            part
            for run in runs(text)
            for piece in _NUMBER.sub(_ends, run).split(" ")
            for part in _pairs(piece)
        }
        wanted.update(four for run in runs(text) for four in _fours(run))
        return sorted(map(self._term, wanted))

    def _term(self, part: str) -> str:
        term = self._known.get(part)
        if term is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            digest = hmac.digest(self._key, part.encode(), "sm3").hex()
            term = self._known[part] = f"w{digest[:_TERM_DIGITS]}"
        return term


_RUN = re.compile(r"[^\W_]+")  # letters and digits of any script
_NUMBER = re.compile(r"[0-9]{4,}")


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _fours(run: str) -> list[str]:
    return [number[at : at + 4] for number in _NUMBER.findall(run) for at in range(len(number) - 3)]


def _ends(number: re.Match[str]) -> str:
    """What is left of a number whose fours are asked for: what stands beside it has its pairs."""
    return f"{number[0][0]} {number[0][-1]}"


_NAMED_TEXTS = (
    "chatrecord.title", "file.name", "link.title", "link.url", "location.address", "location.title",
)  # fmt: skip


def texts(message: Message) -> Iterator[str]:
    """What words of a message can be looked for: said, quoted, and names of what was sent."""
    yield message.text
    if message.quoted:
        yield message.quoted
    for name in _NAMED_TEXTS:
        value = message.fields.get(name)
        if isinstance(value, str):
            yield value


_NAMED = frozenset("sprctkd")


def _known_by(message: Message) -> Iterator[str]:
    yield named("s", message.sender)
    for one in message.recipients:
        yield named("p", one)
    if message.room:
        yield named("r", message.room)
    yield named("c", message.conversation)
    yield named("t", message.type)
    yield named("k", message.kind)
    yield named("d", message.direction)
    yield id_term(message.msgid)


def named(kind: str, name: str) -> str:
    """The term of a person, room, conversation or type: letters and digits only, whatever the name
    holds."""
    return kind + name.encode().hex()


def name_of(term: str) -> tuple[str, str] | None:
    """The kind and the name that `named` made this term of; None when it is none of these."""
    try:
        kind, name = term[:1], bytes.fromhex(term[1:]).decode()
    except ValueError:
        return None
    return (kind, name) if kind in _NAMED and named(kind, name) == term else None


def id_term(msgid: str) -> str:
    """The term of a message id; some messages share it, so compare."""
    return "m" + hmac.digest(b"message id", msgid.encode(), "sm3").hex()[:_ID_DIGITS]


def runs(text: str) -> list[str]:
    """Runs of letters and digits of `text`, folded (NFKC, no case)."""
    return _RUN.findall(unicodedata.normalize("NFKC", text).casefold())
