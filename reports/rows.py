"""Rows of the report's tables, worked out from a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reports import devices
from reports.anchor import Anchored
from reports.bubbles import bubble, summary
from reports.case import EVENT, MEMBER, Bundle, Item, moment
from reports.device_table import device_row
from reports.matches import Matches, found_words
from reports.people import People
from reports.pieces import plain
from reports.words import FIELDS, ROLES, Words
from rules.alert import FINAL, RETRACTED, sm3_raw
from rules.speculation import RETRACTIONS

_MOST_TO = 3  # receivers named in a row
Hits = dict[str, list[dict[str, Any]]]  # by message id


def hits_of(alerts: Iterable[dict[str, Any]]) -> Hits:
    """The hits of these alerts, each once."""
    found: Hits = {}
    for alert in alerts:
        for hit in alert.get("hits") or ():
            own = found.setdefault(hit["msgid"], [])
            if hit not in own:
                own.append(hit)
    return found


class Rows:
    """Makes rows in the report's language."""

    def __init__(self, bundle: Bundle, people: People, words: Words, matches: Matches) -> None:
        self._bundle, self._people, self._words = bundle, people, words
        self._matches = matches
        self._unmask = bundle.request.unmask
        margin = bundle.request.margin
        self._near = [(one["first_time"] - margin, one["time"] + margin) for one in bundle.alerts]

    def near(self, item: Item) -> bool:
        """Whether a record lies near one of the alerts."""
        return any(start <= item.message.time <= end for start, end in self._near)

    def standing(self, alert: dict[str, Any]) -> str:
        """Whether the alert is settled; of one taken back why, and what stands instead."""
        say = self._words
        if alert["status"] == FINAL:
            return say("final", "最终")
        if alert["status"] != RETRACTED:
            return say("provisional, later records may change it", "暂定，可能随后续记录更新")
        reason = say.of(RETRACTIONS.get(alert.get("retraction", "")))
        instead = alert.get("replaced_by", "")
        told = say(f" ({instead})", f"（{instead}）") if instead else ""
        return say(f"taken back: {reason}{told}", f"已撤回：{reason}{told}")

    def hits(self, hits: Hits, items: Sequence[Item], digest: str) -> list[dict[str, Any]]:
        """A row for each hit, in the order of the records; `digest` is that of the rule."""
        say = self._words
        return [
            {
                "number": item.number,
                "time": item.message.time,
                "who": self._people.name(item.message.sender),
                "found": found_words(item, hit, unmask=self._unmask),
                "condition": self._matches.condition(digest, hit["pattern"]),
                "field": say.of(FIELDS.get(hit["field"]), hit["field"]),
                "span": f"{hit['start'] + 1}–{hit['end']}",
                "excerpt": plain(hit["excerpt"]),
                "variant": say.disguises(hit.get("variant") or ()),
                "confidence": hit.get("confidence", 0),
            }
            for item in items
            for hit in hits.get(item.message.msgid, ())
        ]

    def conversations(self, items: Sequence[Item], hits: Hits) -> list[dict[str, Any]]:
        """Each conversation with what was said in it, by day."""
        recalled = {
            str(item.message.field("revoke.pre_msgid")): item.message.time
            for item in self._bundle.items
            if item.message.type == "revoke"
        }
        found: dict[str, list[Item]] = {}
        for item in items:
            if item.message.kind == "archive":
                found.setdefault(item.message.conversation or "—", []).append(item)
        return [
            {
                "id": name,
                "title": self._people.conversation(name),
                "sides": self._people.legend(name),
                "days": self._days(own, hits, recalled),
                "members": sum(item.role == MEMBER for item in own),
                "others": sum(item.role != MEMBER for item in own),
            }
            for name, own in found.items()
        ]

    def _days(
        self, items: Sequence[Item], hits: Hits, recalled: dict[str, int]
    ) -> list[tuple[str, list[Any]]]:
        days: dict[str, list[Any]] = {}
        form = self._words("%Y-%m-%d", "%Y年%m月%d日")
        for item in items:
            message = item.message
            shown = bubble(
                item, hits.get(message.msgid, []), recalled.get(message.msgid, 0),
                self._people.name(message.sender), self._words, self._matches.short,
                right=self._people.right(message),
                colleague=self._people.colleague(message), unmask=self._unmask,
            )  # fmt: skip
            days.setdefault(moment(message.time, form), []).append(shown)
        return list(days.items())

    def timeline(self, items: Sequence[Item], hits: Hits) -> list[dict[str, Any]]:
        """Members, recalls and deeds near the case; other context is in the conversation."""
        rows = []
        for item in items:
            message = item.message
            near = self.near(item) and (item.role == EVENT or message.type == "revoke")
            if item.role != MEMBER and not near:
                continue
            to = self._words.listed(
                [self._people.name(one) for one in message.recipients[:_MOST_TO]]
            )
            if (count := len(message.recipients)) > _MOST_TO:
                to += self._words(f" and {count - _MOST_TO} more", f" 等 {count} 人")
            rows.append(
                {
                    "number": item.number,
                    "time": message.time,
                    "role": item.role,
                    "role_text": self._words.of(ROLES[item.role]),
                    "who": self._who(item),
                    "to": to,
                    "what": plain(self._deed_text(item))
                    if message.kind == "event"
                    else summary(
                        item, self._words, hits.get(message.msgid, []), unmask=self._unmask
                    ),
                }
            )
        return rows

    def deeds(self, items: Sequence[Item]) -> list[dict[str, Any]]:
        """Recorded acts."""
        return [
            {
                "number": item.number,
                "time": item.message.time,
                "role": item.role,
                "who": self._who(item),
                "what": plain(self._deed_text(item)),
                "source": self._source(str(item.message.field("event.source") or "")),
            }
            for item in items
            if item.message.kind == "event"
        ]

    def devices(self) -> list[dict[str, Any]]:
        """Device and network facts."""
        return [
            device_row(row, self._bundle, self._people, self._words) for row in self._bundle.devices
        ]

    def digests(self, items: Sequence[Item], ledger: Anchored | None) -> list[dict[str, Any]]:
        """Digest and place of each record."""
        rows = []
        for item in items:
            place = item.position
            leaf = ledger.leaves.get(item.number) if ledger else None
            if leaf is not None:
                where = self._words(f"ledger {leaf}", f"账本 {leaf}")
            elif place.source.startswith("kafka"):
                where = f"{place.partition}/{place.offset}"
            else:
                where = self._words(f"line {place.line}", f"行 {place.line}") if place.line else "—"
            rows.append(
                {
                    "number": item.number,
                    "role": item.role,
                    "msgid": item.message.msgid,
                    "size": len(item.record),
                    "where": where,
                    # with the digest of all of it, what was taken out could be guessed
                    "sm3": "" if item.holes else sm3_raw(item.record),
                }
            )
        return rows

    def _who(self, item: Item) -> str:
        name = self._people.name(item.message.sender)
        return name or self._words("(the source does not say)", "（来源未载明）")

    def _source(self, name: str) -> str:
        return self._words.of(devices.SOURCES.get(name), name)

    def _deed_text(self, item: Item) -> str:
        message, say = item.message, self._words
        parts = [say.of(devices.TYPES.get(message.type), message.type)]
        if told := devices.detail(message, chinese=say.language == "zh"):
            parts.append(told)
        for name, label in (
            ("customer", say("customer", "客户")),
            ("event.takeover", say("to", "接替")),
            ("file.name", say("file", "文件")),
        ):
            value = message.field(name)
            if value:
                shown = str(value) if name == "file.name" else self._people.name(str(value))
                parts.append(shown if shown.startswith(label) else f"{label} {shown}")
        return say(", ", "，").join(parts)
