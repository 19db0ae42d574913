"""Takes out of a pack's records what is to go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from reports.case import MEMBER, Item, Subject
from reports.redaction import NUMBERS, OTHERS, Salts, redacted
from rules.decode import Decoder
from rules.errors import RecordError


def without_what_is_to_go(
    items: Sequence[Item],
    subject: Subject,
    alerts: Sequence[dict[str, Any]],
    what: Collection[str],
    salts: Salts,
    decoder: Decoder,
) -> list[Item]:
    """The items without numbers, and without the words of others than those the pack is about.

    Args:
        what: of `reports.redaction.NUMBERS` and `OTHERS` what is to go.
    """
    about = {subject.id} | {
        one for alert in alerts for one in (alert["actor"], *alert.get("counterparties", ()))
    }
    hits: dict[str, list[dict[str, Any]]] = {}
    for alert in alerts:
        for hit in alert.get("hits") or ():
            hits.setdefault(hit["msgid"], []).append(hit)
    made = []
    for item in items:
        message = item.message
        others = item.role != MEMBER and message.sender not in about
        wanted = OTHERS if others and OTHERS in what else NUMBERS
        if wanted not in what:
            made.append(item)
            continue
        found = redacted(
            item.raw, wanted, salts, item.number, message.text, hits.get(message.msgid, ())
        )
        if not found.holes:
            made.append(item)
            continue
        try:
            message = decoder.decode(found.raw)
        except RecordError:  # what is left tells who and when, and no more
            message = msgspec.structs.replace(message, text="", quoted="", fields={})
        made.append(replace(item, raw=found.raw, message=message, redacted=found, whole=item.raw))
    return made
