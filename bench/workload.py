"""What every comparison judges: the same messages and the same rules, made anew from a seed.

Messages are those of the simulator, written as short as WeCom's own: one receiver, no room, no text
beyond what the size asks for. Which of them a rule touches is found once with the rules themselves,
so that the share of hits is exactly what the table says it is. The others are ordinary talk: some
wake rules that then do not hold, as in life.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson

from ingest.simulate.run import Parameters, Run
from ingest.simulate.write import Files, write
from rules.beside import CATALOG, LEXICONS
from rules.calendar import load_calendar
from rules.compiled import CompiledRules, compile_timeline
from rules.decode import Decoder
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline
from udfs.utf8 import is_utf8

SEED = 20261127
TENANT = "demo"
BYTES = 290  # of a record, on average
WORDS = 10_000  # of the lexicon that is added to the catalogue
POOL = 60_000  # simulated records that a stream is drawn from
_BATCH = 1_000  # records judged together
LONGEST = 600  # bytes of a record
_FIRST_SEQ = 1_000_000
STEP_MS = 7  # of event time between two messages
_FIRST_MS = 1_772_580_000_000


class Stream(NamedTuple):
    """Records in order; how many of them a rule touches, and what they are like."""

    records: list[bytes]
    hits: int
    mean_bytes: float
    types: dict[str, int]


def catalogue_and(folder: Path, words: int = WORDS, seed: int = SEED) -> RuleTimeline:
    """The shipped catalogue, and one rule more whose lexicon has `words` words that nobody says; no
    words are no rule more."""
    shutil.copytree(CATALOG, folder, dirs_exist_ok=True)
    shutil.copytree(LEXICONS, folder / "lexicons", dirs_exist_ok=True)
    if not words:
        return RuleTimeline.load(str(folder))
    listed = "".join(f"  - {word}\n" for word in made_up_words(words, seed))
    head = "name: bench-words\ntitle: 测速词库\nowner: 测速\nexpires: null\nscene: sales\nwords:\n"
    (folder / "lexicons" / "bench-words.yaml").write_text(head + listed, encoding="utf-8")
    (folder / "bench_words.yaml").write_text(
        rule_text("bench_words", "words: {text|lexicon: bench-words}"), encoding="utf-8"
    )
    return RuleTimeline.load(str(folder))


def keyword_rules(folder: Path, count: int, seed: int = SEED, each: int = 5) -> RuleTimeline:
    """`count` rules of `each` words that somebody may say anywhere in a text."""
    write_keyword_rules(folder, count, seed, each)
    return RuleTimeline.load(str(folder))


def write_keyword_rules(folder: Path, count: int, seed: int = SEED, each: int = 5) -> None:
    """The files of `keyword_rules`."""
    folder.mkdir(parents=True, exist_ok=True)
    words = made_up_words(count * each, seed)
    for number in range(count):
        listed = ", ".join(words[number * each : (number + 1) * each])
        name = f"bench_{number:05d}"
        (folder / f"{name}.yaml").write_text(
            rule_text(name, f"words: {{text|contains: [{listed}]}}"), encoding="utf-8"
        )


def rule_text(name: str, search: str) -> str:
    """A rule file with one search."""
    number = abs(hash_of(name))
    return (
        f"title: {name}\nid: 00000000-0000-4000-8000-{number % 10**12:012d}\nname: {name}\n"
        "status: experimental\ndate: 2026-11-27\ndescription: bench\n"
        "logsource: {product: wecom, category: message}\n"
        f"detection:\n  {search}\n  condition: words\n"
        "level: low\nmingjian:\n  version: 1\n  item: A02-03\n  response: 1\n"
    )


def hash_of(name: str) -> int:
    """The same number for a name in every process."""
    return int.from_bytes(name.encode()[-8:], "big")


def made_up_words(count: int, seed: int = SEED) -> list[str]:
    """Different words of four Chinese characters, of those that the shipped lexicons are made of: a
    company's own words have no rarer ones."""
    random, found = Random(seed), dict[str, None]()
    said = "".join(file.read_text(encoding="utf-8") for file in sorted(LEXICONS.glob("*.yaml")))
    signs = sorted(one for one in set(said) if "\u4e00" <= one <= "\u9fff")
    while len(found) < count:
        found["".join(random.choices(signs, k=4))] = None
    return list(found)


def short(record: bytes) -> dict[str, Any] | None:
    """A simulated message with one receiver and without a room; None for what is no message."""
    told = orjson.loads(record)
    if told.get("kind") != "archive" or "msgtype" not in told.get("payload", {}):
        return None
    said = told["payload"]
    if "tolist" not in said:
        return None
    said["tolist"], said["roomid"] = said["tolist"][:1], ""
    body = said.get(said["msgtype"])
    if isinstance(body, dict) and len(body.get("sdkfileid") or "") > _FILE_ID:
        body["sdkfileid"] = body["sdkfileid"][:_FILE_ID]
    said["msgid"] = said["msgid"].partition("_")[0][:16]
    told.pop("tenant", None)
    return dict(told)


_FILE_ID = (
    40  # characters of the id of a file; WeCom's own are longer than a message should be here
)


def stream(
    count: int,
    judged_by: CompiledRules,
    timeline: RuleTimeline,
    *,
    share: float = 0.02,
    seed: int = SEED,
    fits: Callable[[dict[str, Any]], bool] = lambda _: True,
    pool: int = POOL,
    times: Sequence[int] = (),
) -> Stream:
    """`count` records with new ids, of which `share` are touched by a rule of `judged_by`.

    Args:
        fits: which of the simulated messages may be drawn.
        pool: how many simulated messages there are to draw from.
        times: event time of each record (UTC ms), by default those of `times_of`.
    """
    told = [one for record in simulated(seed, pool) if (one := short(record)) and fits(one)]
    touched, quiet = pools(told, judged_by, timeline)
    return drawn(count, touched, quiet, share=share, seed=seed, times=times)


def drawn(
    count: int,
    touched: Sequence[dict[str, Any]],
    quiet: Sequence[dict[str, Any]],
    *,
    share: float = 0.02,
    seed: int = SEED,
    times: Sequence[int] = (),
) -> Stream:
    """A stream of messages of two pools, `share` of them of those that a rule touches."""
    random = Random(seed)
    hits = round(count * share)
    kinds = [True] * hits + [False] * (count - hits)
    random.shuffle(kinds)
    records, types = list[bytes](), dict[str, int]()
    for number, hit in enumerate(kinds):
        told = random.choice(touched if hit else quiet)
        records.append(numbered(told, number, times[number] if times else None))
        kind = told["payload"]["msgtype"]
        types[kind] = types.get(kind, 0) + 1
    return Stream(records, hits, sum(map(len, records)) / max(1, count), types)


def times_of(count: int) -> list[int]:
    """Event times of a stream, UTC ms."""
    return [_FIRST_MS + number * STEP_MS for number in range(count)]


def numbered(told: dict[str, Any], number: int, at: int | None = None) -> bytes:
    """The message as the one of that number in the stream: its own id, time and place."""
    if at is None:
        at = _FIRST_MS + number * STEP_MS
    said = {**told["payload"], "msgid": f"{number:012d}", "msgtime": at}
    new = {**told, "time": at, "received_at": at + 400, "seq": _FIRST_SEQ + number, "payload": said}
    return orjson.dumps(new)


def pools(
    told: Sequence[dict[str, Any]],
    judged_by: CompiledRules,
    timeline: RuleTimeline,
    longest: int = LONGEST,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Messages of at most `longest` bytes: (touched by a rule, not touched)."""
    records = [numbered(one, number) for number, one in enumerate(told)]
    told = [one for one, size in zip(told, map(len, records), strict=True) if size <= longest]
    records = [record for record in records if len(record) <= longest]
    touched, quiet = list[dict[str, Any]](), list[dict[str, Any]]()
    for one, found in zip(told, judged(records, judged_by, timeline), strict=True):
        (quiet if found is None else touched).append(one)
    return touched, quiet


@lru_cache(maxsize=1)  # several workloads draw from the same
def simulated(seed: int, messages: int = POOL) -> list[bytes]:
    """Records of a simulated day, as `mingjian simulate` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        write(Run(Parameters(seed=seed, messages=messages)), Files(Path(folder), 1, False, None), 0)
        files = sorted(Path(folder).glob("messages*.jsonl"))
        return [line for file in files for line in file.read_bytes().splitlines()]


def judged(
    records: Sequence[bytes], compiled: CompiledRules, timeline: RuleTimeline
) -> list[list[bytes] | None]:
    """Items of each record, by the matcher of the job, in batches as the job has them."""
    matcher = Matcher(
        timeline,
        Decoder(TENANT, is_utf8=is_utf8),
        load_calendar(),
        compiled={compiled.ruleset.digest: compiled},
    )
    found: list[list[bytes] | None] = []
    for at in range(0, len(records), _BATCH):
        some = records[at : at + _BATCH]
        found += matcher.match_many(some, [("bench", 0, at + n) for n in range(len(some))])
    return found


def compiled_of(timeline: RuleTimeline) -> CompiledRules:
    """The first ruleset of a timeline, compiled."""
    return compile_timeline(timeline)[timeline.rulesets[0].digest]
