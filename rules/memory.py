"""How far back a rule remembers: which past of a group can still make a difference.

Read again from the middle of a stream, a group may be in another state than it was in. It is in the
same one after a silence that is longer than the rule remembers; and, where the state is a function
of what lies in the window, after the first event whose window holds nothing that was not read.
"""

from __future__ import annotations

from typing import NamedTuple

from rules.model import CorrelationRule
from rules.ruleset import Timeline
from rules.split import SPAN

PIECES = ""  # the name under which numbers in pieces are judged, whatever rules ask for them


class Memory(NamedTuple):
    """Of a rule. `silence`: ms after the last event of a group from which on it is a new one.
    `phase`: where windows, sessions or quiet times begin depends on where the one before began, so
    only a silence ends what is not known."""

    silence: int
    phase: bool


def memories(timeline: Timeline) -> dict[str, Memory]:
    """Name -> memory of every rule that judges more than one message; of rulesets that differ the
    longer one."""
    found = {PIECES: Memory(SPAN, phase=True)}
    for ruleset in timeline.rulesets:
        own = {name: memory_of(rule) for name, rule in ruleset.correlations.items()}
        for name, one in ruleset.detections.items():
            if one.suppress:
                own[name] = Memory(one.suppress.duration, phase=True)
        for name, memory in own.items():
            before = found.get(name, Memory(0, phase=False))
            found[name] = Memory(max(before.silence, memory.silence), before.phase or memory.phase)
    return found


def memory_of(rule: CorrelationRule) -> Memory:
    """The memory of a correlation, of what it reads itself; chains add up in `rules.edges`."""
    how = rule.how
    silence = how.span + how.gap
    if how.absence:
        silence += how.span  # a deadline, and what must not have come before its clock started
    if how.baseline:
        # a group may have been silent up to what is read, and is then known for too short a time
        silence = max(silence, 2 * (how.baseline.over + 3 * how.span))
    if rule.suppress:
        silence += rule.suppress.duration
    phase = how.absence or how.upper or how.window == "session" or rule.suppress is not None
    return Memory(silence, phase)
