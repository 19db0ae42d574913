"""A batch of records as it comes → what is to be judged of it, each message once, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rules.decode import Decoder
from rules.draft import Draft
from rules.message import FLAG_UNKNOWN_TYPE, Message
from rules.recent import CONFLICT, NEW, RecentIds

_PAYLOAD = b'"payload":'


class Intake(NamedTuple):
    """What a batch was. `refused`: (place, reason, detail) of what is set aside; a record
    of unknown type is judged all the same."""

    drafts: list[Draft]
    places: Sequence[int]  # of each draft its place in the batch
    refused: list[tuple[int, str, str]]
    heartbeats: int
    repeated: int


class Reader:
    """Reads the batches of one stream; remembers the ids it has seen."""

    def __init__(self, decoder: Decoder) -> None:
        self._drafts = decoder.drafts
        self._recent = RecentIds()

    def read(self, records: Sequence[bytes]) -> Intake:
        """The batch, decoded as far as the choice of rules depends on it."""
        found, odd = self._drafts(records)
        places: Sequence[int] = range(len(found))
        refused: list[tuple[int, str, str]] = []
        careful: dict[int, Draft] = {}  # of what did not go the quick road, by place
        for at in odd:
            one = found[at]
            if isinstance(one, Draft):
                careful[at] = one
            elif one is not None:
                refused.append((at, one.reason, one.detail))
        if len(careful) < len(odd):
            gone = set(odd).difference(careful)
            places = [at for at in places if at not in gone]
        drafts = [one for one in found if isinstance(one, Draft)]
        heartbeats = len(found) - len(drafts) - len(refused)
        repeated = 0
        seen = self._seen(drafts, places, _marks(records, careful))
        if seen is not None:
            # SAME: judged by this very worker, which forgets all when Flink rewinds the source.
            # Judging it again would give the same ids with another position.
            conflicts = [
                (at, "duplicate_id_conflict", draft.msgid)
                for at, draft, state in zip(places, drafts, seen, strict=True)
                if state == CONFLICT
            ]
            refused += conflicts
            places = [at for at, state in zip(places, seen, strict=True) if state == NEW]
            drafts = [one for one, state in zip(drafts, seen, strict=True) if state == NEW]
            repeated = len(seen) - len(drafts) - len(conflicts)
            left = frozenset(places)
            careful = {at: one for at, one in careful.items() if at in left}
        refused += [
            (at, "unknown_type", draft.type)
            for at, draft in careful.items()
            if FLAG_UNKNOWN_TYPE in draft.flags
        ]
        return Intake(drafts, places, refused, heartbeats, repeated)

    def _seen(
        self, drafts: Sequence[Draft], places: Sequence[int], marks: Sequence[int]
    ) -> list[int] | None:
        """Of each draft NEW, SAME or CONFLICT; None when all are new."""
        if len(places) < len(marks):
            marks = [marks[at] for at in places]
        tenants = {draft.tenant for draft in drafts}
        if len(tenants) == 1:
            return self._recent.check(tenants.pop(), [one.msgid for one in drafts], marks)
        return [
            state
            for draft, mark in zip(drafts, marks, strict=True)
            for state in self._recent.check(draft.tenant, [draft.msgid], [mark]) or (NEW,)
        ]


def _marks(records: Sequence[bytes], careful: Mapping[int, Draft]) -> list[int]:
    """What two records of one id have the same of when they are the same: the source's own object,
    and of an event its type and time; not when and in which order a collector read it. Where the
    envelope has another order, it is the whole record."""
    marks = [hash(raw[raw.find(_PAYLOAD) + 1 :]) for raw in records]
    for at, draft in careful.items():
        known = draft.known
        if isinstance(known, Message) and known.kind == "event":
            marks[at] ^= hash(draft.type)
            if not known.flags:
                marks[at] ^= hash(str(draft.time))
    return marks
