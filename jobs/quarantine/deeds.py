"""What people do with quarantined records, written down before anybody is told that it is done."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from jobs.delivery.files import part_files
from jobs.quarantine.durable import broker, put_file, send_all
from rules.alert import content_id
from rules.errors import MingjianError
from rules.operations import DROPPED, SETTLING, Handled

MESSAGES = "messages"  # `Handled.to` of a record that went back to the source
_encode = msgspec.json.encode


class Deeds:
    """The output kind `handled` of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.outputs.path) / "handled"

    def write(self, deeds: Sequence[Handled]) -> None:
        """Write them to the output kind `handled`; they are durable when this returns.

        Raises:
            MingjianError: the folder cannot be written, or the broker did not take them.
        """
        if not deeds:
            return
        if self._settings.outputs.kind == "kafka":
            topic = f"{self._settings.outputs.topic_prefix}handled"
            with broker(self._settings) as producer:
                send_all(
                    self._settings,
                    [
                        producer.send(topic, key=one.handled_id.encode(), value=_encode(one))
                        for one in deeds
                    ],
                )
            return
        body = b"".join(_encode(one) + b"\n" for one in deeds)
        put_file(self._folder / f"part-{content_id(body)}.jsonl", body)

    def waiting(self) -> list[dict[str, Any]]:
        """Deeds in files that may not be delivered yet; those in a topic are delivered at once.

        Raises:
            MingjianError: a file cannot be read.
        """
        if self._settings.outputs.kind == "kafka" or not os.path.isdir(self._folder):
            return []
        found: list[dict[str, Any]] = []
        try:
            for file in part_files(self._folder):
                for line in file.read_bytes().splitlines():
                    found.append(msgspec.json.decode(line))
        except (OSError, msgspec.DecodeError) as error:
            raise MingjianError(
                f"cannot read {self._folder}: {error}", f"读不了 {self._folder}：{error}"
            ) from None
        return found


def settles(deed: dict[str, Any], target: str = "", since: int = 0) -> bool:
    """Whether after this deed nobody has to look at the record.

    Args:
        target: the target that refused the record; "" for a record that could not be judged.
        since: when it was refused last (UTC ms): what was done before that has not settled it.
    """
    to = deed.get("to", "")
    if deed["action"] not in SETTLING or deed["time"] < since:
        return False
    return to == target if target else to in ("", MESSAGES)


def dropped_by(
    deeds: Iterable[dict[str, Any]], target: str = "", since: int = 0
) -> dict[str, Any] | None:
    """The last deed that dropped a record; the arguments are those of `settles`."""
    dropped = [one for one in deeds if one["action"] == DROPPED and settles(one, target, since)]
    return dropped[-1] if dropped else None


def by_record(*lists: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Deeds of each record, each once, in the order of time."""
    each = {deed["handled_id"]: deed for deeds in lists for deed in deeds}
    found: dict[str, list[dict[str, Any]]] = {}
    for deed in sorted(each.values(), key=lambda one: (one["time"], one["handled_id"])):
        found.setdefault(deed["quarantine_id"], []).append(deed)
    return found
