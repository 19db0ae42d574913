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
    ids = [row["alert"]["alert_id"] for row in rows]
    if len(set(ids)) != len(ids):
        raise Damaged("an alert is there twice", "有告警重复")
    return rows


def case_checks(files: dict[str, bytes], events: list[dict[str, Any]]) -> list[Check]:
    """Every check of the alerts against the records.

    Args:
        events: rows of events.jsonl.
    """
    try:
        rows = case_rows(files)
        wanted, recorded = _named(rows)
        completeness = json.loads(files["completeness.json"])
        counts = {role: completeness["counts"][role] for role in ROLES}
        others = _other_statements(completeness, rows, events, files)
        rules = [(*row["rule_files"], row["alert"]["rule"]["digest"], row["rule_text_sm3"])
                 for row in rows]  # fmt: skip
    except _UNFIT as error:
        en, zh = why(error)
        return [Check(_MEMBERS, False, f"the case is damaged: {en}", f"案件数据损坏：{zh}")]
    here = {
        key: _digests_of(row, "sm3", "sha256")
        for row in events
        if row["role"] == "member"
        for key in row["evidence"]
    }
    members = _members(wanted, recorded, here, len(rows))
    if members.ok:
        members = _wrong_roles(events, wanted) or members
    return [members, _counts(counts, events, others), *_rules(files, rules)]


_Digests = tuple[Any, ...]  # message id, SM3, SHA-256; of a redacted record the commitment to them


def _digests_of(row: dict[str, Any], *names: str) -> _Digests:
    if "digest" in row:
        return (row["msgid"], row["digest"])
    return (row["msgid"], *(row[name] for name in names))


def _wrong_roles(events: list[dict[str, Any]], wanted: dict[str, str]) -> Check | None:
    """Members are what alerts name, each once, and nothing else is."""
    for row in events:
        ours = bool(row["evidence"]) and all(key in wanted for key in row["evidence"])
        if (row["role"] == "member") != ours or (row["evidence"] and not ours):
            en = f"not what raised the alert: {row['msgid']}"
            return Check(_MEMBERS, False, en, f"不是触发告警的记录：{row['msgid']}")
    named = [key for row in events for key in row["evidence"]]
    if len(set(named)) != len(named):
        return Check(_MEMBERS, False, "evidence is named twice", "有证据被重复引用")
    return None


def _other_statements(
    told: dict[str, Any],
    rows: list[dict[str, Any]],
    events: list[dict[str, Any]],
    files: dict[str, bytes],
) -> list[str]:
    """Parts of completeness.json that are not what the pack comes to."""
    listed = sum(len(row["alert"]["members"]) for row in rows)
    contributing = sum(row["alert"]["count"] for row in rows)
    sent = json.loads(files["media.json"])["files"] if "media.json" in files else []
    holes = json.loads(files["redactions.json"])["holes"] if "redactions.json" in files else []
    found = {
        "alerts": {"count": len(rows), "contributing": contributing, "listed": listed,
                   "beyond_the_cap": contributing - listed},
        "media": {"named": len(sent), "included": sum(bool(one["file"]) for one in sent),
                  "left_out": sum(one["state"] == "left_out" for one in sent)},
        "redacted": {"records": sum(bool(row.get("redacted")) for row in events),
                     "holes": len(holes)},
    }  # fmt: skip
    return [name for name, values in found.items() if told[name] != values]


def _named(
    rows: list[dict[str, Any]],
) -> tuple[dict[str, str], dict[str, _Digests]]:
    """By the id of the evidence: the message that an alert names, and what is on record of it."""
    recorded = {
        one["evidence_id"]: _digests_of(one, "raw_sm3", "raw_sha256")
        for row in rows
        for one in row["evidence"]
    }
    wanted = {
        member["evidence_id"]: member["msgid"] for row in rows for member in row["alert"]["members"]
    }
    return wanted, recorded


def _members(
    wanted: dict[str, str],
    recorded: dict[str, _Digests],
    here: dict[str, _Digests],
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


def _counts(stated: dict[str, Any], events: list[dict[str, Any]], others: list[str]) -> Check:
    counts = {role: sum(row["role"] == role for row in events) for role in ROLES}
    if counts == stated and others:
        names = ", ".join(others)
        return Check(_COMPLETE, False, f"not what the pack comes to: {names}",
                     f"与包内实际不符：{names}")  # fmt: skip
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


def _rule_digest(content: bytes) -> str:
    """SM3 over the length (4 bytes, big endian) and the canonical content of a rule."""
    return sm3(len(content).to_bytes(4, "big") + content)


def _rules(files: dict[str, bytes], rules: list[tuple[Any, ...]]) -> list[Check]:
    checks, different = [], dict.fromkeys(rules)
    texts, contents = ({row[which] for row in different} for which in (0, 1))
    # once for each file, however many rows name it
    meant = {name: _rule_digest(files.get(name, b"")) for name in contents}
    read = {name: sm3(files.get(name, b"")) for name in texts}
    for text, content, digest, text_sm3 in different:
        name = _RULE if len(different) == 1 else f"{_RULE} ({text})"
        if meant[content] != digest:
            en, zh = f"{content} did not raise the alert", f"{content} 不是触发告警的规则内容"
            checks.append(Check(name, False, en, zh))
        elif read[text] != text_sm3:
            en, zh = f"{text} is another text", f"{text} 不是所载的规则文本"
            checks.append(Check(name, False, en, zh))
        else:
            en = f"digest as in the alert, {digest}; its text is as the signer gives it"
            zh = f"摘要与告警一致，{digest}；规则原文以签名者所载为准"
            checks.append(Check(name, True, en, zh))
    return checks
