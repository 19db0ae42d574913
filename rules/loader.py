"""Rule files -> rules. Strict: what is not known is an error with line, column and a hint.

A file is a Sigma collection: any number of signal rules (`mingjian: {signal: true}`) and one
alerting rule, a detection or a correlation. Everything of ours stands under `mingjian`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rules.alert import RuleRef, sm3_hex
from rules.errors import RuleError
from rules.model import CORRELATION_TYPES, CorrelationRule, DetectionRule, RuleFile
from rules.sigma_parse import Named, UnknownName, asks_hits, parse_detection
from rules.yaml_source import Document, load_documents

LEVELS = ("informational", "low", "medium", "high", "critical")
_SIGMA_KEYS = [
    "title",
    "id",
    "name",
    "status",
    "description",
    "author",
    "date",
    "modified",
    "references",
    "tags",
    "logsource",
    "detection",
    "correlation",
    "level",
    "falsepositives",
    "fields",
    "taxonomy",
    "license",
    "related",
    "scope",
]
_OUR_KEYS = [
    "version",
    "item",
    "response",
    "signal",
    "owner",
    "legal",
    "summary",
    "runbook",
    "blind_spots",
    "tests",
]
_CORRELATION_KEYS = ["type", "rules", "group-by", "timespan", "condition", "aliases"]
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def load_file(path: Path, named: Named, *, root: Path | None = None) -> RuleFile:
    """One rule file.

    Raises:
        RuleError: the first thing wrong, with file, line and column.
    """
    label = str(path.relative_to(root)) if root else str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(
            f"not valid UTF-8 at byte {error.start}",
            f"第 {error.start} 字节不是有效的 UTF-8",
            path=label,
        ) from None
    documents = load_documents(label, text)
    digest = sm3_hex(
        json.dumps([_meaning(d.value) for d in documents], sort_keys=True, default=str)
    )
    detections: list[DetectionRule] = []
    correlations: list[CorrelationRule] = []
    main: Document | None = None
    for document in documents:
        ours = _check_shape(document)
        ref = _ref(document, ours, digest)
        if not ours.get("signal"):
            if main is not None:
                raise document.error(
                    (),
                    "a second alerting rule in one file",
                    "一个文件里有第二条告警规则",
                    fix_en="one alerting rule a file; mark base rules with mingjian.signal: true",
                    fix_zh="每个文件一条告警规则；基础规则请写 mingjian.signal: true",
                )
            main = document
        if "detection" in document.value:
            detections.append(_detection(document, ours, ref, named))
        else:
            correlations.append(_correlation(document, ours, ref))
    if main is None:
        raise RuleError("no alerting rule in this file", "文件里没有告警规则", path=label)
    ours = main.value.get("mingjian", {})
    return RuleFile(
        path=label,
        text=text,
        detections=tuple(detections),
        correlations=tuple(correlations),
        tests=tuple(ours.get("tests", ())),
        legal=tuple(ours.get("legal", ())),
    )


def _meaning(value: dict[str, Any]) -> dict[str, Any]:
    """A rule document without its tests: what the digest of a rule covers."""
    ours = {key: item for key, item in value.get("mingjian", {}).items() if key != "tests"}
    return {**value, "mingjian": ours}


def _check_shape(document: Document) -> dict[str, Any]:
    value = document.value
    document.only((), [*_SIGMA_KEYS, "mingjian"])
    ours = value.get("mingjian", {})
    if not isinstance(ours, dict):
        raise document.error(("mingjian",), "'mingjian' must be a mapping", "“mingjian”必须是映射")
    if ours:
        document.only(("mingjian",), _OUR_KEYS)
    if ("detection" in value) == ("correlation" in value):
        raise document.error(
            (),
            "a rule has either 'detection' or 'correlation'",
            "规则必须有 detection 或 correlation 之一",
        )
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(value.get("name", ""))):
        raise document.error(
            ("name",),
            "'name' is missing or not like a01_some_name",
            "缺少 name，或不是 a01_some_name 的形式",
        )
    if value.get("level", "informational") not in LEVELS:
        raise document.error(
            ("level",),
            f"'{value['level']}' is no level",
            f"没有“{value['level']}”这个级别",
            fix_en=f"one of {', '.join(LEVELS)}",
            fix_zh=f"可用：{'、'.join(LEVELS)}",
        )
    if not ours.get("signal"):
        for key in ("title", "id", "level"):
            if not value.get(key):
                raise document.error((), f"'{key}' is missing", f"缺少 {key}")
        for key in ("version", "item", "response"):
            if key not in ours:
                raise document.error(
                    ("mingjian",), f"'mingjian.{key}' is missing", f"缺少 mingjian.{key}"
                )
        if ours["response"] not in (0, 1, 2, 3):
            raise document.error(
                ("mingjian", "response"), "'response' is 0, 1, 2 or 3", "response 只能是 0、1、2、3"
            )
    return ours


def _ref(document: Document, ours: dict[str, Any], digest: str) -> RuleRef:
    value = document.value
    return RuleRef(
        id=str(value.get("id", value["name"])),
        name=value["name"],
        title=str(value.get("title", value["name"])),
        version=int(ours.get("version", 1)),
        digest=digest,
        item=str(ours.get("item", "")),
        level=value.get("level", "informational"),
        response=int(ours.get("response", 0)),
    )


def _detection(
    document: Document, ours: dict[str, Any], ref: RuleRef, named: Named
) -> DetectionRule:
    try:
        condition = parse_detection(document.value["detection"], named)
    except UnknownName as error:
        known = ", ".join(error.known)
        raise document.error(
            ("detection",),
            str(error),
            f"没有名为“{error.name}”的 {error.what}",
            fix_en=f"there are: {known}",
            fix_zh=f"现有：{known}",
        ) from None
    except ValueError as error:
        raise document.error(("detection",), str(error), f"检测条件无法使用：{error}") from None
    return DetectionRule(
        ref=ref,
        condition=condition,
        signal=bool(ours.get("signal")),
        summary=str(ours.get("summary", "")),
        asks_hits=asks_hits(condition),
    )


def _correlation(document: Document, ours: dict[str, Any], ref: RuleRef) -> CorrelationRule:
    section = document.value["correlation"]
    at = ("correlation",)
    document.only(at, _CORRELATION_KEYS)
    kind = section.get("type")
    if kind not in CORRELATION_TYPES:
        raise document.error(
            (*at, "type"),
            f"correlation type '{kind}' is not in this version",
            f"本版本还没有关联类型“{kind}”",
            fix_en=f"there are: {', '.join(CORRELATION_TYPES)}",
            fix_zh=f"现有：{'、'.join(CORRELATION_TYPES)}",
        )
    rules = tuple(section.get("rules", ()))
    if not rules or len(set(rules)) != len(rules):
        raise document.error(
            (*at, "rules"), "'rules' must name different rules", "rules 必须列出互不相同的规则"
        )
    threshold, field = len(rules), ""
    if kind != "temporal_ordered":
        threshold, field = _threshold(document, section, kind)
    elif "condition" in section:
        raise document.error(
            (*at, "condition"),
            "temporal_ordered takes no condition here",
            "temporal_ordered 这里不接受 condition",
        )
    return CorrelationRule(
        ref=ref,
        type=kind,
        rules=rules,
        group_by=tuple(section.get("group-by", ())),
        aliases=section.get("aliases", {}),
        timespan=_timespan(document, section),
        threshold=threshold,
        field=field,
        state_version=ref.digest[:16],
        summary=str(ours.get("summary", "")),
    )


def _threshold(document: Document, section: dict[str, Any], kind: str) -> tuple[int, str]:
    at = ("correlation", "condition")
    condition = section.get("condition")
    if not isinstance(condition, dict):
        raise document.error(at, "'condition' is missing", "缺少 condition")
    document.only(at, ("gte", "gt", "field"))
    bounds = [condition[key] + (key == "gt") for key in ("gte", "gt") if key in condition]
    if len(bounds) != 1 or bounds[0] < 1:
        raise document.error(at, "'condition' needs gte or gt", "condition 需要 gte 或 gt")
    field = condition.get("field", "")
    if (kind == "value_count") != bool(field):
        raise document.error(
            at, "value_count, and only it, needs 'field'", "value_count（且只有它）需要 field"
        )
    return int(bounds[0]), str(field)


def _timespan(document: Document, section: dict[str, Any]) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", str(section.get("timespan", "")))
    if not match:
        raise document.error(
            ("correlation", "timespan"),
            "'timespan' is like 30s, 10m, 1h, 2d",
            "timespan 写成 30s、10m、1h、2d 这样",
        )
    return int(match[1]) * _UNITS[match[2]]
