"""Writes rules/fold_table.py: which code points fold to what, and under which variant name.

Run by hand when Unicode or OpenCC's table moves: `.venv/bin/python scripts/make_fold_table.py`.
The table is data under version control so that a replay folds the same on every Python.
Sources: Unicode character database of this Python; OpenCC's TSCharacters (Apache-2.0), of which
only single-character facts are kept.
"""

# ruff: noqa: PLR2004 (code points are what this file is about)

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "rules" / "fold_table.py"

# Full-width forms that stay: they are ordinary punctuation in Chinese text, so folding them would
# make almost every message "disguised".
KEEP = set("，。；：！？（）～、“”‘’「」『』《》〈〉【】")
STYLES = {
    "<wide>": "fullwidth",
    "<narrow>": "fullwidth",
    "<circle>": "circled",
    "<square>": "circled",
    "<font>": "math",
    "<super>": "digit_form",
    "<sub>": "digit_form",
    "<compat>": "compat",
}


def plain(text: str) -> bool:
    """Only what words and numbers are made of: ASCII letters and digits, or Chinese characters."""
    return bool(text) and all(
        (c.isascii() and c.isalnum()) or "\u3400" <= c <= "\u9fff" for c in text
    )


def styled(char: str) -> tuple[str, str] | None:
    """(variant, folded) of a character that is another one in disguise, or None."""
    code = ord(char)
    if 0x1F130 <= code <= 0x1F189 and code not in range(0x1F14A, 0x1F150):
        letters = (code - 0x1F130) % 32  # squared, negative circled, negative squared letters
        return ("circled", chr(97 + letters)) if letters < 26 else None
    if 0x1F1E6 <= code <= 0x1F1FF:
        return "circled", chr(97 + code - 0x1F1E6)  # regional indicators, read as letters
    if char in KEEP:
        return None
    tag, _, _ = unicodedata.decomposition(char).partition(" ")
    normal = unicodedata.normalize("NFKC", char)
    if tag == "<wide>" and normal.isascii():
        return "fullwidth", normal.lower()
    stripped = normal.strip("().")
    if tag in STYLES and char != stripped and plain(stripped):
        name = "circled" if normal[:1] == "(" or normal[-1:] == "." else STYLES[tag]
        return name, stripped.lower()
    digit = unicodedata.digit(char, None)
    if digit is not None and not char.isascii():
        circled = unicodedata.category(char) == "No"
        return ("circled" if circled else "digit_form"), str(digit)
    if unicodedata.category(char) == "No" and "CIRCLED NUMBER" in unicodedata.name(char, ""):
        return "circled", str(int(unicodedata.numeric(char)))
    if 0xF900 <= code <= 0xFAFF or 0x2E80 <= code <= 0x2FDF or 0x2F800 <= code <= 0x2FA1F:
        return ("compat", normal) if normal != char and plain(normal) else None
    return None


def accent(char: str) -> str:
    """The ASCII letter under a Latin letter with marks (pinyin tones), or ''."""
    base = unicodedata.normalize("NFD", char)
    if len(base) > 1 and base[0].isascii() and base[0].isalpha():
        return base[0].lower()
    return ""


def traditional() -> dict[str, str]:
    """OpenCC's single characters, without those that simplified text uses itself (GB 2312)."""
    import opencc  # type: ignore[import-untyped]  # noqa: PLC0415

    file = Path(opencc.__file__).parent / "dictionary" / "TSCharacters.txt"
    table: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        source, _, targets = line.partition("\t")
        target = targets.split(" ")[0]
        if len(source) == 1 and len(target) == 1 and source != target and not in_gb2312(source):
            table[source] = target
    return table


def in_gb2312(char: str) -> bool:
    """Is it one of the 6 763 characters of GB/T 2312-1980?"""
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def build() -> tuple[dict[str, dict[str, str]], str]:
    """({variant: {source: target}}, dropped): one entry a code point, every target final."""
    table: dict[str, dict[str, str]] = {"trad": traditional()}
    dropped: dict[str, list[int]] = {"zero_width": [], "combining": []}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        category = unicodedata.category(char)
        if category in ("Cn", "Cs", "Co"):
            continue
        if invisible(char, category):
            dropped["zero_width"].append(code)
        elif category in ("Mn", "Me"):
            dropped["combining"].append(code)
        elif not char.isascii() and char not in table["trad"]:
            found = styled(char)
            if found:
                table.setdefault(found[0], {})[char] = found[1]
            elif accent(char):
                table.setdefault("combining", {})[char] = accent(char)
            elif char.lower() != char and len(char.lower()) == 1:
                table.setdefault("case", {})[char] = char.lower()
    flat = {source: target for part in table.values() for source, target in part.items()}
    for part in table.values():
        for source, target in part.items():
            part[source] = settle(target, flat)
    drop = "\n".join(f'    "{name}": "{ranges(codes)}",' for name, codes in dropped.items())
    return table, drop


def invisible(char: str, category: str) -> bool:
    """Takes no room and no part in a word: format and control characters, fillers, selectors."""
    if category == "Cc":
        return char not in "\t\n\r"
    return (
        category == "Cf"
        or char in "\u115f\u1160\u3164\uffa0\u2800"
        or 0xFE00 <= ord(char) <= 0xFE0F
        or 0xE0100 <= ord(char) <= 0xE01EF
    )


def settle(text: str, flat: dict[str, str]) -> str:
    """Fold a target until nothing changes, so that folding twice is folding once."""
    while True:
        after = "".join(flat.get(c, c.lower() if c.isascii() else c) for c in text)
        if after == text:
            return text
        text = after


def ranges(codes: list[int]) -> str:
    """Sorted code points as "a-b c d-e" in hex."""
    parts: list[list[int]] = []
    for code in codes:
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return " ".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in parts)


def main() -> None:
    """Write the module."""
    table, drop = build()
    lines = [
        '"""Which code points fold to what. Generated by scripts/make_fold_table.py; do not edit.',
        "",
        "`MAPPED`: variant -> words of one source character followed by its target. `DROPPED`:",
        "variant -> ranges of code points in hex. Single-character facts of the table `trad` come",
        "from OpenCC (Apache-2.0), all others from the Unicode character database.",
        '"""',
        "",
        "# fmt: off",
        "# ruff: noqa: E501",
        "MAPPED = {",
    ]
    for name in sorted(table):
        words = " ".join(s + t for s, t in sorted(table[name].items()) if s not in " \u3000")
        lines.append(f'    "{name}": {json.dumps(words, ensure_ascii=False)},')
    lines += ["}", "DROPPED = {", drop, "}", ""]
    TARGET.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
