"""docs/checks and docs/schema are what the code makes; the schemas know right from wrong."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rules.lint.examples import FILTER, LEXICON, LIST, RULE, files
from rules.lint.registry import registry
from rules.lint.schema import schemas
from rules.ruleset import CATALOG, LEXICONS, LISTS
from scripts.make_rule_docs import CHECKS, SCHEMAS, pages
from tests.support.lint_examples import SHOWN

ROOT = Path(__file__).resolve().parents[2]
VALIDATORS = {name: jsonschema.Draft7Validator(schema) for name, schema in schemas().items()}
GUIDES = [ROOT / "docs" / "rule-language.md", ROOT / "docs" / "rule-language.zh-CN.md"]
# codes about shape that a schema can know too
OF_SHAPE = [
    "MJ101", "MJ102", "MJ103", "MJ104", "MJ105", "MJ106", "MJ107", "MJ201", "MJ202", "MJ213",
    "MJ214", "MJ217", "MJ218", "MJ238", "MJ301", "MJ302", "MJ310", "MJ335", "MJ405", "MJ407",
    "MJ409", "MJ410", "MJ501", "MJ502", "MJ506", "MJ507", "MJ509", "MJ614", "MJ713", "MJ717",
    "MJ730", "MJ732", "MJ733", "MJ734", "MJ735", "MJ736",
]  # fmt: skip


def plain(value: Any) -> Any:
    """As an editor sees a document: dates are texts."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def faults(kind: str, text: str) -> list[str]:
    """What the schema says of the documents of a file."""
    documents = [plain(one) for one in yaml.safe_load_all(text)]
    return [error.message for one in documents for error in VALIDATORS[kind].iter_errors(one)]


def test_the_pages_and_schemas_are_current() -> None:
    made = pages()
    there = {path for folder in (CHECKS, SCHEMAS) for path in folder.iterdir()}
    assert there == set(made), "run `make docs`"
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make docs`"


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(schemas()[name])


SHIPPED = [
    *(("rule", path) for path in sorted(CATALOG.glob("*.yaml"))),
    *(("lexicon", path) for path in sorted(LEXICONS.glob("*.yaml"))),
    *(("list", path) for path in sorted(LISTS.glob("*.yaml"))),
]


@pytest.mark.parametrize(
    ("kind", "path"), SHIPPED, ids=[f"{kind} {path.stem}" for kind, path in SHIPPED]
)
def test_what_ships_fits_the_schema(kind: str, path: Path) -> None:
    assert faults(kind, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_the_examples_of_the_guide_fit_the_schema(page: Path) -> None:
    blocks = re.findall(
        r"^```yaml\n# my-rules/(\S+)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S
    )
    assert blocks
    for name, text in blocks:
        kind = {"lexicons": "lexicon", "lists": "list"}.get(name.partition("/")[0], "rule")
        if not name.startswith(("calendars/", "packs/")):
            assert faults(kind, text) == [], name


@pytest.mark.parametrize(
    ("kind", "text"), [("rule", RULE), ("rule", FILTER), ("lexicon", LEXICON), ("list", LIST)]
)
def test_the_right_examples_fit_the_schema(kind: str, text: str) -> None:
    assert faults(kind, text) == []


@pytest.mark.parametrize(
    "check", [one for one in SHOWN if one.code in OF_SHAPE], ids=lambda c: c.code
)
def test_what_is_wrong_in_shape_does_not_fit_the_schema(check: Any) -> None:
    name, data = next(iter(files(check, check.bad, wrong=True).items()))
    kind = {"lexicons": "lexicon", "lists": "list"}.get(name.partition("/")[0], "rule")
    assert faults(kind, data.decode()) != []


@pytest.mark.parametrize("code", registry())
def test_a_page_shows_both_languages_and_an_example(code: str) -> None:
    text = (CHECKS / f"{code}.md").read_text(encoding="utf-8")
    check = registry()[code]
    for said in (check.en, check.zh, check.why_en, check.why_zh, check.fix_en, check.fix_zh):
        assert said in text
