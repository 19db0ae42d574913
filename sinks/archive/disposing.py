"""Carries approved plans of deletion out inside the process that writes the archive.

One step at a time, between two of its flushes. What goes wrong with a deletion is told once and
shown as long as it lasts; archiving goes on. After a kill the plan is taken up where it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from rules.errors import MingjianError
from sinks.archive.book_reader import DeedReader
from sinks.archive.caught_up import CaughtUp
from sinks.archive.custody import CustodyBook
from sinks.archive.disposable import DisposableIndex
from sinks.archive.disposal import carry_out
from sinks.archive.disposal_parts import NotNow, Parts, Step, waiting
from sinks.archive.hold_book import APPROVED, approved, deeds, finished
from sinks.archive.known_alerts import KnownAlerts
from sinks.archive.plans import Plans
from sinks.archive.rows import ArchiveIndex
from sinks.archive.sqlite_disposal import SqliteDisposals
from sinks.archive.sqlite_index import SqliteIndex

DELIVERER = "deliverer"  # the role in which the process writes into the custody book
_WHO = "mingjian deliver"
_AGAIN_S = 60.0  # after an end did not take a step
log = structlog.get_logger("deliver")


def disposals_of(index: ArchiveIndex) -> DisposableIndex:
    """Deletion from this index."""
    if isinstance(index, SqliteIndex):
        return SqliteDisposals(index)
    # only those who use it wait until the library is read
    from sinks.archive.postgres_disposal import PostgresDisposals  # noqa: PLC0415
    from sinks.archive.postgres_index import PostgresIndex  # noqa: PLC0415

    if isinstance(index, PostgresIndex):
        return PostgresDisposals(index)
    raise TypeError(f"no deletion from {type(index).__name__}")


class Disposing:
    """The plans of the archive in a folder, for the process that writes it.

    Args:
        folder: of the archive, with its custody book and its plans.
        target: its name, for the log.
        open_parts: gives the archive's parts as they are open now.
        clock: seconds of the clock.
    """

    def __init__(
        self,
        folder: Path,
        target: str,
        open_parts: Callable[[], Parts],
        clock: Callable[[], float],
    ) -> None:
        self._book, self._plans = CustodyBook(folder), Plans(folder)
        self._alerts = KnownAlerts(folder)
        self.reading = CaughtUp(self._book, clock)
        self._log = log.bind(target=target)
        self._open_parts, self._clock = open_parts, clock
        self._looked = (0, 0)  # the book's state when it was read last; there is no such book
        self._waiting: list[str] = []
        self._over: set[str] = set()  # plans that were carried out to their end
        self._plan = ""  # the one that is worked on
        self._work: Iterator[Step] | None = None
        self._wrong: dict[str, str] = {}  # by plan: why it is not carried out
        self._lacks: dict[str, frozenset[str]] = {}  # by plan: alerts that it waits for
        self._judged: set[str] = set()  # of these, those to be judged again when an alert came
        self._again = 0.0
        self._approvals = DeedReader(self._book, APPROVED)
        self._approved: set[str] = set()  # plans, by the book as it was in this state:
        self._seen = (0, 0)

    def due(self) -> bool:
        """Whether `step` would do something now."""
        if self._clock() < self._again:
            return False
        if self._work is None and not self._waiting and not (self._news() and self._unfinished()):
            return False
        return self.reading.reached()

    def step(self) -> bool:
        """One step; False when it failed, and then the ledger has to be opened anew. All that was
        read has to be in the index."""
        before = self._book.state()
        self.reading.used()
        try:
            self._step()
        except NotNow as error:
            self._lacks[self._plan] = error.alerts
            self._judged.add(self._plan)
            self._waiting.append(self._plan)
            self._again = self._clock() + _AGAIN_S
            self._failed(error.en)
            return True
        except MingjianError as error:  # what people have to mend; the book tells when they did
            self._failed(error.en)
        except (OSError, sqlite3.Error) as error:
            self._again = self._clock() + _AGAIN_S
            if self._plan:
                self._waiting.insert(0, self._plan)
            else:
                self._looked = (0, 0)
            self._failed(getattr(error, "strerror", None) or str(error) or type(error).__name__)
        except Exception as error:  # a defect in deleting must not stop archiving
            self._failed(f"unexpected {type(error).__name__}")
        else:
            return True
        if self._book.state() != before:  # or what fails would write line after line
            self._again = self._clock() + _AGAIN_S
        return False

    def drop(self) -> None:
        """The archive's parts were opened anew: take the plan up from its beginning."""
        if self._work is not None:
            self._waiting.insert(0, self._plan)
        self._work, self._plan = None, ""

    def left(self) -> str:
        """What is not carried out and why; "" when nothing is."""
        wrong = dict(self._wrong)
        if self.reading.why and (self._work or self._waiting or self._unfinished()):
            wrong.setdefault("", self.reading.why)
        return "; ".join(
            f"plan {plan[:16]} is not carried out: {why}" if plan else f"nothing is deleted: {why}"
            for plan, why in sorted(wrong.items())
        )

    def _step(self) -> None:
        if self._work is None and self._news():
            self._look()
        if self._work is None and self._waiting:
            self._begin(self._waiting.pop(0))
        if self._work is None:
            return
        told = next(self._work, None)
        if told is not None:
            if self._plan not in self._lacks:
                self._wrong.pop(self._plan, None)
            self._log.info("disposal", plan=self._plan[:16], done=told.done, of=told.of)
            return
        self._end()

    def _news(self) -> bool:
        return self._book.state() != self._looked

    def _unfinished(self) -> set[str]:
        """Plans that were approved and, as far as is known, not carried out to their end; of a book
        that cannot be read "", for the step to tell."""
        if (state := self._book.state()) != self._seen:
            try:
                told = self._approvals.deeds()
            except (MingjianError, OSError):
                self._approvals = DeedReader(self._book, APPROVED)
                return {""}
            self._approved.update(str(one.details.get("plan")) for one in told)
            self._seen = state
        return self._approved - self._over

    def _look(self) -> None:
        """Which plans wait. Those that were refused are tried again: somebody did something."""
        self._looked = self._book.state()
        if not (plans := self._unfinished()):
            return
        self._waiting = waiting(self._open_parts())
        self._over |= plans - {"", *self._waiting}
        self._wrong = {plan: why for plan, why in self._wrong.items() if plan in self._waiting}
        self._judged.clear()

    def _begin(self, plan: str) -> None:
        self._plan = plan
        lacks = self._lacks.get(plan) if plan in self._judged else None
        if lacks and self._alerts.missing(lacks) == lacks:
            self._waiting.append(plan)
            self._plan, self._again = "", self._clock() + _AGAIN_S
            return
        approval = approved(deeds(self._book.lines()), plan)
        if approval is None:
            self._plan = ""
            return
        parts = replace(self._open_parts(), heard=lambda: self.reading.line)
        self._work = carry_out(parts, plan, who=_WHO, role=DELIVERER, why=approval.why)

    def _end(self) -> None:
        plan, self._work, self._plan = self._plan, None, ""
        self._over.add(plan)
        self._wrong.pop(plan, None)
        self._lacks.pop(plan, None)
        done = self._plans.result(plan, finished(deeds(self._book.lines()), plan))
        if done is not None:
            self._log.info(
                "disposal_done", plan=plan[:16], deleted=done.deleted, stayed=done.counts()
            )

    def _failed(self, why: str) -> None:
        plan, self._work, self._plan = self._plan, None, ""
        self._fault(plan, why)

    def _fault(self, plan: str, why: str) -> None:
        if self._wrong.get(plan) != why:
            self._log.error("disposal_stopped", plan=plan[:16], why=why)
        self._wrong[plan] = why
