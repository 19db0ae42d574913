"""One pass over a text for the patterns of all rules: Hyperscan, or an RE2 set elsewhere.

Both say only which patterns occur; where, and whether the rule holds, is settled afterwards for
the few messages that fire. Both are linear-time, so no rule can hang the stream.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import re2

try:
    import hyperscan
except ImportError:  # not an x86 machine
    _HYPERSCAN = False
else:
    _HYPERSCAN = True


_PLAIN = re.compile(r"(?:[^\\.^$*+?()\[\]{}|]|\\[^A-Za-z0-9])+", re.S)


class Scanner(Protocol):
    """Finds which of its patterns occur in a text."""

    def scan(self, text: bytes) -> list[int]:
        """Indexes of the patterns that occur in valid UTF-8 `text`, each once, any order."""


class HyperscanScanner:
    """Intel Hyperscan, block mode, one report a pattern."""

    def __init__(self, patterns: Sequence[str]) -> None:
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
            flags=[flags] * len(patterns),
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

    def __init__(self, patterns: Sequence[str], by_re2: Sequence[int]) -> None:
        others = set(by_re2)
        self._fast = [index for index in range(len(patterns)) if index not in others]
        self._slow = list(by_re2)
        self._first = HyperscanScanner([patterns[i] for i in self._fast]) if self._fast else None
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
    except hyperscan.error:
        return PairScanner(patterns, [i for i, one in enumerate(patterns) if not _fast(one)])


def is_plain(pattern: str) -> bool:
    """Is the pattern a text that stands for itself?"""
    return _PLAIN.fullmatch(pattern) is not None


def _fast(pattern: str) -> bool:
    if is_plain(pattern):  # thousands of words: only the rest has to be tried
        return True
    try:
        HyperscanScanner([pattern])
    except hyperscan.error:
        return False
    return True
