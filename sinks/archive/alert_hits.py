"""Which messages an alert names."""

from __future__ import annotations

import msgspec

from sinks.archive.rows import HitRow


class _Rule(msgspec.Struct):
    name: str = ""


class _Member(msgspec.Struct):
    msgid: str = ""
    time: int = 0


class _Alert(msgspec.Struct):
    rule: _Rule
    members: tuple[_Member, ...] = ()


_ALERTS = msgspec.json.Decoder(_Alert)


def hits_of(alert_id: str, body: bytes) -> list[HitRow]:
    """The messages of an alert; none where it cannot be read."""
    try:
        told = _ALERTS.decode(body)
    except msgspec.MsgspecError:
        return []
    return [HitRow(one.time, one.msgid, alert_id, told.rule.name) for one in told.members]
