"""Feeds: where records come from, and the events of systems beside WeCom (`rules/feeds/*.yaml`).

    name: crm
    title: {en: customer relations system, zh: 客户关系系统}
    connected: false              # is there a collector for it in this version?
    events:
      crm_opportunity:
        title: {en: an opportunity changed, zh: 商机变化}
        fields: {stage: text, amount: number}

An event of a type listed there is read generically: the payload's `stage` becomes the field
`crm.stage`. Every such payload may also hold the keys of `COMMON`. A rule says which feeds it needs
(`mingjian.requires`), so that a rule that cannot fire yet is shown as waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rules.parties import between, who
from rules.reading import ident, number, put, strings, text, to_millis, whole
from rules.side_events import Deed
from rules.yaml_source import Document, load_documents

FEEDS = Path(__file__).parent / "feeds"
Json = dict[str, Any]
_P = "payload"
# payload key -> rule field, in every event of a feed
COMMON = {"external_userid": "customer", "msgid": "ref.msgid"}


def _flag(owner: Json, key: str, _path: str) -> str | None:
    value = owner.get(key)
    return None if value is None else str(bool(value)).lower()


def _time(owner: Json, key: str, path: str) -> int | None:
    return to_millis(whole(owner, key, path))


_READ: Mapping[str, Callable[[Json, str, str], Any]] = {
    "text": ident,
    "number": number,
    "time": _time,
    "flag": _flag,
    "texts": strings,
}


@dataclass(frozen=True)
class FeedEvent:
    """One type of event: its feed, its title, and payload key -> type of value."""

    feed: str
    type: str
    title: Mapping[str, str]
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Feed:
    """A source of records. `connected`: this version has a collector or accepts it as it comes."""

    name: str
    title: Mapping[str, str]
    connected: bool
    events: tuple[FeedEvent, ...]


@cache
def feeds() -> Mapping[str, Feed]:
    """The shipped feeds by name.

    Raises:
        RuleError: a broken feed file.
    """
    found = {}
    for file in sorted(FEEDS.glob("*.yaml")):
        feed = _feed(load_documents(f"feeds/{file.name}", file.read_text(encoding="utf-8"))[0])
        found[feed.name] = feed
    return found


def missing_feeds(required: Iterable[str], connected: Iterable[str] = ()) -> list[str]:
    """Which of the required feeds nobody has connected; `connected` besides the shipped ones."""
    own = set(connected)
    return [name for name in required if not feeds()[name].connected and name not in own]


@cache
def events() -> Mapping[str, FeedEvent]:
    """Every event type of every feed."""
    return {event.type: event for feed in feeds().values() for event in feed.events}


@cache
def fields() -> frozenset[str]:
    """Names of all fields that events of feeds can have."""
    named = {f"{one.feed}.{key}" for one in events().values() for key in one.fields}
    return frozenset(named | set(COMMON.values()))


def deed(kind: str, payload: Json) -> Deed | None:
    """What an event of type `kind` says; None when no feed has such events.

    Raises:
        RecordError: `wrong_type` for a value of another type than the feed's file says.
    """
    event = events().get(kind)
    if event is None:
        return None
    common = ((name, ident(payload, key, _P)) for key, name in COMMON.items())
    found: Json = {name: value for name, value in common if value}
    for key, written in event.fields.items():
        put(found, **{f"{event.feed}__{key}": _READ[written](payload, key, _P)})
    words, room = text(payload, "text", _P), ident(payload, "roomid", _P)
    sender = ident(payload, "from", _P)
    if not sender:
        return Deed(ident(payload, "userid", _P), found, room, text=words)
    recipients = tuple(one.strip() for one in strings(payload, "tolist", _P))
    sender_kind, direction = who(sender, recipients, "")
    talk = room or between(sender, recipients)
    return Deed(sender, found, room, sender_kind, words, recipients, talk, direction)


def _feed(document: Document) -> Feed:
    document.only((), ("name", "title", "connected", "events"))
    value = document.value
    for key in ("name", "title", "connected"):
        if key not in value:
            raise document.error((), f"'{key}' is missing", f"缺少“{key}”", code="MJ726")
    found = []
    for kind, event in (value.get("events") or {}).items():
        at = ("events", str(kind))
        document.only(at, ("title", "fields"))
        kinds = event.get("fields") or {}
        for key, written in kinds.items():
            if written not in _READ:
                raise document.error(
                    (*at, "fields", str(key)),
                    f"no type '{written}'",
                    f"没有类型“{written}”",
                    fix_en=f"there are: {', '.join(_READ)}",
                    fix_zh=f"现有：{'、'.join(_READ)}",
                    code="MJ727",
                )
        found.append(FeedEvent(value["name"], str(kind), event.get("title") or {}, kinds))
    return Feed(value["name"], value["title"], bool(value["connected"]), tuple(found))
