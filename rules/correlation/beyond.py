"""What Sigma has no word for: keys of the `mingjian` section that change what a correlation means.

`rules.correlation.section` reads the rest. Each key says which types and windows it goes with.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rules.correlation.model import Bound, Correlation
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.shapes import flag_of, no_such, span_of, span_text

KEYS = ("first_seen", "within")


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
