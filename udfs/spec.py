"""What a Flink function needs to know, as plain data that pickles; the parts are made in `open`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from rules.bounds import KEY_BYTES
from rules.calendar import OfficeCalendar, load_calendar
from rules.decode import Decoder
from rules.plain import LATEST
from rules.ruleset import RuleTimeline

_READING = threading.Lock()


@lru_cache(maxsize=1)
def _read(
    _job: int, rules: str, registry: str, packs: tuple[str, ...], feeds: tuple[str, ...]
) -> RuleTimeline:
    return RuleTimeline.load(rules, registry, packs, feeds)


@dataclass(frozen=True)
class JobSpec:
    """Settings of both Python stages; they must judge by the same rules and decode alike.

    Args:
        rules, registry, packs, feeds: see `RuleTimeline.load`; paths exist where the workers run.
        assume_received_at: UTC ms, when the job was made; the earliest receipt of bare records.
        seal: (raw bytes, associated data) -> sealed text.
        key_bytes: see `Behaviour`.
    """

    tenant: str
    rules: str
    registry: str
    record_bytes: int
    keep_bytes: int
    assume_received_at: int
    seal: Callable[[bytes, str], str]
    packs: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    key_bytes: int = KEY_BYTES

    def timeline(self) -> RuleTimeline:
        """The rulesets, read from disk once a process and job: slots of one worker share them."""
        with _READING:
            return _read(self.assume_received_at, self.rules, self.registry, self.packs, self.feeds)

    def decoder(self) -> Decoder:
        """A decoder of this tenant's records."""
        return Decoder(self.tenant, self.record_bytes, self.assume_received_at)

    def decoder_of_admitted(self) -> Decoder:
        """Decodes again what was let in before: under a larger `record_bytes` perhaps, and long
        after this job was made."""
        return Decoder(self.tenant, sys.maxsize, LATEST - 1)

    @staticmethod
    def calendar() -> OfficeCalendar:
        """The shipped office calendar."""
        return load_calendar()
