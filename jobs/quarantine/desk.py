"""All that the commands about quarantined records need, opened when it is used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

from config.settings import Settings, Target
from jobs.account import account
from jobs.clock import now_ms
from jobs.quarantine.deeds import MESSAGES, Deeds, by_record, dropped_by, settles
from jobs.quarantine.earlier import earlier_ids
from jobs.quarantine.originals import Originals
from jobs.quarantine.put_back import put_back
from jobs.quarantine.refusals import Outcome, refusals, send_again, sent_again, target_named
from jobs.quarantine.shelf import ALL, HANDLED, OPEN, Shelf
from jobs.quarantine.trial import Trial
from jobs.quarantine.verdict import Fit
from rules.alert import sm3_raw
from rules.message import Message
from rules.operations import DROPPED, REPLAYED, Handled, handled
from sinks.base import AlertReader, Rejected
from sinks.id_prefix import not_one
from sinks.readers import open_reader

BATCH = 500
Row = dict[str, Any]


class Desk:
    """Where somebody works off the quarantine; `by` is who, their account when not said."""

    def __init__(self, settings: Settings, by: str = "") -> None:
        self.settings, self.by = settings, by or account()
        self.deeds = Deeds(settings)
        self.originals = Originals(settings)
        self.trial = Trial(settings)

    @cached_property
    def reader(self) -> AlertReader:
        """The index. Raises MingjianError when there is none."""
        return open_reader(self.settings)

    @cached_property
    def shelf(self) -> Shelf:
        """What could not be judged."""
        return Shelf(self.reader, self.deeds)

    def note(self, action: str, row: Row, reason: str = "") -> None:
        """Write down what was done with one record."""
        self.deeds.write([self._deed(action, row["quarantine_id"], reason)])

    def put_back(self, action: str, fits: Sequence[Fit], reason: str = "") -> None:
        """Put records back to the source, then write that down; both are durable.

        Ended in between, the records are back and still listed as open: done again, they are
        ignored by their ids.
        """
        for start in range(0, len(fits), BATCH):
            some = fits[start : start + BATCH]
            put_back(self.settings, some)
            self.deeds.write(
                [
                    self._deed(action, fit.row["quarantine_id"], reason, sm3_raw(fit.raw), MESSAGES)
                    for fit in some
                ]
            )

    def earlier(self, row: Row, digests: Collection[str], message: Message) -> dict[str, str]:
        """The ids of what was put back for a record before, by the SM3 of the bytes."""
        return earlier_ids(self.settings, row, digests, message)

    def dropped_before(self, items: Sequence[Rejected], target: str) -> dict[str, Row]:
        """The deed by which each was dropped since the target refused it last, by record."""
        ids = [item.record.id for item in items]
        deeds = by_record(self.reader.handled(ids), self.deeds.waiting()) if ids else {}
        found = {
            item.record.id: dropped_by(deeds.get(item.record.id, ()), target, item.at)
            for item in items
        }
        return {one: deed for one, deed in found.items() if deed is not None}

    def drop(self, rows: Sequence[Row], reason: str) -> None:
        """Write down that nobody will look at these any more. The records stay where they are."""
        self.deeds.write([self._deed(DROPPED, row["quarantine_id"], reason) for row in rows])

    def refused(self, target: str, state: str = OPEN) -> list[Rejected]:
        """What a target refused and, with `OPEN`, nobody has dealt with since it did so last."""
        items = refusals(self.settings, target_named(self.settings, target))
        if state == ALL or not items:
            return items
        ids = [item.record.id for item in items]
        deeds = by_record(self.reader.handled(ids), self.deeds.waiting())
        return [
            item
            for item in items
            if any(settles(deed, target, item.at) for deed in deeds.get(item.record.id, ()))
            == (state == HANDLED)
        ]

    def refused_one(self, target: str, prefix: str) -> Rejected:
        """The record that a target refused whose id begins so. Raises MingjianError."""
        fitting = [i for i in self.refused(target, ALL) if i.record.id.startswith(prefix)]
        if len(fitting) == 1:
            return fitting[0]
        raise not_one(
            prefix, [item.record.id for item in fitting],
            one=f"record that '{target}' refused", many="records", zh=f"被“{target}”拒收的记录",
            see=f"mingjian quarantine list --target {target}",
        )  # fmt: skip

    def sent_again_to(self, target: str) -> Target:
        """The target of that name. Raises MingjianError where there is none, or it is a channel."""
        return sent_again(target_named(self.settings, target))

    def send_again(self, target: str, items: Sequence[Rejected], reason: str = "") -> Outcome:
        """Offer refused records to their target once more, and write down what it took."""
        outcome = send_again(self.settings, self.sent_again_to(target), items)
        self.deeds.write(
            [
                self._deed(REPLAYED, one.id, reason, sm3_raw(one.body), target)
                for one in outcome.stored
            ]
        )
        return outcome

    def drop_refused(self, target: str, items: Sequence[Rejected], reason: str) -> None:
        """As `drop`, of what a target refused."""
        self.deeds.write([self._deed(DROPPED, item.record.id, reason, to=target) for item in items])

    def _deed(
        self, action: str, record_id: str, reason: str = "", raw_sm3: str = "", to: str = ""
    ) -> Handled:
        return handled(
            action,
            tenant=self.settings.tenant,
            quarantine_id=record_id,
            time=now_ms(),
            by=self.by,
            reason=reason,
            raw_sm3=raw_sm3,
            to=to,
        )
