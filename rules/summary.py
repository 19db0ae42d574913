"""The one sentence that an alert is told in, and what a list shows of a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rules.alert import Hit
from rules.items import Item
from rules.mask import mask, mask_id
from rules.message import Message

MAX_NAMED = 3
MAX_VALUE = 200  # characters of one value in a summary; ids may be of any length
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
SUMMARY_WORDS = (
    "actor", "customers", "count", "minutes", "distinct", "values", "excerpt", "type",
)  # fmt: skip
_WORD = re.compile(r"\{(" + "|".join(SUMMARY_WORDS) + r")\}")
DEFAULT_SUMMARY = "{actor} 对 {customers}：{excerpt}"


def shown_text(message: Message) -> str:
    """What a list shows of a message: its words, else what it is about."""
    if message.text:
        return message.text
    for name in ("file.name", "link.title", "link.url", "location.address", "customer"):
        if value := message.fields.get(name):
            return f"[{message.type}] {value}"
    return f"[{message.type}]"


def sentence(
    template: str,
    last: Message,
    customers: tuple[str, ...],
    members: Sequence[Item],
    hits: tuple[Hit, ...],
    timespan: int,
) -> str:
    """The summary: placeholders filled in, nothing else interpreted; masked as a whole."""

    def value(word: str) -> str:
        match word:
            case "actor":
                return mask_id(last.sender) or "（来源未注明操作人）"
            case "customers":
                named = "、".join(map(mask_id, customers[:MAX_NAMED]))
                if len(customers) > MAX_NAMED:
                    named += f" 等 {len(customers)} 位客户"
                return named or last.room or "内部会话"
            case "count":
                return str(len(members))
            case "minutes":
                return str(timespan // 60_000)
            case "distinct":
                return str(len(customers))
            case "values":
                return str(len({item.value for item in members}))
            case "excerpt":
                return hits[-1].excerpt if hits else mask(shown_text(last))[:60]
        return last.type

    parts = _parts_of(template or DEFAULT_SUMMARY)
    return "".join(value(part)[:MAX_VALUE] if at % 2 else part for at, part in enumerate(parts))


@lru_cache(maxsize=1 << 12)
def _parts_of(template: str) -> tuple[str, ...]:
    """A summary taken apart: text and word of `SUMMARY_WORDS` by turns."""
    return tuple(_WORD.split(template))
