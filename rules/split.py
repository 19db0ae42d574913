"""Numbers sent in pieces: 「138」, 「0013」, 「8000」 one after the other are one mobile number.

A message that begins or ends with digits is a fragment. The match stage lets fragments through when
some rule looks for a number (`SplitRules`); the keyed stage keeps those of one sender and one
conversation for `SPAN` ms of event time, joins them in event order whatever order they came in, and
judges the rules on the joined text (`Splits`). Only numbers that begin in the first message and end
in the last count, so what one message says by itself is never told twice. Messages without digits
may stand between. State is bounded by `MAX_KEPT` and gone a minute after the last fragment.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from rules.alert import Alert, Evidence
from rules.calendar import OfficeCalendar
from rules.conditions import And, Compare, Detected, Node, Not, Or, Span, View
from rules.findings import Findings
from rules.fold import DIGIT_FORMS, fold
from rules.held import PIECES
from rules.items import SPLIT, Item
from rules.message import Message
from rules.model import DetectionRule
from rules.ruleset import RuleSet, Timeline
from rules.variants_digits import CHINESE

SPAN = 60_000  # ms between the first and the last fragment; a window of exactly that still counts
MAX_TEXT = 40  # code points of a fragment; nobody hides a piece of a number in a long message
MAX_KEPT = 32  # fragments of one key
NUMBERS = frozenset({"bank_card", "cn_mobile", "cn_resident_id"})

_LONGEST = 18  # digits of one piece: a number of 19 has two
_TRIM = " \t\r\n\u00a0\u3000-_.,~*—–…、，。～·"  # may stand at the ends of a piece
_DIGITS = frozenset("0123456789xXｘＸ\ufe0f\u20e3" + CHINESE).union(DIGIT_FORMS)
_ENDS = _DIGITS.union(_TRIM)
_D = f"[0-9{CHINESE}]"
_head = re.compile(f"{_D}+").match
_tail = re.compile(f"{_D}+x?$").search
_whole = re.compile(f"{_D}(?:[ -]{{0,2}}{_D})*x?").fullmatch
_RULESETS = 4  # whose rules are kept at hand
_SHORTEST = 2  # digits at the end of a piece that has other text as well


class Fragment(NamedTuple):
    """What a text may be a piece of."""

    starts: bool  # with digits: may continue a number
    ends: bool  # with digits: a number may go on behind it
    whole: bool  # nothing else: both, and may stand in the middle


def fragments(texts: Iterable[str]) -> set[int]:
    """Which of the texts may be pieces of numbers. Asked of every message, so cheap where it is
    not."""
    return {
        at
        for at, text in enumerate(texts)
        if text
        and (text[-1] in _ENDS or text[0] in _ENDS)
        and len(text) <= MAX_TEXT
        and is_fragment(text)
    }


def is_fragment(text: str) -> bool:
    """May the text be a piece of a number?"""
    core = text.strip(_TRIM)
    return (
        bool(core)
        and len(text) <= MAX_TEXT
        and (core[-1] in _DIGITS or core[0] in _DIGITS)
        and fragment(core) is not None
    )


def fragment(text: str) -> Fragment | None:
    """How the text may be a piece of a number, None when it cannot."""
    flat = fold(text.strip(_TRIM)).text
    if _whole(flat):
        count = sum(char not in " -" for char in flat)
        return Fragment(True, True, True) if count <= _LONGEST else None
    head, tail = _head(flat), _tail(flat)
    starts = head is not None and _SHORTEST <= len(head[0]) <= _LONGEST
    ends = tail is not None and _SHORTEST <= len(tail[0]) <= _LONGEST
    return Fragment(starts, ends, False) if starts or ends else None


class SplitRules:
    """The rules of one ruleset that a number in pieces may concern."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset = ruleset
        self.rules = tuple(
            rule
            for rule in ruleset.detections.values()
            if not rule.signal and not rule.asks_hits and _seeks_number(rule.condition)
        )
        self._asked = [tuple(_asked(rule.condition)) for rule in self.rules]

    def concern(self, message: Message, calendar: OfficeCalendar) -> bool:
        """Does some rule ask for a message of such a sender, direction and type?"""
        view = self.view(message, calendar)
        return any(all(node.holds(view) for node in asked) for asked in self._asked)

    def view(self, message: Message, calendar: OfficeCalendar) -> View:
        """What conditions are asked about."""
        return View(message, self._ruleset.calendar or calendar, 0, self._ruleset.reference)


def _seeks_number(node: Node) -> bool:
    if isinstance(node, And | Or):
        return any(map(_seeks_number, node.children))
    return isinstance(node, Detected) and node.field == "text" and node.detector.name in NUMBERS


def _asked(node: Node) -> Iterator[Node]:
    """Conditions on fields other than words without which `node` cannot hold."""
    if isinstance(node, And):
        for child in node.children:
            yield from _asked(child)
    elif isinstance(node, Compare) or (isinstance(node, Not) and isinstance(node.child, Compare)):
        compare = node if isinstance(node, Compare) else node.child
        if isinstance(compare, Compare) and compare.field in ("direction", "sender_kind", "type"):
            yield node


class Joined(NamedTuple):
    """Texts of consecutive fragments as one, and where each lies in it."""

    text: str
    pieces: tuple[tuple[int, int, int], ...]  # start, end in `text`; start in the message's text

    def place(self, at: int) -> int:
        """Which piece holds text[at]."""
        return next(n for n, (_, end, _) in enumerate(self.pieces) if at < end)


def join(texts: Sequence[str]) -> Joined:
    """One text; what separates the pieces at their ends is left out."""
    pieces, whole = [], ""
    for text in texts:
        kept = text.strip(_TRIM)
        pieces.append((len(whole), len(whole) + len(kept), text.find(kept)))
        whole += kept
    return Joined(whole, tuple(pieces))


class Kept(msgspec.Struct, array_like=True):
    """What the key of a sender in a conversation remembers."""

    pending: list[Item]
    window: list[Item]
    used: int = 0  # how many of the window's first are parts of a number that was found


_HEAD = struct.Struct(">cq")  # PIECES, and when something is next to be done, as `rules.held`
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode
Finding = tuple[Alert, list[Evidence]]


class SplitStep(NamedTuple):
    """Result of one call; see `rules.behave.Step`. `late`: (rule, item) that came too late."""

    state: bytes | None
    found: list[Finding]
    timers: list[int]
    late: tuple[str, Item] | None = None


class Splits:
    """The keyed half."""

    def __init__(
        self,
        timeline: Timeline,
        findings: Findings,
        calendar: OfficeCalendar,
    ) -> None:
        self._timeline, self._findings, self._calendar = timeline, findings, calendar
        self._rules: dict[str, SplitRules] = {}

    def add(self, state: bytes | None, item: Item, watermark: int) -> SplitStep:
        """A fragment waits until the watermark has passed its time. One that comes behind the
        watermark is told as late when it would have completed a number, else left out."""
        kept = _decode(state[_HEAD.size :]) if state else Kept([], [])
        if item.time <= watermark:
            window = sorted([*kept.window[kept.used :], item], key=Item.order)
            for at in range(len(window)):
                for rule, members in self._judge(window, at):
                    if any(member.msgid == item.msgid for member in members):
                        return SplitStep(state, [], [], (rule.ref.name, item))
            return SplitStep(state, [], [])
        kept.pending.append(item)
        return SplitStep(_written(kept), [], [item.time])

    def advance(self, state: bytes, watermark: int) -> SplitStep:
        """Event time has reached `watermark`: join what waited, drop what is over."""
        kept = _decode(state[_HEAD.size :])
        ready = sorted((i for i in kept.pending if i.time <= watermark), key=Item.order)
        kept.pending = [item for item in kept.pending if item.time > watermark]
        found: list[Finding] = []
        for item in ready:
            if any(other.msgid == item.msgid for other in kept.window):
                continue  # the source repeated itself
            _drop(kept, item.time - SPAN)
            kept.window.append(item)
            free = kept.window[kept.used :]
            for rule, members in self._judge(free, len(free) - 1):
                kept.used = len(kept.window)
                found.append(
                    self._findings.build(
                        rule.ref,
                        rule.summary,
                        item.ruleset,
                        (),
                        members,
                        timespan=SPAN,
                        intercept=rule.intercept,
                    )
                )
        _drop(kept, watermark - SPAN)
        if not kept.window and not kept.pending:
            return SplitStep(None, found, [])
        return SplitStep(_written(kept), found, [_due(kept)])

    def _judge(
        self, window: Sequence[Item], last: int
    ) -> list[tuple[DetectionRule, tuple[Item, ...]]]:
        """Rules that hold for a number that ends in window[last], with its messages; the number of
        most pieces counts."""
        rules, decode = self._of(window[last]), self._findings.decode
        message = decode(window[last].raw)
        shape = fragment(message.text)
        if not rules.rules or shape is None or not shape.starts:
            return []
        texts = [message.text]
        best: list[tuple[DetectionRule, tuple[Item, ...]]] = []
        for first in reversed(range(last)):
            text = decode(window[first].raw).text
            shape = fragment(text)
            if shape is None or not shape.ends or window[last].time - window[first].time > SPAN:
                break
            texts.insert(0, text)
            joined = join(texts)
            whole = msgspec.structs.replace(message, text=joined.text)
            members = window[first : last + 1]
            held = [
                (rule, tuple(_with_spans(members, joined, spans)))
                for rule in rules.rules
                if (spans := _spans(rule, rules.view(whole, self._calendar), joined))
            ]
            best = held or best
            if not shape.whole or len(joined.text) > MAX_TEXT + _LONGEST:
                break
        return best

    def _of(self, item: Item) -> SplitRules:
        ruleset = self._timeline.of(item.ruleset, item.time)
        if ruleset.digest not in self._rules:
            while len(self._rules) >= _RULESETS:
                del self._rules[next(iter(self._rules))]
            self._rules[ruleset.digest] = SplitRules(ruleset)
        return self._rules[ruleset.digest]


def _spans(rule: DetectionRule, view: View, joined: Joined) -> tuple[Span, ...]:
    """Why the rule holds for the joined text, () unless a number runs from its first piece into
    its last."""
    if not rule.condition.holds(view):
        return ()
    through = [
        span for span in view.spans
        if span.field == "text" and span.pattern in NUMBERS
        and joined.place(span.start) == 0
        and joined.place(span.end - 1) == len(joined.pieces) - 1
    ]  # fmt: skip
    return tuple(view.spans) if through else ()


def _due(kept: Kept) -> int:
    times = [item.time for item in kept.pending]
    return min([*times, kept.window[-1].time + SPAN + 1] if kept.window else times)


def _written(kept: Kept) -> bytes:
    return _HEAD.pack(PIECES, _due(kept)) + _encode(kept)


def _drop(kept: Kept, oldest: int) -> None:
    """Forgets fragments from before `oldest`, and the oldest of too many."""
    gone = sum(item.time < oldest for item in kept.window)
    gone = max(gone, len(kept.window) - MAX_KEPT)
    del kept.window[:gone]
    kept.used = max(0, kept.used - gone)


def _with_spans(members: Sequence[Item], joined: Joined, spans: Iterable[Span]) -> Iterator[Item]:
    """Each message with the part of the spans that lies in it."""
    for (start, end, shift), item in zip(joined.pieces, members, strict=True):
        own = []
        for span in spans:
            if span.field != "text":
                continue
            first, last = max(span.start, start), min(span.end, end)
            if first < last:
                cut = (first, last) != (span.start, span.end)
                variant = tuple(sorted({*span.variant, SPLIT})) if cut else span.variant
                move = shift - start
                own.append(span._replace(start=first + move, end=last + move, variant=variant))
        yield msgspec.structs.replace(item, spans=tuple(own))
