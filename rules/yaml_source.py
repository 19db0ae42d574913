"""YAML with positions: which line and column a key stands at, and no duplicate keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from rules.errors import RuleError
from rules.refused import Refused, UnknownName
from rules.yaml_hints import Hint, explain, mistyped
from rules.yaml_nodes import nodes, value
from rules.yaml_place import Start, place_of

_NEAR, _APART = 0.75, 0.12  # shares of letters in common, for a slip that has one meaning
MAX_CHARACTERS = 1_000_000  # of any file, a long list of words too
MAX_RULE = 100_000  # of a rule file; the longest that ships has a quarter of them


@dataclass(frozen=True)
class Document:
    """One YAML document: its value, and where each key path stands (line and column from 1).

    `quoted` are the paths of texts in quotation marks: what stands there was meant. `text` is that
    of the file, `starts` says where in it each single value begins, `odd` how numbers are written
    that YAML reads otherwise than people do (1:30, 0x1, 010).
    """

    path: str
    value: Any
    marks: dict[tuple[str, ...], tuple[int, int]]
    quoted: set[tuple[str, ...]] = field(default_factory=set)
    text: str = ""
    starts: dict[tuple[str, ...], Start] = field(default_factory=dict)
    odd: dict[tuple[str, ...], str] = field(default_factory=dict)

    def error(
        self,
        at: tuple[str, ...],
        en: str,
        zh: str,
        *,
        fix_en: str = "",
        fix_zh: str = "",
        code: str = "",
        offset: int | None = None,
        in_key: int = 0,
    ) -> RuleError:
        """A RuleError at a key path, or at the nearest enclosing one that has a position: at
        character `in_key` of the key, or `offset` of the value, the first of which is 0."""
        part = at
        while at and at not in self.marks:
            at = at[:-1]
        line, column = self.place(at, offset if at == part else None)
        column += in_key if offset is None and at == part else 0
        error = RuleError(
            en,
            zh,
            path=self.path,
            line=line,
            column=column,
            fix_en=fix_en,
            fix_zh=fix_zh,
            code=code,
        )
        error.document, error.at, error.key = self, part, self.place(at)
        return error

    def place(self, at: tuple[str, ...], offset: int | None = None) -> tuple[int, int]:
        """Line and column of a key path; with `offset`, of that character of its value."""
        start = self.starts.get(at)
        if offset is None or start is None:
            return self.marks.get(at, (1, 1))
        found = self.at(at)
        if found is None:  # nothing stands there
            return self.marks.get(at, (1, 1))
        return place_of(self.text, start, found if isinstance(found, str) else "", offset)

    def at(self, path: tuple[str, ...]) -> Any:
        """What stands at a key path; None when nothing does."""
        node = self.value
        for step in path:
            if isinstance(node, dict):
                node = next((item for key, item in node.items() if str(key) == step), None)
            elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                return None
        return node

    def explained(self, at: tuple[str, ...], error: Refused | UnknownName) -> RuleError:
        """What a part of a rule refuses, at the word that is wrong, with the nearest right name."""
        at, offset, in_key = self._word(at, error)
        if isinstance(error, Refused):
            return self.error(
                at,
                error.en,
                error.zh,
                fix_en=error.fix_en,
                fix_zh=error.fix_zh,
                code=error.code,
                offset=offset,
            )
        near = difflib.get_close_matches(error.name, error.known, n=1)
        en, zh = f"there are: {', '.join(error.known)}", f"现有：{'、'.join(error.known)}"
        if not error.known:
            en, zh = "there is none at all", "目前一个也没有"
        made = self.error(
            at,
            error.en,
            error.zh,
            fix_en=f"did you mean '{near[0]}'?" if near else en,
            fix_zh=f"是不是“{near[0]}”？" if near else zh,
            code=error.code,
            offset=offset,
            in_key=in_key,
        )
        made.better = only_near(error.name, error.known)
        return made

    def _word(
        self, at: tuple[str, ...], error: Refused | UnknownName
    ) -> tuple[tuple[str, ...], int | None, int]:
        """(path, offset in the value or None, offset in the key) of what the error is about."""
        if error.offset is not None or isinstance(error, Refused):
            return at, error.offset, 0
        key = at[-1] if at else ""
        if error.name in key.split("|"):
            return at, None, f"|{key}|".index(f"|{error.name}|")
        found = self.at(at)
        if isinstance(found, list) and error.name in map(str, found):
            return (*at, str([*map(str, found)].index(error.name))), 0, 0
        shown = str(found) if isinstance(found, str | int | float) else ""
        return at, shown.index(error.name) if error.name in shown else None, 0

    def only(self, at: tuple[str, ...], known: Iterable[str], *, code: str = "MJ101") -> None:
        """Raise for the first key under `at` that is not known, naming the nearest right word."""
        node = self.value
        for step in at:
            node = node[int(step)] if isinstance(node, list) else node[step]
        names = list(known)
        for key in node:
            if key not in names:
                near = difflib.get_close_matches(str(key), names, n=1)
                if hint := mistyped(str(key), 0):
                    raise self.error(
                        (*at, str(key)),
                        hint.en,
                        hint.zh,
                        fix_en=hint.fix_en,
                        fix_zh=hint.fix_zh,
                        code=hint.code,
                    )
                error = self.error(
                    (*at, str(key)),
                    f"unknown key '{key}'",
                    f"未知的键“{key}”",
                    fix_en=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}",
                    fix_zh=f"是不是“{near[0]}”？" if near else f"可用：{'、'.join(names)}",
                    code=code,
                )
                error.better = only_near(str(key), names)
                raise error


def only_near(name: str, known: Iterable[str]) -> tuple[str, str] | None:
    """(the name, the one that was meant), when one known name is near and no other nearly so."""
    rows = sorted(
        ((difflib.SequenceMatcher(None, name, one).ratio(), one) for one in set(known)),
        reverse=True,
    )
    if not rows or rows[0][0] < _NEAR or (len(rows) > 1 and rows[1][0] > rows[0][0] - _APART):
        return None
    return name, rows[0][1]


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


def load_documents(path: str, text: str) -> list[Document]:
    """All documents of a rule file, safely constructed.

    Raises:
        RuleError: not YAML, a duplicate key, a document that is not a mapping.
    """
    documents = parse_documents(path, text)
    for document in documents:
        if error := no_mapping(document, text):
            raise error
    return documents


def no_mapping(document: Document, text: str) -> RuleError | None:
    """What is wrong with a document that is no mapping."""
    if isinstance(document.value, dict):
        return None
    hint = mistyped(text.lstrip("\n"), 1) or Hint("", "", code="MJ020")
    return document.error(
        (),
        "a rule must be a mapping" + (f": {hint.en}" if hint.en else ""),
        "规则必须是一个映射" + (f"：{hint.zh}" if hint.zh else ""),
        fix_en=hint.fix_en or "write keys and values: 'title: …', 'name: …'",
        fix_zh=hint.fix_zh or "请写成键和值，例如 title: …、name: …",
        code=hint.code,
    )


def parse_documents(path: str, text: str, twice: list[RuleError] | None = None) -> list[Document]:
    """All documents of any YAML text, whatever their values are.

    Args:
        twice: takes the errors of keys that are there twice, which are then not raised.

    Raises:
        RuleError: too large, not YAML, or a duplicate key.
    """
    documents = []
    doubled: list[RuleError] = []
    if len(text) > MAX_CHARACTERS:
        raise too_large(path, len(text), MAX_CHARACTERS)
    try:
        for node in nodes(text):
            document = Document(path, _construct(node, path), {}, text=text)
            _walk(node, (), document, doubled)
            documents.append(document)
    except RecursionError:
        raise RuleError(
            "nested too deeply", "嵌套层数过多", path=path, line=1, column=1, code="MJ015"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
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
    if doubled and twice is None:
        raise doubled[0]
    if twice is not None:
        twice += doubled
    return documents


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


def _walk(node: yaml.Node, at: tuple[str, ...], document: Document, twice: list[RuleError]) -> None:
    mark = node.start_mark
    line, column = mark.line + 1, mark.column + 1
    document.marks.setdefault(at, (line, column))
    if isinstance(node, yaml.ScalarNode):
        document.starts[at] = Start(line, column, node.style or "")
        if node.style:
            document.quoted.add(at)
        elif node.tag in _NUMBERS and not _PLAIN_NUMBER.fullmatch(node.value):
            document.odd[at] = node.value
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            if here in document.marks:
                twice.append(
                    RuleError(
                        f"the key '{key.value}' is there twice",
                        f"键“{key.value}”重复出现",
                        code="MJ014",
                        path=document.path,
                        line=line,
                        column=column,
                    )
                )
                continue
            document.marks[here] = (line, column)
            _walk(value, here, document, twice)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*at, str(index)), document, twice)
