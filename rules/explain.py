"""Why a detection rule fires on a message, or does not: its condition as a tree of results.

Nothing is cut short: every part is judged, also where the verdict stands already. What a leaf says
is asked of the leaf itself (`Node.holds`), so an explanation cannot differ from the matcher; what
surrounds the verdict (words that were seen and did not count, and why) is found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from rules.calendar import OfficeCalendar
from rules.compiled import variants_of
from rules.conditions import And, AtLeast, Node, Not, Or, Span, Until, View
from rules.explain_refused import Occurrence, refused
from rules.explain_words import Said, asked, saw
from rules.message import Message
from rules.model import DetectionRule
from rules.reference import Reference
from rules.ruleset import RuleSet

ALL, ANY, LEAST, NONE, LEAF = "all", "any", "least", "not", "leaf"
_NOTHING = Said("", "")


@dataclass(frozen=True)
class Part:
    """One node of a condition, judged.

    Args:
        kind: ALL, ANY, LEAST (so many: `least`), NONE (of its one part) or LEAF.
        held: does it hold?
        name: of the selection, "" where the part has none of its own.
        asked: what a leaf asks for.
        saw: what the message had: the folded text, or the value of the field.
        occurrences: what was found, also what did not count.
        parts: what it is made of, in the rule's order.
        elsewhere: the words stand in what the message quotes, which this leaf does not look at.
        original: the text that the occurrences stand in.
        least: how many of the parts have to hold (LEAST).
        exception: is it a filter, which takes alerts away where it does not hold?
        until: the last local day of an exception, as 2027-06-30; "" where it has none.
    """

    kind: str
    held: bool
    name: str = ""
    asked: Said = _NOTHING
    saw: str = ""
    occurrences: tuple[Occurrence, ...] = ()
    parts: tuple[Part, ...] = ()
    elsewhere: bool = False
    original: str = ""
    least: int = 0
    exception: bool = False
    until: str = ""

    def leaves(self) -> Iterator[Part]:
        """The leaves below, or itself."""
        if self.kind == LEAF:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class Verdict:
    """One rule and one message. `spans` are the hits an alert would show."""

    rule: DetectionRule
    message: Message
    part: Part
    spans: tuple[Span, ...]

    @property
    def held(self) -> bool:
        """Does the rule's condition hold?"""
        return self.part.held


@dataclass(frozen=True)
class Setting:
    """What rules can look at besides the message.

    `rules` are those whose hits `hit.response` may ask for.
    """

    calendar: OfficeCalendar
    reference: Reference = field(default_factory=Reference)
    rules: Mapping[str, DetectionRule] = field(default_factory=dict)

    @classmethod
    def of(cls, ruleset: RuleSet, calendar: OfficeCalendar) -> Setting:
        """As the matcher has it; `calendar` where the ruleset brings none."""
        return cls(ruleset.calendar or calendar, ruleset.reference, ruleset.detections)

    def view(self, message: Message) -> View:
        """A message to be judged."""
        return View(message, self.calendar, 0, self.reference)

    def after_others(self, message: Message) -> View:
        """A message to be judged by a rule that asks what others said of it."""
        view = self.view(message)
        held: list[tuple[DetectionRule, tuple[Span, ...]]] = []
        for rule in self.rules.values():
            view.spans = []
            if not rule.asks_hits and rule.condition.holds(view):
                held.append((rule, tuple(view.spans)))
        view.spans = []
        view.response = max((rule.ref.response for rule, _ in held), default=0)
        view.variants = variants_of(held)
        return view


class Selection(NamedTuple):
    """A part of a condition that has a name.

    `joined`: it was joined to the rule's condition as a whole (a scope, a filter), or is that
    condition; then `inside` are the names of its own parts. `exception`: it is a filter; `until` is
    its last day.
    """

    name: str
    node: Node
    joined: bool = False
    inside: tuple[Selection, ...] = ()
    exception: bool = False
    until: str = ""


Selections = Sequence[Selection]


def judge(
    rule: DetectionRule, message: Message, setting: Setting, selections: Selections = ()
) -> Verdict:
    """The verdict on one message. `selections` name parts of the condition, see
    `rules.explain_names`."""
    view = setting.after_others(message) if rule.asks_hits else setting.view(message)
    rule.condition.holds(view)
    spans = tuple(view.spans)
    return Verdict(rule, message, _whole(rule.condition, view, selections), spans)


def _whole(node: Node, view: View, selections: Selections) -> Part:
    """The condition in force: as written, then the scope and each filter beside it."""
    joined = [one for one in selections if one.joined]
    children = _beside(node, [one.node for one in joined])
    if not children:
        return explained(node, view, selections)
    parts = []
    for child in children:
        bare = child.child if isinstance(child, Until) else child
        known = next((one for one in joined if one.node == bare), Selection("", bare))
        part = replace(explained(child, view, known.inside), name=known.name)
        parts.append(replace(part, exception=known.exception, until=known.until))
        joined = [one for one in joined if one is not known]
    return Part(ALL, all(part.held for part in parts), parts=tuple(parts))


def _beside(node: Node, joined: Sequence[Node]) -> tuple[Node, ...]:
    """The parts that were joined one after the other; () when nothing was joined to `node`."""
    if not isinstance(node, And) or len(node.children) != 2:  # noqa: PLR2004 (a pair each time)
        return ()
    first, last = node.children
    inner = last.child if isinstance(last, Until) else last
    if inner not in joined or node in joined:
        return ()
    if first in joined:
        return (first, last)
    before = _beside(first, joined)
    return (*before, last) if before else ()


def explained(node: Node, view: View, selections: Selections = ()) -> Part:
    """The node and everything below it, judged."""
    name = next((one.name for one in selections if one.node == node), "")
    if isinstance(node, And | Or | AtLeast):
        parts = tuple(explained(child, view, selections) for child in node.children)
        held = sum(part.held for part in parts)
        if isinstance(node, And):
            return Part(ALL, held == len(parts), name, parts=parts)
        if isinstance(node, Or):
            return Part(ANY, held > 0, name, parts=parts)
        return Part(LEAST, held >= node.least, name, parts=parts, least=node.least)
    if isinstance(node, Not):
        part = explained(node.child, view, selections)
        return Part(NONE, not part.held, name, parts=(part,))
    if isinstance(node, Until):
        parts = (_over(node, view), explained(node.child, view, selections))
        return Part(ANY, any(part.held for part in parts), name, parts=parts)
    return _leaf(node, view, name)


def _over(node: Until, view: View) -> Part:
    """Is the exception over?"""
    end, now = _local(node.end, view), _local(view.message.time, view)
    said = Said(f"the time is {end} or later, when it is over", f"时间在 {end} 或之后，已经到期")
    return Part(LEAF, view.message.time >= node.end, "expires", said, now)


def _local(ms: int, view: View) -> str:
    """A moment (UTC ms) by the clock of the calendar."""
    day, since = view.calendar.zone.local(ms)
    minutes, seconds = divmod(since // 1000, 60)
    return f"{date.fromordinal(day)} {minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _leaf(node: Node, view: View, name: str) -> Part:
    view.spans = []
    held = node.holds(view)
    place = getattr(node, "field", "")
    counted = [_counted(view, span) for span in view.spans]
    others = [one for one in refused(node, view) if not _inside(one, counted)]
    elsewhere = False
    if not held and place == "text" and view.message.quoted:
        other: Any = replace(node, field="quoted")  # type: ignore[type-var]
        elsewhere = other.holds(View(view.message, view.calendar, 0, view.reference))
    found = sorted({*counted, *others}, key=lambda one: (one.start, one.end, one.refused))
    return Part(
        LEAF,
        held,
        name,
        asked(node),
        saw(node, view),
        tuple(found),
        elsewhere=elsewhere,
        original=str(view.message.field(place) or "") if found else "",
    )


def _counted(view: View, span: Span) -> Occurrence:
    text = str(view.message.field(span.field) or "")[span.start : span.end]
    return Occurrence(
        span.field, span.start, span.end, text, span.pattern, span.variant, span.confidence
    )


def _inside(one: Occurrence, counted: Iterable[Occurrence]) -> bool:
    """Is it a part of what counts? Then that it does not count by itself says nothing."""
    return any(other.start <= one.start and one.end <= other.end for other in counted)


def blamed(part: Part) -> list[Part]:
    """The smallest parts that decide the verdict: those that held, or those that did not."""
    if part.kind == LEAF:
        return [part]
    if part.kind == NONE:
        return blamed(part.parts[0])
    decisive = [one for one in part.parts if one.held == part.held]
    return [leaf for one in decisive for leaf in blamed(one)]
