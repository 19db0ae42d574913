"""What a message can be found by: opaque terms, the same for storing and for asking.

Words of a message are cut into overlapping pairs of characters, and each pair is replaced by a
keyed hash (HMAC-SM3 under a key of the tenant's): the index holds nothing that can be read without
that key. What it does give away, to somebody who has the index and not the key, is how often a pair
occurs and which messages share it; so the index is for the operator's own disks, and never leaves
with a pack. People, rooms and types stand in the row of the message anyway and are terms in the
clear.

Pairs alone do not say in which order they come: whoever searches opens what was found and looks
(`sinks.archive.search`).
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Callable, Iterator

from rules.message import Message
from sinks.archive.keys import TenantKeys
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
        return keys.unwrap(wrapped, _SEARCH_KEY)
    key = random(KEY_BYTES)
    index.keep_secret(keys.wrap(key, _SEARCH_KEY))
    return key


class Terms:
    """Makes terms under the search key of one tenant (16 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}

    def of(self, message: Message) -> str:
        """All terms of a message, for the index, with blanks between."""
        found = {pair for text in texts(message) for pair in self._pairs(text)}
        found.update(_known_by(message))
        return " ".join(sorted(found))

    def asked(self, text: str) -> list[str]:
        """Terms that every message holding `text` has; empty where no two letters or digits stand
        together in it."""
        return sorted(set(self._pairs(text)))

    def _pairs(self, text: str) -> Iterator[str]:
        for run in runs(text):
            for at in range(len(run) - 1):
                yield self._term(run[at : at + 2])

    def _term(self, pair: str) -> str:
        term = self._known.get(pair)
        if term is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            digest = hmac.digest(self._key, pair.encode(), "sm3").hex()
            term = self._known[pair] = f"w{digest[:_TERM_DIGITS]}"
        return term


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


def id_term(msgid: str) -> str:
    """The term of a message id; some messages share it, so compare."""
    return "m" + hmac.digest(b"message id", msgid.encode(), "sm3").hex()[:_ID_DIGITS]


def runs(text: str) -> list[str]:
    """Runs of letters and digits of `text`, folded (NFKC, no case)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char if char.isalnum() else " " for char in folded).split()
