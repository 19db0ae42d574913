"""What an author meant by a value that is written in Chinese, or in another case: 高, 二级, 是."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rules.nearest import nearest

_LEVELS = {
    "informational": "提示 信息 info notice",
    "low": "低 低级 轻微 轻",
    "medium": "中 中级 一般 中等 mid moderate warning",
    "high": "高 高级 重要 重大",
    "critical": "严重 紧急 极高 特别重大 urgent severe fatal",
}
_LEVEL_OF = {word: level for level, words in _LEVELS.items() for word in words.split()}
_FLAGS = {"是": "true", "对": "true", "真": "true", "否": "false", "不": "false", "假": "false"}
_DIGITS = {char: str(value) for value, char in enumerate("零一二三四五六七八九")} | {
    "无": "0",
    "两": "2",
}
_NUMBER = re.compile(r"第?([0-9]{1,4}|[零一二三四五六七八九无两])[级条次个]?")


def level_meant(written: Any, levels: Sequence[str]) -> str:
    """The level, "" when nobody knows."""
    word = str(written).strip(" “”‘’\"'").casefold()
    return _LEVEL_OF.get(word, "") or nearest(word, levels)


def flag_meant(written: Any) -> str:
    """true or false."""
    return _FLAGS.get(str(written).strip(), "")


def number_meant(written: Any) -> str:
    """A whole number, of 二级 or "2"."""
    found = _NUMBER.fullmatch(str(written).strip()) if isinstance(written, str) else None
    return _DIGITS.get(found[1], found[1]) if found else ""


_VALUES = {
    "employee": "员工 职员 staff user",
    "customer": "客户 client external",
    "bot": "机器人 robot",
    "system": "系统",
    "outbound": "外发 发出 对外 发给客户 out outgoing",
    "inbound": "收到 客户发来 来自客户 in incoming",
    "internal": "内部 同事",
    "text": "文本 文字",
    "image": "图片 照片 picture photo img",
    "voice": "语音 录音 audio",
    "video": "视频",
    "file": "文件 附件 attachment",
    "link": "链接 网址 url",
    "revoke": "撤回 recall recalled",
    "card": "名片",
    "location": "位置 定位",
    "redpacket": "红包",
    "weapp": "小程序",
    "emotion": "表情 表情包 emoji sticker",
    "news": "图文",
    "customer_added": "添加客户",
    "customer_deleted": "删除客户",
}
_VALUE_OF = {word: value for value, words in _VALUES.items() for word in words.split()}


def value_meant(written: str, known: Iterable[str]) -> str:
    """One of the known values of a field, by its Chinese or another name; "" when nobody knows."""
    value = _VALUE_OF.get(written.strip(" “”‘’").casefold(), "")
    return value if value in known else ""


_WORDS = {
    "before": "之前 以前 前 事前 此前 前面 先前 消息之前 earlier prior",
    "after": "之后 以后 后 事后 此后 随后 后面 消息之后 later",
    "around": "前后 左右 周围 两边 两侧 双向 both either",
    "sliding": "滑动 滑动窗口 rolling hopping",
    "tumbling": "滚动 滚动窗口 翻滚 翻滚窗口 固定 固定窗口 fixed",
    "session": "会话 会话窗口",
    "first": "首次 首条 第一次 第一条 一次 仅一次 once",
    "every": "每次 每条 每一次 逐条 全部 all each always",
    "exclude": "排除 不计 忽略 不计入 ignore skip",
    "group": "归组 合并 一组 归为一组 together include",
    "ignore": "忽略 不计 不算 exclude",
    "alert": "告警 报警 算 计入",
    "final": "已定 最终 确定",
    "speculative": "待定 立即 立刻 马上 实时 immediate immediately realtime",
}


def word_meant(written: Any, words: Iterable[str]) -> str:
    """One of the words a key takes, by its Chinese or another name, else the nearest; "" when
    nobody knows."""
    known = list(words)
    said = str(written).strip(" “”‘’\"'").casefold()
    named = (word for word in known if word == said or said in _WORDS.get(word, "").split())
    return next(named, "") or nearest(said, known)
