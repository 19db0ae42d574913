"""Which alerts the job has written, whether or not anybody has delivered them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from config.settings import Settings
from jobs.delivery.files import FileOutputs
from jobs.topic_reading import Topics
from rules.alert import FINAL

_MARGIN_MS = 86_400_000  # alerts are written after their time, a day behind it at most


class _Told(msgspec.Struct):
    alert_id: str = ""
    status: str = ""


_read = msgspec.json.Decoder(_Told).decode


def told(settings: Settings, wanted: set[str], since: int) -> set[str]:
    """Of these ids those that stand as final alerts in the outputs.

    Args:
        since: time (UTC ms) of the earliest of them.

    Raises:
        MingjianError: the outputs cannot be read.
    """
    found: set[str] = set()
    if not wanted:
        return found
    bodies = _of_topic if settings.outputs.kind == "kafka" else _of_files
    for body in bodies(settings, since):
        try:
            one = _read(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue  # the deliverer sets aside what is no record
        if one.status == FINAL and one.alert_id in wanted:
            found.add(one.alert_id)
            if len(found) == len(wanted):
                break
    return found


def _of_files(settings: Settings, _since: int) -> Iterator[bytes]:
    outputs = FileOutputs(settings.outputs.path, {}, ("alerts",))
    while (batch := outputs.poll()) is not None:
        yield from (record.body for record in batch.records)


def _of_topic(settings: Settings, since: int) -> Iterator[bytes]:
    topics = Topics(settings)
    try:
        places = topics.places([f"{settings.outputs.topic_prefix}alerts"])
        yield from (one.value for one in topics.records(places, since - _MARGIN_MS))
    finally:
        topics.close()
