"""The shipped catalogue, with its lexicons alone and with a lexicon of ten thousand words more."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import orjson
from rich.table import Table

from bench.core import cases
from bench.core.cases import Case
from bench.setting import Setting
from bench.turns import in_turn, rates
from bench.workload import TENANT, catalogue_and, compiled_of, stream
from rules.calendar import load_calendar
from rules.decode import Decoder
from rules.engine import Engine

DECODED, WHOLE = "decoding alone", "with behaviours, alerts, evidence"


def made(setting: Setting) -> list[Case]:
    """The catalogue, and the catalogue with a lexicon more, over the same messages."""
    folder = setting.folder("catalogue")
    more = catalogue_and(folder / "more", setting.words, setting.seed)
    compiled = compiled_of(more)
    some = stream(setting.messages, compiled, more, seed=setting.seed, pool=setting.pool)
    plain = catalogue_and(folder / "plain", 0, setting.seed)
    name = f"catalogue + {setting.words:,} words"
    return [
        cases.case_of("catalogue", plain, compiled_of(plain), some),
        cases.case_of(name, more, compiled, some),
    ]


def whole(case: Case) -> float:
    """CPU seconds of the engine: the matcher's hits through the keyed stage, to outputs."""
    known = {case.compiled.ruleset.digest: case.compiled}
    engine = Engine(case.timeline, Decoder(TENANT), load_calendar(), compiled=known)
    given = [
        (records, places, [orjson.loads(one)["time"] for one in records])
        for records, places in cases.batches(case.records)
    ]
    begun = time.thread_time()
    for records, places, moments in given:
        for packed, moment in zip(engine.matcher.match_many(records, places), moments, strict=True):
            if packed:
                engine.take(packed, moment)
    engine.finish()
    return time.thread_time() - begun


def measure(setting: Setting) -> dict[str, Any]:
    """Both, what decoding takes of it, and the same with all that follows on a hit."""
    known = made(setting)
    last = known[-1]
    runs = {one.name: partial(cases.judged, one) for one in known}
    runs |= {DECODED: partial(cases.decoded, last), WHOLE: partial(whole, last)}
    taken = in_turn(runs, setting.rounds)
    rows = []
    for name in runs:
        case = next((one for one in known if one.name == name), last)
        row = {**case.facts(), **rates(len(case.records), taken[name]), "name": name}
        rows.append(row | ({"rules": 0, "words": 0, "patterns": 0} if name == DECODED else {}))
    return {"rows": rows}


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each."""
    return [cases.table("The catalogue, messages of all types", figures["rows"])]


def reached(figures: dict[str, Any]) -> dict[str, float]:
    """What a goal is set for: the catalogue with the words."""
    return {"core": figures["rows"][1]["per_second"]}
