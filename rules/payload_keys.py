"""Keys of the payload of a test case that nothing reads, where another key was surely meant.

A real payload has keys that no field comes of, so a key that is not read is told only when it is
like one that was looked for and is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rules import archive, feeds, side_events
from rules.errors import RecordError
from rules.explain_words import Said
from rules.nearest import only_near


class Unread(NamedTuple):
    """A key that is ignored: `at` is its path below the message, `meant` the key that is read."""

    at: tuple[str, ...]
    meant: str

    def said(self, kind: str) -> Said:
        """In words, of a message or event of the type `kind`."""
        return Said(
            f"nothing reads '{self.at[-1]}' in the payload of {kind}: it is ignored",
            f"{kind} 的 payload 里没有谁读取“{self.at[-1]}”，写了也不起作用",
        )


class _Watched(dict[str, Any]):
    """A payload that notes which of its keys were looked for."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__({str(key): _watched(value) for key, value in given.items()})
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(str(key))
        return super().__contains__(key)

    def items(self) -> Any:
        self.asked.update(self)
        return super().items()


def _watched(value: Any) -> Any:
    if isinstance(value, dict):
        return _Watched(value)
    return [_watched(one) for one in value] if isinstance(value, list) else value


def unread_keys(message: Mapping[str, Any]) -> list[Unread]:
    """Of a message in the short notation of test cases."""
    payload = message.get("payload")
    if not isinstance(payload, dict):
        return []
    watched = _Watched(payload)
    try:
        if isinstance(kind := message.get("event"), str):
            side_events.deed(kind, watched) or feeds.deed(kind, watched)
        elif isinstance(kind := message.get("type"), str):
            archive.content(kind, {"msgtype": kind, str(message.get("key", kind)): watched})
    except RecordError:
        pass  # the case says so itself; what was looked for until then is known
    return list(_unread(watched, ("payload",)))


def _unread(watched: _Watched, at: tuple[str, ...]) -> Iterator[Unread]:
    keys = list(dict.keys(watched))
    lacking = watched.asked - set(keys)
    for key in keys:
        value = dict.get(watched, key)
        if key in watched.asked:
            for index, one in enumerate(value if isinstance(value, list) else ()):
                if isinstance(one, _Watched):
                    yield from _unread(one, (*at, key, str(index)))
            if isinstance(value, _Watched):
                yield from _unread(value, (*at, key))
        elif meant := _meant(key, lacking):
            yield Unread((*at, key), meant)


def _meant(key: str, lacking: set[str]) -> str:
    flat = _flat(key)
    same = [one for one in sorted(lacking) if _flat(one) == flat]
    if same:
        return same[0]
    near = only_near(key, lacking)
    return near[1] if near else ""


def _flat(key: str) -> str:
    return key.replace("_", "").replace("-", "").casefold()
