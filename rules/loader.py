"""Rule files -> rules. Strict: what is not known is an error with line, column and a hint.

A file is a Sigma collection: any number of signal rules (`mingjian: {signal: true}`) and one
alerting rule, a detection or a correlation. Everything of ours stands under `mingjian`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rules.alert import RuleRef, sm3_hex
from rules.conditions import And
from rules.correlating import correlation_rule, refuse_on_detection
from rules.correlation.section import OUR_KEYS
from rules.culprit import culprit
from rules.errors import RuleError
from rules.extension import check_language, intercept, requires, scope, suppress, zone
from rules.filters import GlobalFilter, build_filter
from rules.model import CorrelationRule, DetectionRule, RuleFile
from rules.named import Named
from rules.reference import RefList
from rules.reference_file import check_case_lists
from rules.refused import Refused, UnknownName
from rules.rule_shape import check_shape
from rules.sigma_parse import asks_hits, parse_detection
from rules.yaml_source import MAX_NODES, MAX_RULE, Document, load_documents, read_text


def load_file(path: Path, named: Named, *, root: Path | None = None) -> RuleFile:
    """One rule file.

    Raises:
        RuleError: the first thing wrong, with file, line and column.
    """
    label = str(path.relative_to(root)) if root else str(path)
    text = read_rule_text(path, label)
    return build(label, text, load_documents(label, text, MAX_NODES), named)


def build(label: str, text: str, documents: list[Document], named: Named) -> RuleFile:
    """The rule file whose documents these are.

    Raises:
        RuleError: the first thing wrong, with file, line and column.
    """
    sections = [check_shape(document) for document in documents]
    digest = sm3_hex(canonical_meaning(documents))
    state_version = judging(documents)
    detections: list[DetectionRule] = []
    correlations: list[CorrelationRule] = []
    filters: list[GlobalFilter] = []
    main: Document | None = None
    names: set[str] = set()
    for document, ours in zip(documents, sections, strict=True):
        if "filter" in document.value:
            filters.append(build_filter(document, named))
            continue
        check_language(document, ours)
        ref = _ref(document, ours, digest)
        if not ours.get("signal"):
            if main is not None:
                raise document.error(
                    (),
                    "a second alerting rule in one file",
                    "一个文件里有第二条告警规则",
                    fix_en="one alerting rule a file; mark base rules with mingjian.signal: true",
                    fix_zh="每个文件一条告警规则；基础规则请写 mingjian.signal: true",
                    code="MJ109",
                )
            main = document
        if ref.name in names:
            raise document.error(
                ("name",),
                f"a second rule named '{ref.name}' in this file",
                f"这个文件里有第二条名为“{ref.name}”的规则",
                fix_en="give each rule a name of its own, the base rule too",
                fix_zh="请为每条规则各取一个名字，基础规则也不例外",
                code="MJ110",
            )
        names.add(ref.name)
        if "detection" in document.value:
            refuse_on_detection(document, ours)
            detections.append(_detection(document, ours, ref, named))
        else:
            correlations.append(correlation_rule(document, ours, ref, state_version))
    if main is None and filters and not names:
        return RuleFile(label, text, (), (), filters=tuple(filters))
    if main is None:
        raise RuleError(
            "no alerting rule in this file",
            "文件里没有告警规则",
            path=label,
            line=1,
            column=1,
            code="MJ111",
        )
    ours = main.value.get("mingjian", {})
    if (limits := scope(main, ours)) is not None:  # of a correlation: of the base rules it counts
        detections = [replace(one, condition=And((one.condition, limits))) for one in detections]
    return RuleFile(
        path=label,
        text=text,
        meaning=state_version,
        filters=tuple(filters),
        requires=requires(main, ours),
        case_lists=_case_lists(main, ours, named),
        detections=tuple(detections),
        correlations=tuple(correlations),
        tests=tuple(ours.get("tests", ())),
        legal=tuple(ours.get("legal", ())),
    )


def _case_lists(
    main: Document, ours: dict[str, Any], named: Named
) -> tuple[tuple[RefList, ...], ...]:
    at = ("mingjian", "tests")
    return tuple(
        tuple(check_case_lists(main, (*at, str(index), "lists"), named.reference))
        if "lists" in case
        else ()
        for index, case in enumerate(ours.get("tests", ()))
    )


def canonical_meaning(documents: Iterable[Document]) -> str:
    """What the digest of a rule is made of: all that judges, without tests and layout, as JSON."""
    return _canonical([_meaning(document.value) for document in documents])


def _meaning(value: dict[str, Any]) -> dict[str, Any]:
    """A rule document without its tests: what the digest of a rule covers."""
    ours = {key: item for key, item in (value.get("mingjian") or {}).items() if key != "tests"}
    return {**value, "mingjian": ours}


def _canonical(value: Any) -> str:
    """JSON with sorted keys; YAML has keys that are no text, which JSON cannot sort."""
    return _JSON(value if _has_text_keys(value) else _text_keys(value))


_JSON = json.JSONEncoder(sort_keys=True, default=str).encode


def _has_text_keys(value: Any) -> bool:
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict | list) and not _has_text_keys(one):
            return False
    return not isinstance(value, dict) or all(type(key) is str for key in value)


def _text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def judging(documents: Iterable[Document]) -> str:
    """Changes with what decides which messages the rules of a file count, and with nothing else."""
    return sm3_hex(_canonical([_judging(document.value) for document in documents]))[:16]


def _judging(value: dict[str, Any]) -> dict[str, Any]:
    """What decides which messages a rule counts and how: titles and texts do not."""
    found: dict[str, Any] = {
        key: value[key] for key in ("name", "detection", "correlation") if key in value
    }
    ours = value.get("mingjian") or {}
    if judged := {key: ours[key] for key in (*OUR_KEYS, "scope", "timezone") if key in ours}:
        found["mingjian"] = judged
    return found


def read_rule_text(path: Path, label: str) -> str:
    """The text of a rule file, called `label`.

    Raises:
        RuleError: see `rules.yaml_source.read_text`.
    """
    return read_text(path, label, MAX_RULE)


def _ref(document: Document, ours: dict[str, Any], digest: str) -> RuleRef:
    value = document.value
    return RuleRef(
        id=value.get("id", value["name"]),
        name=value["name"],
        title=value.get("title", value["name"]),
        version=ours.get("version", 1),
        digest=digest,
        item=ours.get("item", ""),
        level=value.get("level", "informational"),
        response=ours.get("response", 0),
    )


def _detection(
    document: Document, ours: dict[str, Any], ref: RuleRef, named: Named
) -> DetectionRule:
    section = document.value["detection"]
    clock = zone(document, ours)
    try:
        condition = parse_detection(section, named, zone=clock)
    except (Refused, UnknownName) as error:
        raise document.explained(culprit("detection", section, named), error) from None
    return DetectionRule(
        ref=ref,
        condition=condition,
        signal=bool(ours.get("signal")),
        summary=ours.get("summary", ""),
        asks_hits=asks_hits(condition),
        suppress=suppress(document, ours),
        intercept=intercept(document, ours),
    )
