"""The canonical form of rule files and lexicons: order of keys, one line or several, indents.

    detection:                                   # a key a line, two blanks further in
      words: {text|contains: [保本, 稳赚]}          # in one line where it fits into WIDTH
      condition: words
    mingjian:
      tests:
        - name: ...
          messages:                              # a message is one line
            - {at: "10:00", from: zhangwei, to: c1, text: 这款保本}

Quotation marks stay as they are ('x' becomes "x" where that is the same), comments stay with what
they are about, and at most one blank line parts two entries. What a file means never changes: the
result is read again and compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import yaml

from rules.errors import RuleError
from rules.layout_style import BLOCK, LINES, ONE_LINE, Style, order_of, style_of
from rules.layout_tree import Collection, Entry, Scalar, Sheet, read_sheets
from rules.yaml_source import parse_documents

WIDTH = 100  # code points
_STEP = 2
_SINGLE = re.compile(r"'[^'\"\\\n]*'")
_RISKY = re.compile(r"[,\[\]{}:?#&*!|>%@`-]")
Path = tuple[str, ...]


def formatted(path: str, text: str, *, lexicon: bool = False) -> str:
    """The file in its canonical form. `path` is for errors.

    Raises:
        RuleError: not YAML, a duplicate key, or a form that cannot be kept.
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    before = [document.value for document in parse_documents(path, plain)]
    if not before:
        return text
    try:
        sheets = read_sheets(plain)
    except ValueError as error:
        raise _cannot(path, str(error)) from None
    written = "---\n".join(_sheet(sheet, lexicon=lexicon) for sheet in sheets)
    try:
        after = [document.value for document in parse_documents(path, written)]
    except RuleError:
        after = []
    if after != before or repr(after) != repr(_ordered_like(before, after)):
        raise _cannot(path, "it would not mean the same afterwards")
    return written


def _ordered_like(value: object, other: object) -> object:
    """`value` with its keys in the order of `other`, so that types can be compared too."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return {key: _ordered_like(value.get(key), inner) for key, inner in other.items()}
    if isinstance(value, list) and isinstance(other, list):
        return [_ordered_like(*pair) for pair in zip(value, other, strict=False)]
    return value


def _cannot(path: str, why: str) -> RuleError:
    return RuleError(
        f"cannot be brought into the canonical form: {why}",
        "无法整理成规范格式",
        path=path,
        line=1,
        column=1,
        fix_en="the file is left as it is; write it without tags and unusual keys",
        fix_zh="文件保持原样；请不要使用标签和特殊的键",
        code="MJ010",
    )


def _sheet(sheet: Sheet, *, lexicon: bool) -> str:
    root = sheet.root
    lines = list(sheet.head)
    if isinstance(root, Scalar):
        lines.append(_scalar(root))
    elif not root.entries:
        lines.append("{}" if root.mapping else "[]")
    else:
        lines += _block(root, (), 0, ("lexicon",) if lexicon else ("rule",))
    while lines and not lines[0]:
        del lines[0]
    lines += sheet.foot
    return "".join(f"{line.rstrip()}\n" for line in lines)


# --- several lines


def _block(node: Collection, path: Path, indent: int, kind: Path) -> list[str]:
    lines: list[str] = []
    for number, entry in enumerate(_in_order(node, (*kind, *path))):
        here = (*path, entry.name if node.mapping else str(number))
        own = _pair(entry, here, indent, kind) if node.mapping else _item(entry, here, indent, kind)
        if entry.blank and lines:
            lines.append("")
        lines += own
        lines += [_indented(one, indent) for one in entry.after]
    return lines


def _indented(comment: str, indent: int) -> str:
    return " " * indent + comment if comment else ""


def _in_order(node: Collection, path: Path) -> list[Entry]:
    if not node.mapping:
        return node.entries
    first, last = order_of(path)
    places = {name: place for place, name in enumerate(first)}
    tail = {name: place for place, name in enumerate(last)}
    middle = len(places)
    ordered = sorted(
        node.entries,
        key=lambda one: (
            (2, tail[one.name]) if one.name in tail else (0, places.get(one.name, middle))
        ),
    )
    if ordered and ordered[0] is not node.entries[0]:
        ordered[0].blank, node.entries[0].blank = False, ordered[0].blank
    return ordered


def _pair(entry: Entry, path: Path, indent: int, kind: Path) -> list[str]:
    lead = [_indented(one, indent) for one in entry.lead]
    head = f"{' ' * indent}{_scalar_text(entry.key)}:"
    return [*lead, *_valued(head, entry, path, indent, kind)]


def _item(entry: Entry, path: Path, indent: int, kind: Path) -> list[str]:
    lead = [_indented(one, indent) for one in entry.lead]
    head = f"{' ' * indent}-"
    value = entry.value
    if isinstance(value, Collection) and value.mapping and not _fits(head, entry, path, kind):
        inner = _block(value, path, indent + _STEP, kind)
        while not inner[0].strip() or inner[0].lstrip().startswith("#"):
            lead.append(_indented(inner.pop(0).strip(), indent))  # nothing behind the dash
        if entry.trail:
            lead.append(_indented(entry.trail, indent))
        return [*lead, head + inner[0][indent + 1 :], *inner[1:]]
    return [*lead, *_valued(head, entry, path, indent, kind)]


def _valued(head: str, entry: Entry, path: Path, indent: int, kind: Path) -> list[str]:
    """The lines of a key or dash with what belongs to it."""
    value = entry.value
    behind = f"  {entry.trail}" if entry.trail else ""
    if isinstance(value, Scalar):
        if value.block:
            first, *rest = _block_scalar(value, indent + _STEP)
            return [f"{head} {first}{behind}", *rest]
        if "\n" in value.raw:
            first, *rest = _reflowed(value, head, indent + _STEP)
            return [f"{head} {first}{behind}", *rest]
        text = _scalar(value)
        if not text and head.endswith("-"):
            text = "null"
        return [f"{head} {text}{behind}" if text else f"{head}{behind}"]
    if (line := _fits(head, entry, path, kind)) is not None:
        return [f"{head} {line}{behind}"]
    return [f"{head}{behind}", *_block(value, path, indent + _STEP, kind)]


# --- one line


def _fits(head: str, entry: Entry, path: Path, kind: Path) -> str | None:
    """The collection in one line, where that is its form; None where it takes several."""
    value = entry.value
    if not isinstance(value, Collection):
        return None
    if not value.entries:
        return "{}" if value.mapping else "[]"
    style = style_of((*kind, *path), value)
    if style is BLOCK or _has_more_lines(value):
        return None
    line = _flow(value, path, kind)
    if style is ONE_LINE:
        return line
    if style is LINES and len(value.entries) > 1:
        return None
    return line if len(head) + 1 + len(line) <= WIDTH else None


def _has_more_lines(node: Scalar | Collection) -> bool:
    """Does something in it need lines of its own: a comment, a block of text?"""
    if isinstance(node, Scalar):
        return node.block
    return any(
        entry.lead or entry.trail or entry.after or _has_more_lines(entry.value)
        for entry in node.entries
    )


def _flow(node: Scalar | Collection, path: Path, kind: Path) -> str:
    if isinstance(node, Scalar):
        return _in_flow(node)
    parts = []
    for number, entry in enumerate(_in_order(node, (*kind, *path))):
        here = (*path, entry.name if node.mapping else str(number))
        inner = _flow(entry.value, here, kind)
        parts.append(f"{_scalar_text(entry.key)}: {inner}" if node.mapping else inner)
    return "{" + ", ".join(parts) + "}" if node.mapping else "[" + ", ".join(parts) + "]"


# --- texts


def _scalar(value: Scalar) -> str:
    return _scalar_text(value.raw)


def _scalar_text(raw: str) -> str:
    return f'"{raw[1:-1]}"' if _SINGLE.fullmatch(raw) else raw


def _in_flow(value: Scalar) -> str:
    """As it may stand between brackets and commas."""
    raw = _single(value) if "\n" in value.raw else _scalar(value)
    if not raw:
        return "null"
    if value.plain and _RISKY.search(raw):
        try:
            kept = yaml.safe_load(f"[{raw}]") == [yaml.safe_load(f"- {raw}")[0]]
        except yaml.YAMLError:
            kept = False
        if not kept:
            return _quoted(value.value)
    return raw


def _single(value: Scalar) -> str:
    """A text of several lines in one."""
    if value.plain and "\n" not in value.value and yaml.safe_load(value.value) == value.value:
        return value.value
    return _quoted(value.value)


def _quoted(text: str) -> str:
    found: str = yaml.safe_dump(text, allow_unicode=True, default_style='"', width=10**9)
    return found.rstrip("\n").removesuffix("\n...")


def _reflowed(value: Scalar, head: str, indent: int) -> list[str]:
    """A text that was written over several lines, without | or >."""
    text = value.value
    one = _single(value)
    plain = "\n" in text or "  " in text or text != text.strip() or text.startswith("#")
    if plain or " " not in text or len(head) + 1 + len(one) <= WIDTH:
        return [one]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and indent + len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [">-", *(f"{' ' * indent}{line}" for line in lines)]


def _block_scalar(value: Scalar, indent: int) -> list[str]:
    head, _, body = value.raw.partition("\n")
    if re.search(r"[0-9]", head.partition("#")[0]):  # an indent of its own
        return [_quoted(value.value)]
    lines = body.split("\n")
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    cut = min(widths, default=0)
    kept = [f"{' ' * indent}{line[cut:]}" if line.strip() else "" for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    if "+" in head:  # blank lines at the end belong to the text
        kept += [""] * (len(value.value) - len(value.value.rstrip("\n")) - 1)
    return [head.rstrip(), *kept]


def pieces(text: str) -> Iterator[str]:
    """The comments of a file, in order; for tests and for whoever must not lose one."""
    for sheet in read_sheets(text):
        yield from filter(None, [*sheet.head, *_comments(sheet.root), *sheet.foot])


def _comments(node: Scalar | Collection) -> Iterator[str]:
    for entry in node.entries if isinstance(node, Collection) else ():
        yield from entry.lead
        if entry.trail:
            yield entry.trail
        yield from _comments(entry.value)
        yield from entry.after


__all__ = ["WIDTH", "Sequence", "Style", "formatted", "pieces"]
