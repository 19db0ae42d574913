"""The wrong and right examples of the codes, checked as `mingjian rules check` checks files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from jobs.rule_checks import check_rules
from rules.calendar import load_calendar
from rules.errors import RuleError
from rules.lint.examples import files
from rules.lint.registry import Check, registry

TODAY = date(2026, 11, 25)
# told of what ships with the product, of a setting, of a file that is none, or beside other errors
ELSEWHERE = ("shipped", "setting", "unreadable", "many")
SHOWN = [one for one in registry().values() if one.base not in ELSEWHERE]


def written(folder: Path, texts: dict[str, str] | dict[str, bytes]) -> Path:
    """A directory with these files."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def problems_of(folder: Path, check: Check, *, wrong: bool) -> list[RuleError]:
    """What is said of one of the two examples of a code."""
    part = check.bad if wrong else check.good
    texts = dict(files(check, part, wrong=wrong))
    baseline = ""
    if published := texts.pop("published/rule.yaml", None):
        baseline = str(written(folder / "published", {"rule.yaml": published}))
    rules = written(folder / "rules", texts)
    if check.base == "calendar":
        try:
            load_calendar(rules / "calendar.yaml")
        except RuleError as error:
            return [error]
        return []
    return check_rules(str(rules), baseline=baseline, today=TODAY).problems
