"""What lies inside the files of a pack: ids in raw records, files embedded in the PDF."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

MAX_BYTES = 1 << 30  # of all files together, unpacked
MAX_TEXT = 1 << 24  # bytes of a JSON text: a file, or a line of a .jsonl
MAX_PROOFS = 1 << 28  # of one that has something of each record
_LARGE = ("ledger.json", "redactions.json")
MAX_PARTS = 40_000_000  # of a JSON file, weighed by the memory they take: < 3 GB
_PARTS = ((b",", 1), (b":", 1), (b"[", 2), (b"{", 4))
MAX_WIDE = 3 << 29  # bytes that the texts of all JSON files take in memory, at most
_WIDE = re.compile(b"[\xf0-\xf4]|\\\\u")  # beside these, each character of a text takes 4 bytes
TOO_WIDE = (
    "too large to be read: its texts take too much memory",
    "过大，不予读取：其文本占用内存过多",
)
TOO_MANY = "too large to be read: it has too many parts", "过大，不予读取：所含项目过多"
_PDF_TOKEN = re.compile(rb" obj|endobj|/EmbeddedFile\b|/FlateDecode|stream\r?\n")
_PDF_PIECE = 1 << 16


def raw_id(raw: bytes) -> str:
    """The id a raw record gives itself: the archive's msgid or the event's id; "" if none."""
    record = json.loads(raw.decode(), strict=False)
    if record.get("kind") == "event":
        return str(record.get("id") or "").strip()
    return str(record.get("payload", record).get("msgid") or "").strip()


def other_facts(raw: bytes, row: dict[str, Any]) -> list[str]:
    """What a row of events.jsonl says of its record and the raw bytes do not: names of fields.
    What the bytes leave open is not compared."""
    record = json.loads(raw.decode(), strict=False)
    inner = record.get("payload", record)
    wrong = []
    if row["kind"] != ("event" if record.get("kind") == "event" else "archive"):
        wrong.append("kind")
    kind, times = record.get("type"), [record.get("time"), record.get("received_at")]
    if row["kind"] != "event":
        kind = inner.get("msgtype")
        times = [inner.get("msgtime"), inner.get("time"), record.get("received_at")]
        wrong += _other_parties(inner, row)
    if isinstance(kind, str) and kind and row["type"] != kind.strip():
        wrong.append("type")
    known = [one for one in times if isinstance(one, int) and one > 0]
    if known and row["time"] not in known:
        wrong.append("time")
    if type(record.get("seq")) is int and row["seq"] != record["seq"]:
        wrong.append("seq")
    return wrong


def _other_parties(payload: dict[str, Any], row: dict[str, Any]) -> list[str]:
    sender, to, room = payload.get("from"), payload.get("tolist"), payload.get("roomid")
    if not isinstance(sender, str) or not sender.strip():
        return []
    wrong = [] if row["sender"] == sender.strip() else ["sender"]
    if isinstance(room, str) and room.strip():
        parties = {room.strip()}
    elif isinstance(to, list) and all(isinstance(one, str) for one in to):
        parties = {sender.strip(), *(one.strip() for one in to if one.strip())}
    else:
        return wrong
    if set(row["conversation"].split("|")) != parties:
        wrong.append("conversation")
    return wrong


def pdf_attachments(pdf: bytes, most: int = MAX_BYTES) -> list[bytes]:
    """Contents of the files embedded in a PDF, in the order in which they stand there. The PDF is
    gone through once, from its beginning to its end.

    Raises:
        ValueError: together they are more than `most` bytes, or the end of one is missing.
        zlib.error: one is damaged.
    """
    found: list[bytes] = []
    place, inside, embedded, packed = 0, False, False, False  # inside: of an object
    while token := _PDF_TOKEN.search(pdf, place):
        word, place = token.group(), token.end()
        if word in (b" obj", b"endobj"):
            inside, embedded, packed = word == b" obj", False, False
        elif word == b"/FlateDecode":
            packed = True
        elif word == b"/EmbeddedFile":
            embedded = inside
        elif embedded:  # its stream; where none is, that was a reference to the type
            if packed:
                content, place = _inflated(pdf, place, most)
            else:
                start, place = place, pdf.index(b"\nendstream", place)
                content = pdf[start:place]
            inside = embedded = packed = False
            found.append(content)
            most -= len(content)
            if most < 0:
                raise ValueError("more is attached than the manifest lists")
    return found


def _inflated(pdf: bytes, place: int, most: int) -> tuple[bytes, int]:
    """(the content packed at `place`, no more of it than `most` and a byte; where it ends)."""
    inflater, parts = zlib.decompressobj(), []
    while not inflater.eof and most >= 0 and place < len(pdf):
        piece = pdf[place : place + _PDF_PIECE]
        parts.append(inflater.decompress(piece, most + 1))
        place += len(piece) - len(inflater.unused_data)
        most -= len(parts[-1])
    return b"".join(parts), place


def too_much(files: dict[str, bytes]) -> list[tuple[str, str, str]]:
    """(name, English, Chinese) of JSON files that are larger than those of any pack of ours: to
    read them could take all the memory there is. One of a person with 200,000 messages has some
    6 million parts in events.jsonl, 9 million and 100 MB in ledger.json.

    Args:
        files: contents by name.
    """
    found, wide = [], 0
    for name, data in files.items():
        if not name.endswith((".json", ".jsonl")):
            continue
        most = MAX_PROOFS if name in _LARGE else MAX_TEXT
        longest, each = len(data), name.endswith(".jsonl")
        if each and longest > most:
            longest = max(map(len, data.split(b"\n")))
        if longest > most:
            found.append((name, *too_long(most, each_line=each)))
        elif too_many_parts(data):
            found.append((name, *TOO_MANY))
        else:
            wide += sum(map(_memory, data.split(b"\n") if each else [data]))
            if wide > MAX_WIDE:
                found.append((name, *TOO_WIDE))
                break
    return found


def _memory(text: bytes) -> int:
    """Bytes that a JSON text takes as Python keeps it, at most: a string takes as much for each of
    its characters as for the widest."""
    if text.isascii() and b"\\u" not in text:
        return len(text)
    return len(text) * (4 if _WIDE.search(text) else 2)


def too_many_parts(data: bytes) -> bool:
    """Whether a JSON text has more parts than the memory is for."""
    return sum(data.count(mark) * weight for mark, weight in _PARTS) > MAX_PARTS


def too_long(most: int, *, each_line: bool = False) -> tuple[str, str]:
    """(English, Chinese): that something has more bytes than it may have."""
    size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
    en, zh = (f"{size} in one line", f"一行 {size}") if each_line else (size, size)
    return f"too large to be read: more than {en}", f"过大，不予读取：超过 {zh}"
