"""Ordinary talk stays silent; violations of A01, A02, A10 in words of no list are found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rules.cases import record
from rules.decode import Decoder
from rules.items import ALERT, unpack
from rules.matcher import Matcher
from rules.ruleset import RuleTimeline, load_ruleset
from tests.support.rule_files import CALENDAR

TALK = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "catalogue_talk.yaml").read_text(encoding="utf-8")
)
PARTIES = {"E": ("zhangwei", "c1"), "C": ("c1", "zhangwei"), "I": ("zhangwei", "lina")}
CLASSES = ("a01", "a02", "a10")


@pytest.fixture(scope="module")
def hits() -> Callable[[str], dict[str, int]]:
    """Name and response of every rule that judges one line of talk as a violation."""
    ruleset = load_ruleset()
    matcher = Matcher(RuleTimeline([(0, ruleset)]), Decoder("demo"), CALENDAR)
    responses = {rule.ref.name: rule.ref.response for rule in ruleset.detections.values()}
    lines = iter(range(1, 10_000))

    def found(line: str) -> dict[str, int]:
        speaker, text = line.split(" ", 1)
        sender, to = PARTIES[speaker]
        number = next(lines)
        raw = record({"at": "10:00", "from": sender, "to": to, "text": text}, f"t{number}", number)
        items = [unpack(item) for item in matcher.match(raw, "memory", 0, number) or ()]
        return {item.rule: responses[item.rule] for item in items if item.kind == ALERT}

    return found


@pytest.mark.parametrize("line", TALK["ordinary"])
def test_ordinary_talk_is_no_serious_matter(line: str, hits: Callable) -> None:
    serious = {
        name for name, response in hits(line).items() if response > 1 and name.startswith(CLASSES)
    }
    assert not serious


@pytest.mark.parametrize("line", TALK["violations"])
def test_a_violation_in_other_words_is_found(line: str, hits: Callable) -> None:
    assert any(name.startswith(CLASSES) for name in hits(line))
