"""What people read of a message: a title, a line for each record, and where to look further."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from rules.alert import SPECULATIVE, Alert
from rules.operations import Incident
from rules.speculation import RETRACTIONS
from sinks.channels.message import (
    INCIDENT,
    RESOLVED,
    RETRACTION,
    TEST,
    Message,
    meaning,
    one_line,
    short,
)

# the words of the command line, docs/glossary.md; a block is claimed by `_DONE` only
_GRADES = {
    "zh": {0: "无", 1: "记录", 2: "实时告警", 3: "紧急"},
    "en": {0: "none", 1: "log", 2: "alert", 3: "EMERGENCY"},
}
_SEVERITIES = {
    "zh": {"critical": "严重", "warning": "警告"},
    "en": {"critical": "CRITICAL", "warning": "warning"},
}
_DONE = {
    "enforced": ("blocked before it was sent", "发送前已拦截"),
    "delegated": ("left to WeCom's own intercept rule", "交由企业微信自身的拦截规则"),
}
_SHORT_ID = 12
_TITLE, _LINE = 120, 300  # characters


def title(message: Message) -> str:
    """One line: how grave, what, how many."""
    english = message.language == "en"
    if message.kind == TEST:
        return "Mingjian [test] a test message" if english else "明鉴【测试】测试消息"
    many = f" ×{message.total:,}" if message.total > 1 else ""
    words = _standing(message)
    what = _quotable(_subject(message), _TITLE)
    return f"Mingjian [{words}] {what}{many}" if english else f"明鉴【{words}】{what}{many}"


def _standing(message: Message) -> str:
    """How grave it is, or that it is over."""
    english = message.language == "en"
    if message.kind == RETRACTION:
        return "taken back" if english else "告警撤回"
    if message.kind == RESOLVED:
        return "incident over" if english else "事件·已结束"
    if message.kind == INCIDENT:
        severity = message.incidents[0].severity
        word = _SEVERITIES[message.language].get(severity, severity)
        return f"{word} incident" if english else f"事件·{word}"
    return _GRADES[message.language].get(message.response, str(message.response))


def _subject(message: Message) -> str:
    english = message.language == "en"
    if message.incidents:
        return meaning(message.incidents[0], message.language)
    rules = {alert.rule.name: alert.rule for alert in message.alerts}
    if len(rules) == 1:
        rule = next(iter(rules.values()))
        return f"{rule.item} {rule.title}"
    actors = {alert.actor for alert in message.alerts}
    who = f"{next(iter(actors))}: " if english else f"{next(iter(actors))}："
    said = f"alerts of {len(rules)} rules" if english else f"{len(rules)} 条规则的告警"
    return (who if len(actors) == 1 else "") + said


def lines(message: Message) -> list[str]:
    """One line a record: when, which, what."""
    if message.kind == TEST:
        return [
            "If you read this, the channel works. No alert was found."
            if message.language == "en"
            else "看到这条消息，说明通知渠道可用。这不是真实告警。"
        ]
    several = len({alert.rule.name for alert in message.alerts}) > 1
    return [_quotable(_line(message, item, several), _LINE) for item in message.items]


def _quotable(text: str, most: int) -> str:
    """One line of at most so many characters, in which nothing is a link."""
    return short(one_line(text), most).replace("://", "：//")


def _line(message: Message, item: Alert | Incident, several: bool) -> str:
    english = message.language == "en"
    head = f"{local(item.time, message.zone)} {_identity(item)[:_SHORT_ID]}"
    if isinstance(item, Incident):
        many = (f" ({item.count:,} messages)" if english else f"（{item.count:,} 条消息）") * (
            item.count > 1
        )
        return f"{head} {item.source} {item.detail}{many}"
    rule = f"{item.rule.item} {item.rule.title}" if several else ""
    told = f"{head} {f'[{rule}]' * bool(rule) if english else f'【{rule}】' * bool(rule)}"
    return f"{told} {item.summary}{_remarks(message, item)}"


def _remarks(message: Message, alert: Alert) -> str:
    """What else has to be known of an alert."""
    at = 0 if message.language == "en" else 1
    found = []
    if alert.response_state in _DONE:
        found.append(_DONE[alert.response_state][at])
    if alert.status == SPECULATIVE:
        found.append(("not settled yet", "待定")[at])
    if alert.retraction in RETRACTIONS:
        found.append(RETRACTIONS[alert.retraction][at])
    if alert.replaced_by:
        instead = alert.replaced_by[:_SHORT_ID]
        found.append((f"see {instead}", f"见 {instead}")[at])
    if not found:
        return ""
    return f" ({'; '.join(found)})" if at == 0 else f"（{'；'.join(found)}）"


def left_out(message: Message, shown: int) -> str:
    """A line for the records that are not shown, "" when all are."""
    rest = message.total - shown
    if message.kind == TEST or rest <= 0:
        return ""
    return f"… and {rest:,} more" if message.language == "en" else f"……另有 {rest:,} 条未列出"


def further(message: Message) -> str:
    """Where to look further, "" where there is no such place."""
    if not message.alerts:
        return ""
    if message.total == 1:
        command = f"mingjian alerts show {message.alerts[0].alert_id[:_SHORT_ID]}"
    else:
        command = "mingjian alerts list"
    return f"See: {command}" if message.language == "en" else f"查看：{command}"


def clock(message: Message) -> str:
    """Which clock the times are of, "" where there are none."""
    if not message.items:
        return ""
    return f"Times: {message.zone}" if message.language == "en" else f"时间均为 {message.zone}"


def local(milliseconds: int, zone: str) -> str:
    """Local time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(ZoneInfo(zone))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _identity(item: Alert | Incident) -> str:
    return item.alert_id if isinstance(item, Alert) else item.incident_id
