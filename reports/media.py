"""Files that messages of a pack carry: their contents, where the archive has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from reports.masking import mask_numbers
from rules.sent_files import sent_files

MOST_BYTES = 64 * 1024 * 1024  # of all contents in a pack
STORED, LEFT_OUT, UNKNOWN = "stored", "left_out", "unknown"
_ENDING = re.compile(r"\.[a-z0-9]{1,8}")


class Content(NamedTuple):
    """What the archive has of a file: its state there, its size, SM3 in hex ("" if it was never
    stored), and what reads it."""

    state: str
    size: int = 0
    sm3: str = ""


class MediaSource(Protocol):
    """Where contents of files are."""

    def known(self, file_id: str) -> Content:
        """What is known of a file."""

    def read(self, file_id: str) -> bytes:
        """Its content. Raises MingjianError when it is damaged or cannot be read."""


class MediaFile(NamedTuple):
    """A file of a record: the record's number, which of its files (from 1), the message type, the
    name (masked), size and md5 that WeCom states, the file in the pack ("": it is not in it), the
    state, and the content with its digest."""

    record: int
    number: int
    type: str
    name: str
    size: int
    md5: str
    file: str
    state: str
    sm3: str
    data: bytes


def media_files(
    records: Iterable[tuple[int, bytes]], source: MediaSource | None, most: int
) -> list[MediaFile]:
    """The files of these records, with contents as long as all together are at most `most` bytes.

    Args:
        records: (number in events.jsonl, raw record).

    Raises:
        MingjianError: a content that is there cannot be read.
    """
    found: list[MediaFile] = []
    room = most
    for record, raw in records:
        for number, sent in enumerate(sent_files(raw), 1):
            content = source.known(sent.file_id) if source else Content(UNKNOWN)
            state, data, file = content.state, b"", ""
            if source and state == STORED:
                if content.size <= room:
                    data = source.read(sent.file_id)
                    room -= len(data)
                    ending = PurePosixPath(sent.name.lower()).suffix
                    ending = ending if _ENDING.fullmatch(ending) else ".bin"
                    file = f"media-{record}-{number}{ending}"
                else:
                    state = LEFT_OUT
            found.append(
                MediaFile(
                    record, number, sent.type, mask_numbers(sent.name), sent.size, sent.md5, file,
                    state, content.sm3, data,
                )
            )  # fmt: skip
    return found
