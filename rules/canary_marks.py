"""What tells a canary, a message that we planted ourselves, from what people say.

Its id and its people's carry a mark that nobody's has: WeCom gives ids out itself, and an account
that begins so is none of the company's. Both have to say it. An id alone must not be enough, for
whoever hands records in could hide an employee's message behind it.
"""

from __future__ import annotations

from rules.parties import party_kind

MARK = "mjcanary-"
FLAG_CANARY = "canary"
_PREFIXES = (MARK, f"wm{MARK}", f"wo{MARK}", f"wb{MARK}")


def is_person(party: str) -> bool:
    """Whether this account is a canary's own."""
    return party.startswith(_PREFIXES)


def is_canary(msgid: str, sender: str) -> bool:
    """Whether a message is a canary."""
    return msgid.startswith(MARK) and sender.startswith(_PREFIXES)


def own_name(name: str, about: str) -> str:
    """The canary's account that stands for `name`, of the same kind (employee, customer, bot).

    Args:
        about: what tells the people of one canary from those of all others.
    """
    kind = party_kind(name)
    prefix = name[:2] if kind in ("customer", "bot") else ""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "" for letter in name)
    return f"{prefix}{MARK}{about}-{plain.removeprefix(prefix)[-24:]}"


def own_id(identity: str, about: str) -> str:
    """The canary's id that stands for the id of a test case; what its end means is kept."""
    return f"{MARK}{about}-{identity}"
