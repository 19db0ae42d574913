"""Whether an archive is nothing but its files: no byte that no signature covers."""

from __future__ import annotations

import struct
import zipfile
import zlib

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), b"PK\x05\x06"
_END_RECORD = struct.Struct("<4s4H2LH")
_SIGNATURES = (b"PK\x03\x04", b"PK\x01\x02")
_DESCRIPTOR = 0x8  # flag: sizes stand behind the content


def around(data: bytes, members: list[zipfile.ZipInfo]) -> list[tuple[str, str]]:
    """What is in an archive beside its files, or said twice and differently (English, Chinese);
    empty when there is nothing.

    Args:
        data: the whole archive.
        members: of its directory.
    """
    place = 0
    for info in sorted(members, key=lambda one: one.header_offset):
        end = _file(data, info, place)
        if not end:
            name = ascii(info.filename)[:80]
            return [(f"around {name} there are bytes that belong to no file, or are said twice",
                     f"{name} 前后有不属于任何文件的内容，或前后记载不一")]  # fmt: skip
        place = end
    if not _directory(data, place, len(members)):
        return [("there are bytes after its last file that belong to none, or a comment",
                 "最后一个文件之后有多余的字节或注释")]  # fmt: skip
    return []


def _file(data: bytes, info: zipfile.ZipInfo, place: int) -> int:
    """Where the file that begins at `place` ends; 0 when it is not as the directory says."""
    start = place + _LOCAL.size
    if info.header_offset != place or info.extra or info.comment or len(data) < start:
        return 0
    mark, _, flags, method, _, _, crc, packed, size, name, extra = _LOCAL.unpack(data[place:start])
    told = (info.flag_bits, info.compress_type, info.CRC, info.compress_size, info.file_size)
    if mark != _SIGNATURES[0] or extra or flags & _DESCRIPTOR:
        return 0
    if (flags, method, crc, packed, size) != told:
        return 0
    written = info.orig_filename.encode("utf-8" if flags & 0x800 else "cp437", "replace")
    if data[start : start + name] != written:
        return 0
    end = start + name + packed
    return end if _whole(data[start + name : end], method, size) else 0


def _whole(packed: bytes, method: int, size: int) -> bool:
    """Whether the packed bytes end where their content does."""
    if method != zipfile.ZIP_DEFLATED:
        return method == zipfile.ZIP_STORED and len(packed) == size
    inflater = zlib.decompressobj(-15)
    try:
        length = len(inflater.decompress(packed, size + 1))
    except zlib.error:
        return True  # said when the file is read
    return length <= size and (length < size or inflater.eof) and not inflater.unused_data


def _directory(data: bytes, place: int, count: int) -> bool:
    """Whether the directory and the end record follow, with nothing in or behind them."""
    start = place
    for _ in range(count):
        head = data[place : place + _CENTRAL.size]
        if len(head) < _CENTRAL.size or head[:4] != _SIGNATURES[1]:
            return False
        fields = _CENTRAL.unpack(head)
        name, extra, comment, disk = fields[10], fields[11], fields[12], fields[13]
        if extra or comment or disk:
            return False
        place += _CENTRAL.size + name
    end = data[place:]
    if len(end) != _END_RECORD.size:
        return False
    mark, disk, first, here, entries, size, offset, comment = _END_RECORD.unpack(end)
    told = (disk, first, here, entries, size, offset, comment)
    return mark == _END and told == (0, 0, count, count, place - start, start, 0)
