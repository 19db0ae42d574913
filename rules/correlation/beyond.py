"""What Sigma has no word for: keys of the `mingjian` section that change what a correlation means.

`rules.correlation.section` reads the rest. Each key says which types and windows it goes with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.correlation.model import Correlation
from rules.correlation.refusal import WrongCorrelation
from rules.correlation.shapes import flag_of

KEYS = ("first_seen",)


def beyond(ours: Mapping[str, Any]) -> dict[str, Any]:
    """These keys of a `mingjian` section as arguments of a `Correlation`.

    Raises:
        WrongCorrelation: one is of a wrong shape.
    """
    found: dict[str, Any] = {}
    if "first_seen" in ours:
        found["first_seen"] = flag_of(("first_seen",), ours["first_seen"], ours=True)
    return found


def fitting(found: Correlation) -> None:
    """Raises WrongCorrelation where one of these keys does not go with the rest."""
    if found.first_seen:
        _first_seen(found)


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
