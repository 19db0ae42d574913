"""Why a test case came out otherwise: what the rule saw in the messages of the case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules.cases import identities
from rules.expectations import Found, wanted_alerts
from rules.explain import Setting, judge
from rules.explain_behaviour import behaviour_lines, counted
from rules.explain_names import condition_text, selections
from rules.explain_text import verdict_lines
from rules.explain_words import Said
from rules.message import Message
from rules.model import RuleFile
from rules.named import Named
from rules.payload_keys import unread_keys
from rules.ruleset import RuleSet

MAX_MESSAGES = 3  # of a rule about single messages, explained in full
MAX_LINES = 40


def reasons(
    file: RuleFile,
    name: str,
    rules: RuleSet,
    messages: Sequence[Message],
    setting: Setting,
    named: Named | None,
    found: Sequence[Found],
    case: Mapping[str, Any],
    alert: Found | None = None,
) -> tuple[Said, ...]:
    """Lines that explain the messages at fault: those without an alert when alerts are missing,
    those with one when there are too many, those of the alert that differs."""
    known = named or Named({})
    correlation = rules.correlations.get(name)
    if correlation is not None:
        steps = counted(correlation, rules, messages, setting, known)
        return _paired(*(behaviour_lines(correlation, steps, one) for one in ("en", "zh")))
    rule = rules.detections[name]
    hit = {one for each in found for one in each.evidence}
    if alert is not None:
        at_fault = [message for message in messages if message.msgid in alert.evidence]
    else:
        too_few = len(found) < wanted_alerts(case)
        at_fault = [message for message in messages if (message.msgid in hit) is not too_few]
    names = selections(rules, name, known)
    condition = condition_text(file, name)
    lines: list[Said] = []
    for message in at_fault[:MAX_MESSAGES]:
        verdict = judge(rule, message, setting, names)
        lines += _paired(*(verdict_lines(verdict, one, condition) for one in ("en", "zh")))
    return tuple(lines)


def _paired(en: Sequence[str], zh: Sequence[str]) -> tuple[Said, ...]:
    """The same lines in both languages; they are of one number."""
    return tuple(Said(*pair) for pair in zip(en, zh, strict=True))[:MAX_LINES]


def ignored_keys(messages: Sequence[Mapping[str, Any]]) -> tuple[Said, ...]:
    """A line for each key of a payload that is ignored, where another one was meant."""
    lines = []
    for name, message in zip(identities(messages), messages, strict=True):
        for one in unread_keys(message):
            said = one.said(str(message.get("event") or message.get("type")))
            lines.append(
                Said(
                    f"· {name}: {said.en}; did you mean '{one.meant}'?",
                    f"· {name}：{said.zh}；是不是“{one.meant}”？",
                )
            )
    return tuple(lines)
