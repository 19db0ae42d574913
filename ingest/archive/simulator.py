"""A SIMULATOR of the session archive, for trying and testing the collector. It is not WeCom.

What it does as WeCom does, by WeCom's public description: the page (`errcode`, `chatdata`, `seq`,
`msgid`, `publickey_ver`, `encrypt_random_key`, `encrypt_chat_msg`); pages from `seq`+1 with at most
1000 messages; several versions of the key; RSA with PKCS#1 v1.5 around a random key for each
message; the codes 10000 to 10011; 600 calls a minute; five days; media in parts of 512 KiB with an
index; numbers up to 2^64-1.

What is its own, because nobody outside has published it, or because nothing says how WeCom does it:

- the cipher of a message is AES-256-CBC with PKCS#7 and the first half of the key as its start;
  WeCom's own takes several steps and lives in its library only;
- the random key is 32 letters;
- a message older than five days is either just not there any more (`refuses=False`) or the call for
  it is refused with 10010 (`refuses=True`); from 0 both give the oldest that is still there;
- too many calls are answered by code 45009 in the page, as in WeCom's other interfaces;
- numbers have no holes but those a test asks for;
- a file that has expired is refused with 10010, an id nobody knows with 10005.
"""

from __future__ import annotations

import bisect
import json
import secrets
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from ingest.archive.port import (
    CALLS_PER_MINUTE,
    CHUNK_BYTES,
    DECRYPTION,
    EXPIRED,
    FILE_ID,
    KEEP_DAYS,
    KEY_UNREADABLE,
    PAGE_LIMIT,
    PARAMETER,
    PARSING,
    TOO_MANY_CALLS,
    ArchiveError,
    MediaChunk,
)

_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_KEY_CHARS, _BLOCK_BITS = 32, 128


class Stored(NamedTuple):
    """A message as the archive keeps it. `sent` (UTC ms) is what it expires by; 0: never."""

    seq: int
    sent: int
    msgid: str
    version: int
    random_key: str
    chat_msg: str


class Simulator:
    """An archive of its own in this process.

    Args:
        now: the clock, UTC ms.
        keep_days: how long a message can be fetched; 0: for ever.
        refuses: what was lost to time is answered by code 10010 and not by silence.
        calls_per_minute: 0: as many as anybody likes.
        live: a message is there only once its own time has come.
    """

    def __init__(
        self,
        now: Callable[[], int],
        *,
        keep_days: int = KEEP_DAYS,
        refuses: bool = False,
        calls_per_minute: int = CALLS_PER_MINUTE,
        live: bool = False,
    ) -> None:
        self._now, self._keep_ms, self._refuses = now, keep_days * _DAY_MS, refuses
        self._allowed, self._live = calls_per_minute, live
        self._messages: list[Stored] = []
        self._calls: deque[int] = deque()
        self._failures: deque[int] = deque()
        self.media: dict[str, bytes] = {}
        self.media_sent: dict[str, int] = {}  # when (UTC ms), of files that expire
        self.calls = 0

    def add(self, *messages: Stored) -> None:
        """Put messages in, each with a number beyond all that are there."""
        for one in messages:
            if self._messages and one.seq <= self._messages[-1].seq:
                raise ValueError(f"{one.seq} after {self._messages[-1].seq}")
            self._messages.append(one)

    def reveal(self, *messages: Stored) -> None:
        """Put messages in whose numbers come late, behind others that were seen already."""
        self._messages = sorted({*self._messages, *messages})

    def fail(self, *codes: int) -> None:
        """Answer the next calls with these codes, one each; 0 lets one through."""
        self._failures.extend(codes)

    def get_chat_data(self, seq: int, limit: int, timeout: int) -> bytes:
        """A page as JSON; see `ingest.archive.port`."""
        code = self._admitted("GetChatData")
        if code:
            return json.dumps({"errcode": code, "errmsg": "refused by the simulator"}).encode()
        if not (0 <= seq < 2**64 and 1 <= limit <= PAGE_LIMIT and timeout > 0):
            raise ArchiveError(PARAMETER, "GetChatData")
        now, found = self._now(), []
        start = bisect.bisect_right(self._messages, seq, key=lambda one: one.seq)
        for n in range(start, len(self._messages)):
            one = self._messages[n]
            if self._live and one.sent > now:
                break
            if self._keep_ms and one.sent and one.sent < now - self._keep_ms:
                if self._refuses and seq:
                    raise ArchiveError(EXPIRED, "GetChatData")
                continue
            found.append(one)
            if len(found) == limit:
                break
        return page(found)

    def decrypt(self, random_key: bytes, encrypt_chat_msg: str) -> bytes:
        """The plaintext of a message, by the simulator's own cipher."""
        return decrypt(random_key, encrypt_chat_msg)

    def get_media(self, index: str, file_id: str, timeout: int) -> MediaChunk:
        """The next part of one of `media`."""
        if self._admitted("GetMediaData"):
            raise ArchiveError(PARSING, "GetMediaData", "too many calls")
        sent = self.media_sent.get(file_id, 0)
        if self._keep_ms and sent and sent < self._now() - self._keep_ms:
            raise ArchiveError(EXPIRED, "GetMediaData")
        data = self._file(file_id)
        if data is None or not (index == "" or index.isdecimal()):
            raise ArchiveError(FILE_ID, "GetMediaData")
        start = int(index or "0")
        part = data[start : start + CHUNK_BYTES]
        following = start + len(part)
        return MediaChunk(part, str(following), following >= len(data))

    def _file(self, file_id: str) -> bytes | None:
        return self.media.get(file_id)

    def close(self) -> None:
        """Nothing is held."""

    def _admitted(self, doing: str) -> int:
        """A code to put into the page, or 0.

        Raises:
            ArchiveError: a code of the SDK that a test asked for.
        """
        self.calls += 1
        now = self._now()
        while self._calls and self._calls[0] <= now - _MINUTE_MS:
            self._calls.popleft()
        if self._allowed and len(self._calls) >= self._allowed:
            return TOO_MANY_CALLS
        self._calls.append(now)
        code = self._failures.popleft() if self._failures else 0
        if code >= PARAMETER and code != TOO_MANY_CALLS:
            raise ArchiveError(code, doing)
        return code


def page(messages: Iterable[Stored]) -> bytes:
    """The answer of `GetChatData`."""
    listed = [
        {
            "seq": one.seq,
            "msgid": one.msgid,
            "publickey_ver": one.version,
            "encrypt_random_key": one.random_key,
            "encrypt_chat_msg": one.chat_msg,
        }
        for one in messages
    ]
    return json.dumps({"errcode": 0, "errmsg": "ok", "chatdata": listed}).encode()


def encrypted(
    plaintext: bytes, *, seq: int, sent: int, msgid: str, version: int, key: RSAPublicKey
) -> Stored:
    """A message as the simulated archive keeps it, under the company's public key."""
    random_key = secrets.token_urlsafe(24).encode()
    pad = PKCS7(_BLOCK_BITS).padder()
    seal = Cipher(algorithms.AES256(random_key), modes.CBC(random_key[:16])).encryptor()
    chat_msg = seal.update(pad.update(plaintext) + pad.finalize()) + seal.finalize()
    return Stored(
        seq,
        sent,
        msgid,
        version,
        b64encode(key.encrypt(random_key, padding.PKCS1v15())).decode(),
        b64encode(chat_msg).decode(),
    )


def decrypt(random_key: bytes, encrypt_chat_msg: str) -> bytes:
    """What `encrypted` encrypted.

    Raises:
        ArchiveError: 10008 for a key that can be none, 10006 when it does not fit.
    """
    if len(random_key) != _KEY_CHARS:
        raise ArchiveError(KEY_UNREADABLE, "DecryptData")
    try:
        sealed = b64decode(encrypt_chat_msg, validate=True)
        unseal = Cipher(algorithms.AES256(random_key), modes.CBC(random_key[:16])).decryptor()
        unpad = PKCS7(_BLOCK_BITS).unpadder()
        return unpad.update(unseal.update(sealed) + unseal.finalize()) + unpad.finalize()
    except ValueError:  # no base64, no whole blocks, no padding
        raise ArchiveError(DECRYPTION, "DecryptData") from None
