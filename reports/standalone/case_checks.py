"""Whether the alerts of a pack have their records, their counts and the rules that judged."""

from __future__ import annotations

import json
from typing import Any

from reports.standalone.words import Check, Damaged, why
from sinks.ledger.sm3 import sm3

ALERT_FILE, ALERTS_FILE = "alert.json", "alerts.jsonl"  # of a pack about one alert, and any other
ROLES = ("member", "context", "event", "period")
_MEMBERS, _COMPLETE, _RULE = "alert members", "completeness", "rule"
_UNFIT = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
_FEW = 5  # that are named one by one


def case_rows(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What the pack says of each of its alerts. Raises one of the errors of a damaged file."""
    if ALERT_FILE in files:
        return [json.loads(files[ALERT_FILE])]
    if ALERTS_FILE not in files:
        raise Damaged("there is no file of alerts", "没有告警文件")
    rows = [json.loads(line) for line in files[ALERTS_FILE].split(b"\n") if line]
    if not all(isinstance(row, dict) and isinstance(row["alert"], dict) for row in rows):
        raise Damaged("it has lines that are no alert", "有的行不是告警")
    return rows


def case_checks(files: dict[str, bytes], events: list[dict[str, Any]]) -> list[Check]:
    """Every check of the alerts against the records.

    Args:
        events: rows of events.jsonl.
    """
    try:
        rows = case_rows(files)
        wanted, recorded = _named(rows)
        stated = json.loads(files["completeness.json"])["counts"]
        counts = {role: stated[role] for role in ROLES}
        rules = [(*row["rule_files"], row["alert"]["rule"]["digest"], row["rule_text_sm3"])
                 for row in rows]  # fmt: skip
    except _UNFIT as error:
        en, zh = why(error)
        return [Check(_MEMBERS, False, f"the case is damaged: {en}", f"案件数据损坏：{zh}")]
    here = {
        key: (row["msgid"], row["sm3"], row["sha256"])
        for row in events
        if row["role"] == "member"
        for key in row["evidence"]
    }
    return [
        _members(wanted, recorded, here, len(rows)),
        _counts(counts, events),
        *_rules(files, rules),
    ]


def _named(
    rows: list[dict[str, Any]],
) -> tuple[dict[str, str], dict[str, tuple[str, str, str]]]:
    """By the id of the evidence: the message that an alert names, and what is on record of it."""
    recorded = {
        one["evidence_id"]: (one["msgid"], one["raw_sm3"], one["raw_sha256"])
        for row in rows
        for one in row["evidence"]
    }
    wanted = {
        member["evidence_id"]: member["msgid"] for row in rows for member in row["alert"]["members"]
    }
    return wanted, recorded


def _members(
    wanted: dict[str, str],
    recorded: dict[str, tuple[str, str, str]],
    here: dict[str, tuple[str, str, str]],
    alerts: int,
) -> Check:
    lost = [which for key, which in wanted.items() if here.get(key, ("",))[0] != which]
    other = [found[0] for key, found in here.items() if recorded.get(key) != found]
    if lost:
        en, zh = _few(lost)
        return Check(_MEMBERS, False, f"not in the pack: {en}", f"证据包中缺少：{zh}")
    if other:
        en, zh = _few(other)
        return Check(
            _MEMBERS, False, f"not what raised the alert: {en}", f"不是触发告警的记录：{zh}"
        )
    count = len(here)
    if alerts == 1:
        return Check(_MEMBERS, True, f"all {count} are here", f"{count} 条全部在内")
    return Check(
        _MEMBERS,
        True,
        f"all {count} of {alerts} alerts are here",
        f"{alerts} 条告警的 {count} 条记录全部在内",
    )


def _few(names: list[Any]) -> tuple[str, str]:
    shown, more = [str(one) for one in names[:_FEW]], len(names) - _FEW
    en, zh = ", ".join(shown), "、".join(shown)
    return (f"{en} and {more} more", f"{zh} 等 {len(names)} 条") if more > 0 else (en, zh)


def _counts(stated: dict[str, Any], events: list[dict[str, Any]]) -> Check:
    counts = {role: sum(row["role"] == role for row in events) for role in ROLES}
    if counts == stated:
        return Check(_COMPLETE, True, "stated counts fit", "声明的数量与实际一致")
    (en, zh), (found_en, found_zh) = _counted(stated), _counted(counts)
    return Check(
        _COMPLETE,
        False,
        f"states {en}; the pack holds {found_en}",
        f"声明为{zh}；实际为{found_zh}",
    )


def _counted(counts: dict[str, Any]) -> tuple[str, str]:
    member, context, event, period = (counts[role] for role in ROLES)
    return (
        f"members {member}, context {context}, acts {event}, period {period}",
        f"命中 {member} 条、上下文 {context} 条、行为 {event} 条、期间往来 {period} 条",
    )


def _rules(files: dict[str, bytes], rules: list[tuple[Any, ...]]) -> list[Check]:
    """A rule's digest is SM3 over length (4 bytes, big endian) and canonical content."""
    checks = []
    for text, content, digest, text_sm3 in dict.fromkeys(rules):
        meaning = files.get(content, b"")
        name = _RULE if len(set(rules)) == 1 else f"{_RULE} ({text})"
        if sm3(len(meaning).to_bytes(4, "big") + meaning) != digest:
            en, zh = f"{content} did not raise the alert", f"{content} 不是触发告警的规则内容"
            checks.append(Check(name, False, en, zh))
        elif sm3(files.get(text, b"")) != text_sm3:
            en, zh = f"{text} is another text", f"{text} 不是所载的规则文本"
            checks.append(Check(name, False, en, zh))
        else:
            en, zh = f"digest as in the alert, {digest}", f"摘要与告警一致，{digest}"
            checks.append(Check(name, True, en, zh))
    return checks
