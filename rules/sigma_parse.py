"""Sigma detection sections -> condition trees, parsed by pySigma with our modifiers added.

Ours, besides Sigma's own: `|lexicon: NAME`, `|detect: "NAME[, except LIST][, confidence N]"` and
`time|office_time: true|false`.
"""

from __future__ import annotations

import re
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
from sigma.exceptions import SigmaError, SigmaTypeError
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
from rules.detection_text import check_selections, compiled_regex
from rules.detectors import DETECTORS
from rules.fields import CLOSED, FIELDS
from rules.fold import fold
from rules.lexicon import Lexicon
from rules.refused import Refused, UnknownName

_OBJECT = re.compile(r"'?<[\w.]+ object at 0x\w+>'?")  # what pySigma prints of a null


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
        Refused: what Sigma or we refuse.
        UnknownName: a field, modifier, lexicon, list or detector that does not exist.
    """
    check_selections(section)
    try:
        detections = SigmaDetections.from_dict(section)
        if len(detections.parsed_condition) != 1:
            raise Refused(
                "exactly one condition is supported", "只能有一个 condition", code="MJ201"
            )
        tree = detections.parsed_condition[0].parse()
    except SigmaTypeError as error:
        raise Refused(
            f"the modifier does not fit the value: {_OBJECT.sub('nothing', str(error))}",
            "修饰符与值的类型不符",
            fix_en="put texts and numbers to search for in quotation marks",
            fix_zh="要查找的文字和数字请加引号；比较大小的值不加引号",
            code="MJ223",
        ) from None
    except SigmaError as error:
        raise Refused(
            f"Sigma refuses it: {error}", f"不符合 Sigma 的写法：{error}", code="MJ224"
        ) from None
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        # pySigma takes types for granted; a value of another type ends in one of these
        raise Refused(
            f"a key or value of the wrong type ({error})",
            "键或值的类型不对",
            fix_en="write field: value, or field|modifier: value or [value, value]",
            fix_zh="请写成 字段: 值，或 字段|修饰符: 值，多个值写成 [值, 值]",
            code="MJ225",
        ) from None
    except RecursionError:
        raise Refused("nested too deeply", "嵌套层数过多", code="MJ015") from None
    return _node(tree, named)


def _node(item: Any, named: Named) -> Node:
    if isinstance(item, ConditionAND):
        return And(tuple(_node(child, named) for child in item.args))
    if isinstance(item, ConditionOR):
        return Or(tuple(_node(child, named) for child in item.args))
    if isinstance(item, ConditionNOT):
        return Not(_node(item.args[0], named))
    if isinstance(item, ConditionFieldEqualsValueExpression):
        return _leaf(item.field, item.value, named)
    raise Refused(
        "a value without a field: write text|contains instead of a keyword list",
        "值的前面没有字段：请写 text|contains，不要直接写一列词",
        fix_en="for example: words: {text|contains: [保本, 稳赚]}",
        fix_zh="例如：words: {text|contains: [保本, 稳赚]}",
        code="MJ227",
    )


def _leaf(field: str, value: SigmaType, named: Named) -> Node:
    if field not in FIELDS and field != HIT_RESPONSE:
        raise UnknownName("field", field, sorted(FIELDS | {HIT_RESPONSE}))
    for kind, build in _LEAVES:
        if isinstance(value, kind):
            return build(field, value, named)
    raise Refused(
        f"{field}: this form of value is not supported: {type(value).__name__}",
        f"{field}：不支持这种形式的值",
        code="MJ224",
    )


def _ours(field: str, value: Any, named: Named) -> Node:
    if value.kind == "office_time":
        if field != "time":
            raise Refused(
                f"{field}|office_time: only the field 'time' can be asked this",
                f"{field}|office_time：只有字段 time 可以这样问",
                code="MJ237",
            )
        return OfficeTime(value.value == "true")
    if field not in TEXT_FIELDS:
        raise Refused(
            f"{field}|{value.kind}: only text fields ({', '.join(sorted(TEXT_FIELDS))})",
            f"{field}|{value.kind}：只能用于文本字段（{'、'.join(sorted(TEXT_FIELDS))}）",
            code="MJ222",
        )
    if value.kind == "lexicon":
        lexicon = named.lexicon(value.value)
        if not lexicon.words:
            raise Refused(
                f"the lexicon '{value.value}' has no words, only values for 'except'",
                f"词库“{value.value}”里没有词，只有供 except 使用的值",
                code="MJ230",
            )
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
            raise Refused(
                f"{field}|detect: unknown option '{option}' (except LIST, confidence N)",
                f"{field}|detect：没有“{option}”这个选项",
                fix_en="there are: except LIST, confidence N",
                fix_zh="可用：except 词库名、confidence 数字",
                code="MJ229",
            )
    return Detected(field, DETECTORS[name], frozenset(known), at_least)


def _reference_values(lexicon: Lexicon) -> Iterator[str]:
    """As detectors report values: folded, without the separators people write."""
    if not lexicon.values:
        raise Refused(
            f"the lexicon '{lexicon.name}' has no values to except",
            f"词库“{lexicon.name}”里没有可供排除的值（values）",
            code="MJ231",
        )
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
        raise Refused(
            f"{field}: nothing to compare with; write {field}|exists: true or false",
            f"{field}：没有可比较的内容",
            fix_en=f"write {field}|exists: true or false",
            fix_zh=f"问有没有值，请写 {field}|exists: true 或 false",
            code="MJ232",
        )
    if field in TEXT_FIELDS:
        folded = fold(word).text
        if not folded:
            raise Refused(
                f"{field}: only characters that are not read, such as zero-width ones",
                f"{field}：只有不会被读取的字符（如零宽字符）",
                code="MJ233",
            )
        return Words(field, folded, word) if lead and tail else regex(field, _wildcards(parts))
    allowed = CLOSED.get(field)
    if allowed and not (lead or tail) and word not in allowed:
        raise UnknownName(field, word, allowed)
    operator = {
        (True, True): "contains",
        (True, False): "endswith",
        (False, True): "startswith",
        (False, False): "equals",
    }[lead, tail]
    return Compare(field, operator, word)


def _bad_wildcard(field: str) -> Node:
    raise Refused(
        f"{field}: wildcards inside a value are supported in text fields only",
        f"{field}：值中间的通配符只能用于文本字段",
        code="MJ234",
    )


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
        raise Refused(
            f"{field}|re: regular expressions are supported in text fields only",
            f"{field}|re：正则表达式只能用于文本字段（{'、'.join(sorted(TEXT_FIELDS))}）",
            code="MJ222",
        )
    written = value.regexp.original
    for char in written:
        if not char.isascii() and (folded := fold(char).text) != char:
            raise Refused(
                f"{field}|re: '{char}' never occurs, because texts are folded before they are"
                " searched",
                f"{field}|re：“{char}”不会出现，因为文本先归一再查找",
                fix_en=f"write '{folded}'" if folded else f"leave '{char}' out",
                fix_zh=f"请写“{folded}”" if folded else f"请删去“{char}”",
                code="MJ221",
            )
    source = "".join(_INLINE[flag] for flag in sorted(value.flags, key=str)) + written
    return compiled_regex(field, source)


def _number(field: str, value: Any, _named: Named) -> Node:
    return Compare(field, "equals", value.number)


def _compare(field: str, value: Any, _named: Named) -> Node:
    if field in TEXT_FIELDS:
        raise Refused(f"{field}: a text has no order", f"{field}：文本不能比较大小", code="MJ235")
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
