"""A record as far as it is read to tell whether a rule may care."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rules.archive_text import own_words
from rules.message import Message
from rules.parties import who
from rules.plain import AHEAD, Plain, decode_plain, has_whole_body
from rules.view import NAMES, plain_text


class Draft(msgspec.Struct, gc=False):
    """A record without fault, of which only this is known so far; the fields are `Message`'s.

    `known` is what the message is made of: itself, or its typed structs.
    """

    tenant: str
    msgid: str
    time: int
    type: str
    text: str
    flags: tuple[str, ...]
    known: Message | Plain

    def names(self) -> str:
        """The file's name and the title that the record has, as rules compare them, and perhaps
        more; "" for most."""
        known = self.known
        if isinstance(known, Message):
            found = [known.fields.get(name) for name in NAMES]
            flat = [one for value in found for one in (value if type(value) is list else [value])]
        else:
            said = known.payload.body()
            flat = [getattr(said, "filename", None), getattr(said, "title", None)]
        return "\n".join(plain_text(one) for one in flat if one is not None)

    def kind(self) -> tuple[str, str]:
        """Kind of sender and direction, as `Message` has them."""
        known = self.known
        if isinstance(known, Message):
            return known.sender_kind, known.direction
        said = known.payload
        recipients = tuple(map(str.strip, said.tolist)) if said.tolist else ()
        return who(said.sender.strip(), recipients, self.msgid)


def plain_drafts(records: Iterable[bytes], tenant: str, latest: int) -> list[Draft | None]:
    """Of each record, valid UTF-8, the draft; None where the careful road has to look at it.

    One loop without a call for each record of the stream that it can do without. The body of its
    type has been checked.

    Args:
        tenant: the company of records that name none; `latest`: UTC ms, none may be from later.
    """
    found: list[Draft | None] = []
    add = found.append
    for raw in records:
        try:
            known = decode_plain(raw)
        except (msgspec.DecodeError, RecursionError):
            add(None)
            continue
        said, time = known.payload, known.time
        msgid, kind = said.msgid.strip(), said.msgtype
        if (
            time != said.msgtime
            or time > latest
            or time > known.received_at + AHEAD
            or not msgid
            or not said.sender.strip()
        ):
            add(None)
            continue
        if kind == "text":  # most are, so they are asked nothing that only others are
            body = said.text
            if body is None or said.revoke is not None:
                add(None)
                continue
            words = body.content
            if "\n" in words:
                words = own_words(words)[1]
        elif has_whole_body(said):
            words = said.words()
        else:
            add(None)
            continue
        add(Draft(known.tenant or tenant, msgid, time, kind, words, (), known))
    return found
