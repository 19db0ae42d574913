"""Measures how many disguised words of the shipped lexicons are found, and what clean talk hits.

`.venv/bin/python scripts/measure_variants.py [--houbb]` prints the tables of docs/text.md. Each
word is written `--tries` times in each class in which it can be written, in the middle of a neutral
sentence. A word is found when its lexicon finds it, or a word that overlaps it, at that very place,
and the scan of the message wakes the lexicon's rules. Clean talk is a day of the simulator without
planted cases; the lexicons hold words that say nothing by themselves too, which rules put together.
With `--houbb` the same strings go through houbb/sensitive-word with the same words.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import re2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ingest.simulate.mint import line  # noqa: E402
from ingest.simulate.run import Parameters, Run  # noqa: E402
from rules.decode import Decoder  # noqa: E402
from rules.fold import fold  # noqa: E402
from rules.fold_table import MAPPED  # noqa: E402
from rules.lexicon import Lexicon  # noqa: E402
from rules.lexicon_file import load_lexicons  # noqa: E402
from rules.negation import negated  # noqa: E402
from rules.scan import scanner  # noqa: E402
from rules.variants_parts import parts  # noqa: E402
from rules.variants_read import CONFUSABLE, EMOJI  # noqa: E402
from rules.variants_sounds import HOMOPHONES, SOUNDS, SPELLED, gate  # noqa: E402
from rules.variants_wake import OtherSpellings  # noqa: E402

# Neither side makes a word with anything, denies or quotes.
SENTENCE = ("您好呀，", "，谢谢啦")
GAPS = " .*-_~/|^ 　•·"
IDLE = "🎉✨👌🙏💪😀"  # emoji that are read as nothing
Maker = Callable[[str, bool, random.Random], str]  # word, flagged `pinyin`?, draw


def _back(table: dict[str, str]) -> dict[str, list[str]]:
    back: dict[str, list[str]] = {}
    for source, target in table.items():
        back.setdefault(target, []).append(source)
    return back


def _mapped(name: str) -> dict[str, list[str]]:
    return _back({word[0]: word[1:] for word in MAPPED[name].split(" ")})


FORMS = {name: _mapped(name) for name in ("fullwidth", "circled", "math", "digit_form", "trad")}
LOOKALIKES, PICTURES = _back(CONFUSABLE), _back(EMOJI)
USUAL: dict[str, str] = {}
ALIKE: dict[str, list[str]] = {}
for _syllable, _chars in SPELLED.items():
    for _char in _chars:
        USUAL.setdefault(_char, _syllable)
for _char in sorted(HOMOPHONES):
    for _sound in SOUNDS[_char]:
        ALIKE.setdefault(_sound, []).append(_char)
MIXED_UP = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))


def _swap(forms: dict[str, list[str]]) -> Maker:
    """Every character that has such a form in one of them."""

    def make(word: str, _sounding: bool, rng: random.Random) -> str:
        return "".join(rng.choice(forms[c]) if c in forms else c for c in word.lower())

    return make


def _between(chars: str, most: int) -> Maker:
    def make(word: str, _sounding: bool, rng: random.Random) -> str:
        out = word[0]
        for left, right in pairwise(word):
            # blanks cut Latin words and numbers apart for good; invisible characters do not
            if chars != GAPS or (left >= "\u3400" and right >= "\u3400"):
                gap = "".join(rng.choice(chars) for _ in range(rng.randint(1, most)))
                out += gap.replace("..", ".")  # an ellipsis ends a sentence, by design
            out += right
        return out

    return make


def _repeat(word: str, _sounding: bool, rng: random.Random) -> str:
    return "".join(c * rng.randint(1, 3) if c >= "\u3400" else c for c in word)


def _picture(word: str, _sounding: bool, rng: random.Random) -> str:
    for read, pictures in PICTURES.items():
        word = word.replace(read, rng.choice(pictures))
    return word


def _pictures_and_others(word: str, sounding: bool, rng: random.Random) -> str:
    """Some emoji for a character, and between others one that says nothing."""
    written = ""
    for left, right in pairwise(_picture(word, sounding, rng) + "\0"):
        chinese = left >= "\u3400" and right >= "\u3400"
        written += left + (rng.choice([*IDLE, *EMOJI]) if chinese and rng.random() < 0.5 else "")  # noqa: PLR2004
    return written if any(c in EMOJI or c in IDLE for c in written) else word


def _apart(word: str, _sounding: bool, rng: random.Random) -> str:
    """About half of the characters, and one at least."""
    folded = fold(word).text
    ways = {c: parts(c, folded) for c in folded}
    able = [c for c in folded if ways[c]]
    chosen = {c for c in able if rng.random() < 0.5} or set(able[:1])  # noqa: PLR2004
    return "".join(rng.choice(ways[c]) if c in chosen else c for c in folded)


def _latin(syllable: Callable[[str, random.Random], str]) -> Maker:
    def make(word: str, sounding: bool, rng: random.Random) -> str:
        if not sounding:
            return word
        folded, blank = fold(word).text, rng.choice(["", " "])
        cut = 0 if rng.random() < 0.5 else rng.randint(1, len(folded) - 1)  # noqa: PLR2004
        return folded[:cut] + blank.join(syllable(c, rng) for c in folded[cut:])

    return make


def _mistaken(char: str, rng: random.Random) -> str:
    """The syllable as people mix it up."""
    syllable = USUAL[char]
    for one, other in MIXED_UP:
        if syllable.startswith(one) and len(syllable) > len(one):
            syllable = rng.choice([one, other]) + syllable.removeprefix(one)
            break
    return syllable.removesuffix("g") if syllable.endswith("ng") else syllable


def _alike(word: str, sounding: bool, rng: random.Random) -> str:
    """Characters of the same sound for half of them or more."""
    if not sounding:
        return word
    return "".join(
        rng.choice(ALIKE[SOUNDS[c][0]]) if rng.random() < 0.7 and SOUNDS[c][0] in ALIKE else c  # noqa: PLR2004
        for c in fold(word).text
    )


def _mixed(word: str, sounding: bool, rng: random.Random) -> str:
    """Two of the ways one after the other, of those that may be heaped up."""
    first = rng.choice([_apart, _repeat, _picture, _swap(LOOKALIKES), _swap(FORMS["trad"]), _alike])
    second = rng.choice([_between("\u200b\u200d\ufeff", 1), _between(GAPS, 1)])
    return second(first(word, sounding, rng), sounding, rng)


CLASSES: dict[str, tuple[str, str, Maker]] = {
    "plain": ("as it stands", "原样", lambda word, _sounding, _rng: word),
    "fullwidth": ("full-width letters and digits", "全角", _swap(FORMS["fullwidth"])),
    "circled": ("circled and squared letters, digits", "圈字", _swap(FORMS["circled"])),
    "math": ("mathematical letters", "数学字母", _swap(FORMS["math"])),
    "digit_form": ("digits of other forms", "异形数字", _swap(FORMS["digit_form"])),
    "trad": ("traditional characters", "繁体", _swap(FORMS["trad"])),
    "zero_width": (
        "invisible characters", "零宽字符", _between("\u200b\u200c\u200d\u2060\ufeff\u00ad", 3),
    ),
    "combining": ("marks over characters", "附加符号", _between("\u0336\u0301\u20e3", 2)),
    "gap": ("symbols and blanks between", "插入间隔", _between(GAPS, 3)),
    "confusable": ("letters that look alike", "形近字母", _swap(LOOKALIKES)),
    "repeat": ("repeated characters", "叠字", _repeat),
    "emoji": ("emoji for a character", "表情谐读", _picture),
    "emoji_mix": ("emoji, one read, another not", "表情，有读有不读", _pictures_and_others),
    "chaizi": ("characters taken apart", "拆字", _apart),
    "pinyin": ("pinyin, whole or the end (flagged words)", "拼音（有标记的词）",
               _latin(lambda c, _rng: USUAL[c])),
    "fuzzy": ("pinyin mixed up (flagged words)", "模糊音（有标记的词）", _latin(_mistaken)),
    "sound": ("characters of the same sound (flagged words)", "谐音字（有标记的词）", _alike),
    "mixed": ("two of these together", "混合", _mixed),
}  # fmt: skip


class Case(NamedTuple):
    """A disguised word in a sentence: text[first:last]."""

    kind: str
    book: Lexicon
    word: str
    text: str
    first: int
    last: int


def cases(books: list[Lexicon], seed: int, tries: int) -> Iterator[Case]:
    """All spellings, the same for the same seed and lexicons."""
    for kind, (_, _, make) in CLASSES.items():
        rng = random.Random(f"{seed}:{kind}")  # noqa: S311 - a repeatable draw
        for book in books:
            for word in book.words:
                made = {make(word, word in book.pinyin, rng) for _ in range(tries)}
                for written in sorted(made if kind == "plain" else made - {word}):
                    first = len(SENTENCE[0])
                    text = SENTENCE[0] + written + SENTENCE[1]
                    yield Case(kind, book, word, text, first, first + len(written))


class Ours:
    """The scan of all lexicons and their search, as the matcher and a rule do them."""

    def __init__(self, books: list[Lexicon]) -> None:
        words = sorted({flat for book in books for flat in book.folded})
        sounding = sorted({flat for book in books for flat in book.sounding})
        self._others = OtherSpellings(words, sounding)
        plain = [*map(re2.escape, words), *map(gate, sounding)]
        self._scan = scanner([*plain, *self._others.gates]).scan
        self._gates_from = len(plain)

    def wakes(self, text: str) -> bool:
        """Would the text be looked into?"""
        folded = fold(text)
        fired = self._scan(folded.text.encode("utf-8", "replace"))
        if any(at < self._gates_from for at in fired):
            return True
        return bool((fired or folded.readable) and self._others.woken(folded))

    def find(self, book: Lexicon, text: str) -> list[tuple[int, int]]:
        """Spans in the original of words that count."""
        return [
            place.text.origin(place.start, place.end)
            for place in book.places(fold(text))
            if not place.why and not negated(place.text.text, place.start, place.end)
        ]


def clean_texts(seed: int, wanted: int) -> list[str]:
    """Texts of simulated talk without planted cases."""
    decoder = Decoder("t")
    records = Run(Parameters(seed=seed, messages=wanted, violations=0)).records()
    texts = (decoder.draft(line(item, "t", 1).encode()).text for item in records)
    return [text for text in texts if text]


def main() -> None:
    """Print both measurements as Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--tries", type=int, default=2, help="spellings of a word in a class")
    options.add_argument("--clean", type=int, default=20_000, help="messages of the clean day")
    options.add_argument("--missed", type=int, default=0, help="examples of misses to show a class")
    options.add_argument("--houbb", action="store_true", help="beside houbb/sensitive-word")
    given = options.parse_args()
    books = [book for book in load_lexicons(ROOT / "rules" / "lexicons").values() if book.words]
    ours, all_cases = Ours(books), list(cases(books, given.seed, given.tries))
    clean = clean_texts(given.seed, given.clean)
    theirs: list[list[tuple[int, int]]] = []
    if given.houbb:
        from scripts import houbb  # noqa: PLC0415

        words = sorted({word for book in books for word in book.words})
        theirs = houbb.find(words, [*(case.text for case in all_cases), *clean])
    print(f"{sum(len(book.words) for book in books):,} words of {len(books)} lexicons")
    print("| class | 类别 | spellings | found | recall |" + (" houbb |" if theirs else ""))
    print("| --- | --- | ---: | ---: | ---: |" + (" ---: |" if theirs else ""))
    for kind, (en, zh, _) in CLASSES.items():
        tried, right, other, missed = 0, 0, 0, []
        for at, case in enumerate(all_cases):
            if case.kind != kind:
                continue
            tried += 1
            spans = ours.find(case.book, case.text) if ours.wakes(case.text) else []
            hit = any(s < case.last and e > case.first for s, e in spans)
            right += hit
            missed += [] if hit else [f"{case.word}<{case.text}>"]
            if theirs:
                other += any(s < case.last and e > case.first for s, e in theirs[at])
        row = f"| {en} | {zh} | {tried:,} | {right:,} | {right / max(1, tried):.1%} |"
        print(row + (f" {other / max(1, tried):.1%} |" if theirs else ""), flush=True)
        for one in missed[: given.missed]:
            print(f"    {one}")
    hits = [t for t in clean if ours.wakes(t) and any(ours.find(book, t) for book in books)]
    print(f"clean texts {len(clean):,}; with a hit: ours {len(hits)}", end="")
    print(f", houbb {sum(map(bool, theirs[len(all_cases) :]))}" if theirs else "")
    for text in hits[: 3 * given.missed]:
        print(f"    {text}")


if __name__ == "__main__":
    main()
