"""Requests of persons at the desk: the copy of what is kept, and the answer to a request."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from desk.desk import EXPORTED, Desk
from desk.written_files import Place, write_noted
from sinks.archive.disposable import Spans, digest, encode, spans
from sinks.archive.hold_book import By, note, note_plan
from sinks.archive.plans import Plans
from sinks.archive.requests import FOLDER as REQUESTS
from sinks.archive.rows import Row
from sinks.archive.subjects import Erasure, note_answer, restrict
from sinks.whole_file import write_whole


class Copied(NamedTuple):
    """A copy that was written: how many records, how many could not be opened, the SM3 of the
    file in hex."""

    records: int
    damaged: int
    sm3: str


def export(desk: Desk, by: By, records: Iterable[tuple[Row, bytes | None]], place: Place) -> Copied:
    """Write records to a file, one line of JSON each with the SM3 of the record, for its owner
    alone (0600). That it was exported is in the custody book before any of it is on the disk; where
    it cannot be written then, the next line says so.

    Raises:
        MingjianError: see `write_noted`; or the book cannot be written.
    """
    leaves: list[int] = []
    damaged: list[int] = []

    def lines() -> Iterator[bytes]:
        for row, raw in records:
            leaves.append(row.leaf)
            if raw is None:
                damaged.append(row.leaf)
            yield _line(row, raw)

    def noted(sm3: str) -> Callable[[], None]:
        with desk.writing():
            told = {"leaves": spans(leaves), "file_sm3": sm3}
            return partial(desk.not_taken, note(desk.book, EXPORTED, by, told))

    sm3 = write_noted(place, lines(), noted)
    return Copied(len(leaves), len(damaged), sm3)


def keep_erasure(desk: Desk, by: By, answer: Erasure, folder: Path) -> str:
    """Put an answer to a request for erasure on record: what goes as a plan that waits for its
    approval, what stays as stored only. The id of the plan; "" where nothing goes.

    Raises:
        MingjianError: the book cannot be written.
        OSError: the disk does not take the plan or the answer; nothing was done.
    """
    plan = ""
    told = encode(answer.stays)
    write_whole(folder / REQUESTS / f"{digest(told)}.json", told, mode=0o400)
    with desk.writing():
        note_answer(desk.book, answer, by)
        if answer.stays["restricted"]:
            restrict(desk.book, answer.stays, by)
        if answer.plan.messages:
            plan = Plans(folder).keep(answer.plan)
            note_plan(desk.book, plan, len(answer.plan.messages), by)
    return plan


def leaves_of(rows: Iterable[Row]) -> Spans:
    """The messages of rows, for the book."""
    return spans(row.leaf for row in rows)


def _line(row: Row, raw: bytes | None) -> bytes:
    told: dict[str, Any] = {"leaf": row.leaf, "msgid": row.msgid, "time": row.time,
                            "sm3": row.sm3.hex()}  # fmt: skip
    if raw is None:
        told["damaged"] = True
    else:
        try:
            told["record"] = raw.decode()
        except UnicodeDecodeError:
            told["record_base64"] = base64.b64encode(raw).decode()
    return json.dumps(told, ensure_ascii=False).encode()
