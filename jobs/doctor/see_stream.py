"""Looks at the source and at the job."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from config.settings import Settings
from jobs import detect, progress
from jobs.consumer_groups import committed
from jobs.doctor.observed import Files, Job, Progress, Topic
from jobs.ends import source_files
from jobs.kafka_client import opened, unreachable
from jobs.topic_reading import Topics
from jobs.topics import judging_group
from rules.errors import MingjianError
from rules.late import UNKNOWN
from sinks.base import NoAnswer
from sinks.readers import open_reader

_PAGE, _PAGES = 1_000, 5  # late records that are counted
_ASKED = (
    "message.timestamp.after.max.ms",
    "retention.ms",
    "cleanup.policy",
    "max.message.bytes",
)


def files(settings: Settings) -> Files:
    """The folder of messages."""
    from pathlib import Path  # noqa: PLC0415

    folder = Path(settings.source.path)
    if not folder.is_dir():
        return Files(str(folder), False, 0, 0)
    found = source_files(str(folder), may_be_empty=True)
    newest = max((path.stat().st_mtime_ns for path in found), default=0) // 1_000_000
    return Files(str(folder), True, len(found), newest)


def topic(settings: Settings) -> Topic:
    """The topic of messages. Raises MingjianError when the broker cannot be asked."""
    name = settings.source.topic
    topics = Topics(settings)
    try:
        places = topics.places([name])
        if not places:
            return Topic(name, 0, 0, 0, {})
        ends = topics.ends(places)
        begins = topics.consumer.beginning_offsets(places)
        newest = topics.newest(places, ends)
    except KafkaError as error:
        raise unreachable(settings.kafka, error) from None
    finally:
        topics.close()
    records = sum(ends[place] - begins[place] for place in places)
    return Topic(name, len(places), records, newest, _configured(settings, name))


def _configured(settings: Settings, name: str) -> dict[str, str]:
    """What the broker says of the topic; nothing where the account may not ask."""
    try:
        admin = opened(
            settings.kafka, KafkaAdminClient, request_timeout_ms=4_000, bootstrap_timeout_ms=4_000
        )
        try:
            told = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        finally:
            admin.close()
    except (KafkaError, OSError, ValueError, MingjianError):
        return {}
    return _values(told, set(_ASKED))


def _values(told: Any, names: set[str]) -> dict[str, str]:
    """Values by name, wherever in the answer of the client they stand."""
    found: dict[str, str] = {}
    if isinstance(told, dict):
        for key, inner in told.items():
            if key in names:
                value = inner.get("value") if isinstance(inner, dict) else inner
                found[key] = str(getattr(value, "value", value))
            else:
                found |= _values(inner, names)
    elif isinstance(told, list | tuple):
        for inner in told:
            found |= _values(inner, names)
    return found


def job(settings: Settings, now: int) -> Job | None:
    """The tenant's job; None where Flink runs within the command.

    Raises:
        MingjianError: Flink's interface does not answer.
    """
    url = settings.flink.rest_url
    if not url:
        return None
    try:
        return _job(settings, url, now)
    except OSError as error:
        why = str(getattr(error, "reason", "") or error)
        shown = re.sub(r"//[^/@]*@", "//", url)
        raise MingjianError(
            f"Flink at {shown} (flink.rest_url) does not answer: {why}",
            f"Flink（{shown}，flink.rest_url）无应答：{why}",
            fix_en="start it (`make stack`), or correct flink.rest_url",
            fix_zh="请启动它（`make stack`），或更正 flink.rest_url",
        ) from None


def _job(settings: Settings, url: str, now: int) -> Job:
    ids = progress.running(url, detect.job_name(settings))
    if not ids:
        return Job(())
    base = f"{url}/jobs/{ids[0]}"
    told = progress.read(base)
    monitor = progress.JobMonitor(url, ids[0])
    look = monitor.look()
    states = [vertex["tasks"] for vertex in told["vertices"]]
    checkpoints = progress.read(f"{base}/checkpoints")
    latest = (checkpoints.get("latest") or {}).get("completed") or {}
    metric = progress.read(f"{base}/metrics?get=numRestarts")
    restarts = int(float(metric[0]["value"])) if metric else 0
    config = progress.read(f"{base}/checkpoints/config")
    return Job(
        tuple(ids),
        state=str(told["state"]),
        since=now - int(told["duration"]),
        tasks=sum(sum(one.values()) for one in states),
        running=sum(one.get("RUNNING", 0) for one in states),
        restarts=restarts,
        checkpoint=int(latest.get("latest_ack_timestamp") or 0),
        failed=_failed(checkpoints.get("history") or []),
        interval=_interval(config, settings),
        watermark=look.watermark if look else 0,
        problem=monitor.problem()[:200] if restarts else "",
        counters=look.counters if look else {},
        page=re.sub(r"//[^/@]*@", "//", f"{url}/#/job/running/{ids[0]}"),
        slots=_slots(url, told["vertices"]),
    )


def _slots(url: str, vertices: list[dict[str, Any]]) -> tuple[int, int, int] | None:
    """See `Job`. One slot takes a task of each kind, so the most parallel one says how many."""
    try:
        told = progress.read(f"{url}/overview")
        need = max((int(one.get("parallelism", 0)) for one in vertices), default=0)
        return need, int(told["slots-total"]), int(told["slots-available"])
    except (OSError, ValueError, LookupError):
        return None


def _failed(history: list[dict[str, Any]]) -> int:
    """How many of the newest finished checkpoints failed; newest first."""
    count = 0
    for one in history:
        if one["status"] == "FAILED":
            count += 1
        elif one["status"] != "IN_PROGRESS":
            break
    return count


def _interval(config: dict[str, Any], settings: Settings) -> int:
    told = int(config.get("interval") or 0)
    return told if 0 < told < 2**53 else settings.flink.checkpoint_interval_ms


def source_progress(settings: Settings, now: int) -> Progress:
    """The newest message against the job's event time and what it has confirmed."""
    found = job(settings, now)
    if settings.source.kind != "kafka":
        return Progress(files(settings).newest, None, found, _unknown(settings, found))
    seen = topic(settings)
    left: int | None
    try:
        done = committed(settings, judging_group(settings))
        topics = Topics(settings)
        try:
            ends = topics.ends(topics.places([seen.name]))
        finally:
            topics.close()
        left = sum(
            max(0, end - done.get((place.topic, place.partition), 0)) for place, end in ends.items()
        )
    except NoAnswer:
        left = None
    return Progress(seen.newest, left, found, _unknown(settings, found))


def _unknown(settings: Settings, found: Job | None) -> tuple[int, bool] | None:
    """See `Progress`. The job counts what would have alerted, and not of what it cannot be told."""
    if found is None or not found.counters.get("late"):
        return None
    try:
        with closing(open_reader(settings)) as reader:
            count, cursor = 0, ""
            for _ in range(_PAGES):
                rows, cursor = reader.late(would=UNKNOWN, canaries=True, limit=_PAGE, cursor=cursor)
                count += len(rows)
                if not cursor:
                    break
            return count, bool(cursor)
    except (MingjianError, OSError, sqlite3.Error):
        return None
