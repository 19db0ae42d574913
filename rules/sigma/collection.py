"""Rule files -> plain Sigma rules: several documents, `action`, and global filters.

A rule that cannot be used does not take the others with it: it is returned as a problem.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from rules.correlation.refusal import WrongCorrelation
from rules.correlation.section import OUR_KEYS, parse_correlation
from rules.errors import RuleError
from rules.sigma.chain import Placeholders
from rules.sigma.contents import Collection, PlainCorrelation, PlainRule, Problem
from rules.sigma.detection import parse_section
from rules.sigma.nodes import Filtered, Node, every
from rules.sigma.references import resolved
from rules.sigma.refusal import SigmaRefused
from rules.yaml_source import Document, load_documents

LOGSOURCE = ("category", "product", "service")
_OF_TALK = ("item", "response", "signal", "tests")  # keys under `mingjian` that judge conversations


@dataclass(frozen=True)
class _Filter:
    rules: frozenset[str] | None  # None: of any rule
    logsource: Mapping[str, str]
    condition: Node
    expires: int | None

    def fits(self, rule: PlainRule) -> bool:
        named = self.rules is None or bool(self.rules & rule.names)
        return named and all(rule.logsource.get(k) == v for k, v in self.logsource.items())


def load_collection(
    files: Iterable[tuple[str, str]], placeholders: Placeholders | None = None
) -> Collection:
    """All rules of (path, text) pairs; filters are joined to the rules they name, with AND."""
    rules: list[PlainRule] = []
    filters: list[_Filter] = []
    problems: list[Problem] = []
    correlations: list[tuple[Document, PlainCorrelation]] = []
    about_talk = False
    for path, text in files:
        try:
            documents = merged(load_documents(path, text))
        except RuleError as error:
            problems.append(Problem("yaml", error))
            continue
        for document in documents:
            about_talk = about_talk or _about_talk(document.value.get("mingjian"))
            try:
                if "correlation" in document.value:
                    correlations.append((document, _correlation(document)))
                    continue
                one = _read(document, placeholders or {})
            except SigmaRefused as error:
                place = document.explained(_place(document), error)
                problems.append(Problem(error.reason, place))
            except WrongCorrelation as error:
                place = document.explained(error.place(), error)
                problems.append(Problem("correlation", place))
            else:
                rules.append(one) if isinstance(one, PlainRule) else filters.append(one)
    joined = resolved(rules, correlations, problems)
    kept = tuple(_filtered(rule, filters) for rule in rules)
    return Collection(kept, tuple(problems), joined, about_talk)


def _about_talk(ours: Any) -> bool:
    return isinstance(ours, Mapping) and any(name in ours for name in _OF_TALK)


def merged(documents: list[Document]) -> list[Document]:
    """Applies `action`: `global` goes before all that follow, until `reset`; `repeat` goes before
    nothing but takes the last rule as its beginning."""
    found: list[Document] = []
    base: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for document in documents:
        value = dict(document.value)
        action = value.pop("action", None)
        if action == "global":
            base = _over(base, value)
            continue
        if action == "reset":
            base = {}
            if not value:
                continue
        elif action not in (None, "repeat"):
            raise document.error(
                ("action",),
                f"no action '{action}'",
                f"没有名为“{action}”的 action",
                fix_en="there are: global, reset, repeat",
                fix_zh="现有：global、reset、repeat",
            )
        last = _over(last if action == "repeat" else base, value)
        found.append(replace(document, value=last))
    return found


def _over(base: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(dict(base))
    for key, inner in value.items():
        old = found.get(key)
        both = isinstance(old, dict) and isinstance(inner, dict)
        found[key] = _over(old or {}, inner) if both else inner
    return found


def _place(document: Document) -> tuple[str, ...]:
    return ("filter",) if "filter" in document.value else ("detection",)


def _read(document: Document, placeholders: Placeholders) -> PlainRule | _Filter:
    value = document.value
    if "filter" in value:
        return _filter(value, placeholders)
    if "detection" not in value:
        raise SigmaRefused(
            "not_a_rule",
            "no detection, correlation or filter here",
            "这里没有 detection、correlation 或 filter",
        )
    label, names = _names(document)
    return PlainRule(
        label,
        names,
        _logsource(value),
        parse_section(value["detection"], placeholders),
        document.path,
    )


def _names(document: Document) -> tuple[str, frozenset[str]]:
    names = [str(document.value[k]) for k in ("name", "id", "title") if document.value.get(k)]
    return names[0] if names else document.path, frozenset(names)


def _correlation(document: Document) -> PlainCorrelation:
    ours = document.value.get("mingjian") or {}
    if not isinstance(ours, Mapping):
        raise WrongCorrelation((), "'mingjian' must be a mapping", "mingjian 必须是映射", ours=True)
    known = {name: ours[name] for name in OUR_KEYS if name in ours}
    how = parse_correlation(document.value["correlation"], known)
    label, names = _names(document)
    return PlainCorrelation(label, names, how, document.path)


def _logsource(value: Mapping[str, Any]) -> dict[str, str]:
    found = value.get("logsource") or {}
    if not isinstance(found, Mapping):
        raise SigmaRefused("selection", "'logsource' must be a mapping", "logsource 必须是映射")
    return {key: str(found[key]) for key in LOGSOURCE if found.get(key)}


def _filter(value: Mapping[str, Any], placeholders: Placeholders) -> _Filter:
    section = value["filter"]
    rules = section.get("rules") if isinstance(section, Mapping) else None
    if isinstance(rules, str) and rules.lower() != "any":
        rules = [rules]
    if rules is None or not isinstance(rules, str | list):
        raise SigmaRefused(
            "selection",
            "filter: 'rules' must be a list of rule names or ids, or 'any'",
            "filter：rules 必须是规则名或 id 的列表，或写 any",
        )
    named = None if isinstance(rules, str) or not rules else frozenset(map(str, rules))
    condition = parse_section(section, placeholders, beside=("rules",))
    return _Filter(named, _logsource(value), condition, _expiry(value.get("mingjian")))


def _expiry(ours: Any) -> int | None:
    """`mingjian: {expires: 2026-12-31}`: the first moment (UTC) at which it is no longer in force,
    that is the day after."""
    written = ours.get("expires") if isinstance(ours, Mapping) else None
    if written is None:
        return None
    try:
        day = written if isinstance(written, date) else date.fromisoformat(str(written))
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError:
        raise SigmaRefused(
            "value",
            f"expires: '{written}' is no date",
            f"expires：“{written}”不是日期",
            fix_en="write it as 2026-12-31",
            fix_zh="请写成 2026-12-31",
        ) from None
    return (int(midnight.timestamp()) + 86_400) * 1000


def _filtered(rule: PlainRule, filters: list[_Filter]) -> PlainRule:
    fitting = [one for one in filters if one.fits(rule)]
    if not fitting:
        return rule
    joined = [rule.condition, *(Filtered(one.condition, one.expires) for one in fitting)]
    return PlainRule(rule.label, rule.names, rule.logsource, every(joined), rule.path)
