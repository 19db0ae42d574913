"""What lies inside the files of a pack: ids in raw records, files embedded in the PDF."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

MAX_BYTES = 1 << 30  # of all files together, unpacked


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
    """Contents of the files embedded in a PDF, in the order in which they stand there.

    Raises:
        ValueError: together they are more than `most` bytes.
    """
    found: list[bytes] = []
    for start in re.finditer(rb"/EmbeddedFile\b", pdf):
        opening = pdf.rfind(b" obj", 0, start.start())
        stream = re.compile(rb"stream\r?\n").search(pdf, start.end())
        if opening < 0 or not stream or b"endobj" in pdf[opening : stream.start()]:
            continue  # a reference to the type, not the stream itself
        if b"/FlateDecode" in pdf[opening : stream.start()]:
            inflater = zlib.decompressobj()
            found.append(inflater.decompress(pdf[stream.end() :], most + 1))
        else:
            found.append(pdf[stream.end() : pdf.index(b"\nendstream", stream.end())])
        most -= len(found[-1])
        if most < 0:
            raise ValueError("more is attached than the manifest lists")
    return found
