"""Takes out of a pack's records what is to go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from reports.case import MEMBER, Item, Subject
from reports.masking import mask_numbers
from reports.redaction import NUMBERS, OTHERS, Salts, redacted
from rules.decode import Decoder
from rules.errors import RecordError
from rules.message import Message


def without_what_is_to_go(
    items: Sequence[Item],
    subject: Subject,
    alerts: Sequence[dict[str, Any]],
    what: Collection[str],
    salts: Salts,
    decoder: Decoder,
) -> list[Item]:
    """The items without numbers and secrets, and without the words of others than those the pack
    is about.

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
        own = hits.get(message.msgid, ())
        read = _without(item, wanted, own, salts, decoder)
        if wanted == NUMBERS and _still_tells(read.message):
            read = _without(item, OTHERS, own, salts, decoder)
        made.append(read)
    return made


def _without(
    item: Item, what: str, hits: Sequence[dict[str, Any]], salts: Salts, decoder: Decoder
) -> Item:
    """The item without `what`; as it is where there is nothing of that in it."""
    message = item.message
    fields = {"quoted": message.quoted, **dict(_texts("", message.fields))}
    found = redacted(item.raw, what, salts, item.number, message.text, hits, fields)
    if not found.holes:
        return item
    try:
        message = decoder.decode(found.raw)
    except RecordError:  # what is left tells who and when, and no more
        message = msgspec.structs.replace(message, text="", quoted="", fields={})
    return replace(item, raw=found.raw, message=message, redacted=found, whole=item.raw)


def _still_tells(message: Message) -> bool:
    """Is a number still in the words, which are not in the record as they are read? JSON in JSON in
    a text may hide them, or a URL that is written in codes. Then all of the content has to go."""
    links = [text for name, text in _texts("", message.fields) if name.startswith("link.")]
    return any(
        one != shown and one.isalnum()
        for text in (message.text, message.quoted, *links)
        for one, shown in zip(text, mask_numbers(text), strict=True)
    )


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """(name, text) of every text in the fields of a message."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(f"{name}.{key}" if name else key, one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _texts(f"{name}.{number}", one)
