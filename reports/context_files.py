"""Context from a directory of JSONL files, as the embedded profile keeps its messages."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from reports.context import Found, Sieve, Wanted
from rules.alert import Position
from rules.decode import Decoder
from rules.errors import MingjianError

_BLOCK = 8 * 1024 * 1024


class FileContext:
    """Scans messages*.jsonl and messages*.jsonl.gz below a directory, as the job reads them.

    A line is decoded only if it contains a wanted id and its envelope's time lies in a wanted
    span: a plain file is searched in large blocks, at memory speed.
    """

    def __init__(self, folder: str | Path, decoder: Decoder) -> None:
        self._folder, self._decoder = Path(folder), decoder

    def fetch(self, wanted: Wanted) -> Found:
        """See `ContextSource`. A damaged line or file is skipped, counted and named."""
        if not self._folder.is_dir():
            raise MingjianError(
                f"there is no directory of messages at {self._folder}",
                f"{self._folder} 处没有会话目录",
                fix_en="set source.path to the directory the alert was judged from",
                fix_zh="请将 source.path 设为产生该告警的会话目录",
            )
        found = Found(source=f"file:{self._folder.resolve().name}")  # no path of this machine
        sieve = Sieve(wanted, self._decoder, found)
        paths = sorted(
            path
            for pattern in ("messages*.jsonl", "messages*.jsonl.gz")
            for path in self._folder.rglob(pattern)
            if path.is_file()
        )
        for path in paths:
            name = path.relative_to(self._folder)
            try:
                lines = _packed if path.suffix == ".gz" else _plain
                for line, offset, number in lines(path, sieve.needles, found):
                    if sieve.may_matter(line):
                        where = Position(source=f"file:{name}", offset=offset, line=number)
                        sieve.take(line, where)
            except (OSError, EOFError, ValueError) as error:
                found.limits.append(
                    (
                        f"{name}: reading broke off ({_short(error)}), what follows was not read",
                        f"{name}：读取中断（{_short(error)}），其后内容未读取",
                    )
                )
        found.sort()
        return found


def _short(error: Exception) -> str:
    """An error without the path that the system puts behind it."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _plain(
    path: Path, needles: tuple[bytes, ...], found: Found
) -> Iterator[tuple[bytes, int, int]]:
    """(line, byte offset, line number) of every line with a needle, each once, in order."""
    offset, number = 0, 1
    with path.open("rb") as file:
        rest = b""
        while chunk := file.read(_BLOCK):
            found.scanned += len(chunk)
            block = rest + chunk
            cut = block.rfind(b"\n") + 1
            rest = block[cut:]
            for start, end, before in _lines_with(block[:cut], needles):
                yield block[start:end].rstrip(b"\r"), offset + start, number + before
            offset, number = offset + cut, number + block.count(b"\n", 0, cut)
        if any(needle in rest for needle in needles):
            yield rest.rstrip(b"\r"), offset, number


def _lines_with(block: bytes, needles: tuple[bytes, ...]) -> Iterator[tuple[int, int, int]]:
    """(start, end, lines before) of every line of `block` with a needle; it ends in a newline."""
    ahead = {needle: at for needle in needles if (at := block.find(needle)) >= 0}
    counted = number = 0
    while ahead:
        hit = min(ahead.values())
        start, end = block.rfind(b"\n", counted, hit) + 1 or counted, block.index(b"\n", hit)
        number += block.count(b"\n", counted, start)
        counted = start
        yield start, end, number
        for needle in [needle for needle, at in ahead.items() if at < end]:
            at = block.find(needle, end)
            if at < 0:
                del ahead[needle]
            else:
                ahead[needle] = at


def _packed(
    path: Path, needles: tuple[bytes, ...], found: Found
) -> Iterator[tuple[bytes, int, int]]:
    """The same of a gzip file; offsets count unpacked bytes."""
    offset = 0
    with gzip.open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if any(needle in line for needle in needles):
                yield line.rstrip(b"\r\n"), offset, number
            offset += len(line)
            found.scanned += len(line)
