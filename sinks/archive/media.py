"""Files people send, sealed: each stored once by its content, in pieces, under a key of its own.

A file's content is cut into frames of 1 MiB, and frames are stored eight at a time, so neither
sealing nor opening holds more of it in memory, and any object storage takes it. Piece 0 is

    "MJMED1\\n" | length of the header (4, big endian) | header, canonical JSON | sealed frames

and the pieces behind it are sealed frames alone. The header names tenant, file and size, and
carries the file's key, wrapped by the tenant's key of the version it names and bound to tenant and
file. A frame is sealed with SM4-GCM; its nonce is its number, from 0, which is safe because the key
is made for this sealing alone. The whole header is bound to every frame. So how many frames there
are and how long each is follows from what every frame vouches for, and nothing can be altered, cut
off, reordered, put in or added without notice.

A file's name is a keyed hash of its content: the same content has the same name, and whoever sees
the storage and not the key cannot tell whether a known file is among them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from rules.errors import MingjianError
from sinks.archive.keys import TenantKeys, Wrapped
from sinks.archive.objects import NoObject, Objects
from sinks.ledger.canonical import canonical
from sinks.sm4 import KEY_BYTES, NONCE_BYTES, TAG_BYTES, DoesNotOpen, seal, unseal

MAGIC = b"MJMED1\n"
FRAME = 1024 * 1024
PIECE_FRAMES = 8
PREFIX = "media-"
_LENGTH = struct.Struct(">I")
_MAX_HEADER = 64 * 1024
_HEAD_BYTES = 4_096  # a header is some 300 bytes
_NAME_KEY = b"names of media"


class MediaDamaged(MingjianError):
    """A stored file that is not what was sealed."""

    def __init__(self, name: str, en: str, zh: str) -> None:
        super().__init__(
            f"file {name} of the archive: {en}",
            f"归档文件 {name}：{zh}",
            fix_en="restore it from its copy; other files can still be read",
            fix_zh="请从副本恢复；其他文件仍可读取",
        )


class Digests(NamedTuple):
    """Of a file's content: its length in bytes, SM3 and SHA-256 in hex."""

    size: int
    sm3: str
    sha256: str


def name_key(search_key: bytes) -> bytes:
    """The key that names files, from the tenant's search key (`sinks.archive.terms`)."""
    return hmac.digest(search_key, _NAME_KEY, "sm3")


def media_name(key: bytes, sm3: str) -> str:
    """The name of the file whose content has this SM3 (hex); `key` is of `name_key`."""
    return PREFIX + hmac.digest(key, bytes.fromhex(sm3), "sm3").hex()


def piece_name(name: str, piece: int) -> str:
    """The object that holds a piece of a file."""
    return f"{name}.{piece}" if piece else name


def piece_names(name: str, size: int) -> Iterator[str]:
    """The objects of a file of this size."""
    return (piece_name(name, piece) for piece in range(-(-_frames(size) // PIECE_FRAMES)))


class MediaStore:
    """Sealed files of one tenant.

    Args:
        objects: where they are, beside the segments.
        keys: of the tenant.
        random: makes a file's key.
    """

    def __init__(
        self,
        objects: Objects,
        keys: TenantKeys,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._objects, self._keys, self._random = objects, keys, random

    def store(self, name: str, file: BinaryIO, size: int) -> None:
        """Seal a file of `size` bytes, read from where it stands, and store it durably. Piece 0
        comes last: without it the others are nothing.

        Raises:
            ValueError: it is not as long as that.
            OSError: the storage did not take it; store it again.
        """
        key = self._random(KEY_BYTES)
        head = self._head(name, size, key)
        first = b""
        for piece, piece_object in enumerate(piece_names(name, size)):
            parts = [] if piece else [head]
            for number in _numbers(piece, size):
                clear = file.read(_clear_length(number, size))
                if len(clear) != _clear_length(number, size):
                    raise ValueError(f"{name}: shorter than {size} bytes")
                parts.append(seal(key, _nonce(number), clear, head))
            if piece:
                self._objects.put(piece_object, b"".join(parts))
            else:
                first = b"".join(parts)
        if file.read(1):
            raise ValueError(f"{name}: longer than {size} bytes")
        self._objects.put(name, first)

    def has(self, name: str) -> bool:
        """Whether its first piece is there, which is stored last.

        Raises:
            OSError: the storage does not answer.
        """
        try:
            return bool(self._objects.get(name, 0, 1))
        except NoObject:
            return False

    def open(self, name: str) -> Iterator[bytes]:
        """The content in parts of at most 1 MiB. Whoever takes parts one by one takes back what it
        did with them when a later one raises.

        Raises:
            MediaDamaged: it is not what was sealed, or not all there.
            KeyMissing, KeyRefused: its key does not open.
            OSError: the storage does not answer.
        """
        head, key, size = self._opened(name)
        for piece, piece_object in enumerate(piece_names(name, size)):
            at = 0 if piece else len(head)
            numbers = _numbers(piece, size)
            for number in numbers:
                length = _clear_length(number, size) + TAG_BYTES
                # behind the last one of a piece there is nothing, and that is looked at too
                more = number == numbers[-1]
                sealed = self._got(name, piece_object, at, length + more)
                try:
                    if len(sealed) != length:
                        raise DoesNotOpen
                    yield unseal(key, _nonce(number), sealed, head)
                except DoesNotOpen:
                    raise MediaDamaged(
                        name,
                        f"part {number + 1} of {_frames(size)} was altered, cut off, added to, or"
                        " is another",
                        f"共 {_frames(size)} 段中的第 {number + 1} 段被改动、截断、追加或不是原段",
                    ) from None
                at += length

    def digests(self, name: str, passed: Callable[[bytes], object] = lambda part: None) -> Digests:
        """What the stored content is; each part goes through `passed`.

        Raises:
            MingjianError, OSError: as `open`.
        """
        size, sm3, sha256 = 0, hashlib.new("sm3"), hashlib.sha256()
        for part in self.open(name):
            passed(part)
            size += len(part)
            sm3.update(part)
            sha256.update(part)
        return Digests(size, sm3.hexdigest(), sha256.hexdigest())

    def remove(self, name: str, size: int) -> None:
        """Remove every piece; nothing happens where there is none.

        Raises:
            OSError: the storage does not answer.
        """
        for piece_object in piece_names(name, size):
            self._objects.delete(piece_object)

    def _head(self, name: str, size: int, key: bytes) -> bytes:
        tenant = self._keys.tenant
        wrapped = self._keys.wrap(key, _key_bound(tenant, name))
        header = canonical(
            {
                "v": 1,
                "tenant": tenant,
                "file": name,
                "size": size,
                "key_version": wrapped.version,
                "key": base64.b64encode(wrapped.body).decode(),
            }
        )
        return b"".join((MAGIC, _LENGTH.pack(len(header)), header))

    def _got(self, name: str, piece_object: str, offset: int, length: int) -> bytes:
        try:
            return self._objects.get(piece_object, offset, length)
        except NoObject:
            raise MediaDamaged(
                name, f"the object {piece_object} is not there", f"缺少对象 {piece_object}"
            ) from None

    def key_version(self, name: str) -> int:
        """The version of the tenant's key that wrapped the file's.

        Raises:
            MediaDamaged: its first piece is not there, or its head is damaged.
            OSError: the storage does not answer.
        """
        return self._read_head(name)[1].version

    def try_key(self, name: str) -> None:
        """Come back when the file's key opens.

        Raises:
            MediaDamaged, OSError: as `key_version`.
            KeyMissing, KeyRefused: it does not.
        """
        self._opened(name)

    def _opened(self, name: str) -> tuple[bytes, bytes, int]:
        """(the head's bytes, the file's key, its size)."""
        head, wrapped, size = self._read_head(name)
        return head, self._keys.unwrap(wrapped, _key_bound(self._keys.tenant, name)), size

    def _read_head(self, name: str) -> tuple[bytes, Wrapped, int]:
        """(the head's bytes, the file's wrapped key, its size)."""
        data = self._got(name, name, 0, _HEAD_BYTES)
        start = len(MAGIC) + _LENGTH.size
        try:
            if not data.startswith(MAGIC):
                raise ValueError("no file")
            (length,) = _LENGTH.unpack_from(data, len(MAGIC))
            if length > _MAX_HEADER:
                raise ValueError("no header")
            if start + length > len(data):
                data = self._got(name, name, 0, start + length)
            told = json.loads(data[start : start + length])
            tenant, size = told["tenant"], told["size"]
            wrapped = Wrapped(told["key_version"], base64.b64decode(told["key"], validate=True))
            if told["v"] != 1 or told["file"] != name or type(size) is not int or size < 0:
                raise ValueError("of another")
            if tenant != self._keys.tenant or type(wrapped.version) is not int:
                raise ValueError("of another tenant")
        except (ValueError, KeyError, TypeError, struct.error, binascii.Error, RecursionError):
            raise MediaDamaged(name, "its head is damaged", "头部已损坏") from None
        return data[: start + length], wrapped, size


def _frames(size: int) -> int:
    return max(1, -(-size // FRAME))


def _numbers(piece: int, size: int) -> range:
    """The frames of a piece."""
    first = piece * PIECE_FRAMES
    return range(first, min(first + PIECE_FRAMES, _frames(size)))


def _clear_length(number: int, size: int) -> int:
    return min(FRAME, size - number * FRAME)


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_BYTES, "big")


def _key_bound(tenant: str, name: str) -> bytes:
    return msgspec.json.encode(("media key", tenant, name))
