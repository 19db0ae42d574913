"""Segments: many messages sealed under one key, each for itself, written once and never changed.

    "MJSEG1\\n" | length of the header (4) | header, canonical JSON | length (4) | directory
    | for every record: length (4) | sealed record | SM3 of all before (32)

Numbers are big endian. The header names the tenant, the segment, how many records it has, when it
was made, and carries its key, wrapped by the tenant's key of the version it names. The directory is
the list of message ids and sequence numbers, sealed. A record is compressed (`packing`) and sealed
with SM4-GCM: its nonce is its number, from 1 (the directory's is 0), which is safe because a
segment's key is made for it alone and never used again. Tenant, segment, number, message id and
sequence are bound to it, so no record can pass for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from rules.errors import MingjianError
from sinks.archive.keys import TenantKeys, Wrapped
from sinks.archive.packing import pack, unpack
from sinks.ledger.canonical import canonical
from sinks.sm4 import KEY_BYTES, NONCE_BYTES, DoesNotOpen, seal, unseal

MAGIC = b"MJSEG1\n"
DIGEST_BYTES = 32
_LENGTH = struct.Struct(">I")
_MAX_HEADER = 64 * 1024


class Entry(NamedTuple):
    """A message on its way into a segment: its id, its sequence number, its raw record."""

    msgid: str
    seq: int
    raw: bytes


class Place(NamedTuple):
    """Where a sealed record lies in its segment, in bytes."""

    offset: int
    length: int


class Sealed(NamedTuple):
    """A finished segment: its bytes, the places of its records in order, its digest in hex."""

    data: bytes
    places: list[Place]
    sm3: str


class SegmentDamaged(MingjianError):
    """A segment, or one record of it, that is not what was written."""

    def __init__(self, name: str, en: str, zh: str) -> None:
        super().__init__(
            f"segment {name} of the archive: {en}",
            f"归档分段 {name}：{zh}",
            fix_en="restore the segment from its copy; the other records can still be read",
            fix_zh="请从副本恢复该分段；其余记录仍可读取",
        )


def seal_segment(
    entries: Sequence[Entry],
    *,
    tenant: str,
    name: str,
    keys: TenantKeys,
    created_at: int,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Sealed:
    """The segment of these messages. `created_at` is UTC ms; `random` makes its key."""
    key = random(KEY_BYTES)
    wrapped = keys.wrap(key, _key_bound(tenant, name))
    header = canonical(
        {
            "v": 1,
            "tenant": tenant,
            "segment": name,
            "records": len(entries),
            "created_at": created_at,
            "key_version": wrapped.version,
            "key": base64.b64encode(wrapped.body).decode(),
        }
    )
    listed = msgspec.json.encode([(entry.msgid, entry.seq) for entry in entries])
    directory = seal(key, _nonce(0), pack(listed), _bound(tenant, name, 0, "", len(entries)))
    parts = [MAGIC, _LENGTH.pack(len(header)), header, _LENGTH.pack(len(directory)), directory]
    at = sum(map(len, parts))
    places = []
    for number, entry in enumerate(entries, 1):
        bound = _bound(tenant, name, number, entry.msgid, entry.seq)
        body = seal(key, _nonce(number), pack(entry.raw), bound)
        places.append(Place(at + _LENGTH.size, len(body)))
        parts += (_LENGTH.pack(len(body)), body)
        at += _LENGTH.size + len(body)
    digest = hashlib.new("sm3")
    for part in parts:
        digest.update(part)
    return Sealed(b"".join([*parts, digest.digest()]), places, digest.hexdigest())


class Head(NamedTuple):
    """What a segment says of itself in the clear."""

    tenant: str
    segment: str
    records: int
    created_at: int
    wrapped: Wrapped
    size: int  # bytes up to the directory


def read_head(data: bytes, name: str) -> Head:
    """The head of a segment from its first bytes.

    Raises:
        SegmentDamaged: they are not the beginning of the segment `name`.
    """
    start = len(MAGIC) + _LENGTH.size
    try:
        if not data.startswith(MAGIC):
            raise ValueError("no segment")
        (length,) = _LENGTH.unpack_from(data, len(MAGIC))
        if length > _MAX_HEADER or start + length > len(data):
            raise ValueError("cut short")
        told = json.loads(data[start : start + length])
        head = Head(
            told["tenant"],
            told["segment"],
            told["records"],
            told["created_at"],
            Wrapped(told["key_version"], base64.b64decode(told["key"], validate=True)),
            start + length,
        )
        if told["v"] != 1 or head.segment != name or not isinstance(head.records, int):
            raise ValueError("of another")
    except (ValueError, KeyError, TypeError, struct.error, binascii.Error):
        raise SegmentDamaged(name, "its head is damaged", "头部已损坏") from None
    return head


class OpenSegment:
    """A segment whose key is known: opens single records.

    Args:
        head: of the segment.
        keys: of its tenant.

    Raises:
        KeyMissing, KeyRefused: its key does not open.
    """

    def __init__(self, head: Head, keys: TenantKeys) -> None:
        self.head = head
        self._key = keys.unwrap(head.wrapped, _key_bound(head.tenant, head.segment))

    def record(self, number: int, msgid: str, seq: int, body: bytes) -> bytes:
        """The raw record with this number, from its sealed bytes.

        Raises:
            SegmentDamaged: altered, or of another message.
        """
        head = self.head
        bound = _bound(head.tenant, head.segment, number, msgid, seq)
        try:
            return unpack(unseal(self._key, _nonce(number), body, bound))
        except (DoesNotOpen, ValueError):
            raise SegmentDamaged(
                head.segment,
                f"record {number} ({msgid}) was altered or is another",
                f"第 {number} 条记录（{msgid}）被改动，或不是该记录",
            ) from None

    def directory(self, body: bytes) -> list[tuple[str, int]]:
        """(message id, sequence number) of each record in order."""
        head = self.head
        bound = _bound(head.tenant, head.segment, 0, "", head.records)
        try:
            listed = unpack(unseal(self._key, _nonce(0), body, bound))
        except (DoesNotOpen, ValueError):
            raise SegmentDamaged(head.segment, "its directory is damaged", "目录已损坏") from None
        return msgspec.json.decode(listed, type=list[tuple[str, int]])


class Listed(NamedTuple):
    """One record of a whole segment; `raw` is None where it is damaged, and `damage` says how."""

    number: int
    msgid: str
    seq: int
    place: Place
    raw: bytes | None
    damage: SegmentDamaged | None


def open_all(data: bytes, name: str, keys: TenantKeys) -> list[Listed]:
    """Every record of a segment, the damaged ones too.

    Raises:
        SegmentDamaged: head or directory do not open, so that nothing can be told apart.
        KeyMissing, KeyRefused: its key does not open.
    """
    head = read_head(data, name)
    opened = OpenSegment(head, keys)
    body, at = _framed(data, head.size)
    found = []
    for number, (msgid, seq) in enumerate(opened.directory(body), 1):
        sealed, end = _framed(data, at)
        place = Place(at + _LENGTH.size, len(sealed))
        try:
            raw, damage = opened.record(number, msgid, seq, sealed), None
        except SegmentDamaged as error:
            raw, damage = None, error
        found.append(Listed(number, msgid, seq, place, raw, damage))
        at = end
    return found


def intact(data: bytes) -> bool:
    """Whether the bytes are those that were written, by the digest at their end."""
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    return hashlib.new("sm3", body).digest() == digest


def _framed(data: bytes, at: int) -> tuple[bytes, int]:
    """(bytes, where the next frame begins); what is cut short is shorter."""
    if at + _LENGTH.size > len(data):
        return b"", len(data)
    (length,) = _LENGTH.unpack_from(data, at)
    start = at + _LENGTH.size
    return data[start : start + length], start + length


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")


def _bound(tenant: str, name: str, number: int, msgid: str, seq: int) -> bytes:
    return msgspec.json.encode((tenant, name, number, msgid, seq))


def _key_bound(tenant: str, name: str) -> bytes:
    return msgspec.json.encode(("segment key", tenant, name))
