"""Lexicon files -> `rules.lexicon.Lexicon`: strict, every error with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.fold import fold
from rules.lexicon import Lexicon
from rules.variants_sounds import SHORTEST, spelled
from rules.yaml_files import yaml_files
from rules.yaml_source import Document, load_documents

_REQUIRED = ("name", "title", "owner")
_TEXTS = (*_REQUIRED, "scene")
_LISTS = ("words", "allow", "values")
_FLAGS = ("pinyin", "boundary")
KEYS = (*_TEXTS, "expires", *_LISTS, "synonyms", "scenes")
MAX_SPELLINGS = 64  # that synonyms may make of one word


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
    lexicons = (load_lexicon(file) for file in yaml_files(root))
    return {lexicon.name: lexicon for lexicon in lexicons}


def build(document: Document, file: Path) -> Lexicon:
    """The lexicon of a document of `file`.

    Raises:
        RuleError: see `load_lexicon`.
    """
    document.only((), KEYS)
    value = document.value
    # a list of reference values only needs no title and no owner
    for key in _REQUIRED if value.get("words") or value.get("scenes") else _REQUIRED[:1]:
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
    if not any(value.get(key) for key in ("words", "values", "scenes")):
        raise document.error(
            ("words",),
            "the lexicon is empty: no words and no values",
            "词库是空的：没有词也没有值",
            code="MJ406",
        )
    synonyms = _synonyms(document)
    common = _Words(*_words(document, ()), _texts(document, ("allow",)))
    scenes = {}
    for name in _scenes(document):
        at = ("scenes", name)
        document.only(at, ("words", "allow"))
        own = _Words(*_words(document, at), _texts(document, (*at, "allow")))
        scenes[name] = _made(document, common.joined(own), synonyms)
    return replace(
        _made(document, common, synonyms),
        title=value.get("title", ""),
        owner=value.get("owner", ""),
        scene=value.get("scene", ""),
        expires=expires,
        values=_texts(document, ("values",)),
        scenes=scenes,
    )


@dataclass(frozen=True)
class _Words:
    words: tuple[str, ...]
    flags: Mapping[str, frozenset[str]]
    allow: tuple[str, ...]

    def joined(self, own: _Words) -> _Words:
        """With those of a scene; what both have is there once."""
        return _Words(
            tuple(dict.fromkeys((*self.words, *own.words))),
            {flag: self.flags[flag] | own.flags[flag] for flag in _FLAGS},
            tuple(dict.fromkeys((*self.allow, *own.allow))),
        )


def _made(document: Document, said: _Words, synonyms: Mapping[str, tuple[str, ...]]) -> Lexicon:
    """The lexicon of these words and of their spellings by synonyms."""
    spelling_of: dict[str, str] = {}
    taken = {fold(word).text for word in said.words}
    for word in said.words:
        for other in _spellings(document, word, synonyms):
            if (flat := fold(other).text) not in taken:
                taken.add(flat)
                spelling_of[other] = word
    flags = {
        flag: marked | {other for other, word in spelling_of.items() if word in marked}
        for flag, marked in said.flags.items()
    }
    pinyin = frozenset(one for one in flags["pinyin"] if spelled(fold(one).text))
    return Lexicon(
        name=document.value["name"],
        words=(*said.words, *spelling_of),
        pinyin=pinyin,
        boundary=flags["boundary"],
        spelling_of=spelling_of,
        allow=said.allow,
    )


def _spellings(
    document: Document, word: str, synonyms: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    held = [key for key in synonyms if key in word]
    rows = product(*((key, *synonyms[key]) for key in held))
    for number, row in enumerate(rows):
        if number >= MAX_SPELLINGS:
            raise document.error(
                ("synonyms",),
                f"the synonyms make more than {MAX_SPELLINGS} spellings of '{word}'",
                f"同义写法使“{word}”超过 {MAX_SPELLINGS} 种写法",
                fix_en="write the word's spellings out, or shorten the list",
                fix_zh="请直接列出这个词的写法，或缩短同义词表",
                code="MJ712",
            )
        spelt = word
        for key, other in zip(held, row, strict=True):
            spelt = spelt.replace(key, other)
        if spelt != word:
            yield spelt


def _scenes(document: Document) -> Mapping[str, Any]:
    found: Any = document.value.get("scenes")
    if found is None:
        return {}
    wrong: list[tuple[str, ...]] = []
    if not isinstance(found, dict):
        wrong.append(("scenes",))
    else:
        for name, own in found.items():
            if not isinstance(name, str) or not name.strip() or not isinstance(own, dict):
                wrong.append(("scenes", "null" if name is None else str(name)))
    for at in wrong[:1]:
        raise document.error(
            at,
            "'scenes' must be a mapping of names, which are texts, to {words: […]}",
            "scenes 必须是 名称: {words: […]} 的映射，名称是文本",
            fix_en="write scenes: {insurance: {words: [返佣]}}",
            fix_zh="写成 scenes: {insurance: {words: [返佣]}}",
            code="MJ419",
        )
    return dict(found)


def _synonyms(document: Document) -> dict[str, tuple[str, ...]]:
    found = document.value.get("synonyms") or {}
    if not isinstance(found, dict) or not all(isinstance(key, str) and key for key in found):
        raise document.error(
            ("synonyms",),
            "'synonyms' must be a mapping of words to lists",
            "synonyms 必须是 词: [写法] 的映射",
            code="MJ713",
        )
    return {key: _texts(document, ("synonyms", key)) for key in found}


def _words(
    document: Document, at: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, frozenset[str]]]:
    """The words, each a text or a mapping with flags, and the words of each flag."""
    place = (*at, "words")
    items: Any = _at(document, place)
    flags: dict[str, set[str]] = {flag: set() for flag in _FLAGS}
    plain = list(items) if isinstance(items, list) else items
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        at = (*place, str(index))
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
    return _texts(document, place, plain), {flag: frozenset(of) for flag, of in flags.items()}


def _at(document: Document, place: tuple[str, ...]) -> Any:
    found: Any = document.value
    for step in place:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _texts(document: Document, place: tuple[str, ...], items: Any = None) -> tuple[str, ...]:
    """A list of non-empty texts, no two of which fold to the same."""
    key = place[-1]
    if items is None:
        items = _at(document, place)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise document.error(place, f"'{key}' must be a list", f"“{key}”必须是列表", code="MJ409")
    seen: dict[str, str] = {}
    for index, item in enumerate(items):
        at = (*place, str(index))
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
