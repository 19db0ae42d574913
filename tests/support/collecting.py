"""Collectors on folders, and records for them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.settings import Outputs, Settings, Source
from ingest.collector import Collector
from jobs.collecting import collector, ends

T0 = 1_603_876_152_141


def settings(folder: Path, **changes: Any) -> Settings:
    """The embedded profile with everything beneath `folder`."""
    return Settings(
        profile="embedded",
        tenant="demo",
        data_dir=str(folder / "data"),
        keys_dir=str(folder / "keys"),
        source=Source(kind="files", path=str(folder / "messages")),
        outputs=Outputs(kind="files", path=str(folder / "outputs")),
        targets=(),
        **changes,
    )


@contextmanager
def opened(folder: Path, source: str = "files", **changes: Any) -> Iterator[Collector]:
    """A collector that writes beneath `folder`."""
    chosen = settings(folder, **changes)
    with ends(chosen, threading.Event()) as where, collector(chosen, source, where) as intake:
        yield intake


def written(folder: Path) -> list[bytes]:
    """Every line that the job would read."""
    files = sorted((folder / "messages").glob("messages*.jsonl"))
    return [line for file in files for line in file.read_bytes().splitlines()]


def ids(folder: Path) -> list[str]:
    """The msgids or event ids of what was written, in order."""
    found = []
    for line in written(folder):
        record = json.loads(line)
        found.append(record.get("id") or record["payload"]["msgid"])
    return found


def outputs(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Records of an output kind."""
    files = sorted((folder / "outputs" / kind).glob("part-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def bare(number: int | str, content: str = "你好", **changes: Any) -> bytes:
    """A message as the archive decrypts it."""
    payload = {
        "msgid": f"m{number}",
        "action": "send",
        "from": "zhangsan",
        "tolist": ["wmAAAAAAAAAAAA"],
        "roomid": "",
        "msgtime": T0,
        "msgtype": "text",
        "text": {"content": content},
        **changes,
    }
    return json.dumps(payload, ensure_ascii=False).encode()


def enveloped(
    number: int | str, received_at: int = T0 + 2000, seq: int = 7, **payload: Any
) -> bytes:
    """The same in an envelope with its keys in order."""
    inner = bare(number, **payload).decode()
    return (
        f'{{"v":1,"kind":"archive","time":{T0},"received_at":{received_at},"tenant":"demo",'
        f'"seq":{seq},"payload":{inner}}}'
    ).encode()


def event(number: int | str, actor: str = "lisi", time: int = T0) -> bytes:
    """A deleted customer."""
    payload = {"UserID": actor, "ExternalUserID": "wmAAAAAAAAAAAA", "Source": ""}
    return (
        f'{{"v":1,"kind":"event","time":{time},"received_at":{time + 2000},"tenant":"demo","seq":0,'
        f'"id":"cb-{number}","source":"callback","type":"customer_deleted",'
        f'"payload":{json.dumps(payload)}}}'
    ).encode()
