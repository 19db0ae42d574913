"""Incidents of the puller: each is told once when it begins and once when it ends.

What is open is kept in the book before it is told, under a key that stays the same after a restart;
so a crash in between tells it again under the same id and no episode hides another.
"""

from __future__ import annotations

from ingest.archive.book import Book
from ingest.intake import Intake
from rules.operations import RESOLVED, incident


class Watch:
    """Opens and resolves incidents of one collector."""

    def __init__(self, intake: Intake, book: Book, tenant: str) -> None:
        self._intake, self._book, self._tenant = intake, book, tenant

    def open(
        self, kind: str, subject: str, detail: str, *, now: int, count: int = 1, key: str = ""
    ) -> None:
        """Tell that something is wrong; nothing happens while that is open already.

        Args:
            subject: what it is about: of one kind and subject one incident is open at a time.
            key: as in `rules.operations.incident`; without one, subject and time.
        """
        held = self._book.opening(kind, subject, key or f"{subject}@{now}")
        if held is None:
            return
        self._tell(kind, held, detail, now, count, {})
        self._book.told(kind, subject)

    def resolve(self, kind: str, subject: str, detail: str, *, now: int, count: int = 1) -> None:
        """Tell that it has ended, if it was open."""
        for open_subject, key in self._book.open_incidents(kind):
            if open_subject == subject:
                self._tell(kind, key, detail, now, count, {"status": RESOLVED})
                self._book.ended(kind, subject)

    def is_open(self, kind: str, subject: str) -> bool:
        """Whether such an incident was told, and has not ended."""
        return self._book.is_told(kind, subject)

    def subjects(self, kind: str) -> list[str]:
        """What incidents of a kind are open about."""
        return [subject for subject, _ in self._book.open_incidents(kind)]

    def _tell(
        self, kind: str, key: str, detail: str, now: int, count: int, status: dict[str, str]
    ) -> None:
        self._intake.incident(
            incident(
                kind,
                tenant=self._tenant,
                source=self._intake.source,
                key=key,
                time=now,
                detail=detail,
                count=count,
                **status,
            )
        )
