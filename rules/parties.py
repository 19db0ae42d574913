"""Who takes part in a message, seen from the company, by ids alone."""

from __future__ import annotations

from functools import lru_cache

_EXTERNAL_ID_LENGTH = 12  # prefix and at least ten more characters
_EXTERNAL = "_external"  # end of a msgid: the conversation has outsiders


@lru_cache(maxsize=1 << 16)
def party_kind(party: str) -> str:
    """What an id alone says of a party: customer, bot or employee; system when it is empty.

    WeCom marks outsiders with wm (微信) or wo (企业微信) and bots with wb; their ids are long, so a
    colleague whose userid happens to begin that way stays an employee.
    """
    if not party:
        return "system"
    prefix = party[:2]
    if prefix in ("wm", "wo", "wb") and len(party) >= _EXTERNAL_ID_LENGTH:
        rest = party[2:].replace("_", "").replace("-", "")
        if not rest or (rest.isascii() and rest.isalnum()):
            return "bot" if prefix == "wb" else "customer"
    return "employee"


def who(sender: str, recipients: tuple[str, ...], msgid: str) -> tuple[str, str]:
    """(sender_kind, direction) as docs/data-formats.md defines them."""
    kind = party_kind(sender)
    if kind == "customer":
        return kind, "inbound"
    if msgid.endswith(_EXTERNAL):
        return kind, "outbound"
    for recipient in recipients:
        if party_kind(recipient) == "customer":
            return kind, "outbound"
    return kind, "internal"


def between(sender: str, recipients: tuple[str, ...]) -> str:
    """Conversation without a room: the parties sorted and joined by `|`, each once."""
    if len(recipients) == 1:
        other = recipients[0]
        if sender < other:
            return f"{sender}|{other}"
        return f"{other}|{sender}" if other < sender else sender
    return "|".join(sorted({sender, *recipients}))
