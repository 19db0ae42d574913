"""Legal holds: why a message does not go although its time is over. Pure.

A hold names what it is for by any of a person, a room, a conversation, a span of time, words, an
alert, a rule; all that is named has to fit. What cannot be known fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from rules.errors import MingjianError
from rules.retention.facts import (
    ALERT,
    CONVERSATION,
    PERSON,
    ROOM,
    RULE,
    Facts,
    Renaming,
    given,
)

PLACED, LIFTED = "hold_placed", "hold_lifted"  # actions of the custody book


class HoldScope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a hold is for. `employee` and `customer` said or were told it; times are UTC ms,
    [since, until), 0: no end; `text` are words that stand in it."""

    alert: str = ""
    conversation: str = ""
    customer: str = ""
    employee: str = ""
    room: str = ""
    rule: str = ""
    since: int = 0
    text: str = ""
    until: int = 0

    def renamed(self, name: Renaming) -> HoldScope:
        """With other names for everybody."""
        return msgspec.structs.replace(
            self,
            alert=given(name, ALERT, self.alert),
            conversation=given(name, CONVERSATION, self.conversation),
            customer=given(name, PERSON, self.customer),
            employee=given(name, PERSON, self.employee),
            room=given(name, ROOM, self.room),
            rule=given(name, RULE, self.rule),
        )


class Deed(NamedTuple):
    """A line of the custody book: its number, when (UTC ms), who, what, why, with what."""

    number: int
    at: int
    who: str
    action: str
    why: str
    details: dict[str, Any]


class Hold(NamedTuple):
    """A hold and the deeds that placed and lifted it (None: it holds)."""

    id: str
    scope: HoldScope
    placed: Deed
    lifted: Deed | None = None


Says = Callable[[Hold], bool]
"""Whether the words of a hold stand in the message."""


def held_by(facts: Facts, says: Says | None, holds: Iterable[Hold]) -> list[Hold]:
    """Which of these holds, that are in force, hold a message.

    Args:
        says: looks for a hold's words in the message; None when it cannot be read, and then it
            may hold them.
    """
    return [hold for hold in holds if _fits(facts, says, hold)]


def _fits(facts: Facts, says: Says | None, hold: Hold) -> bool:
    scope = hold.scope
    people = (one for one in (scope.employee, scope.customer) if one)
    return (
        (facts.time >= scope.since or not facts.decoded)
        and (not scope.until or facts.time < scope.until or not facts.decoded)
        and (not scope.room or facts.is_in(facts.room, scope.room))
        and (not scope.conversation or facts.is_in(facts.conversation, scope.conversation))
        and (not scope.alert or scope.alert in facts.alerts)
        and (not scope.rule or scope.rule in facts.rules)
        and all(facts.party(one) is not False for one in people)
        and (not scope.text or says is None or says(hold))
    )


def replay(deeds: Iterable[Deed]) -> list[Hold]:
    """Every hold that was ever placed, by the deeds of the custody book in order. Lifting an id
    lifts every hold that has it.

    Raises:
        MingjianError: a deed places a hold that cannot be read. Nothing may go then.
    """
    holds: list[Hold] = []
    for deed in deeds:
        if deed.action == PLACED:
            holds.append(_placed(deed))
        elif deed.action == LIFTED:
            wanted = deed.details.get("hold")  # of two who lift it at once the second lifts nothing
            holds = [
                hold._replace(lifted=deed) if hold.id == wanted and not hold.lifted else hold
                for hold in holds
            ]
    return holds


def in_force(holds: Iterable[Hold]) -> list[Hold]:
    """Those that were not lifted."""
    return [hold for hold in holds if hold.lifted is None]


def before(deeds: Sequence[Deed], number: int) -> list[Hold]:
    """The holds in force in front of a line of the book."""
    return in_force(replay(deed for deed in deeds if deed.number < number))


def details(hold_id: str, scope: HoldScope) -> dict[str, Any]:
    """What the deed that places a hold says."""
    return {"hold": hold_id, "scope": msgspec.to_builtins(scope)}


def _placed(deed: Deed) -> Hold:
    try:
        scope = msgspec.convert(deed.details["scope"], HoldScope)
        hold_id = deed.details["hold"]
    except (KeyError, msgspec.ValidationError):
        raise _unreadable(deed) from None
    if not isinstance(hold_id, str) or scope == HoldScope():
        raise _unreadable(deed)
    return Hold(hold_id, scope, deed)


def _unreadable(deed: Deed) -> MingjianError:
    return MingjianError(
        f"line {deed.number} of the custody book places a hold that cannot be read",
        f"保管记录第 {deed.number} 行设置的法律保全无法辨认",
        fix_en="nothing is deleted until it can; was it written by a newer version?",
        fix_zh="在能辨认之前不删除任何内容；它是否由更新的版本写成？",
    )
