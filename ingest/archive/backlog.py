"""Messages that could not be opened: kept, told of, and tried again when there may be a key.

There may be very many of them (a key that is missing for a weekend). So they are tried a page at a
time, beside the pulling, and each page costs one transaction and one telling.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.archive.asking import World
from ingest.archive.book import Book, Kept
from ingest.archive.keys import Keys
from ingest.archive.opening import (
    DECRYPT_FAILED,
    KEY_MISSING,
    MESSAGE_EXPIRED,
    Shut,
    open_page,
)
from ingest.archive.page import Encrypted
from ingest.archive.port import ArchiveClient
from ingest.archive.watch import Watch
from ingest.intake import Intake, Taken

PAGE = 500
_PAGES_A_TURN = 4
_SAY = 10_000  # messages: a word each time so many were tried


class Backlog:
    """What of one archive lies in the book unopened."""

    def __init__(
        self,
        client: ArchiveClient,
        keys: Keys,
        intake: Intake,
        book: Book,
        watch: Watch,
        world: World,
        *,
        tenant: str,
    ) -> None:
        self._client, self._keys, self._intake, self._book = client, keys, intake, book
        self._watch, self._world, self._tenant = watch, world, tenant
        self._trying = False
        self._after: Encrypted | None = None  # the last one that was tried
        self._all = self._tried = self._opened = 0

    def keep(self, shut: Sequence[Shut], now: int) -> None:
        """Keep messages that came and could not be opened, and tell of them."""
        if shut:
            self._book.keep(shut, now)
            self._tell_of_expired(shut, now)
            self._tell_of_shut(shut, now)

    @property
    def trying(self) -> bool:
        """Whether some are left to be tried."""
        return self._trying

    def begin(self) -> None:
        """Try all of them, from the first on, with the keys that there are now."""
        self._trying, self._after = True, None
        self._all, self._tried, self._opened = self._book.counts().total(), 0, 0

    def some(self, pages: int = _PAGES_A_TURN) -> Taken:
        """Try a few pages of those that are left; what was opened is durable when this returns."""
        taken = Taken()
        while self._trying and pages and not self._world.stopped():
            kept = self._book.shut(self._after, PAGE)
            if kept:
                taken = taken.plus(self._try(kept))
                self._after = kept[-1].message
                pages -= 1
            else:
                self._trying = False
                self._finish()
        return taken

    def _try(self, kept: Sequence[Kept]) -> Taken:
        bodies: list[bytes] = []
        these: list[Encrypted] = []
        shut: list[Shut] = []
        changed: list[Shut] = []  # shut for another reason than before
        for message, reason, at in kept:
            opened = open_page(
                [message], self._client, self._keys, tenant=self._tenant, received_at=at
            )
            bodies += opened.bodies
            these += opened.messages
            shut += opened.shut
            changed += [one for one in opened.shut if one.reason != reason]
        now = self._world.now()
        # told before it is kept: once its reason is known it is not told again
        self._tell_of_expired(changed, now)
        if changed:
            self._book.keep(changed, now)
        self._tell_of_shut(shut, now)
        taken = self._intake.take(bodies) if bodies else Taken()
        self._book.forget(these)
        before, self._tried = self._tried, self._tried + len(kept)
        self._opened += len(these)
        if self._tried // _SAY > before // _SAY:
            self._world.tell(
                "trying",
                f"{self._tried:,} of {self._all:,} messages that are kept were tried again,"
                f" {self._opened:,} could be opened",
                f"保留的 {self._all:,} 条消息已重试 {self._tried:,} 条，打开 {self._opened:,} 条",
            )
        return taken

    def _finish(self) -> None:
        if self._opened:
            self._world.tell(
                "opened", f"{self._opened:,} messages that were kept could be opened",
                f"{self._opened:,} 条先前无法解密的消息已打开",
            )  # fmt: skip
        left = self._book.counts()
        for reason in (KEY_MISSING, DECRYPT_FAILED):
            for version in self._watch.subjects(reason):
                if not left[reason, int(version)]:
                    self._watch.resolve(
                        reason, version, f"nothing of version {version} is left unopened",
                        now=self._world.now(),
                    )  # fmt: skip

    def _tell_of_expired(self, shut: Sequence[Shut], now: int) -> None:
        seqs = [one.message.seq for one in shut if one.reason == MESSAGE_EXPIRED]
        if seqs:
            self._watch.open(
                MESSAGE_EXPIRED, str(seqs[0]), f"refused as expired from number {seqs[0]}",
                now=now, key=str(seqs[0]), count=len(seqs),
            )  # fmt: skip

    def _tell_of_shut(self, shut: Sequence[Shut], now: int) -> None:
        """An incident for each reason and version of the key; the messages are in the book."""
        first: dict[tuple[str, int], int] = {}
        for message, reason in shut:
            first.setdefault((reason, message.version), message.seq)
        for (reason, version), seq in sorted(first.items()):
            # looked up first, because to count is to go through all that is kept
            if reason == MESSAGE_EXPIRED or self._watch.is_open(reason, str(version)):
                continue
            detail = f"publickey_ver {version}, first at number {seq}; there are keys of "
            detail += ", ".join(map(str, self._keys.versions)) or "no version"
            if any(one.version == version for one in self._keys.useless):
                detail += f"; the file of version {version} holds none that can be used"
            count = self._book.counts()[reason, version]
            # it is told once, and more of them may come
            detail += f"; at least {count:,}, as counted when this was told"
            self._watch.open(reason, str(version), detail, now=now, count=count)
