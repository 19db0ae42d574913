"""Judges a span of the past again and compares what should be in the index with what is.

No Flink: `rules.rejudge` is the plain reading of the job. `jobs.replay` lets the job itself judge,
and brings what is missing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from config.settings import Settings
from jobs.flink import scratch
from jobs.past import Past, past_of
from jobs.past_outputs import told
from jobs.registry import base_of, chosen_rules, registry_of
from rules.alert import Alert, Late
from rules.calendar import load_calendar
from rules.comparison import Comparison, compare
from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.errors import EXIT_USAGE, MingjianError
from rules.published import PINNED, kept_in, published
from rules.rejudge import Judged, Rejudge
from rules.ruleset import RuleTimeline
from rules.zone import SHANGHAI
from sinks.base import AlertReader, NoIndexYet
from sinks.readers import open_reader
from udfs.kept import KeptPatterns

LOOKBACK_MS = 49 * 3_600_000  # a day's window after a day's suppression, and an hour
MARGIN_MS = 24 * 3_600_000
_PAGE = 1_000
_LOOK = 2_000  # records between two looks at the time

Progress = Callable[[int, float], None]  # (records, seconds)


class Span(NamedTuple):
    """What is asked about; event times in UTC ms, both inclusive.

    Args:
        lookback: ms before it that are read as well, for windows that began before it.
        margin: how much later than its time a message may have come and still be found.
    """

    begin: int
    end: int
    lookback: int = LOOKBACK_MS
    margin: int = MARGIN_MS


class Reconciled(NamedTuple):
    """What came of it.

    Attributes:
        complete_after: all messages later than this (UTC ms) were read; None: all there ever were.
        short_sighted: rules that may reach further back than was read, the furthest first.
        live: how many alerts the index has of the span; what was taken back is not one.
        surplus: those of them that were not found again, by id.
        other_tenants: how many alerts of other tenants the span gave; `judged` is without them.
        rulesets: digests of the rules that judged.
        records, seconds: what was read, and how long all took.
    """

    span: Span
    judged: Judged
    comparison: Comparison
    complete_after: int | None
    short_sighted: list[str]
    live: int
    surplus: dict[str, Alert]
    other_tenants: int
    rulesets: tuple[str, ...]
    records: int
    seconds: float


def reconcile(
    settings: Settings, span: Span, *, on_progress: Progress = lambda _records, _seconds: None
) -> Reconciled:
    """Judge the span again and compare.

    Raises:
        MingjianError: the source, the rules or the index cannot be read, or the source does not
            hold the span any more.
    """
    past = open_past(settings, span)
    try:
        return reconcile_past(as_then(settings), span, past, on_progress)
    finally:
        past.close()


def open_past(settings: Settings, span: Span) -> Past:
    """The messages of a span, and those around it that matter.

    Raises:
        MingjianError: the source holds less than the span.
    """
    past = past_of(settings, span.begin - span.lookback, span.end + span.margin)
    if past.complete_after is not None and past.complete_after >= span.begin:
        past.close()
        held = f"{datetime.fromtimestamp(past.complete_after / 1000, SHANGHAI):%Y-%m-%dT%H:%M}"
        raise MingjianError(
            f"the topic '{settings.source.topic}' no longer holds that time: it begins at {held}"
            " (Beijing time)",
            f"主题“{settings.source.topic}”已不保留那段时间：最早到 {held}（北京时间）",
            fix_en="ask for a later span, or keep more: kafka.retention_ms",
            fix_zh="请指定更晚的时间段，或延长保留时间：kafka.retention_ms",
        )
    return past


def reconcile_past(settings: Settings, span: Span, past: Past, on_progress: Progress) -> Reconciled:
    """As `reconcile`, of messages that are open already."""
    begun = time.monotonic()
    rules, limits = settings.rules, settings.limits
    timeline = RuleTimeline.load(rules.path, rules.registry, rules.packs, rules.feeds)
    decoder = Decoder(settings.tenant, limits.record_bytes)
    decoder.at(int(time.time() * 1000))
    again = Rejudge(
        timeline,
        decoder,
        load_calendar(),
        since=past.complete_after,
        begin=span.begin,
        end=span.end,
        key_bytes=limits.key_bytes,
        compiled=compile_timeline(timeline, KeptPatterns()),
    )
    records = 0
    for raw, place in past.records():
        again.take(raw, *place)
        records += 1
        if records % _LOOK == 0:
            on_progress(records, time.monotonic() - begun)
    on_progress(records, time.monotonic() - begun)
    judged, others = of_tenant(again.judge(), settings.tenant)
    rulesets = tuple(dict.fromkeys(one.digest for one in timeline.rulesets))
    comparison, surplus = _compared(settings, span, judged, rulesets, _quiets(timeline))
    since = past.complete_after
    short = judged.edges.short_sighted(span.begin - since) if since is not None else []
    seconds = time.monotonic() - begun
    live = len(comparison.same) + len(surplus)
    return Reconciled(
        span, judged, comparison, since, short, live, surplus, others, rulesets, records, seconds
    )


def of_tenant(judged: Judged, tenant: str) -> tuple[Judged, int]:
    """The same without alerts of other tenants, and how many those are: a record names its own
    tenant, and the index shows only the alerts of the one it is asked by."""
    own = {k: one for k, one in judged.alerts.items() if tenant in ("", one.tenant)}
    return judged._replace(alerts=own), len(judged.alerts) - len(own)


def _compared(
    settings: Settings,
    span: Span,
    judged: Judged,
    rulesets: tuple[str, ...],
    quiets: dict[str, int],
) -> tuple[Comparison, dict[str, Alert]]:
    with contextlib.closing(open_reader(settings)) as reader:
        live, late = list(_alerts(reader, span.begin, span.end)), list(_late(reader, span))
        # what an alert from before the span silences in it
        since = span.begin - min(max(quiets.values(), default=0), span.lookback)
        before = list(_alerts(reader, since, span.begin - 1)) if late and quiets else []
    there = {one.alert_id for one in live}
    written = told(settings, judged.alerts.keys() - there, span.begin)
    comparison = compare(judged, live, late, written, rulesets, quiets, before)
    surplus = {one.alert_id: one for one in live if one.alert_id in comparison.surplus}
    return comparison, surplus


def _quiets(timeline: RuleTimeline) -> dict[str, int]:
    """For how long (ms) an alert of a rule silences further ones, of the rules that do so."""
    found: dict[str, int] = {}
    for ruleset in timeline.rulesets:
        each = [(name, one.suppress) for name, one in ruleset.detections.items()]
        each += [(name, one.suppress) for name, one in ruleset.correlations.items()]
        for name, suppress in each:
            if suppress:
                found[name] = max(found.get(name, 0), suppress.duration)
    return found


def _alerts(reader: AlertReader, since: int, until: int) -> Iterator[Alert]:
    cursor = ""
    while True:
        try:
            rows, cursor = reader.alerts(
                since=since, until=until, canaries=True, limit=_PAGE, cursor=cursor
            )
        except NoIndexYet:
            return
        yield from (msgspec.convert(row, Alert) for row in rows)
        if not cursor:
            return


def _late(reader: AlertReader, span: Span) -> Iterator[Late]:
    cursor, since = "", span.begin - span.lookback
    while True:
        try:
            rows, cursor = reader.late(
                since=since, until=span.end, canaries=True, limit=_PAGE, cursor=cursor
            )
        except NoIndexYet:
            return
        yield from (msgspec.convert(row, Late) for row in rows)
        if not cursor:
            return


def as_then(settings: Settings) -> Settings:
    """These settings with the rules that the tenant's job was begun with, whatever stands in
    `rules.path` by now; with those of `rules.path` where no job is known of. Published sets judge
    from their own time on in either case.

    Raises:
        MingjianError: those rules cannot be read.
    """
    kept = base_of(settings)
    return settings if kept is None else _with_rules(settings, str(kept.folder), ())


def judging_by(settings: Settings, digest: str) -> Settings:
    """These settings with the rules of a digest, or of its beginning, for all times: rules that
    were published or that a job was begun with, or those of the settings.

    Raises:
        MingjianError: none of them has it, or several do.
    """
    rules, registry = settings.rules, registry_of(settings)
    kept = [*published(registry), *map(kept_in, sorted(registry.glob(f"{PINNED}/*")))]
    own = chosen_rules(settings).digest
    known = {own: rules.path} | {one.manifest.digest: str(one.folder) for one in kept}
    fitting = [one for one in known if one.startswith(digest)]
    if len(fitting) != 1:
        listed = ", ".join(sorted(one[:12] for one in known))
        raise MingjianError(
            f"{'several rulesets begin' if fitting else 'no ruleset begins'} with '{digest}'",
            f"{'有多个' if fitting else '没有'}规则集以“{digest}”开头",
            fix_en=f"there are: {listed}",
            fix_zh=f"现有：{listed}",
            exit_code=EXIT_USAGE,
        )
    path = known[fitting[0]]
    packs = rules.packs if path == rules.path else ()
    alone = _with_rules(settings, path, packs)
    nowhere = str(scratch(settings) / "no-registry")  # nothing published takes their place
    return msgspec.structs.replace(
        alone, rules=msgspec.structs.replace(alone.rules, registry=nowhere)
    )


def _with_rules(settings: Settings, path: str, packs: tuple[str, ...]) -> Settings:
    rules = msgspec.structs.replace(settings.rules, path=path, packs=packs)
    return msgspec.structs.replace(settings, rules=rules)
