"""A message as somebody at the desk is shown it: personal data masked unless they may see it."""

from __future__ import annotations

from typing import Any

import msgspec

from reports.masking import mask_numbers
from rules.errors import MingjianError
from sinks.archive.disposable import Tombstone
from sinks.archive.search import Found, says

_DIGESTS = (".md5", "md5sum")  # name a file, and are long codes


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the screen. Times are UTC ms; `leaf` is its number in the ledger; `sm3` the
    digest of its record in hex. Without content, `damage` says why (English, Chinese)."""

    leaf: int
    msgid: str
    seq: int
    time: int
    kind: str
    type: str
    sender: str
    recipients: tuple[str, ...]
    room: str
    conversation: str
    direction: str
    text: str
    quoted: str
    fields: dict[str, Any]
    masked: bool
    segment: str
    sm3: str
    damage: tuple[str, str] | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a message that was deleted; see `sinks.archive.disposable.Tombstone`. `told`
    is the sentence for people (English, Chinese)."""

    leaf: int
    msgid: str
    seq: int
    time: int
    sm3: str
    plan: str
    book: int
    deleted_at: int
    told: tuple[str, str]


def gone(stone: Tombstone) -> Gone:
    """What to show of a message that was deleted."""
    return Gone(
        leaf=stone.leaf,
        msgid=stone.msgid,
        seq=stone.seq,
        time=stone.time,
        sm3=stone.sm3.hex(),
        plan=stone.plan,
        book=stone.book,
        deleted_at=stone.at,
        told=stone.words(),
    )


def shown(found: Found, *, masked: bool) -> Shown:
    """What to show of a message that was found."""
    row, message = found.row, found.message
    clean = _masked if masked else _as_it_is
    return Shown(
        leaf=row.leaf,
        msgid=row.msgid,
        seq=row.seq,
        time=row.time,
        kind=row.kind,
        type=row.type,
        sender=row.sender,
        recipients=message.recipients if message else (),
        room=row.room,
        conversation=row.conversation,
        direction=row.direction,
        text=clean(message.text) if message else "",
        quoted=clean(message.quoted) if message else "",
        fields=clean(message.fields) if message else {},
        masked=masked,
        segment=row.segment,
        sm3=row.sm3.hex(),
        damage=_words(found.damage),
    )


def says_masked(found: Found, text: str) -> bool:
    """Whether a message that was found says `text` in what is left of it when it is masked; of one
    that cannot be opened nobody can see that."""
    if found.message is None:
        return False
    message = found.message
    clean = {name: _masked(getattr(message, name)) for name in ("text", "quoted", "fields")}
    return says(msgspec.structs.replace(message, **clean), text)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_numbers(value)
    if isinstance(value, dict):
        return {key: one if key.endswith(_DIGESTS) else _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one) for one in value]
    return value


def _as_it_is(value: Any) -> Any:
    return value


def _words(damage: MingjianError | None) -> tuple[str, str] | None:
    return (damage.en, damage.zh) if damage else None
