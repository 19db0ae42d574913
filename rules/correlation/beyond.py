"""What Sigma has no word for: keys of the `mingjian` section that change what a correlation means.

`rules.correlation.section` reads the rest. Each key says which types and windows it goes with.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rules.correlation.model import OPERATORS, UNKNOWN, Bound, Comparison, Correlation, Usually
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.shapes import as_limit, flag_of, known_keys, no_such, span_of
from rules.spans import span_text

KEYS = ("first_seen", "within", "between", "baseline")
OF_BASELINE = ("over", "ratio", "unknown")
MAX_SLICES = 1_000
MAX_COMPARISONS = 16


def beyond(ours: Mapping[str, Any], rules: tuple[str, ...]) -> dict[str, Any]:
    """These keys of a `mingjian` section as arguments of a `Correlation`.

    Raises:
        WrongCorrelation: one is of a wrong shape.
    """
    found: dict[str, Any] = {}
    if "first_seen" in ours:
        found["first_seen"] = flag_of(("first_seen",), ours["first_seen"], ours=True)
    if "within" in ours:
        found["within"] = _limits(ours["within"], rules)
    if "between" in ours:
        found["between"] = _comparisons(ours["between"], rules)
    if "baseline" in ours:
        found["baseline"] = _baseline(ours["baseline"])
    return found


def _limits(written: Any, rules: tuple[str, ...]) -> dict[int, int]:
    if not isinstance(written, Mapping) or not written:
        raise WrongCorrelation(
            ("within",),
            "'within' must be a mapping of rules to spans of time",
            "within 必须是 规则: 时长 的映射",
            fix_en=f"for example: within: {{{rules[-1]}: 2m}}",
            fix_zh=f"例如：within: {{{rules[-1]}: 2m}}",
            code="MJ343",
            ours=True,
        )
    found = {}
    for name, span in written.items():
        at = ("within", str(name))
        if name not in rules:
            raise no_such(at, "rule", "规则", name, rules, ours=True)
        found[rules.index(name)] = span_of(at, span, ours=True)
    return found


def _comparisons(written: Any, rules: tuple[str, ...]) -> tuple[Comparison, ...]:
    if not isinstance(written, list) or not written:
        raise _no_comparison(("between",), rules)
    if len(written) > MAX_COMPARISONS:
        raise WrongCorrelation(
            ("between",),
            f"more than {MAX_COMPARISONS} comparisons",
            f"比较超过 {MAX_COMPARISONS} 个",
            code="MJ334",
            ours=True,
        )
    found = []
    for number, one in enumerate(written):
        at = ("between", str(number))
        if not isinstance(one, Mapping):
            raise _no_comparison(at, rules)
        known_keys(at, one, ("rule", "field", *OPERATORS), ours=True)
        operators = [word for word in OPERATORS if word in one]
        texts = [one.get("rule"), one.get("field"), *(one[word] for word in operators)]
        if len(operators) != 1 or not all(isinstance(text, str) and text for text in texts):
            raise _no_comparison(at, rules)
        rule, field, before = texts
        if rule not in rules:
            raise no_such((*at, "rule"), "rule", "规则", rule, rules, ours=True)
        found.append(Comparison(rules.index(rule), field, operators[0], before))
    return tuple(found)


def _no_comparison(at: tuple[str, ...], rules: tuple[str, ...]) -> WrongCorrelation:
    return WrongCorrelation(
        at,
        "a comparison names a rule, its field, and one operator with the field of the step before",
        "一个比较要写：规则、它的字段、一个比较符和前一步的字段",
        fix_en=f"for example: between: [{{rule: {rules[-1]}, field: file.size, gt: file.size}}]",
        fix_zh=f"例如：between: [{{rule: {rules[-1]}, field: file.size, gt: file.size}}]",
        code="MJ344",
        ours=True,
    )


def _baseline(written: Any) -> Usually:
    at = ("baseline",)
    if not isinstance(written, Mapping) or not {"over", "ratio"} <= set(written):
        raise _wrong_baseline(
            "'baseline' needs 'over', how far back, and 'ratio', how many times the mean",
            "baseline 需要 over（往前看多久）和 ratio（平均值的多少倍）",
        )
    known_keys(at, written, OF_BASELINE, ours=True)
    ratio = as_limit((*at, "ratio"), written["ratio"], ours=True)
    if ratio <= 1:
        raise _wrong_baseline(
            "'ratio' is more than 1: what is usual is always reached",
            "ratio 须大于 1：平常的量总会达到",
            "ratio",
        )
    unknown = written.get("unknown", UNKNOWN[0])
    if unknown not in UNKNOWN:
        raise no_such((*at, "unknown"), "'unknown'", " unknown 取值", unknown, UNKNOWN, ours=True)
    return Usually(span_of((*at, "over"), written["over"], ours=True), ratio, unknown)


def _wrong_baseline(en: str, zh: str, *at: str) -> WrongCorrelation:
    return WrongCorrelation(
        ("baseline", *at),
        en,
        zh,
        fix_en="for example, with timespan: 1d: baseline: {over: 14d, ratio: 3}",
        fix_zh="例如 timespan: 1d 时写 baseline: {over: 14d, ratio: 3}",
        code="MJ345",
        ours=True,
    )


def fitting(found: Correlation) -> None:
    """Raises WrongCorrelation where one of these keys does not go with the rest."""
    if found.first_seen:
        _first_seen(found)
    if found.within:
        _ordered(found, "within")
        for slot, span in found.within.items():
            name = found.rules[slot]
            if span > found.span:
                raise WrongCorrelation(
                    ("within", name),
                    f"'{name}' may come {span_text(span)} later, but all steps are together within"
                    f" {span_text(found.span)}",
                    f"“{name}”可晚 {span_text(span)}，而全部步骤须在 {span_text(found.span)} 之内",
                    fix_en="write a shorter time, or a longer 'timespan'",
                    fix_zh="请写短一些的时长，或加长 timespan",
                    code="MJ343",
                    ours=True,
                )
            _not_first(found, ("within", name), slot)

    if found.between:
        _ordered(found, "between")
        for number, one in enumerate(found.between):
            _not_first(found, ("between", str(number), "rule"), one.slot)
    if found.baseline:
        _usual(found, found.baseline)


def _usual(found: Correlation, asked: Usually) -> None:
    slices, rest = divmod(asked.over, found.span)
    if found.type not in ("event_count", "value_count", "value_sum") or found.first_seen:
        what = "'first_seen'" if found.first_seen else found.type
        raise _wrong_baseline(
            f"'baseline' is for event_count, value_count and value_sum, not for {what}",
            f"baseline 只用于 event_count、value_count、value_sum，不用于 {what.strip(chr(39))}",
        )
    if found.window == "session":
        raise _wrong_baseline(
            "'baseline' compares windows of one length, and sessions have none",
            "baseline 比较等长的窗口，会话窗口长短不一",
        )
    if found.upper:
        raise _wrong_baseline(
            "with 'baseline' the condition is a minimum: gte or gt",
            "与 baseline 同用时，condition 是最低值：gte 或 gt",
        )
    if rest or not slices:
        raise _wrong_baseline(
            f"'over' is a multiple of 'timespan' ({span_text(found.span)})",
            f"over 须是 timespan（{span_text(found.span)}）的整数倍",
            "over",
        )
    if slices > MAX_SLICES:
        raise _wrong_baseline(
            f"'over' is {slices} times 'timespan': at most {MAX_SLICES}",
            f"over 是 timespan 的 {slices} 倍，最多 {MAX_SLICES} 倍",
            "over",
        )


def _ordered(found: Correlation, key: str) -> None:
    """Raises unless all steps of all chains are events, one after the other."""
    whole = len(found.rules)
    counted = any(one != Bound("gte", Fraction(whole)) for one in found.bounds)
    if found.type == "temporal_ordered" and not found.absence and not counted:
        return
    en, zh = {
        False: (f"{found.type} has no steps", f"{found.type} 没有先后步骤"),
        True: (
            "a condition with 'not' or with a number leaves open which step comes after which",
            "带 not 或带数字的 condition 没有定下哪一步接着哪一步",
        ),
    }[found.type == "temporal_ordered"]
    raise WrongCorrelation(
        (key,),
        f"'{key}' is about the steps of an order: {en}",
        f"{key} 说的是先后步骤：{zh}",
        fix_en="use type: temporal_ordered, without a number and without 'not' in the condition",
        fix_zh="请用 type: temporal_ordered，condition 里不带数字，也不带 not",
        code="MJ343",
        ours=True,
    )


def _not_first(found: Correlation, at: tuple[str, ...], slot: int) -> None:
    name = found.rules[slot]
    chains = [clause.positive for clause in found.clauses] or [tuple(range(len(found.rules)))]
    if not any(slot in chain[1:] for chain in chains):
        raise WrongCorrelation(
            at,
            f"nothing comes before '{name}': it is the first step",
            f"“{name}”是第一步，前面没有别的步骤",
            fix_en="name a later rule",
            fix_zh="请写后面的规则",
            code="MJ343",
            ours=True,
        )


def _first_seen(found: Correlation) -> None:
    if found.type != "value_count":
        raise WrongCorrelation(
            ("first_seen",),
            f"'first_seen' asks whether a value is new, and {found.type} has no values",
            f"first_seen 问的是某个取值是否首次出现，而 {found.type} 没有取值",
            fix_en="use type: value_count with condition: {field: …, gte: 2}",
            fix_zh="请用 type: value_count，并写 condition: {field: …, gte: 2}",
            code="MJ342",
            ours=True,
        )
    if found.window != "sliding":
        raise WrongCorrelation(
            ("first_seen",),
            "'first_seen' remembers values in a sliding window only",
            "first_seen 只在滑动窗口（sliding）里记住取值",
            fix_en="leave 'window' out; 'timespan' is how long a value is remembered",
            fix_zh="请删去 window；timespan 就是一个取值被记住多久",
            code="MJ342",
            ours=True,
        )
