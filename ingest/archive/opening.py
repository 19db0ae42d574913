"""A page of encrypted messages → envelopes, and what could not be opened with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ingest.archive.keys import KeyDiffers, Keys, NoKey
from ingest.archive.page import Encrypted, envelope, looks_like_a_message
from ingest.archive.port import EXPIRED, ArchiveClient, ArchiveError
from rules.plain import AHEAD, EARLIEST

KEY_MISSING, DECRYPT_FAILED, MESSAGE_EXPIRED = "key_missing", "decrypt_failed", "message_expired"


class Shut(NamedTuple):
    """A message that could not be opened; `reason` is a key of `rules.operations.INCIDENTS`."""

    message: Encrypted
    reason: str


class Opened(NamedTuple):
    """`bodies` are envelopes in the order of the page; `latest` the time of the newest (UTC ms, 0
    when none tells one)."""

    bodies: list[bytes]
    shut: list[Shut]
    latest: int
    messages: list[Encrypted]  # that were opened


def open_page(
    messages: Iterable[Encrypted],
    client: ArchiveClient,
    keys: Keys,
    *,
    tenant: str,
    received_at: int,
) -> Opened:
    """Open what can be opened. One message that cannot holds no other one back.

    Args:
        received_at: UTC ms.
    """
    bodies: list[bytes] = []
    shut: list[Shut] = []
    done: list[Encrypted] = []
    latest = 0
    for message in messages:
        try:
            plaintext = opened(message, client, keys)
        except Unopened as error:
            shut.append(Shut(message, error.reason))
            continue
        body = envelope(plaintext, seq=message.seq, received_at=received_at, tenant=tenant)
        bodies.append(body.data)
        done.append(message)
        if plausible(body.sent, received_at):
            latest = max(latest, body.sent)
    return Opened(bodies, shut, latest, done)


def plausible(sent: int, now: int) -> bool:
    """Whether a time says when something was sent, rather than that a clock was wrong."""
    return EARLIEST <= sent <= now + AHEAD


class Unopened(Exception):
    """A message that could not be opened; `reason` as in `Shut`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def opened(message: Encrypted, client: ArchiveClient, keys: Keys) -> bytes:
    """The plaintext of one message.

    Raises:
        Unopened: no key of its version; it expired; or what the key gives is no message.
    """
    if message.version < 0 or not message.random_key or not message.chat_msg:
        raise Unopened(DECRYPT_FAILED)
    try:
        random_key = keys.random_key(message.version, message.random_key)
        plaintext = client.decrypt(random_key, message.chat_msg)
    except NoKey:
        raise Unopened(KEY_MISSING) from None
    except KeyDiffers:
        raise Unopened(DECRYPT_FAILED) from None
    except ArchiveError as error:
        raise Unopened(MESSAGE_EXPIRED if error.code == EXPIRED else DECRYPT_FAILED) from None
    if not looks_like_a_message(plaintext):
        raise Unopened(DECRYPT_FAILED)
    return plaintext
