"""Makes rulesets ready beside the records, before a record needs them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rules.compiled import CompiledRules, compile_timeline
from rules.errors import MingjianError
from rules.ruleset import RuleSet, RuleTimeline
from udfs.kept import KeptPatterns
from udfs.live_rules import LiveRules

# metric of each task that matches: `Ahead.newest`
RULES_FROM = "rules_from"
_log = logging.getLogger(__name__)
_COMPILED = 4  # rulesets of one function: those that judge by turns while event time passes on


class Ahead:
    """Follows the rulesets of a job.

    Args:
        ready: what is to be done with a ruleset that is in force or to come; called in a thread.

    Attributes:
        newest: event time (ms) from which the newest set that is ready judges; 0: what the job
            was begun with.
    """

    def __init__(
        self, timeline: LiveRules | RuleTimeline, ready: Callable[[RuleSet], object]
    ) -> None:
        self._timeline = timeline if isinstance(timeline, LiveRules) else None
        self._ready = ready
        self._seen, self._done = -1, -1  # versions of the timeline
        self._thread: threading.Thread | None = None
        self.newest = 0

    def begin(self) -> None:
        """Make ready what is in force now and to come, before the first record."""
        if self._timeline is not None:
            self._seen = self._timeline.version
            self._make()
            if self._done != self._seen:
                self._timeline.rulesets  # noqa: B018 - says what is wrong

    def look(self) -> bool:
        """Called with each batch: have there come other rulesets?"""
        timeline = self._timeline
        if timeline is None:
            return False
        timeline.look()
        if timeline.version != self._done and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(
                target=self._make, args=(True,), name="rules-ahead", daemon=True
            )
            self._thread.start()
        changed = timeline.version != self._seen
        self._seen = timeline.version
        return changed

    def _make(self, beside: bool = False) -> None:
        assert self._timeline is not None  # noqa: S101
        version = self._timeline.version
        try:
            for kept in self._timeline.coming():
                if beside:
                    self._timeline.fetch(kept)
                self._ready(self._timeline.span(kept.start).ruleset)
                self.newest = kept.start
        except MingjianError as error:
            # whoever needs it tries again, and fails if it has to
            _log.warning("a ruleset cannot be made ready yet: %s", error.en)
            return
        self._done = version


class Compiled:
    """Rulesets compiled for one matcher, which goes on using one while another is made."""

    def __init__(self, keep: KeptPatterns) -> None:
        self._keep = keep
        self._made: dict[str, CompiledRules] = {}
        self._making = threading.Lock()

    def __call__(self, ruleset: RuleSet) -> CompiledRules:
        """The ruleset compiled; waits while it is made."""
        known = self._made.get(ruleset.digest)
        if known is not None:
            return known
        with self._making:
            if ruleset.digest not in self._made:
                with self._keep.first(f"patterns-{ruleset.digest}"):
                    made = CompiledRules(ruleset, self._keep)
                kept = list(self._made.items())[1 - _COMPILED :]
                self._made = {**dict(kept), ruleset.digest: made}
            return self._made[ruleset.digest]


def keep_compiled(timeline: LiveRules) -> None:
    """Have the patterns kept for the workers. Where that fails they do it, and the job says why."""
    try:
        compile_timeline(timeline, KeptPatterns())
    except Exception as error:  # whatever it is, the workers meet it too
        _log.warning("patterns cannot be compiled before the workers do it: %r", error)
