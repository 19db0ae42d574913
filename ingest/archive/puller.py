"""The loop of the collector: pull a page, open it, hand it on, and only then move on.

What stands in the order of the steps is the promise. Messages that could not be opened, and gaps,
are in the book before the page is taken; the page is durable before its last number is stored with
it (`Intake.take`), and before a gap that it fills is told as resolved. Whatever breaks in between
is done again and, by the ids of the messages, changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from config.settings import Archive
from ingest.archive.asking import Asking, Page, Stopped, World
from ingest.archive.backlog import Backlog
from ingest.archive.book import Book
from ingest.archive.gaps import Gaps
from ingest.archive.keys import Keys
from ingest.archive.lag import Lag
from ingest.archive.opening import Opened, open_page
from ingest.archive.page import UINT64, Encrypted
from ingest.archive.port import PAGE_LIMIT, ArchiveClient
from ingest.archive.watch import Watch
from ingest.intake import Intake, Taken
from rules.errors import MingjianError


class Pulled(NamedTuple):
    """What a run came to. `shut`: messages that lie in the book unopened, now, by reason."""

    pages: int
    taken: Taken
    shut: dict[str, int]
    seq: int


class Puller:
    """Pulls one archive into one intake.

    Args:
        tenant: the company, written into every envelope.
        start: a number to begin behind instead of the stored one.
        place: where the stored one is kept, for an error.

    Raises:
        MingjianError: what is stored is no number, and there is no `start`.
    """

    def __init__(
        self,
        client: ArchiveClient,
        keys: Keys,
        intake: Intake,
        book: Book,
        settings: Archive,
        world: World,
        *,
        tenant: str,
        start: int | None = None,
        place: str = "",
    ) -> None:
        self._client, self._keys, self._intake, self._book = client, keys, intake, book
        self._settings, self._world, self._tenant = settings, world, tenant
        watch = Watch(intake, book, tenant)
        self._gaps = Gaps(book, watch, settings.gap_wait_seconds * 1000)
        self._asking = Asking(client, settings, watch, world, self._look_at_lag)
        self._backlog = Backlog(client, keys, intake, book, watch, world, tenant=tenant)
        self._lag = Lag(book, watch, settings.lag_minutes, world.now())
        stored = intake.cursor()
        self._seq = _reached(stored, place or intake.source) if start is None else start
        self._known = bool(stored) and start is None  # whether what comes before is known
        self._beaten = 0
        self._pages, self._taken = 0, Taken()
        self._keys_refused, self._useless = "", set(keys.useless)  # what was said already

    def run(
        self, *, once: bool = False, progress: Callable[[Pulled], None] = lambda _: None
    ) -> Pulled:
        """Pull until told to stop; with `once` until everything that is there has been taken.

        Args:
            progress: called after each page.

        Raises:
            MingjianError: the archive or the intake refuses for a reason that needs a person.
        """
        try:
            self._gaps.catch_up(self._world.now())
            self._backlog.begin()
            while not self._world.stopped():
                if self._turn():
                    progress(self.result())
                    continue
                if once and not self._gaps.pending:
                    break
                self._world.sleep(self._settings.poll_seconds)
        except Stopped:
            pass
        return self.result()

    def result(self) -> Pulled:
        """What it came to so far."""
        shut: Counter[str] = Counter()
        for (reason, _), count in self._book.counts().items():
            shut[reason] += count
        return Pulled(self._pages, self._taken, dict(shut), self._seq)

    def open_again(self) -> None:
        """Only try the keys there are on all that is kept unopened, until told to stop."""
        self._backlog.begin()
        while self._backlog.trying and not self._world.stopped():
            self._taken = self._taken.plus(self._backlog.some())

    def _turn(self) -> bool:
        """One page, beside a little of what is kept; whether there may be more at once."""
        if self._renew_keys():
            self._backlog.begin()
        self._taken = self._taken.plus(self._backlog.some())
        if self._world.stopped():
            raise Stopped
        page = self._asking.page(self._seq, self._settings.limit)
        if page.messages:
            self._hand_on(page)
        else:
            self._at_the_end(page)
        for gap in self._gaps.due(self._world.now()):
            seqs = self._look_for(gap.first, gap.last)
            self._gaps.looked_again(gap, seqs, self._world.now())
        self._look_at_lag()
        return bool(page.messages) or self._backlog.trying

    def _hand_on(self, page: Page) -> None:
        messages, now = page.messages, self._world.now()
        seqs = [one.seq for one in messages]
        before = self._seq if self._known or page.expired else None
        self._gaps.note(before, seqs, now, expired=page.expired or self._lag.too_long(now))
        opened = self._take(messages, now, str(seqs[-1]))
        self._seq, self._known = seqs[-1], True
        self._pages += 1
        self._gaps.arrived(seqs, now)
        self._lag.reached(opened.latest, now)

    def _take(self, messages: list[Encrypted], now: int, cursor: str) -> Opened:
        """Open and hand on; what stays shut is kept. All of it is durable when this returns."""
        opened = open_page(messages, self._client, self._keys, tenant=self._tenant, received_at=now)
        self._backlog.keep(opened.shut, now)
        taken = self._intake.take(opened.bodies, cursor=cursor)
        self._taken = self._taken.plus(taken)
        self._book.forget(opened.messages)
        return opened

    def _at_the_end(self, page: Page) -> None:
        """The archive has nothing more: all up to the moment of the question was handed on."""
        if page.expired:
            self._gaps.expired(self._seq + 1, 0, page.asked)
        self._lag.reached(page.asked, page.asked)
        self._beaten = min(self._beaten, page.asked)  # later, if the clock was set back
        until = page.asked - self._settings.delay_seconds * 1000
        if until > self._beaten and not self._gaps.pending:
            self._intake.beat(until)
            self._beaten = until

    def _look_for(self, first: int, last: int) -> list[int]:
        """Ask for missing numbers again and hand on what is there; the numbers that were."""
        found: list[int] = []
        at = first - 1
        while at < last:
            limit = min(PAGE_LIMIT, last - at)
            page = self._asking.page(at, limit)
            inside = [one for one in page.messages if one.seq <= last]
            if not inside:
                break
            self._take(inside, self._world.now(), "")  # the stored number stays: it is behind these
            found += [one.seq for one in inside]
            at = found[-1]
        return found

    def _renew_keys(self) -> bool:
        try:
            changed = self._keys.reload()
        except MingjianError as error:  # the keys that were read stay good
            if error.en != self._keys_refused:
                self._keys_refused = error.en
                self._world.tell("keys", error.en, error.zh)
            return False
        self._keys_refused = ""
        for one in self._keys.useless:
            if one not in self._useless:
                self._world.tell("keys", one.en, one.zh)
        self._useless = set(self._keys.useless)
        return changed

    def _look_at_lag(self) -> None:
        self._lag.look(self._world.now(), self._seq)


def _reached(stored: str, place: str) -> int:
    """The number that was reached. To ask for what is none of the archive's numbers would be
    answered as if the credentials were wrong."""
    if not stored:
        return 0
    if stored.isascii() and stored.isdecimal() and int(stored) < UINT64:
        return int(stored)
    raise MingjianError(
        f"{place} is damaged: the number of the archive that was reached is {stored[:40]!r}",
        f"{place} 已损坏：记录的存档序号是 {stored[:40]!r}",
        fix_en="begin behind a number you know, such as that of the last run, with --from SEQ, or"
        " with --from 0 at the oldest there is: what is there already is not written twice",
        fix_zh="请用 --from 序号 从已知的序号（如上次运行给出的）之后继续，或用 --from 0 从最早的"
        "消息重新拉取：已有的不会重复写入",
    )
