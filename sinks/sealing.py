"""Sealed raw records: the full text of a message leaves the job only encrypted.

SM4 (GB/T 32907-2016) in GCM mode (RFC 8998), one key per installation. A sealed record is text:

    s1.<key id>.<base64url without padding of nonce(12) | ciphertext | tag(16)>

The record is compressed (zlib) before it is encrypted. What it belongs to, tenant and record id
(`binding`), is authenticated along with it, so a sealed record cannot be moved to another alert.

The nonce is not random. It is the first 12 bytes of an HMAC-SM3, under a key of its own, over
the binding and the very bytes that get encrypted (the synthetic-IV idea of RFC 5297). Two reasons:
a replay of the stream writes the same bytes again, so that a target which compares contents sees a
duplicate and not a conflict; and no counter or random source has to be kept unique over parallel
workers and restarts. The nonce repeats only where binding and plaintext repeat, and then the whole
sealed text is equal. It is taken over the compressed bytes because another zlib build may compress
differently: deriving it from the record would then put two plaintexts under one nonce.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import secrets
import tempfile
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from config.key_files import owners_alone
from rules.errors import MingjianError
from sinks.sm4 import KEY_BYTES, NONCE_BYTES, TAG_BYTES, DoesNotOpen, seal, unseal

KEY_FILE = "evidence.key"
_VERSION = "s1"
_OWNER_ONLY = 0o600
# A chat message of 404 bytes packs to 335 at level 1, 3 and 6 alike; higher levels only cost time.
_ZLIB_LEVEL = 3
# zlib's usual window is 256 KiB of memory to get and to give back: longer work than packing a
# message does. What is no larger than a small window is packed as well in one.
_SMALL_BYTES, _SMALL_WINDOW_BITS, _SMALL_MEMORY = 4096, 12, 5
# A record is at most 16 MiB (Kafka.max_record_bytes); whatever inflates beyond is not one of ours.
_MAX_RECORD_BYTES = 64 * 1024 * 1024


def binding(tenant: str, record_id: str) -> str:
    """The associated data of a sealed record: tenant and evidence, late or quarantine id."""
    return f"{tenant}/{record_id}"


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and opens records. Holds key bytes only: it can be pickled and used from any thread.

    Args:
        key_id: name of the key that seals, letters and digits.
        keys: key id -> 16 key bytes; older keys stay here so that old records open.
    """

    key_id: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def generate(cls) -> Sealer:
        """A sealer with a fresh random key."""
        key_id = secrets.token_hex(4)
        return cls(key_id, {key_id: secrets.token_bytes(KEY_BYTES)})

    @classmethod
    def from_dir(cls, keys_dir: str | Path, *, create: bool = True) -> Sealer:
        """The sealer whose key lies in `keys_dir`/evidence.key; made on first use, mode 0600.

        Raises:
            MingjianError: the file is damaged, readable by others, or missing with `create=False`.
        """
        path = Path(keys_dir) / KEY_FILE
        if not path.exists():
            if not create:
                raise MingjianError(
                    f"no evidence key at {path}: sealed records cannot be opened without it",
                    f"{path} 处没有证据密钥，无法解开已封存的记录",
                    fix_en="run on the machine that holds the key, or restore it from its backup",
                    fix_zh="请在持有密钥的机器上运行，或从备份恢复该密钥文件",
                )
            _store(cls.generate(), path)
        return cls._load(path)

    def seal(self, raw: bytes, aad: str) -> str:
        """`raw` encrypted and bound to `aad` (see `binding`); equal input gives equal text."""
        key = self.keys[self.key_id]
        bound = aad.encode()
        packed = _packed(raw)
        told = _nonces(key).copy()
        told.update(len(bound).to_bytes(4, "big") + bound + packed)
        nonce = told.digest()[:NONCE_BYTES]
        sealed = nonce + seal(key, nonce, packed, bound)
        return f"{_VERSION}.{self.key_id}.{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, sealed: str, aad: str) -> bytes:
        """The raw record.

        Raises:
            MingjianError: not a sealed record, sealed with a key that is not here, altered, or
                bound to another record.
        """
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        if version != _VERSION or not key_id or not body:
            raise _unreadable(aad, "it is not a sealed record", "它不是封存记录")
        key = self.keys.get(key_id)
        if key is None:
            raise MingjianError(
                f"record {aad} was sealed with the key '{key_id}', which is not in {KEY_FILE}",
                f"记录 {aad} 由密钥“{key_id}”封存，而 {KEY_FILE} 中没有该密钥",
                fix_en=f"restore that key; the key at hand is '{self.key_id}'",
                fix_zh=f"请恢复该密钥；当前密钥为“{self.key_id}”",
            )
        try:
            data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _unreadable(aad, "its base64 is damaged", "其 base64 已损坏") from None
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != body:
            # Unused bits of the last character are not covered by the tag.
            raise _unreadable(aad, "its base64 is not canonical", "其 base64 不规范")
        if len(data) < NONCE_BYTES + TAG_BYTES:
            raise _unreadable(aad, "it is cut short", "它被截断")
        try:
            packed = unseal(key, data[:NONCE_BYTES], data[NONCE_BYTES:], aad.encode())
        except DoesNotOpen:
            raise _unreadable(
                aad, "it was altered or belongs to another record", "它被改动过，或属于另一条记录"
            ) from None
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, _MAX_RECORD_BYTES)
        if not inflater.eof:
            raise _unreadable(aad, "it inflates beyond any record", "它解压后超出记录上限")
        return raw

    @classmethod
    def _load(cls, path: Path) -> Sealer:
        owners_alone(path, "evidence key", "证据密钥")
        try:
            stored = json.loads(path.read_text())
            entries = [stored, *stored.get("older", ())]
            keys = {entry["key_id"]: bytes.fromhex(entry["key"]) for entry in entries}
            if any(len(key) != KEY_BYTES for key in keys.values()):
                raise ValueError("wrong key length")
            return cls(str(stored["key_id"]), keys)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise MingjianError(
                f"the evidence key {path} is damaged ({type(error).__name__})",
                f"证据密钥 {path} 已损坏（{type(error).__name__}）",
                fix_en="restore it from its backup; without it sealed records stay closed",
                fix_zh="请从备份恢复；没有它，封存记录无法打开",
            ) from None


def _packed(raw: bytes) -> bytes:
    if len(raw) > _SMALL_BYTES:
        return zlib.compress(raw, _ZLIB_LEVEL)
    small = zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, _SMALL_WINDOW_BITS, _SMALL_MEMORY)
    return small.compress(raw) + small.flush()


@lru_cache(maxsize=4)
def _nonces(key: bytes) -> hmac.HMAC:
    """What nonces are taken from; to be copied, which costs half of beginning anew."""
    return hmac.new(hmac.digest(key, b"mingjian sealing nonce", "sm3"), digestmod="sm3")


def _store(sealer: Sealer, path: Path) -> None:
    """Write the key file, whole or not at all; the first of two racing processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    body = json.dumps({"v": 1, "key_id": sealer.key_id, "key": sealer.keys[sealer.key_id].hex()})
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(body + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was faster; its key is the one to use
    finally:
        os.unlink(draft)


def _unreadable(aad: str, en: str, zh: str) -> MingjianError:
    return MingjianError(
        f"sealed record {aad} cannot be opened: {en}",
        f"封存记录 {aad} 无法打开：{zh}",
        fix_en="compare it with the copy in another target; treat this one as tampered",
        fix_zh="请与另一存储中的副本比对；此份应按已被篡改处理",
    )
