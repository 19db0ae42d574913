"""`explain` of a correlation that reads correlations: each level, and what was handed up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rules.compiled import compile_timeline
from rules.decode import Decoder
from rules.explain import Setting
from rules.explain_chains import Level, Watched, level_lines, levels
from rules.ruleset import RuleTimeline
from tests.support.rule_files import CALENDAR, NAMED, TENANT, raws, ruleset
from tests.unit.test_behave_types import messages
from tests.unit.test_chains import AGAIN, BY_SENDER, NEVER, SILENT, THEN, TWICE, chain


def explained(folder: Path, text: str, line: str) -> tuple[list[Level], int]:
    """The levels of `t_rule` on a line of messages, and how many alerts the engine raises."""
    rules = ruleset(folder, text)
    decoder, records = Decoder(TENANT), raws(messages(line))
    timeline = RuleTimeline([(0, rules)])
    engine = Watched(timeline, decoder, CALENDAR, compiled=compile_timeline(timeline))
    alerts = sum(kind == "alerts" for kind, _ in engine.run(records))
    decoded = [decoder.decode(raw) for raw in records]
    rule = rules.correlations["t_rule"]
    setting = Setting.of(rules, CALENDAR)
    return levels(rule, rules, decoded, engine.came, setting, NAMED), alerts


def rows(found: Sequence[Level]) -> list[str]:
    return [f"{row.label} {' '.join(row.messages)} by {row.by[0]}" for row in found[-1].rows]


@pytest.mark.parametrize(
    ("child", "parent", "line", "passed"),
    [
        (TWICE, THEN, "a-a-c", ["t_child#1 a0 a2 by a2"]),
        (TWICE, THEN, "a----c", []),
        (SILENT, THEN, "a---c", ["t_child#1 a0 by "]),  # at its deadline
        (TWICE, AGAIN, "aaa", ["t_child#1 a0 a1 by a1", "t_child#2 a2 by a2"]),
        (TWICE, NEVER, "aa", ["t_child#1 a0 a1 by a1"]),
        (TWICE, NEVER, "aa---c", ["t_child#1 a0 a1 by a1"]),
    ],
)
def test_rows_and_alerts_are_the_engines(
    tmp_path: Path, child: str, parent: str, line: str, passed: list[str]
) -> None:
    found, alerts = explained(tmp_path, chain(child, parent), line)
    assert [one.rule.ref.name for one in found] == ["t_child", "t_rule"]
    assert rows(found) == passed
    assert sum(course.alerts() for course in found[-1].courses) == alerts


def test_the_lines_say_who_completed_what_and_when(tmp_path: Path) -> None:
    found, _ = explained(tmp_path, chain(TWICE, THEN), "a-a-c")
    en, zh = (level_lines(found, language) for language in ("en", "zh"))
    assert en.index("t_child:") < en.index("t_rule:")
    (row,) = [one for one in en if "t_child#1" in one and one.startswith("✓")]
    assert "10:02  t_child completed by a2 (zhangwei): a0, a2; group {sender: zhangwei}" in row
    assert any("由 a2（zhangwei）完成：a0, a2" in one for one in zh)
    child = en[: en.index("t_rule:")]
    assert any(one.endswith(": reached at 10:02") for one in child)
    assert not any("alert" in one for one in child)
    assert any("t_child#1, c4" in one and "alert at 10:04" in one for one in en)


def test_three_levels_are_told_from_below(tmp_path: Path) -> None:
    middle = f"name: t_middle\ncorrelation: {{{THEN}}}\nmingjian: {{signal: true}}\n---\n"
    top = f"type: event_count, rules: [t_middle], {BY_SENDER}, timespan: 5m, condition: {{gte: 1}}"
    found, alerts = explained(tmp_path, chain(TWICE, top, more=middle), "a-a-c")
    assert [one.rule.ref.name for one in found] == ["t_child", "t_middle", "t_rule"]
    assert rows(found) == ["t_middle#1 a0 a2 c4 by c4"]
    assert sum(course.alerts() for course in found[-1].courses) == alerts == 1


def test_nothing_that_counts_is_said(tmp_path: Path) -> None:
    found, _ = explained(tmp_path, chain(TWICE, AGAIN), "c")
    assert sum("nothing counts" in one for one in level_lines(found, "en")) == 2
