"""docs/rule-language*.md: every example works, every table names what the code knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from jobs.rule_checks import check_rules
from rules.cases import MESSAGE_KEYS
from rules.compiled import compile_timeline
from rules.condition_text import OPERATORS, QUANTIFIERS
from rules.detection_text import MODIFIERS
from rules.detectors import DETECTORS
from rules.errors import RuleError
from rules.expectations import EXPECTATION_KEYS, wanted_alerts
from rules.extension import SCOPE_KEYS
from rules.layout import formatted
from rules.lexicon_file import load_lexicon
from rules.message import DIRECTIONS, SENDER_KINDS
from rules.model import CORRELATION_TYPES
from rules.reference import KINDS
from rules.rule_shape import CASE_KEYS, CORRELATION_KEYS, LEVELS, OUR_KEYS, RESPONSES, SIGMA_KEYS
from rules.rulecases import run_case
from rules.ruleset import RuleTimeline, load_ruleset
from rules.summary import SUMMARY_WORDS
from tests.support.rule_files import CALENDAR, detection_rule, load_text

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "rule-language.zh-CN.md", DOCS / "rule-language.md"]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def examples(page: Path) -> dict[str, str]:
    """Path below my-rules -> text of every YAML block of the page."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    found = {}
    for block in blocks:
        first, _, text = block.partition("\n")
        named = re.fullmatch(r"# my-rules/(\S+)", first)
        assert named, f"a block without a file: {first}"
        found[named[1]] = text
    return found


def table(page: Path, name: str) -> list[list[str]]:
    """Rows of a marked table, cells without backticks."""
    text = page.read_text("utf-8")
    assert text.count(f"<!-- table: {name} -->\n") == 1
    block = text.split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in block.strip().splitlines()]
    return [
        [re.sub(r"^ (`?)(.*?)\1 $", r"\2", cell).replace("\\|", "|") for cell in row]
        for row in rows[2:]
    ]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pages
def test_every_example_is_in_the_form_of_rules_fmt(page: Path) -> None:
    for name, text in examples(page).items():
        if not name.startswith("lists/"):
            assert text == formatted(name, text, lexicon=name.startswith("lexicons/")), name


@pages
def test_every_example_loads_without_warning_and_its_cases_pass(page: Path, tmp_path: Path) -> None:
    files = examples(page)
    assert len(files) >= 6
    folder = written(tmp_path, files)
    found = check_rules(str(folder))
    assert found.files == sum("/" not in name for name in files)
    assert [one.en for one in (*found.errors, *found.warnings)] == []
    rules = load_ruleset(folder)
    timeline = RuleTimeline([(0, rules)])
    compiled = compile_timeline(timeline)
    for file in rules.files:
        if file.main is not None:  # a filter has no cases
            assert {wanted_alerts(case) for case in file.tests} >= {0, 1}, file.path
        for case in file.tests:
            failure = run_case(timeline, compiled, CALENDAR, file, case)
            assert failure is None, f"{file.path}: {case['name']}: {failure}"


def lexicon_keys() -> list[str]:
    with pytest.raises(RuleError) as caught:
        load_lexicon("x.yaml", "zzzzzzzz: 1\n")
    return caught.value.fix_en.removeprefix("known: ").split(", ")


TABLES: dict[str, Iterable[str]] = {
    "sigma": SIGMA_KEYS,
    "ours": OUR_KEYS,
    "correlation": CORRELATION_KEYS,
    "types": CORRELATION_TYPES,
    "modifiers": MODIFIERS,
    "detectors": DETECTORS,
    "placeholders": [f"{{{word}}}" for word in SUMMARY_WORDS],
    "case": CASE_KEYS,
    "message": MESSAGE_KEYS,
    "expectation": EXPECTATION_KEYS,
    "lexicon": lexicon_keys(),
    "scope": SCOPE_KEYS,
    "kinds": KINDS,
}


@pages
@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_what_the_code_knows(page: Path, name: str) -> None:
    assert sorted(row[0] for row in table(page, name)) == sorted(TABLES[name])


@pages
def test_words_with_few_values_are_all_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for word in (
        *LEVELS,
        *DIRECTIONS,
        *SENDER_KINDS,
        *OPERATORS,
        *(f"{q} of" for q in QUANTIFIERS),
    ):
        assert f"`{word}`" in text, word
    assert [int(n) for n in re.findall(r"^- `(\d)` ", text, re.M)] == list(RESPONSES)


@pages
def test_what_is_called_required_is_and_nothing_else(page: Path, tmp_path: Path) -> None:
    rule = yaml.safe_load(examples(page)["insider.yaml"])
    for name, section in (("sigma", rule), ("ours", rule["mingjian"])):
        for key, required, *_ in table(page, name):
            if key not in section:
                assert required not in {"是", "yes"}, key
                continue
            value = section.pop(key)
            try:
                load_text(tmp_path, yaml.safe_dump(rule, allow_unicode=True))
                assert required in {"否", "no"}, key
            except RuleError:
                assert required not in {"否", "no"}, key
            section[key] = value


@pages
def test_examples_of_modifiers_load(page: Path, tmp_path: Path) -> None:
    for modifier, _, example in table(page, "modifiers"):
        assert f"|{modifier}" in example
        load_text(tmp_path, detection_rule("t1_x", {"it": yaml.safe_load(example)}))


@pages
def test_every_mistake_is_told(page: Path, tmp_path: Path) -> None:
    rule = examples(page)["insider.yaml"]
    for wrong, right, _ in table(page, "mistakes"):
        assert right in rule, right
        folder = written(tmp_path, {"insider.yaml": rule.replace(right, wrong, 1)})
        found = check_rules(str(folder))
        assert found.errors + found.warnings, f"{wrong} is not told"


def test_both_pages_have_the_same_parts() -> None:
    shapes = []
    for page in PAGES:
        text = page.read_text("utf-8")
        shapes.append(
            (
                re.findall(r"^(#+) ", text, re.M),
                re.findall(r"<!-- table: (\w+) -->", text),
                list(examples(page)),
                re.findall(r"^mingjian .*$", text, re.M),
            )
        )
    assert shapes[0] == shapes[1]
