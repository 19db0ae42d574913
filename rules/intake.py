"""A batch of records as it comes → what is to be judged of it, each message once, and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rules.decode import Decoder
from rules.draft import Draft
from rules.errors import RecordError
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
        read = self._drafts(records)
        places: Sequence[int] = range(len(read))
        refused: list[tuple[int, str, str]] = []
        drafts = [one for one in read if type(one) is Draft]
        if len(drafts) < len(read):
            places = [at for at, one in enumerate(read) if type(one) is Draft]
            refused = [
                (at, one.reason, one.detail)
                for at, one in enumerate(read)
                if isinstance(one, RecordError)
            ]
        heartbeats = len(read) - len(drafts) - len(refused)
        seen = self._seen(drafts, [records[at] for at in places])
        if any(seen):
            # SAME: judged by this very worker, which forgets all when Flink rewinds the source.
            # Judging it again would give the same ids with another position.
            for at, draft, state in zip(places, drafts, seen, strict=True):
                if state == CONFLICT:
                    refused.append((at, "duplicate_id_conflict", draft.msgid))
            places = [at for at, state in zip(places, seen, strict=True) if state == NEW]
            drafts = [one for one, state in zip(drafts, seen, strict=True) if state == NEW]
        repeated = len(read) - len(drafts) - len(refused) - heartbeats
        refused += [
            (at, "unknown_type", draft.type)
            for at, draft in zip(places, drafts, strict=True)
            if draft.flags and FLAG_UNKNOWN_TYPE in draft.flags
        ]
        return Intake(drafts, places, refused, heartbeats, repeated)

    def _seen(self, drafts: Sequence[Draft], records: Sequence[bytes]) -> list[int]:
        """Of each draft NEW, SAME or CONFLICT; [] when all are new.

        What makes two records of one id the same is the source's own object, and of an event its
        type and time; not when and in which order a collector read it. Where the envelope has
        another order, it is the whole record.
        """
        marks = [hash(raw[raw.find(_PAYLOAD) + 1 :]) for raw in records]
        for at, draft in enumerate(drafts):
            known = draft.known
            if type(known) is Message and known.kind == "event":
                marks[at] ^= hash(draft.type)
                if not known.flags:
                    marks[at] ^= hash(str(draft.time))
        tenants = {draft.tenant for draft in drafts}
        if len(tenants) == 1:
            return self._recent.check(tenants.pop(), [one.msgid for one in drafts], marks) or []
        return [
            state
            for draft, mark in zip(drafts, marks, strict=True)
            for state in self._recent.check(draft.tenant, [draft.msgid], [mark]) or (NEW,)
        ]
