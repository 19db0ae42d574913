"""Rules and the records that they judge, and one round of judging them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import orjson
from rich.table import Table

from bench.workload import SEED, TENANT, Stream
from rules.calendar import load_calendar
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline
from rules.triggers import leaves, of_leaf

BATCH = 1_000  # records that are judged together, as the job does
SHARE = 0.02  # of the messages are touched by a rule, where nothing else is said


class Case(NamedTuple):
    """What one line of a table is about; `hits` records are touched by a rule."""

    name: str
    timeline: RuleTimeline
    compiled: CompiledRules
    records: list[bytes]
    hits: int

    def facts(self) -> dict[str, Any]:
        """What the figure depends on: rules, what they look for, sizes, hit rate, types."""
        ruleset = self.compiled.ruleset
        seen = {
            trigger
            for one in ruleset.detections.values()
            for leaf in leaves(one.condition)
            for trigger in of_leaf(leaf) or ()
        }
        said = Counter(trigger.kind for trigger in seen)
        kinds = Counter(orjson.loads(one)["payload"]["msgtype"] for one in self.records)
        return {
            "name": self.name,
            "rules": len(ruleset.detections) + len(ruleset.correlations),
            "words": said["word"] + said["sound"],
            "patterns": said["pattern"],
            "bytes": round(sum(map(len, self.records)) / len(self.records), 1),
            "hits": self.hits,
            "hit_rate": self.hits / len(self.records),
            "types": dict(kinds.most_common()),
        }


def case_of(name: str, timeline: RuleTimeline, compiled: CompiledRules, some: Stream) -> Case:
    """A case over a stream."""
    return Case(name, timeline, compiled, some.records, some.hits)


def batches(records: Sequence[bytes]) -> list[tuple[list[bytes], list[tuple[str, int, int]]]]:
    """The records as the job gives them to a matcher, with their places."""
    return [
        (list(records[at : at + BATCH]), [("bench", 0, at + n) for n in range(BATCH)])
        for at in range(0, len(records), BATCH)
    ]


def matcher_of(case: Case) -> Matcher:
    """A matcher that has seen nothing."""
    known = {case.compiled.ruleset.digest: case.compiled}
    return Matcher(case.timeline, Decoder(TENANT), load_calendar(), compiled=known)


def judged(case: Case) -> float:
    """CPU seconds of one round: decode, fold, match, judge, pack.

    Raises:
        SystemExit: other messages were touched than the case says, so it is no measurement.
    """
    matcher, given = matcher_of(case), batches(case.records)
    touched = 0
    begun = time.thread_time()
    for records, places in given:
        for found in matcher.match_many(records, places):
            touched += found is not None
    taken = time.thread_time() - begun
    if touched != case.hits:
        raise SystemExit(f"{case.name}: {touched} messages touched, expected {case.hits}")
    return taken


def decoded(case: Case) -> float:
    """CPU seconds of `Decoder.drafts` alone over the same records."""
    drafts, given = Decoder(TENANT).drafts, batches(case.records)
    begun = time.thread_time()
    for records, _ in given:
        drafts(records)
    return time.thread_time() - begun


def planted(
    records: Sequence[bytes], things: Sequence[str], share: float = SHARE, seed: int = SEED
) -> tuple[list[bytes], int]:
    """The records, of which exactly a share says one of `things` at the end of a text; and how
    many do.

    Raises:
        ValueError: there are fewer texts.
    """
    chance, found = Random(seed), list(records)
    texts = [at for at, one in enumerate(records) if b'"msgtype":"text"' in one]
    hits = round(len(records) * share)
    for at in chance.sample(texts, hits):
        told = orjson.loads(records[at])
        said = told["payload"]["text"]
        said["content"] = f"{said['content']}，{chance.choice(things)}。"
        found[at] = orjson.dumps(told)
    return found, hits


def rate(row: dict[str, Any]) -> str:
    """The median a second, with least and most."""
    return f"{row['per_second']:,} ({row['least']:,}–{row['most']:,})"


def times(ratio: dict[str, float]) -> str:
    """How many times, with least and most."""
    return f"{ratio['median']:.2f}× ({ratio['least']:.2f}–{ratio['most']:.2f})"


HEADS = (
    "case",
    "rules",
    "words",
    "patterns",
    "bytes",
    "hits",
    "messages/s (least–most)",
    "µs each",
)


def table(title: str, rows: Sequence[dict[str, Any]], more: str = "") -> Table:
    """A line for each case; `more` heads a column of what each is to another (`ratio`)."""
    shown = Table(title=title, title_justify="left")
    for head in (*HEADS, more) if more else HEADS:
        shown.add_column(
            head, justify="left" if head == "case" else "right", no_wrap=head != "case"
        )
    for one in rows:
        cells = [
            one["name"],
            f"{one['rules']:,}",
            f"{one['words']:,}",
            f"{one['patterns']:,}",
            f"{one['bytes']:,.0f}",
            f"{one['hit_rate']:.1%}",
            rate(one),
            f"{one['microseconds']:.2f}",
        ]
        if more:
            cells.append(times(one["ratio"]) if "ratio" in one else "")
        shown.add_row(*cells)
    return shown
