"""What ten thousand keyword rules cost over ten: the same messages, as many of which hit."""

from __future__ import annotations

from functools import partial
from typing import Any

from rich.table import Table

from bench.core import cases
from bench.core.cases import Case
from bench.setting import Setting
from bench.turns import in_turn, rates, ratios
from bench.workload import compiled_of, keyword_rules, made_up_words, stream

EACH = 5  # words of a rule


def made(setting: Setting) -> list[Case]:
    """A case for each number of rules: messages of all types that say none of the most rules'
    words, in a share of which a word of the rules in question was planted."""
    folder = setting.folder("keywords")
    timelines = {
        count: keyword_rules(folder / str(count), count, setting.seed, EACH)
        for count in setting.counts
    }
    most = timelines[max(setting.counts)]
    quiet = stream(
        setting.messages, compiled_of(most), most, share=0, seed=setting.seed, pool=setting.pool
    )
    found = []
    for count, timeline in timelines.items():
        words = made_up_words(count * EACH, setting.seed)
        records, hits = cases.planted(quiet.records, words, seed=setting.seed)
        found.append(Case(f"{count:,} rules", timeline, compiled_of(timeline), records, hits))
    return found


def measure(setting: Setting) -> dict[str, Any]:
    """Each number of rules, and how many times the fewest they cost."""
    known = made(setting)
    taken = in_turn({one.name: partial(cases.judged, one) for one in known}, setting.rounds)
    first = taken[known[0].name]
    return {
        "rows": [
            {
                **one.facts(),
                **rates(len(one.records), taken[one.name]),
                "ratio": ratios(taken[one.name], first),
            }
            for one in known
        ]
    }


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each number of rules."""
    return [
        cases.table(
            f"Keyword rules of {EACH} words each, messages of all types", figures["rows"], "cost"
        )
    ]


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """What a goal is set for: the cost of the most rules over the fewest."""
    rows = figures["rows"]
    return {"keywords": rows[-1]["ratio"]["median"]} if rows[-1]["rules"] > rows[0]["rules"] else {}
