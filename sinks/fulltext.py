"""Full text for SQLite: every substring of a text can be found, also one or two Chinese characters.

SQLite's `trigram` tokenizer finds nothing shorter than three characters, and half of the Chinese
words that matter have two (保本, 回扣, 私单). So texts are cut into overlapping pairs here and
SQLite only sees opaque tokens: a pair is twelve hexadecimal digits, six a code point, which no
tokenizer takes apart, whatever script the text is in.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

_WIDTH = 6  # hexadecimal digits of the largest code point


def index_terms(text: str) -> str:
    """Terms of `text` for an FTS5 column. Letters and digits count, everything else separates."""
    terms: list[str] = []
    for run in _runs(text):
        terms += _pairs(run)
        terms.append(_code(run[-1]))  # ends the run, and lets its last character be found alone
    return " ".join(terms)


def match_expression(query: str) -> str:
    """FTS5 expression that finds texts holding every run of `query`; "" when it has none."""
    phrases = []
    for run in _runs(query):
        if len(run) == 1:
            phrases.append(f"{_code(run)} *")  # any pair that begins with it, or it alone
        else:
            phrases.append('"' + " ".join(_pairs(run)) + '"')
    return " AND ".join(phrases)


def _runs(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    run = ""
    for char in folded:
        if char.isalnum():
            run += char
        elif run:
            yield run
            run = ""
    if run:
        yield run


def _pairs(run: str) -> list[str]:
    codes = [_code(char) for char in run]
    return [first + second for first, second in pairwise(codes)]


def _code(char: str) -> str:
    return f"{ord(char):0{_WIDTH}x}"
