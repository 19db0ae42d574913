"""What a peer and ours judge side by side: records, rules of words, and what is to be found.

The messages are those of `bench.workload`. Its made-up words are said by nobody, so a share of the
messages gets one of them at the end of what was said: a tool that looks up nothing would otherwise
be the fastest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson

from bench.workload import (
    SEED,
    TENANT,
    compiled_of,
    keyword_rules,
    made_up_words,
    stream,
)
from rules.calendar import load_calendar
from rules.compiled import CompiledRules
from rules.decode import Decoder
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline
from udfs.utf8 import is_utf8

SHARE = 0.02  # of the messages say a word of a rule
EACH = 5  # words of a rule
BATCH = 1_000  # records that ours judges together, as the job does


class Round(NamedTuple):
    """One run over the records: seconds that it took, start-up taken off, and what it found.

    `hits` counts pairs of a message and a rule that it hit. `wall` are seconds of the clock, which
    other load on the machine makes longer; 0 where only CPU seconds were asked for.
    `touched` counts the messages that some rule hit, -1 where nobody counted.
    """

    seconds: float
    hits: int
    wall: float = 0.0
    touched: int = -1


class Work(NamedTuple):
    """Records, and the rules that judge them: `rules[n]` are the words of rule n. `quiet` are the
    same records as long as nobody said any of the words."""

    quiet: list[bytes]
    records: list[bytes]
    rules: list[tuple[str, ...]]
    timeline: RuleTimeline
    compiled: CompiledRules

    def first(self, count: int) -> Work:
        """The same with the first `count` records: for a peer that takes too long for all."""
        return self._replace(records=self.records[:count], quiet=self.quiet[:count])

    def by_rules(self, folder: Path, rules: int) -> Work:
        """The same messages, judged by so many rules, and saying their words as often."""
        return judged_by(self.quiet, folder, rules)

    def texts(self) -> list[str]:
        """What was said, of each record."""
        return [orjson.loads(one)["payload"]["text"]["content"] for one in self.records]

    def write(self, file: Path, count: int | None = None) -> Path:
        """The first `count` records as a file of lines."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(one + b"\n" for one in self.records[:count]))
        return file


def is_text(told: dict[str, Any]) -> bool:
    """A message of words, for peers that read one field of a record."""
    return bool(told["payload"]["msgtype"] == "text")


def make(folder: Path, messages: int, rules: int) -> Work:
    """`messages` text messages and `rules` rules of EACH words, written to a new `folder`."""
    timeline = keyword_rules(folder / "first", rules, SEED, EACH)
    quiet = stream(messages, compiled_of(timeline), timeline, share=0, fits=is_text).records
    return judged_by(quiet, folder / "rules", rules)


def judged_by(quiet: list[bytes], folder: Path, rules: int) -> Work:
    """Text messages that say no word of a rule, made to say some."""
    timeline = keyword_rules(folder, rules, SEED, EACH)
    words = made_up_words(rules * EACH, SEED)
    grouped = [tuple(words[at : at + EACH]) for at in range(0, len(words), EACH)]
    return Work(quiet, planted(quiet, words), grouped, timeline, compiled_of(timeline))


def planted(
    records: Sequence[bytes], things: Sequence[str], share: float = SHARE, seed: int = SEED
) -> list[bytes]:
    """The records, of which a share says one of `things` at its end."""
    random, found = Random(seed), list[bytes]()
    for record in records:
        if random.random() < share:
            told = orjson.loads(record)
            said = told["payload"]["text"]
            said["content"] = f"{said['content']}，{random.choice(things)}。"
            found.append(orjson.dumps(told))
        else:
            found.append(record)
    return found


def ours(work: Work, counted: Sequence[str] | None = None) -> Round:
    """Ours on one core, from bytes to packed hits: CPU seconds of this thread.

    Args:
        counted: the names of the rules whose hits are counted; all of them if none are named.

    A matcher of its own for each round: one that has seen a message does not judge it again.
    """
    matcher = Matcher(
        work.timeline,
        Decoder(TENANT, is_utf8=is_utf8),
        load_calendar(),
        compiled={work.compiled.ruleset.digest: work.compiled},
    )
    records = work.records
    places = [("bench", 0, at) for at in range(len(records))]
    begun, clock = time.thread_time(), time.perf_counter()
    found = list[list[bytes] | None]()
    for at in range(0, len(records), BATCH):
        found += matcher.match_many(records[at : at + BATCH], places[at : at + BATCH])
    taken, wall = time.thread_time() - begun, time.perf_counter() - clock
    hits = matcher.counts["hits"]
    if counted is not None:
        hits = sum(matcher.by_rule["hits", name] for name in counted)
    return Round(taken, hits, wall, sum(map(bool, found)))
