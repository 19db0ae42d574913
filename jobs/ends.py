"""The ends of the job: where records come from (SQL) and where outputs go, as the profile says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from config.settings import Kafka, Settings
from jobs.kafka_client import flink_properties
from rules.alert import OUTPUTS
from rules.decode import EARLIEST
from rules.errors import EXIT_USAGE, MingjianError

DAY_MS = 86_400_000
# Without compression a file is read in blocks of this size, in no particular order.
BLOCK_BYTES = 32 * 1024 * 1024
UNSPLITTABLE = (".gz",)
_HOLD_MS = 10 * 365 * DAY_MS  # behind any time there is: the watermark waits for the end of input


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


def source_ddl(settings: Settings, assume_received_at: int) -> str:
    """CREATE TABLE messages: raw bytes, their place, and the watermark.

    Event time is read from the record's own `time`, else `msgtime`. A time that is missing, 0,
    before 2016 or more than a day after the record was received does not move the watermark.
    """
    lateness = settings.flink.allowed_lateness_ms
    if settings.source.kind == "files":
        folder = Path(settings.source.path).resolve()
        files = source_files(settings.source.path, may_be_empty=settings.source.follow)
        columns = "`file.path` STRING NOT NULL METADATA"
        options = {
            "connector": "filesystem",
            "path": _address(folder),
            "format": "raw",
            "source.path.regex-pattern": f"{re.escape(str(folder))}/messages[^/]*[.]jsonl([.]gz)?",
        }
        if settings.source.follow:
            options["source.monitor-interval"] = "1 s"
        elif not in_order(files, settings.flink.parallelism):
            lateness = _HOLD_MS
    else:
        columns = "`partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL"
        options = {
            "connector": "kafka",
            "topic": settings.source.topic,
            "properties.bootstrap.servers": settings.kafka.bootstrap,
            "properties.group.id": f"mingjian-detect-{settings.tenant}",
            "properties.client.id.prefix": "mingjian-detect",
            "scan.startup.mode": "group-offsets",
            "properties.auto.offset.reset": "earliest",
            "format": "raw",
            **{f"properties.{k}": v for k, v in flink_properties(settings.kafka).items()},
        }
        if not settings.source.follow:
            options |= {
                "scan.bounded.mode": "latest-offset",
                "scan.startup.mode": "earliest-offset",
            }
    moment = _moment(assume_received_at)
    listed = ", ".join(f"'{key}' = {_quoted(value)}" for key, value in options.items())
    # every value comes from the settings, which the operator owns
    return f"""
        CREATE TABLE messages (
            record BYTES,
            {columns},
            event_time AS TO_TIMESTAMP_LTZ({moment}, 3),
            WATERMARK FOR event_time AS
                CASE WHEN {moment} > 0 THEN TO_TIMESTAMP_LTZ({moment} - {lateness}, 3) END
        ) WITH ({listed})"""


def _moment(assume_received_at: int) -> str:
    """SQL for a record's event time in ms, 0 where it must not move the watermark.

    Our own writers put `time` and `received_at` at the front without spaces, so they are found by
    position, on the bytes; a regex over the decoded text costs a multiple and is the fallback.
    """
    text = "CAST(record AS STRING)"

    def number(name: str, regex: str) -> str:
        found = f"POSITION('\"{name}\":' IN {text})"
        at = f"SUBSTRING({text}, {found} + {len(name) + 3}, 13)"
        slow = f"TRY_CAST(REGEXP_EXTRACT({text}, '{regex}', 1) AS BIGINT)"
        return (
            f"CASE WHEN {found} > 0 AND TRY_CAST({at} AS BIGINT) > {EARLIEST}"
            f" THEN TRY_CAST({at} AS BIGINT) ELSE {slow} END"
        )

    told = number("time", '"(?:time|msgtime)":\\s*([0-9]{13})')
    received = number("received_at", '"received_at":\\s*([0-9]{13})')
    latest = f"COALESCE({received}, {assume_received_at}) + {DAY_MS}"
    return f"CASE WHEN {told} BETWEEN {EARLIEST} AND {latest} THEN {told} ELSE 0 END"


def _address(folder: Path) -> str:
    """A folder as Flink reads it; the %E6 of `Path.as_uri` it would take literally."""
    return f"file://{folder}"


def _quoted(value: str) -> str:
    """An SQL text: a quotation mark inside is written twice."""
    return "'" + value.replace("'", "''") + "'"


def select_items(settings: Settings) -> str:
    """The one query of the job: match in batches, keep what hit, one row an item."""
    place = "`file.path`" if settings.source.kind == "files" else "`partition`, `offset`"
    return f"""
        SELECT item FROM (SELECT match_records(record, {place}) AS items FROM messages)
        CROSS JOIN UNNEST(items) AS found(item)
        WHERE items IS NOT NULL"""


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
        FileSink.for_row_format(_address(folder.resolve()), Encoder.simple_string_encoder())
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
    )
    for key, value in flink_properties(kafka).items():
        builder.set_property(key, value)
    return builder.build()
