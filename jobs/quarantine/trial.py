"""Whether a rule that failed on a record would fail again: it is judged once more, as the job does.

By the rules of its own time, so a rule that was mended and published since does not help it; a new
version of Mingjian may.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property

from config.settings import Settings
from jobs.reconcile import as_then
from rules.calendar import load_calendar
from rules.compiled import CompiledRules, compile_timeline
from rules.decode import Decoder
from rules.items import QUARANTINE, unpack
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline
from udfs.kept import KeptPatterns

FAILED = "rule_failed"


class Trial:
    """Judges single records. The rules are read and compiled when the first is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def failures(self, raw: bytes) -> set[str]:
        """What the job would say of each rule that fails on this record (`Quarantined.detail`).

        Raises:
            MingjianError: the rules cannot be read.
        """
        timeline, compiled = self._rules
        decoder = Decoder(self._settings.tenant, self._settings.limits.record_bytes)
        decoder.at(int(time.time() * 1000))
        # one for each record: it passes over what it has seen
        matcher = Matcher(timeline, decoder, load_calendar(), compiled=compiled)
        items = map(unpack, matcher.match(raw, "") or ())
        return {one.value for one in items if (one.kind, one.rule) == (QUARANTINE, FAILED)}

    @cached_property
    def _rules(self) -> tuple[RuleTimeline, Mapping[str, CompiledRules]]:
        rules = as_then(self._settings).rules
        timeline = RuleTimeline.load(rules.path, rules.registry, rules.packs, rules.feeds)
        return timeline, compile_timeline(timeline, KeptPatterns())
