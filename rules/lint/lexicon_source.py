"""One lexicon file read to the end: all that is wrong in it, and the list as far as it goes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from rules.errors import RuleError
from rules.lexicon import Lexicon
from rules.lexicon_file import build, load_lexicon
from rules.lint.file_said import in_order
from rules.lint.ignores import without_ignored
from rules.lint.layout_said import of_text
from rules.lint.lexicons_said import of_lexicon
from rules.lint.together import unused_lexicon
from rules.yaml_source import Document, load_documents

MAX_PROBLEMS = 200


class LexiconSource(NamedTuple):
    """A lexicon file. `lexicon` has stand-ins for what is wrong, so that rules can name it;
    `document` is None when the file is no YAML."""

    path: str
    text: str
    lexicon: Lexicon
    document: Document | None
    problems: list[RuleError]


def read_lexicon(file: Path, label: str, given: str | None = None) -> LexiconSource:
    """A lexicon file, called `label`, with everything that keeps it from loading; `given` is read
    in place of its text."""
    problems: list[RuleError] = []
    document: Document | None = None
    lexicon = Lexicon(file.stem, words=("\ue000\ue000",), values=("\ue000\ue000",))
    text = ""
    try:
        text = file.read_text(encoding="utf-8") if given is None else given
        (document,) = load_documents(label, text)
    except (OSError, UnicodeDecodeError, RuleError, ValueError):
        try:  # for its own sentence
            load_lexicon(file, given)
        except RuleError as error:
            problems.append(called(error, label))
        return LexiconSource(label, text, lexicon, None, problems)
    for _ in range(MAX_PROBLEMS):
        try:
            lexicon = build(document, file)
            break
        except RuleError as error:
            problems.append(error)
            if not _put_right(document.value, error, file):
                break
    return LexiconSource(label, text, lexicon, document, problems)


def called(error: RuleError, label: str) -> RuleError:
    """The error as one of the file `label`."""
    return RuleError(
        error.said_en,
        error.said_zh,
        path=label,
        line=error.line,
        column=error.column,
        fix_en=error.fix_en,
        fix_zh=error.fix_zh,
        code=error.code,
    )


def _put_right(value: dict[str, Any], error: RuleError, file: Path) -> bool:
    at = error.at
    if error.code == "MJ402":
        key = next(one for one in ("name", "title", "owner") if one not in value)
        value[key] = file.stem if key == "name" else "x"
        return True
    if error.code == "MJ406":
        value["words"] = ["\ue000\ue000"]
        return True
    if not at:
        return False
    if at[0] == "name":
        value["name"] = file.stem
    elif len(at) == 1 and at[0] in ("title", "owner", "scene"):
        value[at[0]] = "x"
    elif at == ("words",):
        value["words"] = ["\ue000\ue000"]
    elif len(at) > 1 and isinstance(value.get(at[0]), list):
        stand_in = "\ue000" * 5 + chr(0xE001 + int(at[1]) % 6000)
        if value[at[0]][int(at[1])] == stand_in:
            return False
        value[at[0]][int(at[1])] = stand_in
    else:
        found = [key for key in value if str(key) == at[0]]
        for key in found:
            del value[key]
        return bool(found)
    return True


def of_lexicon_source(
    source: LexiconSource, used: set[str] | None, today: date | None
) -> list[RuleError]:
    """Errors, warnings and notes about a lexicon file, in order. `used`: names of the lists that
    the rules beside it name, None when that is not known."""
    found = list(source.problems)
    if source.document is not None and not source.problems:
        found += of_lexicon(source.document, today)
        if used is not None and source.lexicon.name not in used:
            found.append(unused_lexicon(source.document))
    found += of_text(source.path, source.text)
    return in_order(without_ignored(source.path, source.text, found))
