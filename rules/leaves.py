"""What one `field|modifiers: value` of a rule about conversations asks.

Text fields are folded before they are searched, so only modifiers that make sense there are taken.
All other fields take every modifier of Sigma 2.1 (`rules.sigma.modifiers`). Ours, besides those of
time: `|lexicon: "NAME[, scene S]"`, `|detect: "NAME[, except LIST][, confidence N][, count N]"`,
`|in_list`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import re2
from sigma.types import SigmaString, SpecialChars

from rules.conditions import (
    HIT_FIELDS,
    HIT_VARIANT,
    TEXT_FIELDS,
    Asked,
    Compare,
    Detected,
    InLexicon,
    InList,
    Node,
    Or,
    Words,
    regex,
)
from rules.detection_text import OURS, compiled_regex
from rules.detectors import DETECTORS
from rules.field_hints import unknown_field
from rules.fields import CLOSED, FIELDS
from rules.fold import fold
from rules.named import Named
from rules.refused import Refused, UnknownName
from rules.sigma.modifiers import LONG_FLAGS, questions
from rules.sigma.refusal import SigmaRefused
from rules.time_conditions import TIME_MODIFIERS, time_condition
from rules.value_hints import value_meant
from rules.variant_names import VARIANT_NAMES
from rules.zone import Zone

_ORDER = ("lt", "lte", "gt", "gte")
_PLACES = ("contains", "startswith", "endswith")
_FLAGS = {"i": "", "m": "(?m)", "s": "(?s)"}  # any case is the rule for texts
_TEXT_MODIFIERS = (*_PLACES, "re", *_FLAGS, *LONG_FLAGS, "expand")
_special = re.compile(r"[\\*?]").search
_PLACEHOLDER = re.compile(r"%([^%\\]+)%")


def leaf(name: str, modifiers: list[str], value: Any, named: Named, zone: Zone | None) -> Node:
    """The condition of one value; `modifiers` without all and neq.

    Raises:
        Refused, UnknownName: see `rules.sigma_parse.parse_detection`.
    """
    if name not in FIELDS and name not in HIT_FIELDS:
        raise unknown_field(name, modifiers, known=FIELDS | HIT_FIELDS)
    if isinstance(value, date):  # YAML made it of an unquoted 2026-11-22
        value = value.isoformat()
    if ours := next((one for one in modifiers if one in OURS), ""):
        return _ours(name, ours, modifiers, value, named, zone)
    if modifiers == ["exists"]:
        if not isinstance(value, bool):
            raise Refused(
                f"{name}|exists: '{value}' is neither true nor false",
                f"{name}|exists：只能写 true 或 false",
                code="MJ701",
                offset=0,
            )
        return Compare(name, "exists", value)
    if value is None:
        _alone(name, modifiers, "null")
        return Compare(name, "null", None)
    if name in TEXT_FIELDS:
        return _text(name, modifiers, value, named)
    return _field(name, modifiers, value, named)


def _alone(name: str, modifiers: list[str], what: str) -> None:
    if modifiers:
        raise Refused(
            f"{name}|{'|'.join(modifiers)}: {what} takes no other modifier",
            f"{name}|{'|'.join(modifiers)}：{what} 不能与其他修饰符同用",
            code="MJ707",
        )


def _ours(
    name: str, ours: str, modifiers: list[str], value: Any, named: Named, zone: Zone | None
) -> Node:
    _alone(name, [one for one in modifiers if one != ours], ours)
    if ours in TIME_MODIFIERS:
        if name != "time":
            raise Refused(
                f"{name}|{ours}: only the field 'time' can be asked this",
                f"{name}|{ours}：只有字段 time 可以这样问",
                code="MJ237",
            )
        if value not in (lists := named.kinds()):
            named.refuse_broken(str(value))
        found: Node = time_condition(ours, value, zone, lists)
        return found
    if not isinstance(value, str):
        raise _not_text(f"{name}|{ours}")
    if ours == "in_list":
        if name in TEXT_FIELDS:
            raise Refused(
                f"{name}|in_list: a whole text is on no list; use lexicon or detect",
                f"{name}|in_list：整段文本不会在名单里，请用 lexicon 或 detect",
                code="MJ708",
            )
        return InList(name, named.list_name(value))
    if name not in TEXT_FIELDS:
        raise _text_only(name, ours)
    return _lexicon(name, value, named) if ours == "lexicon" else _detect(name, value, named)


def _text_only(name: str, modifier: str) -> Refused:
    return Refused(
        f"{name}|{modifier}: only text fields ({', '.join(sorted(TEXT_FIELDS))})",
        f"{name}|{modifier}：只能用于文本字段（{'、'.join(sorted(TEXT_FIELDS))}）",
        code="MJ222",
    )


def _not_text(what: str) -> Refused:
    return Refused(
        f"the modifier does not fit the value: {what} takes a text",
        "修饰符与值的类型不符",
        fix_en="put texts and numbers to search for in quotation marks",
        fix_zh="要查找的文字和数字请加引号；比较大小的值不加引号",
        code="MJ223",
        offset=0,
    )


def _options(value: str) -> tuple[str, list[str]]:
    name, *options = (part.strip() for part in value.split(","))
    return name, options


def _unknown_option(name: str, modifier: str, option: str, known: str, value: str) -> Refused:
    return Refused(
        f"{name}|{modifier}: unknown option '{option}' ({known})",
        f"{name}|{modifier}：没有“{option}”这个选项",
        fix_en=f"there are: {known}",
        fix_zh=f"可用：{known}",
        code="MJ229",
        offset=value.index(option),
    )


def _lexicon(name: str, value: str, named: Named) -> Node:
    written, options = _options(value)
    lexicon = named.lexicon(written)
    if not lexicon.words and not lexicon.scenes:
        raise Refused(
            f"the lexicon '{written}' has no words, only values for 'except'",
            f"词库“{written}”里没有词，只有供 except 使用的值",
            code="MJ230",
            offset=0,
        )
    scene = ""
    for option in options:
        word, _, scene = option.partition(" ")
        scene = scene.strip()
        if word != "scene" or not scene:
            raise _unknown_option(name, "lexicon", option, "scene NAME", value)
        if not named.has_scene(lexicon, scene):
            raise UnknownName("scene", scene, sorted(lexicon.scenes))
    return InLexicon(name, lexicon, scene)


def _detect(field: str, value: str, named: Named) -> Node:
    name, options = _options(value)
    if name not in DETECTORS:
        raise UnknownName("detector", name, sorted(DETECTORS))
    known: set[str] = set()
    lists: list[str] = []
    at_least, count = 0, 1
    for option in options:
        word, _, argument = option.partition(" ")
        if word == "except":
            values, of_list = named.known_values(argument.strip())
            known.update(values)
            lists += [of_list] if of_list else []
        elif word == "confidence" and argument.strip().isdigit():
            at_least = int(argument)
        elif word == "count" and re.fullmatch(r"[1-9][0-9]{0,3}", argument.strip()):
            count = int(argument)
        else:
            raise _unknown_option(
                field, "detect", option, "except LIST, confidence N, count N", value
            )
    return Detected(field, DETECTORS[name], frozenset(known), at_least, tuple(lists), count)


def _text(name: str, modifiers: list[str], value: Any, named: Named) -> Node:
    """A value of a folded text field."""
    if any(one in _ORDER for one in modifiers):
        raise Refused(f"{name}: a text has no order", f"{name}：文本不能比较大小", code="MJ235")
    if other := next((one for one in modifiers if one not in _TEXT_MODIFIERS), ""):
        raise Refused(
            f"{name}|{other}: means nothing for a text, which is folded before it is searched",
            f"{name}|{other}：文本先归一再查找，这个修饰符没有意义",
            fix_en=f"for texts there are: {', '.join(_TEXT_MODIFIERS)}",
            fix_zh=f"文本可用：{'、'.join(_TEXT_MODIFIERS)}",
            code="MJ709",
        )
    if not isinstance(value, str):
        raise _not_text("|".join([name, *modifiers]))
    if "expand" in modifiers:
        return _expanded(name, modifiers, value, named)
    if "re" in modifiers:
        flags = sorted({LONG_FLAGS.get(one, one) for one in modifiers} & set(_FLAGS))
        for offset, char in enumerate(value):
            if not char.isascii() and (folded := fold(char).text) != char:
                raise Refused(
                    f"{name}|re: '{char}' never occurs, because texts are folded before they are"
                    " searched",
                    f"{name}|re：“{char}”不会出现，因为文本先归一再查找",
                    fix_en=f"write '{folded}'" if folded else f"leave '{char}' out",
                    fix_zh=f"请写“{folded}”" if folded else f"请删去“{char}”",
                    code="MJ221",
                    offset=offset,
                )
        return compiled_regex(name, "".join(_FLAGS[one] for one in flags) + value)
    parts: list[Any] = []
    if modifiers == ["contains"] and value and not _special(value):  # nearly always
        word, lead, tail = value, True, True
    else:
        parts = _placed(list(SigmaString(value).s), modifiers)
        star = SpecialChars.WILDCARD_MULTI
        lead, tail = parts[:1] == [star], parts[-1:] == [star]
        middle = parts[1 if lead else 0 : len(parts) - (1 if tail else 0)]
        if any(isinstance(part, SpecialChars) for part in middle):
            return regex(name, _wildcards(parts))
        word = "".join(str(part) for part in middle)
    _something(name, word)
    folded = fold(word).text
    if not folded:
        raise Refused(
            f"{name}: only characters that are not read, such as zero-width ones",
            f"{name}：只有不会被读取的字符（如零宽字符）",
            code="MJ233",
            offset=0,
        )
    return Words(name, folded, word) if lead and tail else regex(name, _wildcards(parts))


def _expanded(name: str, modifiers: list[str], value: str, named: Named) -> Node:
    match = _PLACEHOLDER.search(value)
    rest = [one for one in modifiers if one != "expand"]
    if match is None:
        return _text(name, rest, value, named)
    listed = named.reference.lists[named.list_name(match[1])]
    head, tail = value[: match.start()], value[match.end() :]
    nodes = (_text(name, modifiers, f"{head}{one}{tail}", named) for one in listed.values)
    return Or(tuple(nodes))


def _placed(parts: list[Any], modifiers: list[str]) -> list[Any]:
    star = SpecialChars.WILDCARD_MULTI
    for one in modifiers:
        if one != "startswith" and one in _PLACES and parts[:1] != [star]:
            parts = [star, *parts]
        if one != "endswith" and one in _PLACES and parts[-1:] != [star]:
            parts = [*parts, star]
    return parts


def _something(name: str, word: str) -> None:
    if not word:
        raise Refused(
            f"{name}: nothing to compare with; write {name}|exists: true or false",
            f"{name}：没有可比较的内容",
            fix_en=f"write {name}|exists: true or false",
            fix_zh=f"问有没有值，请写 {name}|exists: true 或 false",
            code="MJ232",
            offset=0,
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


def _field(name: str, modifiers: list[str], value: Any, named: Named) -> Node:
    """A value of a field that is not free text; the plain cases are the quick `Compare`."""
    if not modifiers and isinstance(value, bool | int | float):
        return Compare(name, "equals", str(value).lower() if isinstance(value, bool) else value)
    if len(modifiers) == 1 and modifiers[0] in _ORDER and type(value) in (int, float):
        return Compare(name, modifiers[0], value)
    if isinstance(value, str) and all(one in _PLACES for one in modifiers):
        parts = _placed(list(SigmaString(value).s), modifiers)
        star = SpecialChars.WILDCARD_MULTI
        lead, tail = parts[:1] == [star], parts[-1:] == [star]
        middle = parts[1 if lead else 0 : len(parts) - (1 if tail else 0)]
        if not any(isinstance(part, SpecialChars) for part in middle):
            return _compare(name, "".join(str(part) for part in middle), lead, tail)
    if "fieldref" in modifiers and isinstance(value, str) and value not in FIELDS:
        raise unknown_field(value)
    try:
        return Asked(name, tuple(questions(name, modifiers, value, named.placeholders())))
    except SigmaRefused as error:
        raise Refused(
            error.en, error.zh, fix_en=error.fix_en, fix_zh=error.fix_zh, code="MJ711"
        ) from None


def _compare(name: str, word: str, lead: bool, tail: bool) -> Node:
    _something(name, word)
    allowed = VARIANT_NAMES if name == HIT_VARIANT else CLOSED.get(name)
    if allowed and not (lead or tail) and word not in allowed:
        raise UnknownName(name, word, allowed, meant=value_meant(word, allowed))
    operator = {
        (True, True): "contains",
        (True, False): "endswith",
        (False, True): "startswith",
        (False, False): "equals",
    }[lead, tail]
    return Compare(name, operator, word)
