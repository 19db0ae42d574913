"""Files that are meant to do harm, or broken by accident: told with a place, and nothing loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bad_inputs import INPUTS, BadInput, written
from jobs.rule_checks import check_rules
from jobs.usable_rules import load_usable
from rules.errors import MingjianError, RuleError
from rules.lexicon_file import load_lexicon
from rules.lint.bounds import MAX_ADVICE, rounds
from rules.lint.examples import CALENDAR, FILTER, LEXICON, LIST, PACK, RULE, STAFF
from rules.packs import load_packs
from rules.problems import MAX_TOLD
from rules.reference_file import load_list
from rules.ruleset import load_ruleset
from tests.support.lint_examples import TODAY
from tests.support.lint_examples import written as folder_with

BAD = [one for one in INPUTS if one.code]
HARMLESS = [one for one in INPUTS if not one.code]
USES = RULE.replace("contains: 保本", "lexicon: own")


def named(one: BadInput) -> str:
    return f"{one.path.partition('/')[0]}: {one.name}"


def load(folder: Path) -> None:
    """All that a job reads."""
    load_ruleset(folder)
    load_packs(folder / "packs")


def told(folder: Path) -> list[tuple[str, str]]:
    return [
        (f"{one.path}:{one.line}:{one.column}", one.code)
        for one in check_rules(str(folder), today=TODAY).errors
    ]


@pytest.mark.parametrize("one", BAD, ids=named)
def test_bad_input_is_told_at_its_place_and_nothing_is_loaded(
    tmp_path: Path, one: BadInput
) -> None:
    folder = written(tmp_path, one)
    found = check_rules(str(folder), today=TODAY)
    first = next(problem for problem in found.errors if problem.path == one.path)
    assert (first.code, first.line, first.column) == (one.code, one.line, one.column)
    assert {problem.path for problem in found.errors} == {one.path}
    assert len(found.errors) <= MAX_TOLD
    for problem in found.problems:
        assert len(problem.en) + len(problem.zh) + len(problem.fix_en) + len(problem.fix_zh) < 5000
        assert problem.line > 0
        assert problem.column > 0
    with pytest.raises(RuleError) as refused:
        load(folder)
    assert Path(refused.value.path).name == Path(one.path).name
    assert refused.value.code
    assert refused.value.line > 0
    assert refused.value.column > 0


@pytest.mark.parametrize("one", HARMLESS, ids=named)
def test_what_looks_like_harm_and_is_none_loads(tmp_path: Path, one: BadInput) -> None:
    folder = written(tmp_path, one)
    assert check_rules(str(folder), today=TODAY).errors == []
    load(folder)


def test_so_many_errors_of_a_file_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    rule = RULE + "".join(f"k{n}: 1\n" for n in range(30))
    words = LEXICON.partition("words:")[0] + "words:\n" + "- 5\n" * 30
    values = LIST.partition("values:")[0] + "values:\n" + "- 5\n" * 30
    folder = folder_with(
        tmp_path, {"rule.yaml": rule, "lexicons/own.yaml": words, "lists/own.yaml": values}
    )
    found = check_rules(str(folder), today=TODAY)
    for path in ("rule.yaml", "lexicons/own.yaml", "lists/own.yaml"):
        of_file = [one for one in found.problems if one.path == path]
        errors = [one for one in of_file if one.code != "MJ025"]
        (more,) = [one for one in of_file if one.code == "MJ025"]
        assert len(errors) == MAX_TOLD
        assert more.line == errors[-1].line
        assert "may be more" in more.en


def test_advice_about_a_file_ends_somewhere(tmp_path: Path) -> None:
    lines = "# mingjian: ignore MJ250 for no reason at all\n" * (MAX_ADVICE + 50)
    folder = folder_with(tmp_path, {"rule.yaml": RULE + lines})
    found = check_rules(str(folder), today=TODAY)
    assert len(found.warnings) == MAX_ADVICE + 1
    (less,) = [one for one in found.warnings if one.code == "MJ025"]
    assert f"{MAX_ADVICE} of {MAX_ADVICE + 50} " in less.en


def test_a_rule_of_a_size_that_people_write_is_looked_through_to_the_bound() -> None:
    assert rounds(RULE) == MAX_TOLD
    assert 1 < rounds("x" * 100_000) < MAX_TOLD


# --- all errors of a list, and none that only follow from it


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "lexicons/own.yaml",
            "name: other\ntitle: 5\nexpires: soon\n"
            "words: [回扣, 5, 回扣, '', {word: 内幕, pinyn: true},"
            " {word: 甲, pinyin: true}, {word: 乙, boundary: 1}]\n"
            "allow: x\nsynonyms: [x]\nscenes: {a: 1}\n",
            [
                "1:1 MJ402", "1:1 MJ404", "2:1 MJ403", "3:1 MJ405", "4:13 MJ410", "4:16 MJ412",
                "4:20 MJ411", "4:35 MJ101", "4:59 MJ408", "4:84 MJ407", "5:1 MJ409", "6:1 MJ713",
                "7:10 MJ419",
            ],
        ),
        (
            "lists/own.yaml",
            "name: own\ntitle: 5\nkind: number\nvalue: 1\nexpires: soon\n"
            "values: [5, '', '6', [7]]\n",
            [
                "1:1 MJ715", "2:1 MJ715", "4:1 MJ101", "5:1 MJ716", "6:10 MJ720", "6:13 MJ720",
                "6:22 MJ720",
            ],
        ),
        (
            "lists/own.yaml",
            STAFF.replace("{}", "{a: {rol: x, role: 5}, b: 5, c: {name: x}}"),
            ["5:15 MJ101", "5:23 MJ723", "5:33 MJ722"],
        ),
        (
            "lists/own.yaml",
            LIST.partition("kind:")[0] + "kind: period\nvalues: [5, {from: 2026-03-02,"
            " to: 2026-03-01}, {form: 2026-03-01}]\n",
            ["6:10 MJ724", "6:13 MJ725", "6:49 MJ724", "6:50 MJ101"],
        ),
        (
            "calendars/cn.yaml",
            CALENDAR.replace("Asia/Shanghai", "Asia/Nowhere").replace('"18:00"', '"08:00"')
            + "known: 5\nholidays: {x: y, 2026-10-01: z}\n"
            "departments: {a: 5, b: {hour: 1}, 5: {}}\n",
            [
                "1:1 MJ421", "2:1 MJ422", "4:1 MJ425", "5:12 MJ424", "6:15 MJ425", "6:25 MJ101",
                "6:35 MJ425",
            ],
        ),
        (
            "packs/own.yaml",
            PACK.replace("name: own", "name: other").replace("[x01_*]", "[5]") + "x: 1\n",
            ["1:1 MJ740", "4:1 MJ740", "5:1 MJ101"],
        ),
    ],
    ids=["lexicon", "list", "staff", "periods", "calendar", "pack"],
)  # fmt: skip
def test_everything_wrong_in_a_list_is_told_at_once(
    tmp_path: Path, path: str, text: str, expected: list[str]
) -> None:
    folder = folder_with(tmp_path, {"rule.yaml": RULE, path: text})
    assert told(folder) == [
        (f"{path}:{one.partition(' ')[0]}", one.partition(" ")[2]) for one in expected
    ]


@pytest.mark.parametrize(
    ("path", "text", "asks"),
    [
        ("lexicons/own.yaml", "name: [own\n", "text|lexicon: own"),
        ("lexicons/own.yaml", LEXICON.replace("回扣", "5"), 'text|lexicon: "own, scene retail"'),
        ("lexicons/own.yaml", "name: [own\n", 'text|detect: "bank_card, except own"'),
        ("lists/own.yaml", LIST.replace('["', "[").replace('"]', "]"), "link.url|in_list: own"),
        ("lists/own.yaml", "name: [own\n", "time|in_period: own"),
        ("lists/own.yaml", LIST + "x: 1\n", 'text|detect: "bank_card, except own"'),
    ],
)
def test_a_broken_list_makes_no_rule_wrong_and_no_other_list(
    tmp_path: Path, path: str, text: str, asks: str
) -> None:
    folder = folder_with(
        tmp_path,
        {
            "rule.yaml": RULE.replace("text|contains: 保本", asks),
            "other.yaml": RULE.replace("x01_guarantee", "x01_other")
            .replace("3d34a454", "3d34a455")
            .replace("text|contains: 保本", "text|lexicon: good"),
            "lexicons/good.yaml": LEXICON.replace("name: own", "name: good"),
            "lists/good.yaml": LIST.replace("name: own", "name: good"),
            path: text,
        },
    )
    assert {place.partition(":")[0] for place, _ in told(folder)} == {path}


def test_cases_may_add_to_a_list_whose_file_is_broken(tmp_path: Path) -> None:
    case = "alerts: 1\n      lists: {own: {zhangwei: {role: x}}}"
    folder = folder_with(
        tmp_path,
        {"rule.yaml": RULE.replace("alerts: 1", case), "lists/own.yaml": STAFF + "x: 1\n"},
    )
    assert told(folder) == [("lists/own.yaml:6:1", "MJ101")]


# --- the beginning of a large list


BIG = LEXICON.partition("words:")[0] + "words:\n" + "".join(f"- 保w{n}\n" for n in range(12_000))


def test_a_large_list_that_is_right_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(BIG, encoding="utf-8")
    assert len(load_lexicon(tmp_path / "own.yaml").words) == 12_000


def test_one_error_at_the_end_of_a_large_list_is_found(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"rule.yaml": RULE, "lexicons/own.yaml": BIG + "- 5\n"})
    assert told(folder) == [("lexicons/own.yaml:12007:3", "MJ410")]


def test_what_stands_behind_the_beginning_of_a_large_list_is_not_missed(tmp_path: Path) -> None:
    head, _, values = BIG.partition("words:\n")
    late = values.replace("- ", "  - ")
    (tmp_path / "own.yaml").write_text(f"words:\n{late}{head}", encoding="utf-8")
    assert load_lexicon(tmp_path / "own.yaml").title == "自有词库"
    periods = "values:\n" + "- {from: 2026-03-01, to: 2026-03-02}\n" * 4_000
    (tmp_path / "own.yaml").write_text(
        periods + LIST.partition("kind:")[0] + "kind: period\n", encoding="utf-8"
    )
    assert len(load_list(tmp_path / "own.yaml").periods) == 4_000


def test_a_list_of_two_documents_is_not_loaded_by_half(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"rule.yaml": RULE, "lists/own.yaml": LIST + "---\n" + LIST})
    assert told(folder) == [("lists/own.yaml:8:1", "MJ401")]
    with pytest.raises(RuleError, match="one document"):
        load_ruleset(folder)


# --- what can be used beside broken files


SECOND = RULE.replace("x01_guarantee", "x01_second").replace("3d34a454", "3d34a455")

WORDS = SECOND.replace("contains: 保本", "lexicon: own")
PERIOD = SECOND.replace("text|contains: 保本", "time|in_period: own")
OF_BOTH = FILTER.replace("x01_guarantee", "x01_guarantee, x01_second")


def usable(folder: Path, *, judged: bool = True) -> tuple[set[str], list[str]]:
    """(names of rules, names of files that are left out)."""
    found = load_usable(str(folder), judged=judged)
    return set(found.ruleset.detections), [Path(one).name for one in found.left_out]


@pytest.mark.parametrize(
    ("files", "rules", "left_out"),
    [
        ({"b.yaml": "title: [\n"}, set(), ["b.yaml"]),
        ({"b.yaml": SECOND.replace("level", "levle")}, set(), ["b.yaml"]),
        ({"b.yaml": SECOND, "lists/own.yaml": "x"}, {"x01_second"}, ["own.yaml"]),
        ({"b.yaml": SECOND, "lexicons/own.yaml": "x"}, {"x01_second"}, ["own.yaml"]),
        ({"b.yaml": WORDS, "lexicons/own.yaml": "x"}, set(), ["own.yaml", "b.yaml"]),
        ({"b.yaml": PERIOD, "lists/own.yaml": "x"}, set(), ["own.yaml", "b.yaml"]),
        ({"b.yaml": SECOND.replace("x01_second", "x01_guarantee")}, set(), ["b.yaml"]),
        ({"b.yaml": SECOND, "calendars/cn.yaml": "x"}, {"x01_second"}, ["cn.yaml"]),
        ({"b.yaml": OF_BOTH, "c.yaml": "x"}, set(), ["c.yaml"]),
    ],
)  # fmt: skip
def test_what_is_right_is_used_beside_what_is_broken(
    tmp_path: Path, files: dict[str, str], rules: set[str], left_out: list[str]
) -> None:
    folder = folder_with(tmp_path, {"a.yaml": RULE, **files})
    assert usable(folder) == ({"x01_guarantee", *rules}, left_out)
    with pytest.raises(MingjianError):
        load_ruleset(folder)


def test_a_rule_that_names_a_broken_lexicon_can_be_shown(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {"a.yaml": USES, "lexicons/own.yaml": "x"})
    assert usable(folder, judged=False) == ({"x01_guarantee"}, ["own.yaml"])
    with pytest.raises(RuleError, match=r"own\.yaml"):
        load_usable(str(folder))


def test_one_file_is_left_alone_by_broken_files_that_do_not_concern_it(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path, {"a.yaml": RULE, "b.yaml": "x", "c.yaml": "filter: x\n", "lists/own.yaml": "x"}
    )
    assert usable(folder / "a.yaml") == ({"x01_guarantee"}, ["own.yaml", "c.yaml"])
    with pytest.raises(RuleError, match=r"b\.yaml"):
        load_usable(str(folder / "b.yaml"))
