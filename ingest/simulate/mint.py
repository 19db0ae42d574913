"""Records before they are numbered: ids, receive lag and the JSON around a payload.

A record is a plain tuple, because millions are made: (time, order, key, received_at, type,
is_event, tail). Tuples of one run sort by time and then by `order`, which is unique; `tail` is
the JSON after the head that `line` adds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring
from random import Random
from typing import Any, NamedTuple

import orjson

NO_ROOM = frozenset({"meeting_voice_call", "voip_doc_share"})  # types without `roomid`

Item = tuple[int, int, str, int, str, bool, str]

_ODD = 0x9E3779B97F4A7C15  # odd: order -> id is a bijection of 64 bits, so ids never collide
_MASK = (1 << 64) - 1
STREAMS = 4

quote = encode_basestring  # one JSON string, Chinese left as it is


class Speaker(NamedTuple):
    """One side of a conversation. `tolist` is the JSON list of those who receive."""

    id: str
    name: str
    employee: bool
    tolist: str


class Setting(NamedTuple):
    """Where a conversation takes place. `speakers` by the letters of talk.yaml."""

    kind: str
    key: str
    room: str
    external: bool
    speakers: dict[str, Speaker]
    names: dict[str, str]
    bot: Speaker | None = None


class Mint:
    """Makes records of one stream.

    Args:
        seed, stream: streams of one run differ in `stream` (0..3) and never share an id.
    """

    def __init__(self, seed: int, stream: int, tenant: str) -> None:
        self._random = Random(f"mint:{seed}:{stream}").random
        self._shift = Random(f"ids:{seed}").getrandbits(64)
        self._order = stream
        self.tenant = tenant

    def _next(self) -> tuple[int, int]:
        self._order += STREAMS
        return self._order, (self._order * _ODD + self._shift) & _MASK

    def message(
        self, time: int, speaker: Speaker, setting: Setting, kind: str, fragment: str
    ) -> tuple[Item, str]:
        """A message and its msgid. `fragment` is the JSON after `msgtime`."""
        order, number = self._next()
        tag = "_external" if setting.external else ""
        msgid = f"{number}_{time // 1000}{tag}"
        action = "recall" if kind == "revoke" else "send"
        place = "" if kind in NO_ROOM else f'"roomid":"{setting.room}",'
        tail = (
            f'"payload":{{"msgid":"{msgid}","action":"{action}","from":"{speaker.id}",'
            f'"tolist":{speaker.tolist},{place}"msgtime":{time},{fragment}}}}}\n'
        )
        received = time + 500 + int(self._random() * 7500)
        return (time, order, setting.key, received, kind, False, tail), msgid

    def switch(self, time: int, userid: str) -> Item:
        """`switch`: the one message without type, sender and recipients."""
        order, number = self._next()
        msgid = f"{number}_{time // 1000}"
        payload = f'{{"msgid":"{msgid}","action":"switch","time":{time},"user":"{userid}"}}'
        received = time + 500 + int(self._random() * 7500)
        return (time, order, userid, received, "switch", False, f'"payload":{payload}}}\n')

    def event(
        self, time: int, actor: str, source: str, kind: str, payload: dict[str, Any]
    ) -> tuple[Item, str]:
        """A side event and its id. `actor` is the partition key; it may be empty."""
        order, number = self._next()
        event_id = f"{_PREFIX[source]}-{time:x}-{number:016x}"  # runs of other days have other ids
        tail = (
            f'"seq":0,"id":"{event_id}","source":"{source}","type":"{kind}",'
            f'"payload":{orjson.dumps(payload).decode()}}}\n'
        )
        received = time + 500 + int(self._random() * 7500)
        return (time, order, actor, received, kind, True, tail), event_id


_PREFIX = {
    "callback": "cb",
    "transfer_audit": "ta",
    "member_oper_log": "mo",
    "admin_oper_log": "ao",
    "file_oper_record": "fo",
    "screen_oper_record": "so",
    "drive_callback": "dc",
    "own_audit": "oa",
}


def line(item: Item, tenant: str, seq: int) -> str:
    """The record as one line of JSON; `seq` is used by messages only."""
    time, _, _, received, _, is_event, tail = item
    if is_event:
        return (
            f'{{"v":1,"kind":"event","time":{time},"received_at":{received},'
            f'"tenant":"{tenant}",{tail}'
        )
    return (
        f'{{"v":1,"kind":"archive","time":{time},"received_at":{received},'
        f'"tenant":"{tenant}","seq":{seq},{tail}'
    )


def in_order(groups: Iterable[tuple[int, list[Item]]]) -> Iterator[Item]:
    """Items of overlapping groups by time, holding only the groups that are open.

    `groups` yields (start, items) with starts that never go back and no item before its start.
    """
    heap: list[Item] = []
    for start, items in groups:
        while heap and heap[0][0] < start:
            yield heapq.heappop(heap)
        for item in items:
            heapq.heappush(heap, item)
    while heap:
        yield heapq.heappop(heap)
