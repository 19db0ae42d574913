"""Carries a plan of deletion out, so that a crash at any point is harmless.

Of each few segments, in this order: the messages are judged once more by the holds in force now;
segments without them are stored under new names; a line of the custody book says that they go,
and if a hold came in front of that line, they are judged again; their tombstones are entered in
the ledger; one transaction of the index lets those that stay point to the new segments and turns
the others into tombstones; the old segments are removed. A tombstone whose message is still there
when a plan is taken up again is taken back first, and the message judged like any other.

One process writes an archive: whoever holds its ledger. So a plan is carried out by that process
between two flushes, a few segments at a time, or by another one while that one rests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.alert import sm3_raw
from rules.retention.holds import Hold, held_by, in_force, replay
from rules.retention.policies import keep_until
from sinks.archive.custody import Line
from sinks.archive.disposable import (
    DISPOSAL,
    DISPOSED,
    Disposed,
    Tombstone,
    digest,
    encode,
    spans,
    spared_leaf,
    tombstone_leaf,
    within,
)
from sinks.archive.disposal_parts import Parts, Step, ended, refuse
from sinks.archive.disposal_plan import Going, Plan, party_of
from sinks.archive.due import counting, due
from sinks.archive.facts import facts_of, sayer
from sinks.archive.hit_book import HitBook
from sinks.archive.hold_book import (
    By,
    deeds,
    note_end,
    note_removal,
    removals,
    require_confirmed,
)
from sinks.archive.kept import message_of
from sinks.archive.leaves import CUSTODY, OtherLeaf, other_entry
from sinks.archive.plans import Plans
from sinks.archive.resealing import Records, Resealed
from sinks.archive.rows import Row, Stored

MAX_BYTES = 8 * 1024 * 1024  # of the segments that are written anew at once
MAX_MESSAGES = 5_000
HELD, CHANGED, NOT_DUE, STUCK = "held", "changed", "not_due", "stuck"
_STAMP, _NAME = 13, 30  # characters of a time, and of a name made here


def carry_out(parts: Parts, plan_id: str, *, who: str, role: str, why: str) -> Iterator[Step]:
    """Carry a plan out, or go on with it; between two steps the archive may be written to.

    Raises:
        MingjianError: there is no such plan, it was altered, nobody else approved it, the
            schedule is another than then, or the archive has to be opened first.
        OSError, sqlite3.Error: an end did not take it; go on later with the ledger opened anew.
    """
    plan = Plans(parts.folder).read(plan_id)
    if ended(parts, plan_id):
        return
    refuse(parts, plan, plan_id)
    yield from _Run(parts, plan, plan_id, who, role, why).steps()


class _Run:
    def __init__(
        self, parts: Parts, plan: Plan, plan_id: str, who: str, role: str, why: str
    ) -> None:
        self._parts, self._plan, self._id = parts, plan, plan_id
        self._who, self._role, self._why = who, role, why
        self._going = {one.leaf: one for one in plan.messages}
        self._counted = counting(plan.policies, plan.basis)
        self._name = plan.renaming()
        self._stayed: dict[str, set[int]] = {}

    def steps(self) -> Iterator[Step]:
        self._enter([OtherLeaf(DISPOSAL, self._id, self._id)])
        self._discard()
        self._take_back()
        done, of = 0, len(self._going)
        for batch in self._batches():
            self._batch(batch)
            done += sum(map(len, batch))
            yield Step(done, of)
        self._end()
        yield Step(of, of)

    def _batches(self) -> Iterator[list[list[Row]]]:
        """Rows that are to go, by segment, few enough segments for one step."""
        batch: list[list[Row]] = []
        size = count = 0
        for rows in self._by_segment():
            known = self._parts.disposals.segment(rows[0].segment)
            more = known.size if known else 0
            if batch and (size + more > MAX_BYTES or count + len(rows) > MAX_MESSAGES):
                yield batch
                batch, size, count = [], 0, 0
            batch.append(rows)
            size, count = size + more, count + len(rows)
        if batch:
            yield batch

    def _by_segment(self) -> Iterator[list[Row]]:
        leaves = sorted(self._going)
        rows: list[Row] = []
        for start in range(0, len(leaves), MAX_MESSAGES):
            for row in self._parts.disposals.rows_at(leaves[start : start + MAX_MESSAGES]):
                if rows and rows[0].segment != row.segment:
                    yield rows
                    rows = []
                rows.append(row)
        if rows:
            yield rows

    def _batch(self, batch: Sequence[Sequence[Row]]) -> None:
        parts = self._parts
        opened = [self._records(rows[0]) for rows in batch]
        while True:
            lines = list(parts.book.lines())
            last, found = lines[-1].number if lines else 0, deeds(lines)
            require_confirmed(found)
            holds = in_force(replay(found))
            at = parts.now()
            goes = [self._judged(rows, records, holds, at)
                    for rows, records in zip(batch, opened, strict=True)]  # fmt: skip
            gone = [row for rows in goes for row in rows]
            if not gone:
                return
            resealed = [self._resealed(rows, records)
                        for rows, records in zip(goes, opened, strict=True) if rows]  # fmt: skip
            line = note_removal(
                parts.book,
                self._id,
                spans(row.leaf for row in gone),
                [hold.id for hold in holds if hold.scope.text],
                By(self._who, self._role, at, self._why),
            )
            if line.number == last + 1:  # else somebody wrote in between, perhaps a hold
                break
        stones = [_stone(row, self._id, line.number, at) for row in gone]
        self._enter_lines([*lines, line])
        self._enter([tombstone_leaf(stone) for stone in stones])
        parts.disposals.dispose(
            Disposed(
                stones,
                [moved for one in resealed if one for moved in one.moved],
                [one.made for one in resealed if one],
                [rows[0].segment for rows in goes if rows],
            )
        )
        self._discard()

    def _records(self, row: Row) -> Records:
        rows = self._parts.disposals.rows_in(row.segment, row.leaf)
        return Records(rows, self._parts.objects, self._parts.keys)

    def _resealed(self, going: Sequence[Row], records: Records) -> Resealed | None:
        parts, old = self._parts, going[0].segment
        was = parts.disposals.segment(old)
        if was is None:
            raise RuntimeError(f"segment {old} left the index while it was worked on")
        return records.reseal(
            {row.leaf for row in going},
            was,
            _new_name(old, was.created_at, self._id),
            tenant=parts.tenant,
            objects=parts.objects,
            keys=parts.keys,
            random=parts.random,
        )

    def _judged(
        self, rows: Sequence[Row], records: Records, holds: Sequence[Hold], at: int
    ) -> list[Row]:
        """Those that still may go."""
        alerts = self._parts.disposals.alerts_of([row.leaf for row in rows])
        going = []
        for row in rows:
            raw = records.raw.get(row.leaf)
            stays = self._stays(row, raw, alerts.get(row.leaf, ()), holds, at)
            if stays:
                self._stay(row.leaf, stays)
            else:
                going.append(row)
        if not records.stays_whole({row.leaf for row in going}):
            for row in going:
                self._stay(row.leaf, STUCK)
            return []
        return going

    def _stays(
        self,
        row: Row,
        raw: bytes | None,
        alerts: Sequence[tuple[str, str]],
        holds: Sequence[Hold],
        at: int,
    ) -> str:
        """Why a message stays now; "" when it may go."""
        message = None if raw is None else message_of(self._parts.decoder, raw)
        facts = facts_of(row, message, alerts, self._parts.departments)
        planned: Going = self._going[row.leaf]
        if held_by(facts, sayer(row, message), holds):
            return HELD
        if party_of(facts.renamed(self._name)) != self._plan.facts[planned.facts]:
            return CHANGED
        kept = keep_until(facts, self._counted)
        return "" if due(kept, at, self._plan.basis) else NOT_DUE

    def _stay(self, leaf: int, why: str) -> None:
        for leaves in self._stayed.values():
            leaves.discard(leaf)
        self._stayed.setdefault(why, set()).add(leaf)

    def _take_back(self) -> None:
        """Tombstones that were entered and whose messages are still there."""
        parts = self._parts
        for removal in removals(deeds(parts.book.lines()), self._id):
            leaves = [leaf for leaf in within(removal.leaves) if leaf in self._going]
            rows = parts.disposals.rows_at(leaves)
            stones = [_stone(row, self._id, removal.number, removal.at) for row in rows]
            entered = parts.index.entered([tombstone_leaf(stone) for stone in stones])
            spared = [spared_leaf(stone) for stone in stones if tombstone_leaf(stone) in entered]
            self._enter(spared)

    def _enter(self, leaves: Sequence[OtherLeaf]) -> None:
        """Enter in ledger and index what is not there yet."""
        parts = self._parts
        known = parts.index.entered(leaves)
        new = [leaf for leaf in leaves if leaf not in known]
        if new:
            first = parts.ledger.append(list(map(other_entry, new)))
            numbered = list(enumerate(new, first))
            parts.index.store(Stored((), (), numbered, (), {}, parts.ledger.size))

    def _enter_lines(self, lines: Sequence[Line]) -> None:
        """What the book says is in the ledger before the tombstones that rest on it."""
        after = self._parts.index.positions().get(CUSTODY, 0)
        self._enter([OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw))
                     for line in lines if line.number > after])  # fmt: skip

    def _discard(self) -> None:
        names = self._parts.disposals.discards()
        for name in names:
            self._parts.objects.delete(name)
        if names:
            self._parts.disposals.discarded(names)

    def _end(self) -> None:
        """Clear what the index still has of those that are gone, and say what was done."""
        parts = self._parts
        self._sweep()
        parts.disposals.clear()
        self._forget_hits()
        plans = Plans(parts.folder)
        at, done = parts.now(), plans.done(self._id)
        if done is None:
            stayed = {row.leaf for row in parts.disposals.rows_at(sorted(self._going))}
            told = {
                "v": 1,
                "kind": "disposal done",
                "plan": self._id,
                "at": at,
                "deleted": len(self._going) - len(stayed),
                "stayed": {why: spans(found) for why, found in sorted(self._stayed.items())},
            }
            done = encode(told)
            plans.keep_done(self._id, done)
        by = By(self._who, self._role, at, self._why)
        note_end(parts.book, self._id, digest(done), by)
        self._enter([OtherLeaf(DISPOSED, self._id, digest(done))])

    def _forget_hits(self) -> None:
        """What alerts named of those that are gone, also where it stands beside the index."""
        leaves = sorted(self._going)
        if leaves:
            buried = self._parts.disposals.buried(leaves[0], leaves[-1])
            gone = {(one.time, one.msgid) for one in buried if one.plan == self._id}
            HitBook(self._parts.folder).forget(gone)

    def _sweep(self) -> None:
        """Segments that were stored by a step that was cut short, and are in no index."""
        for name in list(self._parts.objects.names()):
            mine = len(name) == _NAME and name[_STAMP:].startswith(f"-{self._id[:8]}")
            if mine and self._parts.disposals.segment(name) is None:
                self._parts.objects.delete(name)


def _stone(row: Row, plan: str, book: int, at: int) -> Tombstone:
    return Tombstone(row.leaf, row.msgid, row.seq, row.time, row.sm3, plan, book, at)


def _new_name(old: str, created_at: int, plan: str) -> str:
    """The same for the same segment and plan, so that a step that is done again leaves nothing."""
    stamp = old[:_STAMP] if old[:_STAMP].isdecimal() else f"{created_at:013}"
    return f"{stamp}-{plan[:8]}{digest(old.encode())[:8]}"
