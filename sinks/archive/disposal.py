"""Carries a plan of deletion out, so that a crash at any point is harmless.

Of each few segments, in this order: the messages are judged once more by the holds in force now;
segments without them are stored under new names; then, while nobody else can write into the
custody book, it is seen that nothing came that decides otherwise, a line of it says that they go,
their tombstones are entered in the ledger, and one transaction of the index lets those that stay
point to the new segments and turns the others into tombstones; the old segments are removed. So a
hold stands either in front of the line that removes, and is honoured, or it was placed when they
were gone. What is left when that is cut short: `sinks.archive.disposal_remains`.

One process writes an archive: whoever holds its ledger. So a plan is carried out by that process
between two flushes, a few segments at a time, or by another one while that one rests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules.alert import sm3_raw
from rules.errors import MingjianError
from rules.retention.holds import in_force, replay
from sinks.archive.current_book import CurrentBook
from sinks.archive.disposable import (
    DISPOSAL,
    DISPOSED,
    Disposed,
    digest,
    encode,
    spans,
    tombstone_leaf,
)
from sinks.archive.disposal_judging import Judging
from sinks.archive.disposal_parts import (
    NotNow,
    Parts,
    Step,
    Void,
    accounted_for,
    begun,
    ended,
    refuse,
    require_in_force,
)
from sinks.archive.disposal_plan import Plan
from sinks.archive.disposal_remains import (
    discard,
    enter,
    forget_hits,
    new_name,
    stone_of,
    take_back,
)
from sinks.archive.hold_book import By, finished, note_end, note_removal
from sinks.archive.known_alerts import asks_alerts
from sinks.archive.leaves import CUSTODY, OtherLeaf
from sinks.archive.plans import Plans
from sinks.archive.resealing import Records, Resealed
from sinks.archive.rows import Row
from sinks.archive.sweeping import sweep

MAX_BYTES = 8 * 1024 * 1024  # of the segments that are written anew at once
MAX_MESSAGES = 5_000
MAX_TRIES = 10  # of one step, when each time somebody decided something meanwhile


def carry_out(parts: Parts, plan_id: str, *, who: str, role: str, why: str) -> Iterator[Step]:
    """Carry a plan out, or go on with it; between two steps the archive may be written to. Of one
    that may not be carried out any more what was begun is finished; one that is void by a later
    schedule ends with that.

    Raises:
        NotNow: it goes on later.
        MingjianError: there is no such plan, it was altered, nobody else approved it, the
            schedule was set since, or the archive has to be opened first.
        OSError, sqlite3.Error: an end did not take it; go on later with the ledger opened anew.
    """
    if ended(parts, plan_id):
        return
    try:
        plan = Plans(parts.folder).read(plan_id)
        run = _Run(parts, plan, plan_id, who, role, why)
        try:
            refuse(parts, plan, plan_id)
            yield from run.steps()
        except Void:
            if not begun(parts, plan_id):
                raise
            yield run.break_off()
    except NotNow:
        raise
    except MingjianError:
        if accounted_for(parts) and begun(parts, plan_id):
            discard(parts)
            take_back(parts, plan_id)
        raise


class _Run:
    def __init__(
        self, parts: Parts, plan: Plan, plan_id: str, who: str, role: str, why: str
    ) -> None:
        self._parts, self._plan, self._id = parts, plan, plan_id
        self._who, self._role, self._why = who, role, why
        self._going = {one.leaf for one in plan.messages}
        self._book, self._judging = CurrentBook(parts.book), Judging(parts, plan)

    def steps(self) -> Iterator[Step]:
        parts = self._parts
        enter(parts, [OtherLeaf(DISPOSAL, self._id, self._id)])
        discard(parts)
        take_back(parts, self._id)
        done, of = 0, len(self._going)
        for batch in self._batches():
            while not self._batch(batch):
                yield Step(done, of)
            done += sum(map(len, batch))
            yield Step(done, of)
        self._judging.require_sure()
        self._end()
        yield Step(of, of)

    def break_off(self) -> Step:
        """Finish what was begun, and end: what is there stays."""
        discard(self._parts)
        take_back(self._parts, self._id)
        self._end()
        return Step(len(self._going), len(self._going))

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

    def _batch(self, batch: Sequence[Sequence[Row]]) -> bool:
        """Delete of these what may go; False when it is not known yet what a hold is for."""
        parts = self._parts
        opened = [self._records(rows[0]) for rows in batch]
        for _ in range(MAX_TRIES):
            self._book.read()
            require_in_force(self._book.found, self._plan, self._id)
            holds = in_force(replay(self._book.found))
            if any(asks_alerts(one) and one.placed.number > parts.heard() for one in holds):
                return False
            at = parts.now()
            goes = [self._judging.go(rows, records, holds, at)
                    for rows, records in zip(batch, opened, strict=True)]  # fmt: skip
            if not any(goes):
                return True
            resealed = [self._resealed(rows, records)
                        for rows, records in zip(goes, opened, strict=True) if rows]  # fmt: skip
            with parts.book.locked():  # and nothing is placed until they are gone
                if not self._book.read():
                    looked_for = [hold.id for hold in holds if hold.scope.text]
                    self._remove(goes, resealed, looked_for, at)
                    break
        else:
            raise _no_end_of_it()
        discard(parts)
        return True

    def _remove(
        self,
        goes: Sequence[Sequence[Row]],
        resealed: Sequence[Resealed | None],
        looked_for: Sequence[str],
        at: int,
    ) -> None:
        """Write down that they go, and let them go."""
        parts, gone = self._parts, [row for rows in goes for row in rows]
        by = By(self._who, self._role, at, self._why)
        leaves = spans(row.leaf for row in gone)
        line = note_removal(parts.book, self._id, leaves, looked_for, by)
        self._book.read()
        stones = [stone_of(row, self._id, line.number, at) for row in gone]
        self._enter_lines()
        enter(parts, [tombstone_leaf(stone) for stone in stones])
        parts.disposals.dispose(
            Disposed(
                stones,
                [moved for one in resealed if one for moved in one.moved],
                [one.made for one in resealed if one],
                [rows[0].segment for rows in goes if rows],
            )
        )

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
            new_name(old, was.created_at, self._id),
            tenant=parts.tenant,
            objects=parts.objects,
            keys=parts.keys,
            random=parts.random,
        )

    def _enter_lines(self) -> None:
        """What the book says is in the ledger before the tombstones that rest on it."""
        after = self._parts.index.positions().get(CUSTODY, 0)
        enter(self._parts, [OtherLeaf(CUSTODY, str(line.number), sm3_raw(line.raw))
                            for line in self._book.lines if line.number > after])  # fmt: skip

    def _end(self) -> None:
        """Clear what the index still has of those that are gone, and say what was done."""
        parts = self._parts
        sweep(parts)
        parts.disposals.clear()
        forget_hits(parts, self._id, sorted(self._going))
        self._book.read()
        told, at = finished(self._book.found, self._id), parts.now()
        if not told:  # a file that says so already, and no line of the book, is anybody's
            done = self._done(at)
            told = digest(done)
            Plans(parts.folder).keep_done(self._id, done)
            note_end(parts.book, self._id, told, By(self._who, self._role, at, self._why))
        enter(parts, [OtherLeaf(DISPOSED, self._id, told)])

    def _done(self, at: int) -> bytes:
        """What was done."""
        leaves = sorted(self._going)
        there = {row.leaf for row in self._parts.disposals.rows_at(leaves)}
        stones = self._parts.disposals.buried(leaves[0], leaves[-1]) if leaves else []
        named = [one for one in stones if one.leaf in self._going]
        return encode(
            {
                "v": 1,
                "kind": "disposal done",
                "plan": self._id,
                "at": at,
                "deleted": sum(one.plan == self._id for one in named),
                "before": spans(one.leaf for one in named if one.plan != self._id),
                "stayed": self._judging.stayed(there),
            }
        )


def _no_end_of_it() -> NotNow:
    return NotNow(
        f"holds or the schedule were changed {MAX_TRIES} times while the same messages were judged",
        f"在判断同一批消息期间，法律保全或留存策略变更了 {MAX_TRIES} 次",
        "it is tried again; see in `mingjian archive custody` who changes them",
        "稍后会重试；请用 `mingjian archive custody` 查看是谁在变更",
    )
