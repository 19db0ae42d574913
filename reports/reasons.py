"""Why an alert was raised where no words were matched: which condition of the rule its records
meet, in words; of a rule about disguised words also which were found, where the pack has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from reports.case import Finding, Item
from reports.devices import TYPES
from reports.matches import found_words
from reports.pieces import Piece
from reports.words import DISGUISES, PARTIES, Words
from rules.condition_text import check_condition
from rules.detectors import DETECTORS
from rules.refused import Refused, UnknownName
from rules.yaml_source import load_documents

_VARIANT = "hit.variant"
_MOST_VALUES, _MOST_FOUND = 20, 20
# field of a record -> (English, Chinese); others are named as the rule names them
_FIELDS = {
    "kind": ("the record", "记录"),
    "type": ("the type of the record", "记录类型"),
    "direction": ("the direction", "方向"),
    "sender_kind": ("the sender", "发送人"),
    "hit.response": ("the level of another rule on this record", "同一记录命中其他规则的级别"),
    _VARIANT: ("the disguise of words that another rule found", "其他规则所命中词语的变形"),
}  # fmt: skip
_VALUES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "type": TYPES,
    "sender_kind": PARTIES,
    _VARIANT: DISGUISES,
    "direction": {
        "outbound": ("to the outside", "发往外部"),
        "inbound": ("from the outside", "来自外部"),
        "internal": ("internal", "内部"),
    },
}
# (modifier of the time, its value) -> (English, Chinese)
_TIMES = {
    ("office_time", True): ("the time is in office hours", "时间在工作时间内"),
    ("office_time", False): ("the time is outside office hours", "时间不在工作时间内"),
    ("working_day", True): ("the time is on a working day", "时间是工作日"),
    ("working_day", False): ("the time is on a day off", "时间不是工作日"),
}
# modifier -> (English, Chinese)
_MODIFIERS = {
    "contains": ("contains", "含"),
    "startswith": ("begins with", "开头是"),
    "endswith": ("ends with", "结尾是"),
    "gt": (">", ">"),
    "gte": ("≥", "≥"),
    "lt": ("<", "<"),
    "lte": ("≤", "≤"),
    "lexicon": ("has a word of the list", "有词库中的词："),
    "in_list": ("is on the list", "在名单上："),
    "detect": ("holds a", "含有"),
}


class Disguised(NamedTuple):
    """Disguised words that were found: in which record, the words, how they were disguised."""

    number: int
    found: list[Piece]
    variant: str


class Why(NamedTuple):
    """A sentence, and the disguised words it is about."""

    said: str
    found: list[Disguised]


def why_of(
    finding: Finding,
    items: Sequence[Item],
    hits: Mapping[str, Sequence[dict[str, Any]]],
    words: Words,
    *,
    unmask: bool,
) -> Why:
    """Why an alert without hits of its own was raised.

    Args:
        items: the records that make it up.
        hits: of all alerts of the pack, by message id: what other rules found in these records.
    """
    name = finding.alert["rule"]["name"]
    value = _document(finding, name)
    if "correlation" in value:
        return Why(
            words("the number or the order of acts meets the rule's condition, see the timeline",
                  "行为的次数或顺序达到规则条件，见时间线"),
            [],
        )  # fmt: skip
    several = len(finding.alert["members"]) > 1
    record = words("each record" if several else "the record", "各条记录" if several else "该记录")
    detection = value.get("detection")
    if not isinstance(detection, dict):
        return Why(words(f"{record} meets the rule's condition, see the rule",
                         f"{record}符合规则条件，见规则原文"), [])  # fmt: skip
    said = _condition(record, detection, words)
    wanted = {str(one) for one in _variants(detection)}
    if not wanted:
        return Why(said, [])
    found = [
        Disguised(item.number, pieces, words.disguises(shown))
        for item in items
        for hit in hits.get(item.message.msgid, ())
        if (shown := [one for one in hit.get("variant") or () if one in wanted])
        and (pieces := found_words(item, hit, unmask=unmask))
    ]
    if not found:
        said += words(". Which words were disguised stands in the alert of the other rule on the"
                      " same record, which is not in this pack",
                      "。被变形的词语见同一记录上另一规则的告警，该告警不在本包内")  # fmt: skip
    return Why(said, found[:_MOST_FOUND])


def _document(finding: Finding, name: str) -> dict[str, Any]:
    """The rule's own part of its file, which may hold rules that it counts too."""
    try:
        documents = load_documents("rule.yaml", finding.rule.text)
    except (ValueError, yaml.YAMLError):
        return {}
    own = [one.value for one in documents if one.value.get("name") == name]
    return dict(own[0]) if own else dict(documents[0].value) if len(documents) == 1 else {}


def _condition(record: str, detection: Mapping[str, Any], words: Words) -> str:
    text = str(detection.get("condition", ""))
    parts = {name: body for name, body in detection.items() if name != "condition"}
    try:
        used = check_condition(text, parts)
    except (Refused, UnknownName):
        used = set(parts)
    told = {name: _selection(body, words) for name, body in parts.items() if name in used}
    if list(told) == [text]:
        return words(f'{record} meets the condition "{text}" of the rule: {told[text]}',
                     f"{record}符合规则的条件“{text}”：{told[text]}")  # fmt: skip
    listed = words("; ", "；").join(
        words(f'"{name}": {said}', f"“{name}”：{said}") for name, said in told.items()
    )
    return words(f"{record} meets the rule's condition ({text}). {listed}",
                 f"{record}符合规则条件（{text}）。{listed}")  # fmt: skip


def _selection(body: Any, words: Words) -> str:
    """What one selection asks for."""
    if isinstance(body, dict):
        return words(", ", "，").join(_asked(str(key), one, words) for key, one in body.items())
    rows = body if isinstance(body, list) else [body]
    return words(" or ", " 或 ").join(
        _selection(one, words) if isinstance(one, dict) else f'"{one}"' for one in rows
    )


def _asked(key: str, value: Any, words: Words) -> str:
    field, *modifiers = key.split("|")
    name = words.of(_FIELDS.get(field), field)
    values = value if isinstance(value, list) else [value]
    if "re" in modifiers:  # how it is written stands with the rule alone
        return words(f"{name} matches an expression of the rule", f"{name}符合规则的表达式")
    if modifiers == ["exists"]:
        return words(f"{name} {'has a' if value else 'has no'} value",
                     f"{name}{'有值' if value else '没有值'}")  # fmt: skip
    if len(modifiers) == 1 and (said := _TIMES.get((modifiers[0], bool(value)))):
        return words(*said)
    known = _VALUES.get(field, {})
    shown = [
        words.of(_detector(str(one)) if "detect" in modifiers else known.get(str(one)), str(one))
        for one in values
    ]
    listed = words.listed(shown[:_MOST_VALUES]) + ("…" if len(shown) > _MOST_VALUES else "")
    if len(values) > 1:
        every = "all" in modifiers
        listed = (
            words(f"{'all' if every else 'one'} of: ", f"以下{'各项' if every else '之一'}：")
            + listed
        )
    verb = " ".join(words.of(_MODIFIERS.get(one), one) for one in modifiers if one != "all")
    return words(f"{name} {verb or 'is'} {listed}", f"{name}{verb or '为'}{listed}")


def _detector(name: str) -> tuple[str, str] | None:
    known = DETECTORS.get(name)
    return (known.title_en, known.title_zh) if known else None


def _variants(detection: Mapping[str, Any]) -> Iterator[Any]:
    """The disguises that a rule asks for."""
    for body in detection.values():
        for part in body if isinstance(body, list) else [body]:
            for key, value in part.items() if isinstance(part, dict) else ():
                if str(key).partition("|")[0] == _VARIANT:
                    yield from value if isinstance(value, list) else [value]
