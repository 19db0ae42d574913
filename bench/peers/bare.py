"""Hyperscan bare: decode one field, look for all words in one pass, know no more. The limit.

What ours does beyond it: the whole schema checked, duplicates known, texts folded, rules with
conditions, items packed for what comes after.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from itertools import accumulate
from typing import Any

import msgspec

from bench.peers.metered import Missing
from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.work import BATCH, Round, Work

NAME = "Hyperscan bare"
EXPRESSES = (
    "words as they are written; no folding, no conditions, no schema check, no duplicates, "
    "no positions"
)


class _Said(msgspec.Struct, gc=False):
    content: str


class _Payload(msgspec.Struct, gc=False):
    text: _Said


class _Record(msgspec.Struct, gc=False):
    payload: _Payload


_decode = msgspec.json.Decoder(_Record).decode


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Per message, and per joined batch of BATCH texts."""
    try:
        database = database_of(work.rules)
    except Missing as why:
        return [missing(NAME, why)]
    told = partial(in_turn, work, version=version("hyperscan"), expresses=EXPRESSES, rounds=rounds)
    return [
        told(partial(by_batches, work, database), name=f"{NAME}, joined texts"),
        told(partial(one_by_one, work, database), name=f"{NAME}, text by text"),
    ]


def database_of(rules: Sequence[Sequence[str]]) -> Any:
    """One pattern for a word; the id of a pattern is the number of its rule.

    Raises:
        Missing: not an x86 machine.
    """
    try:
        import hyperscan  # noqa: PLC0415 - elsewhere there is none
    except ImportError:
        raise Missing("hyperscan runs on x86 only") from None
    words = [word for rule in rules for word in rule]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[word.encode() for word in words],
        ids=[number for number, rule in enumerate(rules) for _ in rule],
        elements=len(words),
        flags=0,  # bytes as they are: a character of UTF-8 never begins within another
    )
    return database


def one_by_one(work: Work, database: Any) -> Round:
    """Decode and scan each record by itself."""
    scan, hits = database.scan, 0
    found = set[int]()

    def told(rule: int, _start: int, _end: int, _flags: int, _context: object) -> None:
        found.add(rule)

    begun = time.thread_time()
    for record in work.records:
        scan(_decode(record).payload.text.content.encode(), told)
        if found:
            hits += len(found)
            found.clear()
    return Round(time.thread_time() - begun, hits)


def by_batches(work: Work, database: Any) -> Round:
    """Decode BATCH records, scan their texts as one."""
    scan, hits = database.scan, 0
    found = list[tuple[int, int]]()

    def told(rule: int, _start: int, end: int, _flags: int, _context: object) -> None:
        found.append((rule, end))

    begun = time.thread_time()
    for at in range(0, len(work.records), BATCH):
        texts = [
            _decode(record).payload.text.content.encode()
            for record in work.records[at : at + BATCH]
        ]
        scan(b"\n".join(texts), told)
        if found:
            starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
            hits += len({(bisect_right(starts, end - 1), rule) for rule, end in found})
            found.clear()
    return Round(time.thread_time() - begun, hits)
