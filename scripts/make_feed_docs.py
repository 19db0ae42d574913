"""Writes docs/feeds.md anew from rules/feeds/*.yaml: `python scripts/make_feed_docs.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rules.feeds import Feed, feeds  # noqa: E402

PAGE = ROOT / "docs" / "feeds.md"
HEAD = """# Feeds · 数据来源

A feed is where records come from. A rule names the feeds it needs under `mingjian.requires`; while
one of them is not connected, `mingjian rules list` shows the rule as waiting: it is loaded and
tested, and cannot fire. Events of the feeds below are read as they come, in the envelope of
[data-formats.md](data-formats.md): whoever connects such a system writes these events. The
payload's key `stage` of feed `crm` is the field `crm.stage` in rules.

数据来源是记录的出处。规则用 `mingjian.requires` 写明所需的来源；来源未接入时，`mingjian rules list`
把规则列为“等待”：已加载、已测试，但不会告警。下列事件按[数据格式](data-formats.md)的信封写入即可被
识别，来源 `crm` 的负载键 `stage` 在规则里写作 `crm.stage`。

Every such payload may also hold · 每个负载还可以有：

| key · 键 | field · 规则字段 | |
| --- | --- | --- |
| `userid` | `sender` | the employee who acted · 操作的员工 |
| `external_userid` | `customer` | the customer · 客户 |
| `roomid` | `room` | |
| `msgid` | `ref.msgid` | the message it is about · 所指的消息 |
| `text` | `text` | words that were read (image, speech, file) · 识别出的文字 |
| `from`, `tolist` | `sender`, `recipients` | parties of the message it is in · 收发方 |

Types: `text` (ids too), `number`, `time` (UTC ms or seconds), `flag` (`true`, `false`), `texts` (a
list).
"""


def page() -> str:
    """The whole page."""
    connected = [feed for feed in feeds().values() if feed.connected]
    waiting = [feed for feed in feeds().values() if not feed.connected]
    return "\n".join(
        [
            HEAD,
            "## Connected in this version · 本版本已接入",
            "",
            "| feed | |",
            "| --- | --- |",
            *(f"| `{feed.name}` | {_title(feed)} |" for feed in connected),
            "",
            "## Not connected yet · 尚未接入",
            "",
            "| feed | event `type` | fields · 字段 |",
            "| --- | --- | --- |",
            *(row for feed in waiting for row in _rows(feed)),
            "",
        ]
    )


def _title(feed: Feed) -> str:
    return f"{feed.title['en']} · {feed.title['zh']}"


def _rows(feed: Feed) -> list[str]:
    rows = []
    for number, event in enumerate(feed.events):
        head = f"`{feed.name}`: {_title(feed)}" if number == 0 else ""
        fields = ", ".join(f"`{feed.name}.{key}` {kind}" for key, kind in event.fields.items())
        rows.append(
            f"| {head} | `{event.type}`: {event.title['en']} · {event.title['zh']} | {fields} |"
        )
    return rows


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
