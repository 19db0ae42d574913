"""A plain Python consumer: `json.loads`, then every word of every rule in turn.

Over records in memory, and as a consumer of a real Kafka on this machine; there the CPU of the
client counts, not that of the broker.
"""

from __future__ import annotations

import json
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer

from bench.peers.rounds import ROUNDS, in_turn, missing
from bench.peers.work import Round, Work
from jobs.servers import kafka
from rules.errors import MingjianError

NAME = "Python loop"
EXPRESSES = (
    "whatever Python can say, each rule asked of each message; here words as they are written"
)
_MOST = 50_000_000  # words asked of texts in a round; more takes minutes
_TOPIC = "messages"
_WAIT_MS = 10_000  # for the next record of a topic that has more

Judge = Callable[[str], int]


def measure(work: Work, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """`in` over all words; one `re` for each rule; `in` over what comes from Kafka."""
    some = work.first(max(200, _MOST // sum(map(len, work.rules))))
    told = partial(in_turn, some, expresses=EXPRESSES, rounds=rounds)
    python = platform.python_version()
    found = [
        told(partial(memory, some, by_words(some.rules)), name=f"{NAME}, in", version=python),
        told(partial(memory, some, by_patterns(some.rules)), name=f"{NAME}, re", version=python),
    ]
    name = f"{NAME}, Kafka consumer"
    try:
        with tempfile.TemporaryDirectory(prefix="mingjian-bench-") as folder:
            broker = kafka.launch(Path(folder))
            try:
                broker.wait()
                _fill(broker.address, some.records)
                once = partial(consumed, some, by_words(some.rules), broker.address)
                found.append(told(once, name=name, version=version("kafka-python")))
            finally:
                broker.stop()
    except (MingjianError, OSError) as why:
        found.append(missing(name, why))
    return found


def by_words(rules: Sequence[Sequence[str]]) -> Judge:
    """How many rules a text hits: each word asked with `in`."""

    def judge(text: str) -> int:
        hits = 0
        for words in rules:
            for word in words:
                if word in text:
                    hits += 1
                    break
        return hits

    return judge


def by_patterns(rules: Sequence[Sequence[str]]) -> Judge:
    """How many rules a text hits: each rule a regular expression."""
    compiled = [re.compile("|".join(map(re.escape, words))) for words in rules]

    def judge(text: str) -> int:
        hits = 0
        for pattern in compiled:
            if pattern.search(text):
                hits += 1
        return hits

    return judge


def memory(work: Work, judge: Judge) -> Round:
    """Over records in memory."""
    begun = time.thread_time()
    hits = _over(work.records, judge)
    return Round(time.thread_time() - begun, hits)


def consumed(work: Work, judge: Judge, address: str) -> Round:
    """Over the records of the topic, from its beginning: CPU of all threads of the client."""
    count = len(work.records)
    consumer = KafkaConsumer(
        _TOPIC,
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=_WAIT_MS,
    )
    try:
        arriving = (record.value for record, _ in zip(consumer, range(count), strict=False))
        first = next(arriving)  # connected, and told where to read
        begun, clock = time.process_time(), time.perf_counter()
        hits = _over([first], judge) + _over(arriving, judge)
        return Round(time.process_time() - begun, hits, time.perf_counter() - clock)
    finally:
        consumer.close()


def _over(records: Iterable[bytes], judge: Judge) -> int:
    hits = 0
    for record in records:
        message = json.loads(record)
        hits += judge(message["payload"]["text"]["content"])
    return hits


def _fill(address: str, records: Sequence[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=50)
    try:
        for record in records:
            producer.send(_TOPIC, record, partition=0)
        producer.flush()
    finally:
        producer.close()
