"""One record → what the conversation view shows of it: a bubble, a card or a system line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from reports.case import Item
from reports.masking import mask_hits
from reports.pieces import Piece, pieces, plain
from reports.redaction import OTHERS
from reports.words import Words

# type -> (badge of one character, name in English, in Chinese)
KINDS = {
    "text": ("文", "text", "文本"), "markdown": ("文", "Markdown", "Markdown"),
    "mixed": ("混", "text and pictures", "图文混合"), "image": ("图", "picture", "图片"),
    "voice": ("音", "voice", "语音"), "video": ("视", "video", "视频"),
    "emotion": ("表", "sticker", "表情"), "file": ("件", "file", "文件"),
    "qydiskfile": ("盘", "drive file", "微盘文件"),
    "voip_doc_share": ("件", "file shared in a call", "通话共享文件"),
    "link": ("链", "link", "链接"), "news": ("链", "article link", "图文链接"),
    "weapp": ("程", "mini program", "小程序"), "sphfeed": ("号", "channel post", "视频号"),
    "card": ("片", "contact card", "名片"), "location": ("位", "location", "位置"),
    "redpacket": ("红", "red packet", "红包"), "external_redpacket": ("红", "red packet", "红包"),
    "meeting": ("会", "meeting", "会议"),
    "meeting_notification": ("会", "meeting notice", "会议通知"),
    "calendar": ("历", "calendar", "日程"), "meeting_voice_call": ("话", "voice call", "语音通话"),
    "voiptext": ("话", "call", "通话"), "collect": ("表", "form", "填表"),
    "vote": ("投", "vote", "投票"), "todo": ("办", "to-do", "待办"),
    "chatrecord": ("转", "forwarded chat", "转发的聊天记录"),
    "docmsg": ("档", "online document", "在线文档"), "solitaire": ("龙", "sign-up list", "接龙"),
    "note": ("记", "note", "笔记"),
}  # fmt: skip
SYSTEM = {
    "agree": ("agreed to archiving", "同意会话存档"),
    "disagree": ("did not agree to archiving", "不同意会话存档"),
    "switch": ("switched the company log", "切换了企业日志状态"),
}
# field of a message -> label on its card
LABELS = {
    "file.name": ("name", "名称"), "file.size": ("size", "大小"), "file.md5": ("md5", "md5"),
    "media.md5": ("md5", "md5"), "media.size": ("size", "大小"),
    "media.seconds": ("length", "时长"),
    "link.title": ("title", "标题"), "link.url": ("address", "网址"),
    "weapp.username": ("mini program", "小程序"), "sph.name": ("channel", "视频号"),
    "card.userid": ("card of", "名片"), "card.corpname": ("from", "来自"),
    "location.address": ("address", "地址"), "location.latitude": ("latitude", "纬度"),
    "location.longitude": ("longitude", "经度"), "redpacket.amount": ("amount", "金额"),
    "redpacket.count": ("packets", "个数"), "meeting.id": ("meeting", "会议号"),
    "call.seconds": ("length", "时长"), "call.type": ("kind", "方式"),
    "doc.creator": ("made by", "创建人"), "vote.id": ("vote", "投票号"),
}  # fmt: skip
_WORDS = ("text", "markdown")
# of a bubble, mm: the most, a character of 9.2 pt, brackets around a code point, what is around it
_WIDEST, _EM, _BRACKETS, _AROUND = 112.0, 3.25, 4.0, 7.0
_CALLS = {
    1: ("video, two people", "单人视频"), 2: ("voice, two people", "单人语音"),
    3: ("video, several people", "多人视频"), 4: ("voice, several people", "多人语音"),
}  # fmt: skip


class Bubble(NamedTuple):
    """What the template draws. `side` is right, left or line (`reports.people.People.right`)."""

    number: int
    role: str
    side: str
    who: str
    kind: str
    badge: str
    card: bool  # not words alone
    time: int
    text: list[Piece]
    quoted: list[Piece]
    rows: list[tuple[str, list[Piece]]]
    reasons: list[str]
    colleague: bool
    recalled_at: int
    line: str
    unknown_time: bool
    withheld: bool
    width: float  # of the bubble, mm; 0: as wide as there is room


def bubble(
    item: Item,
    hits: list[dict[str, Any]],
    recalled_at: int,
    who: str,
    words: Words,
    reason: Callable[[str], str],
    *,
    right: bool,
    colleague: bool,
    unmask: bool,
) -> Bubble:
    """The view of one archived message.

    Args:
        hits: the alert's hits in this message.
        recalled_at: when it was recalled, 0 if it was not (or not within the pack).
        who: display name of the sender.
        words: of the report's language.
        reason: what to call a condition that a hit meets, by its pattern.
        right, colleague: where it stands, and whether it is of staff whom this is not about.
    """
    message = item.message
    kind = kind_name(message.type, words)
    badge = words(kind[:1].upper(), KINDS.get(message.type, ("？",))[0])
    withheld = any(hole.what == OTHERS for hole in item.holes)
    own = [hit for hit in hits if hit["field"] in ("text", "quoted")]
    text = pieces(message.text, [h for h in own if h["field"] == "text"], unmask=unmask)
    quoted = pieces(message.quoted, [h for h in own if h["field"] == "quoted"], unmask=unmask)
    rows = []
    for name, label in LABELS.items():
        value = message.field(name)
        told = name == "link.title" and str(value) in message.text
        if value not in (None, "", []) and not told and not withheld:
            shown = _shown(name, value, words)
            of_field = [hit for hit in hits if hit["field"] == name] if shown == value else []
            whole = unmask or name.endswith(".md5")  # a digest is nobody's number
            rows.append((words.of(label), pieces(shown, of_field, unmask=whole)))
    line = ""
    if message.type == "revoke":
        line = words(f"{who} recalled a message", f"{who} 撤回了一条消息")
    elif message.type in SYSTEM:
        line = f"{who} {words.of(SYSTEM[message.type])}"
    found = [hit["pattern"] for hit in hits if hit in own or hit["field"] in LABELS]
    return Bubble(
        number=item.number,
        role=item.role,
        side="line" if line else "right" if right else "left",
        who=who,
        kind=kind,
        badge=badge,
        card=message.type not in _WORDS,
        time=message.time,
        text=[] if withheld else text,
        quoted=[] if withheld else quoted,
        rows=rows,
        reasons=[reason(one) for one in dict.fromkeys(found)],
        colleague=colleague,
        recalled_at=recalled_at,
        line=line,
        unknown_time="time_unknown" in message.flags,
        withheld=withheld,
        width=0 if withheld else _width(text, quoted, rows),
    )


def _width(text: list[Piece], quoted: list[Piece], rows: list[tuple[str, list[Piece]]]) -> float:
    """Room for the longest line, mm. To let the layout find it out takes it three attempts at each
    bubble, a fifth of all its time."""
    texts = ["".join(piece.text for piece in one) for one in (text, quoted)]
    texts += [label + "".join(piece.text for piece in row) for label, row in rows]
    lines = (line for one in texts for line in one.split("\n"))
    longest = max((sum(map(_em, line)) for line in lines), default=0.0)
    codes = sum(piece.code for piece in (*text, *quoted))
    return round(min(_WIDEST, longest * _EM + codes * _BRACKETS + _AROUND), 1)


def _em(character: str) -> float:
    """How wide a character is drawn, in the size of the type: rather too wide than too narrow."""
    return 1.0 if east_asian_width(character) in "WFA" else 0.62


def kind_name(kind: str, words: Words) -> str:
    """What people call a type of message."""
    return words.of(KINDS[kind][1:] if kind in KINDS else None, words(f"unknown type {kind}",
                    f"未知类型 {kind}"))  # fmt: skip


def _shown(name: str, value: Any, words: Words) -> str:
    if name.endswith(".size"):
        return words(f"{value:,} bytes", f"{value:,} 字节")
    if name.endswith(".seconds"):
        return words(f"{value} s", f"{value} 秒")
    if name == "redpacket.amount":
        return words(f"CNY {value / 100:.2f}", f"{value / 100:.2f} 元")
    if name == "call.type":
        return words.of(_CALLS.get(value), str(value))
    return str(value)


def summary(
    item: Item, words: Words, hits: list[dict[str, Any]], *, unmask: bool, limit: int = 60
) -> list[Piece]:
    """One line of a message for tables."""
    message = item.message
    if message.type == "revoke":
        return plain(words("recalled a message", "撤回一条消息"))
    if any(hole.what == OTHERS for hole in item.holes):
        return plain(words("(content taken out)", "（内容已遮盖）"))
    kind = words(f"[{kind_name(message.type, words)}]", f"［{kind_name(message.type, words)}］")
    said = message.text or str(message.field("file.name") or message.field("link.title") or "")
    if not unmask:  # before it is cut, or half a number would pass as a short one
        of_text = [hit for hit in hits if hit["field"] == "text"] if message.text else []
        said = mask_hits(said, of_text)
    said = " ".join(said.split())
    full = plain(said if len(said) <= limit else said[:limit] + "…", unmask=True)
    return full if message.type == "text" else [Piece(kind), *full]
