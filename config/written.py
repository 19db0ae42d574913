"""Settings as they were written: a YAML tree, the overrides laid over it, where each key stands.

Nothing is judged here but the shape: keys that exist, values of the right type. Whether a value
can work is for `config.checks`.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from rules.errors import EXIT_USAGE, MingjianError, RuleError
from rules.yaml_source import Document, parse_documents

MAX_BYTES = 1024 * 1024  # a file of settings is a page or two
Key = tuple[str, ...]
_SHOWN_CHARS = 60
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_UTF8 = re.compile(r"[\ud800-\udfff]")  # what Python makes of such bytes on a command line
_MERGE = "<<"
_TYPES = {
    str: ("a text", "文本"),
    int: ("a whole number", "整数"),
    bool: ("true or false", "true 或 false"),
}


class Written:
    """The tree of one settings file, to which overrides are added.

    Args:
        file: shown in errors.
        document: what the file holds; None when it holds nothing.
    """

    def __init__(self, file: str, document: Document | None) -> None:
        self.file = file
        self.values: dict[str, Any] = document.value if document is not None else {}
        self._marks = document.marks if document is not None else {}
        self._overridden: set[Key] = set()

    def place(self, key: Key) -> str:
        """Where a key was given: "FILE:line:column", "FILE", or "--set"."""
        if any(key[: len(one)] == one for one in self._overridden):
            return "--set"
        mark = self._marks.get(key)
        return f"{self.file}:{mark[0]}:{mark[1]}" if mark else self.file

    def override(self, text: str) -> None:
        """Lay one "dotted.key=value" over the tree; the value is YAML, an empty one empty text.

        Raises:
            MingjianError: it has no key, is no UTF-8, the value is no YAML, or the key leads into
                a value.
        """
        if _NO_UTF8.search(text):
            raise usage(
                f"--set: {shown(text)} is not UTF-8 text",
                f"--set：{shown(text)} 不是 UTF-8 文本",
                "write it as UTF-8",
                "请以 UTF-8 编码书写",
            )
        name, sign, given = text.partition("=")
        *parents, last = key = tuple(step.strip() for step in name.split("."))
        if not sign or not all(key):
            raise usage(
                f"--set: {shown(text)} is not KEY=VALUE",
                f"--set：{shown(text)} 不是 键=值 的形式",
                "for example: --set flink.parallelism=1",
                "例如：--set flink.parallelism=1",
            )
        documents = _parsed(f"--set {name.strip()}", given)
        if len(documents) > 1:
            raise usage(
                f"--set: {dotted(key)} is several YAML documents; allowed: one value",
                f"--set：{dotted(key)} 的值是多个 YAML 文档；允许：一个值",
            )
        node: Any = self.values
        for depth, parent in enumerate(parents, start=1):
            if node.get(parent) is None:
                node[parent] = {}
            node = node[parent]
            if not isinstance(node, dict):
                raise _no_way_into(key[:depth], node)
        node[last] = documents[0].value if documents else ""
        self._overridden.add(key)


def read(file: Path) -> Written:
    """The settings file as a tree. An empty file is an empty tree.

    Raises:
        MingjianError: it cannot be read, is no regular file, no UTF-8 text, no YAML, or no mapping.
    """
    try:
        with open(file, "rb", opener=_at_once) as stream:
            regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            content = stream.read(MAX_BYTES + 1) if regular else b""
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise usage(
            f"cannot read the settings file {file}: {why}",
            f"读不了配置文件 {file}：{why}",
            "give --config a YAML file, or use --profile",
            "请让 --config 指向一个 YAML 文件，或用 --profile",
        ) from None
    if not regular:
        raise usage(
            f"the settings file {file} is no regular file (a pipe or device?)",
            f"配置文件 {file} 不是普通文件（可能是管道或设备）",
            "give --config a YAML file; what a pipe gives must be written to a file first",
            "请让 --config 指向一个 YAML 文件；管道的内容请先存为文件",
        )
    if len(content) > MAX_BYTES:
        raise usage(
            f"{file}: larger than {MAX_BYTES} bytes, so not a settings file",
            f"{file}：超过 {MAX_BYTES} 字节，不是配置文件",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise usage(
            f"{file}: not UTF-8 text (byte {error.start + 1})",
            f"{file}：不是 UTF-8 文本（第 {error.start + 1} 字节）",
            "save it as UTF-8",
            "请以 UTF-8 编码保存",
        ) from None
    documents = _parsed(str(file), text)
    if len(documents) > 1:
        raise usage(
            f"{file}: {len(documents)} YAML documents; allowed: one",
            f"{file}：含 {len(documents)} 个 YAML 文档；允许：一个",
        )
    if not documents or documents[0].value is None:
        return Written(str(file), None)
    if not isinstance(documents[0].value, dict):
        # what another file holds is not for whoever can only name it
        raise usage(
            f"{file}: holds no settings; allowed: settings as 'key: value'",
            f"{file}：内容不是设置；允许：“键: 值”形式的设置",
        )
    return Written(str(file), documents[0])


def check_shape(written: Written, kind: type) -> None:
    """Refuse the first key that does not exist or whose value has another type than in `kind`.

    A section that holds nothing (all its lines commented out) is an empty one.
    """
    _section(written, written.values, kind, ())


def usage(en: str, zh: str, fix_en: str = "", fix_zh: str = "") -> MingjianError:
    """An error for whoever wrote the settings, on one line whatever it quotes."""
    return MingjianError(
        _one_line(en), _one_line(zh), fix_en=fix_en, fix_zh=fix_zh, exit_code=EXIT_USAGE
    )


def refusal(
    place: str, key: Key, given: Any, allowed: tuple[str, str], fix: tuple[str, str] = ("", "")
) -> MingjianError:
    """One line for a value that cannot be: where ("": nowhere), key, what is given and allowed."""
    en, zh = (f"{place}: ", f"{place}：") if place else ("", "")
    return usage(
        f"{en}{dotted(key)} is {shown(given)}; allowed: {allowed[0]}",
        f"{zh}{dotted(key)} 的值是 {shown(given)}；允许：{allowed[1]}",
        *fix,
    )


def nearest(word: Any, known: Iterable[str]) -> tuple[str, str]:
    """ "Did you mean" in both languages; empty when nothing is near."""
    by_fold = {one.casefold(): one for one in known if one}
    near = difflib.get_close_matches(str(word)[:200].casefold(), by_fold, n=1)
    if not near:
        return "", ""
    return f"did you mean '{by_fold[near[0]]}'?", f"是不是“{by_fold[near[0]]}”？"


def dotted(key: Key) -> str:
    """("targets", "0", "url") as "targets[0].url"."""
    text = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in key)
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value in an error: short, printable, without credentials."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        # a very long number has no decimal form in Python
        return str(value) if abs(value) < 10**20 else f"{hex(value)[:20]}…"
    if isinstance(value, str):
        text = _CREDENTIALS.sub("//***@", value)
        return repr(text) if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]!r}…"
    if isinstance(value, Mapping):
        return "{…}" if value else "{}"
    if isinstance(value, list | tuple | set):
        return "[…]" if value else "[]"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return str(value)  # a date or a float


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _parsed(place: str, text: str) -> list[Document]:
    try:
        documents = parse_documents(place, text)
    except RuleError as error:
        raise usage(error.en, error.zh, error.fix_en, error.fix_zh) from None
    for document in documents:
        _no_merge(place, document)
    return documents


def _no_merge(place: str, document: Document) -> None:
    """Refuse YAML's merge key: what it lays beneath a section is written elsewhere and may be
    hidden by a key of its own, which is what a doubled key is refused for."""
    for key, (line, column) in document.marks.items():
        if _MERGE in key:
            raise usage(
                f"{place}:{line}:{column}: '<<' (YAML's merge key) is not taken in settings",
                f"{place}:{line}:{column}：设置中不接受“<<”（YAML 的合并键）",
                "write the keys themselves",
                "请逐项写出各键",
            )


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: a named pipe would wait for a writer, and no signal end it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _no_way_into(key: Key, node: Any) -> MingjianError:
    if isinstance(node, list):
        name = dotted(key)
        return usage(
            f"--set: {name} is a list; allowed: the whole list at once",
            f"--set：{name} 是列表；允许：一次给出整个列表",
            f"write it as one value: --set '{name}=[{{kind: sqlite, name: sqlite, path: FILE}}]'",
            f"写成一个值：--set '{name}=[{{kind: sqlite, name: sqlite, path: 文件}}]'",
        )
    return usage(
        f"--set: {dotted(key)} is {shown(node)}, a value; nothing can be set beneath it",
        f"--set：{dotted(key)} 的值是 {shown(node)}，其下没有可设置的项",
    )


def _section(written: Written, values: dict[Any, Any], kind: type, at: Key) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, value in values.items():
        key = (*at, str(name) if isinstance(name, str) else shown(name))
        if name not in fields:
            near = nearest(name, fields)
            known = ", ".join(fields)
            raise usage(
                f"{written.place(key)}: unknown setting '{dotted(key)}'",
                f"{written.place(key)}：未知的设置项“{dotted(key)}”",
                near[0] or f"known: {known}",
                near[1] or f"可用：{known}",
            )
        expected = fields[name].type
        if isinstance(expected, type) and issubclass(expected, msgspec.Struct):
            values[name] = _mapping(written, value, key)
            _section(written, values[name], expected, key)
        elif get_origin(expected) is tuple:
            if not isinstance(value, list):
                raise refusal(written.place(key), key, value, ("a list", "列表"))
            for index, item in enumerate(value):
                here, kind = (*key, str(index)), get_args(expected)[0]
                if kind in _TYPES:  # names, not sections
                    _plain(written, item, kind, here)
                    continue
                value[index] = _mapping(written, item, here)
                _section(written, value[index], kind, here)
        else:
            _plain(written, value, expected, key)
    for name, field in fields.items():
        if field.required and name not in values:
            key = (*at, name)
            raise usage(
                f"{written.place(at)}: '{dotted(key)}' is missing",
                f"{written.place(at)}：缺少设置项“{dotted(key)}”",
            )


def _mapping(written: Written, value: Any, key: Key) -> dict[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        allowed = "a section of 'key: value'", "由“键: 值”组成的一节"
        raise refusal(written.place(key), key, value, allowed)
    return value


def _plain(written: Written, value: Any, expected: Any, key: Key) -> None:
    if type(value) is not expected:
        fix = ("", "")
        if expected is str and value is not None:
            fix = "put texts in quotation marks", "文本请加引号"
        raise refusal(written.place(key), key, value, _TYPES[expected], fix)
    if isinstance(value, str) and _CONTROL.search(value):
        allowed = "a text without control characters", "不含控制字符的文本"
        raise refusal(written.place(key), key, value, allowed)
