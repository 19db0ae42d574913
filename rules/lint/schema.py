"""JSON Schemas of rule, lexicon and list files, for completion in editors.

Made from the same tables that the loader goes by; what only the loader can know (whether a lexicon
exists, whether a condition reads) is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.cases import MESSAGE_KEYS
from rules.conditions import HIT_RESPONSE, TEXT_FIELDS
from rules.correlation.model import ABSENT, EMITS, MISSING, OPERATORS, TYPES, UNKNOWN, WINDOWS
from rules.correlation.section import KEYS as CORRELATION
from rules.detection_text import MODIFIERS
from rules.detectors import DETECTORS
from rules.extension import ALERTS, MODES, ROOMS, SCOPE_KEYS
from rules.fields import CLOSED, FIELDS
from rules.filters import FILTER_KEYS
from rules.lexicon_file import KEYS as LEXICON
from rules.lint.metadata_said import STATUSES
from rules.reference import CUSTOMERS, KINDS, STAFF
from rules.reference_file import KEYS as LISTS
from rules.rule_shape import CASE_KEYS, LEVELS, OUR_KEYS, RESPONSES, SIGMA_KEYS

Json = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_DATE: Json = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_SOMETHING: Json = {"not": {"type": "array", "maxItems": 0}}
_SPAN = r"^[1-9][0-9]*[smhdwy]$"
_NAME = "^[a-z][a-z0-9_]*$"
# what the shape tables say in words -> schema
_KINDS: Mapping[str, Json] = {
    "a text (in quotation marks)": _TEXT,
    "a span of time with its unit, such as 20m": _TEXT,
    "a list of texts": _TEXTS,
    "a whole number": {"type": "integer", "minimum": 0},
    "a whole number from 1 on": {"type": "integer", "minimum": 1},
    "true or false": {"type": "boolean"},
    "a mapping": {"type": "object"},
    "a list of mappings": {"type": "array", "items": {"type": "object"}},
    "a date": _DATE,
    "a text or a list of texts": {"anyOf": [_TEXT, _TEXTS]},
}


def schemas() -> Mapping[str, Json]:
    """Name of a schema -> schema."""
    return {"rule": rule(), "lexicon": lexicon(), "list": reference_list()}


def rule() -> Json:
    """One document of a rule file: a detection, a correlation, or a filter."""
    keys: Json = {key: dict(_KINDS[kind[1]]) for key, kind in SIGMA_KEYS.items()}
    keys |= {
        "name": {"type": "string", "pattern": _NAME},
        "level": {"enum": list(LEVELS)},
        "status": {"enum": list(STATUSES)},
        "detection": _detection(()),
        "filter": _detection(("rules",)),
        "correlation": _correlation(),
    }
    alerting = {
        "required": ["title", "id", "name", "level", "mingjian"],
        "properties": {"mingjian": {"required": ["version", "item", "response"]}},
    }
    base = {
        "required": ["mingjian"],
        "properties": {
            "mingjian": {"required": ["signal"], "properties": {"signal": {"const": True}}}
        },
    }
    return {
        "$schema": DRAFT,
        "title": "Mingjian rule · 明鉴规则",
        "type": "object",
        "additionalProperties": False,
        "properties": keys,
        "oneOf": [{"required": [key]} for key in ("detection", "correlation", "filter")],
        "if": {"required": ["filter"]},
        "then": {"required": ["mingjian"], "properties": {"mingjian": _of_filter()}},
        "else": {
            "required": ["name"],
            "properties": {"mingjian": _ours()},
            "if": base,
            "else": alerting,
        },
    }


def _detection(beside: tuple[str, ...]) -> Json:
    fields = sorted(FIELDS | {HIT_RESPONSE})
    names = "|".join(name.replace(".", r"\.") for name in fields)
    modifiers = "|".join(MODIFIERS)
    known: Json = dict.fromkeys(fields, _SOMETHING)
    known |= {name: {"enum": list(values)} for name, values in CLOSED.items()}
    known = {
        name: {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
        if name in CLOSED
        else value
        for name, value in known.items()
    }
    for name in sorted(TEXT_FIELDS):
        usual = ("contains", "re", "lexicon")
        known |= {f"{name}|{modifier}": _SOMETHING for modifier in usual}
        known[f"{name}|detect"] = {"anyOf": [{"enum": sorted(DETECTORS)}, _TEXT, _TEXTS]}
    mapping: Json = {
        "type": "object",
        "minProperties": 1,
        "properties": known,
        "additionalProperties": _SOMETHING,
        "propertyNames": {"pattern": rf"^({names}|hit\.[a-z]+)(\|({modifiers}))*$"},
    }
    selection: Json = {
        "anyOf": [
            mapping,
            {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [mapping, {"type": ["string", "number"]}]},
            },
            {"type": ["string", "number"]},
        ]
    }
    return {
        "type": "object",
        "required": ["condition", *beside],
        "properties": {
            "condition": {"anyOf": [_TEXT, _TEXTS]},
            **{key: {"anyOf": [_TEXT, _TEXTS]} for key in beside},
        },
        "additionalProperties": selection,
        "propertyNames": {"pattern": "^[A-Za-z0-9_-]+$"},
    }


def _correlation() -> Json:
    number: Json = {"type": "number"}
    condition: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **dict.fromkeys(OPERATORS, number),
            "field": {"anyOf": [_TEXT, _TEXTS]},
            "percentile": number,
        },
    }
    known: Json = {
        "type": {"enum": list(TYPES)},
        "rules": {**_TEXTS, "uniqueItems": True},
        "group-by": _TEXTS,
        "timespan": {"type": "string", "pattern": _SPAN},
        "condition": {"anyOf": [_TEXT, condition]},
        "aliases": {"type": "object", "additionalProperties": {"type": "object"}},
        "generate": {"type": "boolean"},
    }
    return {
        "type": "object",
        "required": ["type", "timespan"],
        "additionalProperties": False,
        "properties": {key: known[key] for key in CORRELATION},
    }


def _ours() -> Json:
    keys: Json = {key: dict(_KINDS[kind[1]]) for key, kind in OUR_KEYS.items()}
    span: Json = {"type": "string", "pattern": _SPAN}
    scope: Json = {key: {**_TEXTS, "minItems": 1} for key in SCOPE_KEYS}
    scope["rooms"] = {"anyOf": [{"enum": list(ROOMS)}, _TEXTS]}
    keys |= {
        "response": {"enum": list(RESPONSES)},
        "window": {"enum": list(WINDOWS)},
        "gap": span,
        "emit": {"enum": list(EMITS)},
        "alerts": {"enum": list(ALERTS)},
        "missing_group": {"enum": list(MISSING)},
        "absent": {"enum": list(ABSENT)},
        "between": {"type": "array", "minItems": 1, "maxItems": 16, "items": _comparison()},
        "baseline": {
            "type": "object",
            "required": ["over", "ratio"],
            "additionalProperties": False,
            "properties": {
                "over": span,
                "ratio": {"type": "number", "exclusiveMinimum": 1},
                "unknown": {"enum": list(UNKNOWN)},
            },
        },
        "within": {"type": "object", "minProperties": 1, "additionalProperties": span},
        "scope": {"type": "object", "additionalProperties": False, "properties": scope},
        "suppress": {
            "type": "object",
            "required": ["for"],
            "additionalProperties": False,
            "properties": {"for": span, "by": {**_TEXTS, "minItems": 1}},
        },
        "intercept": {
            "type": "object",
            "required": ["by", "rule"],
            "additionalProperties": False,
            "properties": {"by": {"const": "wecom"}, "rule": _TEXT, "mode": {"enum": list(MODES)}},
        },
        "tests": {"type": "array", "items": _case()},
    }
    return {"type": "object", "additionalProperties": False, "properties": keys}


def _comparison() -> Json:
    fields = {"enum": sorted(FIELDS)}
    return {
        "type": "object",
        "required": ["rule", "field"],
        "additionalProperties": False,
        "properties": {"rule": _TEXT, "field": fields, **dict.fromkeys(OPERATORS, fields)},
        "oneOf": [{"required": [operator]} for operator in OPERATORS],
    }


def _case() -> Json:
    message: Json = {
        "type": "object",
        "required": ["at"],
        "additionalProperties": False,
        "properties": {key: {} for key in MESSAGE_KEYS},
    }
    message["properties"] |= {"at": _TEXT, "from": _TEXT, "text": _TEXT}
    known: Json = {
        "name": _TEXT,
        "messages": {"type": "array", "items": message},
        "lists": {"type": "object"},
    }
    return {
        "type": "object",
        "required": ["messages", "alerts"],
        "additionalProperties": False,
        "properties": {key: known.get(key, {}) for key in CASE_KEYS},
    }


def _of_filter() -> Json:
    known: Json = {"expires": {"anyOf": [_DATE, {"type": "null"}]}, "language": {"type": "integer"}}
    return {
        "type": "object",
        "required": ["owner", "reason"],
        "additionalProperties": False,
        "properties": {key: known.get(key, _TEXT) for key in FILTER_KEYS},
    }


def lexicon() -> Json:
    """A word list."""
    word: Json = {
        "anyOf": [
            _TEXT,
            {
                "type": "object",
                "required": ["word"],
                "additionalProperties": False,
                "properties": {
                    "word": _TEXT, "pinyin": {"type": "boolean"}, "boundary": {"type": "boolean"},
                },
            },
        ]
    }  # fmt: skip
    words: Json = {"anyOf": [{"type": "array", "items": word}, {"type": "null"}]}
    texts: Json = {"anyOf": [_TEXTS, {"type": "null"}]}
    scene: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"words": words, "allow": texts},
    }
    known: Json = {
        "expires": {"anyOf": [_DATE, {"type": "null"}]},
        "words": words,
        "allow": texts,
        "values": texts,
        "synonyms": {"type": "object", "additionalProperties": _TEXTS},
        "scenes": {"type": "object", "additionalProperties": scene},
    }
    return {
        "$schema": DRAFT,
        "title": "Mingjian lexicon · 明鉴词库",
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {key: known.get(key, _TEXT) for key in LEXICON},
    }


def reference_list() -> Json:
    """A list of known values or people."""
    attributes = sorted({*STAFF, *CUSTOMERS})
    entry: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(attributes, _TEXT),
    }
    known: Json = {
        "expires": {"anyOf": [_DATE, {"type": "null"}]},
        "kind": {"enum": list(KINDS)},
        "values": {"type": "array"},
        "entries": {"type": "object", "additionalProperties": entry},
    }
    return {
        "$schema": DRAFT,
        "title": "Mingjian list · 明鉴名单",
        "type": "object",
        "required": ["name", "title", "owner"],
        "additionalProperties": False,
        "properties": {key: known.get(key, _TEXT) for key in LISTS},
    }
