"""The canonical form of rule files and lexicons: order of keys, lines, indents, quotation marks.

    detection:                                   # a key a line, two blanks further in
      words: {text|contains: [保本, 稳赚]}          # brackets stay in one line where that fits
      names:                                     # what has a line each keeps it
        text|contains:
          - 保本
          - 稳赚
      more:
        text|contains:                           # a long list of words is wrapped at WIDTH
          [保本, 稳赚, ...,
           保息]
      condition: words or names or more
    mingjian:
      tests:
        - name: ...
          messages:                              # a message is one line, however long
            - {at: "10:00", from: zhangwei, to: c1, text: 这款保本}

The order of keys is fixed. Quotation marks go where a text needs none, and 'x' becomes "x" where
that is the same, but not in a detection, where patterns stay as they are. Comments stay with what
they are about, and at most one blank line parts two entries. What a file means never changes: the
result is read again and compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rules.errors import RuleError
from rules.layout_style import BLOCK, LINES, ONE_LINE, Style, order_of, style_of
from rules.layout_text import (
    WIDTH,
    block_scalar,
    columns,
    in_flow,
    reflowed,
    scalar,
    scalar_text,
)
from rules.layout_tree import Collection, Entry, Scalar, Sheet, read_sheets
from rules.yaml_source import parse_documents

_WORD = 24  # columns of what counts as a word; longer items have a line each
_STEP = 2
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
        lines.append(scalar(root, ()))
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
    head = f"{' ' * indent}{scalar_text(entry.key, path)}:"
    return [*lead, *_valued(head, entry, path, indent, kind)]


def _item(entry: Entry, path: Path, indent: int, kind: Path) -> list[str]:
    lead = [_indented(one, indent) for one in entry.lead]
    head = f"{' ' * indent}-"
    value = entry.value
    several = isinstance(value, Collection) and _fits(head, entry, path, kind) is None
    if isinstance(value, Collection) and several and not _is_words(value, path, kind):
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
            first, *rest = block_scalar(value, indent + _STEP)
            return [f"{head} {first}{behind}", *rest]
        if "\n" in value.raw:
            first, *rest = reflowed(value, head, indent + _STEP, path)
            return [f"{head} {first}{behind}", *rest]
        text = scalar(value, path)
        if not text and head.endswith("-"):
            text = "null"
        return [f"{head} {text}{behind}" if text else f"{head}{behind}"]
    if (line := _fits(head, entry, path, kind)) is not None:
        return [f"{head} {line}{behind}"]
    if _is_words(value, path, kind):
        return [f"{head}{behind}", *_wrapped(value, path, indent + _STEP)]
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
    if style is not ONE_LINE and (not value.flow or (style is LINES and len(value.entries) > 1)):
        return None
    line = _flow(value, path, kind)
    free = style is not Style.AUTO  # a message, or the only one
    return line if free or columns(head) + 1 + columns(line) <= WIDTH else None


def _is_words(node: Collection, path: Path, kind: Path) -> bool:
    """A list in brackets of nothing but words, which is wrapped when it is too long for a line."""
    if node.mapping or not node.flow or _has_more_lines(node):
        return False
    return style_of((*kind, *path), node) is Style.AUTO and all(
        isinstance(entry.value, Scalar) and columns(in_flow(entry.value, path)) <= _WORD
        for entry in node.entries
    )


def _wrapped(node: Collection, path: Path, indent: int) -> list[str]:
    """The words in as few lines as there is room for."""
    lines = [" " * indent + "["]
    for number, entry in enumerate(node.entries):
        word = in_flow(entry.value, path) if isinstance(entry.value, Scalar) else ""
        word += "]" if number == len(node.entries) - 1 else ","
        fresh = lines[-1].endswith("[") or not lines[-1].strip()
        if not fresh and columns(lines[-1]) + 1 + columns(word) > WIDTH:
            lines.append(" " * (indent + 1) + word)
        else:
            lines[-1] += word if fresh else f" {word}"
    return lines


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
        return in_flow(node, path)
    parts = []
    for number, entry in enumerate(_in_order(node, (*kind, *path))):
        here = (*path, entry.name if node.mapping else str(number))
        inner = _flow(entry.value, here, kind)
        parts.append(f"{scalar_text(entry.key, here)}: {inner}" if node.mapping else inner)
    return "{" + ", ".join(parts) + "}" if node.mapping else "[" + ", ".join(parts) + "]"


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
