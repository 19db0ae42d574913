"""The proof that nothing was deleted that was held or not yet due.

Everything is worked out again from what is signed: the ledger's entries, the custody book whose
lines are entered there, and the plans whose digests are. The code that deletes is not asked. What
this shows and what it cannot is in docs/retention.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rules.alert import sm3_raw
from rules.errors import MingjianError
from rules.retention.facts import Renaming
from rules.retention.holds import Deed, Hold, before
from sinks.archive.custody import BookDamaged, CustodyBook, Line
from sinks.archive.disposable import (
    DisposableIndex,
    covers,
    digest,
    encode,
    tombstone_leaf,
    tombstone_of,
)
from sinks.archive.disposal_entries import Entries, Stone, gather
from sinks.archive.disposal_plan import Plan, holds_digest
from sinks.archive.disposal_planned import PlannedMessages
from sinks.archive.disposal_tombstones import Contradiction, tombstones_of
from sinks.archive.hold_book import (
    Removal,
    approved,
    deeds,
    finished,
    removals,
    schedule,
    schedule_digest,
    superseded,
    unconfirmed,
)
from sinks.archive.leaves import MessageLeaf, read_message
from sinks.archive.objects import Objects
from sinks.archive.plans import Plans
from sinks.archive.strays import WORDS, segment_names, strays
from sinks.ledger.reader import LedgerReader

_CLOCKS_MS = 3_600_000  # by how much the clock of a deed may be ahead of that of a signed head


class Proved(NamedTuple):
    """What was looked at: messages that are gone and left a tombstone, the plans that they went by,
    lines of the custody book, and lines that no signed head covers yet."""

    tombstones: int
    plans: int
    lines: int
    unsigned: int


def check_disposals(
    *,
    ledger: LedgerReader,
    book: CustodyBook,
    plans: Plans,
    index: DisposableIndex | None = None,
    objects: Objects | None = None,
    told: Callable[[Proved], None] = lambda proved: None,
) -> Iterator[Contradiction]:
    """Everything about deletion that does not agree.

    Args:
        index: says which messages are there; without it no missing message is found.
        objects: where segments are; without it none is found that the index has no row of.
        told: told at the end what was looked at.

    Raises:
        MingjianError: the ledger cannot be read, or a line of the book sets a hold or a schedule
            that cannot be.
    """
    segments = segment_names(objects.names()) if objects else []  # before the index is asked
    lines: list[Line] = []
    try:
        for line in book.lines():
            lines.append(line)
    except BookDamaged as error:
        yield Contradiction(-1, "", error.en, error.zh)
    entries = gather(ledger.entries(), index)
    yield from _book(lines, entries)
    for at, name in entries.odd:
        yield Contradiction(
            -1,
            name.partition("@")[2],
            f"entry {at} is a tombstone, or takes one back, that is of no message: {name}",
            f"第 {at} 条是墓碑或撤回墓碑，但不属于任何消息：{name}",
        )
    found = deeds(lines)
    by_plan: dict[str, list[Stone]] = {}
    for stone in entries.stones.values():
        by_plan.setdefault(stone.plan, []).append(stone)
    for plan_id in sorted({*entries.plans, *by_plan}):
        work = _OnePlan(plan_id, ledger, entries, found, plans)
        yield from work.check(sorted(by_plan.get(plan_id, []), key=lambda one: one.leaf))
        yield from _done(plan_id, entries, found, plans)
    if index is not None:
        yield from _presence(entries, index)
        yield from tombstones_of(index, entries, ledger.size)
        for name in strays(segments, index, plans, ledger):
            yield Contradiction(-1, "", f"segment {name}: {WORDS[0]}", f"分段 {name}：{WORDS[1]}")
    unsigned = sum(line.number not in entries.custody for line in lines)
    gone = {one.plan for one in entries.stones.values() if one.leaf not in entries.there}
    told(Proved(len(entries.stones) - len(entries.there), len(gone), len(lines), unsigned))


def _book(lines: Sequence[Line], entries: Entries) -> Iterator[Contradiction]:
    """The book against the ledger, which has the digest of every line."""
    known = {line.number: sm3_raw(line.raw) for line in lines}
    for number, entered in sorted(entries.custody.items()):
        if number not in known:
            yield Contradiction(
                -1,
                "",
                f"line {number} of the custody book is in the ledger and not in the book",
                f"保管记录第 {number} 行在账本中，却不在保管记录中",
            )
        elif {one.sm3 for one in entered} != {known[number]}:
            yield Contradiction(
                -1,
                "",
                f"line {number} of the custody book is not the one that was entered",
                f"保管记录第 {number} 行与登记时不同",
            )


def _presence(entries: Entries, index: DisposableIndex) -> Iterator[Contradiction]:
    for leaf in sorted(entries.missing - set(entries.stones)):
        if index.buried(leaf, leaf):
            en, zh = "no signed head covers its tombstone yet", "其墓碑尚未被签名头覆盖"
        else:
            en, zh = "it is gone and has no tombstone", "该消息已不在，却没有墓碑"
        yield Contradiction(leaf, "", en, zh)
    for leaf in sorted(entries.there):
        stone = entries.stones[leaf]
        en, zh = "it has a tombstone and is still there", "该消息有墓碑，却仍在归档中"
        if stone.plan not in entries.done:
            en += ": its deletion was cut short, and `mingjian deliver` takes the tombstone back"
            zh += "：删除中断，`mingjian deliver` 会撤回该墓碑"
        yield Contradiction(leaf, stone.plan, en, zh)


def _done(
    plan_id: str, entries: Entries, found: Sequence[Deed], plans: Plans
) -> Iterator[Contradiction]:
    """The file that says what was done by a plan, which both book and ledger have the digest of."""
    entered = entries.done.get(plan_id)
    if entered is None:
        return
    if finished(found, plan_id) not in ("", entered.sm3):  # "": the line is lost, which is told
        yield Contradiction(
            -1,
            plan_id,
            "the end of the plan is not the one that the custody book has",
            "该计划的结束与保管记录不符",
        )
    done = plans.done(plan_id)
    if done is None or digest(done) != entered.sm3:
        yield Contradiction(
            -1,
            plan_id,
            f"{plan_id[:16]}….done.json, which says what was done by it, is missing or not the one"
            " that was entered: restore it from its copy",
            f"记载其执行结果的 {plan_id[:16]}….done.json 缺失或与登记时不同：请从副本恢复",
        )


class _OnePlan:
    """The tombstones of one plan."""

    def __init__(
        self,
        plan_id: str,
        ledger: LedgerReader,
        entries: Entries,
        found: Sequence[Deed],
        plans: Plans,
    ) -> None:
        self._id, self._ledger, self._entries, self._deeds = plan_id, ledger, entries, found
        self._plans = plans
        self._removals = removals(found, plan_id)
        self._approval = approved(found, plan_id)
        self._holds: dict[int, list[tuple[Hold, Hold]]] = {}

    def check(self, stones: Sequence[Stone]) -> Iterator[Contradiction]:
        try:
            plan = self._plans.read(self._id)
        except MingjianError as error:
            yield self._of(-1, error.en, error.zh)
            for stone in stones:
                yield self._of(
                    stone.leaf,
                    "its tombstone rests on a plan that cannot be read",
                    "其墓碑所依据的计划无法读取",
                )
            return
        yield from self._whole(plan, stones)
        checks = PlannedMessages(plan)
        for stone in stones:
            for en, zh in self._stone(plan, checks, stone):
                yield self._of(stone.leaf, en, zh)

    def _whole(self, plan: Plan, stones: Sequence[Stone]) -> Iterator[Contradiction]:
        """What the plan says of itself, of policies and of holds."""
        if self._id not in self._entries.plans:
            yield self._of(-1, "the plan was not entered in the ledger", "该计划未登记入账本")
        if digest(encode(plan.messages)) != plan.messages_sm3:
            yield self._of(-1, "its list of messages has another digest", "消息清单的摘要不符")
        then = [deed for deed in self._deeds if deed.number <= plan.book]
        set_then = schedule_digest(schedule(then))
        if not set_then == plan.policies_sm3 == digest(encode(plan.policies)):
            yield self._of(
                -1,
                "its policies are not the schedule that was in force",
                "其策略与当时生效的留存策略不同",
            )
        holds = before(then, plan.book + 1)
        if tuple(hold.id for hold in holds) != plan.holds or holds_digest(holds) != plan.holds_sm3:
            yield self._of(
                -1, "its holds are not those that were in force", "其法律保全与当时生效的不同"
            )
        if stones and self._approval is None:
            yield self._of(
                -1, "nobody but its maker approved the plan", "该计划未经制定者以外的人批准"
            )

    def _stone(
        self, plan: Plan, checks: PlannedMessages, stone: Stone
    ) -> Iterator[tuple[str, str]]:
        message = read_message(self._ledger.entry(stone.leaf))
        if message is None:
            yield "its tombstone is of an entry that is no message", "其墓碑所指条目不是消息"
            return
        removal = self._removal(stone, message)
        if removal is None:
            yield (
                "its tombstone is not what a line of the custody book says: forged or altered",
                "其墓碑与保管记录的任何一行都不符：系伪造或改动",
            )
            return
        yield from self._order(stone, removal)
        later = superseded((one for one in self._deeds if one.number < removal.number), plan.book)
        if later is not None:
            yield (
                f"its plan was void: a schedule was put in force (line {later.number} of the"
                " custody book) before it was deleted",
                f"其计划已失效：删除之前启用过留存策略（保管记录第 {later.number} 行）",
            )
        facts = checks.facts(stone.leaf, message)
        if facts is None:
            yield "the plan does not name it", "计划中没有该消息"
            return
        holds = self._in_force(removal.number, checks.name)
        yield from checks.held(stone.leaf, facts, removal, holds)
        yield from checks.kept(facts, removal)

    def _removal(self, stone: Stone, message: MessageLeaf) -> Removal | None:
        for removal in self._removals:
            if covers(removal.leaves, stone.leaf):
                told = tombstone_of(stone.leaf, message, self._id, removal.number, removal.at)
                if tombstone_leaf(told).sm3 == stone.sm3:
                    return removal
        return None

    def _order(self, stone: Stone, removal: Removal) -> Iterator[tuple[str, str]]:
        """Plan, approval and line have to be older than the tombstone."""
        line = self._entries.custody.get(removal.number)
        if not line or line[0].at > stone.at:
            yield (
                f"line {removal.number} of the custody book was not entered before it was deleted",
                f"删除之前保管记录第 {removal.number} 行未登记",
            )
        plan = self._entries.plans.get(self._id)
        if plan is not None and plan.at > stone.at:
            yield "its plan was entered after it was deleted", "其计划在删除之后才登记"
        if self._approval is not None and self._approval.number > removal.number:
            yield "its plan was approved after it was deleted", "其计划在删除之后才获批准"
        if unconfirmed(deed for deed in self._deeds if deed.number < removal.number) is not None:
            yield (
                "it was deleted after the custody book was begun anew and before anybody had looked"
                " through what holds",
                "保管记录重新开始之后，在有人核对法律保全之前，即被删除",
            )
        head = next(
            (note.checkpoint for note in self._ledger.notes if note.checkpoint.size > stone.at),
            None,
        )
        if head is not None and head.at + _CLOCKS_MS < removal.at:
            yield (
                "it claims to have been deleted later than the head was signed that covers it",
                "所称删除时间晚于覆盖它的签名头",
            )

    def _in_force(self, number: int, name: Renaming) -> list[tuple[Hold, Hold]]:
        """(hold, the same with names under digests) in force in front of a line."""
        if number not in self._holds:
            self._holds[number] = [
                (hold, hold._replace(scope=hold.scope.renamed(name)))
                for hold in before(self._deeds, number)
            ]
        return self._holds[number]

    def _of(self, leaf: int, en: str, zh: str) -> Contradiction:
        return Contradiction(leaf, self._id, en, zh)
