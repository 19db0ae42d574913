"""Rules and records for tests of the core, written as their authors would write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from rules.calendar import load_calendar
from rules.cases import record
from rules.decode import Decoder
from rules.engine import Engine
from rules.lexicon import Lexicon
from rules.loader import load_file
from rules.model import RuleFile
from rules.named import Named
from rules.ruleset import CATALOG, RuleSet, RuleTimeline, assemble, beside

_SHIPPED = beside(CATALOG).named()
# beside what is shipped: a lexicon that only holds values, as files of the first versions had them
_OLD = Lexicon("old-accounts", values=("6228480402564890018",))
NAMED = replace(_SHIPPED, lexicons={**_SHIPPED.lexicons, _OLD.name: _OLD})
CALENDAR = load_calendar()
TENANT = "demo"

SIMPLE = """\
title: 承诺保本
id: 3d34a454-9218-5545-be3c-e32c07b42cc1
name: t1_words
logsource: {product: wecom, category: message}
detection:
  employee: {direction: outbound, sender_kind: employee}
  words: {text|contains: 保本}
  condition: employee and words
level: high
mingjian:
  version: 1
  item: A07-01
  response: 2
  owner: 合规部
  legal: [证券法]
  summary: "{actor} 说 {excerpt}"
  tests:
    - name: 命中
      messages: [{at: "10:00", from: zhangwei, to: c1, text: 这款保本}]
      alerts: 1
"""
COUNTING = """\
name: t2_base
detection:
  recall: {type: revoke}
  condition: recall
mingjian: {signal: true}
---
title: 撤回
id: 04040efb-f8eb-5bd0-8d33-f221364a0b77
name: t2_burst
correlation:
  type: event_count
  rules: [t2_base]
  group-by: [sender]
  timespan: 10m
  condition: {gte: 3}
level: high
mingjian: {version: 1, item: A05-01, response: 2, legal: [x], owner: y}
"""


def write(folder: Path, text: str | bytes, name: str = "rule.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def load_text(folder: Path, text: str | bytes, named: Named = NAMED) -> RuleFile:
    """The rule file with this text, loaded from a directory as users have it."""
    return load_file(write(folder, text), named, root=folder)


def ruleset(folder: Path, *texts: str, digest: str = "d1") -> RuleSet:
    """A ruleset of these rule files."""
    return assemble(
        [load_text(folder / str(n), text) for n, text in enumerate(texts, start=1)], digest
    )


def detection_rule(name: str, selection: Mapping[str, Any], condition: str = "it") -> str:
    """A file with one alerting rule of these selections."""
    return yaml.safe_dump(
        {
            "title": name,
            "id": f"id-{name}",
            "name": name,
            "detection": {**selection, "condition": condition},
            "level": "high",
            "mingjian": {"version": 1, "item": "A00-00", "response": 2},
        },
        allow_unicode=True,
        sort_keys=False,
    )


def engine(rules: RuleSet, **options: Any) -> Engine:
    return Engine(RuleTimeline([(0, rules)]), Decoder(TENANT), CALENDAR, **options)


def raws(messages: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Records of the short notation of rule tests."""
    return [record(m, f"m{n}", n, TENANT) for n, m in enumerate(messages, start=1)]


def at(when: int, raw: bytes) -> bytes:
    """The same record, said and received at a moment (UTC ms)."""
    body = json.loads(raw)
    body |= {"time": when, "received_at": when}
    body["payload"]["msgtime"] = when
    return json.dumps(body, separators=(",", ":")).encode()


def outputs(found: Iterable[tuple[str, bytes]], kind: str) -> list[dict[str, Any]]:
    return [json.loads(body) for name, body in found if name == kind]


def judge(rules: RuleSet, messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, bytes]]:
    """All outputs for these messages."""
    return list(engine(rules).run(raws(messages)))
