"""Test cases written in rule files: short notations -> records, exactly as a source would give.

    tests:
      - name: five recalls in ten minutes
        messages:
          - {at: "10:00", from: zhangwei, to: c1, text: 您好}
          - {at: "10:01", from: zhangwei, to: c1, recall: m1}
        alerts: 1

`at` is a time of Wednesday 2026-03-04 (a working day) or "YYYY-MM-DD HH:MM[:SS]", Asia/Shanghai.
`c1`, `c2`, ... stand for customers, `r1`, ... for rooms. `id` defaults to m1, m2, ... in order.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import msgspec

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
DAY = "2026-03-04"
_KEYS = frozenset(
    {"at", "id", "seq", "from", "to", "room", "text", "recall", "type", "key", "payload"}
    | {"event", "source"}
)


def customer(name: str) -> str:
    """The external id a short customer name stands for."""
    return f"wmDemoCustomer{int(name[1:]):06d}" if re.fullmatch(r"c\d+", name) else name


def moment(text: str) -> int:
    """UTC milliseconds of an `at`. Raises ValueError."""
    text = str(text)
    full = text if re.match(r"\d{4}-", text) else f"{DAY} {text}"
    return int(dt.datetime.fromisoformat(full).replace(tzinfo=SHANGHAI).timestamp() * 1000)


def records(case: Mapping[str, Any], tenant: str = "demo") -> list[bytes]:
    """Raw records of a case, in the order written.

    Raises:
        ValueError: a message without `at`, or with a time that is none.
    """
    return [
        record(message, f"m{index}", index, tenant)
        for index, message in enumerate(case["messages"], start=1)
    ]


def record(message: Mapping[str, Any], msgid: str, seq: int, tenant: str = "demo") -> bytes:
    """One raw record of the short notation."""
    if unknown := sorted(str(key) for key in message if key not in _KEYS):
        text = f"{msgid}: unknown key '{unknown[0]}' (known: {', '.join(sorted(_KEYS))})"
        raise ValueError(text)
    if "at" not in message:
        text = f"{msgid}: 'at' is missing"
        raise ValueError(text)
    time = moment(message["at"])
    msgid = str(message.get("id", msgid))
    head = {"v": 1, "kind": "archive", "time": time, "received_at": time + 1000, "tenant": tenant}
    if "event" in message:
        payload = {k: _ids(v) for k, v in message.get("payload", {}).items()}
        return msgspec.json.encode(
            head
            | {"kind": "event", "seq": int(message.get("seq", 0)), "id": msgid}
            | {"source": message.get("source", "callback"), "type": message["event"]}
            | {"payload": payload}
        )
    to = message.get("to", [])
    body: dict[str, Any] = {
        "msgid": msgid,
        "action": "send",
        "from": customer(str(message["from"])),
        "tolist": [customer(str(one)) for one in (to if isinstance(to, list) else [to])],
        "roomid": message.get("room", ""),
        "msgtime": time,
    }
    if "recall" in message:
        body |= {
            "action": "recall",
            "msgtype": "revoke",
            "revoke": {"pre_msgid": message["recall"]},
        }
    elif "text" in message:
        body |= {"msgtype": "text", "text": {"content": message["text"]}}
    else:
        kind = message["type"]
        body |= {"msgtype": kind, message.get("key", kind): message.get("payload", {})}
    return msgspec.json.encode(head | {"seq": int(message.get("seq", seq)), "payload": body})


def _ids(value: Any) -> Any:
    return customer(value) if isinstance(value, str) else value
