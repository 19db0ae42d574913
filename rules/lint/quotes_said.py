"""Chinese quotation marks around a value: to YAML they are letters of it like any other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.errors import RuleError
from rules.yaml_source import Document

Path = tuple[str, ...]
OPENING, CLOSING = "“‘「『＂＇", "”’」』＂＇"
# a whole plain value, whose end may have got the right mark
_VALUE = re.compile(rf"([{OPENING}])([^“”‘’「」『』＂＇\"'#]*)[{CLOSING}\"'](?=\s*(?:[,\]}}]|#|$))")
_PARTED = re.compile("[，、；;]")  # several words, which are to be several values
# what people read, and what people said: there they may be meant
_PROSE = frozenset(
    {
        "title", "description", "author", "references", "falsepositives", "summary", "runbook",
        "blind_spots", "legal", "owner", "reason",
    }
)  # fmt: skip
_SAID = frozenset({"name", "text", "payload", "summary", "matched"})  # in test cases


def bare(word: str) -> str:
    """A word without the Chinese quotation marks around it."""
    if len(word) > 1 and word[0] in OPENING and word[-1] in CLOSING:
        return word[1:-1]
    return word


def of_document(document: Document) -> Iterator[RuleError]:
    """A warning for each value in Chinese quotation marks that has none of YAML's."""
    lines: list[str] | None = None
    for at, start in document.starts.items():
        if start.style or _may_be_meant(at):
            continue
        lines = document.text.split("\n") if lines is None else lines
        found = _VALUE.match(lines[start.line - 1], start.column - 1)
        if found is None or not found[2].strip():
            continue
        yield document.error(
            at,
            f"the marks around {found[0]} are no quotation marks of YAML: they are a part of the"
            " value",
            f"{found[0]} 两端的中文引号不是 YAML 的引号，会当作值的一部分",
            fix_en=f"write {quoted(found[2])}; put marks that are meant in quotation marks:"
            f" '{found[0]}'",
            fix_zh=f"请写 {quoted(found[2])}；确实要带中文引号的，外面再加英文引号：'{found[0]}'",
            code="MJ026",
            offset=0,
        )


def _may_be_meant(at: Path) -> bool:
    ours = at[1:] if at[:1] == ("mingjian",) else at
    return (ours[:1] == ("tests",) and not _SAID.isdisjoint(at)) or not _PROSE.isdisjoint(ours[:1])


def quoted(value: str) -> str:
    """The value in YAML's quotation marks, or in none where it needs none."""
    if re.fullmatch(r"[\u4e00-\u9fff]+", value):
        return value
    return f"'{value}'" if "\\" in value else f'"{value}"'


def put_right(text: str, problem: RuleError) -> str | None:
    """The text with YAML's marks; None where one value may have been meant as several."""
    lines = text.split("\n")
    line = lines[problem.line - 1]
    found = _VALUE.match(line, problem.column - 1)
    if found is None or _PARTED.search(found[2]):
        return None
    end = found.end()
    lines[problem.line - 1] = line[: found.start()] + quoted(found[2]) + line[end:]
    return "\n".join(lines)
