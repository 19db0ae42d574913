"""The desk: looks up, writes down who looked and why, and only then shows.

Whatever is shown was written into the custody book before; when the book cannot be written,
nothing is shown. What somebody may not do is written down too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from desk import roles
from desk.roles import Actor, NotAllowed, reason_given
from desk.shown import Gone, Shown, gone, says_masked, shown
from reports.masking import mask_numbers
from rules.errors import EXIT_FINDINGS, EXIT_USAGE, MingjianError
from sinks.archive.custody import BookDamaged, CustodyBook, Deed, Line
from sinks.archive.disposable import Tombstone
from sinks.archive.hold_book import By
from sinks.archive.search import ArchiveReader, Found, Hits, Query, as_leaf
from sinks.archive.subjects import StoredOnly
from sinks.archive.whole_book import LookUp, WholeBook, nothing_entered

SEARCHED, SAW, UNMASKED, EXPORTED = "searched", "saw", "unmasked", "exported"
PUBLISHED = "published_rules"
SAW_ALERTS, TESTED = "saw_alerts", "tested_channels"
REFUSED, READ_BOOK, EXPORTED_BOOK = "refused", "read_custody", "exported_custody"
NOT_EXPORTED = "not_exported"  # what an earlier line says was taken was not, as its place failed
READ_HOLDS, LOOKED_UP = "read_holds", "looked_up_person"
CHECKED, ROTATED, RESEALED = "checked", "rotated_keys", "changed_passphrase"
MENDED, SET_ACCESS = "mended_heads", "set_access"
MAX_PAGE = 1_000
_FIND_OUT = (roles.READ_CUSTODY, roles.CHECK)  # what is wrong, also of a damaged book


class Page(NamedTuple):
    """What was found, where the next page begins (None: there is no more), and how many that may be
    meant were passed over, because they may only be stored: all of them where anything else would
    tell what they say."""

    messages: list[Shown]
    cursor: int | None
    passed: int = 0


class Desk:
    """Where one person works.

    Args:
        actor: who.
        book: the custody book.
        open_archive: opens the archive for reading; called when something is looked for.
        now: UTC ms.
        entered: what the ledger has of the book; called before something is written into it.
    """

    def __init__(
        self,
        actor: Actor,
        book: CustodyBook,
        open_archive: Callable[[], ArchiveReader],
        now: Callable[[], int],
        entered: LookUp = nothing_entered,
    ) -> None:
        self.actor, self._whole = actor, WholeBook(book, entered)
        self._book, self._open_archive, self._now = book, open_archive, now
        self._archive: ArchiveReader | None = None
        self._restricted = StoredOnly(book)

    @property
    def book(self) -> CustodyBook:
        """The custody book, for deeds that write their own lines; see `writing`."""
        return self._book

    def allow(self, right: str, **wanted: Any) -> str:
        """The role in which they may do this.

        Raises:
            NotAllowed: in none; that they wanted it is in the book.
            BookDamaged: the book is not what was written, so nothing can be done that has to be
                written there. Whoever reads or checks it finds out by that what is wrong.
        """
        role = self.actor.acts_as(right)
        if role and right not in _FIND_OUT:
            self._require_whole()
        if not role:
            self._write(REFUSED, self.actor.every_role(), "", {"right": right, **wanted})
            raise NotAllowed(self.actor, right)
        return role

    def by(self, right: str, why: str, **wanted: Any) -> By:
        """Who does now what this right is for, in which role, and why.

        Raises:
            NotAllowed: see `allow`.
            MingjianError: no reason was given.
        """
        role = self.allow(right, **wanted)
        return By(self.actor.account, role, self._now(), reason_given(why, right))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around what writes into the book by itself: says so when that cannot be.

        Raises:
            MingjianError: the book cannot be written, so the deed was not done.
        """
        self._require_whole()
        try:
            yield
        except OSError as error:
            raise unusable(error, "nothing was done", "未作任何改动") from None

    def note_found(self, action: str, role: str, **details: Any) -> BookDamaged | None:
        """Write into the book what somebody looked for and found wrong. A book that is damaged is
        no reason to withhold that: then nothing is written, and what is wrong with it comes back.

        Raises:
            MingjianError: it cannot be written.
        """
        try:
            self._write(action, role, "", details)
        except BookDamaged as error:
            return error
        return None

    def note(self, action: str, role: str, why: str = "", **details: Any) -> Line:
        """Write a deed into the book.

        Raises:
            MingjianError: it cannot be written, so the deed must not be done.
        """
        return self._write(action, role, why, details)

    def not_taken(self, line: Line) -> None:
        """Write into the book that what this line says was taken out was not: it could not be
        written. Where that cannot be noted either, the line stands alone."""
        deed = line.deed
        with suppress(MingjianError):
            self._write(NOT_EXPORTED, deed.role, deed.why, {"of_line": line.number})

    def search(self, query: Query, limit: int, before: int | None = None, why: str = "") -> Page:
        """Find messages, the last archived first, masked. Those that may only be stored (art. 47)
        are passed over unopened. Whoever may not see what is masked finds words only where they
        can be seen (ADR 0026).

        Raises:
            NotAllowed: see `allow`.
            MingjianError: it cannot be looked for.
        """
        asked = _asked(query)
        role = self.allow(roles.SEARCH, query=asked)
        if mask_numbers(query.text) != query.text:
            self.allow(roles.FIND_MASKED, query=asked)
        hits = self._hits(query, min(limit, MAX_PAGE), before)
        leaves = [one.row.leaf for one in hits.found]
        details: dict[str, Any] = {"query": asked, "leaves": leaves}
        if before is not None:
            details["before"] = before
        self._write(SEARCHED, role, " ".join(why.split()), details)
        page = [shown(one, masked=True) for one in hits.found]
        return Page(page, hits.cursor, hits.passed)

    def show(self, which: str, why: str = "", *, unmask: bool = False) -> Shown | Gone:
        """One message, by its number in the ledger or its id; of one that was deleted, what is
        left.

        Raises:
            NotAllowed: see `allow`; also of one that may only be stored.
            MingjianError: there is none, or no reason is given where one is needed.
        """
        right = roles.UNMASK if unmask else roles.SEE
        role = self.allow(right, message=which)
        reason = reason_given(why, right) if unmask else " ".join(why.split())
        found = self._found(which)
        if isinstance(found, Tombstone):
            told = {"leaf": found.leaf, "msgid": found.msgid, "deleted_by": found.plan}
            self._write(SAW, role, reason, told)
            return gone(found)
        row = found.row
        details = {"leaf": row.leaf, "msgid": row.msgid, "sm3": row.sm3.hex()}
        if row.leaf in self.stored_only():
            role = self.allow(roles.SEE_RESTRICTED, message=which)
            reason = reason_given(why, roles.SEE_RESTRICTED)
            details["restricted"] = True
        self._write(UNMASKED if unmask else SAW, role, reason, details)
        return shown(found, masked=not unmask)

    def custody(self, why: str = "", after: int = 0, **asked: Any) -> Iterator[Line]:
        """Lines of the book; that it was read, and which of it was asked for, is its next line.

        Raises:
            NotAllowed: see `allow`.
            BookDamaged: where it is not what was written; the lines before are given.
        """
        role = self.allow(roles.READ_CUSTODY)
        with suppress(BookDamaged):  # whoever reads it finds that out by reading
            self._write(READ_BOOK, role, why, {"after": after, **asked})
        yield from self._book.lines(after)

    def find(self, which: str) -> Found:
        """A message for what stands beside the desk; whoever shows anything of it writes that down
        first.

        Raises:
            NotAllowed: it may only be stored, and they may not see it.
            MingjianError: there is none, or none any more.
        """
        found = self._found(which)
        if isinstance(found, Tombstone):
            raise MingjianError(*found.words(), exit_code=EXIT_FINDINGS)
        if found.row.leaf in self.stored_only():
            self.allow(roles.SEE_RESTRICTED, message=which)
        return found

    def stored_only(self) -> set[int]:
        """Leaves of the messages that may only be stored (art. 47).

        Raises:
            MingjianError: the book cannot be read, so nobody can say.
        """
        try:
            return self._restricted.leaves()
        except OSError as error:
            raise unusable(error, "nothing is shown", "不予显示") from None

    def _hits(self, query: Query, limit: int, before: int | None) -> Hits:
        reader, stored_only = self._reader(), self.stored_only()
        if not query.text or self.actor.acts_as(roles.FIND_MASKED):
            return reader.search_but(query, limit, before, stored_only)
        found: list[Found] = []
        while True:
            hits = reader.search_but(query, limit + 1, before, stored_only)
            found += (one for one in hits.found if says_masked(one, query.text))
            # which of those that may only be stored have the words would tell what they say
            if len(found) > limit:
                return Hits(found[:limit], found[limit - 1].row.leaf, len(stored_only))
            if (before := hits.cursor) is None:
                return Hits(found, None, len(stored_only))

    def _reader(self) -> ArchiveReader:
        if self._archive is None:
            self._archive = self._open_archive()
        return self._archive

    def _found(self, which: str) -> Found | Tombstone:
        reader = self._reader()
        leaf = as_leaf(which.removeprefix("#"))
        found: Sequence[Found | Tombstone]
        if leaf is not None:
            one = reader.at(leaf)
            found = [one] if one else reader.deleted(leaf=leaf)
        else:
            found = reader.search(Query(msgid=which), 1)[0] or reader.deleted(msgid=which)
        if not found:
            raise MingjianError(
                f"no message {which} in the archive",
                f"归档中没有消息 {which}",
                fix_en="give its number from `mingjian archive search`, or its whole id",
                fix_zh="请给出 `mingjian archive search` 所列编号，或完整的消息编号",
                exit_code=EXIT_USAGE,
            )
        return found[0]

    def _require_whole(self) -> None:
        try:
            self._whole.require()
        except OSError as error:
            raise unusable(error, "nothing is shown", "不予显示") from None

    def _write(self, action: str, role: str, why: str, details: dict[str, Any]) -> Line:
        self._require_whole()
        deed = Deed(self._now(), self.actor.account, role, action, why, details)
        try:
            return self._book.write(deed)
        except OSError as error:
            raise unusable(error, "nothing is shown", "不予显示") from None


def unusable(error: OSError, en: str, zh: str) -> MingjianError:
    """That the book cannot be read or written, and what therefore is not done."""
    return MingjianError(
        f"the custody book cannot be used ({error.strerror}), so {en}",
        f"保管记录无法使用（{error.strerror}），因此{zh}",
        fix_en="mend the disk or the rights of the archive's folder",
        fix_zh="请检查磁盘或归档目录的权限",
    )


def _asked(query: Query) -> dict[str, Any]:
    """What was asked, for the book; numbers of people masked."""
    told = {key: value for key, value in query._asdict().items() if value}
    return {key: mask_numbers(one) if isinstance(one, str) else one for key, one in told.items()}
