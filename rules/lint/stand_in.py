"""Going on behind an error: the broken part of a document is put right in memory, by a stand-in
that nobody sees, so that what is wrong elsewhere is told in the same run.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from rules.correlation.model import TEMPORAL, TYPES, VALUED
from rules.correlation.section import OUR_KEYS as OF_WINDOWS
from rules.errors import RuleError
from rules.nearest import nearest
from rules.rule_shape import CORRELATION_KEYS, OUR_KEYS, SIGMA_KEYS
from rules.spoken_times import meant
from rules.yaml_source import Document

Path = tuple[str, ...]
MESSAGE = {"at": "10:00", "from": "x", "to": "c1", "text": "x"}
_ANY: dict[str, Any] = {"text|exists": True}
# values no check minds, for keys that have to be there
_REQUIRED: dict[Path, Any] = {
    ("title",): "x",
    ("id",): "00000000-0000-0000-0000-000000000000",
    ("level",): "low",
    ("mingjian", "version"): 1,
    ("mingjian", "item"): "X-01",
    ("mingjian", "response"): 1,
    ("mingjian",): {"version": 1, "item": "X-01", "response": 1},
    ("detection",): {"x": _ANY, "condition": "x"},
}
_COMPLETE = [at for at in _REQUIRED if at not in (("mingjian",), ("detection",))]
_FILTER: dict[str, Any] = {"rules": "any", "x": _ANY, "condition": "not x"}
_OF_NAMES = ("MJ102", "MJ202", "MJ203")  # errors about the name of a selection, not about the rest
_FIELD, _GROUP = "msgid", "conversation"  # that every message has
_SPAN = "1h"
_SECOND = re.compile(r"^mingjian:", re.MULTILINE)  # in a document that is an alerting rule
_KNOWN_KEYS = {
    (): SIGMA_KEYS,
    ("mingjian",): OUR_KEYS,
    ("correlation",): CORRELATION_KEYS,
}


def put_right(error: RuleError) -> bool:
    """Change the document the error is about, so that the error is gone. False: that cannot be."""
    document, at = error.document, error.at
    if not isinstance(document, Document):
        return False
    value = document.value
    if "filter" in value:
        return _filter(value, at)
    if error.code == "MJ107":
        if "mingjian" not in value and _SECOND.search(document.text):  # a base rule, most likely
            value["mingjian"] = {"signal": True}
            return True
        return _complete(value)
    if error.code == "MJ103":
        value.pop("correlation", None)
        value["detection"] = {"x": dict(_ANY), "condition": "x"}
        return True
    if error.code == "MJ109":
        value.setdefault("mingjian", {})["signal"] = True
        return True
    if not at:
        return False
    if at[0] == "detection" and len(at) > 1:
        return _selection(error, value, at)
    if at[0] == "mingjian" and at[1:2] and at[1] in (*OF_WINDOWS, "suppress", "intercept"):
        return value["mingjian"].pop(at[1], None) is not None
    if at[0] == "correlation":
        return _meant(error, document, at) or _correlation(error, value, at)
    if at[:2] == ("mingjian", "tests") and len(at) > 2:  # noqa: PLR2004
        return _case(value, at)
    if at == ("name",):
        value["name"] = f"x{len(document.path)}_{document.marks.get((), (0, 0))[0]}"
        return True
    return _key(error, document, at)


def _key(error: RuleError, document: Document, at: Path) -> bool:
    """Any other key: named as it was meant, replaced by a stand-in, or left out."""
    node = _parent(document.value, at)
    if not isinstance(node, dict):
        return False
    found = next((key for key in node if str(key) == at[-1]), None)
    if found is None:
        return False
    item = node.pop(found)
    if at in _REQUIRED:
        node[found] = copy.deepcopy(_REQUIRED[at])
    elif error.code == "MJ101" and at[:-1] in _KNOWN_KEYS:
        near = nearest(at[-1], _KNOWN_KEYS[at[:-1]])
        if near and near not in node:
            node[near] = item
            document.marks[(*at[:-1], near)] = document.marks.get(at, (1, 1))
    return True


def _meant(error: RuleError, document: Document, at: Path) -> bool:
    """Puts the right key of a correlation in place of a mistyped one."""
    section = document.value.get("correlation")
    if error.code != "MJ101" or at[:-1] != ("correlation",) or not isinstance(section, dict):
        return False
    near = nearest(at[-1], CORRELATION_KEYS)
    if not near or near in section or at[-1] not in section:
        return False
    section[near] = section.pop(at[-1])
    document.marks[("correlation", near)] = document.marks.get(at, (1, 1))
    return True


def _complete(value: dict[str, Any]) -> bool:
    ours = value.setdefault("mingjian", {})
    for at in _COMPLETE:
        node = ours if len(at) > 1 else value
        if at[-1] not in node or not (node[at[-1]] or len(at) > 1):
            node[at[-1]] = _REQUIRED[at]
    return True


def _selection(error: RuleError, value: dict[str, Any], at: Path) -> bool:
    section = value.get("detection")
    if not isinstance(section, dict):
        return False
    name = next((key for key in section if str(key) == at[1]), None)
    if at[1] == "condition":
        fresh = "1 of them"
        names = [key for key in section if isinstance(key, str) and key != "condition"]
        if section.get("condition") == fresh and names:
            return False
        if not names:
            section["x"] = dict(_ANY)
        section["condition"] = fresh
        return True
    if name is None:
        return False
    part = section[name]
    if error.code in _OF_NAMES:
        del section[name]
        if error.code != "MJ203":
            section.setdefault("x", dict(_ANY))
            section["condition"] = "1 of them"
        return True
    key = next((one for one in part if str(one) == at[2]), None) if _deep(part, at) else None
    if key is not None:
        del part[key]
        if not part:
            part.update(_ANY)
        return True
    if part == _ANY:
        return False
    section[name] = dict(_ANY)
    return True


def _filter(value: dict[str, Any], at: Path) -> bool:
    """Every part that is wrong is replaced at once: filters are short."""
    if at[:1] == ("mingjian",):
        value["mingjian"] = {"owner": "x", "reason": "x"}
    elif at and at[0] != "filter":
        found = [key for key in value if str(key) == at[0]]
        for key in found:
            del value[key]
        return bool(found)
    elif value["filter"] == _FILTER:
        return False
    else:
        value["filter"] = copy.deepcopy(_FILTER)
    return True


def _deep(part: Any, at: Path) -> bool:
    return isinstance(part, dict) and len(at) > 2  # noqa: PLR2004


def _correlation(error: RuleError, value: dict[str, Any], at: Path) -> bool:
    """What goes with the part that is wrong is put right beside it, so that nothing is told of what
    stands in; of keys whose meaning hangs on it, nothing can be told."""
    section = value.get("correlation")
    if not isinstance(section, dict):
        value.pop("correlation", None)
        value["detection"] = {"x": dict(_ANY), "condition": "x"}
        return True
    if len(at) == 1:
        return False
    before = copy.deepcopy(section)
    key = at[1]
    if at[1:] == ("condition", "field") and error.code == "MJ213":
        section["condition"]["field"] = _FIELD
    elif key == "aliases" and len(at) > 2:  # noqa: PLR2004
        section["group-by"] = [one for one in section.get("group-by", ()) if one != at[2]]
        section["group-by"] = section["group-by"] or [_GROUP]
        (section.get("aliases") or {}).pop(at[2], None)
    elif key == "type":
        _type(value, section)
    elif key == "condition":
        _counting(value, section)
    elif key == "timespan":
        _span(value, section)
    elif key == "rules":
        _rules(value, section)
    elif key == "group-by":
        section["group-by"] = [_GROUP]
        section["aliases"] = {}
    elif key == "aliases":
        section["aliases"] = {}
    else:
        section.pop(key, None)
    return bool(section != before)


def _type(value: dict[str, Any], section: dict[str, Any]) -> None:
    near = nearest(str(section.get("type")), TYPES)
    condition = section.get("condition")
    valued = isinstance(condition, dict) and "field" in condition
    if near and valued != (near in VALUED):
        near = "value_count" if valued else "event_count"
    section["type"] = near
    if not section["type"]:
        _counting(value, section)
        _forget(value, "first_seen", "baseline", "within", "between", "absent")


def _span(value: dict[str, Any], section: dict[str, Any]) -> None:
    section["timespan"] = meant(section.get("timespan")) or _SPAN
    if section["timespan"] == _SPAN:
        _forget(value, "within", "baseline")


def _rules(value: dict[str, Any], section: dict[str, Any]) -> None:
    section["rules"] = [f"x{number}" for number in range(2)]
    section["aliases"] = {}
    if isinstance(section.get("condition"), str):
        _counting(value, section)
    _forget(value, "within", "between")


def _counting(value: dict[str, Any], section: dict[str, Any]) -> None:
    """A condition that fits the type."""
    if section.get("type") not in TYPES:
        section["type"] = "event_count"
    if section["type"] in TEMPORAL:
        section.pop("condition", None)
        _forget(value, "absent")
    elif section["type"] in VALUED:
        section["condition"] = {"field": _FIELD, "gte": 2}
    else:
        section["condition"] = {"gte": 2}


def _forget(value: dict[str, Any], *keys: str) -> None:
    for key in keys:
        value.get("mingjian", {}).pop(key, None)


def _case(value: dict[str, Any], at: Path) -> bool:
    """A message that is wrong is replaced; a wrong key of a case is left out, or what it needs is
    put in."""
    case = value["mingjian"]["tests"][int(at[2])]
    if len(at) > 4 and at[3] == "messages":  # noqa: PLR2004
        messages = case["messages"]
        if messages[int(at[4])] == MESSAGE:
            return False
        messages[int(at[4])] = dict(MESSAGE)
        return True
    if len(at) > 3:  # noqa: PLR2004
        key = next((one for one in case if str(one) == at[3]), None)
        if key is None or case[key] == 0:
            return False
        stand_in = {"alerts": 0, "messages": [dict(MESSAGE)]}.get(str(key))
        if stand_in is None:
            del case[key]
        elif case[key] == stand_in:
            return False
        else:
            case[key] = stand_in
        return True
    before = len(case)
    case.setdefault("messages", [dict(MESSAGE)])
    case.setdefault("alerts", 0)
    return len(case) > before


def _parent(value: Any, at: Path) -> Any:
    for step in at[:-1]:
        if isinstance(value, list):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = next((item for key, item in value.items() if str(key) == step), None)
    return value
