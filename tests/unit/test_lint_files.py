"""`check` tells everything that is wrong, in order, at its place, and nothing that only follows."""

from __future__ import annotations

from datetime import date
from itertools import chain
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.rule_checks import check_rules
from rules.errors import MingjianError
from rules.lint.examples import BASE_RULE, CORRELATION, FILTER, LEXICON, RULE, merged
from rules.lint.registry import severity
from rules.lint.source import read
from rules.lint.words_said import MOST_SWALLOWED, of_detection
from rules.ruleset import CATALOG
from rules.yaml_nodes import nodes, value
from rules.yaml_source import load_documents
from tests.support.lint_examples import TODAY, written
from tests.support.rule_files import COUNTING, NAMED, SIMPLE


def codes(folder: Path, lowest: tuple[str, ...] = ("error", "warning")) -> list[tuple[str, str]]:
    """(path:line, code) of what is told."""
    found = check_rules(str(folder), today=TODAY).problems
    return [(f"{one.path}:{one.line}", one.code) for one in found if severity(one) in lowest]


def test_all_that_is_wrong_in_a_file_is_told_at_once_and_in_order(tmp_path: Path) -> None:
    text = SIMPLE
    for old, new in (
        ("level: high", "levle：severe"),
        ("{direction", "{dirction"),
        ("contains", "contain"),
        ("employee and words", "employee and wrods"),
        ("version: 1", 'version: "1"'),
        ("{actor}", "{acter}"),
        ('at: "10:00"', "at: 10:00"),
        ("owner: 合规部", "owner: [合规部]"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    written(tmp_path, {"rule.yaml": text})
    assert codes(tmp_path) == [
        ("rule.yaml:6", "MJ213"),
        ("rule.yaml:7", "MJ214"),
        ("rule.yaml:8", "MJ212"),
        ("rule.yaml:9", "MJ101"),
        ("rule.yaml:9", "MJ105"),
        ("rule.yaml:9", "MJ011"),
        ("rule.yaml:11", "MJ102"),
        ("rule.yaml:14", "MJ102"),
        ("rule.yaml:16", "MJ108"),
        ("rule.yaml:19", "MJ507"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # the mistyped key is not missing besides
        ("level: high", "levle: high", ["MJ101"]),
        # a selection that cannot be read is used all the same, and may hold
        ("{text|contains: 保本}", "{txt: 保本}", ["MJ213"]),
        ("words:", "词:", ["MJ202"]),
        ("condition: words and outbound", "condition: words und outbound", ["MJ206"]),
        ("condition: words and outbound", "condition: [1, 2]", ["MJ201"]),
        ("mingjian:\n", "mingjian: 5\nx_mingjian:\n", ["MJ101", "MJ102"]),
        ("detection:\n", "detection: [a]\nx_detection:\n", ["MJ101", "MJ102"]),
        ("level: high", "level: high\nlevel: low\nstatus: test", ["MJ014", "MJ014"]),
        ("  tests:\n", "  tests: none\nxtests:\n", ["MJ101", "MJ102"]),
    ],
)
def test_what_only_follows_is_not_told(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert old in RULE
    written(tmp_path, {"rule.yaml": RULE.replace(old, new, 1)})
    assert sorted(code for _, code in codes(tmp_path)) == told


def test_a_broken_file_hides_no_other_and_a_broken_document_no_other(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "a.yaml": "title: [\n",
            "b.yaml": RULE.replace("level: high", "level: severe"),
            "c.yaml": "- a\n",
            "d.yaml": "name: [\n---\n" + COUNTING.replace("level: high", "level: severe"),
            "lexicons/own.yaml": LEXICON.replace("回扣, 好处费", "回扣, 5, 回扣, ''"),
            "lexicons/other.yaml": "name: [\n",
        },
    )
    assert codes(tmp_path, ("error",)) == [
        ("a.yaml:2", "MJ004"),
        ("b.yaml:11", "MJ105"),
        ("c.yaml:1", "MJ020"),
        ("d.yaml:2", "MJ004"),
        ("d.yaml:18", "MJ105"),
        ("lexicons/other.yaml:2", "MJ004"),
        ("lexicons/own.yaml:6", "MJ410"),
        ("lexicons/own.yaml:6", "MJ412"),
        ("lexicons/own.yaml:6", "MJ411"),
    ]


def test_a_rule_that_names_a_broken_lexicon_is_not_blamed(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "rule.yaml": RULE.replace("text|contains: 保本", "text|lexicon: own"),
            "lexicons/own.yaml": LEXICON.replace("title: 自有词库\n", ""),
        },
    )
    assert codes(tmp_path, ("error",)) == [("lexicons/own.yaml:1", "MJ402")]


def test_names_and_references_between_files_have_their_places(tmp_path: Path) -> None:
    other = merged(RULE, "id: 1f0d4a52-2c39-4e0b-9d8e-1f3b7c5a9e11\ntitle: 另一条\n")
    written(
        tmp_path,
        {
            "a.yaml": RULE,
            "b.yaml": other,
            "c.yaml": COUNTING.replace("rules: [t2_base]", "rules: [t2_bsae]"),
        },
    )
    found = {one.code: one for one in check_rules(str(tmp_path)).errors}
    assert sorted(found) == ["MJ112", "MJ312"]
    assert "taken by a.yaml:3" in found["MJ112"].en
    assert (found["MJ112"].path, found["MJ112"].line) == ("b.yaml", 3)
    assert (found["MJ312"].path, found["MJ312"].line) == ("c.yaml", 12)
    assert "t2_base" in found["MJ312"].fix_en


def test_ids_that_differ_in_the_case_of_letters_are_one(tmp_path: Path) -> None:
    other = RULE.replace("x01_guarantee", "x02_other").replace("title: 承", "title: 再承")
    other = other.replace("3d34a454", "3D34A454")
    written(tmp_path, {"a.yaml": RULE, "b.yaml": other})
    assert codes(tmp_path, ("error",)) == [("b.yaml:2", "MJ113")]


@pytest.mark.parametrize("condition", ["not " * 150 + "words", "(" * 150 + "words" + ")" * 150])
def test_a_condition_that_is_nested_too_deeply_has_the_code_of_it(
    tmp_path: Path, condition: str
) -> None:
    written(tmp_path, {"rule.yaml": RULE.replace("words and", f"{condition} and")})
    assert codes(tmp_path) == [("rule.yaml:10", "MJ015")]


@pytest.mark.parametrize(
    ("pack", "code"),
    [
        (b"name: own\nrule: [x01_*]\n", "MJ101"),
        (b"name: other\ntitle: {en: a, zh: b}\nrules: [x01_*]\n", "MJ740"),
        (b"", "MJ740"),
        (b"name: [own\n", "MJ004"),
        ("name: 自".encode("gbk"), "MJ017"),
    ],
)
def test_packs_beside_the_rules_are_checked(tmp_path: Path, pack: bytes, code: str) -> None:
    written(tmp_path, {"rule.yaml": RULE.encode(), "packs/own.yaml": pack})
    found = check_rules(str(tmp_path)).errors
    assert {one.path for one in found} == {"packs/own.yaml"}
    assert code in [one.code for one in found]
    assert all(one.line for one in found)


def test_the_ending_of_a_name_may_be_in_capitals(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "good.yaml": RULE,
            "rule.YAML": "title: x\n",
            "lexicons/one.YML": "name: one\n",
            "lists/two.Yaml": "name: other\n",
            "packs/three.YML": "name: other\n",
            "calendars/cn.YML": "hours: 9\n",
        },
    )
    assert sorted({one.path for one in check_rules(str(tmp_path)).errors}) == [
        "calendars/cn.YML",
        "lexicons/one.YML",
        "lists/two.Yaml",
        "packs/three.YML",
        "rule.YAML",
    ]


STAFF_LIST = """\
name: people
title: 员工
owner: 人力资源部
kind: staff
entries: {zhangwei: {department: 财富管理部/一组, role: agent}}
"""


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("{types: [txt]}", [("MJ742", "did you mean 'text'?")]),
        ("{types: [text, customer_added]}", []),
        ("{departments: [财富管理]}", [("MJ743", "did you mean '财富管理部'?")]),
        ("{departments: [财富管理部, 财富管理部/一组]}", []),
        ("{except_roles: [agnet]}", [("MJ743", "did you mean 'agent'?")]),
        ("{customer_segments: [vip]}", []),  # no list says anything of customers
    ],
)
def test_values_of_a_scope_that_nothing_has_are_told(
    tmp_path: Path, scope: str, told: list[tuple[str, str]]
) -> None:
    rule = RULE.replace("  version: 1\n", f"  version: 1\n  scope: {scope}\n")
    written(tmp_path, {"rule.yaml": rule, "lists/people.yaml": STAFF_LIST})
    found = check_rules(str(tmp_path)).warnings
    assert [(one.code, one.fix_en) for one in found] == told
    assert all(one.line == 15 for one in found)


# --- remarks


def of_words(folder: Path, words: list[str]) -> list[str]:
    """The English sentences of MJ247 about a rule that asks for these words."""
    listed = f"[{', '.join(words)}]"
    written(folder, {"rule.yaml": RULE.replace("contains: 保本", f"contains: {listed}")})
    return [one.said_en for one in check_rules(str(folder)).warnings if one.code == "MJ247"]


def test_words_within_words_name_the_first_in_the_list(tmp_path: Path) -> None:
    told = of_words(tmp_path, ["承诺保本收益", "收益高", "保本", "本收", "收益高"])
    assert told == ["'承诺保本收益' adds nothing: '保本' of the same list is in it"]


def test_a_long_list_of_words_within_words_is_told_of_in_part(tmp_path: Path) -> None:
    words = ["保本", *(f"保本{number}号" for number in range(4_000, 9_000))]
    assert len(of_words(tmp_path, words)) == MOST_SWALLOWED


@given(st.lists(st.text("保本息", min_size=1, max_size=6), min_size=1, max_size=12, unique=True))
def test_a_word_is_told_of_exactly_when_another_of_the_list_is_in_it(words: list[str]) -> None:
    document = load_documents(
        "rule.yaml",
        f"detection: {{words: {{text|contains: [{', '.join(words)}]}}, condition: words}}",
    )[0]
    told = [one.at[-1] for one in of_detection(document) if one.code == "MJ247"]
    within = [
        str(number)
        for number, word in enumerate(words)
        if any(other != word and other in word for other in words)
    ]
    assert told == within


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("  words: {text|contains: 保}", ["MJ250"]),
        ("  words: {text|contains: 保}  # mingjian: ignore MJ250 产品名", []),
        ("  # mingjian: ignore MJ250 产品名\n  words: {text|contains: 保}", []),
        (
            "  # mingjian: ignore-file MJ250, MJ313 产品名\n\n  words: {text|contains: 保}",
            ["MJ622"],
        ),
        ("  words: {text|contains: 保}  # mingjian: ignore MJ250", ["MJ621"]),
        ("  # mingjian: ignore MJ250 产品名\n\n  words: {text|contains: 保}", ["MJ250", "MJ622"]),
        ("  words: {text|contains: 保}  # mingjian: ignore MJ246 产品名", ["MJ250", "MJ622"]),
        ("  words: {txt: 保}  # mingjian: ignore MJ213 产品名", ["MJ213", "MJ623"]),
        ("  words: {text|contains: 保本} # mingjian: ignroe MJ250 产品名", ["MJ619"]),
    ],
)
def test_a_warning_is_ignored_with_a_reason(tmp_path: Path, line: str, told: list[str]) -> None:
    written(tmp_path, {"rule.yaml": RULE.replace("  words: {text|contains: 保本}", line)})
    assert sorted(code for _, code in codes(tmp_path)) == told


# --- the published rules


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("保本}", "稳赚}", ["MJ624"]),
        ("title: 承诺保本", "title: 保本承诺", []),
        ("level: high", "level: low", []),
    ],
)
def test_the_version_is_raised_when_a_rule_judges_otherwise(
    tmp_path: Path, old: str, new: str, told: list[str]
) -> None:
    published = written(tmp_path / "published", {"rule.yaml": RULE})
    here = written(tmp_path / "rules", {"rule.yaml": RULE.replace(old, new, 1)})
    found = check_rules(str(here), baseline=str(published)).warnings
    assert [one.code for one in found] == told
    written(here, {"rule.yaml": RULE.replace(old, new, 1).replace("version: 1", "version: 2")})
    assert check_rules(str(here), baseline=str(published)).warnings == []


def test_dates_are_compared_with_the_day_that_is_given(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "rule.yaml": RULE.replace("contains: 保本", "lexicon: own"),
            "lexicons/own.yaml": LEXICON.replace("expires: null", "expires: 2026-11-25"),
        },
    )
    place = str(tmp_path)
    assert [one.code for one in check_rules(place, today=date(2026, 11, 25)).warnings] == ["MJ420"]
    late = check_rules(place, today=date(2026, 11, 26)).warnings
    assert [one.code for one in late] == ["MJ413"]
    assert check_rules(place).warnings == []


# --- bad input


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    written(tmp_path, {"rule.yaml": RULE, "large.yaml": "x: " + "保" * 4_000_000})
    assert codes(tmp_path) == [("large.yaml:1", "MJ019")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n", "MJ009"),
        ("a: &a {b: *a}\n", "MJ009"),
        ("[" * 100_000, "MJ015"),
        ("{" * 100_000, "MJ015"),
        ("- " * 40_000, "MJ015"),
        ("? " * 50_000, "MJ015"),
        ("title: !!python/object/apply:os.system [ls]\n", "MJ010"),
    ],
)
def test_bombs_are_refused(tmp_path: Path, text: str, code: str) -> None:
    written(tmp_path, {"rule.yaml": text})
    assert [one for _, one in codes(tmp_path)] == [code]


SHIPPED = sorted(path.read_text(encoding="utf-8") for path in CATALOG.glob("*.yaml"))
PIECES = st.sampled_from(
    [
        "：", ":", "\t", "，", "[", "]", "{", "}", "'", '"', "- ", "---\n", "\n", "&a ", "*a",
        "null", "5", "true", "2026-13-45", "\u200b", "#", "|", "not ", "and ", "1 of x*", "!x ",
        "# mingjian: ignore MJ250", "10:00", "\x01", "\\", "%", "@", "filter:\n", "correlation:\n",
    ]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A shipped rule with pieces put in, taken out and swapped."""
    text = draw(st.sampled_from(SHIPPED))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 12))
        text = text[:at] + draw(PIECES | st.just("")) + text[at + length :]
    return text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_any_change_to_a_shipped_rule_is_told_without_a_crash(text: str) -> None:
    source = read("rule.yaml", text, NAMED)
    assert (source.loaded is None) == bool(source.problems)
    for one in source.problems:
        assert one.code.startswith("MJ")
        assert one.said_en
        assert one.said_zh
        assert one.line > 0


def places(node: yaml.Node) -> list[tuple[str, int, int]]:
    """(kind, first character, first behind) of a node and all below it."""
    inner = []
    if isinstance(node, yaml.CollectionNode):
        parts = [*chain.from_iterable(node.value)] if node.id == "mapping" else node.value
        inner = [place for part in parts for place in places(part)]
    return [(node.id, node.start_mark.index, node.end_mark.index), *inner]


@settings(max_examples=40, deadline=None)
@given(mutated())
def test_both_readers_of_yaml_agree(text: str) -> None:
    """What libyaml reads, PyYAML reads alike, at the same places; it is some ten times as slow."""
    try:
        quick = nodes(text)
        plain = [one for one in yaml.compose_all(text, yaml.SafeLoader) if one]
    except yaml.YAMLError:
        return
    for one, other in zip(plain, quick, strict=True):
        assert places(other) == places(one)
        try:
            expected = value(one)
        except (yaml.YAMLError, ValueError, TypeError):
            continue
        assert repr(value(other)) == repr(expected)


@pytest.mark.parametrize(
    ("text", "read"),
    [("a: |\n  \tb\nc: d\n", {"a": "\tb\n", "c": "d"}), ("{a: [b:]}\n", {"a": [{"b": None}]})],
)
def test_what_only_one_reader_of_yaml_takes_is_taken(text: str, read: object) -> None:
    (document,) = load_documents("x.yaml", text)
    assert document.value == read


def test_a_place_that_is_none_is_said() -> None:
    with pytest.raises(MingjianError, match="no rule directory or file"):
        check_rules("no-such-place")


def test_the_correlation_of_the_examples_is_without_fault(tmp_path: Path) -> None:
    base = "name: x01_word\ndetection: {words: {text|contains: 内幕}, condition: words}\n"
    text = base + "mingjian: {signal: true}\n---\n" + CORRELATION
    written(tmp_path, {"rule.yaml": text, "other.yaml": RULE})
    assert codes(tmp_path, ("error", "warning", "info")) == []


def test_the_catalogue_gives_no_warning() -> None:
    found = check_rules("", today=TODAY)
    assert [one.en for one in (*found.errors, *found.warnings)] == []


def test_a_single_filter_is_checked_with_the_rules_beside_it(tmp_path: Path) -> None:
    written(tmp_path, {"filter.yaml": FILTER, "rule.yaml": RULE})
    assert check_rules(str(tmp_path / "filter.yaml"), today=TODAY).problems == []
    written(tmp_path, {"filter.yaml": FILTER.replace("x01_guarantee", "x01_garantee")})
    (found,) = check_rules(str(tmp_path / "filter.yaml"), today=TODAY).errors
    assert (found.code, found.fix_en) == ("MJ737", "did you mean 'x01_guarantee'?")
    (tmp_path / "rule.yaml").unlink()
    (found,) = check_rules(str(tmp_path / "filter.yaml"), today=TODAY).errors
    assert found.fix_en == "there is none at all"


def test_a_mistyped_key_of_a_correlation_is_not_missing_besides(tmp_path: Path) -> None:
    text = BASE_RULE + "---\n" + CORRELATION.replace("group-by", "group_by")
    written(tmp_path, {"rule.yaml": text})
    assert [code for _, code in codes(tmp_path)] == ["MJ101"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("保本 或 稳赚", ["MJ249"]),
        ("[保本 and 稳赚, 内幕]", ["MJ249"]),
        ('"保本 或 稳赚"', []),
        ("保本 and return", []),
        ("保本和稳赚", []),
    ],
)
def test_a_word_that_joins_words_is_looked_for_as_it_stands(
    tmp_path: Path, words: str, told: list[str]
) -> None:
    written(tmp_path, {"rule.yaml": RULE.replace("contains: 保本", f"contains: {words}")})
    assert [code for _, code in codes(tmp_path) if code == "MJ249"] == told
