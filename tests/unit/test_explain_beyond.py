"""`explain` says what the keys of `mingjian` ask besides the condition, and how far it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.decode import Decoder
from rules.explain import Setting
from rules.explain_behaviour import behaviour_lines, counted
from rules.ruleset import assemble
from tests.support.rule_files import CALENDAR, NAMED, TENANT, load_text, raws
from tests.unit.test_behave_types import correlation, messages


@pytest.mark.parametrize(
    ("section", "ours", "line", "en", "zh"),
    [
        (
            "type: value_count, rules: [t_file], condition: {field: file.size, gte: 2}",
            "first_seen: true",
            "1-19---1",
            ["at most 2 different values", "alert at 10:03", "a value that was not seen in the 5m"],
            ["10:03 报警", "且取值在此前 5m 内没有出现过"],
        ),
        (
            "type: temporal_ordered, rules: [t_a, t_b, t_c]",
            "within: {t_b: 2m, t_c: 1m}",
            "a-b-c",
            ["at most 2 steps in their order", "t_c, t_b at most 2m after the step before"],
            ["最多 2 步（按次序）", "t_c 距前一步不超过 1m"],
        ),
        (
            "type: temporal_ordered, rules: [t_file, t_a]",
            "between: [{rule: t_a, field: msgid, eq: msgid}]",
            "1a",
            ["at most 1 step ", "value msgid 10", "t_a: msgid = msgid of the step before it"],
            ["最多 1 步", "t_a：msgid = 前一步的 msgid"],
        ),
        (
            "type: event_count, rules: [t_a], condition: {gte: 2}",
            "baseline: {over: 10m, ratio: 2.5}",
            "aa",
            ["at least 2.5 times the group's own mean of the 10m before: not reached"],
            ["且至少是该组此前 10m 平均值的 2.5 倍：没有达到"],
        ),
    ],
)  # fmt: skip
def test_what_is_asked_and_how_far_it_came(
    tmp_path: Path, section: str, ours: str, line: str, en: list[str], zh: list[str]
) -> None:
    file = load_text(tmp_path, correlation(section, ours))
    rules = assemble([file], "d")
    (rule,) = file.correlations
    decoded = map(Decoder(TENANT).decode, raws(messages(line)))
    found = counted(rule, rules, decoded, Setting.of(rules, CALENDAR), NAMED)
    for language, expected in (("en", en), ("zh", zh)):
        lines = "\n".join(behaviour_lines(rule, found, language))
        for text in expected:
            assert text in lines, lines


def test_the_mean_of_the_past_is_told_for_each_message(tmp_path: Path) -> None:
    how = "type: event_count, rules: [t_a], condition: {gte: 1}"
    file = load_text(tmp_path, correlation(how, "baseline: {over: 10m, ratio: 2.5}"))
    rules = assemble([file], "d")
    (rule,) = file.correlations
    decoded = map(Decoder(TENANT).decode, raws(messages("a---------------aaa")))
    found = counted(rule, rules, decoded, Setting.of(rules, CALENDAR), NAMED)
    en, zh = (behaviour_lines(rule, found, language) for language in ("en", "zh"))
    first = "10:00 a0: 1; the mean of the 10m before is not known yet (first message: 10:00)"
    assert any(first in one and one.endswith("so it does not count") for one in en)
    assert any("10:00 a0：1；此前 10m 的平均值还不知道（第一条消息在 10:00）" in one for one in zh)
    assert any("10:16 a16: 1; the mean of the 10m before is 0.5" in one for one in en)
    wanted = "the mean of the 10m before is 0.5, 1.25 or more is wanted"
    assert any(f"a16: 1; {wanted}: not enough" in one for one in en)
    assert any(f"a18: 3; {wanted}: enough" in one for one in en)
    assert any("a18：3；此前 10m 的平均值是 0.5，至少要 1.25：够" in one for one in zh)
