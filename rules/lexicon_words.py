"""The words of a lexicon file, its scenes and synonyms, read and checked one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from rules.fold import fold
from rules.lexicon import Lexicon
from rules.problems import Problems
from rules.variants_sounds import SHORTEST, spelled
from rules.yaml_source import Document

_FLAGS = ("pinyin", "boundary")
MAX_SPELLINGS = 64  # that synonyms may make of one word
MAX_TIMES = 1_000_000  # words times scenes, and words times synonyms
_TOLD = object()  # in the place of a word that is wrong


@dataclass(frozen=True)
class Words:
    """Words, the words of each flag, and the phrases in which they do not count."""

    words: tuple[str, ...]
    flags: Mapping[str, frozenset[str]]
    allow: tuple[str, ...]

    def joined(self, own: Words) -> Words:
        """With those of a scene; what both have is there once."""
        return Words(
            tuple(dict.fromkeys((*self.words, *own.words))),
            {flag: self.flags[flag] | own.flags[flag] for flag in _FLAGS},
            tuple(dict.fromkeys((*self.allow, *own.allow))),
        )


class WordReader:
    """Reads the parts of the document of the file `stem`; `problems` is told what is wrong."""

    def __init__(self, document: Document, stem: str, problems: Problems) -> None:
        self._document, self._stem, self._problems = document, stem, problems

    def _tell(
        self, at: tuple[str, ...], en: str, zh: str, code: str, fix_en: str = "", fix_zh: str = ""
    ) -> None:
        error = self._document.error(at, en, zh, fix_en=fix_en, fix_zh=fix_zh, code=code)
        self._problems.tell(error)

    def _at(self, place: tuple[str, ...]) -> Any:
        found: Any = self._document.value
        for step in place:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def made(self, said: Words, synonyms: Mapping[str, tuple[str, ...]]) -> Lexicon:
        """The lexicon of these words and of their spellings by synonyms."""
        spelling_of = self._spellings(said.words, synonyms) if synonyms else {}
        flags = {
            flag: marked | {other for other, word in spelling_of.items() if word in marked}
            for flag, marked in said.flags.items()
        }
        pinyin = frozenset(one for one in flags["pinyin"] if spelled(fold(one).text))
        return Lexicon(
            name=self._stem,
            words=(*said.words, *spelling_of),
            pinyin=pinyin,
            boundary=flags["boundary"],
            spelling_of=spelling_of,
            allow=said.allow,
        )

    def _spellings(
        self, words: tuple[str, ...], synonyms: Mapping[str, tuple[str, ...]]
    ) -> dict[str, str]:
        """Spelling -> the word it is made of."""
        found: dict[str, str] = {}
        taken = {fold(word).text for word in words}
        for word in words:
            for other in self._spelt(word, synonyms):
                if (flat := fold(other).text) not in taken:
                    taken.add(flat)
                    found[other] = word
        return found

    def _spelt(self, word: str, synonyms: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        held = [key for key in synonyms if key in word]
        rows = product(*((key, *synonyms[key]) for key in held))
        for number, row in enumerate(rows):
            if number >= MAX_SPELLINGS:
                self._tell(
                    ("synonyms",),
                    f"the synonyms make more than {MAX_SPELLINGS} spellings of '{word}'",
                    f"同义写法使“{word}”超过 {MAX_SPELLINGS} 种写法",
                    "MJ712",
                    "write the word's spellings out, or shorten the list",
                    "请直接列出这个词的写法，或缩短同义词表",
                )
                return
            spelt = word
            for key, other in zip(held, row, strict=True):
                spelt = spelt.replace(key, other)
            if spelt != word:
                yield spelt

    def scenes(self, words: int) -> list[str]:
        """Names of the scenes; each repeats the `words` that are common to all."""
        found: Any = self._document.value.get("scenes")
        if found is None:
            return []
        wrong: list[tuple[str, ...]] = []
        right = []
        if not isinstance(found, dict):
            wrong.append(("scenes",))
        else:
            for name, own in found.items():
                if isinstance(name, str) and name.strip() and isinstance(own, dict):
                    right.append(name)
                else:
                    wrong.append(("scenes", "null" if name is None else str(name)))
        for at in wrong:
            self._tell(
                at,
                "'scenes' must be a mapping of names, which are texts, to {words: […]}",
                "scenes 必须是 名称: {words: […]} 的映射，名称是文本",
                "MJ419",
                "write scenes: {insurance: {words: [返佣]}}",
                "写成 scenes: {insurance: {words: [返佣]}}",
            )
        return right if self._fits(("scenes",), len(right), words, "scenes", "场景") else []

    def synonyms(self) -> dict[str, tuple[str, ...]]:
        """Part of a word -> how it is written otherwise."""
        found = self._document.value.get("synonyms") or {}
        if not isinstance(found, dict) or not all(isinstance(key, str) and key for key in found):
            self._tell(
                ("synonyms",),
                "'synonyms' must be a mapping of words to lists",
                "synonyms 必须是 词: [写法] 的映射",
                "MJ713",
            )
            return {}
        words = self._document.value.get("words")
        count = len(words) if isinstance(words, list) else 0
        if not self._fits(("synonyms",), len(found), count, "synonyms", "同义词"):
            return {}
        return {key: self.texts(("synonyms", key)) for key in found}

    def _fits(self, at: tuple[str, ...], number: int, words: int, en: str, zh: str) -> bool:
        """Every word is looked at once for each of them: is that not too much?"""
        if number * words <= MAX_TIMES:
            return True
        self._tell(
            at,
            f"{words} words and {number} {en} are too many in one lexicon: their product may be"
            f" {MAX_TIMES}",
            f"一份词库里 {words} 个词配 {number} 个{zh}太多：两者之积上限是 {MAX_TIMES}",
            "MJ019",
            "split it: one list of words a file",
            "请拆成多份词库",
        )
        return False

    def words(self, at: tuple[str, ...]) -> Words:
        """`words`, each a text or a mapping with flags, and `allow`, below a place."""
        place = (*at, "words")
        items: Any = self._at(place)
        flags: dict[str, set[str]] = {flag: set() for flag in _FLAGS}
        plain = items
        if isinstance(items, list) and any(isinstance(item, dict) for item in items):
            plain = list(items)
            for index, item in enumerate(items):
                if isinstance(item, dict):
                    plain[index] = self._flagged((*place, str(index)), item, flags)
        words = self.texts(place, plain)
        kept = {flag: frozenset(of) for flag, of in flags.items()}
        return Words(words, kept, self.texts((*at, "allow")))

    def _flagged(
        self, at: tuple[str, ...], item: dict[Any, Any], flags: dict[str, set[str]]
    ) -> Any:
        """The word of a mapping, which is put among those of its flags."""
        if self._problems.tell_all(self._document.unknown(at, ("word", *_FLAGS))):
            return _TOLD
        word = item.get("word")
        for flag in _FLAGS:
            if not isinstance(item.get(flag, False), bool):
                self._tell(
                    (*at, flag),
                    f"'{flag}' is true or false",
                    f"“{flag}”只能是 true 或 false",
                    "MJ407",
                )
                return _TOLD
            if item.get(flag) and isinstance(word, str):
                flags[flag].add(word)
        if item.get("pinyin") and isinstance(word, str) and not spelled(fold(word).text):
            self._tell(
                (*at, "pinyin"),
                f"'{word}' cannot be looked for in pinyin: it has fewer than {SHORTEST} "
                "characters, or one whose syllable is not known",
                f"“{word}”不能按拼音查找：不足 {SHORTEST} 个字，或其中有字的拼音未收录",
                "MJ408",
                "remove 'pinyin'",
                "请删去“pinyin”",
            )
        return word

    def texts(self, place: tuple[str, ...], items: Any = None) -> tuple[str, ...]:
        """A list of non-empty texts, no two of which fold to the same."""
        key = place[-1]
        if items is None:
            items = self._at(place)
        if items is None:
            items = []
        if not isinstance(items, list):
            self._tell(place, f"'{key}' must be a list", f"“{key}”必须是列表", "MJ409")
            return ()
        seen: dict[str, str] = {}
        for index, item in enumerate(items):
            if not isinstance(item, str):
                if item is not _TOLD:
                    self._tell(
                        (*place, str(index)),
                        f"'{item}' in '{key}' is not a text",
                        f"“{key}”里的“{item}”不是文本",
                        "MJ410",
                        "put it in quotation marks",
                        "请加引号",
                    )
                continue
            folded = fold(item).text
            if folded in seen:
                self._tell(
                    (*place, str(index)),
                    f"'{item}' in '{key}' is there already, as '{seen[folded]}'",
                    f"“{key}”里的“{item}”重复（已有“{seen[folded]}”）",
                    "MJ412",
                    "remove one of them",
                    "请删去一个",
                )
            elif not folded.strip():
                self._tell(
                    (*place, str(index)),
                    f"an empty entry in '{key}'",
                    f"“{key}”里有空条目",
                    "MJ411",
                )
            else:
                seen[folded] = item
        return tuple(seen.values())
