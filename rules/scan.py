"""One pass over a text for the patterns of all rules: Hyperscan, or an RE2 set elsewhere.

Both say only which patterns occur; where, and whether the rule holds, is settled afterwards for
the few messages that fire. Both are linear-time, so no rule can hang the stream.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import re2

try:
    import hyperscan
except ImportError:  # not an x86 machine
    _HYPERSCAN = False
else:
    _HYPERSCAN = True


class Scanner(Protocol):
    """Finds which of its patterns occur in a text."""

    def scan(self, text: bytes) -> list[int]:
        """Indexes of the patterns that occur in valid UTF-8 `text`, each once, any order."""


class HyperscanScanner:
    """Intel Hyperscan, block mode, one report a pattern. The patterns of the indexes `loosely` may
    be reported where they do not occur: what is too large for it as it is."""

    def __init__(self, patterns: Sequence[str], loosely: Collection[int] = ()) -> None:
        flags = (
            hyperscan.HS_FLAG_CASELESS
            | hyperscan.HS_FLAG_UTF8
            | hyperscan.HS_FLAG_SINGLEMATCH
            | hyperscan.HS_FLAG_ALLOWEMPTY
        )
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[pattern.encode() for pattern in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[
                flags | (hyperscan.HS_FLAG_PREFILTER if at in loosely else 0)
                for at in range(len(patterns))
            ],
        )
        self._scan = self._database.scan

    def scan(self, text: bytes) -> list[int]:
        """See Scanner."""
        found: list[int] = []
        self._scan(text, _collect, context=found)
        return found


def _collect(pattern: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(pattern)


class Re2Scanner:
    """Google RE2's set matcher: the same answers on every processor."""

    def __init__(self, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def scan(self, text: bytes) -> list[int]:
        """See Scanner."""
        found: list[int] | None = self._set.Match(text.decode())
        return found or []  # it says None when nothing occurs


class NothingScanner:
    """For rule sets without any text pattern."""

    def scan(self, text: bytes) -> list[int]:
        """Nothing, ever."""
        return []


class PairScanner:
    """Hyperscan, and RE2 for the few patterns that Hyperscan does not take."""

    def __init__(
        self, patterns: Sequence[str], by_re2: Sequence[int], loosely: Collection[int] = ()
    ) -> None:
        others = set(by_re2)
        self._fast = [index for index in range(len(patterns)) if index not in others]
        self._slow = list(by_re2)
        loose = {at for at, index in enumerate(self._fast) if index in loosely}
        kept = [patterns[i] for i in self._fast]
        self._first = HyperscanScanner(kept, loose) if self._fast else None
        self._second = Re2Scanner([patterns[i] for i in self._slow])

    def scan(self, text: bytes) -> list[int]:
        """See Scanner."""
        found = [self._slow[index] for index in self._second.scan(text)]
        if self._first is not None:
            found += [self._fast[index] for index in self._first.scan(text)]
        return found


def scanner(patterns: Sequence[str]) -> Scanner:
    """The fastest scanner this machine runs. Patterns are those that RE2 compiles."""
    if not patterns:
        return NothingScanner()
    if not _HYPERSCAN:
        return Re2Scanner(patterns)
    try:
        return HyperscanScanner(patterns)
    except hyperscan.error:  # one of them is too large
        doubtful = [at for at, one in enumerate(patterns) if not is_plain(one)]
    refused = [] if _takes([patterns[at] for at in doubtful]) else _refused(patterns, doubtful)
    loosely = [at for at in refused if _takes([patterns[at]], loosely=(0,))]
    by_re2 = [at for at in refused if at not in loosely]
    if by_re2:
        return PairScanner(patterns, by_re2, loosely)
    return HyperscanScanner(patterns, loosely)


# Words, and alternatives of words: what Hyperscan always takes.
_words = re.compile(r"(?:[^\\.^$*+?()\[\]{}]|\\[^0-9A-Za-z])*").fullmatch


def is_plain(pattern: str) -> bool:
    """Is the pattern a text that stands for itself, or several such?"""
    return _words(pattern) is not None


def _refused(patterns: Sequence[str], among: Sequence[int]) -> list[int]:
    """Which of the patterns Hyperscan does not take; these, together, it does not."""
    if len(among) <= 1:
        return list(among)
    half = len(among) // 2
    halves = [part for part in (among[:half], among[half:]) if part]
    return [
        at for part in halves if not _takes([patterns[i] for i in part])
        for at in _refused(patterns, part)
    ]  # fmt: skip


def _takes(patterns: Sequence[str], loosely: Collection[int] = ()) -> bool:
    if not patterns:
        return True
    try:
        HyperscanScanner(patterns, loosely)
    except hyperscan.error:
        return False
    return True
