"""Looks at delivery: how far each target and channel is behind, and what nobody was told yet."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafka import TopicPartition

from config.channels import Channel
from config.settings import Settings, Target
from jobs.completeness import positions
from jobs.consumer_groups import members
from jobs.delivery.files import KINDS_IN_ORDER, part_files
from jobs.delivery.message_files import message_files, opened, packed
from jobs.delivery.source import MESSAGES
from jobs.doctor.observed import Lag
from jobs.topic_reading import Topics
from jobs.topics import delivering_group
from sinks.archive.sink import ArchiveSink
from sinks.base import NoAnswer
from sinks.channels.made import untold

_TIMEOUT_MS = 4_000
_CHANNEL_KINDS = ("alerts", "incidents")


def lags(settings: Settings) -> list[Lag]:
    """How far each target and channel is behind.

    Raises:
        MingjianError: the outputs cannot be read.
    """
    every = [*settings.targets, *settings.channels]
    if settings.outputs.kind == "kafka":
        found = _in_topics(settings, every)
    else:
        found = [_in_files(settings, one) for one in every]
    return [
        _with_untold(settings, one, lag) if isinstance(one, Channel) and not lag.problem else lag
        for one, lag in zip(every, found, strict=True)
    ]


def _kinds(of: Target | Channel) -> Sequence[str]:
    if isinstance(of, Channel):
        return _CHANNEL_KINDS
    if of.kind == "archive":
        return [kind for kind in (MESSAGES, *KINDS_IN_ORDER) if kind in ArchiveSink.topics]
    return KINDS_IN_ORDER


def _done(settings: Settings, of: Target | Channel) -> dict[str, int]:
    """Its positions. Raises NoAnswer."""
    if isinstance(of, Channel):
        return positions.of_reader(settings, of.name)
    return positions.of_target(settings, of)


def _with_untold(settings: Settings, channel: Channel, lag: Lag) -> Lag:
    """A channel that has taken a record in has told nobody of it."""
    try:
        found = untold(channel, Path(settings.data_dir) / "outbox", time.time())
    except sqlite3.Error as error:
        return lag._replace(problem=f"its outbox: {error}")
    since = round(found.since * 1000)
    oldest = min(filter(None, (lag.oldest, since)), default=0)
    return lag._replace(left=lag.left + found.records, oldest=oldest, untold=found.records)


def _in_files(settings: Settings, of: Target | Channel) -> Lag:
    root = Path(settings.outputs.path)
    try:
        done = _done(settings, of)
    except NoAnswer as error:
        return Lag(of.name, problem=str(error))
    left, oldest = 0, 0
    for kind in _kinds(of):
        folder = Path(settings.source.path) if kind == MESSAGES else root / kind
        for file in message_files(folder) if kind == MESSAGES else part_files(folder):
            about = file.stat()
            at = done.get(f"file:{kind}/{file.relative_to(folder)}", 0)
            if packed(file) and at:  # how much is behind it, only unpacking all of it would tell
                continue
            if at < about.st_size:
                with opened(file) if kind == MESSAGES else file.open("rb") as lines:
                    lines.seek(at)
                    left += sum(1 for line in lines if line.strip())
                written = about.st_mtime_ns // 1_000_000
                oldest = min(oldest or written, written)
    return Lag(of.name, left, oldest)


def _in_topics(settings: Settings, every: Sequence[Target | Channel]) -> list[Lag]:
    prefix = settings.outputs.topic_prefix
    topics = Topics(settings)
    try:
        by_kind = {kind: topics.places([f"{prefix}{kind}"]) for kind in KINDS_IN_ORDER}
        if any(MESSAGES in _kinds(one) for one in every) and settings.source.kind == "kafka":
            by_kind[MESSAGES] = topics.places([settings.source.topic])
        places = [place for some in by_kind.values() for place in some]
        ends, firsts = topics.ends(places), topics.firsts(places)
        readers = _readers(settings, [one.name for one in every])
        found = []
        for one in every:
            try:
                done = _done(settings, one)
            except NoAnswer as error:
                found.append(Lag(one.name, problem=str(error)))
                continue
            held = {
                place: (firsts[place], ends[place])
                for kind in _kinds(one)
                for place in by_kind.get(kind, ())
            }
            lag = _in_partitions(topics, held, done)
            found.append(lag._replace(target=one.name, reader=readers.get(one.name)))
        return found
    finally:
        topics.close()


def _in_partitions(
    topics: Topics, held: Mapping[TopicPartition, tuple[int, int]], done: Mapping[str, int]
) -> Lag:
    """`held`: the offsets of the first record of each partition, and behind its last."""
    left = oldest = lost = 0
    for place, (first, end) in held.items():
        at = done.get(f"kafka:{place.topic}:{place.partition}")
        if at is not None and at < first:  # None: nobody can say that it should have had them
            lost += first - at
        at = max(at or 0, first)
        if at < end:
            left += end - at
            written = topics.time_at(place, at)
            oldest = min(oldest or written, written) if written else oldest
    return Lag("", left, oldest, lost=lost)


def _readers(settings: Settings, names: list[str]) -> dict[str, bool]:
    """Whether each target's consumer group has a member; of those that cannot be asked nothing."""
    groups = {delivering_group(name): name for name in names}
    try:
        told = members(settings, list(groups), _TIMEOUT_MS)
    except NoAnswer:
        return {}
    return {groups[group]: count > 0 for group, count in told.items()}
