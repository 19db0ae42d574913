"""What a Flink function needs to know, as plain data that pickles; the parts are made in `open`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from rules.bounds import KEY_BYTES
from rules.calendar import OfficeCalendar, load_calendar
from rules.decode import Decoder
from rules.plain import LATEST
from rules.ruleset import RuleTimeline
from udfs.live_rules import LiveRules
from udfs.utf8 import is_utf8

_READING = threading.Lock()


@lru_cache(maxsize=1)
def _read(
    _job: int, rules: str, registry: str, feeds: tuple[str, ...], levels: int
) -> LiveRules | RuleTimeline:
    if not registry:
        return RuleTimeline.load(rules, "", (), feeds)
    return LiveRules(rules, registry, feeds, levels)


@dataclass(frozen=True)
class JobSpec:
    """Settings of both Python stages; they must judge by the same rules and decode alike.

    Args:
        rules: the folder of what the job was begun with (`rules.published`), for good; without a
            `registry` any rule directory. Both exist where the workers run.
        feeds: see `RuleTimeline.load`. levels: how many keyed stages the job has.
        assume_received_at: UTC ms, when the job was made; the earliest receipt of bare records.
        seal: (raw bytes, associated data) -> sealed text.
        key_bytes: see `Behaviour`.
        certain_from: of a job that reads the past again, see `rules.retold.Retold`; else empty.
    """

    tenant: str
    rules: str
    registry: str
    record_bytes: int
    keep_bytes: int
    assume_received_at: int
    seal: Callable[[bytes, str], str]
    feeds: tuple[str, ...] = ()
    key_bytes: int = KEY_BYTES
    levels: int = 1
    certain_from: Mapping[str, int] = field(default_factory=dict)

    def timeline(self) -> LiveRules | RuleTimeline:
        """The rulesets, read from disk once a process and job: slots of one worker share them."""
        with _READING:
            return _read(
                self.assume_received_at, self.rules, self.registry, self.feeds, self.levels
            )

    def decoder(self) -> Decoder:
        """A decoder of this tenant's records."""
        return Decoder(self.tenant, self.record_bytes, self.assume_received_at, is_utf8=is_utf8)

    def decoder_of_admitted(self) -> Decoder:
        """Decodes again what was let in before: under a larger `record_bytes` perhaps, and long
        after this job was made."""
        return Decoder(self.tenant, sys.maxsize, LATEST - 1)

    @staticmethod
    def calendar() -> OfficeCalendar:
        """The shipped office calendar."""
        return load_calendar()
