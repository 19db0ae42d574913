"""The language of a report: every phrase stands beside its twin, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reports.case import EN
from rules.plural import plural


class Words(NamedTuple):
    """Chooses between twins."""

    language: str

    def __call__(self, en: str, zh: str) -> str:
        """The one in the report's language."""
        return en if self.language == EN else zh

    def of(self, twins: tuple[str, str] | None, other: str = "") -> str:
        """The same of (English, Chinese); `other` where there are none."""
        return self(*twins) if twins else other

    def many(self, count: int, one: str, zh: str, more: str = "") -> str:
        """ "1 member", "2 members"; `more` where an s does not make the plural; `zh` has a %d."""
        return self(plural(count, one, more), zh % count)

    def disguises(self, names: Iterable[str]) -> str:
        """How a text was disguised (`rules.variant_names`), one after another."""
        return self.listed([self.of(DISGUISES.get(name), name) for name in names])

    def listed(self, names: list[str]) -> str:
        """Names one after another."""
        return self(", ", "、").join(names)


# (English, Chinese)
LEVELS = {
    0: ("No level", "未定级"),
    1: ("Level 1 · record", "一级 · 记录"),
    2: ("Level 2 · alert in real time", "二级 · 实时告警"),
    3: ("Level 3 · emergency", "三级 · 紧急"),
}
SEVERITIES = {
    "informational": ("informational", "提示"),
    "low": ("low", "低"),
    "medium": ("medium", "中"),
    "high": ("high", "高"),
    "critical": ("critical", "严重"),
}
STATES = {
    "post_hoc": ("Found afterwards", "事后发现"),
    "delegated": ("Left to WeCom to intercept", "已委托企业微信拦截"),
    "enforced": ("Intercepted by this system", "已由本系统拦截"),
}
# the same of many alerts, each a sentence in front of a number
STATE_COUNTS = {
    "post_hoc": (
        "found after it was said or done, when nothing could be stopped any more:",
        "会话送达或行为发生之后才发现，已无从拦截：",
    ),
    "delegated": (
        "left to a rule of WeCom's own to intercept (whether it did, WeCom's records say):",
        "已委托企业微信的规则拦截（是否拦截以企业微信记录为准）：",
    ),
    "enforced": ("stopped by this system before it was sent:", "发出前已由本系统拦截："),
}
STATE_TEXTS = {
    "post_hoc": (
        "WeCom hands records over after a message was delivered or a thing was done, so this system"
        " cannot stop it; all that is listed here has happened.",
        "企业微信在消息送达、行为发生之后才提供记录，系统无法事先拦截；本案所列均已发生。",
    ),
    "delegated": (
        "A rule of interception is set in WeCom; whether it stopped the message is for WeCom's"
        " records to say, this system sees the archived copy.",
        "已在企业微信中设置拦截规则；是否实际拦截以企业微信的记录为准，本系统看到的是存档副本。",
    ),
    "enforced": (
        "The message went through this system's channel and was stopped before it was sent.",
        "消息经由本系统通道发送，在发出前已被拦截。",
    ),
}
ROLES = {
    "member": ("match", "命中"),
    "context": ("context", "上下文"),
    "event": ("act", "行为"),
    "period": ("period", "往来"),
}
PARTIES = {
    "employee": ("employee", "员工"),
    "customer": ("customer", "客户"),
    "bot": ("robot", "机器人"),
    "system": ("system", "系统"),
}
DISGUISES = {
    "chaizi": ("characters taken apart", "拆字"),
    "chinese_digit": ("numbers in characters", "汉字数字"),
    "circled": ("circled characters", "带圈字符"),
    "combining": ("added marks", "附加符号"),
    "compat": ("compatibility forms", "兼容字形"),
    "confusable": ("look-alike characters", "形近字符"),
    "digit_form": ("other forms of digits", "数字异体"),
    "emoji": ("emoji read as words", "表情"),
    "fullwidth": ("full-width characters", "全角字符"),
    "gap": ("separated by signs", "符号分隔"),
    "math": ("mathematical letters", "数学字母"),
    "pinyin": ("pinyin or homophones", "拼音或谐音"),
    "repeat": ("repeated characters", "重复字符"),
    "split_msg": ("sent in pieces", "分条发送"),
    "trad": ("traditional characters", "繁体字"),
    "zero_width": ("invisible characters", "隐形字符"),
}
FIELDS = {
    "text": ("text", "正文"),
    "quoted": ("quoted text", "引用"),
    "file.name": ("file name", "文件名"),
    "link.title": ("link title", "链接标题"),
    "link.url": ("link", "链接"),
    "card.corpname": ("contact card", "名片"),
    "sph.name": ("channel", "视频号"),
}
