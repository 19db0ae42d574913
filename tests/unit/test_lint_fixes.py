"""`check --fix` puts right what has one right form, at its place alone."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.rule_checks import PlaceOfRules, check_rules, fix_rules
from rules.calendar import load_calendar
from rules.errors import RuleError
from rules.lint.examples import LEXICON, RULE, files
from rules.lint.file_said import Surroundings, of_source
from rules.lint.fixes import FIXABLE, fix_all, fixed, region
from rules.lint.registry import registry, severity
from rules.lint.source import read
from tests.support.lint_examples import TODAY, written
from tests.support.rule_files import NAMED

AROUND = Surroundings(NAMED, load_calendar(), {}, TODAY)


def problems_of(text: str) -> list[RuleError]:
    return of_source(read("rule.yaml", text, NAMED), AROUND)


@pytest.mark.parametrize(
    ("old", "new", "right"),
    [
        ("level: high", "level：high  # 级别", "level: high  # 级别"),
        ("level: high", "level:high", "level: high"),
        ("level: high", "levle: high # 级别", "level: high # 级别"),
        ("  response: 2", "  respones: 2", "  response: 2"),
        ("text|contains", "text|contain", "text|contains"),
        ("{direction", "{dirction", "{direction"),
        ("text|contains", "text｜contains", "text|contains"),
        ('["证券法 第135条"]', '["证券法 第135条"，"刑法"]', '["证券法 第135条", "刑法"]'),
        ("status: experimental", "status: experimental  ", "status: experimental"),
        ("contains: 保本", "contains: [保本, 稳赚, 保本]", "contains: [保本, 稳赚]"),
        ("contains: 保本", 'contains: "*保本*"', 'contains: "保本"'),
        ('at: "10:00", from: zhangwei, to: c1', "at: 10:00, from: zhangwei, to: c1",
         'at: "10:00", from: zhangwei, to: c1'),
        ("date: 2026-11-22", "date: 2026/11/2", "date: 2026-11-02"),
        ("date: 2026-11-22", "date: 2026年11月2日", "date: 2026-11-02"),
        (
            "falsepositives: [转述监管要求]",
            "falsepositives:\n\t- 转述",
            "falsepositives:\n  - 转述",
        ),
        ("from: zhangwei, to: c1", "form: zhangwei, to: c1", "from: zhangwei, to: c1"),
    ],
)  # fmt: skip
def test_a_slip_is_put_right_at_its_place(old: str, new: str, right: str) -> None:
    assert old in RULE
    text, done = fix_all(RULE.replace(old, new, 1), problems_of)
    assert text == RULE.replace(old, right, 1)
    assert len(done) == 1
    assert not [one.en for one in problems_of(text) if severity(one) != "info"]


def test_words_of_a_block_list_are_taken_out_line_by_line() -> None:
    words = "\n      - 保本\n      - 稳赚  # 常见\n      - 保本\n      - 包赚"
    text = RULE.replace(" {text|contains: 保本}", f"\n    text|contains:{words}")
    better, done = fix_all(text, problems_of)
    assert better == text.replace("      - 保本\n      - 包赚", "      - 包赚")
    assert [one.code for one in done] == ["MJ246"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # two names are near: nobody knows which was meant
        ("{direction: outbound}", "{media.i: outbound}"),
        # the right key is there already
        ("level: high", "level: high\nlevle: low"),
        # one word or two: that changes what is found
        ("contains: 保本", "contains: [保本，稳赚]"),
        # blanks that belong to a text
        ("description: 员工向客户承诺保本。", "description: |\n  员工  \n  承诺"),
        # a remark would be lost
        ("contains: 保本", "contains: [保本, # 第一\n    保本]"),
        ("version: 1", "version: one"),
        ("level: high", "level: severe"),
    ],
)
def test_what_takes_a_person_is_left_alone(old: str, new: str) -> None:
    assert old in RULE
    text = RULE.replace(old, new, 1)
    assert fix_all(text, problems_of) == (text, [])


def test_a_new_id_is_a_uuid_and_the_same_each_time() -> None:
    text = re.sub("id: .*", "id: guarantee-1  # 旧编号", RULE, count=1)
    better, done = fix_all(text, problems_of)
    assert [one.code for one in done] == ["MJ601"]
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.search(f"^id: {uuid}  # 旧编号$", better, re.M)
    assert fix_all(text, problems_of)[0] == better


@pytest.mark.parametrize("code", sorted(FIXABLE))
def test_the_wrong_example_of_a_fixable_code_is_put_right(code: str, tmp_path: Path) -> None:
    check = registry()[code]
    texts = dict(files(check, check.bad, wrong=True))
    before = str(written(tmp_path / "old", {"rule.yaml": texts.pop("published/rule.yaml", b"")}))
    folder = written(tmp_path / "rules", texts)
    baseline = before if check.base == "published" else ""
    done = fix_rules(PlaceOfRules(str(folder)), baseline=baseline, today=TODAY)
    assert code in [one.code for file in done for one in file.fixes]
    found = check_rules(str(folder), baseline=baseline, today=TODAY).problems
    assert code not in [one.code for one in found]
    assert not [one.en for one in found if severity(one) == "error"]


def test_nothing_is_written_by_a_dry_run_and_lexicons_are_fixed_too(tmp_path: Path) -> None:
    text = LEXICON.replace("[回扣, 好处费]", "[回扣, 好处费, 回扣]")
    rule = RULE.replace("contains: 保本", "lexicon: own")
    written(tmp_path, {"lexicons/own.yaml": text, "rule.yaml": rule})
    (tried,) = fix_rules(PlaceOfRules(str(tmp_path)), write=False)
    assert (tmp_path / "lexicons" / "own.yaml").read_text() == text
    assert (tried.path, tried.after) == ("lexicons/own.yaml", LEXICON)
    fix_rules(PlaceOfRules(str(tmp_path)))
    assert (tmp_path / "lexicons" / "own.yaml").read_text() == LEXICON
    assert check_rules(str(tmp_path)).warnings == []


SLIPS = [
    ("level: high", "level：high"), ("level: high", "levle: high"), ("title: ", "titel: "),
    ("direction", "dirction"), ("contains", "contians"),
    ("contains: 保本", "contains: [保本, 保本]"),
    ('at: "10:00"', "at: 10:00"), ("date: 2026-11-22", "date: 2026.11.22"),
    ("version: 1", "version: 1   "), ("response: 2", "respose: 2"), ("owner: ", "owner："),
    ("contains", "contains｜all"), ("item: X-01", "item:X-01"), ("runbook", "runboook"),
]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(SLIPS), max_size=4, unique=True), st.data())
def test_fixes_make_nothing_worse_and_keep_every_remark(
    slips: list[tuple[str, str]], data: st.DataObject
) -> None:
    text = RULE
    for old, new in slips:
        text = text.replace(old, new, 1)
    lines = text.splitlines()
    for number in data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=4)):
        lines[number] += f"  # 备注{number}"
    text = "\n".join(lines) + "\n"
    before = problems_of(text)
    better, done = fix_all(text, problems_of)
    after = problems_of(better)
    errors = [sum(severity(one) == "error" for one in found) for found in (before, after)]
    assert errors[1] <= errors[0]
    assert len(after) <= len(before) or errors[1] < errors[0]
    assert re.findall("# 备注.*", better) == re.findall("# 备注.*", text)
    assert better.count("\n") == text.count("\n")
    assert (better == text) == (not done)


QUOTES = ["内部，消息", "owner：x", "level:high", "a ，b： c", "看, 看：", "2026/1/2", "保本 "]


@st.composite
def slipped_files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A rule file with slips, and texts of it in which the same signs stand and are meant."""
    text = RULE
    for old, new in draw(st.lists(st.sampled_from(SLIPS), max_size=3, unique=True)):
        text = text.replace(old, new, 1)
    words = st.one_of(
        st.sampled_from(QUOTES).map(lambda one: f'"{one}"'),
        st.sampled_from(QUOTES).map(lambda one: f"'{one}'"),
        st.sampled_from(["内幕", "稳赚", "包赚"]),
    )
    items = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    parted = items[0]
    for one in items[1:]:
        after_quote = parted[-1] in "\"'"
        parted += draw(st.sampled_from(["，", ", ", "， "] if after_quote else [", "])) + one
    text = text.replace("[转述监管要求]", f"[{parted}]")
    block = draw(st.lists(st.sampled_from([*QUOTES, "\ttab"]), min_size=1, max_size=3))
    head = draw(st.sampled_from(["|", ">-", '"']))
    lines = "".join(f"\n  {one}" for one in block)
    said = f'"{lines[3:]}"' if head == '"' else head + lines
    whole = text.replace("description: 员工向客户承诺保本。", f"description: {said}")
    return whole, [said, *(one for one in items if one[0] in "\"'")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(slipped_files())
def test_fixes_leave_texts_alone_say_how_many_and_are_done_once(
    file: tuple[str, list[str]],
) -> None:
    text, kept = file
    before = problems_of(text)
    better, done = fix_all(text, problems_of)
    after = problems_of(better)
    told, left, fixes = (Counter(one.code for one in some) for some in (before, after, done))
    gone = Counter({code: many for code, many in (told - left).items() if code in FIXABLE})
    assert gone <= fixes  # what is gone was fixed, and besides only what an error hid
    assert all(fixes[code] > told[code] for code in fixes - gone)
    assert fix_all(better, problems_of) == (better, [])
    assert [one for one in kept if one not in better] == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('["内部，消息"，内幕]', '["内部，消息", 内幕]'),
        ("['甲，乙'，'丙，丁'，\"戊\"]", "['甲，乙', '丙，丁', \"戊\"]"),
        ('["内部 ，"，"，"]', '["内部 ，", "，"]'),
        ('["a\\"，b"，c]', '["a\\"，b", c]'),
    ],
)
def test_a_comma_is_put_right_between_texts_and_not_in_them(wrong: str, right: str) -> None:
    text = RULE.replace("[转述监管要求]", wrong)
    assert fix_all(text, problems_of)[0] == RULE.replace("[转述监管要求]", right)


def test_the_changed_part_is_the_shortest() -> None:
    text = RULE.replace("level:", "levle:")
    problem = next(one for one in problems_of(text) if one.code == "MJ101")
    better = fixed(text, problem)
    assert better == RULE
    start, end, new = region(text, better)
    assert (text[start:end], new) == ("le", "el")
