"""A hundred rules of regular expressions and detectors: what a scan for words does not settle.

The expressions have the shapes of those in the catalogue, over made-up words: two of a few words
near each other, words before numbers, amounts, ids of parcels, repeats, and dates, which have no
word at all. Each comes with a text that it matches, for the messages that are to hit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from rich.table import Table

from bench.core import cases
from bench.core.cases import Case
from bench.setting import Setting
from bench.turns import in_turn, rates
from bench.workload import compiled_of, made_up_words, rule_text, stream
from ingest.simulate.identifiers import bank_card, resident_id
from rules.detectors import DETECTORS
from rules.ruleset import RuleTimeline

RULES = 100
_WORDS = 8  # that one expression may take


class Made(NamedTuple):
    """An expression, and a text that it matches."""

    source: str
    example: str


def near(words: list[str], chance: Random) -> Made:
    """One of four words, and soon after it one of two."""
    first, then = words[:4], words[4:6]
    source = f"({'|'.join(first)})[^。！？\\n]{{0,20}}?({'|'.join(then)})"
    return Made(source, f"{chance.choice(first)}吧{chance.choice(then)}")


def numbered(words: list[str], chance: Random) -> Made:
    """A word, and soon after it digits."""
    return Made(f"{words[0]}.{{0,8}}[0-9]{{4,8}}", f"{words[0]}是{chance.randrange(10**4, 10**8)}")


def amount(words: list[str], chance: Random) -> Made:
    """A number and a unit."""
    source = f"[0-9一二两三四五六七八九十][0-9.]{{0,4}}({words[0]}|{words[1]})"
    return Made(source, f"{chance.randrange(1, 10)}{words[0]}")


def parcel(words: list[str], chance: Random) -> Made:
    """A word, letters of a carrier and a long number."""
    source = f"({words[0]}|{words[1]})[^。！？\\n]{{0,10}}?(zq|vx|qj)[a-z]{{0,2}}[0-9]{{9,15}}"
    return Made(source, f"{words[1]}zq{chance.randrange(10**11, 10**12)}")


def repeated(words: list[str], chance: Random) -> Made:
    """A word, its last character again and again, perhaps another word."""
    sign = words[0][-1]
    return Made(f"{words[0]}{sign}+({words[1]})?", words[0] + sign * chance.randrange(1, 4))


def dated(_words: list[str], chance: Random) -> Made:
    """A date of two digits each: no word to look for."""
    mark = chance.choice("./_")
    first = chance.randrange(10, 90)
    source = f"{first}[{mark}][0-9]{{2}}[{mark}][0-9]{{2}}"
    return Made(source, f"{first}{mark}11{mark}27")


SHAPES: tuple[Callable[[list[str], Random], Made], ...] = (
    near, near, near, numbered, numbered, amount, parcel, repeated, repeated, dated,
)  # fmt: skip


def expressions(count: int, seed: int) -> list[Made]:
    """So many, of the shapes in turn."""
    chance, found = Random(seed), list[Made]()
    # a word of two characters may be said; the messages that are to be quiet are looked through
    words = iter(dict.fromkeys(one[:2] for one in made_up_words(3 * count * _WORDS, seed)))
    for number in range(count):
        found.append(SHAPES[number % len(SHAPES)](list(islice(words, _WORDS)), chance))
    return found


def numbers(count: int, seed: int) -> list[str]:
    """Numbers that two of the detectors know: of persons and of cards, nobody's."""
    chance = Random(seed)
    each = (lambda: resident_id(chance), lambda: bank_card(chance)[0])
    return [f"证件号码{each[0]()}" if one % 2 else f"银行卡号{each[1]()}" for one in range(count)]


def written(folder: Path, made: list[Made], detectors: bool) -> RuleTimeline:
    """The rules: one for each expression, and for each detector if they are asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    searches = [f"words: {{text|re: '{one.source}'}}" for one in made]
    if detectors:
        searches += [f"words: {{text|detect: {name}}}" for name in DETECTORS]
    for number, search in enumerate(searches):
        name = f"bench_{number:05d}"
        (folder / f"{name}.yaml").write_text(rule_text(name, search), encoding="utf-8")
    return RuleTimeline.load(str(folder))


def made(setting: Setting) -> list[Case]:
    """Expressions alone, detectors alone, and a hundred rules of both; over the same messages, in a
    share of which something was planted that the rules in question find."""
    folder, seed = setting.folder("expressions"), setting.seed
    every = expressions(RULES, seed)
    both = every[: RULES - len(DETECTORS)]
    known = numbers(len(DETECTORS), seed)
    sets = {
        f"{RULES} expressions": (written(folder / "expressions", every, False), every, []),
        f"{len(DETECTORS)} detectors": (written(folder / "detectors", [], True), [], known),
        f"{len(both)} expressions, {len(DETECTORS)} detectors": (
            written(folder / "both", both, True), both, known,
        ),
    }  # fmt: skip
    all_of_them = written(folder / "all", every, True)
    quiet = stream(
        setting.messages, compiled_of(all_of_them), all_of_them, share=0, seed=seed,
        pool=setting.pool,
    )  # fmt: skip
    found = []
    for name, (timeline, some, examples) in sets.items():
        things = [one.example for one in some] + examples
        records, hits = cases.planted(quiet.records, things, seed=seed)
        found.append(Case(name, timeline, compiled_of(timeline), records, hits))
    return found


def measure(setting: Setting) -> dict[str, Any]:
    """Each of the three."""
    known = made(setting)
    taken = in_turn({one.name: partial(cases.judged, one) for one in known}, setting.rounds)
    return {"rows": [{**one.facts(), **rates(len(one.records), taken[one.name])} for one in known]}


def tables(figures: dict[str, Any]) -> list[Table]:
    """A line for each."""
    return [cases.table("Expressions and detectors, messages of all types", figures["rows"])]
