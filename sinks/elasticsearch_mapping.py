"""Strict mappings and index templates. A field that is not named here is refused, never guessed.

Chinese text uses the `standard` analyzer, which every server has: each Chinese character becomes
a term, and a phrase query then finds any run of characters, one- and two-character words
included (`cjk` pairs cannot find a single character). Sequence numbers are unsigned 64 bit, more
than `long` holds, so they are keywords; the JSON keeps the number.
"""

from __future__ import annotations

from typing import Any

from rules.operations import DELIVERED

Mapping = dict[str, Any]

_KEYWORD: Mapping = {"type": "keyword"}
_KEPT: Mapping = {"type": "keyword", "index": False, "doc_values": False}  # stored, not searched
_TEXT: Mapping = {"type": "text", "analyzer": "standard"}
_TIME: Mapping = {"type": "date", "format": "epoch_millis"}
_INT: Mapping = {"type": "integer"}
_LONG: Mapping = {"type": "long"}
_BYTE: Mapping = {"type": "byte"}
_BOOL: Mapping = {"type": "boolean"}
# a regex or a word; nothing is longer than a term may be, and the full text is in the JSON
_PATTERN: Mapping = {"type": "keyword", "ignore_above": 1024}

_HITS: Mapping = {
    "properties": {
        "msgid": _KEYWORD,
        "field": _KEYWORD,
        "start": _INT,
        "end": _INT,
        "pattern": _PATTERN,
        "excerpt": _TEXT,
        "variant": _KEYWORD,
        "confidence": _BYTE,
    }
}
_POSITION: Mapping = {
    "properties": {"source": _KEYWORD, "partition": _INT, "offset": _LONG, "line": _LONG}
}
_PROPERTIES: dict[str, Mapping] = {
    "alerts": {
        "v": _BYTE,
        "alert_id": _KEYWORD,
        "tenant": _KEYWORD,
        "rule": {
            "properties": {
                "id": _KEYWORD,
                "name": _KEYWORD,
                "title": _TEXT,
                "version": _INT,
                "digest": _KEYWORD,
                "item": _KEYWORD,
                "level": _KEYWORD,
                "response": _BYTE,
            }
        },
        "ruleset": _KEYWORD,
        "status": _KEYWORD,
        "response_state": _KEYWORD,
        "delegated_to": _KEYWORD,
        "time": _TIME,
        "first_time": _TIME,
        "window_start": _TIME,
        "window_end": _TIME,
        "actor": _KEYWORD,
        "actor_kind": _KEYWORD,
        "conversation": _KEYWORD,
        "room": _KEYWORD,
        "counterparties": _KEYWORD,
        "group": {"type": "flattened"},  # its names are the rule's own
        "count": _INT,
        "members": {
            "properties": {
                "msgid": _KEYWORD,
                "seq": _KEPT,
                "time": _TIME,
                "type": _KEYWORD,
                "sender": _KEYWORD,
                "evidence_id": _KEYWORD,
            }
        },
        "hits": _HITS,
        "summary": _TEXT,
        "flags": _KEYWORD,
        "retraction": _KEYWORD,
        "replaced_by": _KEYWORD,
    },
    "evidence": {
        "v": _BYTE,
        "evidence_id": _KEYWORD,
        "alert_id": _KEYWORD,
        "tenant": _KEYWORD,
        "msgid": _KEYWORD,
        "seq": _KEYWORD,
        "time": _TIME,
        "type": _KEYWORD,
        "sender": _KEYWORD,
        "conversation": _KEYWORD,
        "direction": _KEYWORD,
        "text": _TEXT,
        "hits": _HITS,
        "raw_sm3": _KEYWORD,
        "raw_sha256": _KEPT,
        "raw_size": _LONG,
        "position": _POSITION,
        "sealed": _KEPT,
        "flags": _KEYWORD,
    },
    "quarantine": {
        "v": _BYTE,
        "quarantine_id": _KEYWORD,
        "reason": _KEYWORD,
        "detail": _PATTERN,
        "held": _BOOL,
        "raw_sm3": _KEYWORD,
        "raw_sha256": _KEPT,
        "raw_size": _LONG,
        "position": _POSITION,
        "sealed": _KEPT,
        "truncated": _BOOL,
    },
    "late": {
        "v": _BYTE,
        "late_id": _KEYWORD,
        "tenant": _KEYWORD,
        "rule": _KEYWORD,
        "msgid": _KEYWORD,
        "seq": _KEYWORD,
        "time": _TIME,
        "watermark": _TIME,
        "raw_sm3": _KEYWORD,
        "raw_size": _LONG,
        "position": _POSITION,
        "sealed": _KEPT,
        "group": {"type": "flattened"},
        "would_have_fired": _KEYWORD,
        "flags": _KEYWORD,
    },
    "incidents": {
        "v": _BYTE,
        "incident_id": _KEYWORD,
        "tenant": _KEYWORD,
        "kind": _KEYWORD,
        "severity": _KEYWORD,
        "status": _KEYWORD,
        "source": _KEYWORD,
        "time": _TIME,
        "detail": _TEXT,
        "count": _LONG,
    },
    "handled": {
        "v": _BYTE,
        "handled_id": _KEYWORD,
        "tenant": _KEYWORD,
        "quarantine_id": _KEYWORD,
        "action": _KEYWORD,
        "time": _TIME,
        "by": _KEYWORD,
        "reason": _TEXT,
        "raw_sm3": _KEYWORD,
        "to": _KEYWORD,
    },
}


def properties(kind: str) -> Mapping:
    """The fields of `kind` and their types."""
    return _PROPERTIES[kind]


def mapped_fields(kind: str) -> set[str]:
    """Top-level names the mapping of `kind` knows."""
    return set(_PROPERTIES[kind])


def alias(prefix: str, kind: str) -> str:
    """Where records of `kind` are written to and searched in."""
    return f"{prefix}-{kind}"


def templates(prefix: str) -> dict[str, Mapping]:
    """Index template for every kind that is delivered, by its name."""
    return {
        alias(prefix, kind): {
            "index_patterns": [f"{alias(prefix, kind)}-*"],
            "priority": 500,
            "template": {
                "settings": {
                    "number_of_shards": 1,
                    "auto_expand_replicas": "0-1",
                    "refresh_interval": "1s",
                },
                "mappings": {
                    "dynamic": "strict",
                    "_meta": {"product": "mingjian", "version": 1},
                    "properties": _PROPERTIES[kind],
                },
            },
        }
        for kind in DELIVERED
    }
