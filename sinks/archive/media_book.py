"""What is known of every file that somebody sent: wanted, stored, lost, refused, removed.

`media.db` is for work: what is still to be fetched, when to try again, which message carries which
file. `media.jsonl` is for evidence: one line for each file that was stored, lost, refused or
removed, each line bound to the one before it as in the custody book, and entered in the ledger by
the archive's writer. A line is durable before `media.db` follows, and lines it does not know of are
taken up when it is opened; so a crash in between enters nothing twice, and a `media.db` that is
lost is made again from the lines and from the messages.

A file goes by the SM3 of its `sdkfileid`, which is what fetches it and is kept no longer than it
may be wanted. Names of files are content and stand in the sealed message alone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sinks.archive.custody import BookDamaged, CustodyBook, Deed, Line
from sinks.archive.media import Digests
from sinks.archive.media_rows import (
    COLLECTOR,
    COLUMNS,
    DATABASE,
    FILE,
    LOCK,
    MEDIA_LOST,
    MEDIA_REFUSED,
    MEDIA_REMOVED,
    MEDIA_STORED,
    STATES,
    WANTED,
    Carried,
    MediaRow,
    complete,
    file_key,
    locked,
    transaction,
)


class MediaBook:
    """The files of the archive in a folder.

    Args:
        writes: for whoever fetches; one process at a time.

    Raises:
        MingjianError: another process fetches.
        sqlite3.Error, OSError: it cannot be used.
    """

    def __init__(self, folder: str | Path, *, writes: bool = False) -> None:
        self._folder = Path(folder)
        self._book = CustodyBook(folder, FILE)
        self._lock = -1
        self.damage: BookDamaged | None = None  # found when it was opened
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if writes:
            self._lock = locked(self._folder / LOCK)
        path = self._folder / DATABASE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        complete(self._db)
        if writes:
            self._catch_up()

    def close(self) -> None:
        """Close the files."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # ---- what messages carry ----

    def scanned(self) -> int:
        """The first leaf of the ledger that was not looked at."""
        return self._mark("scanned")

    def scan_to(self, leaf: int, found: Iterable[Carried], unread: Iterable[int]) -> None:
        """All in front of `leaf` was looked at, and these were found; of the messages `unread`
        nothing could be seen."""
        with transaction(self._db):
            self._want(found)
            self._db.executemany("INSERT OR IGNORE INTO unread VALUES (?)", ((n,) for n in unread))
            self._note("scanned", leaf)

    def unread(self) -> list[int]:
        """Leaves of messages that could not be opened when they were looked at."""
        return [leaf for (leaf,) in self._db.execute("SELECT leaf FROM unread ORDER BY leaf")]

    def read_now(self, leaf: int, found: Iterable[Carried]) -> None:
        """A message that could not be opened before was looked at."""
        with transaction(self._db):
            self._want(found)
            self._db.execute("DELETE FROM unread WHERE leaf = ?", (leaf,))

    def _want(self, found: Iterable[Carried]) -> None:
        for one in found:
            sent, key = one.file, file_key(one.file.file_id)
            self._db.execute(
                "INSERT INTO files (file, file_id, leaf, msgid, time, type, md5, told, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (file) DO UPDATE SET"
                " time = excluded.time, md5 = excluded.md5, told = excluded.told WHERE time = 0",
                (key, sent.file_id, one.leaf, one.msgid, one.time, sent.type, sent.md5,
                 min(sent.size, 2**63 - 1), WANTED),
            )  # fmt: skip
            self._db.execute("INSERT OR IGNORE INTO carriers VALUES (?, ?)", (one.leaf, key))

    # ---- what is to be fetched ----

    def due(self, now: int, without: Collection[str] = ()) -> MediaRow | None:
        """The file to fetch next: of those that may be tried, the one sent first, and none of
        `without` (`MediaRow.file`)."""
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM files WHERE state = 'wanted' AND due <= ?"  # noqa: S608
            " ORDER BY time, leaf",
            (now,),
        )
        return next((row for row in map(MediaRow._make, found) if row.file not in without), None)

    def next_due(self, without: Collection[str] = ()) -> int | None:
        """When the next may be tried; None when none is wanted."""
        found = self._db.execute("SELECT due, file FROM files WHERE state = 'wanted' ORDER BY due")
        return next((due for due, file in found if file not in without), None)

    def waiting(self, before: int) -> tuple[int, int, int]:
        """(how many are wanted, how many of them were sent before this time, when the first of
        them was sent or 0)."""
        asked = (
            "SELECT count(*), count(*) FILTER (WHERE time < ?),"
            " coalesce(min(time) FILTER (WHERE time > 0), 0) FROM files WHERE state = 'wanted'"
        )
        wanted, overdue, first = self._db.execute(asked, (before,)).fetchone()
        return wanted, overdue, first

    def counts(self) -> dict[str, int]:
        """How many files are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM files GROUP BY state"))

    def failed(self, row: MediaRow, reason: str, due: int) -> None:
        """It could not be fetched; try again from `due` (UTC ms)."""
        self._db.execute(
            "UPDATE files SET tries = tries + 1, reason = ?, due = ? WHERE file = ?",
            (reason, due, row.file),
        )

    def again(self) -> int:
        """Want those again that were refused: how many."""
        return self._db.execute(
            "UPDATE files SET state = 'wanted', due = 0, at = 0 WHERE state = 'refused'"
            " AND file_id != ''"
        ).rowcount

    def wanted(self, file: str) -> bool:
        """Whether this file (`MediaRow.file`) is still to be fetched."""
        return self._row("file = ? AND state = 'wanted'", (file,)) is not None

    # ---- what became of it ----

    def stored(
        self,
        row: MediaRow,
        content: Digests,
        *,
        md5: str,
        name: str,
        at: int,
        who: str,
        key_version: int = 0,
    ) -> Line:
        """Its content is in the archive under this name; `md5` is of the bytes, `key_version` the
        one of the tenant's key that it needs (0: its head says it). What WeCom says otherwise of
        them is noted.

        Raises:
            OSError, sqlite3.Error: not now; do it again.
        """
        details: dict[str, Any] = {**content._asdict(), "object": name}
        if row.md5 and row.md5 != md5:
            details |= {"md5": md5, "wecom_md5": row.md5}
        if row.told and row.told != content.size:
            details["wecom_size"] = row.told
        if key_version:
            details["key_version"] = key_version
        return self._settle(row, MEDIA_STORED, "", details, at, who)

    def lost(self, row: MediaRow, reason: str, *, at: int, who: str) -> Line:
        """It cannot be had any more, for this reason. Raises: see `stored`."""
        return self._settle(row, MEDIA_LOST, reason, {"tries": row.tries + 1}, at, who)

    def refused(self, row: MediaRow, reason: str, *, at: int, who: str) -> Line:
        """It was not fetched, for this reason of ours. Raises: see `stored`."""
        return self._settle(row, MEDIA_REFUSED, reason, {}, at, who)

    def removed(self, row: MediaRow, reason: str, *, at: int, who: str) -> Line:
        """No message carries it any more; its object goes after this. Raises: see `stored`."""
        told = {"object": row.object, "size": row.size}
        return self._settle(row, MEDIA_REMOVED, reason, told, at, who)

    def _settle(
        self, row: MediaRow, action: str, why: str, details: dict[str, Any], at: int, who: str
    ) -> Line:
        told = {"file": row.file, "leaf": row.leaf, "msgid": row.msgid, "type": row.type, **details}
        line = self._book.write(Deed(at, who, COLLECTOR, action, why, told))
        self._apply([line])
        return line

    def _apply(self, lines: Sequence[Line]) -> None:
        with transaction(self._db):
            for line in lines:
                self._take(line)
                self._note("line", line.number)

    def _take(self, line: Line) -> None:
        deed, told = line.deed, line.deed.details
        state = STATES.get(deed.action)
        if state is None:
            return
        self._db.execute(
            "INSERT OR IGNORE INTO files (file, file_id, leaf, msgid, time, type, md5, told, state)"
            " VALUES (?, '', ?, ?, 0, ?, '', 0, ?)",
            (told["file"], told["leaf"], told["msgid"], told["type"], state),
        )
        content = (told.get("sm3", ""), told.get("sha256", ""), told.get("size", 0))
        self._db.execute(
            "UPDATE files SET state = ?, reason = ?, at = ?, sm3 = ?, sha256 = ?, size = ?,"
            " object = ?, line = ?, key_version = ?, file_id = iif(? = 'refused', file_id, '')"
            " WHERE file = ?",
            (state, deed.why, deed.at, *content, told.get("object", ""),
             line.number, told.get("key_version", 0), state, told["file"]),
        )  # fmt: skip

    def _catch_up(self) -> None:
        """Lines that were written and not taken up. Behind a damage they cannot be read: then a
        file may be entered twice, but none is left unfetched for it."""
        lines = []
        try:
            for line in self._book.lines(after=self._mark("line")):
                lines.append(line)
        except BookDamaged as error:
            self.damage = error
        self._apply(lines)

    # ---- looking it up ----

    def of_file(self, file_id: str) -> MediaRow | None:
        """What is known of the file with this `sdkfileid`."""
        return self._row("file = ?", (file_key(file_id),))

    def holding(self, sm3: str) -> MediaRow | None:
        """A stored file with this content (SM3 in hex)."""
        return self._row("sm3 = ? AND state = 'stored' LIMIT 1", (sm3,)) if sm3 else None

    def lines(self) -> Iterator[Line]:
        """Every line of the book. Raises BookDamaged: where it is not what was written."""
        return self._book.lines()

    def carriers(self, after: int, limit: int) -> list[int]:
        """Leaves behind `after` of messages that carry files, ascending."""
        asked = "SELECT DISTINCT leaf FROM carriers WHERE leaf > ? ORDER BY leaf LIMIT ?"
        return [found for (found,) in self._db.execute(asked, (after, limit))]

    def alone(self, leaf: int) -> list[MediaRow]:
        """Files that no message but the one of this leaf carries."""
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM files WHERE file IN (SELECT file FROM carriers"  # noqa: S608
            " WHERE leaf = ?) AND NOT EXISTS (SELECT 1 FROM carriers c WHERE c.file = files.file"
            " AND c.leaf != ?)",
            (leaf, leaf),
        )
        return [MediaRow(*one) for one in found]

    def gone(self, leaf: int) -> None:
        """The message of this leaf is gone, and nothing is kept any more for it."""
        self._db.execute("DELETE FROM carriers WHERE leaf = ?", (leaf,))

    def key_versions(self) -> dict[int, tuple[int, str]]:
        """Versions of the tenant's key that stored files need (0: not noted): how many objects, and
        the one that was stored last."""
        asked = (
            "SELECT key_version, count(DISTINCT object), object, max(line) FROM files"
            " WHERE state = 'stored' GROUP BY key_version"
        )
        return {version: (count, name) for version, count, name, _ in self._db.execute(asked)}

    def without_version(self) -> list[str]:
        """Objects of stored files of which the version is not noted."""
        asked = "SELECT DISTINCT object FROM files WHERE state = 'stored' AND key_version = 0"
        return [name for (name,) in self._db.execute(asked)]

    def note_version(self, name: str, version: int) -> None:
        """The version of the tenant's key that the files in an object need."""
        self._db.execute("UPDATE files SET key_version = ? WHERE object = ?", (version, name))

    def taken(self) -> int:
        """The last line of the book that is in here."""
        return self._mark("line")

    def needed(self, name: str) -> bool:
        """Whether a stored file has its content in this object."""
        return self._row("object = ? AND state = 'stored' LIMIT 1", (name,)) is not None

    # ---- the file ----

    def _row(self, which: str, values: Sequence[object]) -> MediaRow | None:
        asked = f"SELECT {COLUMNS} FROM files WHERE {which}"  # noqa: S608 - our own words
        found = self._db.execute(asked, values).fetchone()
        return MediaRow(*found) if found else None

    def _mark(self, name: str) -> int:
        found = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0

    def _note(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))
