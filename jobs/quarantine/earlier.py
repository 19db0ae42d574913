"""The ids under which records were put back: read where they were put, for a deed has none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from config.settings import Settings
from jobs.quarantine.put_back import ORIGIN, origin
from jobs.quarantine.verdict import id_of
from jobs.topic_reading import Topics
from rules.alert import sm3_raw
from rules.errors import MingjianError
from rules.message import Message

_MARGIN_MS = 86_400_000  # what was put back before has about the time of what comes now


def earlier_ids(
    settings: Settings, row: dict[str, Any], digests: Collection[str], message: Message
) -> dict[str, str]:
    """Of these bytes (SM3) that were put back for a record: their ids, as far as they are found.

    Raises:
        MingjianError: the source cannot be read.
    """
    found: dict[str, str] = {}
    if settings.source.kind == "kafka":
        records = _of_topic(settings, origin(row["position"]), message.time)
    else:
        records = _of_folder(Path(settings.source.path))
    for raw in records:
        digest = sm3_raw(raw)
        if digest in digests:
            found[digest] = id_of(raw)
            if len(found) == len(digests):
                break
    return found


def _of_folder(folder: Path) -> Iterator[bytes]:
    try:
        for file in sorted(folder.glob("messages-replay-*.jsonl")):
            yield from file.read_bytes().split(b"\n")
    except OSError as error:
        raise MingjianError(
            f"cannot read {folder}: {error.strerror or error}",
            f"读不了 {folder}：{error.strerror or error}",
        ) from None


def _of_topic(settings: Settings, place: str, time: int) -> Iterator[bytes]:
    """Records that say that they come from `place`, from a day before `time` (UTC ms) on."""
    topics = Topics(settings)
    try:
        places = topics.places([settings.source.topic])
        for one in topics.records(places, time - _MARGIN_MS):
            if (ORIGIN, place.encode()) in tuple(one.headers):
                yield one.value
    finally:
        topics.close()
