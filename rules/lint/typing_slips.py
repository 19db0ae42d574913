"""Slips of the keyboard that YAML cannot read and that have one meaning: put right in the text."""

from __future__ import annotations

from rules.errors import RuleError
from rules.yaml_source import parse_documents
from rules.yaml_texts import closing_meant, is_inside, texts

_WIDE = {"MJ011": ("：", ": "), "MJ013": ("，", ", ")}


def corrected(text: str, error: RuleError) -> str | None:
    """The text without the slip the error tells of; None when it is no such slip."""
    lines = text.split("\n")
    if not 0 < error.line <= len(lines):
        return None
    line, at = lines[error.line - 1], error.column - 1
    if error.code in _WIDE:
        wide, right = _WIDE[error.code]
        at = line.find(wide, at)
        if at < 0 or is_inside(texts(text), error.line, at + 1):
            return None
        rest = line[at + 1 :]
        line = line[:at] + (
            right.rstrip() + " " + rest.lstrip() if rest.strip() else right.rstrip()
        )
    elif error.code == "MJ012":
        line = line[: error.column] + " " + line[error.column :]
    elif error.code == "MJ007":
        wide = closing_meant(line[at:]) if line[at:] else ""
        if not wide:
            return None
        at = line.index(wide, at)
        line = line[:at] + line[error.column - 1] + line[at + 1 :]
    elif error.code == "MJ002":
        blank = line[: len(line) - len(line.lstrip())]
        if "\t" not in blank or is_inside(texts(text), error.line, 1):
            return None
        return _without_tabs(lines, error.line - 1, blank)
    else:
        return None
    lines[error.line - 1] = line
    return "\n".join(lines)


def _without_tabs(lines: list[str], index: int, blank: str) -> str:
    """Blanks for the tabs before a line: as many as make it fit, two for a tab if none do."""
    rest = lines[index][len(blank) :]
    tries = []
    for width in (2, 4, 0, 8):
        tried = [*lines[:index], blank.replace("\t", " " * width) + rest, *lines[index + 1 :]]
        tries.append("\n".join(tried))
        try:
            parse_documents("", tries[-1], [])
        except RuleError as error:
            if error.line > index + 1:
                return tries[-1]
        else:
            return tries[-1]
    return tries[0]
