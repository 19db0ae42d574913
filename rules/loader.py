"""Rule files -> rules. Strict: what is not known is an error with line, column and a hint.

A file is a Sigma collection: any number of signal rules (`mingjian: {signal: true}`) and one
alerting rule, a detection or a correlation. Everything of ours stands under `mingjian`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rules.alert import RuleRef, sm3_hex
from rules.errors import RuleError
from rules.fields import FIELDS
from rules.model import (
    CORRELATION_TYPES,
    MAX_WINDOW,
    CorrelationRule,
    DetectionRule,
    RuleFile,
)
from rules.refused import Refused, UnknownName
from rules.rule_shape import check_shape
from rules.sigma_parse import Named, asks_hits, parse_detection
from rules.yaml_source import MAX_CHARACTERS, Document, load_documents

MAX_TIMESPAN = 366 * 86_400_000
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def load_file(path: Path, named: Named, *, root: Path | None = None) -> RuleFile:
    """One rule file.

    Raises:
        RuleError: the first thing wrong, with file, line and column.
    """
    label = str(path.relative_to(root)) if root else str(path)
    text = read_rule_text(path, label)
    return build(label, text, load_documents(label, text), named)


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
    main: Document | None = None
    names: set[str] = set()
    for document, ours in zip(documents, sections, strict=True):
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
            detections.append(_detection(document, ours, ref, named))
        else:
            correlations.append(_correlation(document, ours, ref, state_version))
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
    return RuleFile(
        path=label,
        text=text,
        detections=tuple(detections),
        correlations=tuple(correlations),
        tests=tuple(ours.get("tests", ())),
        legal=tuple(ours.get("legal", ())),
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
    return json.dumps(_text_keys(value), sort_keys=True, default=str)


def _text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _text_keys(item) for key, item in value.items()}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def judging(documents: Iterable[Document]) -> str:
    """Changes with what decides which messages the rules of a file count, and with nothing else."""
    return sm3_hex(_canonical([_judging(document.value) for document in documents]))[:16]


def _judging(value: dict[str, Any]) -> dict[str, Any]:
    """What decides which messages a rule counts and how: titles and texts do not."""
    return {key: value[key] for key in ("name", "detection", "correlation") if key in value}


def read_rule_text(path: Path, label: str) -> str:
    """The text of a rule file, called `label`. A larger one than YAML may have is not read whole.

    Raises:
        RuleError: it cannot be read, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(4 * (MAX_CHARACTERS + 1))
    except OSError as error:
        raise RuleError(
            f"cannot be read: {error.strerror}",
            f"无法读取：{error.strerror}",
            path=label,
            code="MJ018",
        ) from None
    try:
        # cut off in the middle of a character, it is still told that it is too large
        return data.decode(errors="ignore" if len(data) > 4 * MAX_CHARACTERS else "strict")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise RuleError(
            f"not valid UTF-8 at byte {error.start}",
            f"第 {error.start} 字节不是有效的 UTF-8",
            path=label,
            line=before.count(b"\n") + 1,
            column=len(before[before.rfind(b"\n") + 1 :].decode()) + 1,
            fix_en="save the file as UTF-8",
            fix_zh="请把文件存为 UTF-8 编码",
            code="MJ017",
        ) from None


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
    try:
        condition = parse_detection(section, named)
    except (Refused, UnknownName) as error:
        raise document.explained(_culprit(section, named), error) from None
    return DetectionRule(
        ref=ref,
        condition=condition,
        signal=bool(ours.get("signal")),
        summary=ours.get("summary", ""),
        asks_hits=asks_hits(condition),
    )


def _culprit(section: dict[str, Any], named: Named) -> tuple[str, ...]:
    """Where in a broken `detection` the first part stands that is broken by itself."""
    for name, selection in section.items():
        if name == "condition" or not _broken(selection, named):
            continue
        if isinstance(selection, dict):
            for key, value in selection.items():
                if _broken({key: value}, named):
                    return ("detection", name, str(key))
        return ("detection", name)
    return ("detection", "condition")


def _broken(selection: Any, named: Named) -> bool:
    try:
        parse_detection({"it": selection, "condition": "it"}, named)
    except (Refused, UnknownName):
        return True
    return False


def _correlation(
    document: Document, ours: dict[str, Any], ref: RuleRef, state_version: str
) -> CorrelationRule:
    section = document.value["correlation"]
    at = ("correlation",)
    kind = section.get("type")
    if kind not in CORRELATION_TYPES:
        raise document.error(
            (*at, "type"),
            f"correlation type '{kind}' is not in this version",
            f"本版本还没有关联类型“{kind}”",
            fix_en=f"there are: {', '.join(CORRELATION_TYPES)}",
            fix_zh=f"现有：{'、'.join(CORRELATION_TYPES)}",
            code="MJ301",
        )
    rules = tuple(section.get("rules", ()))
    if not rules or len(set(rules)) != len(rules):
        raise document.error(
            (*at, "rules"),
            "'rules' must name different rules",
            "rules 必须列出互不相同的规则",
            code="MJ302",
        )
    threshold, field = len(rules), ""
    if kind != "temporal_ordered":
        threshold, field = _threshold(document, section, kind)
    elif "condition" in section:
        raise document.error(
            (*at, "condition"),
            "temporal_ordered takes no condition here",
            "temporal_ordered 这里不接受 condition",
            code="MJ303",
        )
    aliases = section.get("aliases", {})
    group_by = tuple(section.get("group-by", ()))
    _aliases(document, aliases, rules, group_by)
    for name in group_by:
        if name not in aliases:
            _known_field(document, (*at, "group-by"), name)
    return CorrelationRule(
        ref=ref,
        type=kind,
        rules=rules,
        group_by=group_by,
        aliases=aliases,
        timespan=_timespan(document, section),
        threshold=threshold,
        field=field,
        state_version=state_version,
        summary=ours.get("summary", ""),
    )


def _aliases(
    document: Document, aliases: dict[Any, Any], rules: tuple[str, ...], group_by: tuple[str, ...]
) -> None:
    """Every alias is grouped by, and says for each rule which field is meant."""
    for name, fields in aliases.items():
        at = ("correlation", "aliases", str(name))
        if name not in group_by:
            raise document.error(
                at,
                f"the alias '{name}' is not in 'group-by'",
                f"别名“{name}”不在 group-by 里",
                code="MJ304",
            )
        if not isinstance(fields, dict) or set(fields) != set(rules):
            raise document.error(
                at,
                f"the alias '{name}' must give one field for each of: {', '.join(rules)}",
                f"别名“{name}”须为每条规则各给出一个字段：{'、'.join(rules)}",
                code="MJ305",
            )
        for rule, field in fields.items():
            _known_field(document, (*at, rule), field)


def _known_field(document: Document, at: tuple[str, ...], field: Any) -> None:
    if field not in FIELDS:
        raise document.explained(at, UnknownName("field", str(field), sorted(FIELDS)))


def _threshold(document: Document, section: dict[str, Any], kind: str) -> tuple[int, str]:
    at = ("correlation", "condition")
    condition = section.get("condition")
    if not isinstance(condition, dict):
        raise document.error(at, "'condition' is missing", "缺少 condition", code="MJ306")
    document.only(at, ("gte", "gt", "field"))
    bounds = [(key, condition[key]) for key in ("gte", "gt") if key in condition]
    if len(bounds) != 1 or type(bounds[0][1]) is not int:
        raise document.error(
            at,
            "'condition' needs gte or gt and a whole number",
            "condition 需要 gte 或 gt 加整数",
            code="MJ307",
        )
    threshold = bounds[0][1] + (bounds[0][0] == "gt")
    if not 1 <= threshold <= MAX_WINDOW:
        raise document.error(
            (*at, bounds[0][0]),
            f"the count must be from 1 to {MAX_WINDOW}: a window keeps no more messages",
            f"次数须在 1 到 {MAX_WINDOW} 之间：一个窗口最多保留这么多条消息",
            code="MJ308",
        )
    field = condition.get("field", "")
    if (kind == "value_count") != bool(field):
        raise document.error(
            at,
            "value_count, and only it, needs 'field'",
            "value_count（且只有它）需要 field",
            code="MJ309",
        )
    if field:
        _known_field(document, (*at, "field"), field)
    return threshold, field


def _timespan(document: Document, section: dict[str, Any]) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", section.get("timespan", ""))
    span = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < span <= MAX_TIMESPAN:
        raise document.error(
            ("correlation", "timespan"),
            "'timespan' is like 30s, 10m, 1h, 2d, at most 366d",
            "timespan 写成 30s、10m、1h、2d 这样，最长 366d",
            code="MJ310",
        )
    return span
