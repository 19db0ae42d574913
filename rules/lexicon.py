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
in their other spellings too (`rules.variants_words`); phrases to allow only as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.fold import fold
from rules.variants_bounds import cut_out
from rules.variants_words import SYLLABLES, disguises, pattern, spelled
from rules.yaml_source import Document, load_documents

_REQUIRED = ("name", "title", "owner")
_TEXTS = (*_REQUIRED, "scene")
_LISTS = ("words", "allow", "values")
_FLAGS = ("pinyin", "boundary")
_KEYS = (*_TEXTS, "expires", *_LISTS)


@dataclass(frozen=True)
class Lexicon:
    """One word list. `folded[i]` is the folded form of `words[i]`, `patterns[i]` the regex of it
    and its variants; words are without duplicates. `pinyin`, `boundary`: the words so flagged.
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
    patterns: tuple[str, ...] = field(init=False, compare=False)
    _words: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _allow: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _written: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _longest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fold the words once and prepare the search."""
        folded = tuple(fold(word).text for word in self.words)
        phrases = [fold(phrase).text for phrase in self.allow]
        put = object.__setattr__  # the class is frozen for everybody else
        patterns = tuple(
            pattern(flat, word in self.pinyin)
            for flat, word in zip(folded, self.words, strict=True)
        )
        # longest first, so that 保本保息 is not reported as 保本
        order = sorted(range(len(folded)), key=lambda i: (-len(folded[i]), folded[i]))
        put(self, "folded", folded)
        put(self, "patterns", patterns)
        put(self, "_words", re.compile("|".join(f"({patterns[i]})" for i in order)))
        put(self, "_allow", _any_of(phrases) if phrases else None)
        put(self, "_longest", max(map(len, phrases), default=0))
        put(self, "_written", tuple(self.words[i] for i in order))

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, word as written) of every word in the folded `text` outside allowed phrases.

        At one place the longest word counts, and words do not overlap.
        """
        at = 0
        while self.words and (match := self._words.search(text, at)):
            start, end = match.span()
            word = self._written[(match.lastindex or 1) - 1]
            if (
                _cuts_a_run(text, start, end)
                or (word in self.boundary and cut_out(text, start, end))
                or self._is_allowed(text, start, end)
            ):
                at = start + 1
                continue
            yield start, end, word
            at = end

    def disguises(self, word: str, piece: str) -> tuple[str, ...]:
        """Names of the variants by which `piece` of a folded text is a word that `find` gave."""
        flat = fold(word).text
        return () if piece == flat else disguises(flat, piece)

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
        extra = documents[1] if documents else Document(str(file), {}, {})
        raise extra.error(
            (),
            f"a lexicon file holds one document, this one {len(documents)}",
            f"一个词库文件只能有一个文档，这里有 {len(documents)} 个",
            code="MJ401",
        )
    return build(documents[0], file)


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


def build(document: Document, file: Path) -> Lexicon:
    """The lexicon of a document of `file`.

    Raises:
        RuleError: see `load_lexicon`.
    """
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
                f"'{word}' cannot be looked for in pinyin: it has fewer than {SYLLABLES} "
                "characters, or one whose syllable is not known",
                f"“{word}”不能按拼音查找：不足 {SYLLABLES} 个字，或其中有字的拼音未收录",
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
