"""What lies inside the files of a pack: ids in raw records, files embedded in the PDF."""

from __future__ import annotations

import json
import re
import zlib

MAX_BYTES = 1 << 30  # of all files together, unpacked


def raw_id(raw: bytes) -> str:
    """The id a raw record gives itself: the archive's msgid or the event's id; "" if none."""
    record = json.loads(raw.decode(), strict=False)
    if record.get("kind") == "event":
        return str(record.get("id") or "").strip()
    return str(record.get("payload", record).get("msgid") or "").strip()


def pdf_attachments(pdf: bytes) -> list[bytes]:
    """Contents of the files embedded in a PDF, in the order in which they stand there."""
    found = []
    for start in re.finditer(rb"/EmbeddedFile\b", pdf):
        opening = pdf.rfind(b" obj", 0, start.start())
        stream = re.compile(rb"stream\r?\n").search(pdf, start.end())
        if opening < 0 or not stream or b"endobj" in pdf[opening : stream.start()]:
            continue  # a reference to the type, not the stream itself
        if b"/FlateDecode" in pdf[opening : stream.start()]:
            inflater = zlib.decompressobj()
            found.append(inflater.decompress(pdf[stream.end() :], MAX_BYTES))
        else:
            found.append(pdf[stream.end() : pdf.index(b"\nendstream", stream.end())])
    return found
