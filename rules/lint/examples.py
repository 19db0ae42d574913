"""The wrong and right examples of the checks as whole files, for pages and tests.

An example of the registry is a part of a rule: its keys take the place of the same keys of a rule
that has nothing wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rules.lint.registry import Check

RULE = """\
title: 承诺保本
id: 3d34a454-9218-5545-be3c-e32c07b42cc1
name: x01_guarantee
status: experimental
date: 2026-11-22
description: 员工向客户承诺保本。
detection:
  words: {text|contains: 保本}
  outbound: {direction: outbound}
  condition: words and outbound
level: high
falsepositives: [转述监管要求]
mingjian:
  version: 1
  item: X-01
  response: 2
  owner: 合规部
  legal: ["证券法 第135条"]
  summary: "{actor} 向 {customers} 承诺保本：{excerpt}"
  runbook: 约谈当事人。
  blind_spots: [语音消息]
  tests:
    - name: 向客户承诺
      messages: [{at: "10:00", from: zhangwei, to: c1, text: 这款保本}]
      alerts: 1
    - name: 内部讨论不报
      messages: [{at: "10:00", from: zhangwei, to: lina, text: 这款保本吗}]
      alerts: 0
"""
BASE_RULE = """\
name: x01_word
detection:
  words: {text|contains: 内幕}
  condition: words
mingjian: {signal: true}
"""
SECOND_BASE_RULE = """\
name: x01_recall
detection:
  recall: {type: revoke}
  condition: recall
mingjian: {signal: true}
"""
CHILD = """\
name: x01_often
correlation:
  type: event_count
  rules: [x01_word]
  group-by: [sender, conversation]
  timespan: 10m
  condition: {gte: 3}
mingjian: {signal: true}
"""
CORRELATION = """\
title: 十分钟内三次提到内幕
id: 0b6f3c1e-7a54-4c7e-8f0b-5f2d9f3f6a21
name: x01_burst
status: experimental
date: 2026-11-22
description: 员工反复向客户提到内幕。
correlation:
  type: event_count
  rules: [x01_word]
  group-by: [sender]
  timespan: 10m
  condition: {gte: 3}
level: high
falsepositives: [培训]
mingjian:
  version: 1
  item: X-02
  response: 2
  owner: 合规部
  legal: ["证券法 第53条"]
  runbook: 约谈当事人。
  blind_spots: [语音消息]
  tests:
    - name: 三次
      messages:
        - {at: "10:00", from: zhangwei, to: c1, text: 有内幕}
        - {at: "10:01", from: zhangwei, to: c1, text: 有内幕}
        - {at: "10:02", from: zhangwei, to: c1, text: 有内幕}
      alerts: 1
    - name: 两次不报
      messages:
        - {at: "10:00", from: zhangwei, to: c1, text: 有内幕}
        - {at: "10:01", from: zhangwei, to: c1, text: 有内幕}
      alerts: 0
"""
LEXICON = """\
name: own
title: 自有词库
owner: 合规部
scene: finance
expires: null
words: [回扣, 好处费]
"""
CALENDAR = """\
timezone: Asia/Shanghai
hours: ["09:00", "18:00"]
weekdays: [1, 2, 3, 4, 5]
"""
LIST = """\
name: own
title: 自有名单
owner: 财务部
expires: null
kind: number
values: ["6222021001099550011"]
"""
STAFF = """\
name: own
title: 自有名录
owner: 人力资源部
kind: staff
entries: {}
"""
FILTER = """\
title: 已备案的号码
name: filter_service
filter:
  rules: [x01_guarantee]
  service: {sender: service01}
  condition: not service
mingjian: {owner: 客服部, reason: 已备案的号码, expires: 2099-12-31}
"""
PACK = """\
name: own
title: {en: our own rules, zh: 自有规则}
law: ["证券法 第135条"]
rules: [x01_*]
"""
_KEY = re.compile(r"[\"']?([\w-]+)")


def files(check: Check, part: str, *, wrong: bool) -> Mapping[str, bytes]:
    """The files of an example by path; the one that is meant comes first.

    `part` is `check.bad` or `check.good`; only the wrong one leaves keys out.
    """
    without = check.without if wrong else ()
    rule = merged(RULE, part, without)
    texts: dict[str, str | bytes]
    if check.base == "file":
        texts = {"rule.yaml": part if wrong else RULE}
    elif check.base in ("correlation", "two-steps", "chain"):
        first, alerting = BASE_RULE, CORRELATION
        if part.startswith("# first\n"):
            first = merged(first, part.removeprefix("# first\n"))
        else:
            alerting = merged(alerting, part, without)
        more = {"two-steps": [SECOND_BASE_RULE], "chain": [CHILD]}.get(check.base, [])
        texts = {"rule.yaml": "---\n".join([first, *more, alerting])}
    elif check.base in ("lexicon", "lexicon-unused"):
        uses = (
            "text|lexicon: own" if check.base == "lexicon" or not wrong else "text|contains: 保本"
        )
        texts = {
            "lexicons/own.yaml": merged(LEXICON, part, without),
            "rule.yaml": RULE.replace("text|contains: 保本", uses),
        }
    elif check.base in _BESIDE:
        texts = {"rule.yaml": rule, **_BESIDE[check.base]}
    elif check.base in _PARTS:
        path, base = _PARTS[check.base]
        texts = {path: merged(base, part, without), "rule.yaml": RULE}
    elif check.base == "calendar":
        texts = {"calendar.yaml": merged(CALENDAR, part)}
    elif check.base == "two-files":
        texts = {"rule.yaml": rule, "a.yaml": RULE}
    elif check.base == "published":
        texts = {"rule.yaml": rule, "published/rule.yaml": RULE}
    else:
        texts = {"rule.yaml": _SPECIAL.get(check.base, rule) if wrong else RULE}
    return {
        name: text if isinstance(text, bytes) else text.encode() for name, text in texts.items()
    }


_PARTS: Mapping[str, tuple[str, str]] = {
    "list": ("lists/own.yaml", LIST),
    "list-of-staff": ("lists/own.yaml", STAFF),
    "filter": ("filter.yaml", FILTER),
    "pack": ("packs/own.yaml", PACK),
}
_BESIDE: Mapping[str, Mapping[str, str]] = {
    "lexicon-scene": {"lexicons/own.yaml": LEXICON + "scenes: {insurance: {words: [返佣]}}\n"},
    "scope-of-staff": {
        "lists/own.yaml": STAFF.replace("{}", "{zhangwei: {department: 财富管理部/一组}}")
    },
}
_SPECIAL: Mapping[str, str | bytes] = {
    "deep": "title: " + "[" * 5000,
    "large": "title: " + "x" * 1_000_001,
    "gbk": "title: 承诺保本\n".encode("gbk"),
}


def merged(text: str, part: str, without: tuple[str, ...] = ()) -> str:
    """`text` with the blocks of `part` in place of its own; those `without` are left out."""
    found: list[tuple[str, str]] = []
    done: set[str] = set()
    new = blocks(part)
    for key, block in blocks(text):
        mine = [other for name, other in new if name == key]
        if key in without:
            done.add(key) if not mine else None
        if key == "mingjian" and mine and mine[0].startswith("mingjian:\n"):
            inner = merged(_dedented(block), _dedented(mine[0]), without)
            found.append((key, "mingjian:\n" + _indented(inner)))
        elif key == "mingjian" and not mine and block.startswith("mingjian:\n"):
            found.append((key, "mingjian:\n" + _indented(merged(_dedented(block), "", without))))
        elif mine:
            found += [(key, other) for other in mine]
        elif key not in without:
            found.append((key, block))
        done.add(key)
    found += [(name, block) for name, block in new if name not in done]
    return "".join(block for _, block in found)


def blocks(text: str) -> list[tuple[str, str]]:
    """(key, lines) of every key in the first column; lines before the first have the key ""."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        match = _KEY.match(line)
        if match or not found:
            found.append((match[1] if match else "", line))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def _dedented(block: str) -> str:
    return "".join(line[2:] for line in block.splitlines(keepends=True)[1:])


def _indented(text: str) -> str:
    return "".join("  " + line for line in text.splitlines(keepends=True))
