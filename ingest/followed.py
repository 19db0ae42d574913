"""Files that grow: read as they do, and let go when nothing comes of them any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from ingest.intake import Body, Taken
from ingest.one_file import PACKED, Damaged, OneFile
from ingest.resuming import FileIntake, part_of, rest, resumed, unreadable

QUIET_S = 60.0  # without growth for so long, a file is closed
MOST_OPEN = 100  # so many keep their files open; and as many that have lost their names


class Followed:
    """A file that is read under a name: `name` is the one that was looked for, and `since` when it
    grew last. `half` is what stood behind its last whole line when it was closed."""

    def __init__(self, name: Path, file: OneFile, since: float) -> None:
        self.name, self.file, self.since = name, file, since
        self.half: list[Body] = []


class Watch:
    """Files that may grow, and what was taken of them.

    What has a name is closed when it is quiet, or when too many others have grown since; and opened
    again when it has changed. What has lost its name (rotation) cannot be opened again: it stays
    open for as long as its writer may not have noticed, and is let go with its last line.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(
        self, intake: FileIntake, stop: threading.Event, clock: Callable[[], float]
    ) -> None:
        self._intake, self._stop, self._clock = intake, stop, clock
        self.taken = Taken()
        self.seen: set[Path] = set()
        self.damaged: dict[Path, Damaged] = {}
        self._named: dict[Path, Followed] = {}
        self._open: dict[Path, Followed] = {}  # those of them that are, the latest to grow last
        self._leaving: list[Followed] = []  # without their name
        self._packed: dict[Path, tuple[int, int]] = {}

    def look(self, paths: Sequence[Path]) -> None:
        """Take what these files have now."""
        for path in self._named.keys() - set(paths):
            self._leave(path)
        for one in self._leaving:
            self._read(one)
        for path in paths:
            if self._stop.is_set():
                return
            try:
                if path.suffix == PACKED:
                    self._take_packed(path)
                else:
                    self._attend(path)
            except FileNotFoundError:
                continue  # it was renamed this very moment; the next look finds it
            except OSError as error:
                raise unreadable(path, error) from None
        self._let_go()

    def close(self) -> None:
        """Close all files."""
        for one in [*self._named.values(), *self._leaving]:
            one.file.close()

    def _attend(self, path: Path) -> None:
        self.seen.add(path)
        one = self._named.get(path)
        if one is not None and one.file.replaced():
            self._leave(path)
            one = None
        if one is None:
            one = self._begin(path)
        if self._read(one):
            self._open.pop(path, None)  # it becomes the last of them
        if not one.file.shut:
            self._open[path] = one
            if one.file.passed and self._clock() - one.since >= QUIET_S:
                self._shut(path)
        if len(self._open) > MOST_OPEN:
            self._shut(next(iter(self._open)))

    def _begin(self, path: Path) -> Followed:
        *older, file = resumed(path, self._intake, growing=True)
        for had_its_name in older:
            read = [*self._leaving, *self._named.values()]
            if had_its_name.number in {other.file.number for other in read}:
                had_its_name.close()
                continue
            self._leaving.append(Followed(path, had_its_name, self._clock()))
            self._read(self._leaving[-1])
        one = self._named[path] = Followed(path, file, self._clock())
        return one

    def _shut(self, path: Path) -> None:
        one = self._named[path]
        one.half = one.file.last_line()
        one.file.close()
        self._open.pop(path, None)

    def _leave(self, path: Path) -> None:
        """It has lost its name. Of one that is closed the rest is found, should another have it;
        it may have none, so half a line is taken as it is."""
        one = self._named.pop(path)
        if self._open.pop(path, None):
            self._leaving.append(one)
            self._read(one)
        elif one.half:
            self.taken = self.taken.plus(self._intake.take(one.half))

    def _read(self, one: Followed) -> bool:
        """Take what has been added; returns whether it has grown."""
        if not one.file.grown():
            return False
        one.since = self._clock()
        for now in rest(one.file, self._intake, self._stop, keep=self._oldest(one.name) is one):
            self.taken = self.taken.plus(now)
        return True

    def _oldest(self, name: Path) -> Followed | None:
        """Whose place is remembered under a name: that of the one that had it first. A collector
        that ends now finds it again by that, and the files after it, which it reads once more."""
        had_it = (one for one in self._leaving if one.name == name)
        return next(had_it, self._named.get(name))

    def _let_go(self) -> None:
        """Let go of files without their name from which nothing comes any more."""
        named = {one.file.number for one in self._named.values()} if self._leaving else set()
        for one in self._leaving[:]:
            back = one.file.number in named  # under this name or another one
            quiet = self._clock() - one.since >= QUIET_S
            if not (back or quiet or len(self._leaving) > MOST_OPEN):
                continue
            if not back:
                if last := one.file.last_line():
                    self.taken = self.taken.plus(self._intake.take(last))
                if self._read(one):
                    continue  # it grew while that was written, which can take long
            one.file.close()
            self._leaving.remove(one)
            self._keep_place(one.name)

    def _keep_place(self, name: Path) -> None:
        one = self._oldest(name)
        if one is None:
            return
        place, part = one.file.place(), part_of(one.file.path)
        if place != self._intake.cursor(part):
            self._intake.take([], cursor=place, part=part)

    def _take_packed(self, path: Path) -> None:
        """A packed file is taken whole, and again when it is another."""
        self.seen.add(path)
        state = path.stat()
        if self._packed.get(path) == (state.st_size, state.st_mtime_ns):
            return
        self._packed[path] = (state.st_size, state.st_mtime_ns)
        self.damaged.pop(path, None)
        for file in resumed(path, self._intake, growing=False):
            with closing(file):
                for now in rest(file, self._intake, self._stop):
                    self.taken = self.taken.plus(now)
                if file.damaged:
                    self.damaged[file.damaged.path] = file.damaged
