"""What people say: dialogs of talk.yaml with their slots filled.

A dialog is drawn, then each of its lines; a slot keeps its value through one conversation, so
that question and answer speak of the same product, date and order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from ingest.simulate.world import COMPANY_PHONES, SITE, World

_DATA = Path(__file__).with_name("talk.yaml")
_WEEKDAYS = "一二三四五六日"
_TAIL_SHARE = 0.3
_COLUMNS = 12  # divides by every number of wordings in use, so all are equally likely


class Line(NamedTuple):
    """One line of a dialog: who (a letter), `kind` ("text", a type, or "quote"), wordings."""

    who: str
    kind: str
    wordings: tuple[str, ...]
    optional: bool


class Dialogs(NamedTuple):
    """Dialogs of one setting with cumulated weights."""

    lines: tuple[tuple[Line, ...], ...]
    reached: tuple[int, ...]

    def draw(self, rng: Random) -> tuple[Line, ...]:
        """One dialog by weight."""
        return self.lines[bisect_right(self.reached, rng.random() * self.reached[-1])]


def parse_line(text: str) -> Line:
    """ "?C: a | b", "E@file", "B@quote:a | b" -> Line."""
    optional = text.startswith("?")
    text = text.removeprefix("?")
    who, mark, rest = text[0], text[1], text[2:]
    if mark == "@":
        kind, _, words = rest.partition(":")
    elif mark == ":":
        kind, words = "text", rest
    else:
        raise ValueError(f"not a dialog line: {text!r}")
    return Line(who, kind, tuple(w.strip() for w in words.split(" | ")) if words else (), optional)


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """talk.yaml as it stands."""
    data: dict[str, Any] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return data


@lru_cache(maxsize=8)
def dialogs(setting: str) -> Dialogs:
    """Dialogs of "external", "external_room", "internal" or "internal_room"."""
    rows = table()[setting]
    return Dialogs(
        tuple(tuple(parse_line(text) for text in row["lines"]) for row in rows),
        tuple(accumulate(row["weight"] for row in rows)),
    )


def pick(rng: Random, values: Any) -> Any:
    """One of a sequence; cheaper than `Random.choice` and stable in the same way."""
    return values[int(rng.random() * len(values))]


_AMOUNTS = (1, 2, 3, 5, 8, 10, 12, 15, 20, 30, 50, 80, 100, 150, 200, 300, 500)


def _day_word(rng: Random, today: date) -> str:
    ahead = 1 + int(rng.random() * 6)
    day = today + timedelta(days=ahead)
    form = int(rng.random() * 4)
    if form == 0 and ahead <= 2:  # noqa: PLR2004 - words for two days ahead
        return "明天" if ahead == 1 else "后天"
    if form == 1:
        same_week = day.isocalendar()[1] == today.isocalendar()[1]
        return f"{'本' if same_week else '下'}周{_WEEKDAYS[day.weekday()]}"
    return f"{day.month}月{day.day}日" if form == 2 else f"{day.month}/{day.day}"  # noqa: PLR2004


def _time_word(rng: Random, _: date) -> str:
    hour, minute = 9 + int(rng.random() * 9), pick(rng, ("00", "15", "30", "45"))
    if rng.random() < 0.5:  # noqa: PLR2004 - both forms alike
        return f"{hour}:{minute}"
    half = "" if minute in {"00", "15", "45"} else "半"
    return f"上午{hour}点{half}" if hour < 12 else f"下午{hour - 12 or 12}点{half}"  # noqa: PLR2004


def _money(rng: Random, _: date) -> str:
    amount, form = pick(rng, _AMOUNTS), rng.random()
    if form < 0.6:  # noqa: PLR2004 - share of the short form
        return f"{amount}万" if form < 0.4 else f"{amount}万元"  # noqa: PLR2004
    return f"{amount * 1000 + int(rng.random() * 10) * 100:,}元"


def _order(rng: Random, today: date) -> str:
    return f"{pick(rng, ('MJ', 'FW', 'DD'))}{today:%y%m%d}{int(rng.random() * 100000):05d}"


_MAKERS: dict[str, Callable[[Random, date], str]] = {
    "date": _day_word,
    "time": _time_word,
    "amount": _money,
    "order": _order,
    "contract": lambda r, d: f"MJHT-{d.year}-{int(r.random() * 10000):04d}",
    "fee": lambda r, d: f"{pick(r, (0.1, 0.15, 0.3, 0.5, 0.6, 0.8, 1.0, 1.2))}%",
    "pct": lambda r, d: f"{2 + int(r.random() * 25) / 10:.1f}%",
    "num": lambda r, d: str(2 + int(r.random() * 8)),
    "NUM": lambda r, d: str(2 + int(r.random() * 28)),
    "phone": lambda r, d: str(pick(r, COMPANY_PHONES)),
    "express": lambda r, d: f"SF{int(r.random() * 10**12):012d}",
}


class Slots(dict[str, str]):
    """Values of one conversation, drawn when first asked for.

    `names` are fixed values (call, emp, customer, ...); a name ending in 2 is a second draw.
    """

    __slots__ = ("_column", "_day", "_rng", "_world")

    def __init__(self, rng: Random, world: World, day: date, names: dict[str, str]) -> None:
        super().__init__(names)
        self._rng, self._world, self._day = rng, world, day
        self._column = int(rng.random() * _COLUMNS)

    def __missing__(self, key: str) -> str:
        """Draw a value; raises KeyError for a slot that talk.yaml does not know."""
        rng, base = self._rng, key.removesuffix("2")
        maker = _MAKERS.get(base)
        if maker is not None:
            value = maker(rng, self._day)
        elif base == "person":
            value = pick(rng, self._world.employees).name
        elif base == "customer":
            value = pick(rng, self._world.customers).call
        elif base == "firm":
            value = pick(rng, self._world.customers).firm or "贵司"
        elif base == "dept":
            value = pick(rng, self._world.employees).department
        elif base == "url":
            value = f"{SITE}/a/{int(rng.random() * 10**8):08d}"
        else:
            value = pick(rng, table()["slots"][base])
        if not key.isupper():
            self[key] = value
        return value

    def fill(self, wording: str) -> str:
        """The wording with its slots filled."""
        return wording.format_map(self) if "{" in wording else wording

    def say(self, line: Line) -> str:
        """The line in this conversation's column of wordings, now and then with a tail."""
        rng = self._rng
        text = self.fill(line.wordings[self._column % len(line.wordings)])
        draw = rng.random()
        if draw < _TAIL_SHARE and text[-1] not in "？?！]":
            tails = table()["tails"]["C" if line.who in "CD" else "E"]
            text = text.rstrip("。！") + tails[int(draw / _TAIL_SHARE * len(tails))]
        return text
