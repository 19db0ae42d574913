"""Both scanners give the same answers, so that alerts do not depend on the processor."""

from __future__ import annotations

import hyperscan
import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.detectors import DETECTORS
from rules.fold import fold
from rules.scan import HyperscanScanner, NothingScanner, PairScanner, Re2Scanner, scanner

ALPHABET = "保本转我微信ab1 .-\n(*é😀"
LITERALS = st.text(ALPHABET, min_size=1, max_size=4).map(re2.escape)
REGEXES = st.sampled_from(
    ["保.本", "转(?:我|他)?", "[a-z]{2}", r"\d+", "^保", "本$", "(?s)^.*信.*$", "a|b", r"\bab\b",
     "[保-本]", "微{1,2}信", r"\s", "[^a]b", "(?i)AB", "x*", "", r"\x{4fdd}"]
    + [detector.prefilter for detector in DETECTORS.values()]
)  # fmt: skip
PATTERNS = st.lists(LITERALS | REGEXES, min_size=1, max_size=6, unique=True)
TEXTS = st.text(ALPHABET + "x0:密码", max_size=30) | st.text(max_size=20)


def readable(text: str) -> bytes:
    """As the matcher hands texts over: folded, so without control characters, of which \\v is a
    blank to Hyperscan and none to RE2."""
    return fold(text).text.encode("utf-8", "replace")


# what may be told where it does not occur: it looks over line breaks, or for where a text begins
BROAD = ["(?s)^.*信.*$", "^保", "本$", r"\s", "[^a]b", "x*", ""]
BROAD += [detector.prefilter for detector in DETECTORS.values()]


@settings(max_examples=200, deadline=None)
@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=5))
@example([r"\s"], ["\x0b"])
@example(["^保", "本$"], ["x", "保本", "x", ""])
def test_hyperscan_and_re2_agree(patterns: list[str], texts: list[str]) -> None:
    data = [readable(text) for text in texts]
    fast, plain = HyperscanScanner(patterns).scan(data), Re2Scanner(patterns).scan(data)
    for at in range(len(data)):
        missed = plain.get(at, set()) - fast.get(at, set())
        assert not missed
        more = {patterns[one] for one in fast.get(at, set()) - plain.get(at, set())}
        assert more <= set(BROAD)


def test_a_text_full_of_matches_is_told_to_have_all_and_the_others_are_not() -> None:
    told = HyperscanScanner(["1", "2", "保本"]).scan([b"2", b"1" * 100_000, "保本".encode()])
    assert told == {0: {1}, 1: {0, 1, 2}, 2: {2}}


def test_a_pattern_that_hyperscan_refuses_goes_to_re2() -> None:
    mixed = ["保本", r"\C信", "ab"]
    both = scanner(mixed)
    assert isinstance(both, PairScanner)
    for text in ("微信ab", "保本", "信", "x"):
        assert both.scan([text.encode()]) == Re2Scanner(mixed).scan([text.encode()])
    assert scanner([r"\C信"]).scan(["微信".encode()]) == {0: {0}}


HUGE = (
    r"支付宝[^。！？\n]{0,20}?(1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    r"|[a-z0-9._-]{2,30}@[a-z0-9-]{1,20}\.[a-z]{2,6})"
)


def test_a_pattern_too_large_for_hyperscan_stays_there_as_a_looser_one() -> None:
    """The set of RE2 has to read every text again, for one pattern out of thousands."""
    mixed = ["保本", HUGE, "ab"]
    with pytest.raises(hyperscan.error, match="too large"):
        HyperscanScanner(mixed)
    both = scanner(mixed)
    assert isinstance(both, HyperscanScanner)
    for text in ("支付宝是13800138000", "支付宝 a.b@c-d.com", "保本", "支付", "ab"):
        found = both.scan([text.encode()]).get(0, set())
        assert Re2Scanner(mixed).scan([text.encode()]).get(0, set()) <= found
    assert both.scan(["支付宝好用".encode()]) == {}


def test_no_patterns_find_nothing() -> None:
    assert isinstance(scanner([]), NothingScanner)
    assert scanner([]).scan(["保本".encode()]) == {}
