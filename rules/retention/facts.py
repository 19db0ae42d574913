"""What policies and holds look at in a message. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rules.message import KINDS

Renaming = Callable[[str, str], str]
"""(kind of name, name) -> what stands for it: how facts are kept of what is gone. Kinds are
`PERSON` and so on."""
PERSON, ROOM, CONVERSATION, DEPARTMENT, ALERT, RULE = "p", "r", "c", "d", "a", "u"


class Facts(NamedTuple):
    """One message. `time` is UTC ms. `recipients` is None when they cannot be told, because the
    message does not open; `departments` are those of its employees, None when not all are known;
    `alerts` and `rules` those of alerts that name it."""

    time: int
    kind: str
    type: str
    sender: str
    recipients: frozenset[str] | None
    room: str = ""
    conversation: str = ""
    departments: frozenset[str] | None = frozenset()
    alerts: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()

    @property
    def decoded(self) -> bool:
        """Whether the record could be decoded. Of one that could not, nothing but its arrival is
        known: whatever is asked of it may be so."""
        return self.kind in KINDS

    def party(self, person: str) -> bool | None:
        """Whether somebody said or was told it; None when that cannot be known."""
        if person == self.sender:
            return True
        return None if self.recipients is None else person in self.recipients

    def is_in(self, place: str, wanted: str) -> bool:
        """Whether `place`, its room or conversation, is the wanted one or may be."""
        return not self.decoded or place == wanted

    def renamed(self, name: Renaming) -> Facts:
        """With other names for everybody."""

        def of(kind: str, names: frozenset[str] | None) -> frozenset[str] | None:
            return None if names is None else frozenset(name(kind, one) for one in names)

        return self._replace(
            sender=given(name, PERSON, self.sender),
            recipients=of(PERSON, self.recipients),
            room=given(name, ROOM, self.room),
            conversation=given(name, CONVERSATION, self.conversation),
            departments=of(DEPARTMENT, self.departments),
            alerts=of(ALERT, self.alerts) or frozenset(),
            rules=of(RULE, self.rules) or frozenset(),
        )


def given(name: Renaming, kind: str, value: str) -> str:
    """The new name, where there is one."""
    return name(kind, value) if value else ""
