"""What is to be reached, beside what was measured; said honestly, also where nothing was measured.

The figures are those of 2 cores, 290-byte messages of all types, the catalogue plus 10,000 words,
2 % hits.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isinf
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

REACHED, MUST, NOT, NONE = "goal reached", "must reached, goal not", "not reached", "not measured"
_STYLE = {REACHED: "green", MUST: "yellow", NOT: "red", NONE: "dim"}


class Goal(NamedTuple):
    """`must` has to be reached, `goal` is better still. `less`: smaller is better.

    Args:
        unit: how a figure is written: "/s", "×", "%" of a share, "ms" or "s".
    """

    key: str
    what: str
    unit: str
    must: float
    goal: float
    less: bool = False

    def said(self, figure: float | None) -> str:
        """What is to be said of a figure."""
        if figure is None:
            return NONE
        for limit, word in ((self.goal, REACHED), (self.must, MUST)):
            if figure <= limit if self.less else figure >= limit:
                return word
        return NOT


GOALS = (
    Goal("core", "pure core, one core, messages", "/s", 150_000, 300_000),
    Goal("kafka", "Kafka → job → Kafka, checkpoints on, messages", "/s", 60_000, 120_000),
    Goal("keywords", "cost of 10,000 keyword rules over 10", "×", 2, 1.3, less=True),
    Goal("bare", "share of bare Hyperscan + decoding", "%", 0.4, 0.7),
    Goal("naive", "over the naive PyFlink job", "×", 20, 50),
    Goal("rsigma", "over rsigma on one core, 1,000 keyword rules", "×", 1.2, 2),
    Goal("redis", "alert visible in Redis, p99 at half load", "ms", 1_000, 300, less=True),
    Goal("elasticsearch", "Kafka → Elasticsearch, 5 % hits, messages", "/s", 30_000, 60_000),
    Goal("cold", "cold start of the job to the first alert", "s", 30, 15, less=True),
    Goal("reload", "10 → 10,000 rules, until effective", "s", 5, 1, less=True),
    Goal("pause", "the longest pause meanwhile", "ms", 200, 200, less=True),
    Goal("memory", "memory of a TaskManager, flat over an hour", "MB", 1_610, 1_610, less=True),
)  # fmt: skip


def compared(figures: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each goal with its figure, as JSON has it; `figures` are by the keys of goals.

    Raises:
        KeyError: a part tells a figure that there is no goal for.
    """
    if unknown := figures.keys() - {one.key for one in GOALS}:
        raise KeyError(f"no goal is called {sorted(unknown)}")
    return [_compared(one, figures.get(one.key)) for one in GOALS]


def _compared(goal: Goal, figure: float | None) -> dict[str, Any]:
    # of what failed there is no figure that JSON could write
    told = None if figure is None or isinf(figure) else figure
    return {**goal._asdict(), "figure": told, "said": goal.said(figure)}


def written(figure: float | None, unit: str) -> str:
    """A figure as people read it."""
    if figure is None:
        return "–"
    if unit == "%":
        return f"{figure:.0%}"
    if unit == "×":
        return f"{figure:.2f}×"
    return f"{figure:,.1f} s" if unit == "s" else f"{figure:,.0f} {unit}"


def table(rows: list[dict[str, Any]], *, quick: bool = False) -> Table:
    """A line for each goal."""
    title = "What is to be reached" + (" (a quick run: too short to tell)" if quick else "")
    shown = Table(title=title, title_justify="left")
    for head in ("what", "measured", "must", "goal", ""):
        shown.add_column(head, justify="left" if head in ("what", "") else "right", no_wrap=True)
    for one in rows:
        sign = "≤ " if one["less"] else "≥ "
        shown.add_row(
            one["what"],
            written(one["figure"], one["unit"]),
            sign + written(one["must"], one["unit"]),
            sign + written(one["goal"], one["unit"]),
            Text(one["said"], style=_STYLE[one["said"]]),
        )
    return shown
