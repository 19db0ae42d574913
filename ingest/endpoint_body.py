"""A request's body: read in bounded memory, unpacked while it comes, split into records."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

import msgspec

from ingest.endpoint_errors import Refusal
from rules.errors import RecordError
from rules.lenient_json import parse

NDJSON = ("application/x-ndjson", "application/jsonl", "application/json-lines")
JSON = "application/json"
_GZIP = 31  # zlib's number for a gzip container
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def media_type(header: str) -> str:
    """The type of a Content-Type without its parameters. Raises Refusal for one not taken."""
    kind = header.partition(";")[0].strip().lower()
    if kind != JSON and kind not in NDJSON:
        raise Refusal("media_type")
    return kind


def is_packed(header: str) -> bool:
    """Whether a Content-Encoding says gzip. Raises Refusal for one not taken."""
    kind = header.strip().lower()
    if kind not in ("", "identity", "gzip"):
        raise Refusal("encoding")
    return kind == "gzip"


async def read(
    pieces: AsyncIterator[bytes], *, packed: bool, most: int, most_unpacked: int
) -> bytes:
    """The whole body.

    Args:
        most, most_unpacked: bytes; unpacking stops at the byte that is one too many.
    """
    size, body = 0, bytearray()
    unpacking = _Unpacking(most_unpacked) if packed else None
    async for piece in pieces:
        size += len(piece)
        if size > most:
            raise Refusal("too_large")
        if unpacking is None:
            body += piece
        else:
            unpacking.feed(piece, body)
        if len(body) > most_unpacked:
            raise Refusal("too_large")
    if unpacking is not None and not unpacking.ended:
        raise Refusal("not_gzip")
    return bytes(body)


class _Unpacking:
    """gzip as it comes, of one or several members."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._member = zlib.decompressobj(_GZIP)
        self.ended = False

    def feed(self, piece: bytes, body: bytearray) -> None:
        try:
            while piece:
                if self.ended:
                    self._member, self.ended = zlib.decompressobj(_GZIP), False
                # a byte beyond what is allowed shows that it is too much, and no more is unpacked
                body += self._member.decompress(piece, self._most + 1 - len(body))
                if len(body) > self._most:
                    raise Refusal("too_large")
                self.ended = self._member.eof
                piece = self._member.unused_data if self.ended else self._member.unconsumed_tail
        except zlib.error:
            raise Refusal("not_gzip") from None


def split(body: bytes, kind: str, most: int) -> list[bytes]:
    """The records of a body; of lines the empty ones are none.

    What stands in a line or an element is not looked at: the job says what is wrong with it.

    Args:
        kind: as `media_type` gave it.
        most: records.
    """
    if kind in NDJSON:
        if body.count(b"\n") > 2 * most:  # before so many lines are made
            raise Refusal("too_many_records")
        records = [line for line in body.split(b"\n") if line and not line.isspace()]
    else:
        records = _elements(body.strip())
    if len(records) > most:
        raise Refusal("too_many_records")
    return records


def _elements(body: bytes) -> list[bytes]:
    try:
        if body.startswith(b"["):
            return [bytes(element) for element in _list(body)]
        if body.startswith(b"{"):
            parse(body)  # with the faults that the job mends
            return [body]
    except (msgspec.DecodeError, RecordError, UnicodeDecodeError, RecursionError):
        pass
    raise Refusal("not_json")
