"""Global filters (Sigma `filter`): exceptions kept beside the rules, often by another team.

    title: 客服中心的外呼号码
    name: filter_service_numbers
    filter:
      rules: [a04_06_personal_phone]      # names or ids, or: any
      service: {sender.department: 客服中心}
      condition: not service
    mingjian: {owner: 客服部, reason: 已备案的外呼号码, expires: 2027-06-30, ticket: C-1024}

The condition is joined to that of the rules by AND. After `expires` (that day included) it is no
longer in force, by the time of the message. A filter that names a correlation filters the base
rules that stand in that rule's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from rules.conditions import And, Node, Until
from rules.culprit import culprit
from rules.extension import zone
from rules.heading import of_end
from rules.model import DetectionRule, RuleFile
from rules.named import Named
from rules.problems import Problems
from rules.refused import Refused, UnknownName
from rules.sigma_parse import parse_detection
from rules.yaml_source import Document
from rules.zone import DAY_MS, SHANGHAI, Zone

FILTER_KEYS = ("owner", "reason", "expires", "ticket", "timezone", "language")
REQUIRED = ("owner", "reason")


@dataclass(frozen=True)
class GlobalFilter:
    """One filter. `rules` None: any rule. `until` is ms of the first moment without it, or None."""

    name: str
    path: str
    document: Document
    rules: tuple[str, ...] | None
    condition: Node
    owner: str
    reason: str
    expires: date | None
    until: int | None

    def applied(self, rule: DetectionRule) -> DetectionRule:
        """The rule with this filter."""
        extra = self.condition if self.until is None else Until(self.condition, self.until)
        return replace(rule, condition=And((rule.condition, extra)))


def build_filter(document: Document, named: Named) -> GlobalFilter:
    """The filter of a document whose shape is right.

    Raises:
        RuleError: what cannot be used, with its place.
    """
    value, ours = document.value, document.value.get("mingjian") or {}
    document.only(("mingjian",), FILTER_KEYS) if "mingjian" in value else None
    for key in REQUIRED:
        if not isinstance(ours.get(key), str) or not ours[key].strip():
            raise document.error(
                ("mingjian",),
                f"a filter needs mingjian.{key}: it takes alerts away",
                f"过滤器会减少告警，必须写 mingjian.{key}",
                fix_en="mingjian: {owner: …, reason: …, expires: 2027-12-31}",
                fix_zh="mingjian: {owner: …, reason: …, expires: 2027-12-31}",
                code="MJ734",
            )
    expires = ours.get("expires")
    Problems().tell_all(of_end(document, "MJ735", ("mingjian", "expires")))
    clock = zone(document, ours)
    until = (clock or Zone(SHANGHAI.key)).moment(expires, DAY_MS) if expires else None
    section = value["filter"]
    try:
        condition = parse_detection(section, named, zone=clock, beside=("rules",))
    except (Refused, UnknownName) as error:
        at = culprit("filter", section, named, beside=("rules",))
        raise document.explained(at, error) from None
    name = value.get("name") or value.get("id") or document.path
    rules = _rules(document, section.get("rules"))
    return GlobalFilter(
        name,
        document.path,
        document,
        rules,
        condition,
        ours["owner"],
        ours["reason"],
        expires,
        until,
    )


def _rules(document: Document, written: Any) -> tuple[str, ...] | None:
    if written == "any":
        return None
    listed = [written] if isinstance(written, str) else written
    if not isinstance(listed, list) or not listed or not all(isinstance(v, str) for v in listed):
        raise document.error(
            ("filter", "rules"),
            "filter: 'rules' must be a list of rule names or ids, or any",
            "filter：rules 必须是规则名或 id 的列表，或写 any",
            code="MJ736",
        )
    return tuple(listed)


def apply_filters(files: tuple[RuleFile, ...]) -> Mapping[str, DetectionRule]:
    """All detection rules by name, each with the filters that name it.

    Raises:
        RuleError: a filter names a rule that is not there.
    """
    rules = {rule.ref.name: rule for file in files for rule in file.detections}
    meant = _meant(files)
    for file in files:
        for one in file.filters:
            for target in sorted(rules) if one.rules is None else one.rules:
                if target not in meant:
                    raise one.document.explained(
                        ("filter", "rules"), UnknownName("rule", target, sorted(meant))
                    )
                for name in meant[target]:
                    rules[name] = one.applied(rules[name])
    return rules


def _meant(files: tuple[RuleFile, ...]) -> dict[str, tuple[str, ...]]:
    """Name or id of a rule -> names of the detection rules that a filter on it changes."""
    found: dict[str, tuple[str, ...]] = {}
    for file in files:
        own = {rule.ref.name for rule in file.detections}
        for rule in file.detections:
            found[rule.ref.name] = found[rule.ref.id] = (rule.ref.name,)
        for one in file.correlations:
            bases = tuple(name for name in one.rules if name in own)
            found[one.ref.name] = found[one.ref.id] = bases
    return found
