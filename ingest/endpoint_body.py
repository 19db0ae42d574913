"""A request's body: read in bounded memory, unpacked while it comes, split into records."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Callable
from functools import cache

import msgspec

from ingest.endpoint_errors import Refusal

NDJSON = ("application/x-ndjson", "application/jsonl", "application/json-lines")
JSON = "application/json"
_GZIP = 31  # zlib's number for a gzip container
_MEMBERS = 1000  # of one body; a tool makes one, and whoever appends, one for each piece
_passed_over = msgspec.json.Decoder(msgspec.Raw).decode  # checks JSON and makes nothing of it
_MENDED = bytes.maketrans(bytes(range(32)), b" " * 32)
_GAP = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")  # between two elements


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
    """gzip as it comes, of one or several members.

    The members have a limit because empty ones cost time and give no byte that another limit
    would see: 20 bytes each, and the event loop waits for all of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._members = 1
        self._member = zlib.decompressobj(_GZIP)
        self.ended = False

    def feed(self, piece: bytes, body: bytearray) -> None:
        try:
            while piece:
                if self.ended:
                    self._members += 1
                    if self._members > _MEMBERS:
                        raise Refusal("too_many_members")
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

    What stands in a line or an element is not looked at: the job says what is wrong with it. Nor is
    anything made of it, nor of more records than may be: a few bytes can unpack to millions.

    Args:
        kind: as `media_type` gave it.
        most: records.
    """
    if kind in NDJSON:
        if body.count(b"\n") > 2 * most:  # before so many lines are made
            raise Refusal("too_many_records")
        records = [line for line in body.split(b"\n") if line and not line.isspace()]
    else:
        records = _values(body.strip(), most)
    if len(records) > most:
        raise Refusal("too_many_records")
    return records


def _values(body: bytes, most: int) -> list[bytes]:
    """The elements of an array, one too many at most, or an object."""
    try:
        if body.startswith(b"["):
            try:
                return [bytes(element) for element in _elements(body, most)]
            except msgspec.DecodeError:  # perhaps one that the job mends, which is to refuse none
                return _cut(body, [len(bytes(one)) for one in _elements(_mended(body), most)])
        if body.startswith(b"{"):
            body.decode()
            _passed_over(_mended(body))
            return [body]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    raise Refusal("not_json")


def _mended(body: bytes) -> bytes:
    """JSON of the same length and structure without the faults that the job mends
    (`rules.lenient_json`): control characters are blanks, and an escaped half of a surrogate is a
    line break and letters, or letters."""
    return body.translate(_MENDED).replace(b"\\ud", b"nud").replace(b"\\uD", b"nuD")


def _elements(body: bytes, most: int) -> list[msgspec.Raw]:
    found = msgspec.structs.astuple(_array(most + 1)(body))
    return [element for element in found if element is not None]


def _cut(body: bytes, sizes: list[int]) -> list[bytes]:
    """The elements of these sizes as they came. Raises Refusal when more than blanks and commas
    stands between them: a control character there is in no string, and is not mended."""
    records, at = [], 1
    for size in sizes:
        gap = _GAP.match(body, at)
        assert gap is not None  # noqa: S101 - it matches nothing, too
        at = gap.end()
        if body[at] < ord(" "):
            raise Refusal("not_json")
        records.append(body[at : at + size])
        at += size
    return records


@cache
def _array(most: int) -> Callable[[bytes], msgspec.Struct]:
    """A decoder of arrays that makes their first `most` elements, and passes over the others.

    To it an array is a struct of so many fields: where it is shorter they are None, and what is
    beyond them is of no interest, but has to be JSON.
    """
    fields = [(f"at{number}", msgspec.Raw, None) for number in range(most)]
    return msgspec.json.Decoder(msgspec.defstruct("Array", fields, array_like=True)).decode
