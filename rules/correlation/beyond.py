"""What Sigma has no word for: keys of the `mingjian` section that change what a correlation means.

`rules.correlation.section` reads the rest. Each key says which types and windows it goes with.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rules.correlation.model import OPERATORS, Bound, Comparison, Correlation
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.shapes import flag_of, known_keys, no_such, span_of, span_text

KEYS = ("first_seen", "within", "between")
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
