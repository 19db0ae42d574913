"""Slips of the keyboard that YAML cannot read and that have one meaning: put right in the text."""

from __future__ import annotations

from rules.errors import RuleError

_WIDE = {"MJ011": ("：", ": "), "MJ013": ("，", ", ")}


def corrected(text: str, error: RuleError) -> str | None:
    """The text without the slip the error tells of; None when it is no such slip."""
    lines = text.split("\n")
    if not 0 < error.line <= len(lines):
        return None
    line, at = lines[error.line - 1], error.column - 1
    if error.code in _WIDE:
        wide, right = _WIDE[error.code]
        at = line.find(wide, max(0, at - 1))
        if at < 0:
            return None
        rest = line[at + 1 :]
        line = line[:at] + (
            right.rstrip() + " " + rest.lstrip() if rest.strip() else right.rstrip()
        )
    elif error.code == "MJ012":
        line = line[:at] + " " + line[at:]
    elif error.code == "MJ002":
        blank = line[: len(line) - len(line.lstrip())]
        if "\t" not in blank:
            return None
        line = blank.replace("\t", "  ") + line[len(blank) :]
    else:
        return None
    lines[error.line - 1] = line
    return "\n".join(lines)
