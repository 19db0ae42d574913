"""Conditions that load and are nearly always a mistake: what always or never holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.conditions import Node
from rules.errors import RuleError
from rules.lint.emitted import ALL, TYPE_FIELDS, possible
from rules.lint.logic import constant, shape
from rules.refused import Refused, UnknownName
from rules.sigma_parse import Named, parse_detection
from rules.value_hints import value_meant
from rules.yaml_source import Document

Path = tuple[str, ...]
_CONDITION: Path = ("detection", "condition")


def of_detection(document: Document, named: Named) -> Iterator[RuleError]:
    """Warnings about the condition of a document with a `detection` that loads."""
    section: dict[str, Any] = document.value["detection"]
    told = list(_of_shape(document, section))
    yield from told
    trees = _trees(section, named)
    impossible = False
    for name, tree in trees.items():
        if not possible(tree) or constant(tree) is False:
            impossible = True
            yield from _never(document, name, section[name], tree)
    yield from _types(document, section)
    if told or impossible:
        return
    try:
        whole = parse_detection(section, named)
    except (Refused, UnknownName):
        return
    if not possible(whole) or constant(whole) is False:
        yield document.error(
            _CONDITION,
            "the condition can never hold: its selections exclude each other",
            "condition 永远不成立：各选择项互相排斥",
            fix_en="ask each field for values that one message can have at the same time",
            fix_zh="请检查各选择项：一条消息的同一字段不会同时取这些值",
            code="MJ241",
            offset=0,
        )
    elif constant(whole) is True:
        yield _always(document)


def _trees(section: dict[str, Any], named: Named) -> dict[str, Node]:
    found = {}
    for name, selection in section.items():
        if name != "condition":
            try:
                found[name] = parse_detection({name: selection, "condition": name}, named)
            except (Refused, UnknownName):
                continue
    return found


def _of_shape(document: Document, section: dict[str, Any]) -> Iterator[RuleError]:
    form = shape(section)
    if form is None:
        return
    outcomes = [(way, form.holds(way)) for way in form.ways()]
    answers = {held for _, held in outcomes}
    if answers == {True}:
        yield _always(document)
    elif answers == {False}:
        yield document.error(
            _CONDITION,
            "the condition can never hold, whatever a message says",
            "无论消息是什么，condition 都不成立",
            fix_en="it asks for something and for its opposite; remove one of them",
            fix_zh="它同时要求了一件事和它的反面，请删去其一",
            code="MJ241",
            offset=0,
        )
    elif outcomes[0][1]:
        yield document.error(
            _CONDITION,
            "the rule fires on messages that fit none of its selections, so on nearly all of them",
            "不符合任何选择项的消息也会触发，几乎所有消息都会报",
            fix_en="join 'not …' by 'and' to a selection that says what to look for",
            fix_zh="请用 and 把 not … 接在一个说明要找什么的选择项后面",
            code="MJ242",
            offset=0,
        )
    else:
        yield from _without_effect(document, form.names, outcomes)


def _always(document: Document) -> RuleError:
    return document.error(
        _CONDITION,
        "the condition always holds, so every message is hit",
        "condition 永远成立，每条消息都会命中",
        fix_en="ask for what makes a message worth an alert",
        fix_zh="请写明什么样的消息才需要告警",
        code="MJ240",
        offset=0,
    )


def _without_effect(
    document: Document, names: list[str], outcomes: list[tuple[dict[str, bool], bool]]
) -> Iterator[RuleError]:
    """Selections that are in the condition and change nothing, as b in `a or (a and b)`."""
    table = {tuple(way.values()): held for way, held in outcomes}
    for index, name in enumerate(names):
        if all(
            held == table[(*key[:index], not key[index], *key[index + 1 :])]
            for key, held in table.items()
        ):
            yield document.error(
                ("detection", name),
                f"the selection '{name}' changes nothing: the others decide already",
                f"选择项“{name}”不起作用：其他选择项已经决定了结果",
                fix_en="remove it, or check the brackets of the condition",
                fix_zh="请删去它，或检查 condition 里的括号",
                code="MJ243",
            )


def _never(document: Document, name: str, selection: Any, tree: Node) -> Iterator[RuleError]:
    at: Path = ("detection", name)
    if isinstance(selection, dict):
        of_type = next((k for k in selection if str(k).split("|")[0] in TYPE_FIELDS), None)
        if of_type is not None:
            at = (*at, str(of_type))
    which = ", ".join(sorted(_needed(selection)))
    yield document.error(
        at,
        f"the selection '{name}' can never match: no type of message has all it asks for"
        + (f" ({which})" if which else ""),
        f"选择项“{name}”永远不会命中：没有哪一类消息同时具备它要求的字段"
        + (f"（{which}）" if which else ""),
        fix_en="ask for fields that this type has (docs/data-formats.md)",
        fix_zh="请只写这类消息有的字段（见 docs/data-formats.md）",
        code="MJ244",
    )


def _needed(selection: Any) -> set[str]:
    return {str(key).split("|")[0] for key in selection} if isinstance(selection, dict) else set()


def _types(document: Document, section: dict[str, Any]) -> Iterator[RuleError]:
    """Types of message that nobody decodes: a rule that asks for one never fires."""
    known = sorted(ALL - {"*"})
    for name, selection in section.items():
        if not isinstance(selection, dict):
            continue
        for key, value in selection.items():
            if key not in TYPE_FIELDS:
                continue
            for index, one in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(one, str) or "*" in one or "?" in one or one.casefold() in ALL:
                    continue
                at: Path = ("detection", str(name), str(key))
                error = document.explained(
                    (*at, str(index)) if isinstance(value, list) else at,
                    UnknownName("type", one, known, meant=value_meant(one, known)),
                )
                error.code = "MJ245"
                yield error
