"""Context from a directory of JSONL files, as the embedded profile keeps its messages."""

from __future__ import annotations

import gzip
import mmap
from collections.abc import Iterator
from pathlib import Path

from reports.context import Found, Sieve, Wanted
from rules.alert import Position
from rules.decode import Decoder
from rules.errors import MingjianError


class FileContext:
    """Scans messages*.jsonl and messages*.jsonl.gz below a directory, as the job reads them.

    A line is decoded only if it contains a wanted id and its envelope's time lies in a wanted
    span: a plain file is searched through the page cache at memory speed.
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
        found = Found(source=f"file:{self._folder}")
        sieve = Sieve(wanted, self._decoder, found)
        paths = sorted(
            path
            for pattern in ("messages*.jsonl", "messages*.jsonl.gz")
            for path in self._folder.rglob(pattern)
            if path.is_file()
        )
        for path in paths:
            try:
                lines = _packed if path.suffix == ".gz" else _plain
                for line, offset, number in lines(path, sieve.needles, found):
                    if sieve.may_matter(line):
                        where = Position(source=f"file:{path}", offset=offset, line=number)
                        sieve.take(line, where)
            except (OSError, EOFError, ValueError) as error:
                found.limits.append(f"{path.name}：读取中断（{error}），其后内容未读取")
        found.sort()
        return found


def _plain(
    path: Path, needles: tuple[bytes, ...], found: Found
) -> Iterator[tuple[bytes, int, int]]:
    """(line, byte offset, line number) of every line with a needle, each once, in order."""
    size = path.stat().st_size
    found.scanned += size
    if not size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        ahead = {needle: data.find(needle) for needle in needles}
        number, counted = 1, 0
        while True:
            hits = [at for at in ahead.values() if at >= 0]
            if not hits:
                return
            hit = min(hits)
            start = data.rfind(b"\n", counted, hit) + 1 or counted
            end = data.find(b"\n", hit)
            end = size if end < 0 else end
            number += data[counted:start].count(b"\n")
            counted = start
            yield data[start:end].rstrip(b"\r"), start, number
            for needle, at in ahead.items():
                if 0 <= at < end:
                    ahead[needle] = data.find(needle, end)


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
