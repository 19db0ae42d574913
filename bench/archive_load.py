"""Talk to fill an archive with: the simulator's, made as rich in words and numbers as real talk is.

The simulator says some thousands of sentences over and over, which is what rules are tried on, and
would make an index of 7,600 different pairs of characters. So to half of all texts some words are
added, drawn by Zipf's law from 60,000 made-up words of the 3,755 common characters of GB 2312, and
to a part of them a number: a phone, an order, in one text of a hundred a resident id (well formed,
and nobody's). Equal parameters give equal bytes, so that who was interrupted goes on where it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from ingest.simulate.clock import is_working
from ingest.simulate.identifiers import resident_id
from ingest.simulate.mint import line
from ingest.simulate.run import FIRST_SEQ, Parameters, Run

SEED = 20260304
A_DAY = 100_000  # archive messages of a working day
FIRST_DAY = date(2024, 1, 2)
_WORDS = 60_000
_TEXT_END = '"}}}\n'
_RICHER = 0.5  # of all texts get words
_MOST_WORDS = 14
# of the texts that get words: how many get which number, in this order
_WITH_ID, _WITH_PHONE, _WITH_ORDER = 0.02, 0.06, 0.12
_MSGID = '"msgid":"'
_RULES = 200
_ALERTS = 200  # one message of so many is named by an alert


class Said(NamedTuple):
    """A record, and the alert that names it: (message id, time in UTC ms, rule), or None."""

    raw: bytes
    alert: tuple[str, int, str] | None


def said(messages: int, *, a_day: int = A_DAY, skip: int = 0) -> Iterator[Said]:
    """The first `messages` records of a firm with `a_day` archive messages a working day, by time,
    but for the first `skip`."""
    run = Run(
        Parameters(seed=SEED, messages=a_day, first_day=FIRST_DAY,
                   days=_days(messages, a_day), violations=0)
    )  # fmt: skip
    words, rng = Words(SEED), Random(f"richer:{SEED}")
    seq = FIRST_SEQ
    for number, item in enumerate(run.records()):
        if number == messages:
            return
        told = line(item, run.tenant, seq)
        seq += not item[5]
        richer = item[4] == "text" and rng.random() < _RICHER
        tail = words.tail(rng) if richer and told.endswith(_TEXT_END) else ""
        alert = rng.randrange(_ALERTS) == 0 and not item[5]
        if number < skip:
            continue
        if tail:
            told = f"{told[: -len(_TEXT_END)]}{tail}{_TEXT_END}"
        yield Said(told[:-1].encode(), _alert(told, item[0]) if alert else None)


def _alert(told: str, time: int) -> tuple[str, int, str]:
    """Rules have hits as words have uses: few of 200 have most."""
    at = told.index(_MSGID) + len(_MSGID)
    msgid = told[at : told.index('"', at)]
    rank = int(_RULES ** Random(msgid).random())  # its own draw: skipping must not change others
    return msgid, time, f"rule_{rank:03d}"


def _days(messages: int, a_day: int) -> int:
    day, count, enough = FIRST_DAY, 0, 0
    while enough < messages:
        enough += a_day if is_working(day) else 0
        day, count = day + timedelta(1), count + 1
    return count


class Words:
    """Made-up words, and what is added to a text."""

    def __init__(self, seed: int, count: int = _WORDS) -> None:
        rng = Random(f"words:{seed}")
        common = _common_characters()
        weights = list(accumulate(1 / (rank + 20) for rank in range(len(common))))
        rng.shuffle(common)

        def character() -> str:
            return common[bisect_right(weights, rng.random() * weights[-1])]

        self.words = [
            "".join(character() for _ in range(rng.choice((1, 2, 2, 2, 2, 2, 3, 4))))
            for _ in range(count)
        ]
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(count)))

    def tail(self, rng: Random) -> str:
        """Some words, and perhaps a number."""
        weights, last = self._weights, self._weights[-1]
        count = 1 + int(rng.random() * rng.random() * _MOST_WORDS)
        told = "".join(self.words[bisect_right(weights, rng.random() * last)] for _ in range(count))
        draw = rng.random()
        if draw < _WITH_ID:
            return f"，{told}，身份证{resident_id(rng)}"
        if draw < _WITH_PHONE:
            return f"，{told}，电话1{rng.choice('35789')}{rng.randrange(10**9):09}"
        if draw < _WITH_ORDER:
            return f"，{told}，单号{rng.randrange(10**12):012}"
        return f"，{told}"


def _common_characters() -> list[str]:
    """The first level of GB 2312."""
    return [
        bytes((high, low)).decode("gb2312")
        for high in range(0xB0, 0xD8)
        for low in range(0xA1, 0xFF)
        if (high, low) < (0xD7, 0xFA)
    ]
