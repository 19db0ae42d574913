"""The rulesets of a running job: what it was begun with, and what is published while it runs.

A set is read from disk when it is first wanted. Where one cannot be read, or the registry cannot be
looked at, whoever needs it gets the error, and the task fails: it never judges by stale rules.
"""

from __future__ import annotations

import bisect
import threading
import time
from pathlib import Path

from rules.errors import MingjianError
from rules.kept_rules import open_kept
from rules.published import Kept, find, kept_in, starts
from rules.ruleset import FOREVER, InForce, RuleSet
from udfs.apart import LEAST, read_apart
from udfs.kept import KeptPatterns

LOOK_S = 1.0  # between two looks at the registry
GRACE_S = 5.0  # for so long the registry may be out of sight; less than what publishing allows for
KEEP = 4  # rulesets in memory besides those that are in force or to come


class LiveRules:
    """A `rules.ruleset.Timeline` that grows. One a process and job; threads may share it.

    Args:
        base: the folder of what the job was begun with. levels: keyed stages that the job has,
            0 while it is put together: a set that needs more is refused.

    Attributes:
        version: another number when there are other sets than before.
        registry: the folder of published sets.
    """

    def __init__(
        self, base: str, registry: str, feeds: tuple[str, ...] = (), levels: int = 0
    ) -> None:
        self._base, self.registry, self._feeds = kept_in(Path(base)), Path(registry), feeds
        self._levels = levels
        self._keep = KeptPatterns()
        self._entries: tuple[Kept, ...] = (self._base,)
        self._starts: tuple[int, ...] = (0,)
        self._read = frozenset(self._base.manifest.read)
        self._loaded: dict[str, RuleSet] = {}
        self._gone: dict[str, int] = {}  # digest -> version at which it was looked for in vain
        self._loading, self._looking = threading.Lock(), threading.Lock()
        self._next, self._unseen = 0.0, 0.0
        self.version = 0
        self.look()

    @property
    def depth(self) -> int:
        """How many keyed stages the correlations of all rulesets need."""
        return max(one.manifest.levels for one in self._entries)

    @property
    def rulesets(self) -> tuple[RuleSet, ...]:
        """Those in force now and to come."""
        return tuple(self._load(one) for one in self.coming())

    def coming(self) -> tuple[Kept, ...]:
        """What is in force now, by the clock, and what comes after it."""
        now = int(time.time() * 1000)
        return self._entries[max(0, bisect.bisect_right(self._starts, now) - 1) :]

    def look(self, *, at_once: bool = False) -> None:
        """Look for new sets, at most once in `LOOK_S` unless it is to be `at_once`.

        Raises:
            MingjianError: the registry cannot be looked at, or holds what was not published.
        """
        now = time.monotonic()
        if not at_once and now < self._next:
            return
        with self._looking:
            if not at_once and now < self._next:
                return
            self._next = now + LOOK_S
            try:
                found = tuple(starts(self.registry))
                if not self.registry.is_dir():
                    raise FileNotFoundError(2, "no such folder")
            except OSError as error:
                self._unseen = self._unseen or now
                if now - self._unseen < GRACE_S:
                    return
                raise _out_of_sight(self.registry, error) from None
            self._unseen = 0.0
            if (0, *found) != self._starts:
                self._take(found)

    def _take(self, found: tuple[int, ...]) -> None:
        known = {one.start: one for one in self._entries[1:]}
        sets = [known.get(start) or kept_in(self.registry / str(start), start) for start in found]
        self._entries = (self._base, *sets)
        self._starts = (0, *found)
        self._read = frozenset(name for one in self._entries for name in one.manifest.read)
        self.version += 1

    def only(self) -> RuleSet | None:
        """See `Timeline`."""
        entries = self._entries
        return self._load(entries[0]) if len(entries) == 1 else None

    def span(self, time: int) -> InForce:
        """See `Timeline`. Waits until the set is read.

        Raises:
            MingjianError: it cannot be.
        """
        entries = self._entries
        at = max(0, bisect.bisect_right(entries, time, key=lambda one: one.start) - 1)
        end = entries[at + 1].start if at + 1 < len(entries) else FOREVER
        return InForce(entries[at].start if at else -FOREVER, end, self._load(entries[at]))

    def fetch(self, kept: Kept) -> None:
        """Have a large set read without getting into the way of whoever judges; `span` reads it
        otherwise. To be called beside."""
        digest = kept.manifest.digest
        if digest in self._loaded or kept.manifest.rules < LEAST:
            return
        found = open_kept(kept.folder, digest, self._keep)  # by who published it, on this machine
        if found is None and read_apart(kept):
            found = open_kept(kept.folder, digest, self._keep)
        if found is not None:
            self._load(kept, found)

    def of(self, digest: str, time: int) -> RuleSet:
        """See `Timeline`. State may name rules that an earlier job was begun with."""
        known = self._loaded.get(digest)
        if known is not None:
            return known
        if self._gone.get(digest) != self.version:
            found = next((one for one in self._entries if one.manifest.digest == digest), None)
            if found is None:  # a worker may have seen it a moment before
                self.look(at_once=True)
                found = find(self.registry, digest)
            if found is not None:
                return self._load(found)
            self._gone[digest] = self.version
        return self.span(time).ruleset

    def reads(self, name: str) -> bool:
        """See `Timeline`."""
        return name in self._read

    def _load(self, kept: Kept, found: RuleSet | None = None) -> RuleSet:
        digest = kept.manifest.digest
        known = self._loaded.get(digest)
        if known is not None:
            return known
        if 0 < self._levels < kept.manifest.levels:
            raise _too_deep(kept, self._levels)
        with self._loading:
            if digest not in self._loaded:
                if found is None:
                    with self._keep.first(digest):
                        found = kept.whole(self._keep)
                found = found.awake(self._feeds)
                wanted = {one.manifest.digest for one in self.coming()}
                spare = [one for one in self._loaded if one not in wanted][:-KEEP]
                rest = {key: one for key, one in self._loaded.items() if key not in spare}
                self._loaded = {**rest, digest: found}
            return self._loaded[digest]


def _out_of_sight(registry: Path, error: OSError) -> MingjianError:
    return MingjianError(
        f"cannot look for published rules in {registry}: {error.strerror or error}",
        f"无法在 {registry} 中查找已发布的规则：{error.strerror or error}",
        fix_en="the job stops rather than judge by rules that may be stale: restore rules.registry",
        fix_zh="规则可能已过期，作业停止判定：请恢复 rules.registry 目录",
    )


def _too_deep(kept: Kept, levels: int) -> MingjianError:
    return MingjianError(
        f"the ruleset {kept.folder} reads correlations {kept.manifest.levels} levels deep, and the"
        f" job was begun with {levels}",
        f"规则集 {kept.folder} 的关联规则有 {kept.manifest.levels} 层，"
        f"而作业启动时只有 {levels} 层",
        fix_en="end the job with a savepoint and start it from there: it gets the stages it lacks",
        fix_zh="请以保存点停止作业并从该处重新启动：作业会补上缺少的阶段",
    )
