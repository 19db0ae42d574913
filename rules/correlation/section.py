"""The `correlation` section of a rule -> a `Correlation`. Every key is known, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rules.correlation import beyond
from rules.correlation.expression import names_of, parse_expression
from rules.correlation.model import (
    ABSENT,
    EMITS,
    MISSING,
    NUMERIC,
    OPERATORS,
    TEMPORAL,
    TYPES,
    VALUED,
    WINDOWS,
    Bound,
    Clause,
    Correlation,
)
from rules.correlation.plan import Plan
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.shapes import as_limit, flag_of, known_keys, no_such, span_of, texts_of

KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
OUR_KEYS = ("window", "gap", "until", "emit", "missing_group", "absent", *beyond.KEYS)
CONDITION_KEYS = (*OPERATORS, "field", "percentile")
MAX_RULES = 64
_WHOLE = 100


def parse_correlation(section: Any, ours: Mapping[str, Any] | None = None) -> Correlation:
    """The meaning of a `correlation` section, with what the `mingjian` section adds to it.

    References are not resolved here: `rules` are names as they are written.

    Raises:
        WrongCorrelation: the first thing wrong, with its key path.
    """
    ours = ours or {}
    if not isinstance(section, Mapping):
        raise WrongCorrelation(
            (), "'correlation' must be a mapping", "correlation 必须是映射", code="MJ102"
        )
    known_keys((), section, KEYS)
    kind = section.get("type")
    if kind not in TYPES:
        raise no_such(("type",), "correlation type", "关联类型", kind, TYPES)
    condition = section.get("condition")
    rules = _rules(section, condition if isinstance(condition, str) else "")
    clauses: tuple[Clause, ...] = ()
    bounds: tuple[Bound, ...] = ()
    fields: tuple[str, ...] = ()
    percentile: Fraction | None = None
    if isinstance(condition, str):
        if kind not in TEMPORAL:
            raise WrongCorrelation(
                ("condition",),
                f"{kind} takes a number to compare with, not a condition over rules",
                f"{kind} 要与一个数比较，不能写规则之间的条件",
                fix_en="for example: condition: {gte: 3}",
                fix_zh="例如：condition: {gte: 3}",
                code="MJ303",
            )
        clauses = parse_expression(condition, rules)
        unused = [name for name in rules if name not in names_of(condition)]
        if unused:
            raise WrongCorrelation(
                ("rules",),
                f"'{unused[0]}' is in 'rules' but not in the condition",
                f"“{unused[0]}”写在 rules 里，condition 却没有用到",
                fix_en="use it in the condition, or remove it from 'rules'",
                fix_zh="请在 condition 中使用它，或从 rules 中删去",
                code="MJ331",
            )
    elif condition is None and kind in TEMPORAL:
        bounds = (Bound("gte", Fraction(len(rules))),)
    else:
        bounds, fields, percentile = _numeric(condition, kind)
    group_by = texts_of(("group-by",), section.get("group-by", ()))
    found = Correlation(
        type=kind,
        rules=rules,
        group_by=group_by,
        span=_timespan(section, ours),
        bounds=bounds,
        clauses=clauses,
        fields=fields,
        percentile=percentile,
        aliases=_aliases(section.get("aliases", {})),
        generate=flag_of(("generate",), section.get("generate", False)),
        **_ours(ours, rules),
        **beyond.beyond(ours, rules),
    )
    _consistent(found)
    beyond.fitting(found)
    Plan(found, every=False)  # refuses what would take too many chains
    return found


def _timespan(section: Mapping[str, Any], ours: Mapping[str, Any]) -> int:
    if section.get("timespan") is not None:
        return span_of(("timespan",), section["timespan"])
    session = ours.get("window") == "session"
    raise WrongCorrelation(
        ("timespan",),
        "'timespan' is missing",
        "缺少 timespan",
        fix_en="write timespan: 1d, the longest a session may last"
        if session
        else "write timespan: 10m, how long messages may lie apart",
        fix_zh="请写 timespan: 1d，即会话最长持续多久"
        if session
        else "请写 timespan: 10m，即消息前后最多相隔多久",
        code="MJ310",
    )


def _consistent(found: Correlation) -> None:
    if found.window != "sliding" and found.absence:
        raise WrongCorrelation(
            ("window",),
            "absence is judged in a sliding window only",
            "“没有发生”只能在滑动窗口（sliding）里判断",
            fix_en="leave 'window' out; 'timespan' is how long nothing must come",
            fix_zh="请删去 window；timespan 就是多久没有发生",
            code="MJ336",
            ours=True,
        )
    if found.absent and not found.absence:
        raise WrongCorrelation(
            ("absent",),
            "'absent' says where what 'not' names must be missing: the condition has no 'not'",
            "absent 说明 not 后面的规则在哪里不能出现，而 condition 里没有 not",
            code="MJ336",
            ours=True,
        )
    if (found.window == "session") != bool(found.gap):
        raise WrongCorrelation(
            ("gap",) if found.gap else ("window",),
            "a session window, and only it, needs 'gap', the longest silence inside it",
            "会话窗口（session）且只有它需要 gap，即窗口内最长的静默时间",
            fix_en="add window: session, or remove 'gap'"
            if found.gap
            else "add gap: 10m, the silence that ends a session",
            fix_zh="请补上 window: session，或删去 gap"
            if found.gap
            else "请补上 gap: 10m，即静默多久会话算结束",
            code="MJ336",
            ours=True,
        )
    low = [b.limit for b in found.bounds if b.operator in ("gt", "gte", "eq")]
    high = [b.limit for b in found.bounds if b.operator in ("lt", "lte", "eq")]
    if low and high and max(low) > min(high):
        raise WrongCorrelation(
            ("condition",),
            "the condition can never hold: its bounds exclude each other",
            "condition 永远不可能成立：上下限互相矛盾",
            code="MJ333",
        )


def _rules(section: Mapping[str, Any], condition: str) -> tuple[str, ...]:
    written = section.get("rules")
    rules = names_of(condition) if written is None and condition else texts_of(("rules",), written)
    if not rules or len(set(rules)) != len(rules):
        raise WrongCorrelation(
            ("rules",),
            "'rules' must name different rules",
            "rules 必须列出互不相同的规则",
            fix_en="for 'twice the same' write event_count with gte: 2",
            fix_zh="要表达“同一规则两次”，请用 event_count 加 gte: 2",
            code="MJ302",
        )
    if len(rules) > MAX_RULES:
        raise WrongCorrelation(
            ("rules",), f"more than {MAX_RULES} rules", f"rules 超过 {MAX_RULES} 条", code="MJ334"
        )
    return rules


def _numeric(
    condition: Any, kind: str
) -> tuple[tuple[Bound, ...], tuple[str, ...], Fraction | None]:
    at = ("condition",)
    if not isinstance(condition, Mapping):
        raise WrongCorrelation(
            at,
            "'condition' is missing" if condition is None else "'condition' must be a mapping",
            "缺少 condition" if condition is None else "condition 必须是映射",
            fix_en="for example: condition: {gte: 3}",
            fix_zh="例如：condition: {gte: 3}",
            code="MJ306",
        )
    known_keys(at, condition, CONDITION_KEYS)
    bounds = []
    for operator in OPERATORS:
        if operator in condition:
            limit = condition[operator]
            bounds.append(Bound(operator, as_limit((*at, operator), limit)))
    if not bounds:
        raise WrongCorrelation(
            at,
            f"'condition' needs a comparison: {', '.join(OPERATORS)}",
            f"condition 需要一个比较：{'、'.join(OPERATORS)}",
            fix_en="for example: gte: 3",
            fix_zh="例如：gte: 3",
            code="MJ307",
        )
    fields = texts_of((*at, "field"), condition.get("field", ()))
    if (kind in VALUED) != bool(fields):
        raise WrongCorrelation(
            (*at, "field"),
            f"{kind} needs 'field', whose values it takes"
            if kind in VALUED
            else f"{kind} takes no 'field'",
            f"{kind} 需要 field，说明取哪个字段的值" if kind in VALUED else f"{kind} 不需要 field",
            code="MJ309",
        )
    if kind in NUMERIC and len(fields) > 1:
        raise WrongCorrelation(
            (*at, "field"), f"{kind} takes one field", f"{kind} 只能取一个字段", code="MJ309"
        )
    percentile = None
    if "percentile" in condition:
        percentile = as_limit((*at, "percentile"), condition["percentile"])
        if kind != "value_percentile" or not 0 <= percentile <= _WHOLE:
            raise WrongCorrelation(
                (*at, "percentile"),
                "'percentile' is a number from 0 to 100, for value_percentile only",
                "percentile 是 0 到 100 的数，只用于 value_percentile",
                code="MJ337",
            )
    return tuple(bounds), fields, percentile


def _aliases(written: Any) -> dict[str, dict[str, str]]:
    if not isinstance(written, Mapping):
        raise WrongCorrelation(
            ("aliases",), "'aliases' must be a mapping", "aliases 必须是映射", code="MJ102"
        )
    for name, fields in written.items():
        at = ("aliases", str(name))
        if not isinstance(fields, Mapping) or not all(isinstance(f, str) for f in fields.values()):
            raise WrongCorrelation(
                at,
                f"the alias '{name}' must be a mapping of rules to fields",
                f"别名“{name}”必须是 规则: 字段 的映射",
                code="MJ305",
            )
    return {str(name): dict(fields) for name, fields in written.items()}


def _ours(ours: Mapping[str, Any], rules: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, words, name in (
        ("window", WINDOWS, "window"),
        ("emit", EMITS, "emit"),
        ("missing_group", MISSING, "missing"),
        ("absent", ABSENT, "absent"),
    ):
        if key in ours:
            if ours[key] not in words:
                raise no_such((key,), f"'{key}'", f" {key} 取值", ours[key], words, ours=True)
            found[name] = ours[key]
    if "gap" in ours:
        found["gap"] = span_of(("gap",), ours["gap"], ours=True)
    if "until" in ours:
        until = ours["until"]
        if not isinstance(until, str) or not until or until in rules:
            raise WrongCorrelation(
                ("until",),
                "'until' names one rule that is not in 'rules'",
                "until 写一条不在 rules 里的规则的名字",
                fix_en=f"remove {until} from 'rules'" if until in rules else "",
                fix_zh=f"请从 rules 里删去 {until}" if until in rules else "",
                code="MJ338",
                ours=True,
            )
        found["until"] = until
    return found
