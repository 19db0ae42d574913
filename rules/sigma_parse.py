"""Sigma detection sections -> condition trees, parsed by pySigma with our modifiers added.

Ours, besides Sigma's own: `|lexicon: NAME`, `|detect: "NAME[, except LIST][, confidence N]"` and
`time|office_time: true|false`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.exceptions import SigmaError
from sigma.modifiers import SigmaValueModifier, modifier_mapping
from sigma.rule import SigmaDetections
from sigma.types import (
    SigmaBool,
    SigmaCompareExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaType,
    SpecialChars,
)

from rules.conditions import (
    HIT_RESPONSE,
    TEXT_FIELDS,
    And,
    Compare,
    Detected,
    InLexicon,
    Node,
    Not,
    OfficeTime,
    Or,
    Words,
    regex,
)
from rules.detectors import DETECTORS
from rules.fields import CLOSED, FIELDS
from rules.fold import fold
from rules.lexicon import Lexicon


class _Ours(SigmaType):
    """A value of one of our modifiers, carried through pySigma untouched."""

    def __init__(self, kind: str, value: str) -> None:
        self.kind, self.value = kind, value


class _LexiconModifier(SigmaValueModifier[SigmaString, _Ours]):
    def modify(self, val: SigmaString) -> _Ours:
        return _Ours("lexicon", val.original)


class _DetectModifier(SigmaValueModifier[SigmaString, _Ours]):
    def modify(self, val: SigmaString) -> _Ours:
        return _Ours("detect", val.original)


class _OfficeTimeModifier(SigmaValueModifier[SigmaBool, _Ours]):
    def modify(self, val: SigmaBool) -> _Ours:
        return _Ours("office_time", "true" if val.boolean else "false")


modifier_mapping.update(  # pySigma's documented way to add modifiers
    {
        "lexicon": _LexiconModifier,
        "detect": _DetectModifier,
        "office_time": _OfficeTimeModifier,
    }
)


MODIFIERS = (
    "contains", "startswith", "endswith", "all", "re", "i", "m", "s", "exists",
    "gt", "gte", "lt", "lte", "lexicon", "detect", "office_time",
)  # fmt: skip


class UnknownName(ValueError):
    """A rule names something that does not exist: `what` it is, its `name`, and what is `known`."""

    def __init__(self, what: str, name: str, known: list[str]) -> None:
        super().__init__(f"no {what} '{name}'")
        self.what, self.name, self.known = what, name, known


@dataclass(frozen=True)
class Named:
    """What rules may refer to by name: lexicons, which also hold the lists of known values."""

    lexicons: Mapping[str, Lexicon]

    def lexicon(self, name: str) -> Lexicon:
        """The lexicon. Raises UnknownName."""
        if name not in self.lexicons:
            raise UnknownName("lexicon", name, sorted(self.lexicons))
        return self.lexicons[name]


def parse_detection(section: dict[str, Any], named: Named) -> Node:
    """The condition tree of a Sigma `detection` section.

    Raises:
        ValueError: what Sigma or we refuse; the message says what and where in the section.
        UnknownName: a lexicon, list or detector that does not exist.
    """
    _only_known_modifiers(section)
    try:
        detections = SigmaDetections.from_dict(section)
        if len(detections.parsed_condition) != 1:
            message = "exactly one condition is supported"
            raise ValueError(message)
        tree = detections.parsed_condition[0].parse()
    except SigmaError as error:
        raise ValueError(str(error)) from None
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        # pySigma takes types for granted; a value of another type ends in one of these
        message = f"a key or value of the wrong type ({error})"
        raise ValueError(message) from None
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None
    return _node(tree, named)


def _only_known_modifiers(part: Any) -> None:
    """pySigma knows more of them, made for logs: they would search for what no text holds."""
    if isinstance(part, list):
        for one in part:
            _only_known_modifiers(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            for modifier in str(key).split("|")[1:]:
                if modifier not in MODIFIERS:
                    raise UnknownName("modifier", modifier, list(MODIFIERS))
            _only_known_modifiers(value)


def _node(item: Any, named: Named) -> Node:
    if isinstance(item, ConditionAND):
        return And(tuple(_node(child, named) for child in item.args))
    if isinstance(item, ConditionOR):
        return Or(tuple(_node(child, named) for child in item.args))
    if isinstance(item, ConditionNOT):
        return Not(_node(item.args[0], named))
    if isinstance(item, ConditionFieldEqualsValueExpression):
        return _leaf(item.field, item.value, named)
    message = "a value without a field: write text|contains instead of a keyword list"
    raise ValueError(message)


def _leaf(field: str, value: SigmaType, named: Named) -> Node:
    if field not in FIELDS and field != HIT_RESPONSE:
        raise UnknownName("field", field, sorted(FIELDS | {HIT_RESPONSE}))
    for kind, build in _LEAVES:
        if isinstance(value, kind):
            return build(field, value, named)
    message = f"{field}: this form of value is not supported: {type(value).__name__}"
    raise ValueError(message)


def _ours(field: str, value: Any, named: Named) -> Node:
    if value.kind == "office_time":
        if field != "time":
            message = f"{field}|office_time: only the field 'time' can be asked this"
            raise ValueError(message)
        return OfficeTime(value.value == "true")
    if field not in TEXT_FIELDS:
        message = f"{field}|{value.kind}: only text fields ({', '.join(sorted(TEXT_FIELDS))})"
        raise ValueError(message)
    if value.kind == "lexicon":
        lexicon = named.lexicon(value.value)
        if not lexicon.words:
            message = f"the lexicon '{value.value}' has no words, only values for 'except'"
            raise ValueError(message)
        return InLexicon(field, lexicon)
    name, *options = (part.strip() for part in value.value.split(","))
    if name not in DETECTORS:
        raise UnknownName("detector", name, sorted(DETECTORS))
    known: set[str] = set()
    at_least = 0
    for option in options:
        word, _, argument = option.partition(" ")
        if word == "except":
            known.update(_reference_values(named.lexicon(argument.strip())))
        elif word == "confidence" and argument.strip().isdigit():
            at_least = int(argument)
        else:
            message = f"{field}|detect: unknown option '{option}' (except LIST, confidence N)"
            raise ValueError(message)
    return Detected(field, DETECTORS[name], frozenset(known), at_least)


def _reference_values(lexicon: Lexicon) -> Iterator[str]:
    """As detectors report values: folded, without the separators people write."""
    if not lexicon.values:
        message = f"the lexicon '{lexicon.name}' has no values to except"
        raise ValueError(message)
    for value in lexicon.values:
        folded = fold(value).text
        yield folded
        yield folded.replace(" ", "").replace("-", "")


def _string(field: str, value: Any, named: Named) -> Node:
    parts = list(value.s)
    star = SpecialChars.WILDCARD_MULTI
    lead, tail = parts[:1] == [star], parts[-1:] == [star]
    middle = parts[1 if lead else 0 : len(parts) - (1 if tail else 0)]
    if any(isinstance(part, SpecialChars) for part in middle):
        return regex(field, _wildcards(parts)) if field in TEXT_FIELDS else _bad_wildcard(field)
    word = "".join(str(part) for part in middle)
    if not word:
        message = f"{field}: nothing to compare with; write {field}|exists: true or false"
        raise ValueError(message)
    if field in TEXT_FIELDS:
        folded = fold(word).text
        if not folded:
            message = f"{field}: only characters that are not read, such as zero-width ones"
            raise ValueError(message)
        return Words(field, folded, word) if lead and tail else regex(field, _wildcards(parts))
    allowed = CLOSED.get(field)
    if allowed and not (lead or tail) and word not in allowed:
        raise UnknownName(f"{field} like", word, list(allowed))
    operator = {
        (True, True): "contains",
        (True, False): "endswith",
        (False, True): "startswith",
        (False, False): "equals",
    }[lead, tail]
    return Compare(field, operator, word)


def _bad_wildcard(field: str) -> Node:
    message = f"{field}: wildcards inside a value are supported in text fields only"
    raise ValueError(message)


def _wildcards(parts: list[Any]) -> str:
    """Anchored RE2 source of a Sigma string with wildcards, over folded text."""
    out = []
    for part in parts:
        if part is SpecialChars.WILDCARD_MULTI:
            out.append("(?s:.*)")
        elif part is SpecialChars.WILDCARD_SINGLE:
            out.append("(?s:.)")
        else:
            out.append(re2.escape(fold(str(part)).text))
    return "^" + "".join(out) + "$"


def _regex(field: str, value: Any, _named: Named) -> Node:
    if field not in TEXT_FIELDS:
        message = f"{field}|re: regular expressions are supported in text fields only"
        raise ValueError(message)
    written = getattr(value.regexp, "original", None)
    if not written:
        message = f"{field}|re: a regular expression must be a text (in quotation marks)"
        raise ValueError(message)
    for char in written:
        if not char.isascii() and (folded := fold(char).text) != char:
            message = (
                f"{field}|re: '{char}' never occurs, because texts are folded before they are"
                f" searched; write '{folded}'"
            )
            raise ValueError(message)
    source = "".join(_INLINE[flag] for flag in sorted(value.flags, key=str)) + written
    try:
        return regex(field, source)
    except re2.error as error:
        message = f"{field}|re: '{source}' cannot be matched in linear time: {error}"
        raise ValueError(message) from None


def _number(field: str, value: Any, _named: Named) -> Node:
    return Compare(field, "equals", value.number)


def _compare(field: str, value: Any, _named: Named) -> Node:
    if field in TEXT_FIELDS:
        message = f"{field}: a text has no order"
        raise ValueError(message)
    return Compare(field, value.op.name.lower(), value.number.number)


_INLINE = {
    SigmaRegularExpressionFlag.IGNORECASE: "",  # always
    SigmaRegularExpressionFlag.MULTILINE: "(?m)",
    SigmaRegularExpressionFlag.DOTALL: "(?s)",
}
_LEAVES: tuple[tuple[type, Callable[[str, Any, Named], Node]], ...] = (
    (_Ours, _ours),
    (SigmaString, _string),
    (SigmaRegularExpression, _regex),
    (SigmaCompareExpression, _compare),
    (SigmaNumber, _number),
    (SigmaExists, lambda field, value, _: Compare(field, "exists", value.exists)),
    (SigmaNull, lambda field, _value, __: Compare(field, "null", None)),
    (SigmaBool, lambda field, value, _: Compare(field, "equals", str(value.boolean).lower())),
)


def asks_hits(node: Node) -> bool:
    """Whether the condition asks what other rules said of the same message."""
    if isinstance(node, And | Or):
        return any(asks_hits(child) for child in node.children)
    if isinstance(node, Not):
        return asks_hits(node.child)
    return isinstance(node, Compare) and node.field == HIT_RESPONSE
