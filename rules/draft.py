"""A record as far as it is read to tell whether a rule may care."""

from __future__ import annotations

import msgspec

from rules.message import Message
from rules.parties import who
from rules.plain import Plain
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
