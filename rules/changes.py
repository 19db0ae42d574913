"""What becomes of a running job's open windows when one ruleset takes the place of another.

State of a correlation is kept under its name and its state version, which is made of all that
decides which messages it counts: its own file, and the files of the rules that it reads. Titles,
texts, levels, responses, lexicons, lists and filters do not change it: what has been counted stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.conditions import Node
from rules.model import CorrelationRule, RuleFile
from rules.ruleset import RuleSet

NEW, REMOVED, JUDGES, TEXT = "new", "removed", "judges_otherwise", "text"
WORDS, LEVEL = "words", "level"
KEPT, ANEW, DROPPED, NONE = "kept", "starts_anew", "dropped", "none"


class Change(NamedTuple):
    """One rule that is not as it was.

    Args:
        what: NEW, REMOVED, JUDGES (it judges otherwise, or a rule does that it reads), WORDS (its
            lexicons or exceptions do), LEVEL (level or response are others), or TEXT. Tests,
            comments and layout are no change.
        state: of its open windows: KEPT; ANEW: what was counted before is not added to what comes;
            DROPPED with the rule; NONE, for a rule about single messages.
        because: names of the rules it reads that judge otherwise.
    """

    rule: str
    what: str
    state: str
    because: tuple[str, ...] = ()


def changes(before: RuleSet, now: RuleSet) -> Iterator[Change]:
    """The alerting rules that are not as they were, by name."""
    old, new = _alerting(before), _alerting(now)
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield Change(name, NEW, NONE)
        elif name not in new:
            state = DROPPED if name in before.correlations else NONE
            yield Change(name, REMOVED, state)
        elif change := _changed(name, old[name], new[name], before, now):
            yield change


def _changed(
    name: str, old: RuleFile, new: RuleFile, before: RuleSet, now: RuleSet
) -> Change | None:
    first, second = before.correlations.get(name), now.correlations.get(name)
    if old.meaning != new.meaning:
        return Change(name, JUDGES, NONE if first is None or second is None else ANEW)
    if first and second and first.state_version != second.state_version:
        return Change(name, JUDGES, ANEW, tuple(_read_otherwise(second, before, now)))
    state = KEPT if second else NONE
    if _conditions(old, before) != _conditions(new, now):
        return Change(name, WORDS, state)
    was, will = old.main, new.main
    if was is None or will is None or was.ref.digest == will.ref.digest:
        return None  # tests, comments, or the layout
    graver = (was.ref.level, was.ref.response) != (will.ref.level, will.ref.response)
    return Change(name, LEVEL if graver else TEXT, state)


def _conditions(file: RuleFile, ruleset: RuleSet) -> list[Node]:
    """What its rules ask, with the words of lexicons and the exceptions of filters."""
    return [ruleset.detections[rule.ref.name].condition for rule in file.detections]


def _read_otherwise(rule: CorrelationRule, before: RuleSet, now: RuleSet) -> Iterator[str]:
    for name in rule.how.sources():
        old, new = before.file_of(name), now.file_of(name)
        if old is None or new is None or old.meaning != new.meaning:
            yield name
        elif name in now.correlations:
            yield from _read_otherwise(now.correlations[name], before, now)


def _alerting(ruleset: RuleSet) -> dict[str, RuleFile]:
    return {file.main.ref.name: file for file in ruleset.files if file.main}
