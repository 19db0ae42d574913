"""Lexicon files -> `rules.lexicon.Lexicon`: strict, every error with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rules.errors import EXIT_USAGE, MingjianError
from rules.heading import of_end, of_name, of_texts, only_document
from rules.heads import flood_in
from rules.lexicon import Lexicon
from rules.lexicon_words import WordReader
from rules.problems import Problems
from rules.yaml_files import yaml_files
from rules.yaml_source import Document, read_text

_REQUIRED = ("name", "title", "owner")
_TEXTS = (*_REQUIRED, "scene")
_LISTS = ("words", "allow", "values")
KEYS = (*_TEXTS, "expires", *_LISTS, "synonyms", "scenes")


def load_lexicon(path: Path | str, text: str | None = None) -> Lexicon:
    """One lexicon file.

    Raises:
        RuleError: not YAML, an unknown or missing key, a wrong type, an empty or repeated word,
            a name that is not the file's; says where and what to do.
    """
    file = Path(path)
    source = read_text(file, str(file)) if text is None else text

    def read(part: str, told: Problems) -> Lexicon:
        return build(read_document(str(file), part, told), file.stem, told)

    for error in flood_in(source, read):
        raise error
    return read(source, Problems())


def load_lexicons(folder: Path | str) -> dict[str, Lexicon]:
    """All lexicons of a directory by name; an empty directory has none.

    Raises:
        MingjianError: no such directory.
        RuleError: the first broken file.
    """
    lexicons = (load_lexicon(file) for file in lexicon_files(folder))
    return {lexicon.name: lexicon for lexicon in lexicons}


def lexicon_files(folder: Path | str) -> list[Path]:
    """The lexicon files of a directory, sorted.

    Raises:
        MingjianError: no such directory.
    """
    root = Path(folder)
    if not root.is_dir():
        raise MingjianError(
            f"no lexicon directory {root}", f"没有词库目录 {root}", exit_code=EXIT_USAGE
        )
    return yaml_files(root)


def read_document(label: str, source: str, problems: Problems) -> Document:
    """The only document of the text of a lexicon file, called `label` in errors.

    Raises:
        RuleError: it is no YAML, or holds no mapping or several; and see `Problems.tell` for keys
            that are there twice.
    """
    return only_document(label, source, problems, "lexicon", "词库")


def build(document: Document, stem: str, problems: Problems) -> Lexicon:
    """The lexicon of a document of the file `stem`; without what `problems` was told of.

    Raises:
        RuleError, Enough: see `Problems.tell`.
    """
    problems.tell_all(document.unknown((), KEYS))
    value = document.value
    # a list of reference values only needs no title and no owner
    needed = _REQUIRED if value.get("words") or value.get("scenes") else _REQUIRED[:1]
    for key in needed:
        if key not in value:
            problems.tell(document.error((), f"'{key}' is missing", f"缺少“{key}”", code="MJ402"))
    problems.tell_all(of_texts(document, (key for key in _TEXTS if key in value), "MJ403"))
    if isinstance(value.get("name"), str):
        problems.tell_all(of_name(document, stem, "MJ404"))
    problems.tell_all(of_end(document, "MJ405"))
    if not any(value.get(key) for key in ("words", "values", "scenes")):
        problems.tell(
            document.error(
                ("words",),
                "the lexicon is empty: no words and no values",
                "词库是空的：没有词也没有值",
                code="MJ406",
            )
        )
    reader = WordReader(document, stem, problems)
    synonyms = reader.synonyms()
    common = reader.words(())
    scenes = {}
    for name in reader.scenes(len(common.words)):
        problems.tell_all(document.unknown(("scenes", name), ("words", "allow")))
        scenes[name] = reader.made(common.joined(reader.words(("scenes", name))), synonyms)
    return replace(
        reader.made(common, synonyms),
        title=value.get("title", ""),
        owner=value.get("owner", ""),
        scene=value.get("scene", ""),
        expires=value.get("expires"),
        values=reader.texts(("values",)),
        scenes=scenes,
    )
