"""Where the surroundings of a case come from: the records before and after its members.

Context is taken from both sides and from everybody in the conversation, because what exculpates
somebody is evidence too.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
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


Spans = tuple[tuple[int, int], ...]  # of time: (start, end), in order and apart
Said = tuple[str, str]  # a sentence for people: English, Chinese


@dataclass(frozen=True)
class Wanted:
    """What surroundings are asked for. Times are UTC ms, both ends included.

    Args:
        conversations: conversation id -> when.
        acts: person -> when: their side events.
        talk: person -> when: everything they said or were told.
        near: positions of the members, for sources that can seek.
        limit: most records taken per conversation, and of one person's events.
        talk_limit: most records taken of what one person said or was told.
    """

    conversations: Mapping[str, Spans] = field(default_factory=dict)
    acts: Mapping[str, Spans] = field(default_factory=dict)
    talk: Mapping[str, Spans] = field(default_factory=dict)
    near: tuple[Position, ...] = ()
    members: tuple[str, ...] = ()  # ids of the messages that make up the case
    limit: int = 5000
    talk_limit: int = 10_000

    def reach(self) -> tuple[int, int]:
        """The first and the last moment that is asked for; (0, -1): none is."""
        spans = [
            span
            for asked in (self.conversations, self.acts, self.talk)
            for one in asked.values()
            for span in one
        ]
        first, last = (start for start, _ in spans), (end for _, end in spans)
        return min(first, default=0), max(last, default=-1)


def merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """The same time in spans that are in order and do not touch."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)


def within(time: int, spans: Spans) -> bool:
    """Whether a moment lies in one of the spans."""
    return any(start <= time <= end for start, end in spans)


class DeletedBy(NamedTuple):
    """Messages that were deleted by one policy: its name ("": none kept them any more), titles
    (English, Chinese) and law, the basis of the deletion (`sinks.archive.due`), how many, when the
    first and the last were said and were deleted (UTC ms), by which plans."""

    policy: str
    title: Said
    law: str
    basis: str
    messages: int
    said: tuple[int, int]
    removed: tuple[int, int]
    plans: tuple[str, ...]


class Deleted(NamedTuple):
    """What was deleted of what is asked for; `unknown` more may be of it, or of something else."""

    groups: tuple[DeletedBy, ...]
    messages: int
    unknown: int


@dataclass
class Found:
    """What a source gave, and what it did not: `scanned` and `limits` go into the pack;
    `stored_only` messages may not be used (个人信息保护法 art. 47); `deleted` is None where the
    source cannot say."""

    messages: list[ContextRecord] = field(default_factory=list)
    events: list[ContextRecord] = field(default_factory=list)
    talk: list[ContextRecord] = field(default_factory=list)
    source: str = ""
    scanned: int = 0  # bytes for files, records for Kafka
    bad: int = 0  # records that held a wanted id but could not be read
    segments: set[str] = field(default_factory=set)  # of an archive: in which such records are
    limits: list[Said] = field(default_factory=list)  # empty: nothing was cut
    stored_only: int = 0
    deleted: Deleted | None = None

    def sort(self) -> None:
        """Bring everything into event-time order, ties by archive sequence."""
        for records in (self.messages, self.events, self.talk):
            records.sort(key=lambda one: (one.message.time, one.message.seq, one.message.msgid))


class ContextSource(Protocol):
    """Gives the records around a case, in one pass over the source."""

    def fetch(self, wanted: Wanted) -> Found:
        """What was found. Raises MingjianError when the source is not there at all."""


class NoContext:
    """A source for cases whose surroundings are not to be had; says so in the pack."""

    def __init__(
        self, en: str = "no source of messages is configured", zh: str = "未配置会话来源"
    ) -> None:
        self._why = (en, zh)

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
        self._taken: dict[tuple[str, str], int] = {}
        self._start, self._end = wanted.reach()
        self.needles = _needles(wanted)

    def may_matter(self, line: bytes) -> bool:
        """False only for a record whose envelope gives a time outside every wanted span."""
        head = _TIME.match(line)
        if not head or head[2] == b"0":  # another shape, or time unknown: decode to see
            return True
        if head[1] == b"event" and not self._wanted.acts:
            return False
        return self._start <= int(head[2]) <= self._end

    def take(self, line: bytes, position: Position) -> None:
        """Decode one record and keep it if it is wanted."""
        try:
            message = self._decoder.decode(line)
        except RecordError:
            self._found.bad += 1
            return
        wanted, found, time = self._wanted, self._found, message.time
        record = ContextRecord(line, position, message)
        if message.kind == "event":
            if within(time, wanted.acts.get(message.sender, ())):
                self._keep(found.events, ACTS, message.sender, wanted.limit, record)
            return
        if within(time, wanted.conversations.get(message.conversation, ())):
            self._keep(found.messages, CONVERSATION, message.conversation, wanted.limit, record)
        for person in {message.sender, *message.recipients} & wanted.talk.keys():
            if within(time, wanted.talk[person]):
                self._keep(found.talk, TALK, person, wanted.talk_limit, record)
                break

    def _keep(
        self, records: list[ContextRecord], what: str, whose: str, limit: int, record: ContextRecord
    ) -> None:
        count = self._taken[what, whose] = self._taken.get((what, whose), 0) + 1
        if count <= limit:
            records.append(record)
        elif count == limit + 1:
            self._found.limits.append(beyond(what, whose, limit))


CONVERSATION, ACTS, TALK = "conversation", "acts", "talk"
_GROUPS = {
    CONVERSATION: ("the conversation {}", "会话 {}"),
    ACTS: ("the recorded acts of {}", "{} 的行为记录"),
    TALK: ("what {} said or was told", "{} 的往来消息"),
}


def beyond(what: str, whose: str, limit: int) -> Said:
    """That there were more records than are taken."""
    en, zh = (one.format(whose) for one in _GROUPS[what])
    return (
        f"{en}: more than {limit:,}, the others were not read",
        f"{zh}：超过 {limit:,} 条，其余未读取",
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
    ids += [*wanted.acts, *wanted.talk]
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
    members = list(members)
    ids = {msgid for _, _, msgid in members}
    wanted: set[int] = set()
    others = [at for at, one in enumerate(ordered) if one.message.msgid not in ids]
    keys = [(ordered[at].message.time, ordered[at].message.seq) for at in others]
    for time, seq, _ in members:
        middle = bisect_right(keys, (time, seq))
        wanted.update(others[max(0, middle - each_side) : middle + each_side])
    yield from (ordered[at] for at in sorted(wanted))
