"""How a word sounds: pinyin and characters of the same sound, for words flagged `pinyin`.

Sounds are toneless and as people mix them up: zh, ch, sh are z, c, s; n is l; a final ng is n.
「家我威信」 and "jia wo wei xin" sound like 加我微信. Other characters of the sound count when they
are among the 3 755 of level 1 of GB/T 2312, those that input methods offer first.
"""

from __future__ import annotations

import re
from functools import cache

from rules.character_tables import SYLLABLES

SHORTEST = 3  # characters; what sounds like a shorter word is too often something else
SPELLED = dict(re.findall(r"([a-z]+)([^a-z\s]+)", SYLLABLES))  # {syllable: characters read so}
_GATE = 3  # characters of a word that the scan of all rules looks at
_TONE = "[1-5]?"
_BLANKS = "[ '-]{0,2}"  # a class and no more, so that every engine reads it alike
BLANKS = frozenset(" '-")
LONGEST_SYLLABLE = 6


def sound(syllable: str) -> str:
    """The sound of a toneless syllable: its spelling without what people mix up."""
    for retroflex in ("zh", "ch", "sh"):
        if syllable.startswith(retroflex):
            syllable = retroflex[0] + syllable[2:]
    if syllable[0] == "n" and len(syllable) > 1 and syllable != "ng":
        syllable = "l" + syllable[1:]
    if syllable.endswith("ng") and syllable != "ng":
        syllable = syllable[:-1]
    return syllable.replace("v", "u")  # lü is typed lv, and folded lu


def is_common(char: str) -> bool:
    """Is it of level 1 of GB/T 2312-1980?"""
    try:
        return b"\xb0" <= char.encode("gb2312")[:1] < b"\xd8"
    except UnicodeEncodeError:
        return False


def _mistaken(syllable: str) -> list[str]:
    """Spellings of a syllable by those who mix sounds up; some, like gon, are no syllables."""
    initials = {syllable}
    for retroflex in ("zh", "ch", "sh"):
        if syllable.startswith(retroflex):
            initials.add(retroflex[0] + syllable[2:])
    if syllable[0] in "nl" and len(syllable) > 1:
        initials |= {"n" + syllable[1:], "l" + syllable[1:]}
    written = initials | {one[:-1] for one in initials if one.endswith("ng") and len(one) > 2}  # noqa: PLR2004
    return sorted(written | {one.replace("v", "u") for one in written})


def _tables() -> tuple[dict[str, str], dict[str, tuple[str, ...]], dict[str, list[str]]]:
    """({syllable: sound}, {character: sounds}, {sound: common characters})."""
    spelled: dict[str, str] = {}
    read: dict[str, tuple[str, ...]] = {}
    written: dict[str, list[str]] = {}
    for syllable, chars in SPELLED.items():
        own = spelled[syllable] = sound(syllable)
        for char in chars:
            if own not in read.get(char, ()):
                read[char] = (*read.get(char, ()), own)
                if is_common(char):
                    written.setdefault(own, []).append(char)
    for syllable, own in list(spelled.items()):
        for mistaken in _mistaken(syllable):
            spelled.setdefault(mistaken, own)
    return spelled, read, written


SOUND_OF, SOUNDS, WRITTEN = _tables()
HOMOPHONES = frozenset(char for chars in WRITTEN.values() for char in chars)


def spelled(word: str) -> bool:
    """Can the folded word be looked for by its sound: long enough, all its characters known?"""
    return len(word) >= SHORTEST and all(char in SOUNDS for char in word)


@cache
def gate(word: str) -> str:
    """Source of a linear-time regex (Hyperscan, RE2) that occurs in each folded text that has
    something sounding like the folded `word`, written without other disguises."""
    return "".join(_place(char) for char in word[:_GATE])


@cache
def _place(char: str) -> str:
    chars = {char}.union(*(WRITTEN.get(own, ()) for own in SOUNDS[char]))
    latin = sorted(s for s, own in SOUND_OF.items() if own in SOUNDS[char])
    return f"(?:[{''.join(sorted(chars))}]|(?:{'|'.join(latin)}){_TONE}{_BLANKS})"
