"""Measures how many disguised words of the shipped lexicons are found, and what clean talk hits.

`.venv/bin/python scripts/measure_variants.py [--seed 7] [--clean 50000]` prints the table of
docs/text.md. Each word is written `TRIES` times in each class in which it can be written, in the
middle of a neutral sentence. A word is found when the lexicon finds it at that very place (or a
shorter or longer word of the same lexicon that overlaps it) and the scan of the message wakes the
rule. False hits are hits of any lexicon in a day of the simulator without planted cases.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rules.variants_words import PINYIN, parts  # noqa: E402

from ingest.simulate.mint import line  # noqa: E402
from ingest.simulate.run import Parameters, Run  # noqa: E402
from rules.calendar import load_calendar  # noqa: E402
from rules.conditions import InLexicon, View  # noqa: E402
from rules.decode import Decoder  # noqa: E402
from rules.fold import fold  # noqa: E402
from rules.fold_table import MAPPED  # noqa: E402
from rules.lexicon import Lexicon  # noqa: E402
from rules.lexicon_file import load_lexicons  # noqa: E402
from rules.message import Message  # noqa: E402
from rules.scan import Scanner, scanner  # noqa: E402
from rules.variants_read import CONFUSABLE, EMOJI  # noqa: E402

TRIES = 5
CALENDAR = load_calendar()
# Neither side makes a word with anything, denies or quotes.
SENTENCE = ("您好呀，", "，谢谢啦")
GAPS = " .*-_~/|^ 　•·"
Maker = Callable[[str, Lexicon, random.Random], str]


def _back(table: dict[str, str]) -> dict[str, list[str]]:
    back: dict[str, list[str]] = {}
    for source, target in table.items():
        back.setdefault(target, []).append(source)
    return back


def _mapped(name: str) -> dict[str, list[str]]:
    return _back({word[0]: word[1:] for word in MAPPED[name].split(" ")})


FORMS = {name: _mapped(name) for name in ("fullwidth", "circled", "math", "digit_form", "trad")}
LOOKALIKES, PICTURES = _back(CONFUSABLE), _back(EMOJI)


def _swap(forms: dict[str, list[str]]) -> Maker:
    """Every character that has such a form in one of them."""

    def make(word: str, _book: Lexicon, rng: random.Random) -> str:
        return "".join(rng.choice(forms[c]) if c in forms else c for c in word.lower())

    return make


def _between(chars: str, most: int) -> Maker:
    def make(word: str, _book: Lexicon, rng: random.Random) -> str:
        out = word[0]
        for left, right in pairwise(word):
            # blanks cut Latin words and numbers apart for good; invisible characters do not
            if chars != GAPS or (left >= "\u3400" and right >= "\u3400"):
                gap = "".join(rng.choice(chars) for _ in range(rng.randint(1, most)))
                out += gap.replace("..", ".")  # an ellipsis ends a sentence, by design
            out += right
        return out

    return make


def _repeat(word: str, _book: Lexicon, rng: random.Random) -> str:
    return "".join(c * rng.randint(1, 3) if c >= "\u3400" else c for c in word)


def _picture(word: str, _book: Lexicon, rng: random.Random) -> str:
    for read, pictures in PICTURES.items():
        word = word.replace(read, rng.choice(pictures))
    return word


def _apart(word: str, _book: Lexicon, rng: random.Random) -> str:
    ways = {c: parts(c, fold(word).text) for c in word}
    return "".join(rng.choice(ways[c]) if ways[c] else c for c in word)


def _pinyin(word: str, book: Lexicon, rng: random.Random) -> str:
    if word not in book.pinyin:
        return word
    blank = rng.choice(["", " "])
    if rng.random() < 0.5:  # noqa: PLR2004 - half of the cases
        return blank.join(PINYIN[c] for c in word)
    cut = rng.randint(1, len(word) - 1)
    return word[:cut] + blank.join(PINYIN[c] for c in word[cut:])


def _mixed(word: str, book: Lexicon, rng: random.Random) -> str:
    """Two of the ways one after the other, of those that may be heaped up."""
    first = rng.choice([_apart, _repeat, _picture, _swap(LOOKALIKES), _swap(FORMS["trad"])])
    second = rng.choice([_between("\u200b\u200d\ufeff", 1), _between(GAPS, 1)])
    return second(first(word, book, rng), book, rng)


CLASSES: dict[str, tuple[str, str, Maker]] = {
    "plain": ("as it stands", "原样", lambda word, _book, _rng: word),
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
    "chaizi": ("characters taken apart", "拆字", _apart),
    "pinyin": ("pinyin, whole or the end (flagged words)", "拼音（有标记的词）", _pinyin),
    "mixed": ("two of these together", "混合", _mixed),
}  # fmt: skip


def found(book: Lexicon, scan: Scanner, written: str) -> bool:
    """Is the word in the middle of the sentence found, by scan and by condition?"""
    text = SENTENCE[0] + written + SENTENCE[1]
    first, last = len(SENTENCE[0]), len(SENTENCE[0]) + len(written)
    folded = fold(text)
    woken = scan.scan(folded.text.encode())
    if folded.readable:
        woken = [*woken, *scan.scan(folded.read().text.encode())]
    message = Message(
        tenant="t", seq=1, msgid="m", kind="archive", type="text", time=0, received_at=0, text=text
    )
    view = View(message, CALENDAR)
    InLexicon("text", book).holds(view)
    return bool(woken) and any(s.start < last and s.end > first for s in view.spans)


def recall(books: list[Lexicon], seed: int) -> list[tuple[str, int, int, list[str]]]:
    """(class, tried, found, some that were missed)."""
    scans = {book.name: scanner(list(book.patterns)) for book in books}
    rows = []
    for name, (_, _, make) in CLASSES.items():
        rng = random.Random(f"{seed}:{name}")  # noqa: S311 - a repeatable draw
        tried, right, missed = 0, 0, []
        for book in books:
            for word in book.words:
                spellings = {make(word, book, rng) for _ in range(TRIES)}
                for written in sorted(spellings if name == "plain" else spellings - {word}):
                    tried += 1
                    if found(book, scans[book.name], written):
                        right += 1
                    else:
                        missed.append(f"{word}<{written}>")
        rows.append((name, tried, right, missed))
    return rows


def clean(books: list[Lexicon], seed: int, wanted: int) -> tuple[int, list[str]]:
    """(texts read, hits) in simulated talk without planted cases."""
    decoder = Decoder("t")
    scan = scanner([pattern for book in books for pattern in book.patterns])
    read, hits = 0, []
    for item in Run(Parameters(seed=seed, messages=wanted, violations=0)).records():
        raw = line(item, "t", 1).encode()
        message = decoder.message(decoder.draft(raw))
        if not message.text:
            continue
        read += 1
        folded = fold(message.text)
        texts = [folded.text, *([folded.read().text] if folded.readable else [])]
        if not any(scan.scan(text.encode("utf-8", "replace")) for text in texts):
            continue
        for book in books:
            view = View(message, CALENDAR)
            InLexicon("text", book).holds(view)
            hits += [f"{book.name}: {s.pattern} <{message.text}>" for s in view.spans]
    return read, hits


def main() -> None:
    """Print both measurements as Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--clean", type=int, default=50_000, help="messages of the clean day")
    options.add_argument("--missed", type=int, default=0, help="examples of misses to show a class")
    given = options.parse_args()
    books = [book for book in load_lexicons(ROOT / "rules" / "lexicons").values() if book.words]
    print(f"{sum(len(book.words) for book in books)} words of {len(books)} lexicons")
    print("| class | 类别 | spellings | found | recall |\n| --- | --- | --- | --- | --- |")
    for name, tried, right, missed in recall(books, given.seed):
        en, zh, _ = CLASSES[name]
        share = f"{right / tried:.1%}" if tried else "—"
        print(f"| {en} | {zh} | {tried:,} | {right:,} | {share} |")
        for one in missed[: given.missed]:
            print(f"    {one}")
    read, hits = clean(books, given.seed, given.clean)
    print(f"clean texts {read:,}, hits {len(hits)}, {len(hits) / read * 10_000:.2f} in 10,000")
    for hit in hits[: 3 * given.missed]:
        print(f"    {hit}")


if __name__ == "__main__":
    main()
