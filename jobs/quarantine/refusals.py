"""Records that a target of delivery or a channel refused: where they are kept, and the way back."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from config.channels import Channel
from config.settings import Settings, Target
from config.written import nearest
from jobs.delivery.files import KINDS_IN_ORDER
from jobs.topic_reading import Topics
from jobs.topics import rejected_topic
from rules.errors import EXIT_USAGE, MingjianError
from sinks.base import Record, Rejected, SinkBusy
from sinks.progress import PartlyBusy, ShowsLater
from sinks.read_only import read_only
from sinks.targets import open_sinks

_BATCH = 500
_READ = "SELECT topic, id, reason, body, stored_at FROM rejected ORDER BY rowid DESC"


class Outcome(NamedTuple):
    """Of a second try: what the target has now, and what it refused again."""

    stored: tuple[Record, ...]
    refused: tuple[Rejected, ...]


def target_named(settings: Settings, name: str) -> Target | Channel:
    """The target or channel of that name. Raises MingjianError when there is none."""
    every: list[Target | Channel] = [*settings.targets, *settings.channels]
    for target in every:
        if target.name == name:
            return target
    known = [target.name for target in every]
    near = nearest(name, known)
    raise MingjianError(
        f"no target '{name}'",
        f"没有名为“{name}”的投递目标",
        fix_en=near[0] or f"targets: {', '.join(known) or 'none'}",
        fix_zh=near[1] or f"可用：{'、'.join(known) or '无'}",
        exit_code=EXIT_USAGE,
    )


def refusals(settings: Settings, target: Target | Channel) -> list[Rejected]:
    """What this target or channel refused, the last first, each record once.

    Raises:
        MingjianError: what holds them cannot be read.
    """
    if isinstance(target, Target) and target.kind == "sqlite":
        return _from_file(Path(target.path))
    if settings.outputs.kind == "kafka":
        return _from_topic(settings, rejected_topic(settings, target.name))
    return _from_file(Path(settings.data_dir) / "deliver" / f"{target.name}.db")


def sent_again(target: Target | Channel) -> Target:
    """The target, when what it refused may be sent to it again.

    Raises:
        MingjianError: it is a channel. Its outbox is the deliverer's, and knows them: once told.
    """
    if isinstance(target, Target):
        return target
    raise MingjianError(
        f"'{target.name}' is a channel: what it refused is not sent to people again",
        f"“{target.name}”是通知渠道：被它拒收的告警不会再次通知",
        fix_en="tell them yourself (`mingjian alerts show ID`), then `mingjian quarantine drop"
        f" --target {target.name} --all --reason TEXT`",
        fix_zh="请自行转告（`mingjian alerts show 编号`），然后 `mingjian quarantine drop"
        f" --target {target.name} --all --reason 原因`",
        exit_code=EXIT_USAGE,
    )


def send_again(settings: Settings, target: Target, rejected: Sequence[Rejected]) -> Outcome:
    """Offer the records to the target once more; evidence before alerts.

    Raises:
        MingjianError: the target is away; what it took before that is not lost, and ignored when
            it is sent again.
    """
    order = {kind: number for number, kind in enumerate(KINDS_IN_ORDER)}
    records = sorted((item.record for item in rejected), key=lambda one: order.get(one.topic, 0))
    index = next(n for n, one in enumerate(settings.targets) if one.name == target.name)
    sink = open_sinks(settings)[index]
    stored: list[Record] = []
    refused: list[Rejected] = []
    try:
        sink.open()
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            result = sink.write(batch)
            again = {(item.record.topic, item.record.id) for item in result.rejected}
            stored += [one for one in batch if (one.topic, one.id) not in again]
            refused += result.rejected
        if isinstance(sink, ShowsLater):
            sink.show()
    except SinkBusy as busy:
        some = len(stored) + (busy.result.written if isinstance(busy, PartlyBusy) else 0)
        raise MingjianError(
            f"target '{target.name}' does not take records now: {busy.why} ({some} were stored)",
            f"投递目标“{target.name}”现在不接收记录：{busy.why}（已写入 {some} 条）",
            fix_en="run it again when the target is back; what it has is ignored",
            fix_zh="目标恢复后重新执行即可；已有的会被忽略",
        ) from None
    finally:
        sink.close()
    return Outcome(tuple(stored), tuple(refused))


def _from_file(path: Path) -> list[Rejected]:
    if not path.is_file():
        return []
    try:
        db = read_only(path)
        try:
            rows = db.execute(_READ).fetchall()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise MingjianError(
            f"cannot read what was refused from {path}: {error}",
            f"无法从 {path} 读取被拒记录：{error}",
        ) from None
    return [
        Rejected(Record(topic, name, bytes(body)), reason, int(stored_at * 1000))
        for topic, name, reason, body, stored_at in rows
    ]


def _from_topic(settings: Settings, topic: str) -> list[Rejected]:
    found: dict[tuple[str, str], Rejected] = {}
    topics = Topics(settings)
    try:
        for one in topics.records(topics.places([topic]), 0):
            told = json.loads(one.value)
            key = (told["topic"], told["id"])
            record = Record(*key, base64.b64decode(told["body"]))
            found.pop(key, None)
            found[key] = Rejected(record, told["reason"], one.time)
    finally:
        topics.close()
    return list(found.values())[::-1]
