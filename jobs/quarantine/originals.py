"""The bytes of a quarantined record: from its sealed copy, else from where it still stands."""

from __future__ import annotations

from typing import Any

from kafka import TopicPartition

from config.settings import Settings
from jobs.delivery.locate import line_of, path_of
from jobs.topic_reading import Topics
from rules.alert import sm3_raw
from rules.errors import EXIT_FINDINGS, MingjianError
from sinks.sealing import Sealer, binding


class Originals:
    """Finds them. Nothing is returned that has not the SM3 of the quarantined record."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealer: Sealer | None = None

    def of(self, row: dict[str, Any]) -> bytes:
        """The whole record.

        Raises:
            MingjianError: only its beginning was kept, or it cannot be opened, and it does not
                stand in the source any more.
        """
        why: MingjianError | None = None
        if row.get("sealed") and not row.get("truncated"):
            try:
                raw = self.opened(row)
            except MingjianError as error:
                why = error
            else:
                if sm3_raw(raw) == row["raw_sm3"]:
                    return raw
                why = _altered(row)
        found = self._where_it_stands(row)
        if found is not None:
            return found
        raise why or _gone(row)

    def kept(self, row: dict[str, Any]) -> bytes:
        """What was kept: the whole record, or its beginning when only that was.

        Raises:
            MingjianError: it cannot be opened, or nothing was kept.
        """
        if row.get("truncated"):
            return self.opened(row)
        return self.of(row)

    def opened(self, row: dict[str, Any]) -> bytes:
        """The sealed bytes. Raises MingjianError as `Sealer.open`."""
        if self._sealer is None:
            self._sealer = Sealer.from_dir(self._settings.keys_dir, create=False)
        return self._sealer.open(row["sealed"], binding("quarantine", row["quarantine_id"]))

    def _where_it_stands(self, row: dict[str, Any]) -> bytes | None:
        place = row["position"]
        source: str = place["source"]
        if source.startswith("kafka:"):
            topic = source.removeprefix("kafka:")
            raw = self._from_topic(topic, place.get("partition", 0), place.get("offset", 0))
        elif source.startswith("file:"):
            try:
                path, near = path_of(source), place.get("offset", 0)
                raw = line_of(path, row["raw_sm3"], row["raw_size"], near)
            except (OSError, EOFError):
                raw = None
        else:
            raw = None
        return raw if raw is not None and sm3_raw(raw) == row["raw_sm3"] else None

    def _from_topic(self, topic: str, partition: int, offset: int) -> bytes | None:
        topics = Topics(self._settings)
        try:
            place = TopicPartition(topic, partition)
            if place not in topics.places([topic]):
                return None
            if not topics.firsts([place])[place] <= offset < topics.ends([place])[place]:
                return None
            found = topics.between({place: (offset, offset + 1)})
            return next((one.value for one in found), None)
        finally:
            topics.close()


def _gone(row: dict[str, Any]) -> MingjianError:
    size = row["raw_size"]
    return MingjianError(
        f"quarantined record {row['quarantine_id'][:12]} of {size:,} bytes: only its beginning was"
        " kept, and it does not stand in the source any more",
        f"隔离记录 {row['quarantine_id'][:12]}（{size:,} 字节）只保留了开头，而来源中已经没有它",
        fix_en="fetch it again from the system it came from, or drop it with a reason; to keep more"
        " of such records: limits.quarantine_keep_bytes",
        fix_zh="请从原系统重新取得，或写明原因后丢弃；若要多保留一些：limits.quarantine_keep_bytes",
        exit_code=EXIT_FINDINGS,
    )


def _altered(row: dict[str, Any]) -> MingjianError:
    return MingjianError(
        f"quarantined record {row['quarantine_id'][:12]}: the sealed bytes are not those its digest"
        " names",
        f"隔离记录 {row['quarantine_id'][:12]}：封存内容与其摘要不符",
        fix_en="treat this record as tampered and compare it with another target",
        fix_zh="该记录应按已被篡改处理，请与另一存储比对",
    )
