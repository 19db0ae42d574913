"""The Arrow stage: raw records in, batches of items out (`rules.matcher`, `rules.batches`)."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

import pandas as pd
from pyflink.table import DataTypes
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from rules.batches import batched
from rules.decode import Decoder
from rules.matcher import Matcher
from udfs import collector, no_memory
from udfs.ahead import RULES_FROM, Ahead, Compiled
from udfs.kept import KeptPatterns
from udfs.rule_counts import RuleCounts
from udfs.spec import JobSpec

# Gauges, not counters: PyFlink 2.3 takes the count of one bundle for the total so far, so its
# counters show no more than the largest bundle. A gauge shows what we counted ourselves.
GAUGES = (
    "records", "hits", "quarantined", "unknown_type", "group_missing", "rule_failed", "repeated",
    "fragments", "heartbeats",
)  # fmt: skip


# What the matchers of this process count. With Flink embedded the functions run here, and its last
# metrics are gone with the job; on a cluster the workers are other processes and this stays empty.
COUNTS: list[Counter[str]] = []


class MatchRecords(ScalarFunction):  # type: ignore[misc]
    """One call a batch. `source` names the topic; for files it is empty and the path is an
    argument."""

    def __init__(self, spec: JobSpec, source: str = "") -> None:
        self._spec = spec
        self._source = source
        self._matcher: Matcher | None = None
        self._ahead: Ahead
        self._by_rule: RuleCounts
        self._decoder: Decoder

    def open(self, function_context: FunctionContext) -> None:
        """Load and compile the rules once a worker."""
        no_memory.guard()
        self._decoder = self._spec.decoder()
        timeline, compiled = self._spec.timeline(), Compiled(KeptPatterns())
        self._ahead = Ahead(timeline, compiled)
        self._ahead.begin()
        self._matcher = Matcher(
            timeline,
            self._decoder,
            self._spec.calendar(),
            keep_bytes=self._spec.keep_bytes,
            ready=compiled,
        )
        COUNTS.append(self._matcher.counts)
        collector.rest()
        group = function_context.get_metric_group().add_group("mingjian")
        counts = self._matcher.counts
        for name in GAUGES:
            group.gauge(name, partial(counts.__getitem__, name))
        group.gauge(RULES_FROM, lambda: self._ahead.newest)
        self._by_rule = RuleCounts(
            self._matcher.by_rule, partial(counts.__getitem__, "records"), group
        )

    def eval(self, records: Any, *place: Any) -> Any:
        """Series of lists of batches of items (`rules.batches`); None where there are none.

        `place` is (partition, offset) for a topic and (path,) for files.
        """
        matcher = self._matcher
        assert matcher is not None, "open() comes first"  # noqa: S101
        source = self._source
        if self._ahead.look():
            matcher.renew()
        # bare records do not say when they were received: when they are read, and the job may have
        # been made long ago
        self._decoder.at(max(self._spec.assume_received_at, _now_ms()))
        records = [b"" if record is None else record for record in records]  # Kafka's tombstones
        if source:
            rows = zip(place[0].tolist(), place[1].tolist(), strict=True)
            found = matcher.match_many(records, [(source, part, at) for part, at in rows])
        else:
            # an empty line is the end of a file, or space between records; it says nothing
            said = [at for at, one in enumerate(records) if one and not one.isspace()]
            paths = place[0].tolist()
            places = [(f"file:{paths[at]}", 0, 0) for at in said]
            found = [None] * len(records)
            judged = matcher.match_many([records[at] for at in said], places)
            for at, items in zip(said, judged, strict=True):
                found[at] = items
        matcher.counts["records"] += len(found)
        self._by_rule.look()
        return pd.Series(batched(found), dtype=object)


def _now_ms() -> int:
    return int(time.time() * 1000)


def match_records(spec: JobSpec, source: str = "") -> Any:
    """The function as SQL calls it: ARRAY<BYTES>, vectorised over Arrow batches."""
    return udf(
        MatchRecords(spec, source),
        result_type=DataTypes.ARRAY(DataTypes.BYTES()),
        func_type="pandas",
    )
