"""Whether an archive is nothing but its files: no byte that no signature covers."""

from __future__ import annotations

import struct
import zipfile
import zlib
from datetime import datetime

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), b"PK\x05\x06"
_END_RECORD = struct.Struct("<4s4H2LH")
_SIGNATURES = (b"PK\x03\x04", b"PK\x01\x02")
_MADE, _UTF8 = 3 << 8 | 20, 0x800  # by a Unix, version 2.0; flag: a name in UTF-8
_ATTRIBUTES = 0o100644 << 16  # of every file of a pack; a message would fit into others
_PIECE = 1 << 20
_CRUMB = 1 << 10  # what is lost with a damaged byte, at most


def around(data: bytes, members: list[zipfile.ZipInfo]) -> list[tuple[str, str]]:
    """What is in an archive beside its files, or said twice and differently (English, Chinese);
    empty when there is nothing.

    Args:
        data: the whole archive.
        members: of its directory; unpacked, they are not more than one is willing to go through.
    """
    place = 0
    for info in members:
        if info.filename != info.orig_filename:
            name = ascii(info.filename)[:80]
            return [(f"the name of {name} goes on behind its end", f"{name} 的文件名之后另有内容")]
        end = _file(data, info, place)
        if not end:
            name = ascii(info.filename)[:80]
            return [(f"around {name} there are bytes that belong to no file, or are said twice",
                     f"{name} 前后有不属于任何文件的内容，或前后记载不一")]  # fmt: skip
        place = end
    if not _directory(data, place, members):
        return [("there are bytes after its last file that belong to none, or a comment",
                 "最后一个文件之后有多余的字节或注释")]  # fmt: skip
    if members and not _alike(members):
        return [("its files are not packed, dated and marked as in a pack",
                 "文件的压缩方式、时间或属性与证据包不符")]  # fmt: skip
    return []


def unpacked(pack: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The content of one file, never more than its size as the directory says.

    Raises:
        NotImplementedError: it is packed in a way that packs do not use.
        zipfile.BadZipFile, zlib.error, and others of `zipfile`: it is damaged.
    """
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise NotImplementedError(info.compress_type)
    with pack.open(info) as content:
        return content.read(info.file_size + 1)  # a number: else it inflates whatever there is


def salvaged(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """What can still be read of a damaged file, so that it is not taken for one that is missing;
    never more than its size as the directory says.

    Args:
        data: the whole archive.
    """
    start = info.header_offset
    head = data[start : start + _LOCAL.size]
    if len(head) < _LOCAL.size or info.compress_type != zipfile.ZIP_DEFLATED:
        return b""
    start += _LOCAL.size + sum(_LOCAL.unpack(head)[-2:])
    packed = memoryview(data)[start : start + info.compress_size]
    inflater, parts, left = zlib.decompressobj(-15), [], info.file_size
    try:
        for place in range(0, len(packed), _CRUMB):
            parts.append(inflater.decompress(packed[place : place + _CRUMB], left + 1))
            left -= len(parts[-1])
            if left < 0 or inflater.eof:
                break
    except zlib.error:
        pass  # what came before it is what there is
    return b"".join(parts)[: info.file_size]


def _file(data: bytes, info: zipfile.ZipInfo, place: int) -> int:
    """Where the file that begins at `place` ends; 0 when it is not as the directory says."""
    start = place + _LOCAL.size
    if info.header_offset != place or info.extra or info.comment or len(data) < start:
        return 0
    mark, version, flags, method, _, _, _, packed, size, name, extra = _LOCAL.unpack(
        data[place:start]
    )
    if mark != _SIGNATURES[0] or extra or version != zipfile.DEFAULT_VERSION or flags & ~_UTF8:
        return 0
    if (packed, size) != (info.compress_size, info.file_size):
        return 0
    end = start + name + packed
    if method != zipfile.ZIP_DEFLATED:
        return 0
    return end if _whole(memoryview(data)[start + name : end], size) else 0


def _whole(packed: memoryview, size: int) -> bool:
    """Whether the packed bytes end where their content does. Content is let go piece by piece."""
    inflater, length, place = zlib.decompressobj(-15), 0, 0
    rest = b""
    try:
        while not inflater.eof and length <= size:
            if not rest:
                rest = bytes(packed[place : place + _PIECE])
                place += len(rest)
            more = inflater.decompress(rest, _PIECE)
            if not rest and not more and not inflater.eof:
                return False  # cut short
            length, rest = length + len(more), inflater.unconsumed_tail
    except zlib.error:
        return True  # said when the file is read
    return length == size and not inflater.unused_data and place == len(packed)


def _directory(data: bytes, place: int, members: list[zipfile.ZipInfo]) -> bool:
    """Whether the directory and the end record follow, with nothing in or behind them, and say of
    each file what stands before it."""
    start = place
    for info in members:
        head = data[place : place + _CENTRAL.size]
        if len(head) < _CENTRAL.size or head[:4] != _SIGNATURES[1]:
            return False
        fields = _CENTRAL.unpack(head)
        name, extra, comment, disk, marks, offset = *fields[10:15], fields[16]
        if extra or comment or disk or marks or fields[1] != _MADE or offset != info.header_offset:
            return False
        # version, flags, method, time, date, CRC, sizes and the length of the name, then the name
        first = offset + _LOCAL.size
        if data[offset + 4 : first - 2] != head[6:30]:
            return False
        place += _CENTRAL.size
        if data[first : first + name] != data[place : place + name]:
            return False
        place += name
    end, count = data[place:], len(members)
    if len(end) != _END_RECORD.size:
        return False
    mark, disk, first, here, entries, size, offset, comment = _END_RECORD.unpack(end)
    told = (disk, first, here, entries, size, offset, comment)
    return mark == _END and told == (0, 0, count, count, place - start, start, 0)


def _alike(members: list[zipfile.ZipInfo]) -> bool:
    """Whether all files have the form that those of a pack have, and one date."""
    plain = all(bool(info.flag_bits) != info.filename.isascii() for info in members)
    dates = {info.date_time for info in members}
    try:
        for date in dates:
            datetime(*date)  # noqa: DTZ001 - a ZIP has no zone
    except ValueError:
        return False
    marked = all(info.external_attr == _ATTRIBUTES for info in members)
    return marked and plain and len(dates) == 1
