"""One JSON event while it is judged: fields by dotted names, and what a value says as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class Event:
    """A JSON object. `time` is its time in ms since 1970 when known, for filters that expire."""

    __slots__ = ("_values", "fields", "time")

    def __init__(self, fields: Mapping[str, Any], time: int | None = None) -> None:
        self.fields = fields
        self.time = time
        self._values: dict[str, list[Any]] | None = None

    def values(self, name: str) -> list[Any]:
        """All values of a field: the elements of a list one by one; none when it is absent.

        An object counts as a value too (it exists), an empty list as one that equals nothing.
        """
        known = self._values
        if known is None:
            known = self._values = {}
        found = known.get(name)
        if found is None:
            found = known[name] = list(_find(self.fields, name))
        return found

    def text(self, name: str) -> str | None:
        """A field as correlations compare it: its text; of a list with several values, all of
        them."""
        value = self.fields.get(name)
        if value.__class__ is str:  # most are
            return value
        texts = [as_text(value) for value in self.values(name)]
        if len(texts) == 1:
            return texts[0]
        return json.dumps(texts, ensure_ascii=False) if any(t is not None for t in texts) else None

    def said(self) -> str:
        """All that `texts` has, with line breaks between, with case folded."""
        texts: list[str] = []
        for value in self.fields.values():
            if value.__class__ is str:  # most are
                texts.append(value)
            else:
                texts.extend(_leaves(value))
        return "\n".join(texts).casefold()

    def texts(self) -> Iterator[str]:
        """Every text, number and truth value anywhere in the event, for keyword searches."""
        return _leaves(self.fields)


def _find(value: Any, path: str) -> Iterator[Any]:
    """Values at a dotted path. A key that has dots itself goes before a nested one; lists are
    gone through, unless the path gives a position (`hosts.0.name`)."""
    if isinstance(value, list):
        head, _, tail = path.partition(".")
        if head.isascii() and head.isdigit():
            if int(head) < len(value):
                yield from _find(value[int(head)], tail) if tail else _spread(value[int(head)])
            return
        for one in _spread(value):
            if isinstance(one, dict):
                yield from _find(one, path)
    elif isinstance(value, dict):
        if path in value:
            yield from _spread(value[path])
            return
        end = path.rfind(".")
        while end > 0:
            if path[:end] in value:
                yield from _find(value[path[:end]], path[end + 1 :])
                return
            end = path.rfind(".", 0, end)


def _spread(value: Any) -> Iterator[Any]:
    """The elements of lists in lists, in order, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list) and one:
            waiting.extend(reversed(one))
        else:
            yield one


def _leaves(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif (text := as_text(one)) is not None:
            yield text


def as_text(value: Any) -> str | None:
    """What a value says as text; None for null, objects and lists.

    A number is written the shortest way (`42.0` as `42`), so that 42 and "42" are equal.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else None
