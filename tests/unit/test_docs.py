"""The documentation says what is there: commands, settings, targets, links, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from config import settings
from config.access import Person
from config.stamps import Authority
from scripts.make_cli_docs import PAGE, commands, page, root_command
from tests.unit.test_layers import MAY_IMPORT

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
)
COMMANDS = list(commands(root_command()))
HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN_WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---- the command line ----


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_explains_itself_in_both_languages(
    name: str, command: Any
) -> None:
    assert HAN.search(command.help or ""), f"{name} has no Chinese help"
    assert LATIN_WORDS.search(command.help or ""), f"{name} has no English help"
    silent = [one.name for one in command.params if one.name != "help" and not one.help]
    assert silent == [], f"{name}: options without help"


def test_the_page_of_the_command_line_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_command_line_in_the_documentation_exists() -> None:
    known = {name for name, _ in COMMANDS}
    wrong = []
    for path in PAGES:
        for line in blocks_of_code(path.read_text(encoding="utf-8")):
            found = re.match(r"\s*(?:\.venv/bin/)?(mingjian(?!:)(?: [a-z-]+)*)", line)
            if found:
                words = found[1].split()
                if not any(" ".join(words[:n]) in known for n in range(2, len(words) + 1)):
                    wrong.append(f"{relative(path)}: {line.strip()}")
    assert wrong == []


def blocks_of_code(text: str) -> Iterator[str]:
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S):
        yield from block.splitlines()


# ---- settings ----


def keys(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from keys(field.type, f"{prefix}{field.name}.")
        elif field.name == "targets":
            yield from keys(settings.Target, "targets[].")
        elif field.name == "channels":
            yield from keys(settings.Channel, "channels[].")
        elif field.name == "people":
            yield from keys(Person, f"{prefix}people[].")
        elif field.name == "authorities":
            yield from keys(Authority, f"{prefix}authorities[].")
        else:
            yield prefix + field.name, field.default


def documented_keys() -> dict[str, tuple[str, str]]:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9_.\[\]]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", text, re.M)
    return {key: (default.strip(), meaning.strip()) for key, default, meaning in rows}


def test_every_setting_is_documented_with_its_default_and_nothing_else_is() -> None:
    shown = {key: default.strip("`") for key, (default, _) in documented_keys().items()}
    real = {
        key: "–"
        if default is msgspec.NODEFAULT
        else '""'
        if default == ""
        else str(default).lower()
        if isinstance(default, bool)
        else str(default)
        for key, default in keys(settings.Settings)
    }
    assert shown == real


def test_every_variable_the_product_reads_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            for name in re.findall(r"environ\S*\(?\[?\"(MINGJIAN_\w+)\"", path.read_text("utf-8")):
                assert f"`{name}`" in text, f"{relative(path)} reads {name}"


# ---- make ----


def test_every_make_target_that_is_mentioned_exists_and_is_listed_by_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([a-z-]+):.*## .+ · .+$", makefile, re.M))
    assert {"setup", "demo", "test", "check", "bench", "stack", "stack-down"} <= listed
    phony = re.search(r"^\.PHONY: (.*?)(?<!\\)\n", makefile, re.M | re.S)
    assert phony
    assert listed <= set(phony[1].replace("\\", " ").split())
    for path in [*PAGES, ROOT / "docker-compose.yml", *(ROOT / "scripts").iterdir()]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M):
                assert target in listed, f"{relative(path)} names `make {target}`"


# ---- links, decisions, words ----


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_between_pages_and_to_pictures_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{relative(path)} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{relative(path)} links to {target}"


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_files_that_a_page_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    ours = "|".join([*MAY_IMPORT, "tests", "scripts", "deploy", "docs"])
    for name in re.findall(rf"`((?:{ours})/[\w./-]*)`", text):
        assert (ROOT / name).exists(), f"{relative(path)} names {name}"


def test_decisions_are_numbered_without_gaps_and_complete() -> None:
    files = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [file.name[:4] for file in files] == [f"{n:04d}" for n in range(1, len(files) + 1)]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {file.name[:4]}. ")
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, f"{file.name} lacks {heading}"


def test_the_glossary_has_each_term_once_in_both_languages() -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.M)
    terms = [row for row in rows if row[0] not in {"English", "---"}]
    assert len(terms) >= 50
    assert [english for english, chinese, _ in terms if not HAN.search(chinese)] == []
    names = [english for english, _, _ in terms]
    assert len(names) == len(set(names))


def test_both_readmes_have_the_same_parts() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh-CN.md"
    shapes = []
    for path in (english, chinese):
        text = path.read_text(encoding="utf-8")
        shapes.append(
            (
                re.findall(r"^(#+) ", text, re.M),
                re.findall(r"^```(\w*)$", text, re.M),
                [line for line in blocks_of_code(text) if line.startswith("make ")],
                # a page or picture that exists in Chinese too counts as the same one
                sorted(
                    {
                        link.replace(".zh-CN.", ".")
                        for link in re.findall(r"\]\((docs/[^)]+)\)", text)
                    }
                ),
            )
        )
    assert shapes[0] == shapes[1]
    assert "README.zh-CN.md" in english.read_text(encoding="utf-8")
    assert "README.md" in chinese.read_text(encoding="utf-8")


def test_yaml_files_parse() -> None:
    for path in [*ROOT.glob("*.y*ml"), *ROOT.glob(".*.yaml"), *(ROOT / "deploy").rglob("*.y*ml")]:
        list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
