"""A YAML file as entries with their comments, so that it can be laid out anew without losing any.

PyYAML tells where every node stands; what lies between its tokens are blanks and comments. A
comment on a line of its own belongs to the entry below it (or, when it stands further right than
that entry, to the one above); a comment behind something belongs to that.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_COMMENT = re.compile(r"#[^\n]*")


@dataclass
class Scalar:
    """A text, number, date or null: `raw` as written, quotation marks included, `value` read."""

    raw: str
    value: str
    plain: bool
    block: bool  # written with | or >


@dataclass
class Collection:
    """A mapping (its entries have keys) or a sequence."""

    mapping: bool
    entries: list[Entry]
    flow: bool
    start: int
    end: int


@dataclass
class Entry:
    """A pair of a mapping or an item of a sequence.

    Args:
        key: of a pair, as written; "" for an item.
        name: of a pair, as read; "" for an item.
        value: what stands there.
        start, line, column: where it begins (code points, from 0).
        blank: does a blank line stand before it (and its comments)?
        lead: comments on lines above it.
        trail: the comment behind it, "" for none.
        after: comments on lines below all of it.
    """

    key: str
    name: str
    value: Scalar | Collection
    start: int
    line: int
    column: int
    flow: tuple[tuple[int, int], ...] = ()  # spans of the flow collections it stands in
    blank: bool = False
    lead: list[str] = field(default_factory=list)
    trail: str = ""
    after: list[str] = field(default_factory=list)


@dataclass
class Sheet:
    """One document: `head` and `foot` are comments above and below everything."""

    root: Scalar | Collection
    head: list[str] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)


def read_sheets(text: str) -> list[Sheet]:
    """The documents of a file that is known to be valid YAML without aliases.

    Raises:
        ValueError: a key that is no scalar.
    """
    loader = yaml.SafeLoader(text)
    sheets: list[Sheet] = []
    spans: list[tuple[int, int]] = []
    try:
        while loader.check_node():
            node: Any = loader.get_node()
            sheets.append(Sheet(_built(node, text, ())))
            spans.append((node.start_mark.index, node.end_mark.index))
    finally:
        loader.dispose()
    _Comments(text, sheets, spans).attach()
    return sheets


def _built(node: Any, text: str, flow: tuple[tuple[int, int], ...]) -> Scalar | Collection:
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        raw = text[start:end]
        block = node.style in ("|", ">")
        return Scalar(raw if block else raw.rstrip(), node.value, node.style is None, block)
    is_flow = bool(node.flow_style)
    inside = (*flow, (start, end)) if is_flow else flow
    column = node.start_mark.column
    entries = []
    for child in node.value:
        if isinstance(child, tuple):
            key, value = child
            if not isinstance(key, yaml.ScalarNode) or "\n" in key.value:
                message = f"a key that is no plain text, in line {key.start_mark.line + 1}"
                raise ValueError(message)
            written = text[key.start_mark.index : key.end_mark.index].strip()
            mark, shown = key.start_mark, key.start_mark.column
        else:
            key, value, written, mark = None, child, "", child.start_mark
            shown = mark.column if is_flow else column
        entries.append(
            Entry(
                written,
                key.value if key else "",
                _built(value, text, inside),
                mark.index,
                mark.line,
                shown,
                inside,
            )
        )
    return Collection(isinstance(node, yaml.MappingNode), entries, is_flow, start, end)


@dataclass
class _Comment:
    text: str
    start: int
    line: int
    column: int
    alone: bool
    blank: bool  # a blank line stands before it


class _Comments:
    """Finds the comments of a file and gives each to an entry."""

    def __init__(self, text: str, sheets: list[Sheet], spans: list[tuple[int, int]]) -> None:
        self._text = text
        self._sheets = sheets
        self._starts = [start for start, _ in spans]
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._entries = [list(_walk(sheet.root)) for sheet in sheets]
        self._separators: list[int] = []

    def attach(self) -> None:
        """Every comment, in order."""
        comments = list(self._found())
        for comment in comments:
            self._give(comment)
        for entries in self._entries:
            for _, entry in entries:
                entry.blank = self._blank_before(entry, comments)

    def _found(self) -> Iterator[_Comment]:
        """Comments are what begins with # between two tokens."""
        done = 0
        for token in yaml.scan(self._text, Loader=yaml.SafeLoader):
            yield from self._between(done, token.start_mark.index)
            if isinstance(token, yaml.DocumentStartToken):
                self._separators.append(token.start_mark.index)
            done = max(done, token.end_mark.index)
        yield from self._between(done, len(self._text))

    def _between(self, start: int, end: int) -> Iterator[_Comment]:
        for match in _COMMENT.finditer(self._text, start, end):
            line = self._line(match.start())
            before = self._text[self._lines[line] : match.start()]
            alone = not before.strip() or before.startswith("---")
            blank = line > 0 and not self._row(line - 1).strip()
            shown = match[0].rstrip()
            yield _Comment(shown, match.start(), line, len(before), alone, blank)

    def _line(self, index: int) -> int:
        return bisect_right(self._lines, index) - 1

    def _row(self, line: int) -> str:
        end = self._lines[line + 1] if line + 1 < len(self._lines) else len(self._text)
        return self._text[self._lines[line] : end]

    def _give(self, comment: _Comment) -> None:
        number = bisect_right(self._separators, comment.start)
        if len(self._separators) < len(self._sheets):  # the first document has no --- above
            number += 1
        number = min(max(number - 1, 0), len(self._sheets) - 1)
        if not self._sheets:
            return
        sheet, entries = self._sheets[number], self._entries[number]
        shown = ["", comment.text] if comment.blank and comment.alone else [comment.text]
        if not entries or comment.start < entries[0][1].start:
            sheet.head += shown if sheet.head else [comment.text]
            return
        if not comment.alone:
            self._behind(comment, entries)
            return
        following = next((one for _, one in entries if one.start > comment.start), None)
        chain = self._chain(comment, entries)
        inner = [entry for entry in chain if self._open(entry, comment)]
        if inner and (following is None or not self._open(following, comment)):
            inner[-1].after += shown  # before the bracket that closes
        elif following is None and comment.column == 0:
            sheet.foot += shown
        elif following is not None and comment.column <= following.column:
            following.lead += shown if following.lead else [comment.text]
            following.blank = comment.blank
        elif following is not None and self._open(following, comment):
            following.lead += shown if following.lead else [comment.text]
        else:
            fitting = [entry for entry in chain if entry.column <= comment.column]
            (fitting or chain)[-1].after += shown

    def _chain(self, comment: _Comment, entries: list[tuple[int, Entry]]) -> list[Entry]:
        """The last entry that began before the comment, and those around it, outermost first."""
        chain: list[Entry] = []
        for depth, entry in entries:
            if entry.start > comment.start:
                break
            chain = [*chain[:depth], entry]
        return chain

    @staticmethod
    def _open(entry: Entry, comment: _Comment) -> bool:
        """Does the entry stand in a flow collection that is not closed where the comment is?"""
        return bool(entry.flow) and all(a < comment.start < b for a, b in entry.flow)

    def _behind(self, comment: _Comment, entries: list[tuple[int, Entry]]) -> None:
        """The last entry that began before the comment, none of a bracket that is closed."""
        fitting = [
            entry
            for _, entry in entries
            if entry.start < comment.start and all(a < comment.start < b for a, b in entry.flow)
        ]
        owner = fitting[-1]
        if owner.trail:
            owner.lead.append(comment.text)
        else:
            owner.trail = comment.text

    def _blank_before(self, entry: Entry, comments: list[_Comment]) -> bool:
        """Is there a blank line above the entry, or above its comments?"""
        above = entry.line > 0 and not self._row(entry.line - 1).strip()
        if entry.lead:
            entry.lead += [""] if above else []
            own = [one for one in comments if one.text == entry.lead[0] and one.start < entry.start]
            return own[-1].blank if own else False
        return above


def _walk(node: Scalar | Collection, depth: int = 0) -> Iterator[tuple[int, Entry]]:
    """(depth, entry) of all entries in order, outer ones first."""
    if isinstance(node, Collection):
        for entry in node.entries:
            yield depth, entry
            yield from _walk(entry.value, depth + 1)
