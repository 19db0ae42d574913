"""Fetches files that people sent, while they can be had, and seals them into the archive.

Of each file, in this order: it is fetched to a part file, sealed and stored, opened again and
compared, entered in the book, and its part file is removed. Killed anywhere, it goes on: what came
lies in the part file, a file that is stored and not entered is stored again under the same name,
and lines of the book are taken up when it is opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from config.settings import Archive
from ingest.archive.asking import REFUSED as SOURCE_REFUSED
from ingest.archive.asking import Stopped, World, refused
from ingest.archive.media import Fetched, GivesMedia, TooLarge, discard, fetch, fetched
from ingest.archive.pace import Pace
from ingest.archive.port import EXPIRED, FILE_ID, KEEP_DAYS, PARAMETER, ArchiveError, MediaChunk
from ingest.archive.watch import Watch
from jobs.media_incidents import MediaIncidents
from rules.errors import MingjianError
from sinks.archive.disposable import DisposableIndex
from sinks.archive.media import Digests, MediaDamaged, MediaStore, media_name
from sinks.archive.media_book import MediaBook
from sinks.archive.media_removal import release
from sinks.archive.media_rows import LOST, REFUSED, STORED, MediaRow
from sinks.archive.media_wanted import look, look_again
from sinks.archive.rows import ArchiveIndex
from sinks.archive.search import ArchiveReader

_DAY_MS, _HOUR_S = 86_400_000, 3_600
_FIRST_MS, _LONGEST_MS = 500, 600_000  # until one file is tried again
_FIRST_S, _LONGEST_PAUSE_S = 0.5, 60.0  # after any failure
_TRIES = 20  # and two days beyond WeCom's five: then a file that always fails is given up
_GIVEN_UP_MS = (KEEP_DAYS + 2) * _DAY_MS
_TRIES_ONCE = 8
_MIB = 1024 * 1024
_LOOKING, _FETCHING = "looking", "fetching"


class Vault(NamedTuple):
    """The archive's parts that files need; `name_key` names them, `disposals` says what was
    deleted (None: nothing can be)."""

    index: ArchiveIndex
    reader: ArchiveReader
    store: MediaStore
    name_key: bytes
    disposals: DisposableIndex | None


class Progress(NamedTuple):
    """How far it is: files of this run by what became of them, bytes of them, files still wanted,
    messages that could not be opened."""

    stored: int
    lost: int
    refused: int
    bytes: int
    wanted: int
    unread: int


class Fetcher:
    """Fetches the files of one archive.

    Args:
        folder: for files that are on their way; their content lies there in the clear (0600) until
            it is sealed.
        who: in whose name lines are written.
    """

    def __init__(
        self,
        client: GivesMedia,
        vault: Vault,
        book: MediaBook,
        settings: Archive,
        watch: Watch,
        world: World,
        *,
        folder: Path,
        who: str,
    ) -> None:
        self._client, self._vault, self._book = client, vault, book
        self._settings, self._watch, self._world = settings, watch, world
        self._folder, self._who = folder, who
        self._incidents = MediaIncidents(watch, book, settings.lag_minutes)
        self._pace = Pace(settings.media_calls_per_minute, world.steady, world.sleep)
        self._most = settings.media_max_mb * _MIB
        self._done = dict.fromkeys((STORED, LOST, REFUSED), 0)
        self._bytes = self._unread = 0
        self._failures = 0  # of WeCom's archive, in a row
        self._broken = {_LOOKING: 0, _FETCHING: 0}  # failures of our own, in a row
        self._tried: dict[str, int] = {}  # in this run
        self._looked = self._hour = float("-inf")  # by the steady clock

    def run(self, *, once: bool, progress: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Fetch until told to end, or with `once` until there is nothing more to be had now.

        Raises:
            MingjianError: the archive refuses for a reason that a person has to mend.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._tidy()
        while not self._world.stopped():
            looked = self._guarded(_LOOKING, partial(self._look, progress), once=once)
            given_up = self._given_up() if once else ()
            row = self._book.due(self._world.now(), given_up)
            if row is not None:
                self._guarded(_FETCHING, partial(self._one, row), once=once)
                progress(self.result())
            elif once and looked and self._book.next_due(given_up) is None:
                break
            else:
                self._rest()
        self._incidents.look(self._world.now())
        return self.result()

    def result(self) -> Progress:
        """What this run did so far."""
        wanted, _, _ = self._book.waiting(0)
        done = self._done
        return Progress(done[STORED], done[LOST], done[REFUSED], self._bytes, wanted, self._unread)

    # ---- looking ----

    def _look(self, progress: Callable[[Progress], None]) -> None:
        if self._world.steady() - self._looked < self._settings.poll_seconds:
            return
        for seen in look(self._vault.index, self._vault.reader, self._book):
            self._unread += seen.unread
            progress(self.result())
            if self._world.stopped():
                return
        self._incidents.look(self._world.now())
        self._hourly()
        self._looked = self._world.steady()

    def _hourly(self) -> None:
        """Messages that could not be opened are looked at again, and what was deleted goes."""
        now = self._world.steady()
        if now - self._hour < _HOUR_S:
            return
        vault, book = self._vault, self._book
        self._unread = look_again(vault.index, vault.reader, book)
        if vault.disposals is not None:
            release(book, vault.store, vault.disposals, at=self._world.now(), who=self._who)
        self._hour = now

    # ---- one file ----

    def _one(self, row: MediaRow) -> None:
        path = self._folder / row.file
        self._tried[row.file] = self._tried.get(row.file, 0) + 1
        try:
            if row.told > self._most:
                raise TooLarge
            come = fetched(path) or fetch(
                _Paced(self._client, self._pace, self._world), row.file_id, path,
                timeout=self._settings.timeout_seconds, most=self._most,
            )  # fmt: skip
        except TooLarge:
            self._refuse(row, path)
        except ArchiveError as error:
            self._failed(row, path, error)
        except Stopped:
            return
        else:
            self._back()
            self._keep(row, path, come)

    def _keep(self, row: MediaRow, path: Path, come: Fetched) -> None:
        content = Digests(come.size, come.sm3, come.sha256)
        name = media_name(self._vault.name_key, come.sm3)
        store = self._vault.store
        if not (self._book.holding(come.sm3) and store.has(name)):
            with path.open("rb") as file:
                store.store(name, file, come.size)
            if store.digests(name) != content:
                raise MediaDamaged(
                    name, "it is not what was just stored", "刚存入的内容与写入的不同"
                )
        now = self._world.now()
        version = store.key_version(name)
        self._book.stored(
            row, content, md5=come.md5, name=name, at=now, who=self._who, key_version=version
        )
        self._settled(STORED, row, path)
        self._bytes += come.size

    def _refuse(self, row: MediaRow, path: Path) -> None:
        limit = f"larger than ingest.archive.media_max_mb, {self._settings.media_max_mb} MiB"
        now = self._world.now()
        self._incidents.refused(row, limit, now)
        self._book.refused(row, limit, at=now, who=self._who)
        self._settled(REFUSED, row, path)

    def _failed(self, row: MediaRow, path: Path, error: ArchiveError) -> None:
        now = self._world.now()
        reason = error.text()[0]
        if not (error.again or error.code in (FILE_ID, EXPIRED, PARAMETER)):
            raise refused(error, self._watch, now)
        too_late = row.tries + 1 >= _TRIES and now - row.time > _GIVEN_UP_MS
        if error.code in (FILE_ID, EXPIRED) or too_late:
            self._back()
            self._lose(row, path, reason, now)
            return
        if error.code == PARAMETER:  # where to go on may hold no longer
            discard(path)
        pause = min(_LONGEST_MS, _FIRST_MS << min(row.tries, 20))
        self._book.failed(row, reason, now + int(pause * (0.5 + self._world.chance())))
        self._away(*error.text(), self._failures)
        self._failures += 1

    def _lose(self, row: MediaRow, path: Path, reason: str, now: int) -> None:
        self._incidents.lost(row, reason, now)
        self._book.lost(row, reason, at=now, who=self._who)
        self._settled(LOST, row, path)

    def _settled(self, state: str, row: MediaRow, path: Path) -> None:
        discard(path)
        self._done[state] += 1
        self._tried.pop(row.file, None)

    # ---- waiting ----

    def _given_up(self) -> set[str]:
        """With `once`: files that were tried often enough."""
        return {file for file, tries in self._tried.items() if tries >= _TRIES_ONCE}

    def _rest(self) -> None:
        due = self._book.next_due()
        seconds = float(self._settings.poll_seconds)
        if due is not None:
            seconds = min(seconds, max(0.05, (due - self._world.now()) / 1000))
        self._world.sleep(seconds)

    def _away(self, en: str, zh: str, failures: int) -> None:
        """Something failed that may pass: say so once, and wait longer each time."""
        if not failures:
            self._world.tell("away", f"{en}; trying again", f"{zh}；正在重试")
        seconds = min(_LONGEST_PAUSE_S, _FIRST_S * 2 ** min(failures, 10))
        self._world.sleep(seconds * (0.5 + self._world.chance()))

    def _back(self) -> None:
        if self._failures:
            self._world.tell("back", "the archive answers again", "会话存档恢复应答")
            self._failures = 0
        for code in self._watch.subjects(SOURCE_REFUSED):
            now = self._world.now()
            self._watch.resolve(SOURCE_REFUSED, code, "the archive answers again", now=now)

    def _guarded(self, doing: str, step: Callable[[], None], *, once: bool) -> bool:
        """A disk that is full or a storage that is away is waited for. Whether the step was done.

        Raises:
            MingjianError: with `once`, it stays away.
        """
        try:
            step()
        except (OSError, sqlite3.OperationalError) as error:
            words = getattr(error, "strerror", None) or str(error)
            failures = self._broken[doing]
            self._broken[doing] += 1
            if once and self._broken[doing] >= _TRIES_ONCE:
                raise MingjianError(
                    f"the archive or its disk does not answer: {words}",
                    f"归档或其磁盘没有应答：{words}",
                    fix_en="run it again when it does: it goes on where it stopped",
                    fix_zh="恢复后再次运行即可从中断处继续",
                ) from None
            self._away(words, words, failures)
            return False
        if self._broken[doing]:
            self._world.tell("back", "it goes on", "已恢复")
            self._broken[doing] = 0
        return True

    def _tidy(self) -> None:
        """Remove what is left of files that are entered: its content is in the clear."""
        for path in self._folder.iterdir():
            if not self._book.wanted(path.name.lstrip(".").partition(".")[0]):
                path.unlink(missing_ok=True)


class _Paced:
    """A client that keeps the pace, and ends between two parts when it is told to."""

    def __init__(self, client: GivesMedia, pace: Pace, world: World) -> None:
        self._client, self._pace, self._world = client, pace, world

    def get_media(self, index: str, file_id: str, timeout: int) -> MediaChunk:
        self._pace.keep()
        if self._world.stopped():
            raise Stopped
        self._pace.called()
        return self._client.get_media(index, file_id, timeout)
