"""Why a plain Sigma rule cannot be used: every refusal carries a stable reason."""

from __future__ import annotations

from rules.refused import Refused

REASONS = {
    "aggregation": "a condition with '|' (count, near …), the form before correlations",
    "condition": "a condition that does not read as one",
    "correlation": "a correlation that does not read as one",
    "empty": "an empty list or mapping, which asks nothing",
    "modifier": "a modifier Sigma 2.1 does not know, or in a place where it means nothing",
    "not_a_rule": "a document without detection, correlation or filter",
    "placeholder": "a placeholder nobody gave values for",
    "reference": "a correlation that refers to a rule that is not there, or in a circle to itself",
    "regex": "a regular expression RE2 cannot run in linear time",
    "selection": "a selection of a form that Sigma does not have",
    "timeframe": "a timeframe, the form before correlations",
    "value": "a value that does not fit its modifier",
}


class SigmaRefused(Refused):
    """A part of a plain Sigma rule that cannot be used; `reason` is a key of `REASONS`."""

    def __init__(
        self, reason: str, en: str, zh: str, *, fix_en: str = "", fix_zh: str = "", code: str = ""
    ) -> None:
        super().__init__(en, zh, fix_en=fix_en, fix_zh=fix_zh, code=code)
        self.reason = reason
