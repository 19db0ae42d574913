"""The ends of the job: where records come from (SQL) and where outputs go, as the profile says."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import Kafka, Settings
from jobs.kafka_client import flink_properties
from jobs.kept_state import uri
from jobs.topics import judging_group
from rules.alert import OUTPUTS
from rules.batches import NAME_BYTES
from rules.errors import EXIT_USAGE, MingjianError

# Without compression a file is read in blocks of this size, in no particular order.
BLOCK_BYTES = 32 * 1024 * 1024
FAR = 253_402_300_799_000  # UTC ms: no time is later
UNSPLITTABLE = (".gz",)


@dataclass(frozen=True)
class Part:
    """The part of a source that is judged again.

    Args:
        offsets: of each partition of a topic the first offset, and the one behind the last; files
            are read whole.
        lateness_ms: how far the watermark stays behind; None: it waits for the end.
    """

    offsets: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    lateness_ms: int | None = None


def source_files(folder: str, *, may_be_empty: bool = False) -> list[Path]:
    """The record files of a directory.

    Raises:
        MingjianError: no such directory, or nothing in it where something is expected.
    """
    root = Path(folder)
    if not root.is_dir():
        raise MingjianError(
            f"no message directory {root}",
            f"没有消息目录 {root}",
            fix_en="make one: mingjian simulate --out " + folder,
            fix_zh="可先生成一份：mingjian simulate --out " + folder,
        )
    files = sorted(
        path for pattern in ("messages*.jsonl", "messages*.jsonl.gz") for path in root.glob(pattern)
    )
    if not files and not may_be_empty:
        raise MingjianError(
            f"no messages*.jsonl or messages*.jsonl.gz in {root}",
            f"目录 {root} 里没有 messages*.jsonl 或 messages*.jsonl.gz",
            exit_code=EXIT_USAGE,
        )
    return files


def damaged_files(folder: str) -> list[Path]:
    """The packed files that do not unpack to their end; reads them all."""
    damaged = []
    for path in source_files(folder, may_be_empty=True):
        if path.suffix in UNSPLITTABLE:
            try:
                with gzip.open(path) as lines:
                    while lines.read(BLOCK_BYTES):
                        pass
            except (OSError, EOFError, zlib.error):
                damaged.append(path)
    return damaged


def in_order(files: list[Path], parallelism: int) -> bool:
    """Whether every reader gets at most one piece, so that each reads in event-time order.

    Flink deals pieces (files, or blocks of plain files) to its readers in no order. With more
    pieces than readers a late piece may be read first; the watermark then has to wait for the end.
    """
    pieces = sum(
        1 if path.suffix in UNSPLITTABLE else max(1, -(-path.stat().st_size // BLOCK_BYTES))
        for path in files
    )
    return pieces <= parallelism


def source_ddl(
    settings: Settings, part: Part | None = None, begins: Mapping[int, int] | None = None
) -> str:
    """CREATE TABLE messages: raw bytes, their place, and the watermark; of all there is, or of a
    part, in which case nobody's position changes. `begins`: of partitions of a topic, where reading
    begins without a state to go on from; by default behind what was judged.

    Event time is the Kafka timestamp, or with `source.event_time: record` and for files the
    record's own `time`, else `msgtime`. A time that is missing, 0, or more than `max_ahead_ms`
    ahead of now, or of `received_at` where the record is read and has one, does not move the
    watermark: one wrong clock must not make everybody else late.
    """
    lateness, ahead = settings.flink.allowed_lateness_ms, settings.flink.max_ahead_ms
    held = False  # the watermark waits for the end of the input
    if part is not None:
        held, lateness = part.lateness_ms is None, part.lateness_ms or 0
    from_record = settings.source.kind == "files" or settings.source.event_time == "record"
    if settings.source.kind == "files":
        folder = Path(settings.source.path).resolve()
        files = source_files(settings.source.path, may_be_empty=settings.source.follow)
        columns = "`file.path` STRING NOT NULL METADATA"
        options = {
            "connector": "filesystem",
            "path": uri(str(folder)),
            "format": "raw",
            "source.path.regex-pattern": f"{re.escape(str(folder))}/messages[^/]*[.]jsonl([.]gz)?",
        }
        if settings.source.follow:
            options["source.monitor-interval"] = "1 s"
        elif not in_order(files, settings.flink.parallelism):
            held = True
    else:
        columns = "`partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL"
        options = {
            "connector": "kafka",
            "topic": settings.source.topic,
            "properties.bootstrap.servers": settings.kafka.bootstrap,
            "properties.group.id": judging_group(settings),
            "properties.client.id.prefix": "mingjian-detect",
            "scan.startup.mode": "group-offsets",
            "properties.auto.offset.reset": "earliest",
            "format": "raw",
            # some hundred metrics of the client, in every report; Flink's own tell what is pending
            "properties.register.consumer.metrics": "false",
            **{f"properties.{k}": v for k, v in flink_properties(settings.kafka).items()},
        }
        if not settings.source.follow:
            options |= {
                "scan.bounded.mode": "latest-offset",
                "scan.startup.mode": "earliest-offset",
            }
        if begins:
            options |= _from(begins)
        if part is not None:
            options |= _part_of_topic(settings, part)
    listed = ", ".join(f"'{key}' = {_quoted(value)}" for key, value in options.items())
    mark = "TO_TIMESTAMP_LTZ(0, 3)" if held else f"event_time - {_interval(lateness)}"
    soon = f"CURRENT_ROW_TIMESTAMP() + {_interval(ahead)}"
    if from_record:
        # `time` of an envelope, `msgtime` of a bare record; writers put them first
        told, received = _number("time"), _number("received_at")
        times = f"""
            event_time AS TO_TIMESTAMP_LTZ(COALESCE({told}, 0), 3),
            latest AS TO_TIMESTAMP_LTZ(COALESCE({received} + {ahead}, {FAR}), 3),
            WATERMARK FOR event_time AS
                CASE WHEN event_time <= latest AND event_time <= {soon} THEN {mark} END"""
    else:
        times = f"""
            event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
            WATERMARK FOR event_time AS
                CASE WHEN event_time <= {soon} THEN {mark} END"""
    # every value comes from the settings, which the operator owns
    return f"""
        CREATE TABLE messages (
            record BYTES,
            {columns},{times}
        ) WITH ({listed})"""


def _part_of_topic(settings: Settings, part: Part) -> dict[str, str]:
    """Options of a Kafka table that is read from offset to offset, and leaves no trace of it."""

    ends = {number: both[1] for number, both in part.offsets.items()}
    return {
        "properties.group.id": f"mingjian-replay-{settings.tenant}",
        "properties.client.id.prefix": "mingjian-replay",
        "properties.commit.offsets.on.checkpoint": "false",
        **_from({number: both[0] for number, both in part.offsets.items()}),
        "scan.bounded.mode": "specific-offsets",
        "scan.bounded.specific-offsets": _places(ends),
    }


def _from(begins: Mapping[int, int]) -> dict[str, str]:
    return {
        "scan.startup.mode": "specific-offsets",
        "scan.startup.specific-offsets": _places(begins),
    }


def _places(offsets: Mapping[int, int]) -> str:
    return ";".join(f"partition:{one},offset:{at}" for one, at in sorted(offsets.items()))


def _interval(ms: int) -> str:
    """SQL for a length of time."""
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{days} {hours:02}:{minutes:02}:{seconds:02}.{rest:03}"
    return f"INTERVAL '{text}' DAY TO SECOND(3)"


def _number(name: str) -> str:
    """SQL for the 13-digit number after `name":`, NULL where there is none.

    Found by position on the bytes: a regex over decoded text costs a multiple, and so does a
    longer expression, because the planner writes it out again at every use.
    """
    text = "CAST(record AS STRING)"
    at = f"POSITION('{name}\":' IN {text}) + {len(name) + 2}"
    return f"TRY_CAST(BTRIM(SUBSTRING({text}, {at}, 14), ' ,}}') AS BIGINT)"


def _quoted(value: str) -> str:
    """An SQL text: a quotation mark inside is written twice."""
    return "'" + value.replace("'", "''") + "'"


def select_items(settings: Settings) -> str:
    """The one query of the job: match in batches, keep what hit, one row (bucket, text) a batch.

    Unnesting NULL gives no row, so it is the filter as well. A `WHERE items IS NOT NULL` would
    make the planner call the function twice, once for the filter and once for the value.
    """
    place = "`file.path`" if settings.source.kind == "files" else "`partition`, `offset`"
    return keyed_texts(f"""
            SELECT item FROM (SELECT match_records(record, {place}) AS items FROM messages)
            CROSS JOIN UNNEST(items) AS found(item)""")


def keyed_texts(batches: str) -> str:
    """SQL for rows (bucket, text) of a query that gives batches of items, `item`.

    A batch becomes a text of a character a byte (`udfs.behave.as_text`); it begins with the name of
    its bucket (`rules.batches`).
    """
    return f"""
        SELECT SUBSTRING(text, 1, {NAME_BYTES}), text
        FROM (SELECT DECODE(item, 'ISO-8859-1') AS text FROM ({batches}))"""


def sink_for(settings: Settings, output: str) -> Any:
    """Flink sink of one output (`rules.alert.OUTPUTS`)."""
    assert output in OUTPUTS  # noqa: S101
    if settings.outputs.kind == "files":
        return _file_sink(Path(settings.outputs.path) / output)
    return _kafka_sink(settings.kafka, settings.outputs.topic_prefix + output)


def _file_sink(folder: Path) -> Any:
    from pyflink.common.serialization import Encoder  # noqa: PLC0415
    from pyflink.datastream.connectors.file_system import (  # noqa: PLC0415
        FileSink,
        OutputFileConfig,
        RollingPolicy,
    )

    folder.mkdir(parents=True, exist_ok=True)
    return (
        FileSink.for_row_format(uri(str(folder)), Encoder.simple_string_encoder())
        .with_output_file_config(
            OutputFileConfig.builder().with_part_prefix("part").with_part_suffix(".jsonl").build()
        )
        .with_rolling_policy(RollingPolicy.on_checkpoint_rolling_policy())
        .build()
    )


def _kafka_sink(kafka: Kafka, topic: str) -> Any:
    from pyflink.common.serialization import SimpleStringSchema  # noqa: PLC0415
    from pyflink.datastream.connectors.base import DeliveryGuarantee  # noqa: PLC0415
    from pyflink.datastream.connectors.kafka import (  # noqa: PLC0415
        KafkaRecordSerializationSchema,
        KafkaSink,
    )

    builder = (
        KafkaSink.builder()
        .set_bootstrap_servers(kafka.bootstrap)
        .set_record_serializer(
            KafkaRecordSerializationSchema.builder()
            .set_topic(topic)
            .set_value_serialization_schema(SimpleStringSchema())
            .build()
        )
        # ids are functions of content, so repeating after a failure shows nobody anything twice
        .set_delivery_guarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .set_property("max.request.size", str(kafka.max_record_bytes))
        .set_property("linger.ms", "5")
        .set_property("register.producer.metrics", "false")
    )
    for key, value in flink_properties(kafka).items():
        builder.set_property(key, value)
    return builder.build()
