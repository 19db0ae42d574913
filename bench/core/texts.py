"""Texts of 20, 200 and 2,000 characters, and messages of all types, judged by the catalogue.

Texts are sentences of the simulated talk that no rule touches, one after another until there are
as many characters as wanted, cut there; those that are to hit have one sentence more, which a rule
touches. Whether a rule does is found once with the rules, so that of each length as many hit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from rich.table import Table

from bench.core import cases
from bench.core.cases import BATCH, SHARE, Case, case_of
from bench.setting import Setting
from bench.turns import in_turn, rates
from bench.workload import catalogue_and, compiled_of, drawn, pools, short, simulated

LENGTHS = (20, 200, 2_000)  # characters
SHORT = 100  # characters up to which as many messages are measured as of other workloads
DIFFERENT = 5_000  # texts of one length
HITTING = 200  # the same, of those that hit
_LONGEST = 100_000  # bytes of a record: all of them


def of_length(
    said: Sequence[dict[str, Any]],
    length: int,
    count: int,
    seed: int,
    hits: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """`count` text messages of exactly `length` characters, made of what was said in others; each
    with a sentence of `hits` somewhere, if there are any that fit."""
    chance, found = Random(seed), []
    fitting = [one for one in hits if len(_words(one)) <= length]
    for _ in range(count):
        first = chance.choice(said)
        parts = [_words(chance.choice(fitting))] if fitting else []
        left = length - sum(len(one) + 1 for one in parts)
        talk = _words(first)
        while len(talk) < left:
            talk += f"，{_words(chance.choice(said))}"
        parts = [talk[:left], *parts] if left > 0 else parts
        chance.shuffle(parts)
        payload = {**first["payload"], "text": {"content": "，".join(parts)[:length]}}
        found.append({**first, "payload": payload})
    return found


def _words(told: dict[str, Any]) -> str:
    return str(told["payload"]["text"]["content"])


def alike(told: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Messages of which every type has as many, as far as the rarest are drawn again."""
    by_type = defaultdict(list)
    for one in told:
        by_type[one["payload"]["msgtype"]].append(one)
    chance, each = Random(seed), max(1, DIFFERENT // len(by_type))
    return [one for some in by_type.values() for one in chance.choices(some, k=each)]


def made(setting: Setting) -> list[Case]:
    """A case for each length, one for messages as they come, one for every type alike."""
    folder = setting.folder("texts")
    timeline = catalogue_and(folder / "rules", setting.words, setting.seed)
    compiled = compiled_of(timeline)
    told = [one for record in simulated(setting.seed, setting.pool) if (one := short(record))]

    touched, quiet = pools(told, compiled, timeline)
    texts = [
        [one for one in some if one["payload"]["msgtype"] == "text"] for some in (quiet, touched)
    ]
    found = []
    for length in LENGTHS:
        # a long one takes as long as many short ones
        count = max(BATCH, setting.messages * SHORT // max(length, SHORT))
        made_of = of_length(texts[0], length, min(DIFFERENT, count), setting.seed)
        hitting = of_length(texts[0], length, HITTING, setting.seed, texts[1])
        some = drawn(
            count,
            pools(hitting, compiled, timeline, _LONGEST)[0],
            pools(made_of, compiled, timeline, _LONGEST)[1],
            share=SHARE,
            seed=setting.seed,
        )
        found.append(case_of(f"texts of {length:,} characters", timeline, compiled, some))
    for name, pair in (
        ("all types as they come", (touched, quiet)),
        ("every type alike", (alike(touched, setting.seed), alike(quiet, setting.seed))),
    ):
        some = drawn(setting.messages, *pair, share=SHARE, seed=setting.seed)
        found.append(case_of(name, timeline, compiled, some))
    return found


def measure(setting: Setting) -> dict[str, Any]:
    """Each of them; long texts in fewer messages."""
    known = made(setting)
    taken = in_turn({one.name: partial(cases.judged, one) for one in known}, setting.rounds)
    rows = []
    for one in known:
        row = {**one.facts(), **rates(len(one.records), taken[one.name])}
        row["megabytes_per_second"] = round(row["bytes"] * row["per_second"] / 1e6, 1)
        rows.append(row)
    return {"rows": rows}


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each."""
    return [cases.table("Length and type, the catalogue with the words", figures["rows"])]
