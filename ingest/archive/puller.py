"""The loop of the collector: pull a page, open it, hand it on, and only then move on.

What stands in the order of the steps is the promise. Messages that could not be opened, and gaps,
are in the book before the page is taken; the page is durable before its last number is stored with
it (`Intake.take`). Whatever breaks in between is done again and, by the ids of the messages,
changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from config.settings import Archive
from ingest.archive.asking import Asking, Page, Stopped, World
from ingest.archive.book import Book
from ingest.archive.gaps import Gaps
from ingest.archive.keys import Keys
from ingest.archive.opening import (
    DECRYPT_FAILED,
    KEY_MISSING,
    MESSAGE_EXPIRED,
    Opened,
    Shut,
    open_page,
)
from ingest.archive.page import Encrypted
from ingest.archive.port import KEEP_DAYS, PAGE_LIMIT, ArchiveClient
from ingest.archive.watch import Watch
from ingest.intake import Intake, Taken
from rules.errors import MingjianError

_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_LAG = "collector_lag"
_UPTO = "upto"


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
    ) -> None:
        self._client, self._keys, self._intake, self._book = client, keys, intake, book
        self._settings, self._world, self._tenant = settings, world, tenant
        self._watch = Watch(intake, book, tenant)
        self._gaps = Gaps(book, self._watch, settings.gap_wait_seconds * 1000)
        self._asking = Asking(client, settings, self._watch, world, self._look_at_lag)
        stored = intake.cursor()
        self._seq = int(stored or "0") if start is None else start
        self._known = bool(stored) and start is None  # whether what comes before is known
        self._began = world.now()
        self._upto = self._noted = book.mark(_UPTO)
        self._beaten = 0
        self._pages, self._taken = 0, Taken()
        self._keys_refused = ""

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
            self.open_again()
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

    def _turn(self) -> bool:
        """One page; whether there may be more at once."""
        if self._renew_keys():
            self.open_again()
        page = self._asking.page(self._seq, self._settings.limit)
        if page.messages:
            self._hand_on(page)
        else:
            self._at_the_end(page)
        for gap in self._gaps.due(self._world.now()):
            seqs = self._look_for(gap.first, gap.last)
            self._gaps.looked_again(gap, seqs, self._world.now())
        self._look_at_lag()
        return bool(page.messages)

    def _hand_on(self, page: Page) -> None:
        messages, now = page.messages, self._world.now()
        too_old = self._upto and now - self._upto > KEEP_DAYS * _DAY_MS
        seqs = [one.seq for one in messages]
        before = self._seq if self._known or page.expired else None
        self._gaps.seen(before, seqs, now, expired=page.expired or bool(too_old))
        opened = self._take(messages, now, str(seqs[-1]))
        self._seq, self._known = seqs[-1], True
        self._pages += 1
        self._reached(min(opened.latest, now))

    def _take(self, messages: list[Encrypted], now: int, cursor: str) -> Opened:
        """Open and hand on; what stays shut is kept. All of it is durable when this returns."""
        opened = open_page(messages, self._client, self._keys, tenant=self._tenant, received_at=now)
        if opened.shut:
            self._book.keep(opened.shut, now)
            self._tell_of(opened.shut, now)
        taken = self._intake.take(opened.bodies, cursor=cursor)
        self._taken = self._taken.plus(taken)
        self._book.forget(opened.messages)
        return opened

    def _at_the_end(self, page: Page) -> None:
        """The archive has nothing more: all up to the moment of the question was handed on."""
        if page.expired:
            self._gaps.expired(self._seq + 1, 0, page.asked)
        self._reached(page.asked)
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

    # ---- what could not be opened ----

    def open_again(self) -> int:
        """Try the keys there are on all that is kept unopened; how many could be handed on."""
        after, done = -1, 0
        while kept := self._book.shut(after):
            bodies: list[bytes] = []
            these: list[Encrypted] = []
            for message, at in kept:
                opened = open_page(
                    [message], self._client, self._keys, tenant=self._tenant, received_at=at
                )
                bodies += opened.bodies
                these += opened.messages
                if opened.shut:  # perhaps for another reason now
                    self._book.keep(opened.shut, at)
                    self._tell_of(opened.shut, self._world.now())
            if bodies:
                self._taken = self._taken.plus(self._intake.take(bodies))
                self._book.forget(these)
                done += len(these)
            after = kept[-1][0].seq
        if done:
            self._world.tell(
                "opened", f"{done} messages that were kept could be opened",
                f"{done} 条先前无法解密的消息已打开",
            )  # fmt: skip
        self._resolve_opened()
        return done

    def _resolve_opened(self) -> None:
        left = self._book.counts()
        for reason in (KEY_MISSING, DECRYPT_FAILED):
            for version in self._watch.subjects(reason):
                if not left[reason, int(version)]:
                    self._watch.resolve(
                        reason, version, f"nothing of version {version} is left unopened",
                        now=self._world.now(),
                    )  # fmt: skip

    def _tell_of(self, shut: list[Shut], now: int) -> None:
        kept = self._book.counts()
        for reason, version in sorted({(one.reason, one.message.version) for one in shut}):
            these = [one.message.seq for one in shut if one.reason == reason]
            if reason == MESSAGE_EXPIRED:
                self._watch.open(
                    reason, str(these[0]), f"refused as expired from number {these[0]}",
                    now=now, key=str(these[0]), count=len(these),
                )  # fmt: skip
                continue
            detail = f"publickey_ver {version}, first at number {these[0]}; there are keys of "
            detail += ", ".join(map(str, self._keys.versions)) or "no version"
            self._watch.open(reason, str(version), detail, now=now, count=kept[reason, version])

    def _renew_keys(self) -> bool:
        try:
            changed = self._keys.reload()
        except MingjianError as error:  # the keys that were read stay good
            if error.en != self._keys_refused:
                self._keys_refused = error.en
                self._world.tell("keys", error.en, error.zh)
            return False
        self._keys_refused = ""
        return changed

    # ---- how far behind ----

    def _reached(self, time: int) -> None:
        self._upto = max(self._upto, time)
        if self._upto - self._noted >= _MINUTE_MS:
            self._book.note(_UPTO, self._upto)
            self._noted = self._upto

    def _look_at_lag(self) -> None:
        now = self._world.now()
        behind = now - (self._upto or self._began)
        if behind > self._settings.lag_minutes * _MINUTE_MS:
            self._watch.open(
                _LAG, "", f"{behind // _MINUTE_MS} minutes behind, at number {self._seq}", now=now
            )
        else:
            self._watch.resolve(_LAG, "", f"caught up at number {self._seq}", now=now)
