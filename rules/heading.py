"""A file that a company keeps beside its rules: its document, and the head of that: its name, its
owner, its last day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from rules.errors import RuleError
from rules.problems import Problems
from rules.yaml_document import Document
from rules.yaml_source import MAX_NODES, MAX_RULE, no_mapping, parse_documents, read_text


def first_document(file: Path, label: str, problems: Problems) -> Document:
    """The first document of a file, called `label` in errors.

    Raises:
        RuleError: it cannot be read, or is no mapping; and see `Problems.tell` for keys that are
            there twice.
    """
    text = read_text(file, label, MAX_RULE)
    documents = parse_documents(label, text, problems.found, MAX_NODES)
    return _mapping(next(iter(documents), Document(label, {})), text)


def only_document(label: str, text: str, problems: Problems, en: str, zh: str) -> Document:
    """The only document of the text of a file of the kind `en` and `zh` name ("list", "名单").

    Raises:
        RuleError: it is no YAML, or holds no mapping or several; and see `Problems.tell` for keys
            that are there twice.
    """
    documents = parse_documents(label, text, problems.found)
    if len(documents) != 1:
        extra = documents[1] if documents else Document(label, {})
        raise extra.error(
            (),
            f"a {en} file holds one document, this one {len(documents)}",
            f"一个{zh}文件只能有一个文档，这里有 {len(documents)} 个",
            code="MJ401",
        )
    return _mapping(documents[0], text)


def _mapping(document: Document, text: str) -> Document:
    if error := no_mapping(document, text):
        raise error
    return document


def of_name(document: Document, stem: str, code: str) -> Iterator[RuleError]:
    """The name is that of the file, `stem`."""
    name = document.value.get("name")
    if name != stem:
        yield document.error(
            ("name",),
            f"the name '{name}' is not the file's",
            f"名称“{name}”与文件名不一致",
            fix_en=f"write '{stem}', or rename the file",
            fix_zh=f"写成“{stem}”，或改文件名",
            code=code,
        )


def of_texts(document: Document, keys: Iterable[str], code: str) -> Iterator[RuleError]:
    """Each of these keys has a text that says something."""
    for key in keys:
        value = document.value.get(key)
        if not isinstance(value, str) or not value.strip():
            yield document.error(
                (key,), f"'{key}' must be a text", f"“{key}”必须是非空文本", code=code
            )


def of_end(
    document: Document, code: str, at: tuple[str, ...] = ("expires",)
) -> Iterator[RuleError]:
    """`expires`, at this place, is a day or null."""
    expires = document.value
    for key in at:
        expires = expires.get(key)
    if expires is not None and type(expires) is not date:
        yield document.error(
            at,
            "'expires' must be a date or null",
            "“expires”必须是日期或 null",
            fix_en="write it as 2026-12-31",
            fix_zh="写成 2026-12-31 的形式",
            code=code,
        )
