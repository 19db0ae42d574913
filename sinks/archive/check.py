"""Looks at every message of the archive: ledger, index and segments have to say the same.

The ledger is what counts, because it is signed. Its own soundness is `sinks.ledger.audit`'s to
show; here each message it names is looked for in the index, its record is opened, and the digests
are compared. A message that was deleted is named by its tombstone, which rests on a plan; whether
it might have been deleted is `sinks.archive.disposal_check`'s to show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rules.errors import MingjianError
from sinks.archive.disposable import (
    SPARED,
    TOMBSTONE,
    DisposableIndex,
    Tombstone,
    tombstone_leaf,
    tombstone_of,
)
from sinks.archive.keys import TenantKeys
from sinks.archive.leaves import MessageLeaf, OtherLeaf, read_message, read_other
from sinks.archive.objects import NoObject, Objects
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex, Asked, Row
from sinks.archive.segment import Listed, intact, open_all
from sinks.archive.strays import WORDS, segment_names, strays
from sinks.ledger.reader import LedgerReader
from sinks.ledger.trouble import LedgerDamaged

INDEX, LEDGER = "index", "ledger"  # places that are no segment
_PAGE = 1_000


class Fault(NamedTuple):
    """One thing that is not as it should be. `leaf` is the message's number in the ledger, -1 for
    what is not of one message; `place` the segment, `INDEX` or `LEDGER`."""

    leaf: int
    place: str
    en: str
    zh: str


class Sound(NamedTuple):
    """What was looked at: messages of the ledger, segments, the first leaf no signed head covers
    yet (the archive may have more, which come under the next head), and how many of the messages
    were deleted."""

    messages: int
    segments: int
    signed: int
    deleted: int = 0


def check_archive(
    *,
    ledger: LedgerReader,
    index: ArchiveIndex,
    objects: Objects,
    keys: TenantKeys,
    disposals: DisposableIndex | None = None,
    plans: Plans | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
    told: Callable[[Sound], None] = lambda sound: None,
) -> Iterator[Fault]:
    """Every fault, the newest message first.

    Args:
        disposals, plans: say what was deleted, and by what; without them what is not there is a
            fault.
        progress: told how many entries of the ledger of how many were looked at.
        told: told at the end what was looked at.

    Raises:
        MingjianError: the ledger itself cannot be read.
        OSError: the object storage does not answer.
    """
    stored = segment_names(objects.names())  # before the index is asked
    rows = _rows(index, ledger.size)
    row = next(rows, None)
    segments, buried = _Segments(objects, keys), _Buried(disposals, plans)
    messages = 0
    for leaf in range(ledger.size - 1, -1, -1):
        if (ledger.size - leaf) % _PAGE == 0:
            progress(ledger.size - leaf, ledger.size)
        while row is not None and row.leaf > leaf:
            row = next(rows, None)
        entry = ledger.entry(leaf)
        entered = read_message(entry)
        mine = row if row is not None and row.leaf == leaf else None
        if entered is None:
            buried.note(entry)
            if mine is not None:
                en, zh = "the index has a message where the ledger has none", "索引有而账本无"
                yield _blamed(ledger, leaf, (en, zh))
            continue
        messages += 1
        if mine is None:
            if wrong := buried.wrong(leaf, entered):
                yield _blamed(ledger, leaf, wrong)
                yield from segments.gone(entered.segment)
        elif wrong := _differs(mine, entered):
            yield _blamed(ledger, leaf, wrong)
        else:
            if wrong := buried.beside(leaf):
                yield _blamed(ledger, leaf, wrong)
            yield from segments.faults(mine)
    if disposals is not None and plans is not None:
        for name in strays(stored, disposals, plans, ledger):
            yield Fault(-1, name, *WORDS)
    progress(ledger.size, ledger.size)
    told(Sound(messages, segments.seen, ledger.size, buried.count))


def _blamed(ledger: LedgerReader, leaf: int, wrong: tuple[str, str]) -> Fault:
    """What the index says otherwise than the ledger: the ledger's own damage, where its entry does
    not lead to the signed root."""
    try:
        ledger.inclusion(leaf)
    except LedgerDamaged:
        return Fault(
            leaf,
            LEDGER,
            "what the ledger has there does not lead to its signed root: an entry or a hash was"
            " altered, so nothing is known of the index by it",
            "账本此处的内容推不出签名的根哈希：有条目或哈希被改动，不能据以判断索引",
        )
    return Fault(leaf, INDEX, *wrong)


def _rows(index: ArchiveIndex, size: int) -> Iterator[Row]:
    before = size
    while page := index.search(Asked(before=before), _PAGE):
        yield from page
        before = page[-1].leaf


def _differs(row: Row, entered: MessageLeaf) -> tuple[str, str] | None:
    """What the index says otherwise than the ledger. Where the record is, it may: a segment is
    written anew when something in it is deleted."""
    for what, zh, mine, signed in (
        ("id", "编号", row.msgid, entered.msgid),
        ("sequence", "序号", row.seq, entered.seq),
        ("time", "时间", row.time, entered.time),
        ("digest", "摘要", row.sm3.hex(), entered.sm3),
    ):
        if mine != signed:
            return (
                f"the index says its {what} is {mine}, the ledger {signed}",
                f"索引中的{zh}是 {mine}，账本中是 {signed}",
            )
    return None


class _Buried:
    """What was deleted, and the plans that say so."""

    def __init__(self, disposals: DisposableIndex | None, plans: Plans | None) -> None:
        self._disposals, self._plans = disposals, plans
        self._named: dict[str, frozenset[int]] = {}  # by plan: the leaves that it deletes
        self._entered: dict[int, str] = {}  # by leaf: its newest tombstone in the ledger
        self._taken_back: set[OtherLeaf] = set()
        self._shown: tuple[int, dict[int, Tombstone]] = (-1, {})  # from this leaf on, in the index
        self.count = 0

    def note(self, entry: bytes) -> None:
        """An entry of the ledger that is no message; the newest ones first."""
        leaf = read_other(entry)
        if leaf is None or leaf.kind not in (TOMBSTONE, SPARED):
            return
        stone = leaf._replace(kind=TOMBSTONE)
        if leaf.kind == SPARED:
            self._taken_back.add(stone)
        elif stone not in self._taken_back and leaf.id.partition("@")[0].isdecimal():
            self._entered.setdefault(int(leaf.id.partition("@")[0]), leaf.sm3)

    def beside(self, leaf: int) -> tuple[str, str] | None:
        """What is wrong when a message is there and has a tombstone all the same."""
        if self._of_index(leaf) is None and leaf not in self._entered:
            return None
        return (
            "it has a tombstone and is still there; `mingjian retention check` says more",
            "该消息有墓碑，却仍在归档中；详见 `mingjian retention check`",
        )

    def _of_index(self, leaf: int) -> Tombstone | None:
        first, shown = self._shown
        if self._disposals is None:
            return None
        if not first <= leaf < first + _PAGE or first < 0:
            first = leaf - leaf % _PAGE
            found = self._disposals.buried(first, first + _PAGE - 1)
            shown = {stone.leaf: stone for stone in found}
            self._shown = first, shown
        return shown.get(leaf)

    def wrong(self, leaf: int, entered: MessageLeaf) -> tuple[str, str] | None:
        """What is wrong with a message that is not there; None when it was deleted by a plan."""
        stone = self._of_index(leaf)
        if stone is None:
            return (
                f"message {entered.msgid} is not in the index",
                f"索引中没有消息 {entered.msgid}",
            )
        told = tombstone_of(leaf, entered, stone.plan, stone.book, stone.at)
        signed = self._entered.get(leaf)  # None: no signed head covers it yet
        if stone != told or signed not in (None, tombstone_leaf(told).sm3):
            return (
                f"the tombstone of message {entered.msgid} is not of what the ledger says",
                f"消息 {entered.msgid} 的墓碑与账本不符",
            )
        if leaf not in self._of(stone.plan):
            return (
                f"message {entered.msgid} has a tombstone, and no plan that names it is there",
                f"消息 {entered.msgid} 有墓碑，却没有列明它的删除计划",
            )
        self.count += 1
        return None

    def _of(self, plan: str) -> frozenset[int]:
        if plan not in self._named:
            try:
                told = self._plans.read(plan).messages if self._plans else ()
            except MingjianError:
                told = ()
            self._named[plan] = frozenset(one.leaf for one in told)
        return self._named[plan]


class _Segments:
    """Opens segments once each, as messages come in the order in which they were archived."""

    def __init__(self, objects: Objects, keys: TenantKeys) -> None:
        self._objects, self._keys = objects, keys
        self._name = ""
        self._records: dict[int, Listed] | None = None
        self._gone: set[str] = set()  # segments that were looked for
        self.seen = 0

    def gone(self, name: str) -> Iterator[Fault]:
        """Whether the segment that the ledger names for a missing message is there: told once."""
        if name not in self._gone:
            self._gone.add(name)
            try:
                self._objects.get(name, 0, 1)
            except NoObject as error:
                yield Fault(-1, name, error.en, error.zh)

    def faults(self, row: Row) -> Iterator[Fault]:
        if row.segment != self._name:
            yield from self._open(row.segment)
        if self._records is None:
            return  # told once, of the segment
        record = self._records.get(row.number)
        if record is None:
            en, zh = f"it has no record {row.number}", f"没有第 {row.number} 条记录"
        elif record.raw is None:
            damage = record.damage
            en, zh = (damage.en, damage.zh) if damage else ("it cannot be opened", "无法打开")
        elif hashlib.new("sm3", record.raw).digest() != row.sm3:
            en, zh = "its record is not the one that was entered", "记录与登记时不同"
        elif record.place != (row.offset, row.length):
            en, zh = "the index says that its record lies elsewhere", "索引中的位置与分段不符"
        else:
            return
        yield Fault(row.leaf, row.segment, en, zh)

    def _open(self, name: str) -> Iterator[Fault]:
        self._name, self._records = name, None
        self.seen += 1
        try:
            data = self._objects.get(name)
            self._records = {one.number: one for one in open_all(data, name, self._keys)}
        except MingjianError as error:
            yield Fault(-1, name, error.en, error.zh)
            return
        if not intact(data):
            en, zh = "bytes of it were altered", "其字节被改动过"
            yield Fault(-1, name, en, zh)
