"""One record → what the conversation view shows of it: a bubble, a card or a system line."""

from __future__ import annotations

from typing import Any, NamedTuple

from reports.evidence import Item
from reports.masking import mask_numbers
from reports.pieces import Piece, patterns, pieces, plain

# type -> (badge of one character, name); the name is also what a reader of another tool would say
KINDS = {
    "text": ("文", "文本"), "markdown": ("文", "Markdown"), "mixed": ("混", "图文混合"),
    "image": ("图", "图片"), "voice": ("音", "语音"), "video": ("视", "视频"),
    "emotion": ("表", "表情"), "file": ("件", "文件"), "qydiskfile": ("盘", "微盘文件"),
    "voip_doc_share": ("件", "通话共享文件"), "link": ("链", "链接"), "news": ("链", "图文链接"),
    "weapp": ("程", "小程序"), "sphfeed": ("号", "视频号"), "card": ("片", "名片"),
    "location": ("位", "位置"), "redpacket": ("红", "红包"), "external_redpacket": ("红", "红包"),
    "meeting": ("会", "会议"), "meeting_notification": ("会", "会议通知"),
    "calendar": ("历", "日程"), "meeting_voice_call": ("话", "语音通话"),
    "voiptext": ("话", "通话"), "collect": ("表", "填表"), "vote": ("投", "投票"),
    "todo": ("办", "待办"), "chatrecord": ("转", "转发的聊天记录"), "docmsg": ("档", "在线文档"),
    "solitaire": ("龙", "接龙"), "note": ("记", "笔记"),
}  # fmt: skip
SYSTEM = {"agree": "同意会话存档", "disagree": "不同意会话存档", "switch": "切换了企业日志状态"}
# field of a message -> label on its card
LABELS = {
    "file.name": "名称", "file.size": "大小", "file.md5": "md5", "media.md5": "md5",
    "media.size": "大小", "media.seconds": "时长", "link.title": "标题", "link.url": "网址",
    "weapp.username": "小程序", "sph.name": "视频号", "card.userid": "名片",
    "card.corpname": "来自", "location.address": "地址", "location.latitude": "纬度",
    "location.longitude": "经度",
    "redpacket.amount": "金额", "redpacket.count": "个数", "meeting.id": "会议号",
    "call.seconds": "时长", "call.type": "方式", "doc.creator": "创建人", "vote.id": "投票号",
}  # fmt: skip
_CALLS = {1: "单人视频", 2: "单人语音", 3: "多人视频", 4: "多人语音"}


class Bubble(NamedTuple):
    """What the template draws. `side` is right (employee), left (customer, bot) or line."""

    number: int
    role: str
    side: str
    who: str
    kind: str
    badge: str
    time: int
    text: list[Piece]
    quoted: list[Piece]
    rows: list[tuple[str, list[Piece]]]
    patterns: list[str]
    recalled_at: int
    line: str
    unknown_time: bool


def bubble(
    item: Item, hits: list[dict[str, Any]], recalled_at: int, who: str, *, unmask: bool
) -> Bubble:
    """The view of one archived message.

    Args:
        hits: the alert's hits in this message.
        recalled_at: when it was recalled, 0 if it was not (or not within the pack).
        who: display name of the sender.
    """
    message = item.message
    badge, kind = KINDS.get(message.type, ("？", f"未知类型 {message.type}"))
    own = [hit for hit in hits if hit["field"] in ("text", "quoted")]
    text = pieces(message.text, [h for h in own if h["field"] == "text"], unmask=unmask)
    quoted = pieces(message.quoted, [h for h in own if h["field"] == "quoted"], unmask=unmask)
    rows = []
    for name, label in LABELS.items():
        value = message.field(name)
        told = name == "link.title" and str(value) in message.text
        if value not in (None, "", []) and not told:
            shown = _shown(name, value)
            of_field = [hit for hit in hits if hit["field"] == name] if shown == value else []
            rows.append((label, pieces(shown, of_field, unmask=unmask)))
    line = ""
    if message.type == "revoke":
        line = f"{who} 撤回了一条消息"
    elif message.type in SYSTEM:
        line = f"{who} {SYSTEM[message.type]}"
    named = [piece for _, row in rows for piece in row]
    left = message.sender_kind in ("customer", "bot")
    return Bubble(
        number=item.number,
        role=item.role,
        side="line" if line else "left" if left else "right",
        who=who,
        kind=kind,
        badge=badge,
        time=message.time,
        text=text,
        quoted=quoted,
        rows=rows,
        patterns=patterns([*text, *quoted, *named]),
        recalled_at=recalled_at,
        line=line,
        unknown_time="time_unknown" in message.flags,
    )


def _shown(name: str, value: Any) -> str:
    if name.endswith(".size"):
        return f"{value:,} 字节"
    if name.endswith(".seconds"):
        return f"{value} 秒"
    if name == "redpacket.amount":
        return f"{value / 100:.2f} 元"
    if name == "call.type":
        return _CALLS.get(value, str(value))
    return str(value)


def summary(item: Item, *, unmask: bool, limit: int = 60) -> list[Piece]:
    """One line of a message for tables."""
    message = item.message
    kind = KINDS.get(message.type, ("", message.type))[1]
    if message.type == "revoke":
        return plain("撤回一条消息")
    words = message.text or str(message.field("file.name") or message.field("link.title") or "")
    words = " ".join(words.split())
    if not unmask:
        words = mask_numbers(words)  # before it is cut, or half a number would pass as a short one
    full = plain(words if len(words) <= limit else words[:limit] + "…", unmask=True)
    return full if message.type == "text" else [Piece(f"［{kind}］"), *full]
