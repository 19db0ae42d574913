"""The text of a regular expression that RE2 takes -> a tree, with the place of every part.

Only as much of the syntax as is needed to know which characters a part may be and in which order
parts stand. What is not known here makes `parse` give up, never guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PARTS = 4_000  # after counts such as {3,5} are written out


@dataclass(frozen=True)
class Chars:
    """One character: `source` is RE2's text for it, with the flags that hold there."""

    source: str
    flags: str
    start: int
    literal: str = ""  # the character, where it stands for itself


@dataclass(frozen=True)
class Edge:
    """A place between characters: `kind` is text_start, line_start, text_end, line_end, word or
    not_word."""

    kind: str
    source: str
    start: int


@dataclass(frozen=True)
class Row:
    """Parts one behind the other."""

    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Either:
    """One of these."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Many:
    """A part so many times; `most` None is without end."""

    part: Part
    least: int
    most: int | None


Part = Chars | Edge | Row | Either | Many


class _Unknown(Exception):
    """Syntax that is not read here."""


_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_GROUP = re.compile(r"\(\?(?:P?<\w+>|(?P<on>[imsU]*)(?:-(?P<off>[imsU]+))?(?P<end>[:)]))")
_ESCAPE = re.compile(
    r"\\(?:x\{[0-9A-Fa-f]+\}|x[0-9A-Fa-f]{2}|[pP](?:\{\^?\w+\}|\w)|[0-7]{1,3}|[^0-9])", re.S
)
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{\^?\w+\}|\\.|[^\]\\])*\]", re.S)
_EDGES = {r"\b": "word", r"\B": "not_word", r"\A": "text_start", r"\z": "text_end"}
_CONTROL = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_SETS = "dDwWsSpPC"


def parse(source: str, flags: str) -> Part | None:
    """The tree; None when it holds something that is not read here.

    Args:
        source: a pattern that RE2 takes.
        flags: those of i, m, s that hold from the beginning.
    """
    reader = _Reader(source, frozenset(flags))
    try:
        found = reader.alternatives()
    except (_Unknown, RecursionError):
        return None
    return found if reader.at == len(source) else None


class _Reader:
    def __init__(self, source: str, flags: frozenset[str]) -> None:
        self.source, self.at, self.flags, self.parts = source, 0, flags, 0

    def alternatives(self) -> Part:
        """Up to the bracket that closes the group, or the end."""
        before = self.flags
        rows = [self.row()]
        while self.source[self.at : self.at + 1] == "|":
            self.at += 1
            rows.append(self.row())
        self.flags = before
        return rows[0] if len(rows) == 1 else Either(tuple(rows))

    def row(self) -> Part:
        parts: list[Part] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            if self.source.startswith("\\Q", self.at):
                parts += self.quoted()
                continue
            found = self.single()
            if found is not None:
                parts.append(self.counted(found))
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def counted(self, part: Part) -> Part:
        while self.at < len(self.source):
            sign = self.source[self.at]
            if sign in "*+?":
                self.at += 1
                part = Many(part, int(sign == "+"), 1 if sign == "?" else None)
            elif match := _COUNT.match(self.source, self.at):
                self.at = match.end()
                least = int(match[1])
                part = Many(part, least, int(match[3]) if match[3] else None if match[2] else least)
                self.parts += size(part)
            else:
                break
            if self.source[self.at : self.at + 1] == "?":  # lazy: finds the same texts
                self.at += 1
        if self.parts > MAX_PARTS:
            raise _Unknown
        return part

    def quoted(self) -> list[Part]:
        end = self.source.find("\\E", self.at)
        first, last = self.at + 2, end if end >= 0 else len(self.source)
        self.at = last + 2 if end >= 0 else last
        found: list[Part] = [self.literal(self.source[n], n) for n in range(first, last)]
        if found:
            found[-1] = self.counted(found[-1])
        return found

    def literal(self, char: str, start: int) -> Chars:
        return Chars(f"\\x{{{ord(char):x}}}", self.said(), start, char)

    def said(self) -> str:
        return "".join(sorted(self.flags & {"i", "s"}))

    def single(self) -> Part | None:
        self.parts += 1
        start, char = self.at, self.source[self.at]
        if char == "(":
            return self.group()
        if char == "[":
            return self.taken(_CLASS)
        if char == "\\":
            return self.escaped()
        self.at += 1
        if char == "^":
            return Edge("line_start" if "m" in self.flags else "text_start", char, start)
        if char == "$":
            return Edge("line_end" if "m" in self.flags else "text_end", char, start)
        if char == ".":
            return Chars(char, self.said(), start)
        if char in "*+?":
            raise _Unknown
        return self.literal(char, start)

    def taken(self, form: re.Pattern[str]) -> Chars:
        match = form.match(self.source, self.at)
        if match is None:
            raise _Unknown
        start, self.at = self.at, match.end()
        return Chars(match[0], self.said(), start)

    def escaped(self) -> Part:
        start = self.at
        found = self.taken(_ESCAPE)
        if found.source in _EDGES:
            return Edge(_EDGES[found.source], found.source, start)
        sign, rest = found.source[1], found.source[2:]
        if sign in _SETS:
            return found
        if sign == "x":
            return self.literal(chr(int(rest.strip("{}"), 16)), start)
        if sign.isdigit():
            return self.literal(chr(int(found.source[1:], 8)), start)
        if sign in _CONTROL:
            return self.literal(_CONTROL[sign], start)
        if sign.isalnum() and sign.isascii():
            raise _Unknown
        return self.literal(sign, start)

    def group(self) -> Part | None:
        """None for flags that hold from here on: `(?i)`."""
        before = self.flags
        match = _GROUP.match(self.source, self.at)
        if match:
            self.at = match.end()
            if match["end"]:
                on, off = set(match["on"] or ""), set(match["off"] or "")
                self.flags = (self.flags | on) - off
                if match["end"] == ")":
                    return None
        elif self.source.startswith("(?", self.at):
            raise _Unknown
        else:
            self.at += 1
        found = self.alternatives()
        self.flags = before
        if self.source[self.at : self.at + 1] != ")":
            raise _Unknown
        self.at += 1
        return found


def size(part: Part) -> int:
    """Number of parts when counts are written out."""
    if isinstance(part, Row | Either):
        return 1 + sum(map(size, part.parts))
    if isinstance(part, Many):
        return size(part.part) * max(1, part.most or part.least)
    return 1


def leaves(part: Part) -> list[Chars | Edge]:
    """All characters and edges, in order."""
    if isinstance(part, Row | Either):
        return [leaf for one in part.parts for leaf in leaves(one)]
    return leaves(part.part) if isinstance(part, Many) else [part]


def replaced(part: Part, old: Part, new: Part) -> Part:
    """The same with `new` in place of its part `old`."""
    if part is old:
        return new
    if isinstance(part, Row):
        return Row(tuple(replaced(one, old, new) for one in part.parts))
    if isinstance(part, Either):
        return Either(tuple(replaced(one, old, new) for one in part.parts))
    if isinstance(part, Many):
        return Many(replaced(part.part, old, new), part.least, part.most)
    return part
