"""One YAML document with positions, and the errors that are told at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from rules.errors import RuleError
from rules.nearest import by_nearness, listed, nearest, only_near
from rules.refused import Refused, UnknownName
from rules.yaml_hints import mistyped
from rules.yaml_place import Start, place_of


class Places(NamedTuple):
    """Where each key path of a document stands (line and column from 1), and more (`Document`)."""

    marks: dict[tuple[str, ...], tuple[int, int]]
    quoted: set[tuple[str, ...]]
    starts: dict[tuple[str, ...], Start]
    odd: dict[tuple[str, ...], str]


def nowhere() -> Places:
    """Of a document without anything."""
    return Places({}, set(), {}, {})


@dataclass(frozen=True)
class Document:
    """One YAML document: its value, and where each key path stands (line and column from 1).

    `quoted` are the paths of texts in quotation marks: what stands there was meant. `text` is that
    of the file, `starts` says where in it each single value begins, `odd` how numbers are written
    that YAML reads otherwise than people do (1:30, 0x1, 010).

    Args:
        line: where in the file it begins, from 1: it tells equal documents of one file apart.
        look: finds the places when the first of them is asked for; most documents have no errors.
    """

    path: str
    value: Any
    text: str = ""
    line: int = 1
    look: Callable[[], Places] = field(default=nowhere, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[Document], tuple[str, Any, str, int]]:
        """Where everything stands is for who reads the file."""
        return Document, (self.path, self.value, self.text, self.line)

    @cached_property
    def _places(self) -> Places:
        return self.look()

    @property
    def marks(self) -> dict[tuple[str, ...], tuple[int, int]]:
        """Where each key path stands."""
        return self._places.marks

    @property
    def quoted(self) -> set[tuple[str, ...]]:
        """Paths of texts in quotation marks."""
        return self._places.quoted

    @property
    def starts(self) -> dict[tuple[str, ...], Start]:
        """Where each single value begins."""
        return self._places.starts

    @property
    def odd(self) -> dict[tuple[str, ...], str]:
        """How numbers are written that YAML reads otherwise than people do."""
        return self._places.odd

    def error(
        self,
        at: tuple[str, ...],
        en: str,
        zh: str,
        *,
        fix_en: str = "",
        fix_zh: str = "",
        code: str = "",
        offset: int | None = None,
        in_key: int = 0,
    ) -> RuleError:
        """A RuleError at a key path, or at the nearest enclosing one that has a position: at
        character `in_key` of the key, or `offset` of the value, the first of which is 0."""
        part = at
        while at and at not in self.marks:
            at = at[:-1]
        line, column = self.place(at, offset if at == part else None)
        column += in_key if offset is None and at == part else 0
        error = RuleError(
            en,
            zh,
            path=self.path,
            line=line,
            column=column,
            fix_en=fix_en,
            fix_zh=fix_zh,
            code=code,
        )
        error.document, error.at, error.key = self, part, self.place(at)
        return error

    def place(self, at: tuple[str, ...], offset: int | None = None) -> tuple[int, int]:
        """Line and column of a key path; with `offset`, of that character of its value."""
        start = self.starts.get(at)
        if offset is None or start is None:
            return self.marks.get(at, (1, 1))
        found = self.at(at)
        if found is None:  # nothing stands there
            return self.marks.get(at, (1, 1))
        return place_of(self.text, start, found if isinstance(found, str) else "", offset)

    def at(self, path: tuple[str, ...]) -> Any:
        """What stands at a key path; None when nothing does."""
        node = self.value
        for step in path:
            if isinstance(node, dict):
                node = next((item for key, item in node.items() if str(key) == step), None)
            elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                return None
        return node

    def explained(self, at: tuple[str, ...], error: Refused | UnknownName) -> RuleError:
        """What a part of a rule refuses, at the word that is wrong, with the nearest right name."""
        at, offset, in_key = self._word(at, error)
        if isinstance(error, Refused):
            return self.error(
                at,
                error.en,
                error.zh,
                fix_en=error.fix_en,
                fix_zh=error.fix_zh,
                code=error.code,
                offset=offset,
            )
        near = error.meant or nearest(error.name, error.known)
        known = by_nearness(error.name, error.known)
        en, zh = f"there are: {listed(known)}", f"现有：{listed(known, '、')}"
        if not error.known:
            en, zh = "there is none at all", "目前一个也没有"
        made = self.error(
            at,
            error.en,
            error.zh,
            fix_en=f"did you mean '{near}'?" if near else en,
            fix_zh=f"是不是“{near}”？" if near else zh,
            code=error.code,
            offset=offset,
            in_key=in_key,
        )
        better = only_near(error.name, error.known)
        if better and better[1] == near:
            made.better = better
        return made

    def _word(
        self, at: tuple[str, ...], error: Refused | UnknownName
    ) -> tuple[tuple[str, ...], int | None, int]:
        """(path, offset in the value or None, offset in the key) of what the error is about."""
        if error.offset is not None or isinstance(error, Refused):
            return at, error.offset, 0
        key = at[-1] if at else ""
        if error.name in key.split("|"):
            return at, None, f"|{key}|".index(f"|{error.name}|")
        found = self.at(at)
        if isinstance(found, list) and error.name in map(str, found):
            return (*at, str([*map(str, found)].index(error.name))), 0, 0
        shown = str(found) if isinstance(found, str | int | float) else ""
        return at, shown.index(error.name) if error.name in shown else None, 0

    def only(self, at: tuple[str, ...], known: Iterable[str], *, code: str = "MJ101") -> None:
        """Raise for the first key under `at` that is not known, naming the nearest right word."""
        for error in self.unknown(at, known, code=code):
            raise error

    def unknown(
        self, at: tuple[str, ...], known: Iterable[str], *, code: str = "MJ101"
    ) -> Iterator[RuleError]:
        """An error for each key under `at` that is not known."""
        node = self.value
        for step in at:
            node = node[int(step)] if isinstance(node, list) else node[step]
        names = list(known)
        for key in node:
            if key not in names:
                yield self._unknown((*at, str(key)), str(key), names, code)

    def _unknown(self, at: tuple[str, ...], key: str, names: list[str], code: str) -> RuleError:
        if hint := mistyped(key, 0):
            return self.error(
                at, hint.en, hint.zh, fix_en=hint.fix_en, fix_zh=hint.fix_zh, code=hint.code
            )
        near = nearest(key, names)
        names = by_nearness(key, names)
        error = self.error(
            at,
            f"unknown key '{key}'",
            f"未知的键“{key}”",
            fix_en=f"did you mean '{near}'?" if near else f"known: {listed(names)}",
            fix_zh=f"是不是“{near}”？" if near else f"可用：{listed(names, '、')}",
            code=code,
        )
        error.better = only_near(key, names)
        return error
