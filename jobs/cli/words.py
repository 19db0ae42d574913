"""The words people read for the codes in alerts, in one vocabulary (docs/glossary.md).

Also `visible`: text of a conversation as it is safe to show, with what cannot be seen made visible.
"""

from __future__ import annotations

import unicodedata

from rich.text import Text

from jobs.cli.app import say
from rules.plural import plural as plural  # noqa: PLC0414 - words for all commands

RESPONSES = {
    0: ("0 none", "0 无", "white"),
    1: ("1 log", "1 记录", "cyan"),
    2: ("2 alert", "2 实时告警", "yellow"),
    3: ("3 emergency", "3 紧急", "bold red"),
}
SEVERITIES = {
    "informational": "提示",
    "low": "低",
    "medium": "中",
    "high": "高",
    "critical": "严重",
    "warning": "警告",
}
_KINDS = {"employee": "员工", "customer": "客户", "bot": "机器人", "system": "系统"}
_STATUSES = {"final": "已定", "speculative": "待定", "retracted": "已撤回"}
_VARIANTS = {
    "chaizi": ("characters taken apart", "拆字"),
    "chinese_digit": ("Chinese digits", "中文数字"),
    "circled": ("circled letters", "圈字"),
    "combining": ("marks above letters", "附加符号"),
    "compat": ("look-alike forms", "兼容字形"),
    "confusable": ("letters that look alike", "形近字母"),
    "digit_form": ("digits of another form", "异形数字"),
    "emoji": ("emoji read aloud", "表情谐读"),
    "fullwidth": ("full-width letters", "全角字符"),
    "gap": ("gaps inside a word", "插入间隔"),
    "math": ("mathematical letters", "数学字母"),
    "pinyin": ("pinyin", "拼音"),
    "repeat": ("repeated characters", "叠字"),
    "split_msg": ("sent in pieces", "分条发送"),
    "trad": ("traditional characters", "繁体字"),
    "zero_width": ("invisible characters", "零宽字符"),
}
_FLAGS = {
    "time_unknown": ("time unknown", "时间未知"),
    "unknown_type": ("unknown type", "类型未知"),
    "quoted_reply": ("quoted reply", "引用回复"),
}
_TYPES = {
    "text": "文本",
    "revoke": "撤回",
    "image": "图片",
    "voice": "语音",
    "video": "视频",
    "file": "文件",
    "link": "链接",
    "card": "名片",
    "mixed": "混合消息",
    "customer_added": "添加客户",
    "customer_deleted": "删除客户",
    "customer_transferred": "转移客户",
    "login_new_device": "新设备登录",
    "login_secondary_device": "副设备登录",
}
_WOULD = {
    "true": ("would have fired", "准时则会告警", "bold red"),
    "changed": ("would have changed alerts", "会改变告警", "yellow"),
    "false": ("no difference", "无影响", ""),
    "unknown": ("cannot be told", "无从判断", ""),
    "": ("not asked then", "当时未判断", "dim"),
}
_ACTIONS = {"replayed": "已重放", "fixed": "已修复", "dropped": "已丢弃", "opened": "已查看原文"}
_UNITS = ((86_400_000, "d", "天"), (3_600_000, "h", "小时"), (60_000, "m", "分"))
_JOINER = "\u200d"
_JOINED = ("So", "Sk", "Mn", "Me")  # what a joiner may glue into one picture: emoji, skin, marks
_BLANK = "\u115f\u1160\u3164\uffa0\u2800\u034f"  # letters and marks without a shape
_BREAKS = {"\n": "↵", "\r": "", "\t": " "}


def level(response: int) -> Text:
    """The response level in its colour."""
    en, zh, colour = RESPONSES.get(response, (str(response), str(response), "bold red"))
    return Text(say(en, zh), colour)


def colour(response: int) -> str:
    """The colour of a response level."""
    return RESPONSES.get(response, ("", "", "bold red"))[2]


def severity(code: str) -> str:
    """Sigma's level."""
    return say(code, SEVERITIES.get(code, code))


def kind(code: str) -> str:
    """What somebody is: employee, customer, …"""
    return say(code, _KINDS.get(code, code))


def status(code: str) -> str:
    """Whether more may change an alert."""
    return say(code, _STATUSES.get(code, code))


def variant(code: str) -> str:
    """How a text was disguised."""
    return say(*_VARIANTS.get(code, (code, code)))


def flag(code: str) -> str:
    """What a decoder or the job noted about a record."""
    return say(*_FLAGS.get(code, (code, code)))


def message_type(code: str) -> str:
    """What kind of message or event."""
    return say(code, _TYPES.get(code, code))


def action(code: str) -> str:
    """What somebody did with a quarantined record."""
    return say(code, _ACTIONS.get(code, code))


def would(code: str) -> Text:
    """What a late record would have done in time."""
    en, zh, style = _WOULD.get(code, (code, code, ""))
    return Text(say(en, zh), style)


def how_long(milliseconds: int) -> str:
    """A length of time in its two largest units, "1d 1h"; below a minute in seconds."""
    rest, parts = milliseconds, list[tuple[str, str]]()
    for size, en, zh in _UNITS:
        number, rest = divmod(rest, size)
        if number or parts:
            parts.append((f"{number}{en}", f"{number} {zh}") if number else ("", ""))
    seconds = f"{rest // 1000}" if parts else f"{rest / 1000:g}"
    if seconds != "0" or not parts:
        parts.append((f"{seconds}s", f"{seconds} 秒"))
    shown = [part for part in parts[:2] if part[0]]
    return say(" ".join(en for en, _ in shown), " ".join(zh for _, zh in shown))


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with every character shown that a terminal hides or obeys, as ⟨U+200B⟩.

    A joiner inside an emoji stays. Line breaks become ↵, or stay when `lines`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(text, at, lines) for at in range(len(text)))


def _shown(text: str, at: int, lines: bool) -> str:
    char = text[at]
    if char in _BREAKS:
        return char if lines and char == "\n" else _BREAKS[char]
    hidden = unicodedata.category(char) in ("Cf", "Cc", "Co", "Cs", "Zl", "Zp") or char in _BLANK
    if not hidden:
        return char
    if char == _JOINER and 0 < at < len(text) - 1:
        around = (unicodedata.category(text[at - 1]), unicodedata.category(text[at + 1]))
        if around[0] in _JOINED and around[1] == "So":
            return char
    return f"⟨U+{ord(char):04X}⟩"
