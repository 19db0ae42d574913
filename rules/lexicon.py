"""Word lists that rules refer to by name, with the phrases in which a word does not count.

A file `rules/lexicons/<name>.yaml`:

    name: guarantee-promise      # as the file
    title: 承诺保本保收益
    owner: compliance            # who answers for the list
    expires: null                # or a date after which the list must be reviewed
    scene: finance               # business scene the list is made for
    words:
      - 保本
      - {word: 稳赚不赔, pinyin: true}      # also wen zhuan bu pei, 稳赚bu pei
      - {word: 转我, boundary: true}       # not in 周转我们
    allow: [不保本, 确保本周]      # a word inside one of these phrases is not counted
    values: []                   # reference values (company accounts) that rules except

Words and phrases are folded (`rules.fold`), so they are compared with folded text. Words are found
in their other spellings too (`rules.variants_lattice`); phrases to allow only as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.fold import Folded, fold
from rules.variants_bounds import cut_out
from rules.variants_lattice import Lattice
from rules.variants_sounds import SHORTEST, spelled
from rules.word_tree import WordTree
from rules.yaml_source import Document, load_documents

_REQUIRED = ("name", "title", "owner")
_TEXTS = (*_REQUIRED, "scene")
_LISTS = ("words", "allow", "values")
_FLAGS = ("pinyin", "boundary")
_KEYS = (*_TEXTS, "expires", *_LISTS)


class Place(NamedTuple):
    """A word of a lexicon in a text: text.text[start:end]. `why` it does not count: "run" (inside
    other letters or digits), "boundary" (cut out of other words), "allowed"; "" where it counts.
    `variants`: how it is written otherwise, beyond what folding took off."""

    text: Folded
    start: int
    end: int
    word: str  # as the lexicon writes it
    variants: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Lexicon:
    """One word list. `folded[i]` is the folded form of `words[i]`; words are without duplicates.
    `pinyin`, `boundary`: the words so flagged.
    """

    name: str
    title: str = ""
    owner: str = ""
    scene: str = ""
    expires: date | None = None
    words: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    pinyin: frozenset[str] = frozenset()
    boundary: frozenset[str] = frozenset()
    folded: tuple[str, ...] = field(init=False)
    _allow: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fold the words once and prepare the search."""
        phrases = [fold(phrase).text for phrase in self.allow]
        put = object.__setattr__  # the class is frozen for everybody else
        put(self, "folded", tuple(fold(word).text for word in self.words))
        put(self, "_allow", _any_of(phrases) if phrases else None)
        put(self, "_longest", max(map(len, phrases), default=0))

    @cached_property
    def sounding(self) -> tuple[str, ...]:
        """The folded words that are found by their sound."""
        pairs = zip(self.words, self.folded, strict=True)
        return tuple(flat for word, flat in pairs if word in self.pinyin)

    @cached_property
    def _tree(self) -> WordTree:
        return WordTree(self.folded, self.sounding)

    def places(self, text: Folded) -> Iterator[Place]:
        """Where words stand in the folded `text`: first as they are, then written otherwise. The
        first that counts at a place, the longest first, ends the search there; those that do not
        count are told as well."""
        yield from self._plain(text)
        kept = text.kept()
        at = 0
        for found in Lattice(kept.text, self._tree).sightings(everywhere=True):
            for start, end, index, variants in found:
                if start < at:
                    break
                why = self._why_not(kept.text, start, end, self.words[index])
                yield Place(kept, start, end, self.words[index], variants, why)
                if not why:
                    at = end

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, word as written) of every word that stands in the folded `text` as it is.

        At one place the longest word that counts is told, and words do not overlap.
        """
        found = self._plain(Folded(text, text, None, None))
        return ((place.start, place.end, place.word) for place in found if not place.why)

    def _plain(self, text: Folded) -> Iterator[Place]:
        flat, at = text.text, 0
        while at < len(flat):
            after = at + 1
            for end, index in self._tree.at(flat, at):
                word = self.words[index]
                why = self._why_not(flat, at, end, word)
                yield Place(text, at, end, word, (), why)
                if not why:
                    after = end
                    break
            at = after

    def _why_not(self, text: str, start: int, end: int, word: str) -> str:
        if _cuts_a_run(text, start, end):
            return "run"
        if word in self.boundary and cut_out(text, start, end):
            return "boundary"
        return "allowed" if self._is_allowed(text, start, end) else ""

    def expired(self, on: date) -> bool:
        """Is the list past its date on that day?"""
        return self.expires is not None and on > self.expires

    def _is_allowed(self, text: str, start: int, end: int) -> bool:
        """Does an allowed phrase cover text[start:end]? Looks only as far as a phrase is long."""
        at, last = max(0, end - self._longest), start + self._longest
        while self._allow and (match := self._allow.search(text, at, last)):
            if match.start() > start:
                return False
            if match.end() >= end:
                return True
            at = match.start() + 1
        return False


def _cuts_a_run(text: str, start: int, end: int) -> bool:
    """Does the span begin or end inside a run of ASCII letters and digits?

    「0风险」 is not in 「养老目标2040风险等级」, nor "vx" in "devx". A number may follow letters
    of a word that begins in Chinese: 「加我vx123456」 holds 「加我vx」.
    """
    if start > 0 and _ascii_word(text[start - 1]) and _ascii_word(text[start]):
        return True
    if end == len(text) or not (_ascii_word(text[end - 1]) and _ascii_word(text[end])):
        return False
    letters_then_digits = text[end - 1].isalpha() and text[end].isdigit()
    return _ascii_word(text[start]) or not letters_then_digits


def _ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _any_of(words: list[str]) -> re.Pattern[str]:
    """Longest first."""
    return re.compile("|".join(map(re.escape, sorted(words, key=lambda w: (-len(w), w)))))


def load_lexicon(path: Path | str, text: str | None = None) -> Lexicon:
    """One lexicon file.

    Raises:
        RuleError: not YAML, an unknown or missing key, a wrong type, an empty or repeated word,
            a name that is not the file's; says where and what to do.
    """
    file = Path(path)
    try:
        source = file.read_text(encoding="utf-8") if text is None else text
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(
            f"cannot read the lexicon: {error}",
            f"读不了词库：{error}",
            path=str(file),
            code="MJ018",
        ) from None
    documents = load_documents(str(file), source)
    if len(documents) != 1:
        raise RuleError(
            f"a lexicon file holds one document, this one {len(documents)}",
            f"一个词库文件只能有一个文档，这里有 {len(documents)} 个",
            path=str(file),
            code="MJ401",
        )
    return _build(documents[0], file)


def load_lexicons(folder: Path | str) -> dict[str, Lexicon]:
    """All lexicons of a directory by name; an empty directory has none.

    Raises:
        MingjianError: no such directory.
        RuleError: the first broken file.
    """
    root = Path(folder)
    if not root.is_dir():
        raise MingjianError(
            f"no lexicon directory {root}", f"没有词库目录 {root}", exit_code=EXIT_USAGE
        )
    lexicons = (load_lexicon(file) for file in sorted(root.glob("*.y*ml")))
    return {lexicon.name: lexicon for lexicon in lexicons}


def _build(document: Document, file: Path) -> Lexicon:
    document.only((), _KEYS)
    value = document.value
    # a list of reference values only needs no title and no owner
    for key in _REQUIRED if value.get("words") else _REQUIRED[:1]:
        if key not in value:
            raise document.error((), f"'{key}' is missing", f"缺少“{key}”", code="MJ402")
    for key in _TEXTS:
        if key in value and not (isinstance(value[key], str) and value[key].strip()):
            raise document.error(
                (key,), f"'{key}' must be a text", f"“{key}”必须是非空文本", code="MJ403"
            )
    if value["name"] != file.stem:
        raise document.error(
            ("name",),
            f"the name '{value['name']}' is not the file's",
            f"名称“{value['name']}”与文件名不一致",
            fix_en=f"write '{file.stem}', or rename the file",
            fix_zh=f"写成“{file.stem}”，或改文件名",
            code="MJ404",
        )
    expires = value.get("expires")
    if expires is not None and type(expires) is not date:
        raise document.error(
            ("expires",),
            "'expires' must be a date or null",
            "“expires”必须是日期或 null",
            fix_en="write it as 2026-12-31",
            fix_zh="写成 2026-12-31 的形式",
            code="MJ405",
        )
    if not value.get("words") and not value.get("values"):
        raise document.error(
            ("words",),
            "the lexicon is empty: no words and no values",
            "词库是空的：没有词也没有值",
            code="MJ406",
        )
    words, flags = _words(document)
    return Lexicon(
        name=value["name"],
        title=value.get("title", ""),
        owner=value.get("owner", ""),
        scene=value.get("scene", ""),
        expires=expires,
        words=words,
        pinyin=flags["pinyin"],
        boundary=flags["boundary"],
        allow=_texts(document, "allow"),
        values=_texts(document, "values"),
    )


def _words(document: Document) -> tuple[tuple[str, ...], dict[str, frozenset[str]]]:
    """The words, each a text or a mapping with flags, and the words of each flag."""
    items: Any = document.value.get("words")
    flags: dict[str, set[str]] = {flag: set() for flag in _FLAGS}
    plain = list(items) if isinstance(items, list) else items
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        at = ("words", str(index))
        document.only(at, ("word", *_FLAGS))
        word = plain[index] = item.get("word")
        for flag in _FLAGS:
            if not isinstance(item.get(flag, False), bool):
                raise document.error(
                    (*at, flag),
                    f"'{flag}' is true or false",
                    f"“{flag}”只能是 true 或 false",
                    code="MJ407",
                )
            if item.get(flag) and isinstance(word, str):
                flags[flag].add(word)
        if item.get("pinyin") and isinstance(word, str) and not spelled(fold(word).text):
            raise document.error(
                (*at, "pinyin"),
                f"'{word}' cannot be looked for in pinyin: it has fewer than {SHORTEST} "
                "characters, or one whose syllable is not known",
                f"“{word}”不能按拼音查找：不足 {SHORTEST} 个字，或其中有字的拼音未收录",
                fix_en="remove 'pinyin'",
                fix_zh="请删去“pinyin”",
                code="MJ408",
            )
    return _texts(document, "words", plain), {flag: frozenset(of) for flag, of in flags.items()}


def _texts(document: Document, key: str, items: Any = None) -> tuple[str, ...]:
    """A list of non-empty texts, no two of which fold to the same."""
    if items is None:
        items = document.value.get(key)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise document.error((key,), f"'{key}' must be a list", f"“{key}”必须是列表", code="MJ409")
    seen: dict[str, str] = {}
    for index, item in enumerate(items):
        at = (key, str(index))
        if not isinstance(item, str):
            raise document.error(
                at,
                f"'{item}' in '{key}' is not a text",
                f"“{key}”里的“{item}”不是文本",
                fix_en="put it in quotation marks",
                fix_zh="请加引号",
                code="MJ410",
            )
        folded = fold(item).text
        if not folded.strip():
            raise document.error(
                at, f"an empty entry in '{key}'", f"“{key}”里有空条目", code="MJ411"
            )
        if folded in seen:
            raise document.error(
                at,
                f"'{item}' in '{key}' is there already, as '{seen[folded]}'",
                f"“{key}”里的“{item}”重复（已有“{seen[folded]}”）",
                fix_en="remove one of them",
                fix_zh="请删去一个",
                code="MJ412",
            )
        seen[folded] = item
    return tuple(items)
