"""How a text is written: with or without quotation marks, in brackets, over several lines."""

from __future__ import annotations

import re
from unicodedata import east_asian_width

import yaml

from rules.layout_tree import Scalar

WIDTH = 100  # columns; a Chinese character takes two
_SINGLE = re.compile(r"'[^'\"\\\n]*'")
_QUOTED = re.compile(r"""(['"])([^'"\\\n]*)\1""")
_NEEDS_QUOTES = re.compile(r"""^[-+.0-9=~<]|^(?:y|n)$|[:#,\[\]{}&*!|>%@`?]|^ | $|  """, re.I)
_RISKY = re.compile(r"[,\[\]{}:?#&*!|>%@`-]")
Path = tuple[str, ...]


def columns(text: str) -> int:
    """How wide a text is in a terminal or an editor."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def scalar(value: Scalar, path: Path) -> str:
    """See `scalar_text`."""
    return scalar_text(value.raw, path)


def scalar_text(raw: str, path: Path) -> str:
    """As written, without the quotation marks that it does not need."""
    quoted = _QUOTED.fullmatch(raw)
    if quoted is None:
        return raw
    text = quoted[2]
    if text and text.isprintable() and _NEEDS_QUOTES.search(text) is None and _is_text(text):
        return text
    pattern = path[:1] in (("detection",), ("filter",))
    return f'"{text}"' if _SINGLE.fullmatch(raw) and not pattern else raw


def _is_text(plain: str) -> bool:
    """Is it read as this text without quotation marks, too, in brackets and outside?"""
    try:
        return bool(yaml.safe_load(f"[{plain}]") == [plain] and yaml.safe_load(plain) == plain)
    except yaml.YAMLError:
        return False


def in_flow(value: Scalar, path: Path) -> str:
    """As it may stand between brackets and commas."""
    raw = _single(value) if "\n" in value.raw else scalar(value, path)
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


def reflowed(value: Scalar, head: str, indent: int, path: Path) -> list[str]:
    """A text that was written over several lines, without | or >."""
    text = value.value
    one = scalar_text(_single(value), path)
    plain = "\n" in text or "  " in text or text != text.strip() or text.startswith("#")
    if plain or " " not in text or columns(head) + 1 + columns(one) <= WIDTH:
        return [one]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and indent + columns(lines[-1]) + 1 + columns(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [">-", *(f"{' ' * indent}{line}" for line in lines)]


def block_scalar(value: Scalar, indent: int) -> list[str]:
    """The lines of a text written with | or >, at another indent."""
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
