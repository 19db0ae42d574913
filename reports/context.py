"""Where the surroundings of a case come from: the records before and after its members.

Context is taken from both sides and from everybody in the conversation, because what exculpates
somebody is evidence too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rules.alert import Position
from rules.decode import Decoder
from rules.errors import RecordError
from rules.message import Message

_TIME = re.compile(rb'^\s*\{"v":1,"kind":"(archive|event)","time":(\d+),')


class ContextRecord(NamedTuple):
    """One record of the source: its bytes as they stand there, where, and what they mean."""

    raw: bytes
    position: Position
    message: Message


@dataclass(frozen=True)
class Wanted:
    """What surroundings are asked for. Times are UTC ms, both ends included.

    Args:
        conversations: conversation id -> (start, end).
        actor: employee whose events are wanted; "" for none.
        events: (start, end) of those events.
        near: positions of the members, for sources that can seek.
        limit: most records taken per conversation, and of events.
    """

    conversations: dict[str, tuple[int, int]]
    actor: str = ""
    events: tuple[int, int] = (0, 0)
    near: tuple[Position, ...] = ()
    limit: int = 5000


@dataclass
class Found:
    """What a source gave, and what it did not: `scanned` and `limits` go into the pack."""

    messages: list[ContextRecord] = field(default_factory=list)
    events: list[ContextRecord] = field(default_factory=list)
    source: str = ""
    scanned: int = 0  # bytes for files, records for Kafka
    bad: int = 0  # records that held a wanted id but could not be decoded
    limits: list[str] = field(default_factory=list)  # Chinese sentences; empty: nothing was cut

    def sort(self) -> None:
        """Bring everything into event-time order, ties by archive sequence."""
        for records in (self.messages, self.events):
            records.sort(key=lambda one: (one.message.time, one.message.seq, one.message.msgid))


class ContextSource(Protocol):
    """Gives the records around a case, in one pass over the source."""

    def fetch(self, wanted: Wanted) -> Found:
        """What was found. Raises MingjianError when the source is not there at all."""


class NoContext:
    """A source for cases whose surroundings are not to be had; says so in the pack."""

    def __init__(self, why: str = "未配置会话来源") -> None:
        self._why = why

    def fetch(self, wanted: Wanted) -> Found:
        """Nothing, with the reason."""
        return Found(source="none", limits=[self._why])


class Sieve:
    """Lets the wanted records of a stream through; decodes only lines that can be wanted.

    Args:
        decoder: turns raw bytes into messages.
    """

    def __init__(self, wanted: Wanted, decoder: Decoder, found: Found) -> None:
        self._wanted, self._decoder, self._found = wanted, decoder, found
        self._taken: dict[str, int] = {}
        spans = [*wanted.conversations.values(), *([wanted.events] if wanted.actor else [])]
        self._start = min((start for start, _ in spans), default=0)
        self._end = max((end for _, end in spans), default=-1)
        self.needles = _needles(wanted)

    def may_matter(self, line: bytes) -> bool:
        """False only for a record whose envelope gives a time outside every wanted span."""
        head = _TIME.match(line)
        if not head or head[2] == b"0":  # another shape, or time unknown: decode to see
            return True
        if head[1] == b"event" and not self._wanted.actor:
            return False
        return self._start <= int(head[2]) <= self._end

    def take(self, line: bytes, position: Position) -> None:
        """Decode one record and keep it if it is wanted."""
        try:
            message = self._decoder.decode(line)
        except RecordError:
            self._found.bad += 1
            return
        wanted, found = self._wanted, self._found
        if message.kind == "event":
            start, end = wanted.events
            if message.sender == wanted.actor and wanted.actor and start <= message.time <= end:
                self._keep(found.events, "", ContextRecord(line, position, message))
            return
        span = wanted.conversations.get(message.conversation)
        if span and span[0] <= message.time <= span[1]:
            record = ContextRecord(line, position, message)
            self._keep(found.messages, message.conversation, record)

    def _keep(self, records: list[ContextRecord], group: str, record: ContextRecord) -> None:
        count = self._taken[group] = self._taken.get(group, 0) + 1
        if count <= self._wanted.limit:
            records.append(record)
        elif count == self._wanted.limit + 1:
            self._found.limits.append(
                f"{group or '该员工的行为记录'}：超过 {self._wanted.limit} 条，其余未读取"
            )


def _needles(wanted: Wanted) -> tuple[bytes, ...]:
    """Byte strings one of which every wanted record contains: one id a conversation, the actor.

    Of the two parties of a direct chat the longer id is taken: outsiders' ids are long and rare,
    an employee's stands in all his messages. Each in the forms JSON can give it.
    """
    ids: list[str] = []
    for conversation in wanted.conversations:
        parties = [party for party in conversation.split("|") if party]
        ids.append(max(parties, key=len) if parties else conversation)
    if wanted.actor:
        ids.append(wanted.actor)
    forms: dict[bytes, None] = {}
    for one in ids:
        forms[one.encode()] = None
        forms[json.dumps(one)[1:-1].encode()] = None
    forms.pop(b"", None)
    # A needle that contains another one finds nothing new.
    return tuple(
        form for form in forms if not any(other != form and other in form for other in forms)
    )


def around(
    records: Iterable[ContextRecord], members: Iterable[tuple[int, int, str]], each_side: int
) -> Iterator[ContextRecord]:
    """The `each_side` records before and after every member, in order, members left out.

    Args:
        records: one conversation in order.
        members: (time, seq, msgid) of its members.
    """
    ordered = list(records)
    ids = {msgid for _, _, msgid in members}
    keys = [(one.message.time, one.message.seq) for one in ordered]
    wanted: set[int] = set()
    others = [at for at, one in enumerate(ordered) if one.message.msgid not in ids]
    for time, seq, _ in members:
        before = [at for at in others if keys[at] <= (time, seq)]
        before = before[max(0, len(before) - each_side) :]
        after = [at for at in others if keys[at] > (time, seq)][:each_side]
        wanted.update(before + after)
    yield from (ordered[at] for at in sorted(wanted))
