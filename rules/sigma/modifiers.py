"""The modifiers of Sigma 2.1: a value and its chain of modifiers -> questions to a field.

pySigma reads the wildcards and escapes of a text. What the modifiers do with it is ours: its own
refuse numbers (`contains: 1`), non-ASCII text (`wide`) and a fourth dash, and see no escape before
a placeholder.
"""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import product
from typing import Any

import re2
from sigma.types import SigmaString, SpecialChars

from rules.sigma.chain import ANY_DASH, DASHES, Chain, Dash, Placeholders, unfit, wrapped
from rules.sigma.event import as_text
from rules.sigma.leaves import FINISH
from rules.sigma.questions import Equal, Question
from rules.sigma.refusal import SigmaRefused

PLACES = ("contains", "startswith", "endswith")
ENCODINGS = {"utf16le": "utf-16-le", "wide": "utf-16-le", "utf16be": "utf-16-be", "utf16": "bom"}
FLAGS = ("i", "m", "s")
LONG_FLAGS = {"ignorecase": "i", "multiline": "m", "dotall": "s"}  # pySigma's second names
ORDER = ("lt", "lte", "gt", "gte")
DATE_PARTS = ("minute", "hour", "day", "week", "month", "year")
MODIFIERS = (
    *PLACES, "all", "re", *FLAGS, *LONG_FLAGS, "cased", "exists", "neq", "base64", "base64offset",
    *ENCODINGS, "windash", "cidr", *ORDER, "fieldref", "expand", *DATE_PARTS,
)  # fmt: skip
MAX_VARIANTS = 2_000
_DASH = re.compile(rf"\B([{DASHES}])\b")
_PLACEHOLDER = re.compile(r"\\%|%([^%\\]+)%")


def questions(
    name: str, modifiers: list[str], value: Any, placeholders: Placeholders
) -> list[Question]:
    """What the value asks of one value of the field; one of the questions has to be true.

    `modifiers` without all, neq and exists; an empty `name` is a keyword, searched for anywhere.

    Raises:
        SigmaRefused: modifier, placeholder, regex or value.
    """
    if not modifiers and name and isinstance(value, int | float) and not isinstance(value, bool):
        return [Equal(value, as_text(value) or "")]
    chain = Chain(name, value, placeholders)
    chain.kind = _kind(modifiers)
    if chain.kind != "number":
        text = as_text(value)
        if text is None:
            raise unfit(chain, "a text or number is needed", "需要文本或数字")
        if chain.kind == "re":
            chain.variants = [[text]]
        else:
            chain.variants = [list(SigmaString(text).s)]
    for modifier in modifiers:
        _apply(chain, modifier)
    return FINISH[chain.kind](chain)


def _kind(modifiers: list[str]) -> str:
    for one in modifiers:
        if one in ("re", "cidr", "fieldref"):
            return one
        if one in ORDER or one in DATE_PARTS:
            return "number"
    return "text"


def _apply(chain: Chain, modifier: str) -> None:
    kind = chain.kind
    if modifier == kind:
        return
    if modifier in PLACES and kind in ("text", "fieldref", "re"):
        if kind == "text":
            lead, tail = modifier != "startswith", modifier != "endswith"
            chain.variants = [wrapped(one, lead, tail) for one in chain.variants]
        chain.how = modifier  # a regular expression is searched for anywhere as it is
    elif modifier == "expand" and kind in ("text", "re"):
        _expand(chain)
    elif modifier == "cased" and kind in ("text", "fieldref"):
        chain.cased = True
    elif kind == "text" and modifier in ENCODINGS:
        _encode(chain, ENCODINGS[modifier])
    elif kind == "text" and modifier in ("base64", "base64offset"):
        _base64(chain, (0, 1, 2) if modifier == "base64offset" else (0,))
    elif kind == "text" and modifier == "windash":
        chain.variants = [_with_dashes(one) for one in chain.variants]
    elif kind == "re" and modifier in (*FLAGS, *LONG_FLAGS):
        chain.flags.add(LONG_FLAGS.get(modifier, modifier))
    elif kind == "number" and modifier in ORDER and chain.how == "equals":
        chain.how = modifier
    elif kind == "number" and modifier in DATE_PARTS and not chain.part:
        chain.part = modifier
    else:
        raise SigmaRefused(
            "modifier",
            f"{chain.field}: the modifier '{modifier}' means nothing here",
            f"{chain.field}：修饰符“{modifier}”用在这里没有意义",
        )


def _many(chain: Chain, variants: list[list[Any]]) -> list[list[Any]]:
    if len(variants) > MAX_VARIANTS:
        raise unfit(
            chain, f"it stands for more than {MAX_VARIANTS} texts", f"展开超过 {MAX_VARIANTS} 个"
        )
    return variants


def _expand(chain: Chain) -> None:
    found: list[list[Any]] = []
    for parts in chain.variants:
        choices: list[list[list[Any]]] = []
        for part in parts:
            if isinstance(part, str):
                choices += _choices(chain, part)
            else:
                choices.append([[part]])
        size = 1
        for choice in choices:
            size *= len(choice)
        _many(chain, [[]] * min(size, MAX_VARIANTS + 1))
        found += [[part for parts in row for part in parts] for row in product(*choices)]
    chain.variants = [[p for p in parts if p != ""] for parts in _many(chain, found)]


def _choices(chain: Chain, text: str) -> list[list[list[Any]]]:
    """What stands for each piece of a text; `\\%` is a plain percent sign, as the standard says."""
    found: list[list[list[Any]]] = []
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        found.append([[text[at : match.start()]]])
        found.append(_values_of(chain, match[1]) if match[1] else [["%"]])
        at = match.end()
    return [*found, [[text[at:]]]]


def _values_of(chain: Chain, name: str) -> list[list[Any]]:
    if name not in chain.placeholders:
        raise SigmaRefused(
            "placeholder",
            f"{chain.field}: no values were given for the placeholder %{name}%",
            f"{chain.field}：占位符 %{name}% 没有给出取值",
            fix_en="give a file of placeholders, name: [values]",
            fix_zh="请提供占位符文件，写 名字: [取值]",
        )
    values = chain.placeholders[name]
    if chain.kind == "re":
        return [[re2.escape(value)] for value in values]
    return [list(SigmaString(value).s) for value in values]


def _plain(chain: Chain) -> list[str]:
    """The variants as texts, dashes written out. Raises for wildcards."""
    found = []
    for parts in chain.variants:
        if any(isinstance(part, SpecialChars) for part in parts):
            raise unfit(chain, "a wildcard cannot be encoded", "通配符不能编码")
        rows = product(*(DASHES if isinstance(part, Dash) else [part] for part in parts))
        found += ["".join(row) for row in rows]
        _many(chain, [[]] * len(found))
    return found


def _encode(chain: Chain, encoding: str) -> None:
    """Bytes as a text of the characters 0 to 255, so that wildcards can stand between them."""
    if chain.encoded:
        raise unfit(chain, "it is encoded already", "已经编码过")
    chain.encoded = True
    lead = ["\xff\xfe"] if encoding == "bom" else []
    name = "utf-16-le" if encoding == "bom" else encoding
    chain.variants = [
        [*lead, *(p.encode(name).decode("latin-1") if isinstance(p, str) else p for p in parts)]
        for parts in chain.variants
    ]


def _base64(chain: Chain, offsets: tuple[int, ...]) -> None:
    """RFC 4648; at an offset only the characters that the neighbours cannot change are kept."""
    found = []
    for text in _plain(chain):
        data = text.encode("latin-1" if chain.encoded else "utf-8")
        for offset in offsets:
            written = b64encode(b"\0" * offset + data).decode()
            if len(offsets) > 1:
                start = (offset * 8 + 5) // 6  # the first character made of our bits alone
                written = written[start : (offset + len(data)) * 8 // 6]
            found.append([written])
    chain.variants = _many(chain, found)
    chain.encoded = False


def _with_dashes(parts: list[Any]) -> list[Any]:
    found: list[Any] = []
    for part in parts:
        if not isinstance(part, str):
            found.append(part)
            continue
        for at, piece in enumerate(_DASH.split(part)):
            if at % 2:
                found.append(ANY_DASH)
            elif piece:
                found.append(piece)
    return found
