"""One pass over texts for the patterns of all rules: Hyperscan, or an RE2 set elsewhere.

Both say only which patterns occur; where, and whether the rule holds, is settled afterwards for
the few messages that fire. Both are linear-time, so no rule can hang the stream.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import accumulate
from typing import Any, Protocol

import re2

try:
    import hyperscan
except ImportError:  # not an x86 machine
    _HYPERSCAN = False
else:
    _HYPERSCAN = True
    _FLAGS = (
        hyperscan.HS_FLAG_CASELESS
        | hyperscan.HS_FLAG_UTF8
        | hyperscan.HS_FLAG_MULTILINE  # a line break may be the end of a text
        | hyperscan.HS_FLAG_ALLOWEMPTY
    )


_FORM = 2  # of how patterns become flags
_MOST = 4_000  # matches told of one pass, and one more for two bytes of text


class Scanner(Protocol):
    """Finds which of its patterns occur in each of some texts."""

    def scan(self, texts: Sequence[bytes]) -> dict[int, set[int]]:
        """{index of a text: indexes of the patterns that occur in it}, without texts in which none
        does. Texts are valid UTF-8."""


class Keep(Protocol):
    """Keeps compiled patterns beyond the process that compiled them."""

    def get(self, name: str) -> bytes | None:
        """What was kept under the name, None when nothing is."""

    def put(self, name: str, data: bytes) -> None:
        """Keep it, or not."""


class HyperscanScanner:
    """Intel Hyperscan, block mode, all texts in one pass. The patterns of the indexes `loosely` may
    be reported where they do not occur: what is too large for it as it is.

    The texts stand behind one another with line breaks between them. A pattern that occurs in one
    of them occurs there too; one that reaches over a line break, or begins at one within a text
    with `^`, is told where it need not occur, which wakes a rule that then does not hold.
    """

    def __init__(
        self, patterns: Sequence[str], loosely: Collection[int] = (), keep: Keep | None = None
    ) -> None:
        # each scanner has scratch space of its own: two threads may scan at once
        self._database = _database(tuple(patterns), frozenset(loosely), keep)
        self._database.scratch = hyperscan.Scratch(self._database)
        self._scan = self._database.scan
        self._every = frozenset(range(len(patterns)))

    def scan(self, texts: Sequence[bytes]) -> dict[int, set[int]]:
        """See Scanner. A text in which there is far too much to tell is told to have all."""
        found = self._ends(b"\n".join(texts))
        if found is None:
            if len(texts) == 1:
                return {0: set(self._every)}
            # somebody's text is full of them: each by itself, so that the others do not pay for it
            alone = ((at, self.scan([text])) for at, text in enumerate(texts))
            return {at: one[0] for at, one in alone if one}
        told: dict[int, set[int]] = {}
        if found:
            ends = list(accumulate(map((1).__add__, map(len, texts))))
            for pattern, end in found:
                # a match ends behind its last byte, and ends[n] is behind the break after text n
                at = bisect_right(ends, end)
                if at in told:
                    told[at].add(pattern)
                else:
                    told[at] = {pattern}
        return told

    def _ends(self, text: bytes) -> list[tuple[int, int]] | None:
        """(pattern, where it ends); None when there are more than anything honest has."""
        found: list[tuple[int, int]] = []
        most = _MOST + len(text) // 2

        def told(pattern: int, _start: int, end: int, _flags: int, _context: object) -> bool:
            found.append((pattern, end))
            return len(found) > most

        try:
            self._scan(text, told)
        except hyperscan.ScanTerminated:
            return None
        return found


def _database(patterns: tuple[str, ...], loosely: frozenset[int], keep: Keep | None) -> Any:
    if keep is None:
        return hyperscan.loadb(_compiled(patterns, loosely), mode=hyperscan.HS_MODE_BLOCK)
    name = _name(patterns, loosely)
    kept = keep.get(name)
    if kept is not None:
        try:
            return hyperscan.loadb(kept, mode=hyperscan.HS_MODE_BLOCK)
        except hyperscan.error:  # damaged, or of another processor or version
            pass
    compiled = _compiled(patterns, loosely)
    keep.put(name, compiled)
    return hyperscan.loadb(compiled, mode=hyperscan.HS_MODE_BLOCK)


def _name(patterns: tuple[str, ...], loosely: frozenset[int]) -> str:
    """Of what is kept: the same for equal patterns, and for nothing else."""
    digest = hashlib.sha256(repr((version("hyperscan"), _FORM, _FLAGS, sorted(loosely))).encode())
    for pattern in patterns:
        digest.update(b"%d:%b" % (len(pattern), pattern.encode()))
    return f"patterns-{digest.hexdigest()}.hs"


def _flags(pattern: str) -> int:
    """Words are bytes like any others: to compile them with the tables of Unicode takes ten times
    as long. They need those where a letter has more forms than two: k and s, and all beyond A to Z
    that have a case."""
    if _words(pattern) and not _CASES(pattern):
        other = "".join(char for char in pattern if not char.isascii())
        if other.upper() == other.lower():
            return int(_FLAGS & ~hyperscan.HS_FLAG_UTF8)
    return int(_FLAGS)


@lru_cache(maxsize=4)  # compiling thousands of patterns takes seconds, and rulesets share them
def _compiled(patterns: tuple[str, ...], loosely: frozenset[int]) -> bytes:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[
            _flags(pattern) | (hyperscan.HS_FLAG_PREFILTER if at in loosely else 0)
            for at, pattern in enumerate(patterns)
        ],
    )
    found: bytes = hyperscan.dumpb(database)
    return found


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

    def scan(self, texts: Sequence[bytes]) -> dict[int, set[int]]:
        """See Scanner."""
        found = ((at, self._set.Match(text.decode())) for at, text in enumerate(texts))
        return {at: set(one) for at, one in found if one}  # it says None when nothing occurs


class NothingScanner:
    """For rule sets without any text pattern."""

    def scan(self, texts: Sequence[bytes]) -> dict[int, set[int]]:
        """Nothing, ever."""
        return {}


class PairScanner:
    """Hyperscan, and RE2 for the few patterns that Hyperscan does not take."""

    def __init__(
        self,
        patterns: Sequence[str],
        by_re2: Sequence[int],
        loosely: Collection[int] = (),
        keep: Keep | None = None,
    ) -> None:
        others = set(by_re2)
        self._fast = [index for index in range(len(patterns)) if index not in others]
        self._slow = list(by_re2)
        loose = {at for at, index in enumerate(self._fast) if index in loosely}
        kept = [patterns[i] for i in self._fast]
        self._first = HyperscanScanner(kept, loose, keep) if self._fast else None
        self._second = Re2Scanner([patterns[i] for i in self._slow])

    def scan(self, texts: Sequence[bytes]) -> dict[int, set[int]]:
        """See Scanner."""
        told: dict[int, set[int]] = {}
        for scanner, names in ((self._second, self._slow), (self._first, self._fast)):
            for at, found in (scanner.scan(texts) if scanner else {}).items():
                told.setdefault(at, set()).update(names[index] for index in found)
        return told


def scanner(patterns: Sequence[str], keep: Keep | None = None) -> Scanner:
    """The fastest scanner this machine runs. Patterns are those that RE2 compiles; what `keep` has
    of them is not compiled again."""
    if not patterns:
        return NothingScanner()
    if not _HYPERSCAN:
        return Re2Scanner(patterns)
    try:
        return HyperscanScanner(patterns, keep=keep)
    except hyperscan.error:  # one of them is too large
        doubtful = [at for at, one in enumerate(patterns) if not is_plain(one)]
    refused = [] if _takes([patterns[at] for at in doubtful]) else _refused(patterns, doubtful)
    loosely = [at for at in refused if _takes([patterns[at]], loosely=(0,))]
    by_re2 = [at for at in refused if at not in loosely]
    if by_re2:
        return PairScanner(patterns, by_re2, loosely, keep)
    return HyperscanScanner(patterns, loosely, keep)


_CASES = re.compile("[kKsS]").search
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
