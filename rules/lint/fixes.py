"""What `check --fix` changes: slips with one meaning. The text is changed at the place alone, so
comments, order and layout stay; nothing is changed that would make a rule that loads find more or
less, but for the version, which says so, and for quotation marks that were to be YAML's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from rules.errors import RuleError
from rules.lint import quotes_said
from rules.lint.metadata_said import read_date
from rules.lint.registry import severity
from rules.lint.typing_slips import corrected
from rules.spoken_times import meant, moment_meant
from rules.yaml_nodes import spans
from rules.yaml_texts import is_inside, texts

Path = tuple[str, ...]
MAX_FIXES = 500  # of one file
_SLIPS = ("MJ002", "MJ007", "MJ011", "MJ012", "MJ013")


def fixed(text: str, problem: RuleError) -> str | None:
    """The text without this problem; None when it takes a person to put it right."""
    if problem.code in _SLIPS:
        return _changed(text, corrected(text, problem))
    fix = _FIXES.get(problem.code)
    return _changed(text, fix(text, problem)) if fix else None


def _changed(text: str, better: str | None) -> str | None:
    return None if better == text else better


def fix_all(
    text: str, problems_of: Callable[[str], list[RuleError]]
) -> tuple[str, list[RuleError]]:
    """The text after all fixes, and what was fixed, in order.

    `problems_of` says what is wrong with a text. A fix that would bring a new error is not made.
    """
    done: list[RuleError] = []
    given_up: set[tuple[int, int, str]] = set()
    problems = problems_of(text)
    for _ in range(MAX_FIXES):
        found = _next(text, problems, given_up)
        if found is None:
            break
        problem, better = found
        after = problems_of(better)
        if _weight(after) < _weight(problems) and _count(after, problem) < _count(
            problems, problem
        ):
            text, problems = better, after
            done.append(problem)
        else:
            given_up.add(_key(problem))
    return text, done


def _next(
    text: str, problems: list[RuleError], given_up: set[tuple[int, int, str]]
) -> tuple[RuleError, str] | None:
    for problem in problems:
        if _key(problem) not in given_up and (better := fixed(text, problem)) is not None:
            return problem, better
    return None


def _key(problem: RuleError) -> tuple[int, int, str]:
    return problem.line, problem.column, problem.code


def _count(problems: list[RuleError], like: RuleError) -> int:
    return sum(one.code == like.code for one in problems)


def _weight(problems: list[RuleError]) -> tuple[int, int]:
    """Files that cannot be read hide what else is wrong, so those errors weigh most."""
    errors = [one for one in problems if severity(one) == "error"]
    return sum(one.code < "MJ015" for one in errors), len(errors) * 10_000 + len(problems)


# --- places


def _nodes(text: str) -> Iterator[tuple[Path, yaml.Node, yaml.Node, yaml.Node | None]]:
    """(path, node of the place, value, the item before it in a list) of everything in a text."""
    for root in spans(text):
        yield from _below((), root)


def _below(
    at: Path, node: yaml.Node
) -> Iterator[tuple[Path, yaml.Node, yaml.Node, yaml.Node | None]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, str(key.value))
            yield here, key, value, None
            yield from _below(here, value)
    elif isinstance(node, yaml.SequenceNode):
        before = None
        for index, item in enumerate(node.value):
            here = (*at, str(index))
            yield here, item, item, before
            yield from _below(here, item)
            before = item


def _found(text: str, problem: RuleError) -> tuple[yaml.Node, yaml.Node, yaml.Node | None] | None:
    """(place, value, item before) of what a problem is about."""
    for path, place, value, before in _nodes(text):
        mark = place.start_mark
        if path == problem.at and (mark.line + 1, mark.column + 1) == problem.key:
            return place, value, before
    return None


def _raw(text: str, node: yaml.Node) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _put(text: str, node: yaml.Node, raw: str) -> str:
    return text[: node.start_mark.index] + raw + text[node.end_mark.index :]


# --- one fix a code


def _key_meant(text: str, problem: RuleError) -> str | None:
    """A mistyped key, or a mistyped part of `field|modifier`."""
    found = _found(text, problem)
    if found is None or problem.better is None:
        return None
    wrong, right = problem.better
    place, value, _ = found
    if place is value:
        return None
    raw = _raw(text, place)
    parts = raw.split("|")
    if wrong not in parts:
        return None
    better = "|".join(right if part == wrong else part for part in parts)
    siblings = (path for path, *_ in _nodes(text) if path[:-1] == problem.at[:-1])
    if (*problem.at[:-1], better) in siblings:
        return None
    return _put(text, place, better)


def _narrow_key(text: str, problem: RuleError) -> str | None:
    found = _found(text, problem)
    if found is None:
        return None
    raw = _raw(text, found[0])
    narrow = "".join(
        chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else char for char in raw
    )
    return _put(text, found[0], narrow)


def _no_blanks(text: str, problem: RuleError) -> str | None:
    """Not inside a text of several lines, where blanks are part of it, and not while it is open
    where texts are."""
    nodes = list(_nodes(text))
    if not nodes:
        return None
    for _, _, value, _ in nodes:
        if (
            isinstance(value, yaml.ScalarNode)
            and value.start_mark.line + 1 <= problem.line <= value.end_mark.line
        ):
            return None
    lines = text.split("\n")
    line = lines[problem.line - 1]
    end = "\r" if line.endswith("\r") else ""
    lines[problem.line - 1] = line.rstrip(" \t\r") + end
    return "\n".join(lines)


def _no_unseen(text: str, problem: RuleError) -> str | None:
    if is_inside(texts(text), problem.line, problem.column):
        return None
    lines = text.split("\n")
    line = lines[problem.line - 1]
    lines[problem.line - 1] = line[: problem.column - 1] + line[problem.column :]
    return "\n".join(lines)


def _once(text: str, problem: RuleError) -> str | None:
    """Takes an item out of a list."""
    found = _found(text, problem)
    if found is None:
        return None
    _, item, before = found
    if before is None:
        return None
    lines = text.split("\n")
    if lines[item.start_mark.line].strip() == f"- {_raw(text, item).strip()}":
        del lines[item.start_mark.line]  # a remark in the line is no part of this
        return "\n".join(lines)
    between = text[before.end_mark.index : item.start_mark.index]
    if between.strip(" \n") != ",":
        return None
    return text[: before.end_mark.index] + text[item.end_mark.index :]


def _no_star(text: str, problem: RuleError) -> str | None:
    found = _found(text, problem)
    if found is None:
        return None
    raw = _raw(text, found[1])
    quote = raw[:1] if raw[:1] in ("'", '"') else ""
    inner = raw[len(quote) : len(raw) - len(quote)].strip("*")
    return _put(text, found[1], f"{quote}{inner}{quote}") if inner else None


def _quoted(text: str, problem: RuleError) -> str | None:
    found = _found(text, problem)
    if found is None:
        return None
    raw = _raw(text, found[1])
    return (
        _put(text, found[1], f'"{raw}"') if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", raw) else None
    )


def _new_uuid(text: str, problem: RuleError) -> str | None:
    """A UUID (version 8, of a hash) of the id that stands there and the name of the rule: the same
    each time, so that two people who fix the same file agree."""
    found = _found(text, problem)
    value: Any = getattr(problem.document, "value", None)
    if found is None or not isinstance(value, dict):
        return None
    digest = hashlib.sha256(f"{value.get('name')}\n{value.get('id')}".encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    made = f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
    return _put(text, found[1], made)


def _iso_date(text: str, problem: RuleError) -> str | None:
    found = _found(text, problem)
    if found is None or not isinstance(found[1], yaml.ScalarNode):
        return None
    day = read_date(found[1].value)
    return _put(text, found[1], day.isoformat()) if day else None


def _span(text: str, problem: RuleError) -> str | None:
    """A span of time in the spelling of rules; in quotation marks it stays in them."""
    found = _found(text, problem)
    if found is None or not isinstance(found[1], yaml.ScalarNode):
        return None
    right = meant(found[1].value)
    return _put(text, found[1], right) if right else None


def _moment(text: str, problem: RuleError) -> str | None:
    found = _found(text, problem)
    if found is None or not isinstance(found[1], yaml.ScalarNode):
        return None
    right = moment_meant(found[1].value)
    return _put(text, found[1], right if right[:1] == "+" else f'"{right}"') if right else None


def _number(text: str, problem: RuleError) -> str | None:
    """A number written as a text, of a comparison that asks for nothing else."""
    found = _found(text, problem)
    right = re.fullmatch(r"write (\w+): (-?[0-9.]+)", problem.fix_en)
    if found is None or right is None or right[1] != problem.at[-1]:
        return None
    return _put(text, found[1], right[2])


def _raised(text: str, problem: RuleError) -> str | None:
    found = _found(text, problem)
    number = re.search(r"\d+$", problem.fix_en)
    return _put(text, found[1], number[0]) if found and number else None


_FIXES: Mapping[str, Callable[[str, RuleError], str | None]] = {
    "MJ022": _no_blanks,
    "MJ023": _no_unseen,
    "MJ026": quotes_said.put_right,
    "MJ101": _key_meant,
    "MJ213": _key_meant,
    "MJ214": _key_meant,
    "MJ238": _narrow_key,
    "MJ246": _once,
    "MJ248": _no_star,
    "MJ412": _once,
    "MJ307": _number,
    "MJ310": _span,
    "MJ730": _span,
    "MJ502": _key_meant,
    "MJ507": _quoted,
    "MJ508": _moment,
    "MJ601": _new_uuid,
    "MJ613": _iso_date,
    "MJ624": _raised,
}
FIXABLE = frozenset({*_SLIPS, *_FIXES})


def region(text: str, better: str) -> tuple[int, int, str]:
    """(start, end, new): the shortest part of `text` that differs in `better`."""
    start = 0
    while start < min(len(text), len(better)) and text[start] == better[start]:
        start += 1
    end, stop = len(text), len(better)
    while end > start and stop > start and text[end - 1] == better[stop - 1]:
        end, stop = end - 1, stop - 1
    return start, end, better[start:stop]
