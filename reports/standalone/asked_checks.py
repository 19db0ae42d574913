"""Whether the records and alerts of a pack are what it says was asked for."""

from __future__ import annotations

import base64
import json
from typing import Any

from reports.standalone.case_checks import case_rows
from reports.standalone.words import Check, Damaged, counted, why

_ASKED = "asked for"
_NO_ANSWER = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
# role of a record -> the part of the query, and the field that the query names
_ROLE_PARTS = {"context": ("conversations", "conversation"), "event": ("acts", "sender"),
          "period": ("talk", "")}  # fmt: skip


def asked_checks(
    files: dict[str, bytes], about: dict[str, Any], events: list[dict[str, Any]]
) -> list[Check]:
    """Every record against the query in completeness.json, and the query against the manifest.

    Args:
        about: the manifest, which says what the pack is about.
        events: rows of events.jsonl.
    """
    try:
        query = json.loads(files["completeness.json"])["query"]
        alerts = [row["alert"] for row in case_rows(files)]
        _require_query(query, about, alerts, events)
        for row in events:
            if row["role"] in _ROLE_PARTS:
                _require_asked(query, row)
    except _NO_ANSWER as error:
        return [Check(_ASKED, False, *why(error))]
    count = len(events)
    return [Check(_ASKED, True, f"{counted(count, 'record')} within what was asked for",
                  f"{count} 条记录均在所述检索范围之内")]  # fmt: skip


def _require_query(
    query: dict[str, Any],
    about: dict[str, Any],
    alerts: list[dict[str, Any]],
    events: list[dict[str, Any]],
) -> None:
    """The query is that of what the pack is about."""
    subject, talk = about["subject"], []
    if about["kind"] == "person":
        since, until = about["since"], about["until"]
        talk = [{"person": subject, "start": since, "end": until - 1}]
        acts = [(row["start"], row["end"]) for row in query["acts"] if row["person"] == subject]
        if not any(start <= since and until - 1 <= end for start, end in acts):
            raise _other_query()
        for alert in alerts:
            if subject not in (alert["actor"], *alert.get("counterparties", ())):
                raise Damaged(f"alert {alert['alert_id']} is not about {subject}",
                              f"告警 {alert['alert_id']} 与 {subject} 无关")  # fmt: skip
            if not since <= alert["time"] < until:
                raise Damaged(f"alert {alert['alert_id']} is not of this period",
                              f"告警 {alert['alert_id']} 不在此期间")  # fmt: skip
    if query["talk"] != talk:
        raise _other_query()
    members = {row["conversation"] for row in events if row["role"] == "member"}
    if not {row["conversation"] for row in query["conversations"]} <= members:
        raise _other_query()
    if not {row["person"] for row in query["acts"]} <= {subject, *(one["actor"] for one in alerts)}:
        raise _other_query()


def _other_query() -> Damaged:
    return Damaged(
        "completeness.json says that something else was asked for than what the pack is about",
        "完整性声明所载检索范围与本包的对象、期间不符",
    )


def _require_asked(query: dict[str, Any], row: dict[str, Any]) -> None:
    """A record is one that the query is for, as far as the record itself says."""
    record = json.loads(base64.b64decode(row["raw"]).decode(), strict=False)
    part, field = _ROLE_PARTS[row["role"]]
    if part == "talk":
        names, spans = _parties(record, row), [(one["person"], one) for one in query["talk"]]
        if row["kind"] == "event":
            names = set()
    else:
        names = {row[field]}
        key = "conversation" if part == "conversations" else "person"
        spans = [(one[key], one) for one in query[part]]
    mine = [one for name, one in spans if name in names]
    if not mine:
        raise Damaged(f"{row['msgid']} ({row['role']}) is of somebody else, or of another"
                      " conversation", f"{row['msgid']} 属于其他人或其他会话")  # fmt: skip
    if _timed(record) and not any(one["start"] <= row["time"] <= one["end"] for one in mine):
        raise Damaged(f"{row['msgid']} ({row['role']}) is of another time",
                      f"{row['msgid']} 不在此期间")  # fmt: skip


def _parties(record: dict[str, Any], row: dict[str, Any]) -> set[str]:
    """Who said a message and whom it was said to; in a room `tolist` has its members."""
    inner = record.get("payload", record)
    sender, to = inner.get("from", inner.get("user")), inner.get("tolist")
    found = {row["sender"]}
    if isinstance(sender, str):
        found.add(sender.strip())
    if isinstance(to, list):
        return found | {one.strip() for one in to if isinstance(one, str)}
    return found | set(row["conversation"].split("|"))


def _timed(record: dict[str, Any]) -> bool:
    """Whether a record says when it was; else its row has when the pack was made."""
    inner = record.get("payload", record)
    times = (inner.get("msgtime"), inner.get("time"), record.get("time"), record.get("received_at"))
    return any(isinstance(one, int) and one > 0 for one in times)
