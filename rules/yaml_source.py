"""YAML with positions: which line and column a key stands at, and no duplicate keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import Reader, ReaderError

from rules.errors import RuleError
from rules.problems import Problems
from rules.yaml_document import Document, Places, nowhere
from rules.yaml_hints import Hint, explain, mistyped
from rules.yaml_nodes import TooDeep, TooMany, Unusual, nodes, plain_value, scan, value
from rules.yaml_place import Start

__all__ = ("Document", "load_documents", "parse_documents", "read_text")
MAX_CHARACTERS = 1_000_000  # of any file, a long list of words too
MAX_RULE = 100_000  # of a rule file; the longest that ships has a quarter of them
MAX_NODES = 6_000  # keys and values of a rule file; the longest that ships has 2 400
MAX_NUMBER = 100  # characters of a number; Python takes the square of their number to read them
_BRACKETS = 100  # in a text that is scanned before it is read


def too_large(path: str, size: int, limit: int) -> RuleError:
    """What is wrong with a text of more characters than one may have."""
    return RuleError(
        f"the file has {size} characters or more, and may have {limit}",
        f"文件有 {size} 个字符以上，上限是 {limit}",
        path=path,
        line=1,
        column=1,
        fix_en="split it: one alerting rule a file, one list of words a file",
        fix_zh="请拆成多个文件：一个文件一条告警规则，一个文件一份词库",
        code="MJ019",
    )


def too_many(path: str) -> RuleError:
    """What is wrong with a rule file of more keys and values than one may have."""
    return RuleError(
        f"the file has more than {MAX_NODES} keys and values",
        f"文件里的键和值超过 {MAX_NODES} 个",
        path=path,
        line=1,
        column=1,
        fix_en="put long lists of words into a lexicon, long lists of values into a list",
        fix_zh="长的词表请放进词库，长的取值表请放进名单",
        code="MJ019",
    )


def read_text(path: Path, label: str, most: int = MAX_CHARACTERS) -> str:
    """The text of a file, called `label`. A larger one than may be is not read whole.

    Raises:
        RuleError: it cannot be read, is not UTF-8, or has more than `most` characters.
    """
    try:
        with path.open("rb") as file:
            data = file.read(4 * (most + 1))  # no more than is needed to say so
    except OSError as error:
        raise RuleError(
            f"cannot be read: {error.strerror}",
            f"无法读取：{error.strerror}",
            path=label,
            line=1,
            column=1,
            code="MJ018",
        ) from None
    try:
        # cut off in the middle of a character, it is still told that it is too large
        text = data.decode(errors="ignore" if len(data) > 4 * most else "strict")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise RuleError(
            f"not valid UTF-8 at byte {error.start}",
            f"第 {error.start} 字节不是有效的 UTF-8",
            path=label,
            line=before.count(b"\n") + 1,
            column=len(before[before.rfind(b"\n") + 1 :].decode()) + 1,
            fix_en="save the file as UTF-8",
            fix_zh="请把文件存为 UTF-8 编码",
            code="MJ017",
        ) from None
    if len(text) > most:
        raise too_large(label, len(text), most)
    return text


def load_documents(path: str, text: str, most: int = 0) -> list[Document]:
    """All documents of a rule file, safely constructed, with at most so many nodes (0: any number).

    Raises:
        RuleError: not YAML, a duplicate key, a document that is not a mapping.
    """
    documents = parse_documents(path, text, most=most)
    for document in documents:
        if error := no_mapping(document, text):
            raise error
    return documents


def no_mapping(document: Document, text: str) -> RuleError | None:
    """What is wrong with a document that is no mapping."""
    if isinstance(document.value, dict):
        return None
    if document.value is None and re.search(r"^---", text, re.M):
        return document.error(
            (),
            "there is nothing between two lines '---', or behind the last one",
            "两行 --- 之间（或最后一行 --- 之后）没有内容",
            fix_en="remove one '---': it stands between two rules only",
            fix_zh="请删去一个 ---：它只用来隔开两条规则",
            code="MJ020",
        )
    hint = mistyped(text.lstrip("\n"), 1) or Hint("", "", code="MJ020")
    return document.error(
        (),
        "a rule must be a mapping" + (f": {hint.en}" if hint.en else ""),
        "规则必须是一个映射" + (f"：{hint.zh}" if hint.zh else ""),
        fix_en=hint.fix_en or "write keys and values: 'title: …', 'name: …'",
        fix_zh=hint.fix_zh or "请写成键和值，例如 title: …、name: …",
        code=hint.code,
    )


def parse_documents(
    path: str, text: str, twice: list[RuleError] | None = None, most: int = 0
) -> list[Document]:
    """All documents of any YAML text, whatever their values are.

    Args:
        twice: takes the errors of keys that are there twice, which are then not raised.
        most: how many nodes there may be; 0 is any number.

    Raises:
        RuleError: too large, not YAML, a duplicate key, or a value that is out of bounds.
        Enough: `twice` is full.
    """
    if len(text) > MAX_CHARACTERS:
        raise too_large(path, len(text), MAX_CHARACTERS)
    documents = []
    problems = Problems(twice)
    try:
        # libyaml looks at every open bracket at every token
        if len(text) > MAX_RULE and text.count("[") + text.count("{") < _BRACKETS:
            scan(text)
        for node in nodes(text, most):
            try:
                found = plain_value(node, MAX_NUMBER)
                look = partial(_places, node, path, Problems([]))
            except Unusual:  # which may be a mistake
                places = _places(node, path, problems)
                look = partial(_given, places)
                found = _construct(node, path)
            documents.append(Document(path, found, text, node.start_mark.line + 1, look))
    except TooDeep as error:
        raise _placed(path, error.mark, "nested too deeply", "嵌套层数过多", "MJ015") from None
    except TooMany:
        raise too_many(path) from None
    except ReaderError as error:
        raise _no_character(path, text, error) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        lines = text.split("\n")
        if line > len(lines):  # libyaml ends a last line that has no end
            line, column = len(lines), len(lines[-1]) + 1
        hint = explain(text, problem, line, column)
        raise RuleError(
            f"not valid YAML: {hint.en}",
            f"不是有效的 YAML：{hint.zh}",
            path=path,
            line=hint.line or line,
            column=hint.column or column,
            fix_en=hint.fix_en,
            fix_zh=hint.fix_zh,
            code=hint.code,
        ) from None
    return documents


def _no_character(path: str, text: str, error: ReaderError) -> RuleError:
    """A character that YAML does not know, at its place: libyaml counts bytes."""
    hint = explain(text, str(error), 0)
    match = Reader.NON_PRINTABLE.search(text)
    before = text[: match.start()] if match else ""
    return RuleError(
        f"not valid YAML: {hint.en}",
        f"不是有效的 YAML：{hint.zh}",
        path=path,
        line=before.count("\n") + 1,
        column=len(before) - before.rfind("\n"),
        fix_en=hint.fix_en,
        fix_zh=hint.fix_zh,
        code=hint.code,
    )


def _placed(
    path: str, mark: yaml.Mark | None, en: str, zh: str, code: str, **fix: str
) -> RuleError:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return RuleError(en, zh, path=path, line=line, column=column, code=code, **fix)


_OF_PYTHON = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


def _construct(node: yaml.Node, path: str) -> Any:
    """The value. PyYAML lets errors of Python through for values like the date 2026-13-45."""
    try:
        return value(node)
    except _OF_PYTHON as error:
        culprit = next((leaf for leaf in _leaves(node) if _unreadable(leaf)), node)
        shown = f" '{culprit.value}'" if isinstance(culprit, yaml.ScalarNode) else ""
        raise RuleError(
            f"a value cannot be read{shown}: {error}",
            f"有一个值无法读取{shown}",
            path=path,
            line=culprit.start_mark.line + 1,
            column=culprit.start_mark.column + 1,
            fix_en="put texts in quotation marks; write dates as 2026-12-31",
            fix_zh="文本请加引号；日期写成 2026-12-31",
            code="MJ016",
        ) from None


def _leaves(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.CollectionNode):
        for child in node.value:
            for part in child if isinstance(child, tuple) else (child,):
                yield from _leaves(part)


def _unreadable(leaf: yaml.ScalarNode) -> bool:
    try:
        value(leaf)
    except _OF_PYTHON:
        return True
    return False


_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _given(places: Places) -> Places:
    return places


def _places(node: yaml.Node, path: str, problems: Problems) -> Places:
    """Where everything stands. Problems: keys that are there twice."""
    found = nowhere()
    _walk(node, (), path, found, problems)
    return found


def _walk(
    node: yaml.Node, at: tuple[str, ...], path: str, found: Places, problems: Problems
) -> None:
    mark, marks = node.start_mark, found.marks
    line, column = mark.line + 1, mark.column + 1
    if at not in marks:  # a value stands where its key does
        marks[at] = (line, column)
    if isinstance(node, yaml.ScalarNode):
        found.starts[at] = Start(line, column, node.style or "")
        if node.style:
            found.quoted.add(at)
        elif node.tag in _NUMBERS:
            if not _PLAIN_NUMBER.fullmatch(node.value):
                found.odd[at] = node.value
            if len(node.value) > MAX_NUMBER:
                raise _placed(
                    path,
                    mark,
                    f"a number of more than {MAX_NUMBER} characters",
                    f"超过 {MAX_NUMBER} 个字符的数",
                    "MJ016",
                    fix_en="put texts in quotation marks",
                    fix_zh="文本请加引号",
                )
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            place = key.start_mark
            if here in marks:
                problems.tell(
                    _placed(
                        path,
                        place,
                        f"the key '{key.value}' is there twice",
                        f"键“{key.value}”重复出现",
                        "MJ014",
                    )
                )
                continue
            marks[here] = (place.line + 1, place.column + 1)
            _walk(value, here, path, found, problems)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*at, str(index)), path, found, problems)
