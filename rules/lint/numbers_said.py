"""Numbers that load and that nothing ever reaches, or that are read as others than are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rules.conditions import HIT_RESPONSE
from rules.detectors import DETECTORS
from rules.errors import RuleError
from rules.lint.words_said import Asked, asked
from rules.sigma.modifiers import ORDER
from rules.sigma.questions import ordered
from rules.yaml_source import Document

# what a part of a date, or a field, may be: smallest and largest
_PARTS: Mapping[str, tuple[int, int]] = {
    "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "week": (1, 53), "month": (1, 12),
    "year": (1, 9999),
}  # fmt: skip
_FIELDS: Mapping[str, tuple[int, int]] = {HIT_RESPONSE: (0, 3)}


def of_document(document: Document) -> Iterator[RuleError]:
    """Numbers of any rule or filter that YAML reads otherwise than people do."""
    for at, written in document.odd.items():
        value = document.at(at)
        if not isinstance(value, int | float):
            continue
        yield document.error(
            at,
            f"'{written}' is read as the number {value}",
            f"“{written}”会被读成数字 {value}",
            fix_en=f"write {value} if the number is meant, or put it in quotation marks",
            fix_zh=f"如果就是这个数，请写 {value}；如果是文本，请加引号",
            code="MJ024",
            offset=0,
        )


def of_detection(document: Document) -> Iterator[RuleError]:
    """Comparisons of the selections that come out the same for every message."""
    for name, selection in document.value["detection"].items():
        if name != "condition":
            for one in asked(("detection", str(name)), selection):
                yield from _compared(document, one)
                if "detect" in one.modifiers:
                    yield from _confidence(document, one)


def _compared(document: Document, one: Asked) -> Iterator[RuleError]:
    part = next((name for name in one.modifiers if name in _PARTS), "")
    domain = _PARTS.get(part) or _FIELDS.get(one.field)
    if domain is None or "neq" in one.modifiers:
        return
    how = next((name for name in one.modifiers if name in ORDER), "eq")
    values = one.value if isinstance(one.value, list) else [one.value]
    for index, value in enumerate(values):
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        answers = {ordered(how, number, value) for number in range(domain[0], domain[1] + 1)}
        if len(answers) > 1:
            continue
        low, high = domain
        always = answers == {True}
        what = part or one.field
        yield document.error(
            (*one.at, str(index)) if isinstance(one.value, list) else one.at,
            f"'{what}' is {low} to {high}, so this {'always' if always else 'never'} holds",
            f"“{what}”的取值是 {low} 到 {high}，因此这里{'总是' if always else '永远不'}成立",
            fix_en=f"write a number from {low} to {high} that tells messages apart",
            fix_zh=f"请写 {low} 到 {high} 之间、能区分消息的数",
            code="MJ255",
            offset=0,
        )


def _confidence(document: Document, one: Asked) -> Iterator[RuleError]:
    for at, text in one.texts():
        name, *options = (part.strip() for part in text.split(","))
        for option in options:
            word, _, number = option.partition(" ")
            if word != "confidence" or not number.strip().isdigit():
                continue
            surest = DETECTORS[name].surest
            if int(number) > surest:
                yield document.error(
                    at,
                    f"{name} is never surer than {surest}, so confidence {int(number)} is never"
                    " reached",
                    f"{name} 的可信度最高为 {surest}，达不到 {int(number)}",
                    fix_en=f"write confidence {surest} or less",
                    fix_zh=f"请写 confidence {surest} 或更小",
                    code="MJ256",
                    offset=text.index(option),
                )
