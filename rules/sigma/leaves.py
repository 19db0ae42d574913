"""The end of a chain of modifiers: what one value of the field is asked."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import re2

from rules.sigma.chain import DASHES, MANY, ONE, Chain, Dash, unfit, wrapped
from rules.sigma.questions import (
    Network,
    Number,
    Part,
    Pattern,
    Question,
    SameAs,
    Text,
    as_number,
    compiled_pattern,
)
from rules.sigma.refusal import SigmaRefused


def _texts(chain: Chain) -> list[Question]:
    return [_text(chain, parts) for parts in chain.variants]


def _text(chain: Chain, parts: list[Any]) -> Question:
    if not chain.field:  # a keyword stands anywhere in what the event says
        parts = wrapped(parts, True, True)
    lead, tail = parts[:1] == [MANY], parts[-1:] == [MANY]
    middle = parts[1:] if lead else parts
    middle = middle[:-1] if middle and tail else middle
    if all(isinstance(part, str) for part in middle):
        how = {(True, True): "contains", (True, False): "endswith", (False, True): "startswith"}
        text = "".join(middle)
        place = how.get((lead, tail), "equals")
        return Text(text if chain.cased else text.casefold(), place, chain.cased)
    source = "".join(_source(part, chain.cased) for part in middle)
    return _pattern(
        chain, f"(?s){'' if lead else '^'}{source}{'' if tail else '$'}", folded=not chain.cased
    )


def _source(part: Any, cased: bool) -> str:
    if part is MANY:
        return ".*"
    if part is ONE:
        return "."
    if isinstance(part, Dash):
        return f"[{DASHES[1:]}-]"
    return str(re2.escape(part if cased else part.casefold()))


def _regexes(chain: Chain) -> list[Question]:
    flags = f"(?{''.join(sorted(chain.flags))})" if chain.flags else ""
    return [
        _pattern(chain, flags + "".join(map(str, parts)), folded=False) for parts in chain.variants
    ]


def _pattern(chain: Chain, source: str, *, folded: bool) -> Pattern:
    try:
        return compiled_pattern(source, folded)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0]
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise SigmaRefused(
            "regex",
            f"{chain.field}: '{source}' is not RE2, which takes linear time: {said}",
            f"{chain.field}：正则表达式“{source}”不是 RE2 语法：{said}",
            fix_en="no look-around, no back-references, no possessive quantifiers",
            fix_zh="不支持环视、反向引用和占有量词",
        ) from None


def _networks(chain: Chain) -> list[Question]:
    try:
        return [Network(ip_network(str(chain.value)))]
    except ValueError as error:
        raise unfit(chain, f"no network ({error})", "不是网段") from None


def _references(chain: Chain) -> list[Question]:
    if any(not isinstance(part, str) for part in chain.variants[0]):
        raise unfit(chain, "the name of a field has no wildcards", "字段名不能有通配符")
    return [SameAs("".join(chain.variants[0]), chain.how, chain.cased)]


def _numbers(chain: Chain) -> list[Question]:
    number = as_number(chain.value)
    if number is None:
        raise unfit(chain, "a number is needed", "需要数字")
    if chain.part:
        return [Part(chain.part, "eq" if chain.how == "equals" else chain.how, number)]
    return [Number(chain.how, number)]


FINISH = {
    "text": _texts,
    "re": _regexes,
    "cidr": _networks,
    "fieldref": _references,
    "number": _numbers,
}
