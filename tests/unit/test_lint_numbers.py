"""Numbers that no message reaches, names that no message has, numbers that YAML reads otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.rule_checks import check_rules
from rules.detectors import DETECTORS
from rules.errors import RuleError
from rules.lint.examples import BASE_RULE, CORRELATION, FILTER, RULE
from rules.lint.registry import severity
from rules.variant_names import VARIANT_NAMES
from tests.support.lint_examples import TODAY, written

ROOT = Path(__file__).resolve().parents[2]


def told(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    """(code, what stands at the place) of all errors and warnings."""
    written(
        tmp_path, {"rule.yaml": RULE, "x.yaml": text} if "filter:" in text else {"x.yaml": text}
    )
    found: list[RuleError] = check_rules(str(tmp_path), today=TODAY).problems
    return [
        (one.code, text.splitlines()[one.line - 1][one.column - 1 :])
        for one in found
        if severity(one) != "info" and one.path == "x.yaml"
    ]


def asking(question: str) -> str:
    more = f"detection:\n  more: {{{question}}}\n"
    return RULE.replace("detection:\n", more, 1).replace(
        "condition: words and", "condition: words and more and"
    )


@pytest.mark.parametrize(
    ("question", "code", "at"),
    [
        ("hit.response|gte: 9", "MJ255", "9}"),
        ("hit.response|gt: 3", "MJ255", "3}"),
        ("hit.response|lt: 0", "MJ255", "0}"),
        ("hit.response: [2, 4]", "MJ255", "4]}"),
        ("hit.response|lte: 3", "MJ255", "3}"),
        ("time|hour: 25", "MJ255", "25}"),
        ("time|minute: 61", "MJ255", "61}"),
        ("time|month: 0", "MJ255", "0}"),
        ("time|hour|gte: 24", "MJ255", "24}"),
        ("time|week: 54", "MJ255", "54}"),
        ("time|day_of_week: 8", "MJ703", "8}"),
        ("time|day_of_week: [monday, sunnday]", "MJ703", "sunnday]}"),
        ('text|detect: "bank_card, confidence 999"', "MJ256", 'confidence 999"}'),
        ('text|detect: "cn_passport, count 2, confidence 75"', "MJ256", 'confidence 75"}'),
        ("customer.owner|fieldref: sendr", "MJ213", "sendr}"),
        ("sender|fieldref: [customer.owner, nobody]", "MJ213", "nobody]}"),
        ("hit.variant: [pinyin, chazi]", "MJ217", "chazi]}"),
        ("hit.variant: homophone", "MJ217", "homophone}"),
    ],
)
def test_what_never_comes_out_otherwise_is_told(
    tmp_path: Path, question: str, code: str, at: str
) -> None:
    assert told(tmp_path, asking(question)) == [(code, at)]


@pytest.mark.parametrize(
    "question",
    [
        "hit.response|gte: 1", "hit.response: [0, 3]", "time|hour: [0, 23]",
        "time|minute|lt: 30", "time|week: 53", "time|year: 2026",
        'text|detect: "bank_card, confidence 85"', 'text|detect: "cn_passport, confidence 60"',
        "customer.owner|fieldref: sender", "hit.variant|startswith: c", "hit.variant: chaizi",
        "time|day_of_week: [7, mon]", "file.size|gte: 1000000",
    ],
)  # fmt: skip
def test_what_may_come_out_either_way_is_not_told(tmp_path: Path, question: str) -> None:
    assert not {"MJ255", "MJ256", "MJ213", "MJ217"} & {
        code for code, _ in told(tmp_path, asking(question))
    }


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("version: 1", "version: 1:30", "1:30"),
        ("version: 1", "version: 0x1", "0x1"),
        ("version: 1", "version: 0b1", "0b1"),
        ("version: 1", "version: 1_0", "1_0"),
        ("version: 1", "version: 010  # 八", "010  # 八"),
        ("{direction: outbound}", "{direction: outbound, time|gt: 1:30.5}", "1:30.5}"),
        ("{direction: outbound}", "{direction: outbound, sender: [0x1F]}", "0x1F]}"),
    ],
)
def test_a_number_that_is_read_otherwise_is_named(
    tmp_path: Path, old: str, new: str, at: str
) -> None:
    assert old in RULE
    found = told(tmp_path, RULE.replace(old, new, 1))
    assert ("MJ024", at) in found
    assert [one for one in found if one[0] not in ("MJ024",)] == []


def test_numbers_of_filters_too_and_only_once_where_an_error_says_more(tmp_path: Path) -> None:
    assert told(tmp_path, FILTER.replace("service01", "010")) == [("MJ024", "010}")]
    (tmp_path / "rule.yaml").unlink()
    assert [code for code, _ in told(tmp_path, RULE.replace('at: "10:00"', "at: 10:00", 1))] == [
        "MJ507"
    ]


def test_the_names_of_disguises_are_those_of_the_page() -> None:
    text = (ROOT / "docs" / "text.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    shown = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row[3]) if len(row) > 5}
    assert shown - {"variant"} == set(VARIANT_NAMES)


def test_a_detector_is_as_sure_as_it_says() -> None:
    for name, text in {
        "cn_passport": "护照号 E12345678", "cn_plate": "车牌 京A12345", "bank_card":
        "卡号 6222021001099550018", "cn_travel_permit": "港澳通行证 C12345678",
    }.items():  # fmt: skip
        finds = [one.confidence for one in DETECTORS[name].find(text.lower())]
        assert finds
        assert max(finds) <= DETECTORS[name].surest


@pytest.mark.parametrize(
    ("condition", "ours", "codes"),
    [
        ("{field: sender, gte: 1}", "first_seen: true", []),
        ("{field: sender, gte: 2}", "first_seen: true", ["MJ320"]),
        ("{field: sender, gte: 1}", "window: sliding", ["MJ320"]),
        ("{field: conversation, gte: 3}", "window: sliding", []),
    ],
)
def test_a_group_of_one_value_counts_only_whether_it_is_new(
    tmp_path: Path, condition: str, ours: str, codes: list[str]
) -> None:
    text = CORRELATION.replace("type: event_count", "type: value_count")
    text = text.replace("{gte: 3}", condition).replace("  version: 1", f"  version: 1\n  {ours}")
    assert [one for one, _ in told(tmp_path, f"{BASE_RULE}---\n{text}")] == codes


@pytest.mark.parametrize(
    ("condition", "ours", "codes"),
    [
        ("{gte: 1}", "window: sliding", ["MJ319"]),
        ("{gt: 0}", "window: sliding", ["MJ319"]),
        ("{lte: 2}", "window: tumbling", []),  # too few, once the window is over
        ("{eq: 1}", "window: tumbling", []),
        ("{gte: 1, lte: 2}", "window: tumbling", []),
        ("{gte: 1}", "baseline: {over: 7d, ratio: 3}", []),  # a minimum, and what is usual
    ],
)
def test_a_count_of_one_that_says_nothing(
    tmp_path: Path, condition: str, ours: str, codes: list[str]
) -> None:
    text = CORRELATION.replace("{gte: 3}", condition).replace("timespan: 10m", "timespan: 1d")
    text = text.replace("  version: 1", f"  version: 1\n  {ours}")
    assert [one for one, _ in told(tmp_path, f"{BASE_RULE}---\n{text}")] == codes


@pytest.mark.parametrize(
    ("kind", "group", "codes"),
    [
        ("event_count", "[msgid]", ["MJ321"]),
        ("event_count", "[sender, time]", ["MJ321"]),
        ("event_count", "[sender, seq]", ["MJ321"]),
        ("event_count", "[sender]", []),
        ("temporal", "[msgid]", []),  # one message may be what all its rules are about
    ],
)
def test_a_group_of_one_message_counts_nothing(
    tmp_path: Path, kind: str, group: str, codes: list[str]
) -> None:
    text = CORRELATION.replace("[sender]", group).replace("event_count", kind)
    bases = f"{BASE_RULE}---\n"
    if kind == "temporal":
        bases += f"{BASE_RULE.replace('x01_word', 'x01_other')}---\n"
        text = text.replace("[x01_word]", "[x01_word, x01_other]")
        text = text.replace("  condition: {gte: 3}\n", "")
    assert [one for one, _ in told(tmp_path, bases + text)] == codes
